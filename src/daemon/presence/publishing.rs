//! Keeps this identity's registration where others look: carries out what the publisher decides.

use std::{
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use event_listener::{Event, EventListener};
use futures_lite::future;

use super::sealing::{Readership, Sealing, Turn};
use crate::daemon::books::ContactBook;
use crate::daemon::home::LONGEST_PACKET_LIFETIME;
use crate::identity::{KeyPair, Name, PublicKey, Timestamp};
use crate::overlay::{Overlay, OverlayError};
use crate::registration::presence::BLUR;
use crate::registration::{Packet, Publication, Publisher, Whereabouts};
use crate::runtime::{clock, lock, random, spawn};

/// How long a registration counts without being renewed when something has changed a while ago: long enough
/// for a laptop to sleep over lunch, short enough that a machine that vanished is not looked for all day.
const PACKET_LIFETIME: Duration = Duration::from_secs(2 * 3600);

/// How often the contact book and the day are looked at where they matter.
const LOOK_INTERVAL: Duration = Duration::from_secs(5);

/// Publishes one identity in all overlays that can be written.
pub(in crate::daemon) struct Publishing {
    publisher: Mutex<Publisher>,
    overlays: Vec<Arc<dyn Overlay>>,
    /// None where everybody may read.
    sealing: Option<Sealing>,
    results: Mutex<Vec<Stored>>,
    changed: Event,
}

/// What an overlay said last.
#[derive(Clone, Debug, Default)]
pub(in crate::daemon) struct Stored {
    /// When it took a packet.
    pub at: Option<Timestamp>,
    /// How long its last answer took.
    pub latency: Option<Duration>,
    /// Why it did not take the last one.
    pub error: Option<OverlayError>,
}

impl Publishing {
    /// Publishes `name` and key; the first packet is newer than `last_sequence`.
    pub(in crate::daemon) fn new(
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
        Publishing::with(publisher, overlays, None)
    }

    /// The same for contacts only: those in `book` at any time.
    pub(in crate::daemon) fn sealed(
        keys: KeyPair,
        name: Option<Name>,
        last_sequence: Timestamp,
        mut overlays: Vec<Arc<dyn Overlay>>,
        book: ContactBook,
    ) -> Arc<Publishing> {
        overlays.retain(|overlay| overlay.abilities().put && overlay.abilities().sealed);
        let keeps: Vec<_> = overlays.iter().map(|overlay| overlay.abilities().renew).collect();
        let seed = random::number();
        let sealing = Sealing::new(keys.clone(), book, overlays.len());
        let publisher = Publisher::new(keys, name, PACKET_LIFETIME, last_sequence, &keeps, seed)
            .with_ttl_up_to(LONGEST_PACKET_LIFETIME)
            .sealed();
        Publishing::with(publisher, overlays, Some(sealing))
    }

    /// Takes back from all overlays what an earlier process has published for everybody, under the sequence
    /// `gone`; [`Publishing::run`] ends when that is done or has failed.
    pub(in crate::daemon) fn withdrawing(
        keys: KeyPair,
        name: Option<Name>,
        gone: Timestamp,
        overlays: Vec<Arc<dyn Overlay>>,
    ) -> Arc<Publishing> {
        let before = gone.saturating_sub(Duration::from_micros(1));
        let publishing = Publishing::new(keys, name, before, overlays);
        {
            let mut publisher = publishing.publisher();
            publisher.assume_published();
            publisher.handle_shutdown(clock::now(), gone);
        }
        publishing
    }

    fn with(
        publisher: Publisher,
        overlays: Vec<Arc<dyn Overlay>>,
        sealing: Option<Sealing>,
    ) -> Arc<Publishing> {
        Arc::new(Publishing {
            publisher: Mutex::new(publisher),
            results: Mutex::new(vec![Stored::default(); overlays.len()]),
            overlays,
            sealing,
            changed: Event::new(),
        })
    }

    /// Works until a shutdown is complete. `whereabouts` is asked at each turn, and when what `moves` gives
    /// has ended, so that what has changed since is published. `introduce` gets each packet that those may have who
    /// find this host by an announced address.
    pub(in crate::daemon) async fn run(
        self: Arc<Self>,
        whereabouts: impl Fn() -> Whereabouts,
        moves: impl Fn() -> EventListener,
        introduce: impl Fn(&Packet),
    ) {
        // a sealed presence tells nobody by name who is here, whatever its overlays could do
        let announces = self.sealing.is_none()
            && self.overlays.iter().any(|overlay| overlay.abilities().addresses);
        loop {
            let changed = future::or(self.changed.listen(), moves());
            let turn = self.sealing.as_ref().map(Sealing::look);
            let next = {
                let mut publisher = self.publisher();
                let now = clock::now();
                match turn {
                    Some(Turn::Readers) => publisher.handle_wish(now),
                    Some(Turn::Day) => publisher.handle_turn(now),
                    Some(Turn::Still) | None => {}
                }
                if let Err(error) = publisher.handle_change(now, &whereabouts()) {
                    log::warn!("cannot publish: {error}");
                }
                let last = publisher.last_sequence();
                while let Some(publication) = publisher.poll(now, clock::wall()) {
                    if announces {
                        introduce(&publication.packet);
                    }
                    spawn(self.clone().carry_out(publication)).detach();
                }
                if publisher.last_sequence() > last {
                    self.changed.notify(usize::MAX);
                }
                if publisher.is_finished() {
                    return;
                }
                let look = self.sealing.as_ref().map(|_| now + LOOK_INTERVAL);
                publisher.next_time().into_iter().chain(look).min()
            };
            future::or(changed, clock::sleep_until(next)).await;
        }
    }

    /// Publishes at once what has changed without telling.
    pub(in crate::daemon) fn look_again(&self) {
        self.changed.notify(usize::MAX);
    }

    /// Asks for what lies in the overlays to be taken away; [`Publishing::run`] ends when it is.
    pub(in crate::daemon) fn withdraw(&self) {
        self.publisher().handle_shutdown(clock::now(), clock::wall());
        self.changed.notify(usize::MAX);
    }

    /// Publishes anew, though nothing has changed, and waits for every overlay. This happens no more often
    /// than changes do, so it may take a while to begin.
    pub(in crate::daemon) async fn publish_again(&self) {
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
    pub(in crate::daemon) async fn settled(&self) {
        loop {
            let changed = self.changed.listen();
            if (0..self.overlays.len()).all(|overlay| self.publisher().is_settled(overlay)) {
                return;
            }
            changed.await;
        }
    }

    /// What an overlay said last; None if nothing is published there.
    pub(in crate::daemon) fn result(&self, address: &str) -> Option<Stored> {
        let overlay = self.overlays.iter().position(|overlay| overlay.address() == address)?;
        self.results().get(overlay).cloned()
    }

    fn results(&self) -> MutexGuard<'_, Vec<Stored>> {
        lock(&self.results)
    }

    /// Whether no overlay has failed to do what it was asked last.
    pub(in crate::daemon) fn has_succeeded(&self) -> bool {
        self.results().iter().all(|stored| stored.error.is_none())
    }

    /// The newest sequence signed; the next one must be above it.
    pub(in crate::daemon) fn last_sequence(&self) -> Timestamp {
        let blur = self.sealing.as_ref().map(|_| BLUR).unwrap_or_default();
        self.publisher().last_sequence().saturating_add(blur)
    }

    /// Who finds this identity, if not everybody.
    pub(in crate::daemon) fn readership(&self) -> Option<Readership> {
        self.sealing.as_ref().map(Sealing::readership)
    }

    /// The keys for which contacts leave calls, where these must not be left for the key of this identity.
    pub(in crate::daemon) fn presences(&self) -> Option<Vec<PublicKey>> {
        self.sealing.as_ref().map(Sealing::presences)
    }

    /// Ends when something has been published, or cannot be.
    pub(in crate::daemon) fn changed(&self) -> EventListener {
        self.changed.listen()
    }

    async fn carry_out(self: Arc<Self>, publication: Publication) {
        let overlay = &self.overlays[publication.overlay];
        let started = clock::now();
        let result = match &self.sealing {
            None => overlay.publish(&publication.packet).await,
            Some(sealing) => sealing.write(publication.overlay, overlay, &publication.packet).await,
        };
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
        lock(&self.publisher)
    }
}
