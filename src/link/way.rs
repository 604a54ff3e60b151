//! A way: how a datagram gets to a peer, or came from it.
//!
//! It is a plain value; whether a peer is really there is the path agent's knowledge, and how a
//! datagram is wrapped for a relay is the business of whoever speaks to the relay.

use std::{
    fmt,
    net::{IpAddr, Ipv6Addr, SocketAddr},
};

use crate::identity::Hit;

/// How a datagram gets to a peer. A Teredo address (RFC 4380) is direct: the choice of the socket
/// sends it through the Teredo client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Way {
    /// From a socket of this host straight to an address of the peer.
    Direct(SocketAddr),
    /// Carried by a relay that knows the peer by its tag.
    Relayed {
        /// Through whom.
        relay: RelayId,
        /// To whom.
        hit: Hit,
    },
    /// From an address that a TURN server (RFC 8656) has allocated to this host.
    Turn {
        /// Which of the allocations.
        server: u16,
        /// To which address.
        peer: SocketAddr,
    },
}

/// Which of the relays that this host knows; the number means nothing to others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RelayId(pub u16);

/// Who has to be slowed down when datagrams come from a way in floods: an address, an IPv6 site or a
/// relay.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Source {
    /// An IPv4 address, or the first address of a /64 of IPv6: who sends from one can choose any
    /// address in it.
    Site(IpAddr),
    /// A peer behind a relay.
    Relayed(RelayId, Hit),
    /// Storage that others run.
    Overlay,
}

impl Way {
    /// The address of the peer, if its datagrams come straight from it.
    pub fn direct(&self) -> Option<SocketAddr> {
        match self {
            Way::Direct(address) => Some(*address),
            Way::Relayed { .. } | Way::Turn { .. } => None,
        }
    }

    /// The peer at the other end, where the way itself says who that is.
    pub(super) fn relayed_to(&self) -> Option<Hit> {
        match self {
            Way::Relayed { hit, .. } => Some(*hit),
            Way::Direct(_) | Way::Turn { .. } => None,
        }
    }

    /// Whether a datagram may be sent this way at all: nobody answers from port 0 or from an
    /// unspecified or multicast address.
    pub(super) fn is_usable(&self) -> bool {
        match self {
            Way::Direct(address) | Way::Turn { peer: address, .. } => {
                let ip = address.ip();
                address.port() != 0 && !ip.is_unspecified() && !ip.is_multicast()
            }
            Way::Relayed { .. } => true,
        }
    }

    /// Who is responsible for what comes from here.
    pub(super) fn source(&self) -> Source {
        match self {
            Way::Direct(address) | Way::Turn { peer: address, .. } => {
                Source::Site(site(address.ip()))
            }
            Way::Relayed { relay, hit } => Source::Relayed(*relay, *hit),
        }
    }
}

fn site(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
    }
}

impl From<SocketAddr> for Way {
    fn from(address: SocketAddr) -> Way {
        Way::Direct(address)
    }
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Way::Direct(address) => address.fmt(f),
            Way::Relayed { relay, .. } => relay.fmt(f),
            Way::Turn { server, peer } => write!(f, "{peer} over TURN server {server}"),
        }
    }
}

impl fmt::Display for RelayId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "relay {}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::PublicKey;

    fn direct(text: &str) -> Way {
        Way::Direct(text.parse().unwrap())
    }

    #[test]
    fn people_read_an_address_or_a_relay() {
        let relayed = Way::Relayed { relay: RelayId(2), hit: PublicKey([1; 32]).hit() };
        let turn = Way::Turn { server: 1, peer: "192.0.2.1:5050".parse().unwrap() };
        assert_eq!(direct("192.0.2.1:5050").to_string(), "192.0.2.1:5050");
        assert_eq!(relayed.to_string(), "relay 2");
        assert_eq!(turn.to_string(), "192.0.2.1:5050 over TURN server 1");
    }

    #[test]
    fn nobody_is_at_port_zero_or_nowhere() {
        for text in ["192.0.2.1:0", "0.0.0.0:1", "224.0.0.1:1", "[ff02::1]:1", "[::]:1"] {
            assert!(!direct(text).is_usable(), "{text}");
        }
        assert!(direct("127.0.0.1:1").is_usable());
    }

    #[test]
    fn one_ipv6_site_is_one_source() {
        let source = |text| direct(text).source();
        assert_eq!(source("[2001:db8::1]:1"), source("[2001:db8::2]:2"));
        assert_ne!(source("[2001:db8::1]:1"), source("[2001:db8:0:1::1]:1"));
        assert_ne!(source("192.0.2.1:1"), source("192.0.2.2:1"));
    }
}
