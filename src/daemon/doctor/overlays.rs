//! Whether overlays answer, asked by whoever uses them: a running daemon examines its own, which may have been named
//! on its command line, passwords included.

use std::{sync::Arc, time::Duration};

use super::Check;
use crate::daemon::Daemon;
use crate::identity::{KeyPair, Name, Seed};
use crate::overlay::Overlay;
use crate::registration::Wanted;
use crate::runtime::{Task, clock, random, spawn};

/// No overlay needs longer, if it answers at all; the control interface waits for ten seconds.
const OVERLAY_TIME: Duration = Duration::from_secs(8);

impl Daemon {
    /// Examines the overlays in use.
    pub(in crate::daemon) async fn examine_overlays(&self) -> Vec<Check> {
        examine(&self.overlays).await
    }
}

/// Examines overlays, all at once.
pub(super) async fn examine(overlays: &[Arc<dyn Overlay>]) -> Vec<Check> {
    let answers: Vec<Task<Check>> =
        overlays.iter().map(|overlay| spawn(overlay_check(overlay.clone()))).collect();
    let mut checks = Vec::new();
    for answer in answers {
        checks.push(answer.await);
    }
    checks
}

/// Whether an overlay answers; what it says about nobody is nothing.
async fn overlay_check(overlay: Arc<dyn Overlay>) -> Check {
    const NAME: &str = "overlay";
    let (address, started) = (overlay.address().to_owned(), clock::now());
    let nobody = KeyPair::from_seed(&Seed::new(random::bytes())).public();
    let asked = async {
        match overlay.abilities().addresses {
            true => overlay.locate(&Name::for_host("nobody", "nowhere", &nobody)).await.map(drop),
            false => overlay.find(&Wanted::Key(nobody)).await.map(drop),
        }
    };
    let answer = clock::timeout(OVERLAY_TIME, asked).await;
    let ms = (clock::now() - started).as_millis();
    let advice = match address.contains(':') {
        true => "check the address, or ask who runs it",
        false => "it has to be let through by firewalls: UDP to any address",
    };
    match answer {
        Some(Ok(_)) if overlay.abilities().remote => {
            Check::fine(NAME, format!("{address} answers after {ms} ms"))
        }
        Some(Ok(_)) => Check::fine(NAME, format!("{address} can be asked")),
        Some(Err(error)) => Check::wrong(NAME, format!("{address}: {error}")).advise(advice),
        None => Check::wrong(NAME, format!("{address} does not answer")).advise(advice),
    }
}
