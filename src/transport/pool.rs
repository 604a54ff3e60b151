//! Which connections exist: one per peer for new requests, and who waits for one.

use std::{
    collections::HashMap,
    sync::{Arc, OnceLock},
    time::{Duration, Instant},
};

use event_listener::Event;

use crate::identity::PublicKey;

use super::connection::Connection;
use super::error::ConnectError;

/// Connections of this host, dialled and accepted. Each may keep its windows full, 12 MB in the worst
/// case of an accepted one, and 40 kB in the usual one.
const MAX_CONNECTIONS: usize = 256;

/// Connections with one peer. Both ends may dial at once, and a peer that was restarted leaves old ones
/// behind until they time out.
const MAX_PER_PEER: usize = 4;

/// A connection unused for so long gives its place to a newcomer when all are taken.
const YIELD_AFTER: Duration = Duration::from_secs(10);

/// How long the parts of making a connection took.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnectTimings {
    /// Until the first candidate answered a probe.
    pub probe: Duration,
    /// From then on until the handshake was complete.
    pub handshake: Duration,
}

/// What became of a dial.
pub(super) type Outcome = Result<(Arc<Connection>, ConnectTimings), ConnectError>;

/// A dial in progress; everybody who wants the peer waits for the same one.
#[derive(Debug, Default)]
pub(super) struct Dial {
    outcome: OnceLock<Outcome>,
    done: Event,
}

impl Dial {
    pub(super) fn finish(&self, outcome: Outcome) {
        let _ = self.outcome.set(outcome); // finished once, by its task
        self.done.notify(usize::MAX);
    }

    pub(super) async fn wait(&self) -> Outcome {
        loop {
            let listener = self.done.listen();
            if let Some(outcome) = self.outcome.get() {
                return outcome.clone();
            }
            listener.await;
        }
    }
}

/// How one peer can be reached for a request.
#[derive(Debug)]
enum Slot {
    Dialling(Arc<Dial>),
    Ready(Arc<Connection>),
}

/// What a request gets that wants a peer.
#[derive(Debug)]
pub(super) enum Claim {
    /// A live connection.
    Ready(Arc<Connection>),
    /// Somebody dials already.
    Wait(Arc<Dial>),
    /// The caller must dial, and finish this.
    Start(Arc<Dial>),
}

/// All connections of this host.
#[derive(Debug, Default)]
pub(super) struct Pool {
    slots: HashMap<PublicKey, Slot>,
    all: Vec<Arc<Connection>>,
}

impl Pool {
    /// The connection for a peer, or the dial that will bring one.
    pub(super) fn claim(&mut self, peer: PublicKey) -> Claim {
        match self.slots.get(&peer) {
            Some(Slot::Dialling(dial)) => return Claim::Wait(dial.clone()),
            Some(Slot::Ready(connection)) if connection.is_alive() => {
                return Claim::Ready(connection.clone());
            }
            _ => {}
        }
        let dial = Arc::new(Dial::default());
        self.slots.insert(peer, Slot::Dialling(dial.clone()));
        Claim::Start(dial)
    }

    /// Whether the next claim of this peer has to dial.
    pub(super) fn is_unknown(&self, peer: &PublicKey) -> bool {
        match self.slots.get(peer) {
            Some(Slot::Ready(connection)) => !connection.is_alive(),
            Some(Slot::Dialling(_)) => false,
            None => true,
        }
    }

    /// Whether the latest connection with a peer has just been lost.
    pub(super) fn has_lost(&self, peer: &PublicKey) -> bool {
        matches!(self.slots.get(peer), Some(Slot::Ready(connection)) if connection.was_lost())
    }

    /// Forgets a dial that brought nothing.
    pub(super) fn fail(&mut self, peer: PublicKey, dial: &Arc<Dial>) {
        if matches!(self.slots.get(&peer), Some(Slot::Dialling(current)) if Arc::ptr_eq(current, dial))
        {
            self.slots.remove(&peer);
        }
    }

    /// Takes a new connection in; requests use it from then on, unless a dial goes on.
    ///
    /// A full pool gives up the connection that was unused for longest. False if all are in use: the
    /// newcomer has to go.
    pub(super) fn admit(&mut self, connection: &Arc<Connection>, now: Instant) -> bool {
        self.all.retain(|connection| connection.is_alive());
        let peer = connection.peer();
        let of_peer = self.all.iter().filter(|other| other.peer() == peer).count();
        let room = (of_peer < MAX_PER_PEER || self.evict(now, |other| other.peer() == peer))
            && (self.all.len() < MAX_CONNECTIONS
                || now.checked_sub(YIELD_AFTER).is_some_and(|limit| self.evict(limit, |_| true)));
        if room {
            self.all.push(connection.clone());
        }
        room
    }

    /// Closes the connection that was unused for longest among those that are `eligible` and unused
    /// since before `limit`.
    fn evict(&mut self, limit: Instant, eligible: impl Fn(&Connection) -> bool) -> bool {
        let unused = self
            .all
            .iter()
            .enumerate()
            .filter(|(_, connection)| eligible(connection))
            .filter_map(|(at, connection)| Some((connection.idle_since()?, at)))
            .filter(|(since, _)| *since <= limit);
        let Some((_, at)) = unused.min() else { return false };
        let connection = self.all.swap_remove(at);
        connection.close_unused();
        self.remove(&connection);
        true
    }

    /// Lets requests use this connection.
    pub(super) fn ready(&mut self, connection: &Arc<Connection>) {
        self.slots.insert(connection.peer(), Slot::Ready(connection.clone()));
    }

    /// Lets requests use this connection unless a dial goes on, whose result they wait for.
    pub(super) fn ready_unless_dialling(&mut self, connection: &Arc<Connection>) {
        if !matches!(self.slots.get(&connection.peer()), Some(Slot::Dialling(_))) {
            self.ready(connection);
        }
    }

    /// Forgets a connection that has ended.
    pub(super) fn remove(&mut self, connection: &Arc<Connection>) {
        self.all.retain(|other| !Arc::ptr_eq(other, connection));
        let peer = connection.peer();
        if matches!(self.slots.get(&peer), Some(Slot::Ready(current)) if Arc::ptr_eq(current, connection))
        {
            self.slots.remove(&peer);
        }
    }

    /// Connections that are alive, the oldest first.
    pub(super) fn alive(&self) -> Vec<Arc<Connection>> {
        self.all.iter().filter(|connection| connection.is_alive()).cloned().collect()
    }
}
