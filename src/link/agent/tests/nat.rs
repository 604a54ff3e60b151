//! NATs of RFC 4787, as far as UDP is concerned.

use std::{
    net::{Ipv4Addr, SocketAddr, SocketAddrV4},
    time::{Duration, Instant},
};

/// Which port a new flow gets, and when it needs one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mapping {
    /// One for all destinations, that of the host where it is free.
    EndpointIndependent,
    /// Linux: one for each destination, that of the host unless the destination has taken it.
    Masquerade,
    /// One for each destination, anything.
    Random,
    /// One for each destination, the next.
    Sequential,
}

/// Whose datagrams may come in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Filter {
    Anybody,
    Address,
    AddressAndPort,
}

/// What a NAT is like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Kind {
    pub(super) mapping: Mapping,
    pub(super) filter: Filter,
    pub(super) hairpin: bool,
    /// No UDP at all.
    pub(super) blocked: bool,
}

impl Kind {
    const fn new(mapping: Mapping, filter: Filter) -> Kind {
        Kind { mapping, filter, hairpin: false, blocked: false }
    }

    pub(super) const FULL_CONE: Kind = Kind::new(Mapping::EndpointIndependent, Filter::Anybody);
    pub(super) const RESTRICTED: Kind = Kind::new(Mapping::EndpointIndependent, Filter::Address);
    pub(super) const PORT_RESTRICTED: Kind =
        Kind::new(Mapping::EndpointIndependent, Filter::AddressAndPort);
    pub(super) const MASQUERADE: Kind = Kind::new(Mapping::Masquerade, Filter::AddressAndPort);
    pub(super) const SYMMETRIC: Kind = Kind::new(Mapping::Random, Filter::AddressAndPort);
    pub(super) const SEQUENTIAL: Kind = Kind::new(Mapping::Sequential, Filter::AddressAndPort);
    pub(super) const BLOCKED: Kind = Kind { blocked: true, ..Kind::PORT_RESTRICTED };

    pub(super) fn with_hairpin(self) -> Kind {
        Kind { hairpin: true, ..self }
    }

    pub(super) fn is_symmetric(self) -> bool {
        matches!(self.mapping, Mapping::Random | Mapping::Sequential)
    }
}

struct Flow {
    inside: SocketAddrV4,
    /// None for all.
    destination: Option<SocketAddrV4>,
    port: u16,
    used: Instant,
    /// Whom it has sent to.
    contacts: Vec<SocketAddrV4>,
}

/// A NAT with its table.
pub(super) struct Nat {
    pub(super) kind: Kind,
    pub(super) public: Ipv4Addr,
    /// In whose network its public address is; None for the Internet.
    pub(super) outer: Option<usize>,
    flows: Vec<Flow>,
    /// Strangers whose datagrams came first, and the port they hold.
    squatters: Vec<(SocketAddrV4, u16, Instant)>,
    next: u16,
    lifetime: Duration,
}

impl Nat {
    pub(super) fn new(kind: Kind, public: Ipv4Addr, outer: Option<usize>, first: u16) -> Nat {
        let lifetime = Duration::from_secs(60);
        Nat { kind, public, outer, flows: Vec::new(), squatters: Vec::new(), next: first, lifetime }
    }

    /// It has been switched off and on.
    pub(super) fn reboot(&mut self) {
        self.flows.clear();
        self.squatters.clear();
        self.next = self.next.wrapping_mul(7).max(2000);
    }

    /// The source of a datagram on the other side.
    pub(super) fn outbound(
        &mut self,
        from: SocketAddrV4,
        to: SocketAddrV4,
        now: Instant,
    ) -> Option<SocketAddrV4> {
        if self.kind.blocked {
            return None;
        }
        self.expire(now);
        let independent = self.kind.mapping == Mapping::EndpointIndependent;
        let key = (!independent).then_some(to);
        let known = self.flows.iter().position(|f| (f.inside, f.destination) == (from, key));
        let at = match known {
            Some(at) => at,
            None => {
                let port = self.port_for(from, to);
                let (contacts, used) = (Vec::new(), now);
                self.flows.push(Flow { inside: from, destination: key, port, used, contacts });
                self.flows.len() - 1
            }
        };
        let flow = &mut self.flows[at];
        flow.used = now;
        if !flow.contacts.contains(&to) {
            flow.contacts.push(to);
        }
        Some(SocketAddrV4::new(self.public, flow.port))
    }

    fn port_for(&mut self, from: SocketAddrV4, to: SocketAddrV4) -> u16 {
        let preferred = match self.kind.mapping {
            Mapping::EndpointIndependent | Mapping::Masquerade => from.port(),
            Mapping::Random => (self.next.wrapping_mul(40503) ^ 0x5a5a).max(1024),
            Mapping::Sequential => self.next,
        };
        if self.kind.is_symmetric() {
            self.next = self.next.wrapping_add(1).max(1024);
            return preferred;
        }
        let masquerades = self.kind.mapping == Mapping::Masquerade;
        let squatted = |port| self.squatters.iter().any(|(who, at, _)| (*who, *at) == (to, port));
        let flows = &self.flows;
        let used = |port| {
            let clash = |f: &Flow| f.port == port && f.inside != from;
            flows.iter().any(clash) || masquerades && squatted(port)
        };
        let mut port = preferred;
        while used(port) {
            port = port.wrapping_add(1777).max(1024);
        }
        port
    }

    /// To whom inside a datagram goes that has arrived at a port.
    pub(super) fn inbound(
        &mut self,
        from: SocketAddrV4,
        port: u16,
        now: Instant,
    ) -> Option<SocketAddrV4> {
        if self.kind.blocked {
            return None;
        }
        self.expire(now);
        let filter = self.kind.filter;
        let passes = |flow: &Flow| match filter {
            Filter::Anybody => true,
            Filter::Address => flow.contacts.iter().any(|contact| contact.ip() == from.ip()),
            Filter::AddressAndPort => flow.contacts.contains(&from),
        };
        let flow = self.flows.iter_mut().find(|flow| flow.port == port && passes(flow));
        if flow.is_none() && self.kind.mapping == Mapping::Masquerade {
            self.squatters.retain(|(who, at, _)| (*who, *at) != (from, port));
            self.squatters.push((from, port, now));
        }
        let flow = flow?;
        flow.used = now;
        Some(flow.inside)
    }

    fn expire(&mut self, now: Instant) {
        let lifetime = self.lifetime;
        let lives = |at: Instant| now.saturating_duration_since(at) < lifetime;
        self.flows.retain(|flow| lives(flow.used));
        self.squatters.retain(|(_, _, at)| now.saturating_duration_since(*at) < lifetime / 2);
    }
}

/// IPv4 only.
pub(super) fn v4(address: SocketAddr) -> Option<SocketAddrV4> {
    match address {
        SocketAddr::V4(v4) => Some(v4),
        SocketAddr::V6(_) => None,
    }
}
