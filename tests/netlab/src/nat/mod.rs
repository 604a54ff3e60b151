//! An IPv4 NAT in user space with every behaviour of RFC 4787: mapping, filtering, choice of ports, hairpinning,
//! timeouts. It translates UDP, TCP, ICMP echo and inbound ICMP errors.
//!
//! It is not a firewall and does not follow TCP's states; fragments and outbound ICMP errors are dropped.

mod kind;
mod packet;
#[cfg(test)]
mod tests;

pub use kind::{Dependence, Kind, Ports};

use std::{
    collections::{HashMap, HashSet},
    net::Ipv4Addr,
    time::{Duration, Instant},
};

use crate::internet::Random;
use packet::{Endpoint, ICMP, TCP, UDP};

/// A public port: protocol and number.
type PublicPort = (u8, u16);

/// The table of a NAT.
#[derive(Debug)]
pub struct Nat {
    /// How it behaves.
    pub kind: Kind,
    public: Ipv4Addr,
    ports: HashMap<Key, u16>,
    mappings: HashMap<PublicPort, Mapping>,
    last_sequential: u16,
    random: Random,
}

/// What selects a mapping on the way out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Key {
    protocol: u8,
    inside: Endpoint,
    remote: Endpoint,
}

#[derive(Debug)]
struct Mapping {
    key: Key,
    last_used: Instant,
    /// Remote endpoints, as far as filtering looks at them, that may send in.
    permitted: HashSet<Endpoint>,
}

impl Nat {
    /// An empty table behind a public address.
    pub fn new(kind: Kind, public: Ipv4Addr, seed: u64) -> Nat {
        Nat {
            kind,
            public,
            ports: HashMap::new(),
            mappings: HashMap::new(),
            last_sequential: 20_000,
            random: Random::new(seed),
        }
    }

    /// Forgets every mapping, as a reboot does.
    pub fn flush(&mut self) {
        self.ports.clear();
        self.mappings.clear();
    }

    /// Takes another public address; the mappings go with the old one.
    pub fn renumber(&mut self, public: Ipv4Addr) {
        self.flush();
        self.public = public;
    }

    /// Translates a packet from inside to outside. False: it is dropped.
    pub fn outbound(&mut self, packet: &mut [u8], now: Instant) -> bool {
        let Some(ports) = packet::Ports::find(packet) else {
            return false;
        };
        if ports.protocol == UDP && self.kind.block_udp {
            return false;
        }
        let remote = remote(ports.protocol, ports.destination(packet));
        let key = Key {
            protocol: ports.protocol,
            inside: ports.source(packet),
            remote: self.kind.mapping.part(remote),
        };
        let port = match self.ports.get(&key).copied() {
            Some(port) if self.is_alive((ports.protocol, port), now) => port,
            _ => self.open(key, now),
        };
        if let Some(mapping) = self.mappings.get_mut(&(ports.protocol, port)) {
            mapping.last_used = now;
            mapping.permitted.insert(self.kind.filtering.part(remote));
        }
        ports.set_source(packet, (self.public, port));
        true
    }

    /// Translates a packet from outside to inside. False: it is dropped.
    pub fn inbound(&mut self, packet: &mut [u8], now: Instant) -> bool {
        let Some(ports) = packet::Ports::find(packet) else {
            return self.inbound_error(packet, now);
        };
        if ports.protocol == UDP && self.kind.block_udp {
            return false;
        }
        let sender = self.kind.filtering.part(remote(ports.protocol, ports.source(packet)));
        let public = (ports.protocol, ports.destination(packet).1);
        if !self.is_alive(public, now) {
            return false;
        }
        let Some(mapping) = self.mappings.get_mut(&public) else {
            return false;
        };
        if !mapping.permitted.contains(&sender) {
            return false;
        }
        if self.kind.inbound_refresh || ports.protocol == TCP {
            mapping.last_used = now;
        }
        ports.set_destination(packet, mapping.key.inside);
        true
    }

    /// The packet that an ICMP error quotes says for whom it is.
    fn inbound_error(&mut self, packet: &mut [u8], now: Instant) -> bool {
        let Some((protocol, port, inner)) = packet::quoted(packet) else {
            return false;
        };
        if !self.is_alive((protocol, port), now) {
            return false;
        }
        let Some(mapping) = self.mappings.get(&(protocol, port)) else {
            return false;
        };
        packet::redirect_error(packet, inner, mapping.key.inside);
        true
    }

    /// Whether there is a mapping; an expired one is removed.
    fn is_alive(&mut self, public: PublicPort, now: Instant) -> bool {
        let timeout = self.timeout(public.0);
        let Some(mapping) = self.mappings.get(&public) else {
            return false;
        };
        if now.saturating_duration_since(mapping.last_used) <= timeout {
            return true;
        }
        self.ports.remove(&mapping.key);
        self.mappings.remove(&public);
        false
    }

    fn timeout(&self, protocol: u8) -> Duration {
        if protocol == TCP { self.kind.tcp_timeout } else { self.kind.udp_timeout }
    }

    fn open(&mut self, key: Key, now: Instant) -> u16 {
        let port = self.free_port(key.protocol, key.inside.1, now);
        self.ports.insert(key, port);
        let mapping = Mapping { key, last_used: now, permitted: HashSet::new() };
        self.mappings.insert((key.protocol, port), mapping);
        port
    }

    fn free_port(&mut self, protocol: u8, wanted: u16, now: Instant) -> u16 {
        let next = |port: u16| port.checked_add(1).unwrap_or(1024);
        let mut port = match self.kind.ports {
            Ports::Preserved => wanted,
            Ports::Random => self.random_port(),
            Ports::Sequential => {
                self.last_sequential = next(self.last_sequential);
                self.last_sequential
            }
        };
        while port == 0 || self.is_alive((protocol, port), now) {
            port = if self.kind.ports == Ports::Random { self.random_port() } else { next(port) };
        }
        port
    }

    fn random_port(&mut self) -> u16 {
        1024 + (self.random.next() % 64_000) as u16
    }
}

impl Dependence {
    /// The part of a remote endpoint that counts.
    fn part(self, (address, port): Endpoint) -> Endpoint {
        match self {
            Dependence::Endpoint => (Ipv4Addr::UNSPECIFIED, 0),
            Dependence::Address => (address, 0),
            Dependence::AddressAndPort => (address, port),
        }
    }
}

/// The remote end as mapping and filtering see it: an ICMP echo has no port there.
fn remote(protocol: u8, (address, port): Endpoint) -> Endpoint {
    (address, if protocol == ICMP { 0 } else { port })
}
