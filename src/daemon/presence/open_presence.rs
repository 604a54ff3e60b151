//! What may still lie in overlays in the open, when this identity is to be found by contacts only: a note in
//! the home, the file `published`, tells even after a crash, and what is there is taken back.

use std::{fs, path::PathBuf, sync::Arc, time::Duration};

use event_listener::Event;

use super::publishing::Publishing;
use crate::daemon::home::Home;
use crate::identity::{KeyPair, Name, Timestamp};
use crate::overlay::Overlay;
use crate::registration::Whereabouts;
use crate::runtime::file::{self, Access};
use crate::runtime::{clock, plain};

/// The note of a home.
#[derive(Clone, Debug)]
pub(in crate::daemon) struct OpenPresence {
    path: PathBuf,
}

/// When it is tried again to take back what an overlay did not give back; twice as long after each failure.
const FIRST_PAUSE: Duration = Duration::from_secs(60);
/// The longest.
const LAST_PAUSE: Duration = Duration::from_secs(3600);

impl OpenPresence {
    /// The note, which need not be there.
    pub(in crate::daemon) fn new(home: &Home) -> OpenPresence {
        OpenPresence { path: home.path("published") }
    }

    /// Whether something may lie in the open.
    pub(in crate::daemon) fn may_exist(&self) -> bool {
        self.path.exists()
    }

    /// Notes that something will.
    pub(in crate::daemon) fn note(&self) {
        if self.may_exist() {
            return;
        }
        if let Err(error) = file::replace(&self.path, b"public\n", Access::Private) {
            log::warn!("cannot write {}: {}", self.path.display(), plain(&error));
        }
    }

    /// Notes that nothing does.
    pub(in crate::daemon) fn clear(&self) {
        let _ = fs::remove_file(&self.path); // at worst it is taken back once more
    }

    /// Takes back what lies in the open, until every overlay has given it back. The withdrawal has the sequence
    /// `gone`; what is published for contacts must have higher ones.
    pub(in crate::daemon) async fn take_back(
        self,
        keys: KeyPair,
        name: Option<Name>,
        gone: Timestamp,
        overlays: Vec<Arc<dyn Overlay>>,
    ) {
        log::info!("taking back what was published for everybody");
        let nothing_moves = Event::new();
        let mut pause = FIRST_PAUSE;
        loop {
            let withdrawing =
                Publishing::withdrawing(keys.clone(), name.clone(), gone, overlays.clone());
            withdrawing.clone().run(Whereabouts::default, || nothing_moves.listen(), |_| {}).await;
            if withdrawing.has_succeeded() {
                self.clear();
                return;
            }
            clock::sleep(pause).await;
            pause = (2 * pause).min(LAST_PAUSE);
        }
    }
}
