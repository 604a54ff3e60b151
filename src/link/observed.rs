//! What the answer to a probe says: the address from which the probe came, as seen by who answers
//! (what STUN calls XOR-MAPPED-ADDRESS).

use std::net::{IpAddr, SocketAddr};

/// An address of four or sixteen octets and a port; nothing for what came through a relay and has no address.
pub(super) fn encode(address: Option<SocketAddr>) -> Vec<u8> {
    let Some(address) = address else { return Vec::new() };
    let mut octets = match address.ip() {
        IpAddr::V4(v4) => v4.octets().to_vec(),
        IpAddr::V6(v6) => v6.octets().to_vec(),
    };
    octets.extend_from_slice(&address.port().to_be_bytes());
    octets
}

/// The address, if there is one; None if these octets are no observation.
pub(super) fn decode(octets: &[u8]) -> Option<Option<SocketAddr>> {
    if octets.is_empty() {
        return Some(None);
    }
    let (ip, port) = octets.split_last_chunk()?;
    let ip = match ip.len() {
        4 => IpAddr::from(*ip.first_chunk::<4>()?),
        16 => IpAddr::from(*ip.first_chunk::<16>()?).to_canonical(),
        _ => return None,
    };
    let address = SocketAddr::new(ip, u16::from_be_bytes(*port));
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
            proptest::prop_assert_eq!(seen.is_some(), [0, 6, 18].contains(&octets.len()));
            proptest::prop_assert!(seen.flatten().is_none_or(|address| address.port() != 0));
        }
    }
}
