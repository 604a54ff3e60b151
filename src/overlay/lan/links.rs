//! The links this host is on: which interfaces can carry a multicast, and who is a neighbour.

use std::net::{IpAddr, Ipv4Addr};

use if_addrs::{IfAddr, Interface, get_if_addrs};

/// More than a host has; Linux lets a socket join 20 groups.
const MAX_LINKS: usize = 16;
/// Interfaces of containers and virtual machines on this host: they see the host's own multicasts, and
/// there can be hundreds.
const VIRTUAL: &[&str] = &["docker", "br-", "veth", "virbr"];

/// An address of an interface, with the network it is in.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Link {
    /// The interface's number, which IPv6 goes by.
    pub(super) index: u32,
    /// The host's own address there.
    pub(super) address: IpAddr,
    /// How many bits of it are the network's.
    pub(super) prefix: u8,
}

impl Link {
    /// The links of this host, loopback included. None if the system does not tell.
    pub(super) fn all() -> Vec<Link> {
        let interfaces = get_if_addrs().unwrap_or_default();
        interfaces.iter().filter(|i| is_useful(i)).map(Link::of).take(MAX_LINKS).collect()
    }

    fn of(interface: &Interface) -> Link {
        let prefix = match &interface.addr {
            IfAddr::V4(v4) => v4.prefixlen,
            IfAddr::V6(v6) => v6.prefixlen,
        };
        Link { index: interface.index.unwrap_or(0), address: interface.ip(), prefix }
    }

    /// Whether an address belongs to this link, so that answering it bothers nobody elsewhere.
    pub(super) fn holds(&self, neighbour: IpAddr) -> bool {
        match (self.address, neighbour) {
            (IpAddr::V4(own), IpAddr::V4(other)) => {
                same_network(own.to_bits().into(), other.to_bits().into(), 32, self.prefix)
            }
            (IpAddr::V6(own), IpAddr::V6(other)) => {
                other.is_unicast_link_local()
                    || same_network(own.to_bits(), other.to_bits(), 128, self.prefix)
            }
            _ => false,
        }
    }

    /// The address if it is IPv4.
    pub(super) fn v4(&self) -> Option<Ipv4Addr> {
        match self.address {
            IpAddr::V4(v4) => Some(v4),
            IpAddr::V6(_) => None,
        }
    }
}

/// A point-to-point interface is a tunnel, with nobody on a link.
fn is_useful(interface: &Interface) -> bool {
    let virtual_one = VIRTUAL.iter().any(|prefix| interface.name.starts_with(prefix));
    !virtual_one && !interface.is_p2p() && (interface.is_oper_up() || interface.is_loopback())
}

fn same_network(own: u128, other: u128, width: u32, prefix: u8) -> bool {
    let host_bits = width.saturating_sub(prefix.into());
    // a network of everything is none: nobody gets an answer for being anywhere
    host_bits < width && (own ^ other).checked_shr(host_bits).unwrap_or(0) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link(address: &str, prefix: u8) -> Link {
        Link { index: 1, address: address.parse().unwrap(), prefix }
    }

    #[test]
    fn neighbours_are_in_the_same_network() {
        for (own, prefix, other, expected) in [
            ("192.0.2.2", 24, "192.0.2.77", true),
            ("192.0.2.2", 24, "192.0.3.77", false),
            ("192.0.2.2", 32, "192.0.2.2", true),
            ("192.0.2.2", 32, "192.0.2.3", false),
            ("192.0.2.2", 0, "198.51.100.1", false),
            ("127.0.0.1", 8, "127.3.2.1", true),
            ("192.0.2.2", 24, "::1", false),
            ("::1", 128, "::1", true),
            ("::1", 128, "::2", false),
            ("2001:db8::1", 64, "2001:db8::2", true),
            ("2001:db8::1", 64, "2001:db8:0:1::2", false),
            ("2001:db8::1", 0, "2001:db9::2", false),
            ("2001:db8::1", 64, "fe80::7", true),
        ] {
            let holds = link(own, prefix).holds(other.parse().unwrap());
            assert_eq!(holds, expected, "{own}/{prefix} and {other}");
        }
    }

    #[test]
    fn this_host_has_at_least_loopback() {
        let links = Link::all();
        assert!(links.len() <= MAX_LINKS);
        assert!(links.iter().any(|link| link.address.is_loopback()), "{links:?}");
    }
}
