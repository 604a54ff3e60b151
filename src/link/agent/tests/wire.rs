//! Hosts with public addresses, nothing but a wire between them, and real sealing.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, HashMap},
    net::SocketAddr,
    time::{Duration, Instant},
};

use super::{Dice, address, keys, millis};
use crate::identity::{Hit, PublicKey};
use crate::link::{
    agent::{
        Agent, Event, Strangers,
        checks::{MAX_PEERS, MAX_PENDING},
    },
    peer::MAX_CANDIDATES,
    seal::Own,
    way::Way,
};
use crate::runtime::clock;

/// A host: its agent and the addresses at which it is reached; what it begins goes out from the first.
pub(super) struct Node {
    pub(super) agent: Agent,
    pub(super) key: PublicKey,
    pub(super) addresses: Vec<SocketAddr>,
    pub(super) events: Vec<(Instant, Event)>,
}

impl Node {
    pub(super) fn hit(&self) -> Hit {
        self.key.hit()
    }
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Flying {
    arrives: Instant,
    number: u64,
    from: SocketAddr,
    to: SocketAddr,
    datagram: Vec<u8>,
}

/// Hosts and the network between them.
pub(super) struct World {
    pub(super) now: Instant,
    pub(super) nodes: Vec<Node>,
    pub(super) flying: BinaryHeap<Reverse<Flying>>,
    pub(super) dice: Dice,
    /// Of a hundred datagrams.
    pub(super) loss: u64,
    /// One way; each datagram takes up to `jitter` more.
    pub(super) delay: Duration,
    pub(super) jitter: u64,
    /// Extra one-way delay to and from an address.
    pub(super) slow: HashMap<SocketAddr, Duration>,
    /// Every datagram that was sent.
    pub(super) log: Vec<(SocketAddr, SocketAddr, Vec<u8>)>,
}

impl World {
    pub(super) fn new(seed: u64, nodes: usize) -> World {
        let now = clock::now();
        let nodes = (0..nodes)
            .map(|at| {
                let keys = keys(seed * 100 + at as u64);
                let own = Own::new(&keys).unwrap();
                let agent = Agent::new(own, Strangers::Welcome, [at as u8 + 1; 32], 1, now);
                let addresses = vec![address(at as u8 + 1, 5050)];
                Node { agent, key: keys.public(), addresses, events: Vec::new() }
            })
            .collect();
        World {
            now,
            nodes,
            flying: BinaryHeap::new(),
            dice: Dice::new(seed),
            loss: 0,
            delay: millis(10),
            jitter: 0,
            slow: HashMap::new(),
            log: Vec::new(),
        }
    }

    pub(super) fn send(&mut self, from: SocketAddr, to: SocketAddr, datagram: Vec<u8>) {
        self.log.push((from, to, datagram.clone()));
        if self.dice.below(100) < self.loss {
            return;
        }
        let slow = [from, to].iter().filter_map(|end| self.slow.get(end)).sum::<Duration>();
        let jitter = millis(if self.jitter == 0 { 0 } else { self.dice.below(self.jitter) });
        let arrives = self.now + self.delay + slow + jitter;
        let number = self.log.len() as u64;
        self.flying.push(Reverse(Flying { arrives, number, from, to, datagram }));
    }

    pub(super) fn dial(&mut self, from: usize, to: usize, locators: &[SocketAddr]) {
        let key = self.nodes[to].key;
        let ways: Vec<Way> = locators.iter().map(|locator| Way::Direct(*locator)).collect();
        self.nodes[from].agent.dial(key, &ways, self.now).unwrap();
        self.collect();
    }

    /// Takes what the agents have to say.
    pub(super) fn collect(&mut self) {
        for at in 0..self.nodes.len() {
            let own = self.nodes[at].addresses.first().copied();
            self.collect_from(at, |_| own);
        }
    }

    /// The same of one, sending from the address that `choose` gives for a destination.
    pub(super) fn collect_from(
        &mut self,
        at: usize,
        choose: impl Fn(SocketAddr) -> Option<SocketAddr>,
    ) {
        while let Some(transmit) = self.nodes[at].agent.poll_transmit() {
            let to = transmit.to.direct().unwrap();
            if let Some(from) = choose(to) {
                self.send(from, to, transmit.datagram);
            }
        }
        while let Some(event) = self.nodes[at].agent.poll_event() {
            let now = self.now;
            self.nodes[at].events.push((now, event));
        }
    }

    /// A QUIC packet from one host to another, if there is a way; true if it was sent.
    pub(super) fn talk(&mut self, from: usize, to: usize) -> bool {
        let hit = self.nodes[to].hit();
        let route = self.nodes[from].agent.route(hit, self.now);
        self.collect();
        if let Some(route) = route {
            let route = route.direct().unwrap();
            let own = self.nodes[from].addresses[0];
            self.send(own, route, vec![0x40; 100]);
        }
        route.is_some()
    }

    /// What a datagram draws goes out from the address at which it came in.
    pub(super) fn deliver(&mut self, flying: &Flying) {
        let now = self.now;
        let owner = self.nodes.iter().position(|node| node.addresses.contains(&flying.to));
        let Some(at) = owner else { return };
        let hits: Vec<Hit> = self.nodes.iter().map(Node::hit).collect();
        let agent = &mut self.nodes[at].agent;
        if flying.datagram[0] < 0x40 {
            agent.handle_datagram(Way::Direct(flying.from), &flying.datagram, now);
            // the handshake that follows, if one does, is answered at once
            for hit in hits {
                agent.precede(hit, now);
            }
            agent.handle_timeout(now);
        } else {
            agent.source(Way::Direct(flying.from), 40, now);
        }
        self.collect_from(at, |_| Some(flying.to));
    }

    /// Runs until nothing flies and no timer is due before `end`.
    pub(super) fn run_until(&mut self, end: Instant) {
        loop {
            let arrival = self.flying.peek().map(|Reverse(flying)| flying.arrives);
            let timer = self.nodes.iter().filter_map(|node| node.agent.poll_timeout()).min();
            let Some(next) = [arrival, timer].into_iter().flatten().min().filter(|n| *n <= end)
            else {
                self.now = end;
                return;
            };
            self.now = self.now.max(next);
            while self.flying.peek().is_some_and(|Reverse(flying)| flying.arrives <= self.now) {
                if let Some(Reverse(flying)) = self.flying.pop() {
                    self.deliver(&flying);
                }
            }
            let now = self.now;
            for node in &mut self.nodes {
                node.agent.handle_timeout(now);
            }
            self.collect();
            self.check();
        }
    }

    pub(super) fn run(&mut self, time: Duration) {
        self.run_until(self.now + time);
    }

    /// What holds at any time.
    pub(super) fn check(&self) {
        for node in &self.nodes {
            assert!(node.agent.peers.len() <= MAX_PEERS);
            assert!(node.agent.pending.len() <= MAX_PENDING);
            assert!(node.agent.pending_order.len() <= MAX_PENDING);
            for peer in node.agent.peers.values() {
                assert!(peer.candidates.len() <= MAX_CANDIDATES);
            }
            for (way, hit) in &node.agent.by_way {
                let candidates = &node.agent.peers[hit].candidates;
                assert!(candidates.iter().any(|candidate| candidate.way == *way));
            }
        }
    }

    /// How the dials of a node ended.
    pub(super) fn dials(&self, node: usize) -> Vec<(Instant, &Event)> {
        let events = self.nodes[node].events.iter().map(|(at, event)| (*at, event));
        events
            .filter(|(_, e)| matches!(e, Event::Reached { .. } | Event::Unreachable { .. }))
            .collect()
    }

    pub(super) fn path(&self, from: usize, to: usize) -> Option<SocketAddr> {
        self.nodes[from].agent.path(self.nodes[to].hit())?.direct()
    }

    pub(super) fn bytes(&self, from: SocketAddr, to: SocketAddr) -> usize {
        let sent = self.log.iter().filter(|(a, b, _)| (*a, *b) == (from, to));
        sent.map(|(_, _, datagram)| datagram.len()).sum()
    }
}
