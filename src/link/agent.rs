//! The path agent: finds out which way to a peer works, and notices when it no longer does.
//!
//! In the manner of ICE (RFC 8445) and of HIP's UPDATE (RFC 8046), with three differences: there are
//! no roles, each end chooses the path of what it sends; candidates of the other end need not be
//! known, because a genuine probe brings its own (peer-reflexive) candidate and a triggered check;
//! and addresses belong to public keys, not to sessions.
//!
//! ```text
//! dialler                                        dialled
//!   |--- UPDATE through a relay, if one is known -->|  learns all candidates, punches
//!   |=== QUIC through the relay ===================>|
//!   |--- probe to each locator, all at once ------->|  learns the dialler's address (a claim)
//!   |=== QUIC's first packet to the best locator ==>|  answers it there
//!   |<-- answer ------------------------------------|
//!   |<-- triggered probe ---------------------------|
//!   |    first answer: this is the path             |
//!   |--- answer ----------------------------------->|  the claim is proved: this is the path
//!   |=== QUIC ======================================|
//! ```
//!
//! | file | concept |
//! |---|---|
//! | `dial` | who wants a path, and what goes over it |
//! | `checks` | probes, answers, triggered checks |
//! | `update` | telling each other one's candidates |
//! | `punch` | opening NATs from both sides |
//! | `venture` | a handshake on a way that is not proved yet |
//! | `precedence` | a handshake is answered before the probe in front of it |
//! | `prediction` | NATs whose next port can be guessed |
//! | `watch` | keeping a path, noticing its end, climbing back from a relay |
//! | `report` | what people are told |
//!
//! *Return routability:* QUIC packets go only to an address that has answered a probe of ours, or to a
//! relay, which has limits of its own; only handshakes may begin before that. What goes to unproved addresses is
//! at most three times what came from the peer that names them, and a fixed amount for each dial; to one for
//! which nothing speaks but the source of a message, three times what came from there.
//!
//! It is sans-IO: it takes datagrams, ways and the time, and gives datagrams, events and the next
//! time at which it has something to do. Nothing is scheduled while nobody dials and no connection
//! exists.

mod checks;
mod dial;
mod precedence;
mod prediction;
mod punch;
mod report;
mod update;
mod venture;
mod watch;

use std::{
    collections::{HashMap, VecDeque},
    net::SocketAddr,
    time::{Duration, Instant},
};

use crate::identity::Hit;

use super::{
    datagram::{ANSWER, PROBE, UPDATE},
    drbg::Drbg,
    limit::Limiter,
    locator_set::NatMapping,
    peer::Peer,
    seal::{MessageId, Own},
    sealing::Sealing,
    way::{RelayId, Way},
};

use precedence::Deferred;

pub use report::PathReport;
pub use update::LocalCandidate;

/// Who may begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strangers {
    /// Any key may probe: this host serves something.
    Welcome,
    /// Only peers that were dialled from here are heard: this host is a mere visitor.
    Ignored,
}

/// A control datagram on its way out.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Transmit {
    pub(super) to: Way,
    pub(super) datagram: Vec<u8>,
    /// How many hops it may travel, if not as many as usual.
    pub(super) ttl: Option<u8>,
}

/// What the agent has found out.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Event {
    /// A dial has a path, or a relay that may be one.
    Reached {
        /// Whose.
        hit: Hit,
        /// The way by which it answered.
        way: Way,
        /// How long the answer took; zero if a relay is used before any.
        round_trip: Duration,
    },
    /// A dial has none: no candidate answered.
    Unreachable {
        /// Whose.
        hit: Hit,
        /// What was asked.
        tried: Vec<Way>,
    },
    /// Datagrams go another way than before, or any at all.
    Moved {
        /// Whose.
        hit: Hit,
        /// The way in use.
        way: Way,
    },
    /// The path in use works again, after some doubt.
    Recovered,
    /// A peer is to be told which port our NAT gives out next: look that up, and say it to
    /// [`Agent::scouted`] in any case.
    Scout,
    /// A peer says at which address of ours it sees our datagrams; a claim.
    Observed {
        /// Where the peer is.
        from: Way,
        /// What it sees.
        address: SocketAddr,
    },
}

/// A probe or UPDATE of ours that may be answered.
struct Pending<K> {
    hit: Hit,
    to: Way,
    sent: Instant,
    key: K,
    /// Which UPDATE it was.
    update: Option<u64>,
}

/// Who says to be where another peer has been.
struct Claim {
    hit: Hit,
    at: Instant,
}

/// All peers of this host.
pub(super) struct Agent<S: Sealing = Own> {
    own: S,
    drbg: Drbg,
    strangers: Strangers,
    limiter: Limiter,
    peers: HashMap<Hit, Peer<S::Remote>>,
    /// Each way of a candidate belongs to one peer.
    by_way: HashMap<Way, Hit>,
    /// Ways that have answered for one peer and from which another has spoken since: it may be there now.
    contested: HashMap<Way, Claim>,
    pending: HashMap<MessageId, Pending<S::AnswerKey>>,
    /// Oldest first.
    pending_order: VecDeque<(Instant, MessageId)>,
    /// Where this host is.
    local: Vec<LocalCandidate>,
    nat: NatMapping,
    /// The latest port that the NAT gave out is being looked up.
    scouting: bool,
    /// How far it is to relays.
    relays: HashMap<RelayId, Duration>,
    /// The number of the latest UPDATE.
    sequence: u64,
    /// Genuine control datagrams that were taken.
    opened: u64,
    transmits: VecDeque<Transmit>,
    /// What goes out behind packets of QUIC.
    deferred: Vec<Deferred>,
    events: VecDeque<Event>,
}

impl<S: Sealing> Agent<S> {
    /// `seed` must be unpredictable octets. `sequence` must be greater than the number of any UPDATE
    /// that this host has sent in former lives: the time in microseconds.
    pub(super) fn new(
        own: S,
        strangers: Strangers,
        seed: [u8; 32],
        sequence: u64,
        now: Instant,
    ) -> Agent<S> {
        Agent {
            own,
            drbg: Drbg::new(seed),
            strangers,
            limiter: Limiter::new(now),
            peers: HashMap::new(),
            by_way: HashMap::new(),
            contested: HashMap::new(),
            pending: HashMap::new(),
            pending_order: VecDeque::new(),
            local: Vec::new(),
            nat: NatMapping::Unknown,
            scouting: false,
            relays: HashMap::new(),
            sequence,
            opened: 0,
            transmits: VecDeque::new(),
            deferred: Vec::new(),
            events: VecDeque::new(),
        }
    }

    /// From now on, who may begin.
    pub(super) fn set_strangers(&mut self, strangers: Strangers) {
        self.strangers = strangers;
    }

    /// Takes a control datagram. False if it was refused, so that nothing has come of it.
    pub(super) fn handle_datagram(&mut self, from: Way, datagram: &[u8], now: Instant) -> bool {
        let opened = self.opened;
        match datagram.first() {
            Some(&PROBE) => self.handle_probe(from, datagram, now),
            Some(&ANSWER) => self.handle_answer(from, datagram, now),
            Some(&UPDATE) => self.handle_update(Some(from), datagram, now),
            _ => None,
        };
        self.opened != opened
    }

    /// Does what is due.
    pub(super) fn handle_timeout(&mut self, now: Instant) {
        let due: Vec<Hit> = self
            .peers
            .iter()
            .filter(|(_, peer)| peer.next_due().is_some_and(|due| due <= now))
            .map(|(hit, _)| *hit)
            .collect();
        for hit in due {
            self.serve_peer(hit, now);
        }
        self.serve_deferred(now);
    }

    /// Whether something waits in [`Agent::poll_transmit`] or [`Agent::poll_event`].
    pub(super) fn has_output(&self) -> bool {
        !self.transmits.is_empty() || !self.events.is_empty()
    }

    /// The next control datagram to send.
    pub(super) fn poll_transmit(&mut self) -> Option<Transmit> {
        self.transmits.pop_front()
    }

    /// The next thing found out.
    pub(super) fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// When [`Agent::handle_timeout`] should be called; None while nothing is to do.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.peers.values().filter_map(Peer::next_due).chain(self.deferred_due()).min()
    }
}

/// Why a dial cannot even begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DialError {
    /// The key is one's own.
    Oneself,
    /// The key is not a point of the curve, or one of small order.
    Key,
    /// Every place in the table belongs to a connected peer.
    TooManyPeers,
}

#[cfg(test)]
mod tests;
