//! Clients and a rendezvous in a simulated network with a virtual clock.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    net::SocketAddr,
    time::{Duration, Instant},
};

use zeroize::Zeroizing;

use super::{
    message::{KEEP_LENGTH, KEPT_LENGTH, REFUSED_LENGTH},
    relay::KEEP_INTERVAL,
    session::Session,
    *,
};
use crate::identity::{Hit, KeyPair, PublicKey, Timestamp};
use crate::link::datagram::{CARRY, HELLO, Kind, REFUSED, WELCOME};
use crate::link::way::RelayId;
use crate::registration::Rendezvous;
use crate::runtime::clock;

const DELAY: Duration = Duration::from_millis(20);

fn keys(number: u8) -> KeyPair {
    KeyPair::from_seed(&Zeroizing::new([number; 32]))
}

/// Somebody, by number; there are enough for tests of bounds.
pub(super) fn hit(number: u32) -> Hit {
    let mut key = [0; 32];
    key[..4].copy_from_slice(&number.to_be_bytes());
    PublicKey(key).hit()
}

fn key(number: u8) -> PublicKey {
    keys(number).public()
}

fn address(host: u8) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, host], 5050))
}

fn node() -> Rendezvous {
    Rendezvous { key: key(100), address: address(100) }
}

fn rules(relay: Group) -> Rules {
    Rules::new(Group::Anyone, relay, 1_000_000)
}

struct Flying {
    arrives: Instant,
    from: SocketAddr,
    to: SocketAddr,
    datagram: Vec<u8>,
}

/// A client; `address` is where the network sees it.
struct Host {
    client: Client,
    address: SocketAddr,
    events: Vec<Event>,
    /// Who sent it, and what.
    carried: Vec<(Hit, Vec<u8>)>,
}

struct World {
    now: Instant,
    server: Server,
    /// What the calendar of the rendezvous says.
    date: Timestamp,
    /// Whether the rendezvous hears anything.
    up: bool,
    hosts: Vec<Host>,
    flying: VecDeque<Flying>,
    /// Octets in each direction between an address and the rendezvous.
    sent: HashMap<SocketAddr, (usize, usize)>,
    log: Vec<(SocketAddr, Vec<u8>)>,
    /// Carried, with the wish that the sender slows down.
    marked: usize,
}

impl World {
    fn new(rules: Rules, hosts: u8) -> World {
        let now = clock::now();
        let host = |number| Host {
            client: Client::new(&keys(number), [number; 32]).unwrap(),
            address: address(number),
            events: Vec::new(),
            carried: Vec::new(),
        };
        World {
            now,
            server: Server::new(&keys(100), rules, [100; 32], now).unwrap(),
            date: Timestamp::from_secs(1_800_000_000),
            up: true,
            hosts: (1..=hosts).map(host).collect(),
            flying: VecDeque::new(),
            sent: HashMap::new(),
            log: Vec::new(),
            marked: 0,
        }
    }

    /// The first host is registered.
    fn with_registered(rules: Rules, hosts: u8) -> World {
        let mut world = World::new(rules, hosts);
        let now = world.now;
        world.hosts[0].client.set_own(&[node()], now);
        world.run(Duration::from_secs(1));
        assert_eq!(world.hosts[0].client.accepted(), [node()]);
        world
    }

    fn send(&mut self, from: SocketAddr, to: SocketAddr, datagram: Vec<u8>) {
        let arrives = self.now + DELAY;
        if to == node().address {
            self.sent.entry(from).or_default().0 += datagram.len();
        } else {
            self.sent.entry(to).or_default().1 += datagram.len();
        }
        self.log.push((from, datagram.clone()));
        self.flying.push_back(Flying { arrives, from, to, datagram });
    }

    /// Sends a datagram from one host to another through the rendezvous.
    fn carry(&mut self, from: usize, to: PublicKey, content: &[u8]) {
        let now = self.now;
        let client = &mut self.hosts[from].client;
        let relay = client.relay(node(), now).unwrap();
        let Some((carrier, header)) = client.carry(relay, to.hit(), now) else { return };
        self.collect();
        let datagram = [header.as_ref(), content].concat();
        self.send(self.hosts[from].address, carrier.address(), datagram);
    }

    /// Takes what the machines have to say.
    fn collect(&mut self) {
        while let Some(transmit) = self.server.poll_transmit() {
            self.send(node().address, transmit.to.address(), transmit.datagram);
        }
        for at in 0..self.hosts.len() {
            while let Some(transmit) = self.hosts[at].client.poll_transmit() {
                self.send(self.hosts[at].address, transmit.to.address(), transmit.datagram);
            }
            while let Some(event) = self.hosts[at].client.poll_event() {
                self.hosts[at].events.push(event);
            }
        }
    }

    fn deliver(&mut self, flying: Flying) {
        let Flying { from, to, datagram, .. } = flying;
        let now = self.now;
        if to == node().address {
            if !self.up {
            } else if Kind::of(&datagram) != Kind::Carry {
                self.server.handle_datagram(Carrier::Udp(from), &datagram, now, self.date);
            } else if let Some((peer, header)) = Header::parse(&datagram) {
                let run = Run { octets: datagram.len(), stride: datagram.len(), header };
                let forward = self.server.forward(Carrier::Udp(from), peer, run, now);
                let Some(Forward { to: place, header: new, also, tag, congested }) = forward else {
                    return;
                };
                self.marked += usize::from(congested);
                if let Some((also, _)) = also {
                    self.send(to, also.address(), [tag.as_ref(), &datagram[header..]].concat());
                }
                self.send(to, place.address(), [new.as_ref(), &datagram[header..]].concat());
            }
        } else if let Some(host) = self.hosts.iter_mut().find(|host| host.address == to) {
            let client = &mut host.client;
            if Kind::of(&datagram) != Kind::Carried {
                client.handle_datagram(Carrier::Udp(from), &datagram, now);
            } else if let Some((named, header)) = Header::parse(&datagram)
                && let Some(relay) = client.carried(Carrier::Udp(from), now)
            {
                let sender = match named {
                    Peer::Tag(hit) => Some(hit),
                    Peer::Channel(channel) => client.peer(relay, channel, now),
                };
                host.carried.extend(sender.map(|hit| (hit, datagram[header..].to_vec())));
            }
        }
    }

    fn run(&mut self, span: Duration) {
        let end = self.now + span;
        loop {
            self.collect();
            let arrival = self.flying.front().map(|flying| flying.arrives);
            let server = self.server.poll_timeout().filter(|_| self.up);
            let clients = self.hosts.iter().filter_map(|h| h.client.poll_timeout(self.now)).min();
            let next = [arrival, server, clients].into_iter().flatten().min();
            let Some(next) = next.filter(|next| *next <= end) else {
                self.now = end;
                return;
            };
            self.now = self.now.max(next);
            if arrival.is_some_and(|arrival| arrival <= self.now) {
                let flying = self.flying.pop_front().unwrap();
                self.deliver(flying);
            }
            if self.up {
                self.server.handle_timeout(self.now);
            }
            for host in &mut self.hosts {
                host.client.handle_timeout(self.now);
            }
        }
    }

    fn refusals(&self, host: usize) -> Vec<RefusalReason> {
        let reason = |event: &Event| match event {
            Event::Refused { reason, .. } => Some(*reason),
            _ => None,
        };
        self.hosts[host].events.iter().filter_map(reason).collect()
    }

    fn kinds_from(&self, address: SocketAddr) -> Vec<u8> {
        let of = self.log.iter().filter(|(from, _)| *from == address);
        of.map(|(_, datagram)| datagram[0]).collect()
    }
}

#[test]
fn a_caller_reaches_a_registered_host_without_a_round_trip() {
    let mut world = World::with_registered(rules(Group::Nobody), 2);
    let start = world.now;
    world.carry(1, key(1), b"first");
    world.carry(1, key(1), b"second");
    world.run(2 * DELAY);
    let caller = key(2).hit();
    let carried = [(caller, b"first".to_vec()), (caller, b"second".to_vec())];
    assert_eq!(world.hosts[0].carried, carried);
    assert_eq!(world.now - start, 2 * DELAY);

    world.carry(0, key(2), b"answer");
    world.run(2 * DELAY);
    assert_eq!(world.hosts[1].carried, [(key(1).hit(), b"answer".to_vec())]);
    let observed = |event: &Event| {
        let seen = address(2);
        matches!(event, Event::Observed { chosen: false, address, .. } if *address == seen)
    };
    assert!(world.hosts[1].events.iter().any(observed), "the WELCOME says where it came from");
}

#[test]
fn a_registration_is_kept_and_costs_little() {
    let mut world = World::with_registered(rules(Group::Anyone), 2);
    world.sent.clear();
    let hour = Duration::from_secs(3600);
    world.run(hour);
    let (up, down) = world.sent[&address(1)];
    let datagrams = 2 * hour.as_secs() / KEEP_INTERVAL.as_secs();
    let octets = up + down + 28 * datagrams as usize;
    assert!(octets < 4 * 3600, "{octets} octets an hour, headers of IPv4 and UDP included");
    world.carry(1, key(1), b"call");
    world.run(Duration::from_secs(1));
    assert_eq!(world.hosts[0].carried.len(), 1);
}

#[test]
fn a_client_that_is_gone_is_forgotten() {
    let mut world = World::with_registered(rules(Group::Anyone), 2);
    assert_eq!(world.server.counts(world.now).registered, 1);
    world.hosts[0].address = address(9); // what comes to the old one is lost
    let now = world.now;
    world.hosts[0].client.set_own(&[], now);
    world.run(Duration::from_secs(300));
    assert_eq!(world.server.counts(world.now), Counts::default());
    world.carry(1, key(1), b"call with enough octets to be refused");
    world.run(Duration::from_secs(1));
    world.carry(1, key(1), b"call with enough octets to be refused");
    world.run(Duration::from_secs(1));
    assert_eq!(world.refusals(1)[0], RefusalReason::UnknownCallee);
}

#[test]
fn a_client_that_moves_is_reached_at_its_new_address_within_a_keep() {
    let mut world = World::with_registered(rules(Group::Anyone), 2);
    world.hosts[0].address = address(9); // and nobody tells it
    world.run(KEEP_INTERVAL + Duration::from_secs(1));
    world.carry(1, key(1), b"call");
    world.run(Duration::from_secs(1));
    assert_eq!(world.hosts[0].carried.len(), 1);
    assert_eq!(world.server.counts(world.now).clients, 2);

    world.hosts[0].address = address(8);
    let now = world.now;
    world.hosts[0].client.handle_moved(now); // and now it knows
    world.run(4 * DELAY);
    world.carry(1, key(1), b"call");
    world.run(Duration::from_secs(1));
    assert_eq!(world.hosts[0].carried.len(), 2);
}

#[test]
fn a_client_that_has_moved_hears_of_others_before_it_has_proved_where_it_is() {
    let mut world = World::with_registered(rules(Group::Anyone), 2);
    world.carry(1, key(1), b"call");
    world.run(Duration::from_secs(1));
    let start = world.now;
    for host in [0, 1] {
        world.hosts[host].address = address(8 + host as u8);
        world.hosts[host].client.handle_moved(start);
    }
    // one right behind its own HELLO, one as soon as the other's is there as well
    world.carry(0, key(2), b"I am here");
    world.run(DELAY / 2);
    world.carry(1, key(1), b"and I am there");
    world.run(DELAY * 3 / 2);
    assert_eq!(world.now - start, 2 * DELAY, "the proof needs as long to get there and more");
    assert_eq!(world.hosts[1].carried, [(key(1).hit(), b"I am here".to_vec())]);
    world.run(DELAY / 2);
    assert_eq!(world.hosts[0].carried[1..], [(key(2).hit(), b"and I am there".to_vec())]);
    world.run(Duration::from_secs(1));
    world.carry(1, key(1), b"again");
    world.run(Duration::from_secs(1));
    assert_eq!(world.hosts[0].carried.len(), 3, "from now on at one place, once");
    assert_eq!(world.server.counts(world.now).clients, 2);
}

#[test]
fn a_restart_forgets_no_registration() {
    let mut world = World::with_registered(rules(Group::Anyone), 2);
    assert!(world.server.take_changed() && !world.server.take_changed());
    let saved = world.server.save(world.now);
    world.run(Duration::from_secs(10));
    // it is killed, and comes back with another seed
    let restart = |world: &mut World, saved: &[u8]| {
        let now = world.now;
        world.server = Server::new(&keys(100), rules(Group::Anyone), [101; 32], now).unwrap();
        world.server.restore(saved, now);
    };
    restart(&mut world, &saved);
    world.carry(1, key(1), b"call");
    world.run(2 * DELAY);
    assert_eq!(world.hosts[0].carried.len(), 1, "forwarded at once");
    world.log.clear();
    world.run(Duration::from_secs(1));
    assert!(world.kinds_from(address(1)).contains(&HELLO), "it was asked to say HELLO");
    world.run(Duration::from_secs(600));
    assert_eq!(world.server.counts(world.now).registered, 1);

    // even without the file: the next KEEP is refused, and a HELLO follows at once
    restart(&mut world, b"");
    world.run(KEEP_INTERVAL + Duration::from_secs(1));
    assert_eq!(world.server.counts(world.now).registered, 1);
}

#[test]
fn an_outage_ends_five_seconds_after_the_rendezvous_is_back() {
    let mut world = World::with_registered(rules(Group::Anyone), 2);
    let saved = world.server.save(world.now);
    for outage in [3, 20, 40, 200] {
        world.up = false;
        world.run(Duration::from_secs(outage));
        world.up = true;
        let now = world.now;
        world.server = Server::new(&keys(100), rules(Group::Anyone), [101; 32], now).unwrap();
        world.server.restore(&saved, now);
        world.run(Duration::from_secs(5));
        for _ in 0..2 {
            // the caller's session is forgotten: the first one may say so
            world.carry(1, key(1), b"call");
            world.run(5 * DELAY);
        }
        assert!(!world.hosts[0].carried.is_empty(), "after {outage} seconds");
        assert_eq!(world.hosts[0].client.accepted(), [node()]);
        world.hosts[0].carried.clear();
    }
}

#[test]
fn a_replayed_hello_steals_nothing_and_is_not_amplified() {
    let mut world = World::with_registered(rules(Group::Anyone), 2);
    let hello = world.log.iter().find(|(from, d)| *from == address(1) && d[0] == HELLO);
    let hello = hello.unwrap().1.clone();
    let mallory = address(66);
    world.sent.clear();
    for _ in 0..50 {
        world.send(mallory, node().address, hello.clone());
    }
    world.run(Duration::from_secs(1));
    for _ in 0..20 {
        world.carry(1, key(1), &[7; 1000]);
    }
    world.run(Duration::from_secs(5));
    assert_eq!(world.hosts[0].carried.len(), 20, "the registration did not move");
    let (received, sent) = world.sent[&mallory];
    assert!(sent <= 3 * received, "{sent} of {received}");
    assert!(sent > received, "what may go there as well was tried");
}

#[test]
fn tables_are_bounded() {
    let now = clock::now();
    let mut client = Client::new(&keys(1), [1; 32]).unwrap();
    for number in 0..200u8 {
        let address = address(number);
        let relay = client.relay(Rendezvous { key: key(number.max(2)), address }, now);
        let carrier = relay.and_then(|relay| client.carry(relay, key(1).hit(), now));
        assert_eq!(relay.is_some(), carrier.is_some());
        assert_eq!(relay.is_some(), number < 64, "{number}");
    }
    let later = now + Duration::from_secs(61);
    assert!(client.relay(node(), later).is_some(), "one that is no longer used gives way");
    let events: Vec<Event> = std::iter::from_fn(|| client.poll_event()).collect();
    assert!(events.iter().any(|event| matches!(event, Event::Forgotten { .. })), "it is told");
    assert_eq!((KEEP_LENGTH, KEPT_LENGTH), (17, 11), "a KEPT is shorter");
}

mod channels;
mod hostile;
mod limits;
mod members;
mod tcp;
