//! An internet with Teredo servers and hosts behind NATs, on a clock of its own.

use std::{
    collections::{BTreeMap, HashSet},
    net::{Ipv4Addr, SocketAddrV4, SocketAddrV6},
    time::{Duration, Instant},
};

use super::super::super::{
    address::SERVER_PORT,
    encapsulation::{Encapsulation, with_nonce, with_origin},
    ipv6::{Packet, SOLICITOR, router_advertisement},
};
use super::super::*;
use crate::runtime::clock;

pub(super) const SERVER: Ipv4Addr = Ipv4Addr::new(11, 1, 0, 20);
pub(super) const OTHER_SERVER: Ipv4Addr = Ipv4Addr::new(11, 2, 0, 20);
/// One way between any two hosts.
pub(super) const DELAY: Duration = Duration::from_millis(50);
pub(super) const PORT: u16 = 5050;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Open,
    FullCone,
    Restricted,
    PortRestricted,
    /// Linux without a filter: port-restricted, and what comes in for no mapping takes its port.
    Masquerade,
    Symmetric,
}

/// A NAT with one socket behind it.
pub(super) struct Nat {
    pub(super) kind: Kind,
    pub(super) public: Ipv4Addr,
    pub(super) next_port: u16,
    /// Outer port: the destination for which it is (for symmetric NATs), and who was written to.
    pub(super) mappings: BTreeMap<u16, (Option<SocketAddrV4>, HashSet<SocketAddrV4>)>,
    /// Ports that the router itself uses towards somebody.
    pub(super) taken: HashSet<(SocketAddrV4, u16)>,
}

impl Nat {
    pub(super) fn outgoing(&mut self, to: SocketAddrV4) -> SocketAddrV4 {
        let key = (self.kind == Kind::Symmetric).then_some(to);
        let mut usable = self.mappings.iter().filter(|(port, (of, _))| {
            *of == key && !self.taken.contains(&(to, **port)) // a mapping with another port follows
        });
        let known = usable.next().map(|(port, _)| *port);
        let port = known.unwrap_or_else(|| {
            self.next_port += 1;
            self.next_port
        });
        self.mappings.entry(port).or_insert((key, HashSet::new())).1.insert(to);
        SocketAddrV4::new(self.public, port)
    }

    pub(super) fn lets_in(&mut self, from: SocketAddrV4, to: SocketAddrV4) -> bool {
        if to.ip() != &self.public {
            return false;
        }
        let Some((_, written)) = self.mappings.get(&to.port()) else { return false };
        let lets_in = match self.kind {
            Kind::Open | Kind::FullCone => true,
            Kind::Restricted => written.iter().any(|w| w.ip() == from.ip()),
            Kind::PortRestricted | Kind::Masquerade | Kind::Symmetric => written.contains(&from),
        };
        if !lets_in && self.kind == Kind::Masquerade {
            self.taken.insert((from, to.port()));
        }
        lets_in
    }

    pub(super) fn reboot(&mut self, public: Ipv4Addr) {
        self.public = public;
        self.mappings.clear();
        self.next_port += 100;
    }
}

pub(super) struct Host {
    pub(super) teredo: Teredo,
    pub(super) nat: Nat,
    pub(super) delivered: Vec<(Duration, Delivery)>,
    pub(super) events: Vec<Event>,
}

#[derive(Clone, Copy)]
pub(super) struct Server {
    pub(super) second_address: bool,
    pub(super) forwards: bool,
}

/// An Internet without loss, with servers and hosts behind NATs.
pub(super) struct World {
    pub(super) start: Instant,
    pub(super) now: Instant,
    pub(super) servers: BTreeMap<Ipv4Addr, Server>,
    pub(super) hosts: Vec<Host>,
    /// By arrival and order of sending.
    pub(super) flying: BTreeMap<(Instant, usize), (SocketAddrV4, SocketAddrV4, Vec<u8>)>,
    pub(super) sent: Vec<(Duration, usize, SocketAddrV4)>,
    pub(super) count: usize,
}

impl World {
    pub(super) fn new() -> World {
        let start = clock::now();
        let server = Server { second_address: true, forwards: true };
        World {
            start,
            now: start,
            servers: BTreeMap::from([(SERVER, server)]),
            hosts: Vec::new(),
            flying: BTreeMap::new(),
            sent: Vec::new(),
            count: 0,
        }
    }

    pub(super) fn server(&mut self) -> &mut Server {
        self.servers.get_mut(&SERVER).unwrap()
    }

    pub(super) fn host(&mut self, kind: Kind, servers: &[Ipv4Addr]) -> usize {
        let number = self.hosts.len() as u8;
        let mut teredo = Teredo::new(PORT, [number; 32], self.now);
        teredo.set_servers(servers.to_vec());
        let public = Ipv4Addr::new(11, 3, 0, 1 + number);
        let nat =
            Nat { kind, public, next_port: 4000, mappings: BTreeMap::new(), taken: HashSet::new() };
        self.hosts.push(Host { teredo, nat, delivered: Vec::new(), events: Vec::new() });
        self.hosts.len() - 1
    }

    /// A host that is kept qualified, with its address.
    pub(super) fn serving(&mut self, kind: Kind) -> (usize, SocketAddrV6) {
        let host = self.host(kind, &[SERVER]);
        self.keep(host);
        self.run(Duration::from_secs(2));
        (host, self.address(host))
    }

    pub(super) fn keep(&mut self, host: usize) {
        let now = self.now;
        self.hosts[host].teredo.keep(true, now);
        self.flush(host);
    }

    pub(super) fn address(&self, host: usize) -> SocketAddrV6 {
        match self.state(host) {
            TeredoState::Qualified { address, .. } => address,
            other => panic!("host {host}: {other}"),
        }
    }

    pub(super) fn state(&self, host: usize) -> TeredoState {
        self.hosts[host].teredo.state(self.now)
    }

    pub(super) fn send(&mut self, host: usize, to: SocketAddrV6, payload: &[u8]) {
        let now = self.now;
        self.hosts[host].teredo.send(to, payload, now);
        self.flush(host);
    }

    /// A datagram arrives at a host, whatever its NAT thinks.
    pub(super) fn inject(&mut self, host: usize, from: SocketAddrV4, datagram: &[u8]) {
        let now = self.now;
        self.hosts[host].teredo.handle_datagram(from, datagram, now);
        self.flush(host);
    }

    pub(super) fn flush(&mut self, at: usize) {
        let host = &mut self.hosts[at];
        while let Some(transmit) = host.teredo.poll_transmit() {
            assert!(is_global_v4(*transmit.to.ip()), "sent to {}", transmit.to);
            let from = host.nat.outgoing(transmit.to);
            self.sent.push((self.now - self.start, at, transmit.to));
            self.count += 1;
            let key = (self.now + DELAY, self.count);
            self.flying.insert(key, (from, transmit.to, transmit.datagram));
        }
        while let Some(delivery) = host.teredo.poll_delivery() {
            host.delivered.push((self.now - self.start, delivery));
        }
        while let Some(event) = host.teredo.poll_event() {
            host.events.push(event);
        }
    }

    pub(super) fn run(&mut self, time: Duration) {
        let end = self.now + time;
        loop {
            let wakes = self.hosts.iter().filter_map(|host| host.teredo.poll_timeout(self.now));
            let arrival = self.flying.keys().next().map(|(at, _)| *at);
            let Some(next) = wakes.chain(arrival).min().filter(|next| *next <= end) else { break };
            self.now = self.now.max(next);
            while let Some(entry) = self.flying.first_entry().filter(|e| e.key().0 <= self.now) {
                let (from, to, datagram) = entry.remove();
                self.arrive(from, to, &datagram);
            }
            for host in 0..self.hosts.len() {
                let now = self.now;
                self.hosts[host].teredo.handle_timeout(now);
                self.flush(host);
            }
        }
        self.now = end;
    }

    pub(super) fn arrive(&mut self, from: SocketAddrV4, to: SocketAddrV4, datagram: &[u8]) {
        let first = Ipv4Addr::from_bits(to.ip().to_bits() & !1);
        if let Some(server) = self.servers.get(&first).copied() {
            let answers = to.port() == SERVER_PORT && (*to.ip() == first || server.second_address);
            if answers && let Some((back, answer)) = serve(server, first, from, datagram) {
                self.count += 1;
                // what is forwarded comes from the first address, advertisements from where asked
                let source = if back == from { to } else { SocketAddrV4::new(first, SERVER_PORT) };
                self.flying.insert((self.now + DELAY, self.count), (source, back, answer));
            }
            return;
        }
        let found = self.hosts.iter_mut().position(|host| host.nat.lets_in(from, to));
        if let Some(host) = found {
            self.inject(host, from, datagram);
        }
    }
}

/// What a Teredo server answers or forwards, and whereto (RFC 4380, section 5.3).
pub(super) fn serve(
    server: Server,
    first: Ipv4Addr,
    from: SocketAddrV4,
    datagram: &[u8],
) -> Option<(SocketAddrV4, Vec<u8>)> {
    let encapsulation = Encapsulation::parse(datagram)?;
    let packet = Packet::parse(encapsulation.packet)?;
    if packet.source == SOLICITOR {
        let prefix = TeredoAddress::new(first, from, 0).to_ipv6().segments();
        let [a, b, c, d, ..] = prefix;
        let advertisement = router_advertisement([a, b, c, d, 0, 0, 0, 0].into());
        let answer = with_nonce(encapsulation.nonce?, &with_origin(from, &advertisement));
        return Some((from, answer));
    }
    let destination = TeredoAddress::parse(packet.destination)?;
    let accepted = match TeredoAddress::parse(packet.source) {
        Some(source) => source.mapped == from,
        None => destination.server == first, // whoever asks for one of its clients
    };
    let good = server.forwards && packet.is_bubble() && accepted;
    good.then(|| (destination.mapped, with_origin(from, encapsulation.packet)))
}

pub(super) fn proof(state: TeredoState) -> Option<TeredoProof> {
    match state {
        TeredoState::Qualified { proof, .. } => Some(proof),
        _ => None,
    }
}
