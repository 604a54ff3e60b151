//! Calls that lie in the store for a minute, and who waits for them.
//!
//! They are kept in memory only: whoever calls still waits, and calls again. The time is given by the
//! caller.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard},
    time::{Duration, Instant},
};

use event_listener::{Event, EventListener};

use super::places::{Refusal, Writer};
use crate::identity::Slot;
use crate::overlay::MAX_CANDIDATES;
use crate::registration::Call;
use crate::runtime::lock;

/// How long a call lies: longer than a caller waits for the callee.
const LIFETIME: Duration = Duration::from_secs(60);
/// Slots with calls or with somebody who waits: at most 5 kB each.
const MAX_SLOTS: usize = 10_000;

/// All calls of a store.
#[derive(Debug)]
pub(super) struct Calls {
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// The number of the newest call; it rises also over restarts.
    newest: u64,
    slots: HashMap<Slot, Shelf>,
}

/// What lies under one slot.
#[derive(Debug, Default)]
struct Shelf {
    calls: Vec<Laid>,
    waiting: usize,
    changed: Event,
}

#[derive(Debug)]
struct Laid {
    number: u64,
    writer: Writer,
    expires: Instant,
    call: Call,
}

/// Calls after a number, and the number to ask with the next time.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct After {
    pub(super) calls: Vec<Call>,
    pub(super) newest: u64,
}

impl Calls {
    /// An empty table; its numbers begin behind `first`, which must rise with each start of the store.
    pub(super) fn new(first: u64) -> Calls {
        Calls { state: Mutex::new(State { newest: first, slots: HashMap::new() }) }
    }

    /// Lays a call under a slot in the place of the writer's earlier one, and wakes who waits there.
    ///
    /// # Errors
    /// When the slot or the table is full.
    pub(super) fn put(
        &self,
        slot: Slot,
        writer: Writer,
        call: Call,
        now: Instant,
    ) -> Result<(), Refusal> {
        let mut state = self.state();
        let number = state.newest + 1;
        let shelf = state.shelf(slot, now).ok_or(Refusal::StoreFull)?;
        shelf.calls.retain(|laid| laid.writer != writer && laid.expires > now);
        if shelf.calls.len() >= MAX_CANDIDATES {
            return Err(Refusal::SlotFull);
        }
        shelf.calls.push(Laid { number, writer, expires: now + LIFETIME, call });
        shelf.changed.notify(usize::MAX);
        state.newest = number;
        Ok(())
    }

    /// The calls under a slot that came after number `seen`.
    pub(super) fn after(&self, slot: Slot, seen: u64, now: Instant) -> After {
        let state = self.state();
        let laid = state.slots.get(&slot).map_or(&[][..], |shelf| &shelf.calls);
        let calls = laid.iter().filter(|laid| laid.number > seen && laid.expires > now);
        After { calls: calls.map(|laid| laid.call.clone()).collect(), newest: state.newest }
    }

    /// Waits for the next call under a slot; None if too many wait already. The listener must be made
    /// before the slot is looked at.
    pub(super) fn wait(&self, slot: Slot, now: Instant) -> Option<Waiting<'_>> {
        let mut state = self.state();
        let shelf = state.shelf(slot, now)?;
        shelf.waiting += 1;
        Some(Waiting { listener: Some(shelf.changed.listen()), calls: self, slot })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}

impl State {
    /// The shelf of a slot, made if there is room.
    fn shelf(&mut self, slot: Slot, now: Instant) -> Option<&mut Shelf> {
        if self.slots.len() >= MAX_SLOTS && !self.slots.contains_key(&slot) {
            self.slots.retain(|_, shelf| {
                shelf.waiting > 0 || shelf.calls.iter().any(|laid| laid.expires > now)
            });
            if self.slots.len() >= MAX_SLOTS {
                return None;
            }
        }
        Some(self.slots.entry(slot).or_default())
    }
}

/// Somebody who waits for a call.
#[derive(Debug)]
pub(super) struct Waiting<'a> {
    listener: Option<EventListener>,
    calls: &'a Calls,
    slot: Slot,
}

impl Waiting<'_> {
    /// Ends with the next call under the slot.
    pub(super) async fn next(&mut self) {
        if let Some(listener) = self.listener.take() {
            listener.await;
        }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let mut state = self.calls.state();
        let Some(shelf) = state.slots.get_mut(&self.slot) else { return };
        shelf.waiting -= 1;
        if shelf.waiting == 0 && shelf.calls.is_empty() {
            state.slots.remove(&self.slot);
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_lite::future::{block_on, poll_once};

    use super::*;
    use crate::runtime::clock;

    const SLOT: Slot = Slot([1; 20]);

    fn call(n: u8) -> Call {
        Call::new(&[n]).unwrap()
    }

    fn writer(n: u8) -> Writer {
        Writer([n; 16])
    }

    #[test]
    fn a_call_is_given_once_to_whoever_remembers_its_number() {
        let (calls, now) = (Calls::new(100), clock::now());
        assert_eq!(calls.after(SLOT, 0, now), After { calls: vec![], newest: 100 });
        calls.put(SLOT, writer(1), call(1), now).unwrap();
        calls.put(Slot([2; 20]), writer(1), call(2), now).unwrap();
        let first = calls.after(SLOT, 100, now);
        assert_eq!(first, After { calls: vec![call(1)], newest: 102 });
        assert_eq!(calls.after(SLOT, first.newest, now).calls, []);
        assert_eq!(calls.after(SLOT, 100, now + LIFETIME).calls, []);
    }

    #[test]
    fn a_slot_has_eight_callers_and_each_of_them_one_call() {
        let (calls, now) = (Calls::new(0), clock::now());
        for n in 0..8 {
            calls.put(SLOT, writer(n), call(n), now).unwrap();
        }
        assert_eq!(calls.put(SLOT, writer(8), call(8), now), Err(Refusal::SlotFull));
        calls.put(SLOT, writer(0), call(9), now).unwrap();
        let all = calls.after(SLOT, 0, now).calls;
        assert_eq!((all.len(), &all[7]), (8, &call(9)));
        calls.put(SLOT, writer(8), call(8), now + LIFETIME).unwrap();
    }

    #[test]
    fn the_table_is_bounded_and_what_nobody_wants_gives_way() {
        let (calls, now) = (Calls::new(0), clock::now());
        let slot = |n: usize| {
            let mut slot = [0; 20];
            slot[..8].copy_from_slice(&n.to_be_bytes());
            Slot(slot)
        };
        let waiting = calls.wait(slot(0), now).unwrap();
        for n in 1..MAX_SLOTS {
            calls.put(slot(n), writer(1), call(1), now).unwrap();
        }
        let full = slot(MAX_SLOTS);
        assert_eq!(calls.put(full, writer(1), call(1), now), Err(Refusal::StoreFull));
        assert!(calls.wait(full, now).is_none());
        calls.put(full, writer(1), call(1), now + LIFETIME).unwrap();
        assert_eq!(calls.state().slots.len(), 2);
        drop(waiting);
        assert_eq!(calls.state().slots.len(), 1);
    }

    #[test]
    fn who_waits_is_woken_by_the_next_call() {
        let (calls, now) = (Calls::new(0), clock::now());
        let mut waiting = calls.wait(SLOT, now).unwrap();
        calls.put(Slot([2; 20]), writer(1), call(1), now).unwrap();
        block_on(async {
            let mut next = Box::pin(waiting.next());
            assert!(poll_once(&mut next).await.is_none());
            calls.put(SLOT, writer(1), call(1), now).unwrap();
            next.await;
        });
    }
}
