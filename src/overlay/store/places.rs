//! What a store holds: a bounded table of places, each one writer's packet in one slot.
//!
//! Pure state. Time is seconds since 1970, given by the caller; durability is the journal's business.
//! Every change can be undone, because it is made before it is known to be on disk.
//!
//! The table is a B-tree over (slot, writer): the writers of a slot are neighbours, a sweep goes on where
//! the last one stopped, and no choice of keys makes it slow. A place costs 179 octets beside its
//! packet, as `cargo bench --bench store` tells: a million places with packets of 170 octets take 349 MB.

use std::{
    collections::BTreeMap,
    num::NonZero,
    ops::Bound::{Excluded, Included, Unbounded},
};

use ring::digest::{SHA256, digest};

use crate::identity::{PublicKey, Slot, Timestamp};
use crate::overlay::MAX_CANDIDATES;

/// What a place costs beside its packet, in octets and rounded up, for [`Capacity::octets`].
const OVERHEAD: usize = 180;
/// How many places are looked at for expiry with every put.
const SWEEP_STEP: usize = 8;
/// How many when the store is full.
const FULL_SWEEP_STEP: usize = 4096;
/// One client network may fill this part of all places, so that whoever floods the store leaves room.
const SHARE: usize = 32;
/// But always so many.
const MIN_SHARE: usize = 4096;

/// Seconds since 1970.
pub(super) type Seconds = u32;

/// The second of an instant.
pub(super) fn seconds(wall: Timestamp) -> Seconds {
    Seconds::try_from(wall.as_secs()).unwrap_or(Seconds::MAX)
}

/// How much a store may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capacity {
    /// Places at most; a slot has one for each of its writers.
    pub places: usize,
    /// Octets of memory for all places at most, about.
    pub octets: usize,
}

impl Default for Capacity {
    /// A million places, 512 MiB.
    fn default() -> Capacity {
        Capacity { places: 1_000_000, octets: 512 << 20 }
    }
}

/// Who may change a place: 128 bits of the SHA-256 of a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Writer(pub(super) [u8; 16]);

impl Writer {
    /// Who knows `secret`.
    pub(super) fn of(secret: &[u8]) -> Writer {
        Writer(short_hash(secret))
    }

    /// The first of all.
    const MIN: Writer = Writer([0; 16]);
    /// The last of all.
    const MAX: Writer = Writer([0xff; 16]);
}

/// Who signed a packet: 128 bits of the SHA-256 of the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Author(pub(super) [u8; 16]);

impl Author {
    /// The owner of `key`.
    pub(super) fn of(key: &PublicKey) -> Author {
        Author(short_hash(key.as_bytes()))
    }
}

fn short_hash(octets: &[u8]) -> [u8; 16] {
    let mut short = [0; 16];
    short.copy_from_slice(&digest(&SHA256, octets).as_ref()[..16]);
    short
}

/// From where a place was filled: one of [`Network::COUNT`] groups of client networks, into which chance puts
/// them anew with each start of the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Network(u16);

impl Network {
    /// How many groups there are.
    pub(super) const COUNT: NonZero<usize> = NonZero::new(8192).expect("8192 is not 0");
    /// Before the last start.
    pub(super) const UNKNOWN: Network = Network(0);

    /// The group with this number, counted from 0.
    pub(super) fn of(group: usize) -> Network {
        Network((group % Network::COUNT) as u16 + 1)
    }
}

/// Which place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct PlaceKey {
    pub(super) slot: Slot,
    pub(super) writer: Writer,
}

/// What lies in a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) author: Author,
    /// The first second in which the place is free again.
    pub(super) expires: Seconds,
    /// The packet's sequence.
    pub(super) sequence: u64,
    pub(super) network: Network,
    pub(super) packet: Box<[u8]>,
}

/// Why a packet gets no place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// Its signer has a newer packet in the slot.
    Outdated,
    /// All places of the slot are taken by other signers.
    SlotFull,
    /// The store is full.
    StoreFull,
    /// The client's network has filled its share of the store.
    ShareFull,
    /// There is nothing to remove.
    NotFound,
    /// The disk takes too long; whether the change counts will be seen.
    Busy,
}

/// What a put or removal did, for the journal and for [`Places::undo`].
#[derive(Debug)]
pub(super) struct Change {
    /// The place that was filled, and what was there before.
    pub(super) filled: Option<(PlaceKey, Option<Place>)>,
    /// The place that was emptied, and what was there.
    pub(super) emptied: Option<(PlaceKey, Place)>,
}

/// All places.
#[derive(Debug)]
pub(super) struct Places {
    places: BTreeMap<PlaceKey, Place>,
    packet_octets: usize,
    /// How many places each network has filled.
    networks: Box<[u32]>,
    capacity: Capacity,
    /// Where the last sweep stopped.
    swept: Option<PlaceKey>,
}

impl Places {
    /// None filled.
    pub(super) fn new(capacity: Capacity) -> Places {
        Places {
            places: BTreeMap::new(),
            packet_octets: 0,
            networks: vec![0; Network::COUNT.get() + 1].into_boxed_slice(),
            capacity,
            swept: None,
        }
    }

    /// How many are filled, expired ones included that no sweep has met yet.
    pub(super) fn len(&self) -> usize {
        self.places.len()
    }

    /// The octets of all packets.
    pub(super) fn packet_octets(&self) -> usize {
        self.packet_octets
    }

    /// What is in one place.
    pub(super) fn place(&self, key: &PlaceKey) -> Option<&Place> {
        self.places.get(key)
    }

    /// The packets of a slot, latest expiry first.
    pub(super) fn packets(&self, slot: Slot, now: Seconds) -> Vec<&[u8]> {
        let mut live: Vec<&Place> = self
            .of_slot(slot)
            .map(|(_, place)| place)
            .filter(|place| place.expires > now)
            .collect();
        live.sort_by_key(|place| std::cmp::Reverse(place.expires));
        live.into_iter().map(|place| &*place.packet).collect()
    }

    /// Puts a packet into a place, in a step that sweeps some others.
    ///
    /// A signer's older packets make way: copies of them, which anybody can put, cannot keep the newest
    /// out of a slot.
    pub(super) fn put(
        &mut self,
        key: PlaceKey,
        place: Place,
        now: Seconds,
    ) -> Result<Change, Refusal> {
        self.sweep(SWEEP_STEP, now);
        self.sweep_slot(key.slot, now);
        let same_author = |other: &Place| other.author == place.author;
        let newest = self.of_slot(key.slot).map(|(_, p)| p).filter(|p| same_author(p));
        if newest.map(|p| p.sequence).max() > Some(place.sequence) {
            return Err(Refusal::Outdated);
        }
        let mut makes_way = None;
        if !self.places.contains_key(&key) {
            if self.of_slot(key.slot).count() >= MAX_CANDIDATES {
                let oldest = self.of_slot(key.slot).filter(|(_, p)| same_author(p));
                let oldest = oldest.min_by_key(|(_, p)| p.sequence).map(|(key, _)| *key);
                makes_way = Some(oldest.ok_or(Refusal::SlotFull)?);
            } else if self.has_room(&place).is_err() {
                self.sweep(FULL_SWEEP_STEP, now);
                self.has_room(&place)?;
            }
        }
        let emptied = makes_way.and_then(|key| Some((key, self.take(&key)?)));
        let before = self.restore(key, place);
        Ok(Change { filled: Some((key, before)), emptied })
    }

    /// Empties a place.
    pub(super) fn remove(&mut self, key: PlaceKey, now: Seconds) -> Result<Change, Refusal> {
        let place = self.take(&key).ok_or(Refusal::NotFound)?;
        if place.expires <= now {
            return Err(Refusal::NotFound); // and gone it may be
        }
        Ok(Change { filled: None, emptied: Some((key, place)) })
    }

    /// Takes a change back. Several are taken back in reverse order.
    pub(super) fn undo(&mut self, change: Change) {
        if let Some((key, before)) = change.filled {
            match before {
                Some(place) => drop(self.restore(key, place)),
                None => drop(self.take(&key)),
            }
        }
        if let Some((key, place)) = change.emptied {
            self.restore(key, place);
        }
    }

    /// Fills a place as it was once, without asking whether it may be; gives what was there.
    pub(super) fn restore(&mut self, key: PlaceKey, place: Place) -> Option<Place> {
        self.packet_octets += place.packet.len();
        self.networks[usize::from(place.network.0)] += 1;
        let before = self.places.insert(key, place);
        if let Some(place) = &before {
            self.forget(place);
        }
        before
    }

    /// Empties a place without asking.
    pub(super) fn take(&mut self, key: &PlaceKey) -> Option<Place> {
        let place = self.places.remove(key)?;
        self.forget(&place);
        Some(place)
    }

    /// Up to `count` places behind `key`, in order; from the first if there is none.
    pub(super) fn after(
        &self,
        key: Option<PlaceKey>,
        count: usize,
    ) -> impl Iterator<Item = (&PlaceKey, &Place)> {
        self.places.range((key.map_or(Unbounded, Excluded), Unbounded)).take(count)
    }

    /// Looks at the next `steps` places and empties the expired ones.
    pub(super) fn sweep(&mut self, steps: usize, now: Seconds) {
        let mut last = None;
        let mut seen = 0;
        let mut expired = Vec::new();
        for (key, place) in self.after(self.swept, steps) {
            seen += 1;
            last = Some(*key);
            if place.expires <= now {
                expired.push(*key);
            }
        }
        self.swept = last.filter(|_| seen == steps);
        for key in expired {
            self.take(&key);
        }
    }

    fn sweep_slot(&mut self, slot: Slot, now: Seconds) {
        let expired = self.of_slot(slot).filter(|(_, place)| place.expires <= now);
        for key in expired.map(|(key, _)| *key).collect::<Vec<_>>() {
            self.take(&key);
        }
    }

    fn of_slot(&self, slot: Slot) -> impl Iterator<Item = (&PlaceKey, &Place)> {
        let first = PlaceKey { slot, writer: Writer::MIN };
        let last = PlaceKey { slot, writer: Writer::MAX };
        self.places.range((Included(first), Included(last)))
    }

    /// Counts a place no longer.
    fn forget(&mut self, place: &Place) {
        self.packet_octets -= place.packet.len();
        self.networks[usize::from(place.network.0)] -= 1;
    }

    fn has_room(&self, place: &Place) -> Result<(), Refusal> {
        let octets = self.packet_octets + place.packet.len() + (self.places.len() + 1) * OVERHEAD;
        if self.places.len() >= self.capacity.places || octets > self.capacity.octets {
            return Err(Refusal::StoreFull);
        }
        let share = (self.capacity.places / SHARE).max(MIN_SHARE);
        let has_filled = self.networks[usize::from(place.network.0)] as usize;
        if place.network != Network::UNKNOWN && has_filled >= share {
            return Err(Refusal::ShareFull);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
