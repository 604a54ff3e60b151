//! Group commit: one task makes all changes, and one disk write answers for all that came meanwhile.
//!
//! A change is made in memory, then written; only then its writer is told. If writing fails, the changes
//! of that write are undone and their writers are told that there is no room. Readers wait for neither.
//!
//! Writers wait while the journal is compacted, which takes as long as writing everything once and
//! happens when as much has been appended as the store holds.

use std::{
    fmt, io,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use async_channel::{Receiver, Sender};

use super::journal::Journal;
use super::places::{Change, Place, PlaceKey, Places, Refusal, Seconds, seconds};
use super::record;
use crate::runtime::clock::{self, Clock};
use crate::runtime::{lock, unblock};

/// Changes of one disk write at most; also how many can wait before writers are slowed down.
const MAX_BATCH: usize = 512;
/// How long a writer waits for a disk that is slow, for it serves others too, or is about to break. Clients wait
/// for five seconds.
const PATIENCE: Duration = Duration::from_secs(4);
/// Places that a compaction copies at once, while no reader gets in.
const COMPACTION_STEP: usize = 256;

/// The places of a store, shared by the readers and the one task that writes.
#[derive(Clone, Debug)]
pub(super) struct SharedPlaces(Arc<Mutex<Places>>);

impl SharedPlaces {
    /// Shares places.
    pub(super) fn new(places: Places) -> SharedPlaces {
        SharedPlaces(Arc::new(Mutex::new(places)))
    }

    /// For a moment.
    pub(super) fn lock(&self) -> MutexGuard<'_, Places> {
        lock(&self.0)
    }
}

/// What a writer wants.
#[derive(Debug)]
pub(super) enum Operation {
    /// This packet in that place.
    Put(PlaceKey, Place),
    /// Nothing in that place.
    Remove(PlaceKey),
}

/// An operation and where to say what became of it.
pub(super) struct Order {
    operation: Operation,
    reply: Sender<Result<(), Refusal>>,
}

impl fmt::Debug for Order {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.operation.fmt(f)
    }
}

/// A queue of orders and its two ends.
pub(super) fn queue() -> (Sender<Order>, Receiver<Order>) {
    async_channel::bounded(MAX_BATCH)
}

/// Has an operation done, and waits until it is durable or refused, but no longer than a client does.
pub(super) async fn order(queue: &Sender<Order>, operation: Operation) -> Result<(), Refusal> {
    let (reply, outcome) = async_channel::bounded(1);
    let done = async {
        // an ended committer is a store that takes nothing more
        queue.send(Order { operation, reply }).await.map_err(|_| Refusal::StoreFull)?;
        outcome.recv().await.unwrap_or(Err(Refusal::StoreFull))
    };
    clock::timeout(PATIENCE, done).await.unwrap_or(Err(Refusal::Busy))
}

/// Carries out orders until the queue is closed. Without a journal nothing outlives the process.
pub(super) async fn run(
    orders: Receiver<Order>,
    places: SharedPlaces,
    journal: Option<Journal>,
    clock: Arc<dyn Clock>,
) {
    let mut committer = Committer { places, journal };
    while let Ok(first) = orders.recv().await {
        let batch = gather(first, &orders);
        let (replies, operations) = batch.into_iter().map(|o| (o.reply, o.operation)).unzip();
        let now = seconds(clock.wall());
        let changes = apply(&mut committer.places.lock(), operations, now);
        let outcomes = committer.make_durable(changes).await;
        tell(replies, outcomes);
        committer.compact_if_wasteful().await;
    }
}

/// What waits already, and no more than one disk write should answer for.
fn gather(first: Order, orders: &Receiver<Order>) -> Vec<Order> {
    let mut batch = vec![first];
    while batch.len() < MAX_BATCH
        && let Ok(order) = orders.try_recv()
    {
        batch.push(order);
    }
    batch
}

/// The one that changes places; its journal is lent to the thread that writes.
struct Committer {
    places: SharedPlaces,
    journal: Option<Journal>,
}

impl Committer {
    async fn make_durable(
        &mut self,
        changes: Vec<Result<Change, Refusal>>,
    ) -> Vec<Result<(), Refusal>> {
        let Some(journal) = self.journal.take() else {
            return changes.into_iter().map(|change| change.map(drop)).collect();
        };
        let places = self.places.clone();
        let (journal, outcomes) = unblock(move || persist(journal, &places, changes)).await;
        self.journal = Some(journal);
        outcomes
    }

    async fn compact_if_wasteful(&mut self) {
        let live = live_octets(&self.places.lock());
        if let Some(journal) = self.journal.take_if(|journal| journal.is_wasteful(live)) {
            let places = self.places.clone();
            self.journal = Some(unblock(move || compact(journal, &places)).await);
        }
    }
}

fn apply(
    places: &mut Places,
    operations: Vec<Operation>,
    now: Seconds,
) -> Vec<Result<Change, Refusal>> {
    let apply = |operation| match operation {
        Operation::Put(key, place) => places.put(key, place, now),
        Operation::Remove(key) => places.remove(key, now),
    };
    operations.into_iter().map(apply).collect()
}

/// Writes changes, or undoes them.
fn persist(
    mut journal: Journal,
    places: &SharedPlaces,
    changes: Vec<Result<Change, Refusal>>,
) -> (Journal, Vec<Result<(), Refusal>>) {
    let mut records = Vec::new();
    let guard = places.lock();
    for change in changes.iter().flatten() {
        push(&mut records, &guard, change);
    }
    drop(guard);
    if records.is_empty() || journal.append(&records).is_ok() {
        return (journal, changes.into_iter().map(|change| change.map(drop)).collect());
    }
    let mut places = places.lock();
    let undo = |change| match change {
        Ok(change) => {
            places.undo(change);
            Err(Refusal::StoreFull)
        }
        Err(refusal) => Err(refusal),
    };
    let mut outcomes: Vec<_> = changes.into_iter().rev().map(undo).collect();
    outcomes.reverse();
    (journal, outcomes)
}

/// A place that a later change of the same batch altered is written as it is at the end of the batch:
/// the whole batch counts or none of it.
fn push(records: &mut Vec<u8>, places: &Places, change: &Change) {
    let emptied = change.emptied.iter().map(|(key, _)| key);
    let filled = change.filled.iter().map(|(key, _)| key);
    for key in emptied.chain(filled) {
        match places.place(key) {
            Some(place) => record::push_filled(records, key, place),
            None => record::push_emptied(records, key),
        }
    }
}

fn tell(replies: Vec<Sender<Result<(), Refusal>>>, outcomes: Vec<Result<(), Refusal>>) {
    for (reply, outcome) in replies.into_iter().zip(outcomes) {
        let _ = reply.try_send(outcome); // a writer that went away need not know
    }
}

/// What a journal of exactly these places would have as its length.
fn live_octets(places: &Places) -> u64 {
    (places.packet_octets() + places.len() * record::FILLED_LENGTH) as u64
}

fn compact(mut journal: Journal, places: &SharedPlaces) -> Journal {
    let mut last = None;
    let copied: io::Result<()> = journal.compact(|buffer| {
        for (key, place) in places.lock().after(last, COMPACTION_STEP) {
            record::push_filled(buffer, key, place);
            last = Some(*key);
        }
    });
    drop(copied); // a disk without room for it keeps the old log, and the next attempt comes later
    journal
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::Slot;
    use crate::overlay::store::places::{Author, Capacity, Network, Writer};
    use crate::runtime::clock::MachineClock;
    use crate::runtime::{block_on, spawn};

    fn put(n: u8, sequence: u64) -> Operation {
        let key = PlaceKey { slot: Slot([n; 20]), writer: Writer([n; 16]) };
        let packet = vec![n; 10].into();
        let author = Author([n; 16]);
        let network = Network::UNKNOWN;
        Operation::Put(key, Place { author, expires: Seconds::MAX, sequence, network, packet })
    }

    fn places() -> SharedPlaces {
        SharedPlaces::new(Places::new(Capacity::default()))
    }

    /// Has operations done that all wait before the first is looked at.
    fn all_at_once(
        places: &SharedPlaces,
        journal: Option<Journal>,
        operations: impl IntoIterator<Item = Operation>,
    ) -> Vec<Result<(), Refusal>> {
        let (orders, queue) = async_channel::unbounded();
        let wait: Vec<_> = operations
            .into_iter()
            .map(|operation| {
                let (reply, outcome) = async_channel::bounded(1);
                orders.try_send(Order { operation, reply }).unwrap();
                outcome
            })
            .collect();
        let committer = spawn(run(queue, places.clone(), journal, Arc::new(MachineClock)));
        block_on(async {
            let mut outcomes = Vec::new();
            for outcome in wait {
                outcomes.push(outcome.recv().await.unwrap());
            }
            committer.cancel().await;
            outcomes
        })
    }

    #[test]
    fn more_than_a_batch_is_all_answered() {
        let places = places();
        let operations = (0..2 * MAX_BATCH as u64 + 5).map(|sequence| put(1, sequence));
        let outcomes = all_at_once(&places, None, operations);
        assert_eq!(outcomes.len(), 2 * MAX_BATCH + 5);
        assert!(outcomes.iter().all(Result::is_ok));
    }

    #[test]
    fn who_waits_for_a_disk_that_takes_too_long_is_told_so() {
        let (orders, _queue) = queue(); // nobody carries them out
        let waits = (0..2 * MAX_BATCH as u64).map(|sequence| {
            let orders = orders.clone();
            spawn(async move { order(&orders, put(1, sequence)).await })
        });
        let waits: Vec<_> = waits.collect();
        block_on(async {
            for wait in waits {
                assert_eq!(wait.await, Err(Refusal::Busy));
            }
        });
    }

    #[test]
    fn changes_of_one_batch_build_on_each_other_and_are_replayed_as_they_ended() {
        let folder = tempfile::tempdir().unwrap();
        let journal = Journal::open(folder.path(), |_| ()).unwrap();
        let Operation::Put(key, _) = put(2, 1) else { unreachable!() };
        let operations =
            [put(1, 1), put(1, 3), put(1, 2), put(2, 1), Operation::Remove(key), put(3, 1)];
        let outcomes = all_at_once(&places(), Some(journal), operations);
        let expected = [Ok(()), Ok(()), Err(Refusal::Outdated), Ok(()), Ok(()), Ok(())];
        assert_eq!(outcomes, expected);
        let mut replayed = Places::new(Capacity::default());
        Journal::open(folder.path(), |record| match record {
            record::Record::Filled(key, place) => drop(replayed.restore(key, place)),
            record::Record::Emptied(key) => drop(replayed.take(&key)),
        })
        .unwrap();
        let found: Vec<_> =
            replayed.after(None, 9).map(|(k, p)| (k.slot.0[0], p.sequence)).collect();
        assert_eq!(found, [(1, 3), (3, 1)]);
    }
}
