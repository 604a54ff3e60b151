//! Keeps this identity's registration where others look: carries out what the publisher decides.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use event_listener::{Event, EventListener};
use futures_lite::future;

use crate::identity::{KeyPair, Name, Slot, Timestamp};
use crate::overlay::{Overlay, OverlayError};
use crate::registration::{Packet, Publication, Publisher, Whereabouts};
use crate::runtime::{clock, random, spawn};

/// How long a registration counts without being renewed: long enough for a laptop to sleep over lunch,
/// short enough that a machine that vanished is not looked for all day.
const TTL: std::time::Duration = std::time::Duration::from_secs(2 * 3600);

/// Publishes one identity in all overlays.
pub(super) struct Publishing {
    publisher: Mutex<Publisher>,
    overlays: Vec<Arc<dyn Overlay>>,
    results: Mutex<Vec<Stored>>,
    changed: Event,
}

/// What an overlay said last.
#[derive(Clone, Debug, Default)]
pub(super) struct Stored {
    /// When it took a packet.
    pub at: Option<Timestamp>,
    /// Why it did not take the last one.
    pub error: Option<OverlayError>,
}

impl Publishing {
    /// Publishes `name` and key; the first packet is newer than `last_sequence`.
    pub(super) fn new(
        keys: KeyPair,
        name: Option<Name>,
        last_sequence: Timestamp,
        overlays: Vec<Arc<dyn Overlay>>,
    ) -> Arc<Publishing> {
        let keeps = vec![None; overlays.len()];
        let seed = random::number();
        let publisher = Publisher::new(keys, name, TTL, last_sequence, &keeps, seed);
        Arc::new(Publishing {
            publisher: Mutex::new(publisher),
            results: Mutex::new(vec![Stored::default(); overlays.len()]),
            overlays,
            changed: Event::new(),
        })
    }

    /// Works until a shutdown is complete. `whereabouts` is asked at each turn, and when what `moves` gives
    /// has ended, so that what has changed since is published.
    pub(super) async fn run(
        self: Arc<Self>,
        whereabouts: impl Fn() -> Whereabouts,
        moves: impl Fn() -> EventListener,
    ) {
        loop {
            let changed = future::or(self.changed.listen(), moves());
            let next = {
                let mut publisher = self.publisher();
                let now = clock::now();
                if let Err(error) = publisher.handle_change(now, &whereabouts()) {
                    log::warn!("cannot publish: {error}");
                }
                while let Some(publication) = publisher.poll(now, clock::wall()) {
                    spawn(self.clone().carry_out(publication)).detach();
                }
                if publisher.is_finished() {
                    return;
                }
                publisher.next_time()
            };
            future::or(changed, clock::sleep_until(next)).await;
        }
    }

    /// Publishes at once what has changed without telling.
    pub(super) fn look_again(&self) {
        self.changed.notify(usize::MAX);
    }

    /// Asks for what lies in the overlays to be taken away; [`Publishing::run`] ends when it is.
    pub(super) fn withdraw(&self) {
        self.publisher().handle_shutdown(clock::now(), clock::wall());
        self.changed.notify(usize::MAX);
    }

    /// Waits until every overlay holds the newest packet or has failed to take one.
    pub(super) async fn settled(&self) {
        loop {
            let changed = self.changed.listen();
            if (0..self.overlays.len()).all(|overlay| self.publisher().is_settled(overlay)) {
                return;
            }
            changed.await;
        }
    }

    /// What each overlay said last, in their order.
    pub(super) fn results(&self) -> Vec<Stored> {
        self.results.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The newest sequence signed; the next one must be above it.
    pub(super) fn last_sequence(&self) -> Timestamp {
        self.publisher().last_sequence()
    }

    async fn carry_out(self: Arc<Self>, publication: Publication) {
        let overlay = &self.overlays[publication.overlay];
        let result = store(overlay.as_ref(), &publication.packet).await;
        let now = clock::now();
        let mut stored = self.results()[publication.overlay].clone();
        match &result {
            Ok(()) => {
                self.publisher().handle_stored(now, &publication);
                stored = Stored { at: Some(clock::wall()), error: None };
            }
            Err(error) => {
                // said once, not at every retry
                if stored.error.as_ref() != Some(error) {
                    log::warn!("cannot publish in {}: {error}", overlay.address());
                }
                self.publisher().handle_failed(now, &publication);
                stored.error = Some(error.clone());
            }
        }
        let mut results = self.results.lock().unwrap_or_else(PoisonError::into_inner);
        results[publication.overlay] = stored;
        drop(results);
        self.changed.notify(usize::MAX);
    }

    fn publisher(&self) -> MutexGuard<'_, Publisher> {
        self.publisher.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Puts a packet where those look who know the key, and those who know the name; takes away what is there
/// if the packet is a withdrawal.
async fn store(overlay: &dyn Overlay, packet: &Packet) -> Result<(), OverlayError> {
    let registration = packet.registration();
    let by_key = Slot::of_key(&registration.key);
    let by_name = registration.name.as_ref().map(Slot::of_name);
    let place = async |slot: Slot| {
        if registration.ttl.is_zero() {
            overlay.remove(slot).await
        } else {
            overlay.put(slot, packet.as_bytes(), registration.ttl).await
        }
    };
    let by_name = async {
        match by_name {
            Some(slot) => place(slot).await,
            None => Ok(()),
        }
    };
    let (first, second) = future::zip(place(by_key), by_name).await;
    first.and(second)
}
