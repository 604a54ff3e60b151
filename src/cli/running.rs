//! What `serve`, `expose` and `proxy` share: the first of them in a home is its daemon, the others join
//! it over the control socket. When the daemon ends before them, one of them takes its place.

use std::{net::SocketAddr, path::Path, time::Duration};

use async_signal::{Signal, Signals};
use futures_lite::{StreamExt, future};
use nanoserde::DeJson;

use super::{
    home,
    speak::{self, Failure, Outcome},
};
use crate::daemon::{
    ControlClient, ControlError, Daemon, DaemonOptions, Home, HomeLock, Offer, PutProxy,
    PutService, Registered, StartError, Status, notify,
};
use crate::identity::{AccessForm, Destination, Name, ServicePort};
use crate::overlay::OverlayAddress;
use crate::runtime::{block_on, clock};

/// What a command wants to keep up while it runs.
pub(super) enum Wish {
    /// Something served at a port.
    Service(ServicePort, Offer),
    /// The entrance for browsers.
    Proxy(Vec<SocketAddr>),
}

/// What the command line says about the daemon, if this process becomes it.
#[derive(Clone, Debug, Default)]
pub(super) struct Network {
    /// `--udp`, as often as given.
    pub(super) udp: Vec<SocketAddr>,
    /// `--overlay`, as often as given.
    pub(super) overlays: Vec<OverlayAddress>,
}

/// A registration is renewed three times in this time.
const TTL: Duration = Duration::from_secs(30);
/// How long a daemon that holds the lock may take until it answers.
const START_TIME: Duration = Duration::from_secs(10);
/// How often it is asked in that time.
const RETRY_TIME: Duration = Duration::from_millis(100);

/// Keeps the wish up until the person ends the command.
pub(super) fn run(given: Option<&Path>, network: &Network, wish: &Wish) -> Outcome {
    let home = home::prepare(given)?;
    block_on(async {
        let mut stop = Stop::new()?;
        let mut waiting = Duration::ZERO;
        loop {
            let end = match home.lock().map_err(home::unusable)? {
                Some(lock) => be_daemon(&home, lock, network, wish, &mut stop).await?,
                None => join(&home, network, wish, &mut stop).await?,
            };
            match end {
                End::Stopped => return Ok(()),
                End::Lost => {
                    speak::note("the daemon of this home has ended; taking its place");
                    waiting = Duration::ZERO;
                }
                // it holds the lock but does not listen: it is just starting, or ending
                End::NotYet if waiting < START_TIME => {
                    clock::sleep(RETRY_TIME).await;
                    waiting += RETRY_TIME;
                }
                End::NotYet => return Err(home_is_stuck(&home)),
            }
        }
    })
}

/// How keeping a wish up came to an end.
enum End {
    /// The person wants it to end.
    Stopped,
    /// The daemon joined went away.
    Lost,
    /// Another process has the home but does not answer.
    NotYet,
}

/// SIGINT or SIGTERM.
pub(super) struct Stop(Signals);

impl Stop {
    pub(super) fn new() -> Result<Stop, Failure> {
        Signals::new([Signal::Int, Signal::Term])
            .map(Stop)
            .map_err(|error| Failure::failed(format!("cannot wait for signals: {error}")))
    }

    pub(super) async fn wait(&mut self) {
        // the stream has no end; an error of it would be a reason to stop as well
        let _ = self.0.next().await;
    }
}

async fn be_daemon(
    home: &Home,
    lock: HomeLock,
    network: &Network,
    wish: &Wish,
    stop: &mut Stop,
) -> Result<End, Failure> {
    let config = home::config(home)?;
    let options = DaemonOptions {
        home: home.clone(),
        identity: home::identity(home)?,
        overlays: config.overlays(&network.overlays).map_err(Failure::usage)?,
        udp: config.udp(&network.udp),
    };
    let daemon = Daemon::start(options, lock).map_err(not_started)?;
    match wish {
        Wish::Service(port, offer) => {
            let registered =
                daemon.register(*port, offer.clone(), None, false).map_err(not_started)?;
            say_service(*port, &registered, &daemon.share_link())?;
        }
        Wish::Proxy(listen) => {
            say_proxy(&daemon.open_proxy(listen).map_err(not_started)?)?;
        }
    }
    notify::ready();
    stop.wait().await;
    notify::stopping();
    daemon.shutdown().await;
    Ok(End::Stopped)
}

async fn join(
    home: &Home,
    network: &Network,
    wish: &Wish,
    stop: &mut Stop,
) -> Result<End, Failure> {
    let client = ControlClient::new(home);
    let joined = match establish(&client, wish).await {
        Ok(joined) => joined,
        Err(ControlError::NoDaemon) => return Ok(End::NotYet),
        Err(error) => return Err(not_joined(error)),
    };
    if !network.udp.is_empty() || !network.overlays.is_empty() {
        speak::note("a daemon runs in this home already; it keeps its own --udp and --overlay");
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
                withdraw(&client, wish).await;
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
    /// The number of the lease, for a service.
    lease: Option<u64>,
    /// The daemon's process: another one knows nothing of the lease.
    process: u32,
}

/// Registers the wish with the daemon and says so.
async fn establish(client: &ControlClient, wish: &Wish) -> Result<Joined, ControlError> {
    let status: Status = client.get("/api/status").await?;
    let process = status.process;
    match wish {
        Wish::Service(port, offer) => {
            let body = put_service(offer);
            let answer = client.put(&service_path(*port), &body).await?;
            let registered = parse::<Registered>(&answer)?;
            // asked again: the name may have been made just now
            let status: Status = client.get("/api/status").await?;
            let _ = say_service(*port, &registered, &status.share_link);
            Ok(Joined { lease: Some(registered.lease), process })
        }
        Wish::Proxy(listen) => {
            let listen = listen.iter().map(ToString::to_string).collect();
            let answer = client.put("/api/proxy", &PutProxy { listen }).await?;
            let bound = parse::<PutProxy>(&answer)?.listen;
            let bound: Vec<SocketAddr> = bound.iter().filter_map(|a| a.parse().ok()).collect();
            let _ = say_proxy(&bound);
            Ok(Joined { lease: None, process })
        }
    }
}

fn put_service(offer: &Offer) -> PutService {
    let mut body =
        PutService { ttl: Some(TTL.as_secs()), replace: Some(false), ..PutService::default() };
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
    if let Wish::Service(port, _) = wish {
        let ttl = Some(TTL.as_secs());
        let body = PutService { ttl, lease: joined.lease, ..PutService::default() };
        client.put(&service_path(*port), &body).await?;
    }
    Ok(true)
}

async fn withdraw(client: &ControlClient, wish: &Wish) {
    let path = match wish {
        Wish::Service(port, _) => service_path(*port),
        Wish::Proxy(_) => "/api/proxy".to_owned(),
    };
    if let Err(error) = client.delete(&path).await {
        log::warn!("cannot withdraw: {error}");
    }
}

fn service_path(port: ServicePort) -> String {
    format!("/api/services/{port}")
}

fn parse<T: DeJson>(text: &str) -> Result<T, ControlError> {
    T::deserialize_json(text).map_err(|error| ControlError::Garbled(error.to_string()))
}

fn say_service(port: ServicePort, registered: &Registered, share_link: &str) -> Outcome {
    let Registered { name, target, fresh_name, .. } = registered;
    if *fresh_name {
        speak::note(format!(
            "made the identity {name}; p2p init NAME in an empty home chooses another"
        ));
    }
    speak::note(format!("serving {target} as {name}:{port}"));
    if let Ok(name) = Name::parse(name) {
        let destination = Destination { name, port };
        let url = destination.url(AccessForm::OwnOrigin, "localhost:5050", "/");
        speak::note(format!("friends with p2p proxy open  {url}"));
    }
    speak::note(format!("they know your key by        {share_link}"));
    speak::line(format!("ready name={name} port={port}"))
}

fn say_proxy(bound: &[SocketAddr]) -> Outcome {
    let addresses: Vec<String> = bound.iter().map(ToString::to_string).collect();
    if let Some(first) = bound.first() {
        speak::note(format!("open http://localhost:{}/ in a browser", first.port()));
    }
    speak::line(format!("ready proxy={}", addresses.join(",")))
}

fn not_started(error: StartError) -> Failure {
    let failure = Failure::failed(&error);
    match error.hint() {
        Some(hint) => failure.hint(hint),
        None => failure,
    }
}

fn not_joined(error: ControlError) -> Failure {
    let failure = Failure::failed(&error);
    match error {
        ControlError::Refused(..) => failure.hint("p2p status shows what the daemon serves"),
        _ => failure,
    }
}

fn home_is_stuck(home: &Home) -> Failure {
    let folder = home.folder().display();
    Failure::failed(format!("another process has {folder} but does not answer"))
        .hint("end it, or choose another directory with --home DIR")
}
