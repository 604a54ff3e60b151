//! What look-ups found, for as long as it holds.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use super::{
    packet::Packet,
    resolver::{Outcome, Report, Wanted},
};
use crate::identity::Timestamp;

/// Remembered outcomes of look-ups. Bounded; what would end first goes first.
///
/// A packet is forgotten by both clocks, whichever comes first: the monotonic one stands still while
/// a laptop sleeps, and the wall clock may be set back.
#[derive(Debug)]
pub struct Cache {
    capacity: usize,
    entries: HashMap<Wanted, Entry>,
}

/// What the cache knows of somebody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cached {
    /// The newest packet of each key, as in [`Outcome::found`], and what each overlay said then.
    Found(Vec<Packet>, Vec<Report>),
    /// A look-up found nothing a moment ago; what each overlay said then.
    Nothing(Vec<Report>),
}

#[derive(Debug)]
struct Entry {
    packets: Vec<Packet>,
    reports: Vec<Report>,
    /// When it is looked up again if somebody uses it.
    refresh: Instant,
    until: Instant,
    expires: Timestamp,
    /// It led nowhere when it was used last.
    doubted: bool,
}

/// The last part of a packet's lifetime, in which who uses it looks again meanwhile. Whoever stays where he is
/// has signed twice since, and who has moved is noticed by those who cannot reach him.
const LAST_PART: u32 = 3;
/// The time between two look-ups of what is used all the while.
pub const REFRESH_AFTER: Duration = Duration::from_secs(600);
/// For how long a look-up without result is not repeated.
pub const NEGATIVE_LIFETIME: Duration = Duration::from_secs(30);

impl Cache {
    /// An empty cache for so many outcomes, at least one.
    pub fn new(capacity: usize) -> Cache {
        Cache { capacity: capacity.max(1), entries: HashMap::new() }
    }

    /// Remembers an outcome until the first of its packets expires; for half a minute if it has none
    /// or if a packet, by a clock that is off, has expired already.
    pub fn insert(&mut self, now: Instant, wall: Timestamp, wanted: Wanted, outcome: &Outcome) {
        let packets = outcome.found.clone();
        let shortly = wall.saturating_add(NEGATIVE_LIFETIME);
        let first = packets.iter().map(Packet::expires).min();
        let expires = first.unwrap_or(shortly).max(shortly);
        let longest = packets.iter().map(|p| p.registration().ttl).min().unwrap_or_default();
        let span = expires.since(wall).min(longest).max(NEGATIVE_LIFETIME);
        if !self.entries.contains_key(&wanted) && self.entries.len() >= self.capacity {
            self.forget_first_to_end();
        }
        let reports = outcome.reports.clone();
        let refresh = (now + span.saturating_sub(longest / LAST_PART)).max(now + REFRESH_AFTER);
        let until = now + span;
        let entry = Entry { packets, reports, refresh, until, expires, doubted: false };
        self.entries.insert(wanted, entry);
    }

    /// What is remembered of somebody and still holds.
    pub fn get(&mut self, now: Instant, wall: Timestamp, wanted: &Wanted) -> Option<Cached> {
        let entry = self.entries.get(wanted)?;
        if entry.until <= now || entry.expires <= wall {
            self.entries.remove(wanted);
            return None;
        }
        if entry.packets.is_empty() {
            return Some(Cached::Nothing(entry.reports.clone()));
        }
        Some(Cached::Found(entry.packets.clone(), entry.reports.clone()))
    }

    /// Whether what is remembered of somebody ends before long, and is to be looked up again while it is
    /// used. True once, and again after a while.
    pub fn take_refresh(&mut self, now: Instant, wanted: &Wanted) -> bool {
        let old = |entry: &&mut Entry| !entry.packets.is_empty() && now >= entry.refresh;
        let entry = self.entries.get_mut(wanted).filter(old);
        entry.map(|entry| entry.refresh = now + REFRESH_AFTER).is_some()
    }

    /// Doubts what is remembered of somebody: it did not lead to him. Until there is better, it is given all the same.
    pub fn doubt(&mut self, wanted: &Wanted) {
        if let Some(entry) = self.entries.get_mut(wanted) {
            entry.doubted = true;
        }
    }

    /// Whether that is so.
    pub fn is_doubted(&self, wanted: &Wanted) -> bool {
        self.entries.get(wanted).is_some_and(|entry| entry.doubted)
    }

    /// Forgets somebody.
    pub fn forget(&mut self, wanted: &Wanted) {
        self.entries.remove(wanted);
    }

    /// Forgets that look-ups found nothing: there is a new network.
    pub fn forget_failures(&mut self) {
        self.entries.retain(|_, entry| !entry.packets.is_empty());
    }

    /// How many outcomes are remembered.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// True if nothing is remembered.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    fn forget_first_to_end(&mut self) {
        let first = self.entries.iter().min_by_key(|(_, entry)| entry.until);
        if let Some(wanted) = first.map(|(wanted, _)| wanted.clone()) {
            self.entries.remove(&wanted);
        }
    }
}
