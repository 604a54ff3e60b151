//! What the answer to a probe says: the address from which the probe came, as seen by who answers
//! (what STUN calls XOR-MAPPED-ADDRESS).

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

/// An IPv6 or IPv4-mapped IPv6 address and a port.
const LENGTH: usize = 18;

/// All zero for what came through a relay and has no address.
pub(super) fn encode(address: Option<SocketAddr>) -> [u8; LENGTH] {
    let mut octets = [0; LENGTH];
    let Some(address) = address else { return octets };
    let ip = match address.ip() {
        IpAddr::V4(v4) => v4.to_ipv6_mapped(),
        IpAddr::V6(v6) => v6,
    };
    octets[..16].copy_from_slice(&ip.octets());
    octets[16..].copy_from_slice(&address.port().to_be_bytes());
    octets
}

/// The address, if there is one; None if these octets are no observation.
pub(super) fn decode(octets: &[u8]) -> Option<Option<SocketAddr>> {
    let octets: &[u8; LENGTH] = octets.try_into().ok()?;
    let (mut ip, mut port) = ([0; 16], [0; 2]);
    ip.copy_from_slice(&octets[..16]);
    port.copy_from_slice(&octets[16..]);
    let address = SocketAddr::new(Ipv6Addr::from(ip).to_canonical(), u16::from_be_bytes(port));
    Some((address.port() != 0).then_some(address))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_observed_comes_back() {
        for text in ["192.0.2.7:4000", "[2001:db8::7]:4000"] {
            let address = Some(text.parse().unwrap());
            assert_eq!(decode(&encode(address)), Some(address));
        }
        assert_eq!(decode(&encode(None)), Some(None));
        assert_eq!(decode(&[0; 17]), None);
    }

    proptest::proptest! {
        #[test]
        fn any_octets_are_survived(octets in proptest::collection::vec(proptest::num::u8::ANY, 0..40)) {
            let seen = decode(&octets);
            proptest::prop_assert_eq!(seen.is_some(), octets.len() == LENGTH);
            proptest::prop_assert!(seen.flatten().is_none_or(|address| address.port() != 0));
        }
    }
}
