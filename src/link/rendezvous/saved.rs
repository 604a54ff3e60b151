//! Registrations on disk, so that a rendezvous that starts again forwards at once.
//!
//! ```text
//! magic "p2pv1"  { key (32)  token (16)  address (18) }
//! ```
//!
//! An address is one of IPv6, or of IPv4 mapped to that, and a port. There are no times: the file changes only when
//! somebody comes or goes, and who is still there says so soon after the restart.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use crate::identity::PublicKey;

use super::message::Token;

const MAGIC: &[u8; 5] = b"p2pv1";
const KEY: usize = 32;
const TOKEN: usize = size_of::<Token>();
const ADDRESS: usize = 18;
const RECORD: usize = KEY + TOKEN + ADDRESS;

/// Octets of the longest file that is read.
pub(super) const fn max_length(bindings: usize) -> usize {
    MAGIC.len() + bindings * RECORD
}

/// A registration with what proves it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Binding {
    pub(super) key: PublicKey,
    pub(super) token: Token,
    pub(super) address: SocketAddr,
}

pub(super) fn encode(bindings: impl Iterator<Item = Binding>) -> Vec<u8> {
    let mut octets = MAGIC.to_vec();
    for Binding { key, token, address } in bindings {
        octets.extend_from_slice(key.as_bytes());
        octets.extend_from_slice(&token);
        let ip = match address.ip() {
            IpAddr::V4(v4) => v4.to_ipv6_mapped(),
            IpAddr::V6(v6) => v6,
        };
        octets.extend_from_slice(&ip.octets());
        octets.extend_from_slice(&address.port().to_be_bytes());
    }
    octets
}

/// None from a file that is not understood.
pub(super) fn decode(octets: &[u8]) -> Vec<Binding> {
    let records = octets.strip_prefix(MAGIC).unwrap_or_default();
    records.chunks_exact(RECORD).filter_map(binding).collect()
}

fn binding(record: &[u8]) -> Option<Binding> {
    let (key, rest) = record.split_first_chunk::<KEY>()?;
    let (token, address) = rest.split_first_chunk::<TOKEN>()?;
    let (ip, port) = address.split_first_chunk::<16>()?;
    let port = u16::from_be_bytes(*port.first_chunk()?);
    let address = SocketAddr::new(Ipv6Addr::from(*ip).to_canonical(), port);
    if port == 0 {
        return None; // nobody is there
    }
    Some(Binding { key: PublicKey(*key), token: *token, address })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_was_saved_comes_back() {
        let binding = |number| Binding {
            key: PublicKey([number; 32]),
            token: [2; 16],
            address: "192.0.2.1:5050".parse().unwrap(),
        };
        let octets = encode([binding(60), binding(20)].into_iter());
        assert_eq!(octets.len(), max_length(2));
        assert_eq!(decode(&octets), [binding(60), binding(20)]);
        assert_eq!(decode(&octets[..octets.len() - 1]), [binding(60)], "a torn file");
        assert_eq!(decode(b""), []);
    }

    proptest! {
        #[test]
        fn any_octets_are_survived(octets in proptest::collection::vec(any::<u8>(), 0..200)) {
            let whole = [&MAGIC[..], &octets].concat();
            prop_assert!(decode(&whole).len() <= octets.len() / RECORD);
            let _ = decode(&octets);
        }
    }
}
