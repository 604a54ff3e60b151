//! The way of a datagram: out through the NATs before its sender, and in through those before its receiver.

use std::net::SocketAddrV4;

use super::{Internet, Place};

/// Hops across the Internet.
const HOPS: u8 = 6;

impl Internet {
    /// On the way out through all NATs: the source that the receiver sees, and where it comes down
    /// again, if anywhere. None if it does not get out.
    pub(super) fn leave(
        &mut self,
        from: usize,
        to: SocketAddrV4,
        mut ttl: u8,
    ) -> Option<(SocketAddrV4, Option<Place>)> {
        let mut source = self.hosts[from].address;
        let mut level = self.hosts[from].behind;
        loop {
            let host = self.hosts.iter().position(|h| h.behind == level && h.address == to);
            let nat = self.nats.iter().position(|n| n.outer == level && n.public == *to.ip());
            let place = host.map(Place::Host).or(nat.map(Place::Nat));
            let Some(through) = level else {
                return Some((source, place.filter(|_| ttl > HOPS)));
            };
            if place.is_some() {
                return Some((source, place));
            }
            ttl -= 1;
            if ttl == 0 {
                return None;
            }
            source = self.nats[through].outbound(source, to, self.now)?;
            if self.nats[through].public == *to.ip() {
                let hairpin = self.nats[through].kind.hairpin;
                return Some((source, hairpin.then_some(Place::Nat(through))));
            }
            level = self.nats[through].outer;
        }
    }

    /// The way in through NATs: at whom it arrives.
    pub(super) fn enter(
        &mut self,
        place: Place,
        from: SocketAddrV4,
        to: SocketAddrV4,
    ) -> Option<usize> {
        match place {
            Place::Host(host) => (self.hosts[host].address == to).then_some(host),
            Place::Nat(nat) => {
                let inside = self.nats[nat].inbound(from, to.port(), self.now)?;
                let host =
                    self.hosts.iter().position(|h| h.behind == Some(nat) && h.address == inside);
                if host.is_some() {
                    return host;
                }
                let inner = self
                    .nats
                    .iter()
                    .position(|n| n.outer == Some(nat) && n.public == *inside.ip())?;
                self.enter(Place::Nat(inner), from, inside)
            }
        }
    }

    pub(super) fn is_cut(&self, from: usize, place: Place) -> bool {
        self.cut.iter().any(|(a, b)| {
            *a == from
                && (place == Place::Host(*b) || self.outermost(*b).map(Place::Nat) == Some(place))
        })
    }

    fn outermost(&self, host: usize) -> Option<usize> {
        let mut nat = self.hosts[host].behind?;
        while let Some(outer) = self.nats[nat].outer {
            nat = outer;
        }
        Some(nat)
    }
}
