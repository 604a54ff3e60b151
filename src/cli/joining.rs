//! Joining the daemon of a home that another command has started: its wish is registered over the control
//! socket, renewed as long as the command runs, and withdrawn at its end.

use std::{net::SocketAddr, time::Duration};

use futures_lite::future;
use hyper::StatusCode;

use super::{
    ready::{note_silence, say_proxy, say_service},
    speak::{self, Failure},
    stop::Stop,
    wish::{End, Network, Wish},
};
use crate::daemon::{
    AccessWish, ControlClient, ControlError, Home, Offer, PutProxy, PutService, Registered, Status,
    notify,
};
use crate::identity::ServicePort;
use crate::runtime::clock;

/// A registration is renewed three times in this time.
const TTL: Duration = Duration::from_secs(30);

/// Registers the wish and keeps it up until the person or the daemon ends.
pub(super) async fn join(
    home: &Home,
    network: &Network,
    wish: &mut Wish,
    stop: &mut Stop,
) -> Result<End, Failure> {
    let client = ControlClient::new(home);
    let joined = match establish(&client, wish).await {
        Ok(joined) => {
            notify::ready();
            wish.fulfilled();
            joined
        }
        Err(ControlError::NoDaemon) => return Ok(End::NotYet),
        Err(error) => return Err(not_joined(error)),
    };
    if *network != Network::default() {
        speak::note(
            "a daemon runs in this home already; it keeps its own --udp, --overlay and --rendezvous",
        );
    }
    let mut freed = Box::pin(async {
        match home.freed().await {
            Ok(()) => {}
            Err(_) => future::pending().await, // renewing will tell
        }
    });
    loop {
        let tick = async {
            clock::sleep(TTL / 3).await;
            Turn::Renew
        };
        let ended = async {
            freed.as_mut().await;
            Turn::Ended
        };
        let stopped = async {
            stop.wait().await;
            Turn::Stop
        };
        match future::or(stopped, future::or(ended, tick)).await {
            Turn::Stop => {
                notify::stopping();
                withdraw(&client, wish, &joined).await;
                return Ok(End::Stopped);
            }
            Turn::Ended => return Ok(End::Lost),
            Turn::Renew => {}
        }
        match renew(&client, wish, &joined).await {
            Ok(true) => {}
            Ok(false) | Err(ControlError::NoDaemon | ControlError::Broken(_)) => {
                return Ok(End::Lost);
            }
            Err(error) => return Err(not_joined(error)),
        }
    }
}

/// What a command that has joined wakes up for.
enum Turn {
    Renew,
    Ended,
    Stop,
}

/// What a command that has joined must remember of the daemon.
struct Joined {
    /// The number of the service's lease, or of the hold on the entrance.
    number: u64,
    /// The daemon's process: another one knows nothing of that number.
    process: u32,
}

/// Registers the wish with the daemon and says so.
async fn establish(client: &ControlClient, wish: &Wish) -> Result<Joined, ControlError> {
    let status: Status = client.get("/api/status").await?;
    let process = status.process;
    match wish {
        Wish::Service(port, offer, wish) => {
            let body = put_service(offer, wish);
            let registered: Registered = client.put(&service_path(*port), &body).await?;
            // asked again: the name may have been made just now
            let status: Status = client.get("/api/status").await?;
            let _ = say_service(*port, &registered, &status.share_link);
            note_silence(offer);
            Ok(Joined { number: registered.lease, process })
        }
        Wish::Proxy(wanted) => {
            let listen = wanted.iter().map(ToString::to_string).collect();
            let body = PutProxy { listen, ttl: Some(TTL.as_secs()), hold: None };
            let answer: PutProxy = client.put("/api/proxy", &body).await?;
            let bound = answer.listen.iter().filter_map(|address| address.parse().ok());
            let bound: Vec<SocketAddr> = bound.collect();
            if !wanted.iter().any(|address| address.port() == 0 || bound.contains(address)) {
                speak::note(
                    "browsers have an entrance to this home already; it keeps its own --listen",
                );
            }
            let _ = say_proxy(&bound);
            Ok(Joined { number: answer.hold.unwrap_or_default(), process })
        }
    }
}

fn put_service(offer: &Offer, wish: &AccessWish) -> PutService {
    let (access, again) = match wish {
        AccessWish::Said(access) => (access, false),
        AccessWish::Kept(access) => (access, true),
    };
    let mut body = PutService {
        allow: Some(access.list.to_string()),
        cross_site: Some(access.cross_site),
        again: Some(again),
        ttl: Some(TTL.as_secs()),
        replace: Some(false),
        ..PutService::default()
    };
    match offer {
        Offer::Application(upstream) => body.url = Some(upstream.to_string()),
        Offer::Folder(folder) => body.folder = Some(folder.to_string_lossy().into_owned()),
    }
    body
}

/// Renews what was registered; false where another daemon has come that has to be joined anew.
async fn renew(client: &ControlClient, wish: &Wish, joined: &Joined) -> Result<bool, ControlError> {
    let status: Status = client.get("/api/status").await?;
    if status.process != joined.process {
        return Ok(false);
    }
    let (ttl, number) = (Some(TTL.as_secs()), Some(joined.number));
    match wish {
        Wish::Service(port, ..) => {
            let body = PutService { ttl, lease: number, ..PutService::default() };
            client.renew(&service_path(*port), &body).await?;
        }
        Wish::Proxy(_) => {
            let body = PutProxy { ttl, hold: number, ..PutProxy::default() };
            client.renew("/api/proxy", &body).await?;
        }
    }
    Ok(true)
}

async fn withdraw(client: &ControlClient, wish: &Wish, joined: &Joined) {
    let path = match wish {
        Wish::Service(port, ..) => format!("{}?lease={}", service_path(*port), joined.number),
        Wish::Proxy(_) => format!("/api/proxy/{}", joined.number),
    };
    if let Err(error) = client.delete(&path).await {
        log::warn!("cannot withdraw: {error}");
    }
}

fn service_path(port: ServicePort) -> String {
    format!("/api/services/{port}")
}

fn not_joined(error: ControlError) -> Failure {
    let failure = Failure::failed(&error);
    match error {
        ControlError::Refused(StatusCode::CONFLICT, _) => {
            failure.hint("p2p status shows what the daemon serves")
        }
        _ => failure,
    }
}
