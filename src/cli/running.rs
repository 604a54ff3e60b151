//! What `serve`, `expose` and `proxy` share: the first of them in a home is its daemon, the others join
//! it over the control socket. When the daemon ends before them, one of them takes its place.

use std::{path::Path, time::Duration};

use super::{
    home, joining,
    ready::{note_silence, say_proxy, say_service},
    speak::{self, Failure, Outcome},
    stop::Stop,
    wish::{End, Network, Wish},
};
use crate::daemon::{Daemon, DaemonOptions, Home, HomeLock, StartError, notify};
use crate::runtime::{block_on, clock};

/// How long a daemon that holds the lock may take until it answers.
const START_TIME: Duration = Duration::from_secs(10);
/// How often it is asked in that time.
const RETRY_TIME: Duration = Duration::from_millis(100);

/// Keeps the wish up until the person ends the command.
pub(super) fn run(given: Option<&Path>, network: &Network, mut wish: Wish) -> Outcome {
    let home = home::prepare(given)?;
    block_on(async {
        let mut stop = Stop::new()?;
        let mut waiting = Duration::ZERO;
        loop {
            let end = match home.lock().map_err(home::unusable)? {
                Some(lock) => be_daemon(&home, lock, network, &wish, &mut stop).await?,
                None => joining::join(&home, network, &mut wish, &mut stop).await?,
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
        audience: config.audience(),
        udp: config.udp(&network.udp),
        rendezvous: config.rendezvous(&network.rendezvous),
        lending: config.lending(),
        stun: config.stun(),
        turn: config.turn(),
        port_mapping: config.port_mapping(),
        teredo: config.teredo(),
        first_use: config.first_use(),
        well_known: config.well_known(),
    };
    let daemon = Daemon::start(options, lock).map_err(not_started)?;
    match wish {
        Wish::Service(port, offer, access) => {
            let registered = daemon.register(*port, offer.clone(), None, false, access.clone());
            let registered = registered.map_err(not_started)?;
            daemon.published().await;
            say_service(*port, &registered, &daemon.share_link())?;
            note_silence(offer);
        }
        Wish::Proxy(listen) => {
            let (bound, _) = daemon.open_proxy(listen, None).map_err(not_started)?;
            say_proxy(&bound)?;
        }
    }
    notify::ready();
    stop.wait().await;
    notify::stopping();
    daemon.shutdown().await;
    Ok(End::Stopped)
}

fn not_started(error: StartError) -> Failure {
    let failure = Failure::failed(&error);
    match error.hint() {
        Some(hint) => failure.hint(hint),
        None => failure,
    }
}

fn home_is_stuck(home: &Home) -> Failure {
    let folder = home.folder().display();
    Failure::failed(format!("another process has {folder} but does not answer"))
        .hint("end it, or choose another directory with --home DIR")
}
