//! Keeps this identity's registration where others look: carries out what the publisher decides.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use event_listener::{Event, EventListener};
use futures_lite::future;

use crate::identity::{KeyPair, Name, Timestamp};
use crate::overlay::{Overlay, OverlayError};
use crate::registration::{Publication, Publisher, Whereabouts};
use crate::runtime::{clock, random, spawn};

/// How long a registration counts without being renewed when something has changed a while ago: long enough
/// for a laptop to sleep over lunch, short enough that a machine that vanished is not looked for all day.
const PACKET_LIFETIME: Duration = Duration::from_secs(2 * 3600);
/// The same for a machine that stays where it is.
pub(super) const LONGEST_PACKET_LIFETIME: Duration = Duration::from_secs(24 * 3600);

/// Publishes one identity in all overlays that can be written.
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
    /// How long its last answer took.
    pub latency: Option<Duration>,
    /// Why it did not take the last one.
    pub error: Option<OverlayError>,
}

impl Publishing {
    /// Publishes `name` and key; the first packet is newer than `last_sequence`.
    pub(super) fn new(
        keys: KeyPair,
        name: Option<Name>,
        last_sequence: Timestamp,
        mut overlays: Vec<Arc<dyn Overlay>>,
    ) -> Arc<Publishing> {
        overlays.retain(|overlay| overlay.abilities().put);
        let keeps: Vec<_> = overlays.iter().map(|overlay| overlay.abilities().renew).collect();
        let seed = random::number();
        let publisher = Publisher::new(keys, name, PACKET_LIFETIME, last_sequence, &keeps, seed)
            .with_ttl_up_to(LONGEST_PACKET_LIFETIME);
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
                let last = publisher.last_sequence();
                while let Some(publication) = publisher.poll(now, clock::wall()) {
                    spawn(self.clone().carry_out(publication)).detach();
                }
                if publisher.last_sequence() > last {
                    self.changed.notify(usize::MAX);
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

    /// Publishes anew, though nothing has changed, and waits for every overlay. This happens no more often
    /// than changes do, so it may take a while to begin.
    pub(super) async fn publish_again(&self) {
        let last = self.last_sequence();
        self.publisher().handle_wish(clock::now());
        self.changed.notify(usize::MAX);
        loop {
            let changed = self.changed.listen();
            if self.last_sequence() > last {
                return self.settled().await;
            }
            changed.await;
        }
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

    /// What an overlay said last; None if nothing is published there.
    pub(super) fn result(&self, address: &str) -> Option<Stored> {
        let overlay = self.overlays.iter().position(|overlay| overlay.address() == address)?;
        self.results().get(overlay).cloned()
    }

    fn results(&self) -> MutexGuard<'_, Vec<Stored>> {
        self.results.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The newest sequence signed; the next one must be above it.
    pub(super) fn last_sequence(&self) -> Timestamp {
        self.publisher().last_sequence()
    }

    async fn carry_out(self: Arc<Self>, publication: Publication) {
        let overlay = &self.overlays[publication.overlay];
        let started = clock::now();
        let result = overlay.publish(&publication.packet).await;
        let now = clock::now();
        let error = match result {
            Ok(()) => {
                self.publisher().handle_stored(now, &publication);
                None
            }
            Err(error) => {
                self.publisher().handle_failed(now, &publication);
                Some(error)
            }
        };
        {
            let stored = &mut self.results()[publication.overlay];
            // said once, not at every retry
            if let Some(error) = error.as_ref().filter(|error| stored.error.as_ref() != Some(error))
            {
                log::warn!("cannot publish in {}: {error}", overlay.address());
            }
            if error.is_none() {
                stored.at = Some(clock::wall());
            }
            stored.latency = Some(now - started);
            stored.error = error;
        }
        self.changed.notify(usize::MAX);
    }

    fn publisher(&self) -> MutexGuard<'_, Publisher> {
        self.publisher.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
