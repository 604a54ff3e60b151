//! Who uses rendezvous: registers at its own, and calls others through theirs.
//!
//! Sans-IO, as the server. Its own rendezvous are kept as long as they are configured; one that a peer is
//! called through, as long as it is used. Where UDP does not pass, it asks for a TCP connection.

mod answers;

use std::{
    collections::{HashMap, VecDeque},
    net::SocketAddr,
    time::{Duration, Instant},
};

use crate::identity::{Hit, KeyPair, SignatureError};
use crate::link::{
    datagram::HELLO,
    drbg::Drbg,
    seal::{self, Own, Remote},
    way::RelayId,
};
use crate::registration::Rendezvous;

use super::{
    carrier::{Carrier, Transmit},
    channels::Channel,
    header::{Direction, Header},
    message::{self, Hello, Purpose},
    refusal::RefusalReason,
    relay::{Due, Pending, Relay, State, Stream},
    session::MAX_LIFETIME,
};

/// Rendezvous that a host registers at.
pub(in crate::link) const MAX_OWN: usize = 3;
/// Rendezvous in all, those of peers among them.
const MAX_RELAYS: usize = 64;

/// What a client has found out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::link) enum Event {
    /// A rendezvous of this host has accepted it, or no longer does: see [`Client::accepted`].
    Registration,
    /// A rendezvous sees this host at an address.
    Observed {
        /// Where the rendezvous is.
        by: SocketAddr,
        /// Whether this host has chosen it; those of others were chosen by them.
        chosen: bool,
        /// What it sees.
        address: SocketAddr,
        /// When the datagram left of which it speaks.
        sent: Instant,
    },
    /// How long a rendezvous took to answer.
    RoundTrip { relay: RelayId, round_trip: Duration },
    /// A rendezvous does not carry what was sent to a peer.
    Refused {
        relay: RelayId,
        /// None when it refuses this host whomever it calls.
        callee: Option<Hit>,
        reason: RefusalReason,
    },
    /// A relay gave way to another: its identifier means nothing any more.
    Forgotten { relay: RelayId },
    /// A TCP connection to a rendezvous is wanted: [`Client::stream_opened`] or
    /// [`Client::stream_closed`] will follow.
    OpenStream { relay: RelayId, address: SocketAddr },
    /// A TCP connection is no longer wanted.
    CloseStream { carrier: Carrier },
}

/// How it stands with a rendezvous of this host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Registration {
    /// Nothing was heard of it yet, or not for a while.
    Asking,
    /// Peers can call this host through it.
    Accepted {
        /// Whether it carries traffic as well, or introduces only.
        carries: bool,
        /// Whether it is reached over TCP, since UDP does not pass.
        tcp: bool,
    },
    /// It does not want this host.
    Refused(RefusalReason),
}

/// All rendezvous of a host.
pub(in crate::link) struct Client {
    own: Own,
    drbg: Drbg,
    /// Shown in each HELLO.
    certificates: Vec<Vec<u8>>,
    relays: HashMap<RelayId, Relay>,
    by_carrier: HashMap<Carrier, RelayId>,
    /// In the order of the configuration.
    configured: Vec<RelayId>,
    next_id: u16,
    transmits: VecDeque<Transmit>,
    events: VecDeque<Event>,
}

impl Client {
    /// `seed` must be unpredictable octets.
    ///
    /// # Errors
    /// Never for a pair made from a seed.
    pub(in crate::link) fn new(keys: &KeyPair, seed: [u8; 32]) -> Result<Client, SignatureError> {
        Ok(Client {
            own: Own::new(keys)?,
            drbg: Drbg::new(seed),
            certificates: Vec::new(),
            relays: HashMap::new(),
            by_carrier: HashMap::new(),
            configured: Vec::new(),
            next_id: 0,
            transmits: VecDeque::new(),
            events: VecDeque::new(),
        })
    }

    /// Registers at these from now on, at the first three of them, and at no others.
    pub(in crate::link) fn set_own(&mut self, nodes: &[Rendezvous], now: Instant) {
        let wanted: Vec<RelayId> =
            nodes.iter().filter_map(|node| self.find_or_add(*node, now)).take(MAX_OWN).collect();
        for (id, relay) in &mut self.relays {
            let purpose = if wanted.contains(id) { Purpose::Register } else { Purpose::Call };
            if relay.purpose != purpose {
                relay.purpose = purpose;
                if purpose == Purpose::Register {
                    relay.greet(now);
                }
            }
        }
        self.configured = wanted;
        self.events.push_back(Event::Registration);
        self.handle_timeout(now);
    }

    /// Shows these certificates from now on. Rendezvous that have them registered, or refused to, hear of new ones
    /// at once.
    pub(in crate::link) fn set_certificates(&mut self, certificates: Vec<Vec<u8>>, now: Instant) {
        if certificates == self.certificates {
            return;
        }
        self.certificates = certificates;
        for relay in self.relays.values_mut() {
            if relay.is_wanted(now) || matches!(relay.state, State::Refused { .. }) {
                relay.greet(now);
            }
        }
        self.handle_timeout(now);
    }

    /// The rendezvous of this host that have accepted it.
    pub(in crate::link) fn accepted(&self) -> Vec<Rendezvous> {
        let accepted = self.registrations().into_iter();
        let accepted = accepted.filter(|(_, r)| matches!(r, Registration::Accepted { .. }));
        accepted.map(|(node, _)| node).collect()
    }

    /// The rendezvous of this host and how it stands with each.
    pub(in crate::link) fn registrations(&self) -> Vec<(Rendezvous, Registration)> {
        let relays = self.configured.iter().filter_map(|id| self.relays.get(id));
        relays.map(|relay| (relay.node, registration(relay))).collect()
    }

    /// The relay for calls through a rendezvous, and where it is. None if its key is not usable or all
    /// places are taken.
    pub(in crate::link) fn relay(&mut self, node: Rendezvous, now: Instant) -> Option<RelayId> {
        self.find_or_add(node, now)
    }

    /// The rendezvous behind an identifier.
    pub(in crate::link) fn node(&self, relay: RelayId) -> Option<Rendezvous> {
        self.relays.get(&relay).map(|relay| relay.node)
    }

    /// The relay whose datagrams come from here.
    pub(in crate::link) fn relay_at(&self, carrier: Carrier) -> Option<RelayId> {
        self.by_carrier.get(&carrier).copied()
    }

    /// The relay that has carried what comes from here.
    pub(in crate::link) fn carried(&mut self, from: Carrier, now: Instant) -> Option<RelayId> {
        let id = self.relay_at(from)?;
        if let Some(relay) = self.relays.get_mut(&id).filter(|relay| relay.carrier == from) {
            relay.carried = now;
        }
        Some(id)
    }

    /// What carries datagrams through a relay to a peer, and what stands before each; None while it refuses this
    /// host. Before the first there is a HELLO in [`Client::poll_transmit`], which has to go first.
    pub(in crate::link) fn carry(
        &mut self,
        id: RelayId,
        peer: Hit,
        now: Instant,
    ) -> Option<(Carrier, Header)> {
        let relay = self.relays.get_mut(&id)?;
        let rested = !relay.is_wanted(now);
        relay.last_used = now;
        match relay.state {
            State::Refused { retry, .. } if retry > now => return None,
            State::Greeting { .. } | State::Welcomed(_) if !rested => {}
            _ => {
                relay.greet(now);
                self.serve(id, now);
            }
        }
        let relay = self.relays.get_mut(&id)?;
        Some((relay.carrier, Header::new(Direction::Up, relay.name(peer, now))))
    }

    /// Whom a relay means by a channel.
    pub(in crate::link) fn peer(
        &mut self,
        id: RelayId,
        channel: Channel,
        now: Instant,
    ) -> Option<Hit> {
        self.relays.get_mut(&id)?.named(channel, now)
    }

    /// The TCP connection that was asked for is there.
    pub(in crate::link) fn stream_opened(&mut self, id: RelayId, carrier: Carrier, now: Instant) {
        let Some(relay) = self.relays.get_mut(&id).filter(|r| r.stream == Stream::Opening) else {
            self.events.push_back(Event::CloseStream { carrier });
            return;
        };
        if relay.carrier == relay.udp() && matches!(relay.state, State::Welcomed(_)) {
            relay.stream = Stream::Closed; // UDP was faster after all
            self.events.push_back(Event::CloseStream { carrier });
            return;
        }
        relay.stream = Stream::Open(carrier);
        self.by_carrier.insert(carrier, id);
        self.hello(id, carrier, now);
    }

    /// The TCP connection could not be had, or has ended.
    pub(in crate::link) fn stream_closed(&mut self, id: RelayId, now: Instant) {
        let Some(relay) = self.relays.get_mut(&id) else { return };
        if let Stream::Open(carrier) = relay.stream {
            self.by_carrier.remove(&carrier);
        }
        relay.stream_closed(now);
        self.serve(id, now);
    }

    /// Addresses of this host have changed: says HELLO wherever a session is wanted.
    pub(in crate::link) fn handle_moved(&mut self, now: Instant) {
        for relay in self.relays.values_mut() {
            if relay.is_wanted(now) && !matches!(relay.state, State::Refused { .. }) {
                relay.greet(now);
            }
        }
        self.handle_timeout(now);
    }

    /// Does what is due.
    pub(in crate::link) fn handle_timeout(&mut self, now: Instant) {
        let due = self.relays.values().filter(|r| r.next_due(now).is_some_and(|due| due <= now));
        for id in due.map(|relay| relay.id).collect::<Vec<_>>() {
            self.serve(id, now);
        }
    }

    fn serve(&mut self, id: RelayId, now: Instant) {
        while let Some(relay) = self.relays.get_mut(&id) {
            let before = registration(relay);
            let Some(due) = relay.advance(now) else { return };
            if registration(relay) != before && relay.purpose == Purpose::Register {
                self.events.push_back(Event::Registration);
            }
            let (carrier, address) = (relay.carrier, relay.node.address);
            match due {
                Due::Hello(carrier) => self.hello(id, carrier, now),
                Due::Keep(token) => {
                    let datagram = message::keep(&token);
                    self.transmits.push_back(Transmit { to: carrier, datagram });
                }
                Due::OpenStream => self.events.push_back(Event::OpenStream { relay: id, address }),
            }
        }
    }

    fn hello(&mut self, id: RelayId, carrier: Carrier, now: Instant) {
        let ephemeral = self.drbg.next();
        let Some(relay) = self.relays.get_mut(&id) else { return };
        let certificates = self.certificates.clone();
        let hello = Hello { purpose: relay.purpose, lifetime: MAX_LIFETIME, certificates };
        let sealed = seal::seal(&self.own, &relay.remote, HELLO, &hello.encode(), ephemeral);
        let Some(sealed) = sealed else { return };
        relay.expect(Pending { id: sealed.id, key: sealed.answer_key, carrier, sent: now });
        relay.note_hello(now);
        self.transmits.push_back(Transmit { to: carrier, datagram: sealed.datagram });
    }

    fn find_or_add(&mut self, node: Rendezvous, now: Instant) -> Option<RelayId> {
        let known = self.relay_at(Carrier::Udp(node.address));
        if let Some(known) = known.and_then(|id| self.relays.get(&id)) {
            // two keys at one address: one of them is not there
            return (known.node.key == node.key).then_some(known.id);
        }
        if self.relays.len() >= MAX_RELAYS {
            let idle = self.relays.values().filter(|relay| !relay.is_wanted(now));
            let id = idle.min_by_key(|relay| relay.last_used)?.id;
            self.forget(id);
        }
        let remote = Remote::new(&self.own, node.key).ok()?;
        while self.relays.contains_key(&RelayId(self.next_id)) {
            self.next_id = self.next_id.wrapping_add(1);
        }
        let id = RelayId(self.next_id);
        self.next_id = self.next_id.wrapping_add(1);
        self.by_carrier.insert(Carrier::Udp(node.address), id);
        self.relays.insert(id, Relay::new(id, node, remote, now));
        Some(id)
    }

    fn forget(&mut self, id: RelayId) {
        let Some(relay) = self.relays.remove(&id) else { return };
        if let Stream::Open(carrier) = relay.stream {
            self.events.push_back(Event::CloseStream { carrier });
        }
        self.by_carrier.retain(|_, owner| *owner != id);
        self.events.push_back(Event::Forgotten { relay: id });
    }

    /// The next datagram to send.
    pub(in crate::link) fn poll_transmit(&mut self) -> Option<Transmit> {
        self.transmits.pop_front()
    }

    /// The next thing found out.
    pub(in crate::link) fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// When [`Client::handle_timeout`] should be called; None while nothing is to do.
    pub(in crate::link) fn poll_timeout(&self, now: Instant) -> Option<Instant> {
        self.relays.values().filter_map(|relay| relay.next_due(now)).min()
    }
}

fn registration(relay: &Relay) -> Registration {
    match (relay.state, relay.accepted) {
        (State::Refused { reason, .. }, _) => Registration::Refused(reason),
        (_, Some(carries)) => Registration::Accepted { carries, tcp: relay.carrier != relay.udp() },
        _ => Registration::Asking,
    }
}
