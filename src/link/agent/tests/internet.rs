//! Hosts behind NATs, one relay, and conversations between them, in virtual time.

mod routes;

use std::{
    cmp::Reverse,
    collections::BinaryHeap,
    net::{Ipv4Addr, SocketAddr, SocketAddrV4},
    time::{Duration, Instant},
};

use super::malice::Malice;
use super::nat::{Kind, Mapping, Nat, v4};
use super::{Dice, millis};
use crate::identity::{Hit, PublicKey};
use crate::link::{
    agent::{Agent, Event, LocalCandidate, Strangers, Transmit},
    candidate::CandidateKind,
    locator_set::NatMapping,
    peer::MAX_CANDIDATES,
    seal::plain::Plain,
    way::{RelayId, Way},
};

const STUN: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::new(9, 9, 9, 9), 3478);
const RELAY: RelayId = RelayId(0);
/// What IP and UDP add to a datagram.
const HEADERS: usize = 28;

/// Where datagrams wait or come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    Host(usize),
    Nat(usize),
}

/// A host with one interface.
pub(super) struct Host {
    pub(super) agent: Agent<Plain>,
    pub(super) key: PublicKey,
    pub(super) address: SocketAddrV4,
    /// Behind which NAT; None on the Internet.
    pub(super) behind: Option<usize>,
    pub(super) events: Vec<(Instant, Event)>,
    /// When a packet of the conversation arrived, and how.
    pub(super) received: Vec<(Instant, Way)>,
    /// Octets of control datagrams, sent and received, with headers.
    pub(super) control: usize,
    /// Answers each packet with one.
    pub(super) echoes: bool,
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Flying {
    arrives: Instant,
    number: u64,
    place: Place,
    from: SocketAddrV4,
    to: SocketAddrV4,
    /// The sender, if a relay carries it.
    relayed: Option<Hit>,
    datagram: Vec<u8>,
}

pub(super) struct Internet {
    pub(super) now: Instant,
    pub(super) hosts: Vec<Host>,
    pub(super) nats: Vec<Nat>,
    pub(super) dice: Dice,
    /// Of a hundred datagrams.
    pub(super) loss: u64,
    /// One way, between networks.
    pub(super) delay: Duration,
    /// One way, through the relay.
    pub(super) relay_delay: Duration,
    pub(super) jitter: u64,
    /// Whether the relay works, and what it does instead.
    pub(super) relay: bool,
    pub(super) malice: Malice,
    /// Whether datagrams travel no further than they may.
    pub(super) counts_hops: bool,
    /// Octets of a packet of QUIC.
    pub(super) packet: usize,
    /// Direct datagrams from one host's network to another's that vanish.
    pub(super) cut: Vec<(usize, usize)>,
    /// Control datagrams sent since the beginning.
    pub(super) sent: usize,
    /// When hosts hear which port comes next.
    scouts: Vec<(Instant, usize, Option<SocketAddr>)>,
    flying: BinaryHeap<Reverse<Flying>>,
    number: u64,
}

impl Internet {
    pub(super) fn new(seed: u64, now: Instant) -> Internet {
        let mut dice = Dice::new(seed);
        let delay = millis(5 + dice.below(95));
        Internet {
            now,
            hosts: Vec::new(),
            nats: Vec::new(),
            dice,
            loss: 0,
            delay,
            relay_delay: delay + millis(10),
            jitter: 0,
            relay: true,
            malice: Malice::None,
            counts_hops: true,
            packet: 300,
            cut: Vec::new(),
            sent: 0,
            scouts: Vec::new(),
            flying: BinaryHeap::new(),
            number: 0,
        }
    }

    /// A NAT on the Internet or in the network of another.
    pub(super) fn nat(&mut self, kind: Kind, outer: Option<usize>) -> usize {
        let number = self.nats.len() as u8;
        let public = match outer {
            None => Ipv4Addr::new(11, 1, number, 1),
            Some(_) => Ipv4Addr::new(100, 64, number, 1),
        };
        let first = 2000 + self.dice.below(50_000) as u16;
        self.nats.push(Nat::new(kind, public, outer, first));
        self.nats.len() - 1
    }

    /// A host, on the Internet or behind a NAT.
    pub(super) fn host(&mut self, behind: Option<usize>) -> usize {
        let at = self.hosts.len();
        let mut key = [at as u8 + 1; 32];
        key[0] = self.dice.below(256) as u8;
        let key = PublicKey(key);
        let mut seed = [at as u8; 32];
        seed[1..9].copy_from_slice(&self.dice.below(1 << 30).to_be_bytes());
        let agent = Agent::new(Plain(key), Strangers::Welcome, seed, 1, self.now);
        let address = self.free_address(behind);
        let (events, received) = (Vec::new(), Vec::new());
        let host = Host { agent, key, address, behind, events, received, control: 0, echoes: true };
        self.hosts.push(host);
        at
    }

    fn free_address(&mut self, behind: Option<usize>) -> SocketAddrV4 {
        let last = 10 + (self.number % 200) as u8;
        self.number += 1;
        let ip = match behind {
            None => Ipv4Addr::new(11, 200, 0, last),
            Some(nat) => Ipv4Addr::new(192, 168, nat as u8, last),
        };
        SocketAddrV4::new(ip, 5050)
    }

    /// The host is plugged in elsewhere; it notices if it is told so by [`Internet::gather`].
    pub(super) fn move_to(&mut self, host: usize, behind: Option<usize>) {
        self.hosts[host].address = self.free_address(behind);
        self.hosts[host].behind = behind;
    }

    /// Somebody else behind a NAT sends something somewhere.
    pub(super) fn use_nat(&mut self, nat: usize) {
        let number = self.dice.below(60_000) as u16;
        let from = SocketAddrV4::new(Ipv4Addr::new(192, 168, nat as u8, 5), number + 1);
        let _ = self.nats[nat].outbound(from, STUN, self.now);
    }

    /// The host has noticed that it is in another network.
    pub(super) fn change_network(&mut self, host: usize) {
        let now = self.now;
        self.hosts[host].agent.handle_network_change(now);
        self.collect();
    }

    pub(super) fn hit(&self, host: usize) -> Hit {
        self.hosts[host].key.hit()
    }

    /// Asks STUN and tells the agent its candidates; gives the addresses to publish.
    pub(super) fn gather(&mut self, host: usize) -> Vec<SocketAddr> {
        let own = self.hosts[host].address;
        let mut found = vec![(CandidateKind::Host, SocketAddr::V4(own))];
        if let Some((seen, _)) = self.leave(host, STUN, 64)
            && seen != own
        {
            found.push((CandidateKind::ServerReflexive, seen.into()));
        }
        let nat = self.mapping(self.hosts[host].behind);
        let to_relay = self.relay_delay; // half of it for each end, there and back
        self.hosts[host].agent.set_relay_round_trip(RELAY, to_relay);
        let local: Vec<LocalCandidate> = found
            .iter()
            .map(|(kind, address)| LocalCandidate { kind: *kind, address: *address, turn: None })
            .collect();
        let now = self.now;
        self.hosts[host].agent.set_local_candidates(&local, nat, now);
        self.collect();
        found.into_iter().map(|(_, address)| address).collect()
    }

    fn mapping(&self, behind: Option<usize>) -> NatMapping {
        let mut kinds = Vec::new();
        let mut level = behind;
        while let Some(nat) = level {
            kinds.push(self.nats[nat].kind.mapping);
            level = self.nats[nat].outer;
        }
        if kinds.contains(&Mapping::Random) {
            NatMapping::SymmetricRandom
        } else if kinds == [Mapping::Sequential] {
            NatMapping::SymmetricSequential { step: 1 }
        } else if kinds.contains(&Mapping::Sequential) {
            NatMapping::Unknown
        } else {
            NatMapping::EndpointIndependent
        }
    }

    /// Dials with the published addresses, and the relay if `relay`.
    pub(super) fn dial(&mut self, from: usize, to: usize, published: &[SocketAddr], relay: bool) {
        let (key, hit) = (self.hosts[to].key, self.hit(to));
        let mut ways: Vec<Way> = published.iter().map(|address| Way::Direct(*address)).collect();
        if relay {
            ways.push(Way::Relayed { relay: RELAY, hit });
        }
        let now = self.now;
        self.hosts[from].agent.dial(key, &ways, now).unwrap();
        self.collect();
    }

    pub(super) fn collect(&mut self) {
        for at in 0..self.hosts.len() {
            while let Some(transmit) = self.hosts[at].agent.poll_transmit() {
                self.hosts[at].control += transmit.datagram.len() + HEADERS;
                self.sent += 1;
                self.send(at, transmit);
            }
            while let Some(event) = self.hosts[at].agent.poll_event() {
                let now = self.now;
                if event == Event::Scout {
                    self.scout(at);
                }
                self.hosts[at].events.push((now, event));
            }
        }
    }

    /// A fresh socket asks STUN.
    fn scout(&mut self, host: usize) {
        self.number += 1;
        let (own, round_trip) = (self.hosts[host].address, self.delay * 2);
        let fresh = SocketAddrV4::new(*own.ip(), 10_000 + (self.number % 50_000) as u16);
        self.hosts[host].address = fresh;
        let seen = self.leave(host, STUN, 64).map(|(seen, _)| seen.into());
        self.hosts[host].address = own;
        let lost = self.dice.below(100) < self.loss;
        self.scouts.push((self.now + round_trip, host, seen.filter(|_| !lost)));
    }

    pub(super) fn send(&mut self, from: usize, transmit: Transmit) {
        let lost = self.dice.below(100) < self.loss;
        let jitter = millis(if self.jitter == 0 { 0 } else { self.dice.below(self.jitter) });
        let datagram = transmit.datagram;
        match transmit.to {
            Way::Relayed { hit, .. } => {
                let receiver = self.hosts.iter().position(|host| host.key.hit() == hit);
                let (Some(receiver), true, false) = (receiver, self.relay, lost) else { return };
                if self.malice == Malice::Refuses {
                    let now = self.now;
                    return self.hosts[from].agent.handle_refused(transmit.to, now);
                }
                for (later, name) in self.malice.carry(self.hit(from), hit, &datagram) {
                    let delay = self.relay_delay + jitter + later;
                    let place = Place::Host(receiver);
                    self.fly(place, STUN, STUN, Some(name), datagram.clone(), delay);
                }
            }
            Way::Direct(to) => {
                let Some(to) = v4(to) else { return };
                let ttl = transmit.ttl.filter(|_| self.counts_hops).unwrap_or(64);
                let Some((source, place)) = self.leave(from, to, ttl) else { return };
                let Some(place) = place.filter(|_| !lost) else { return };
                let near = matches!(place, Place::Host(to) if self.hosts[to].behind == self.hosts[from].behind);
                let delay = if near { millis(1) } else { self.delay };
                if !near && self.is_cut(from, place) {
                    return;
                }
                self.fly(place, source, to, None, datagram, delay + jitter);
            }
            Way::Turn { .. } => {}
        }
    }

    fn fly(
        &mut self,
        place: Place,
        from: SocketAddrV4,
        to: SocketAddrV4,
        relayed: Option<Hit>,
        datagram: Vec<u8>,
        delay: Duration,
    ) {
        self.number += 1;
        let (arrives, number) = (self.now + delay, self.number);
        self.flying.push(Reverse(Flying { arrives, number, place, from, to, relayed, datagram }));
    }

    fn deliver(&mut self, flying: Flying) {
        let (host, from) = match (flying.relayed, flying.place) {
            (Some(hit), Place::Host(host)) => (host, Way::Relayed { relay: RELAY, hit }),
            _ => {
                let Some(host) = self.enter(flying.place, flying.from, flying.to) else { return };
                (host, Way::Direct(flying.from.into()))
            }
        };
        let now = self.now;
        let at = &mut self.hosts[host];
        if flying.datagram[0] < 0x40 {
            at.control += flying.datagram.len() + HEADERS;
            at.agent.handle_datagram(from, &flying.datagram, now);
            self.collect();
        } else if let Some(hit) = at.agent.source(from, 40, now) {
            at.received.push((now, from));
            if flying.datagram[0] == 0x40 && self.hosts[host].echoes {
                self.speak(host, hit, 0x41);
            }
        }
    }

    pub(super) fn run(&mut self, time: Duration) {
        let end = self.now + time;
        loop {
            let arrival = self.flying.peek().map(|Reverse(flying)| flying.arrives);
            let timers = self.hosts.iter().filter_map(|host| host.agent.poll_timeout());
            let scouts = self.scouts.iter().map(|(at, ..)| *at);
            let next = timers.chain(arrival).chain(scouts).min();
            let Some(next) = next.filter(|next| *next <= end) else { break };
            self.now = self.now.max(next);
            while self.flying.peek().is_some_and(|Reverse(flying)| flying.arrives <= self.now) {
                if let Some(Reverse(flying)) = self.flying.pop() {
                    self.deliver(flying);
                }
            }
            let now = self.now;
            let due = |(at, ..): &mut (Instant, usize, Option<SocketAddr>)| *at <= now;
            for (_, host, seen) in self.scouts.extract_if(.., due) {
                self.hosts[host].agent.scouted(seen, now);
            }
            for host in &mut self.hosts {
                host.agent.handle_timeout(now);
            }
            self.collect();
            self.check();
        }
        self.now = end;
    }

    /// What holds at any time.
    fn check(&self) {
        for host in &self.hosts {
            assert!(host.agent.pending.len() <= 4096);
            for peer in host.agent.peers.values() {
                assert!(peer.candidates.len() <= MAX_CANDIDATES);
            }
        }
        let silent = self
            .hosts
            .iter()
            .all(|host| host.agent.poll_timeout().is_none_or(|due| due > self.now));
        assert!(silent, "an agent wants to work again and again at one moment");
    }
}
