//! The Teredo client: UDP datagrams over Teredo addresses, without a network interface.
//!
//! It takes outer datagrams, inner ones and the time, and gives outer datagrams, inner ones, events
//! and the time at which it wants to be called again. While nothing needs it, it sends nothing.
//!
//! ```text
//! A                    server of B               B
//!   |-- bubble -------------->|-- with origin A -->|
//!   |<------------------------------------ bubble -|  opens B's NAT: B is heard, and trusted
//!   |== what waits, or a bubble ==================>|  opens A's NAT: A is trusted
//!   |<============================ what answers it =|
//! ```
//!
//! A host that has no address yet asks for it and asks its peer in at the same time, from a link-local address: a
//! server takes that from everybody for its own clients (RFC 4380, section 5.3.1), and the origin says where to answer.
//! So a visitor's first packet leaves when its address is known, and who has one already is no faster.
//!
//! The packet itself cannot go through the server. Servers forward bubbles and ICMPv6 messages only, and miredo's takes
//! no more than 88 octets in one of the latter, so that nobody makes a relay of it. Cutting the packet in pieces would
//! get around what its owner wants.
//!
//! What waits leaves one round trip to the server after the bubble, and does not wait for that of B. By the
//! triangle inequality it then reaches B's NAT when B has opened it, and leaves before B's bubble comes in.
//! Otherwise a Linux router that masquerades without a filter takes the early packet for its own, and gives the
//! answer another port, so that no peer knows it. Where distances are not of that kind it is lost, and goes
//! again when B's bubble is there and nothing has answered.

mod receiving;
mod sending;

use std::{
    collections::VecDeque,
    net::{Ipv4Addr, Ipv6Addr, SocketAddrV4, SocketAddrV6},
    time::{Duration, Instant},
};

use super::super::{drbg::Drbg, limit::Bucket};
use super::{
    address::TeredoAddress,
    bare,
    ipv6::{self, MAX_PAYLOAD},
    peers::{Peers, Standing},
    qualification::{Outcome, Qualification},
    state::{TeredoProof, TeredoState},
};
use crate::runtime::ip::is_global_v4;

/// How long after the last datagram of this host the client stays qualified unless it is kept: as
/// long as a person may stay with one page.
const LINGER: Duration = Duration::from_secs(300);

/// A host that reaches others asks so much later whether that is possible at all: most peers answer by then.
const DOUBTS: Duration = Duration::from_secs(1);

/// After a failure the first server is asked again so much later, twice as long each time.
const FIRST_REST: Duration = Duration::from_secs(10);
/// The longest rest, and the one where only another network can help.
const LONGEST_REST: Duration = Duration::from_secs(300);

/// An outer datagram to send.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Transmit {
    pub(super) to: SocketAddrV4,
    pub(super) datagram: Vec<u8>,
}

/// An inner datagram that came in.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Delivery {
    pub(super) from: SocketAddrV6,
    pub(super) payload: Vec<u8>,
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Event {
    /// How far Teredo has come is something else than before.
    State(TeredoState),
    /// A peer answered none of the bubbles: what waited for it is lost.
    SilentPeer(SocketAddrV4),
}

enum Phase {
    /// Nothing needs Teredo.
    Asleep,
    /// A server is asked, or was and gave an address.
    Active(Box<Qualification>),
    /// It failed; another attempt follows.
    Resting { until: Instant, server: Ipv4Addr, why: TeredoState },
}

/// The client.
pub(super) struct Teredo {
    drbg: Drbg,
    /// The port of the inner datagrams.
    port: u16,
    servers: Vec<Ipv4Addr>,
    /// Failures in a row; also which server comes next.
    failures: usize,
    kept: bool,
    used: Option<Instant>,
    phase: Phase,
    /// From where bubbles go as long as there is no address.
    anonymous: Ipv6Addr,
    peers: Peers,
    proof: TeredoProof,
    silent_peers: usize,
    replies: Bucket,
    told: TeredoState,
    transmits: VecDeque<Transmit>,
    deliveries: VecDeque<Delivery>,
    events: VecDeque<Event>,
}

impl Teredo {
    /// `port` is that of the inner datagrams, `seed` must be unpredictable octets. Without a server
    /// of its own a client uses the one of the first peer it sends to.
    pub(super) fn new(port: u16, seed: [u8; 32], now: Instant) -> Teredo {
        Teredo {
            drbg: Drbg::new(seed),
            port,
            servers: Vec::new(),
            failures: 0,
            kept: false,
            used: None,
            phase: Phase::Asleep,
            anonymous: Ipv6Addr::UNSPECIFIED,
            peers: Peers::default(),
            proof: TeredoProof::Advertised,
            silent_peers: 0,
            replies: Bucket::new(now),
            told: TeredoState::Off,
            transmits: VecDeque::new(),
            deliveries: VecDeque::new(),
            events: VecDeque::new(),
        }
    }

    /// From now on these servers are asked, in this order; one in use stays while it answers.
    pub(super) fn set_servers(&mut self, mut servers: Vec<Ipv4Addr>) {
        servers.retain(|server| is_global_v4(*server));
        if servers != self.servers {
            self.servers = servers;
            self.failures = 0;
        }
    }

    /// Whether the client is to be qualified always, so that peers can begin, or only while this
    /// host sends.
    pub(super) fn keep(&mut self, kept: bool, now: Instant) {
        self.kept = kept;
        self.handle_timeout(now);
    }

    /// This host has moved to another network: everything is asked anew.
    pub(super) fn restart(&mut self, now: Instant) {
        if !matches!(self.phase, Phase::Asleep) {
            self.failures = 0;
            self.phase = Phase::Asleep;
            self.peers.distrust(now);
            self.handle_timeout(now);
        }
    }

    /// How far Teredo has come.
    pub(super) fn state(&self, now: Instant) -> TeredoState {
        match &self.phase {
            Phase::Asleep => TeredoState::Off,
            Phase::Resting { why, .. } => *why,
            Phase::Active(qualification) => match self.own_address() {
                Some(address) if qualification.is_settled(now) => {
                    TeredoState::Qualified { address, proof: self.proof }
                }
                _ => TeredoState::Qualifying,
            },
        }
    }

    /// Sends a datagram to the Teredo address of a peer, now or as soon as the way is open; it gets
    /// lost if the way stays shut, if it is too long, or where Teredo must not send to.
    pub(super) fn send(&mut self, to: SocketAddrV6, payload: &[u8], now: Instant) {
        let Some(peer) = TeredoAddress::parse(*to.ip()) else { return };
        let is_long = payload.len() > MAX_PAYLOAD;
        let bare = is_long && bare::suits(payload) && self.peers.takes_bare(peer, to, now);
        if (is_long && !bare) || self.is_own(peer.mapped) {
            return;
        }
        self.used = Some(now);
        self.wake(Some(peer.server), now);
        if matches!(self.phase, Phase::Active(_))
            && self.peers.send(peer, to, payload, now) == Standing::Trusted
        {
            self.transmit(peer, to, payload, now);
        }
        self.handle_timeout(now);
    }

    /// Whether a peer will take packets that are longer than those of Teredo.
    pub(super) fn takes_long(&self, to: SocketAddrV6, now: Instant) -> bool {
        let peer = TeredoAddress::parse(*to.ip());
        peer.is_some_and(|peer| self.peers.understands_bare(peer, to, now))
    }

    /// Does what is due.
    pub(super) fn handle_timeout(&mut self, now: Instant) {
        if matches!(self.phase, Phase::Resting { until, .. } if until <= now) {
            self.phase = Phase::Asleep;
        }
        if !self.is_needed(now) && !matches!(self.phase, Phase::Asleep) {
            self.phase = Phase::Asleep;
            self.peers.clear();
        }
        self.wake(None, now);
        let mut actions = Vec::new();
        if let Phase::Active(qualification) = &mut self.phase {
            let outcome = qualification.handle_timeout(&mut self.drbg, now, &mut actions);
            self.follow(outcome, now);
        }
        for action in actions {
            self.act(action);
        }
        self.send_bubbles(now);
        self.tell(now);
    }

    /// Begins, if something needs Teredo and there is a server to ask: one's own, or a peer's.
    fn wake(&mut self, peers_server: Option<Ipv4Addr>, now: Instant) {
        let own_server = self.servers.get(self.failures % self.servers.len().max(1)).copied();
        let Some(server) = own_server.or(peers_server) else { return };
        let may_begin = match &self.phase {
            Phase::Asleep => self.is_needed(now),
            Phase::Active(_) => false,
            // a peer's server that is gone says nothing about another one
            Phase::Resting { server: failed, why, .. } => {
                *failed != server && own_server.is_none() && *why == TeredoState::ServerSilent
            }
        };
        if may_begin {
            self.proof = TeredoProof::Advertised;
            self.silent_peers = 0;
            let doubts = if self.kept { now } else { now + DOUBTS };
            let qualification = Qualification::start(server, doubts, &mut self.drbg, now);
            self.phase = Phase::Active(Box::new(qualification));
            self.anonymous = ipv6::anonymous(&self.drbg.next());
        }
    }

    fn is_needed(&self, now: Instant) -> bool {
        self.kept || self.used.is_some_and(|used| now.saturating_duration_since(used) < LINGER)
    }

    fn follow(&mut self, outcome: Outcome, now: Instant) {
        match outcome {
            Outcome::Same => {}
            Outcome::Numbered => {
                self.failures = 0;
                self.handle_timeout(now); // who was asked in meanwhile is awaited
            }
            Outcome::Renumbered => {
                self.failures = 0;
                self.proof = TeredoProof::Advertised;
                self.peers.distrust(now);
                self.handle_timeout(now);
            }
            Outcome::Symmetric => self.fail(TeredoState::SymmetricNat, now),
            Outcome::Silent => self.fail(TeredoState::ServerSilent, now),
        }
    }

    fn fail(&mut self, why: TeredoState, now: Instant) {
        let Phase::Active(qualification) = &self.phase else { return };
        let server = qualification.server();
        let round = self.failures / self.servers.len().max(1);
        self.failures += 1;
        let has_next = self.servers.len() > 1 && !self.failures.is_multiple_of(self.servers.len());
        let rest = match why {
            TeredoState::ServerSilent if has_next => Duration::ZERO,
            TeredoState::ServerSilent => {
                FIRST_REST.saturating_mul(1 << round.min(8)).min(LONGEST_REST)
            }
            _ => LONGEST_REST,
        };
        self.peers.clear();
        self.phase = Phase::Resting { until: now + rest, server, why };
    }

    fn own_address(&self) -> Option<SocketAddrV6> {
        let Phase::Active(qualification) = &self.phase else { return None };
        Some(SocketAddrV6::new(qualification.address()?.to_ipv6(), self.port, 0, 0))
    }

    fn is_own(&self, mapped: SocketAddrV4) -> bool {
        let Phase::Active(qualification) = &self.phase else { return false };
        qualification.address().is_some_and(|own| own.mapped == mapped)
    }

    fn prove(&mut self, proof: TeredoProof) {
        self.proof = self.proof.max(proof);
    }

    fn tell(&mut self, now: Instant) {
        let state = self.state(now);
        if state != self.told {
            self.told = state;
            self.events.push_back(Event::State(state));
        }
    }

    /// The next outer datagram to send.
    pub(super) fn poll_transmit(&mut self) -> Option<Transmit> {
        self.transmits.pop_front()
    }

    /// The next inner datagram that came in.
    pub(super) fn poll_delivery(&mut self) -> Option<Delivery> {
        self.deliveries.pop_front()
    }

    /// The next thing that happened.
    pub(super) fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// When [`Teredo::handle_timeout`] should be called; None while nothing is to do.
    pub(super) fn poll_timeout(&self, now: Instant) -> Option<Instant> {
        match &self.phase {
            Phase::Asleep => None,
            Phase::Resting { until, .. } => Some(*until),
            Phase::Active(qualification) => {
                let own = qualification.address();
                let bubbles = own.and_then(|_| self.peers.poll_timeout(self.stagger()));
                let end = self.used.filter(|_| !self.kept).map(|used| used + LINGER);
                qualification.poll_timeout(now).into_iter().chain(bubbles).chain(end).min()
            }
        }
    }
}

#[cfg(test)]
mod tests;
