//! Host identity tags: what QUIC sees as the address of a peer.

use std::{fmt, net::Ipv6Addr};

use ring::digest::{Context, SHA256};

use super::PublicKey;

/// The context identifier of HIP (RFC 7401, section 3.2).
const CONTEXT_ID: [u8; 16] = [
    0xf0, 0xef, 0xf0, 0x2f, 0xbf, 0xf4, 0x3d, 0x0f, 0xe7, 0x93, 0x0c, 0x3c, 0x6e, 0x61, 0x74, 0xea,
];

/// HIT suite 1, SHA-256 (RFC 7401, section 5.2.10), used as ORCHID generation algorithm.
const SUITE_SHA256: u8 = 1;

/// An ORCHIDv2 (RFC 7343) made from a public key: `2001:20::/28`, the suite, 96 bits of hash.
///
/// HIP itself hashes a HOST_ID parameter; here it is the bare 32 octets of the Ed25519 key, since
/// nothing but this program reads it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hit(Ipv6Addr);

impl Hit {
    /// The tag of a key.
    pub fn of(key: &PublicKey) -> Hit {
        let mut context = Context::new(&SHA256);
        context.update(&CONTEXT_ID);
        context.update(key.as_bytes());
        let hash = context.finish();
        let mut octets = [0; 16];
        octets[..4].copy_from_slice(&[0x20, 0x01, 0x00, 0x20 | SUITE_SHA256]);
        // Encode_96 takes the middle 96 bits of the hash (RFC 7343, section 2)
        octets[4..].copy_from_slice(&hash.as_ref()[10..22]);
        Hit(octets.into())
    }

    /// The tag as the address it is shaped like.
    pub fn to_ipv6(self) -> Ipv6Addr {
        self.0
    }

    /// The tag in an address, if the address is one.
    pub fn from_ipv6(address: Ipv6Addr) -> Option<Hit> {
        (address.octets()[..4] == [0x20, 0x01, 0x00, 0x20 | SUITE_SHA256]).then_some(Hit(address))
    }
}

impl fmt::Display for Hit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Debug for Hit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_looks_like_an_orchid_of_its_suite() {
        let hit = Hit::of(&PublicKey([1; 32]));
        assert_eq!(&hit.to_ipv6().octets()[..4], [0x20, 0x01, 0x00, 0x21]);
        assert_eq!(Hit::from_ipv6(hit.to_ipv6()), Some(hit));
        assert_ne!(Hit::of(&PublicKey([2; 32])), hit);
        for other in ["2001:20::1", "2001:22::1", "2001:db8::1", "::1"] {
            assert_eq!(Hit::from_ipv6(other.parse().unwrap()), None, "{other}");
        }
    }
}
