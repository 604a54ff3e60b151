//! When to publish: one identity's packets, put into several overlays.
//!
//! Sans-IO. Call `handle_*` with what happened, then [`Publisher::poll`] until it gives None, carry
//! out each [`Publication`] and report its end, and call again at [`Publisher::next_time`].
//!
//! A change of address is published at once the first time and after a short wait later, because
//! changes come in groups. An unchanged registration is signed anew ever less often, and for an ever longer
//! time if that is allowed: whoever stays where he is says so three times a day. Each overlay fails and
//! recovers by itself.

use std::{
    collections::HashSet,
    net::SocketAddr,
    time::{Duration, Instant},
};

use super::{
    error::EncodeError,
    jitter::Jitter,
    packet::{Packet, Registration},
    presence,
    rendezvous::Rendezvous,
    token_bucket::TokenBucket,
};
use crate::identity::{KeyPair, Name, Timestamp};

/// The part of a registration that changes while a program runs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Whereabouts {
    /// Addresses, best first. Those that no packet can carry are left out, and the last ones if
    /// there is no room.
    pub locators: Vec<SocketAddr>,
    /// Who introduces this identity, best first.
    pub rendezvous: Vec<Rendezvous>,
    /// Statements of authorities.
    pub certificates: Vec<Vec<u8>>,
}

/// One overlay shall store one packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Publication {
    /// Which overlay, in the order given to [`Publisher::new`].
    pub overlay: usize,
    /// What to store, under the slots of its key and its name.
    pub packet: Packet,
}

/// Decides what is published where and when.
#[derive(Debug)]
pub struct Publisher {
    name: Option<Name>,
    key: KeyPair,
    ttl: Duration,
    longest_ttl: Duration,
    last_sequence: Timestamp,
    jitter: Jitter,
    whereabouts: Option<Whereabouts>,
    packet: Option<Packet>,
    change_due: Option<Instant>,
    refresh_due: Option<Instant>,
    refresh_interval: Duration,
    renewals: TokenBucket,
    places: Vec<Place>,
    closing: bool,
    /// Whether packets will be sealed, which leaves less room.
    sealed: bool,
}

/// What is known of one overlay.
#[derive(Debug)]
struct Place {
    /// For how long it keeps a packet, if less than the packet's lifetime.
    keeps: Option<Duration>,
    due: Option<Instant>,
    in_flight: Option<InFlight>,
    stored: Option<Timestamp>,
    failures: u32,
    /// Something may lie there that has to be withdrawn.
    touched: bool,
}

#[derive(Debug)]
struct InFlight {
    sequence: Timestamp,
    deadline: Instant,
}

/// How long a change waits for others: a new network brings its addresses one after another.
const DEBOUNCE: Duration = Duration::from_secs(1);
/// The first interval between renewals, as in Koskela and Gurtov's measurements.
const FIRST_REFRESH: Duration = Duration::from_secs(600);
/// A lifetime that grows lasts for so many intervals: two renewals may fail.
const INTERVALS_PER_TTL: u32 = 3;
/// The shortest lifetime of a packet; stores keep none for less.
const MIN_TTL: Duration = Duration::from_secs(60);
/// The wait after a first failure; it doubles with each further one.
const FIRST_RETRY: Duration = Duration::from_secs(5);
/// The longest wait after a failure.
const LAST_RETRY: Duration = Duration::from_secs(600);
/// How many locators are worth more in a sealed packet than a certificate.
const MIN_LOCATORS: usize = 4;
/// When an overlay that has not answered counts as failed.
const ANSWER_WITHIN: Duration = Duration::from_secs(60);

impl Publisher {
    /// A publisher with nothing to say yet.
    ///
    /// `ttl` is taken in whole seconds, between a minute and [`Registration::MAX_TTL`].
    /// `last_sequence` is the highest sequence that this key ever signed. `keeps` has one entry per
    /// overlay: for how long it keeps a packet, if for less than the packet's lifetime. `seed` only
    /// spreads the load of many publishers over time.
    pub fn new(
        key: KeyPair,
        name: Option<Name>,
        ttl: Duration,
        last_sequence: Timestamp,
        keeps: &[Option<Duration>],
        seed: u64,
    ) -> Publisher {
        let ttl = ttl.clamp(MIN_TTL, Registration::MAX_TTL);
        Publisher {
            name,
            key,
            ttl: Duration::from_secs(ttl.as_secs()),
            longest_ttl: Duration::from_secs(ttl.as_secs()),
            last_sequence,
            jitter: Jitter::new(seed),
            whereabouts: None,
            packet: None,
            change_due: None,
            refresh_due: None,
            refresh_interval: FIRST_REFRESH,
            renewals: TokenBucket::default(),
            places: keeps.iter().map(|keeps| Place::new(*keeps)).collect(),
            closing: false,
            sealed: false,
        }
    }

    /// The same for packets that will be sealed to contacts: they have less room.
    pub fn sealed(self) -> Publisher {
        Publisher { sealed: true, ..self }
    }

    /// The same with packets that live for longer the longer nothing changes, up to `longest`.
    pub fn with_ttl_up_to(self, longest: Duration) -> Publisher {
        let longest = longest.clamp(self.ttl, Registration::MAX_TTL);
        Publisher { longest_ttl: Duration::from_secs(longest.as_secs()), ..self }
    }

    /// Takes note of where the identity is now. The same whereabouts again change nothing.
    ///
    /// # Errors
    /// When they fit no packet even without locators; what was said before stays.
    pub fn handle_change(
        &mut self,
        now: Instant,
        whereabouts: &Whereabouts,
    ) -> Result<(), EncodeError> {
        let whereabouts = self.fitting(whereabouts)?;
        if self.closing || self.whereabouts.as_ref() == Some(&whereabouts) {
            return Ok(());
        }
        let wait = if self.packet.is_none() { Duration::ZERO } else { DEBOUNCE };
        self.change_due.get_or_insert(now + wait);
        self.whereabouts = Some(whereabouts);
        Ok(())
    }

    /// Takes note that somebody wants it published anew, though nothing has changed.
    pub fn handle_wish(&mut self, now: Instant) {
        if !self.closing && self.packet.is_some() {
            self.change_due.get_or_insert(now);
        }
    }

    /// Takes note that what is published belongs in other places as well, though nothing in it has changed.
    pub fn handle_turn(&mut self, now: Instant) {
        if !self.closing && self.packet.is_some() {
            self.places.iter_mut().for_each(|place| place.due = Some(now));
        }
    }

    /// Takes note that every overlay may hold something that an earlier process has put there.
    pub fn assume_published(&mut self) {
        self.places.iter_mut().for_each(|place| place.touched = true);
    }

    /// Takes note that an overlay has stored a packet.
    pub fn handle_stored(&mut self, now: Instant, publication: &Publication) {
        if !self.answered(publication) {
            return;
        }
        let place = &mut self.places[publication.overlay];
        place.failures = 0;
        place.stored = Some(publication.packet.registration().sequence);
        if let (Some(keeps), false) = (place.keeps, self.closing) {
            let due = now + self.jitter.around(keeps);
            place.due.get_or_insert(due);
        }
    }

    /// Takes note that an overlay has not stored a packet. It is tried again later, after longer
    /// and longer waits.
    pub fn handle_failed(&mut self, now: Instant, publication: &Publication) {
        if self.answered(publication) {
            self.retry_later(now, publication.overlay);
        }
    }

    /// Begins to withdraw what was published, once from each overlay that may hold something; nothing
    /// else is published from now on.
    pub fn handle_shutdown(&mut self, now: Instant, wall: Timestamp) {
        if self.closing {
            return;
        }
        self.closing = true;
        self.change_due = None;
        self.refresh_due = None;
        self.packet = self.sign(wall, Duration::ZERO, &Whereabouts::default()).ok();
        for place in &mut self.places {
            place.due = place.touched.then_some(now);
        }
    }

    /// The next packet to store, if one is due.
    pub fn poll(&mut self, now: Instant, wall: Timestamp) -> Option<Publication> {
        self.give_up_waiting(now);
        self.renew_if_due(now, wall);
        let packet = self.packet.clone()?;
        let overlay = self.places.iter().position(|place| place.is_due(now))?;
        let place = &mut self.places[overlay];
        place.due = None;
        place.touched = true;
        place.in_flight = Some(InFlight {
            sequence: packet.registration().sequence,
            deadline: now + ANSWER_WITHIN,
        });
        Some(Publication { overlay, packet })
    }

    /// When [`Publisher::poll`] may have something again, if nothing happens before.
    pub fn next_time(&self) -> Option<Instant> {
        let change = self.change_due.map(|due| due.max(self.renewals.ready().unwrap_or(due)));
        let places = self.places.iter().filter_map(Place::next_time);
        places.chain(change).chain(self.refresh_due).min()
    }

    /// The highest sequence signed so far. It must survive a restart: readers refuse lower ones.
    pub fn last_sequence(&self) -> Timestamp {
        self.last_sequence
    }

    /// What is published now, or would be if an overlay took it.
    pub fn packet(&self) -> Option<&Packet> {
        self.packet.as_ref()
    }

    /// Whether an overlay holds the newest packet.
    pub fn is_stored(&self, overlay: usize) -> bool {
        let stored = self.places.get(overlay).and_then(|place| place.stored);
        stored.is_some() && stored == self.packet.as_ref().map(|p| p.registration().sequence)
    }

    /// Whether an overlay holds the newest packet, or has failed to take one.
    pub fn is_settled(&self, overlay: usize) -> bool {
        let has_failed = |place: &Place| place.failures > 0 && place.in_flight.is_none();
        self.is_stored(overlay) || self.places.get(overlay).is_some_and(has_failed)
    }

    /// True after a shutdown, once every overlay has answered or failed to.
    pub fn is_finished(&self) -> bool {
        self.closing && self.places.iter().all(|p| p.due.is_none() && p.in_flight.is_none())
    }

    /// Leaves out what no packet can carry, then what matters least until the rest fits.
    fn fitting(&self, whereabouts: &Whereabouts) -> Result<Whereabouts, EncodeError> {
        let mut seen = HashSet::new();
        let mut fitting = whereabouts.clone();
        fitting.locators.retain(|l| Registration::can_carry(*l) && seen.insert(*l));
        fitting.locators.truncate(Registration::MAX_LOCATORS);
        loop {
            let trial = self.registration(self.last_sequence, self.ttl, &fitting);
            match self.check_length(&trial) {
                Err(EncodeError::TooLong(_)) if self.leave_out(&mut fitting) => {}
                Err(error) => return Err(error),
                Ok(()) => return Ok(fitting),
            }
        }
    }

    fn check_length(&self, trial: &Registration) -> Result<(), EncodeError> {
        Packet::sign(trial, &self.key)?;
        let length = if self.sealed { presence::sealed_length(trial) } else { 0 };
        if length > Packet::MAX_LENGTH { Err(EncodeError::TooLong(length)) } else { Ok(()) }
    }

    /// Leaves out the last locator. Contacts know the key, so that certificates may go before the last
    /// addresses do; the word about the next key stands behind them. False if there is nothing to leave out.
    fn leave_out(&self, fitting: &mut Whereabouts) -> bool {
        if self.sealed && fitting.locators.len() <= MIN_LOCATORS && fitting.certificates.len() > 1 {
            fitting.certificates.remove(0);
            return true;
        }
        fitting.locators.pop().is_some()
    }

    fn renew_if_due(&mut self, now: Instant, wall: Timestamp) {
        let has_come = |due: Option<Instant>| due.is_some_and(|due| due <= now);
        let longest = (self.ttl / 2).max(self.longest_ttl / INTERVALS_PER_TTL);
        if has_come(self.change_due) && self.renewals.take(now) {
            self.refresh_interval = FIRST_REFRESH.min(longest);
        } else if has_come(self.refresh_due) || self.is_ending(wall) {
            self.refresh_interval = (self.refresh_interval * 2).min(longest);
        } else {
            return;
        }
        self.renew(now, wall);
    }

    /// Whether the packet ends before long although no renewal is due: the machine has slept, and the
    /// clock of the schedule with it.
    fn is_ending(&self, wall: Timestamp) -> bool {
        let packet = self.packet.as_ref().filter(|_| !self.closing);
        packet.is_some_and(|packet| packet.expires().since(wall) < self.ttl / 4)
    }

    fn renew(&mut self, now: Instant, wall: Timestamp) {
        self.change_due = None;
        self.refresh_due = Some(now + self.jitter.around(self.refresh_interval));
        let whereabouts = self.whereabouts.clone().unwrap_or_default();
        // it fitted when the change came, and nothing in it has grown since
        let ttl = self.refresh_interval * INTERVALS_PER_TTL;
        let ttl = Duration::from_secs(ttl.as_secs()).clamp(self.ttl, self.longest_ttl);
        let Ok(packet) = self.sign(wall, ttl, &whereabouts) else { return };
        self.packet = Some(packet);
        for place in &mut self.places {
            place.due = Some(now);
        }
    }

    /// Signs under a sequence that rises even if the clock stands still or goes back.
    fn sign(
        &mut self,
        wall: Timestamp,
        ttl: Duration,
        whereabouts: &Whereabouts,
    ) -> Result<Packet, EncodeError> {
        let sequence = wall.max(self.last_sequence.saturating_add(Duration::from_micros(1)));
        let packet = Packet::sign(&self.registration(sequence, ttl, whereabouts), &self.key)?;
        self.last_sequence = sequence;
        Ok(packet)
    }

    fn registration(
        &self,
        sequence: Timestamp,
        ttl: Duration,
        whereabouts: &Whereabouts,
    ) -> Registration {
        let Whereabouts { locators, rendezvous, certificates } = whereabouts.clone();
        Registration {
            name: self.name.clone(),
            key: self.key.public(),
            sequence,
            ttl,
            locators,
            rendezvous,
            certificates,
        }
    }

    /// Ends the wait for a publication; false if it was not, or no longer, waited for.
    fn answered(&mut self, publication: &Publication) -> bool {
        let Some(place) = self.places.get_mut(publication.overlay) else { return false };
        let sequence = publication.packet.registration().sequence;
        place.in_flight.take_if(|waiting| waiting.sequence == sequence).is_some()
    }

    fn give_up_waiting(&mut self, now: Instant) {
        for overlay in 0..self.places.len() {
            let in_flight = &mut self.places[overlay].in_flight;
            if in_flight.take_if(|waiting| waiting.deadline <= now).is_some() {
                self.retry_later(now, overlay);
            }
        }
    }

    fn retry_later(&mut self, now: Instant, overlay: usize) {
        let place = &mut self.places[overlay];
        if self.closing {
            return; // what is left ends by itself when its lifetime does
        }
        place.failures = place.failures.saturating_add(1);
        let doublings = (place.failures - 1).min(16);
        let wait = (FIRST_RETRY * (1 << doublings)).min(LAST_RETRY);
        let due = now + self.jitter.around(wait);
        place.due.get_or_insert(due);
    }
}

impl Place {
    fn new(keeps: Option<Duration>) -> Place {
        Place { keeps, due: None, in_flight: None, stored: None, failures: 0, touched: false }
    }

    fn is_due(&self, now: Instant) -> bool {
        self.in_flight.is_none() && self.due.is_some_and(|due| due <= now)
    }

    fn next_time(&self) -> Option<Instant> {
        match &self.in_flight {
            Some(waiting) => Some(waiting.deadline),
            None => self.due,
        }
    }
}
