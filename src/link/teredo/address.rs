//! Teredo addresses: an IPv6 address that says which server introduces a host, and how its NAT maps
//! it (RFC 4380, section 4).
//!
//! ```text
//! | 2001:0000 | server IPv4 | flags | port, inverted | IPv4, inverted |
//! ```

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddrV4};

use crate::runtime::ip::is_global_v4;

/// The port of every Teredo server.
pub(in crate::link) const SERVER_PORT: u16 = 3544;

/// Flags that are random, so that others cannot guess the address (RFC 5991, section 3). The cone bit
/// is zero, and its value in addresses of others is ignored.
const RANDOM_FLAGS: u16 = 0x3cff;

/// The parts of a Teredo address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in crate::link) struct TeredoAddress {
    /// Who introduces this host.
    pub(super) server: Ipv4Addr,
    flags: u16,
    /// The outer side of the host's NAT.
    pub(super) mapped: SocketAddrV4,
}

impl TeredoAddress {
    /// The address of a host that a server sees at `mapped`.
    pub(super) fn new(server: Ipv4Addr, mapped: SocketAddrV4, random: u16) -> TeredoAddress {
        TeredoAddress { server, flags: random & RANDOM_FLAGS, mapped }
    }

    /// None for an address of another kind, and for one whose host or server cannot be on the Internet.
    pub(super) fn parse(address: Ipv6Addr) -> Option<TeredoAddress> {
        if !is_teredo(address.into()) {
            return None;
        }
        let [_, _, s0, s1, flags, port, m0, m1] = address.segments();
        let server = Ipv4Addr::from_bits(u32::from(s0) << 16 | u32::from(s1));
        let mapped = Ipv4Addr::from_bits(!(u32::from(m0) << 16 | u32::from(m1)));
        // on somebody else's word only hosts of the Internet are sent to, never those of this site, this host or
        // a group (RFC 4380, section 7)
        let usable = is_global_v4(server) && is_global_v4(mapped) && !port != 0;
        usable.then_some(TeredoAddress { server, flags, mapped: SocketAddrV4::new(mapped, !port) })
    }

    pub(super) fn to_ipv6(self) -> Ipv6Addr {
        let mut octets = [0; 16];
        octets[..4].copy_from_slice(&[0x20, 0x01, 0, 0]);
        octets[4..8].copy_from_slice(&self.server.octets());
        octets[8..10].copy_from_slice(&self.flags.to_be_bytes());
        octets[10..12].copy_from_slice(&(!self.mapped.port()).to_be_bytes());
        octets[12..].copy_from_slice(&(!self.mapped.ip().to_bits()).to_be_bytes());
        octets.into()
    }
}

/// Whether an address is in 2001:0::/32.
pub(in crate::link) fn is_teredo(address: IpAddr) -> bool {
    matches!(address, IpAddr::V6(v6) if v6.segments()[..2] == [0x2001, 0])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_the_rfc_is_read_and_written() {
        // RFC 4380, section 4: flags with the cone bit are kept as they are
        let text: Ipv6Addr = "2001:0:53aa:64c:0:5f1f:fe33:5d5e".parse().unwrap();
        let address = TeredoAddress::parse(text).unwrap();
        assert_eq!(address.server, Ipv4Addr::new(83, 170, 6, 76));
        assert_eq!(address.mapped, "1.204.162.161:41184".parse().unwrap());
        assert_eq!(address.to_ipv6(), text);
    }

    #[test]
    fn own_flags_are_random_without_cone_reserved_universal_and_group_bits() {
        let mapped = "11.3.0.1:3545".parse().unwrap();
        let server = Ipv4Addr::new(11, 1, 0, 20);
        for random in [0, 0xffff, 0xc300] {
            let address = TeredoAddress::new(server, mapped, random);
            assert_eq!(address.to_ipv6().segments()[4], random & 0x3cff);
            assert_eq!(TeredoAddress::parse(address.to_ipv6()), Some(address));
        }
    }

    #[test]
    fn addresses_that_lead_into_somebodys_site_are_refused() {
        let good = TeredoAddress::new([11, 1, 0, 20].into(), "11.3.0.1:3545".parse().unwrap(), 0);
        let local: [Ipv4Addr; 10] = [
            [10, 0, 0, 1].into(),
            [192, 168, 1, 1].into(),
            [172, 16, 0, 1].into(),
            [127, 0, 0, 1].into(),
            [169, 254, 0, 1].into(),
            [100, 64, 0, 1].into(),
            [224, 0, 0, 253].into(),
            [255, 255, 255, 255].into(),
            [0, 0, 0, 0].into(),
            [192, 0, 0, 8].into(),
        ];
        for ip in local {
            let mapped = TeredoAddress { mapped: SocketAddrV4::new(ip, 1), ..good };
            assert_eq!(TeredoAddress::parse(mapped.to_ipv6()), None, "{ip}");
            let server = TeredoAddress { server: ip, ..good };
            assert_eq!(TeredoAddress::parse(server.to_ipv6()), None, "{ip}");
        }
        let port = TeredoAddress { mapped: SocketAddrV4::new([11, 3, 0, 1].into(), 0), ..good };
        assert_eq!(TeredoAddress::parse(port.to_ipv6()), None);
        assert_eq!(TeredoAddress::parse("2001:db8::1".parse().unwrap()), None);
    }
}
