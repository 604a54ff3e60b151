//! What stands before the IPv6 packet in a Teredo datagram: authentication and origin indication
//! (RFC 4380, section 5.1.1).

use std::net::{Ipv4Addr, SocketAddrV4};

const AUTHENTICATION: [u8; 2] = [0, 1];
const ORIGIN: [u8; 2] = [0, 0];

/// Ties an advertisement to the solicitation that asked for it.
pub(super) type Nonce = [u8; 8];

/// A Teredo datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Encapsulation<'a> {
    /// The nonce, if the server put one before the packet and does not ask for another key.
    pub(super) nonce: Option<Nonce>,
    /// Where the server received the packet from.
    pub(super) origin: Option<SocketAddrV4>,
    /// The IPv6 packet.
    pub(super) packet: &'a [u8],
}

impl<'a> Encapsulation<'a> {
    pub(super) fn parse(datagram: &'a [u8]) -> Option<Encapsulation<'a>> {
        let mut rest = datagram;
        let mut nonce = None;
        if let Some(after) = rest.strip_prefix(&AUTHENTICATION) {
            // no key is shared with any server: identifier and value may be of any length
            let [identifier, value, after @ ..] = after else { return None };
            let after = after.get(usize::from(*identifier) + usize::from(*value)..)?;
            let (octets, after) = after.split_first_chunk::<8>()?;
            let (confirmation, after) = after.split_first()?;
            nonce = (*confirmation == 0).then_some(*octets);
            rest = after;
        }
        let mut origin = None;
        if let Some(after) = rest.strip_prefix(&ORIGIN) {
            let ([p0, p1, a, b, c, d], after) = after.split_first_chunk::<6>()?;
            let port = !u16::from_be_bytes([*p0, *p1]);
            origin = Some(SocketAddrV4::new(Ipv4Addr::new(!a, !b, !c, !d), port));
            rest = after;
        }
        Some(Encapsulation { nonce, origin, packet: rest })
    }
}

/// A packet behind an authentication without a key, which still has the nonce.
pub(super) fn with_nonce(nonce: Nonce, packet: &[u8]) -> Vec<u8> {
    let mut datagram = AUTHENTICATION.to_vec();
    datagram.extend([0, 0]);
    datagram.extend(nonce);
    datagram.push(0);
    datagram.extend(packet);
    datagram
}

/// A packet behind the indication of where it came from, as a server forwards it.
#[cfg(test)]
pub(super) fn with_origin(origin: SocketAddrV4, packet: &[u8]) -> Vec<u8> {
    let mut datagram = ORIGIN.to_vec();
    datagram.extend((!origin.port()).to_be_bytes());
    datagram.extend((!origin.ip().to_bits()).to_be_bytes());
    datagram.extend(packet);
    datagram
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_headers_are_read_in_their_order_only() {
        let origin = "11.3.0.1:3545".parse().unwrap();
        let both = with_nonce([7; 8], &with_origin(origin, b"packet"));
        let wanted = Encapsulation { nonce: Some([7; 8]), origin: Some(origin), packet: b"packet" };
        assert_eq!(Encapsulation::parse(&both), Some(wanted));

        let plain = Encapsulation { nonce: None, origin: None, packet: b"packet" };
        assert_eq!(Encapsulation::parse(b"packet"), Some(plain));

        let reversed = with_origin(origin, &with_nonce([7; 8], b"packet"));
        let parsed = Encapsulation::parse(&reversed).unwrap();
        assert_eq!((parsed.nonce, parsed.packet[..2] == AUTHENTICATION), (None, true));
    }

    #[test]
    fn a_nonce_with_a_demand_for_another_key_does_not_count() {
        let mut datagram = with_nonce([7; 8], b"packet");
        datagram[12] = 1;
        assert_eq!(Encapsulation::parse(&datagram).unwrap().nonce, None);
    }

    #[test]
    fn cut_headers_are_refused() {
        let both = with_nonce([7; 8], &with_origin("11.3.0.1:1".parse().unwrap(), b""));
        for length in (2..13).chain(15..21) {
            assert_eq!(Encapsulation::parse(&both[..length]), None, "{length}");
        }
        let mut long = both.clone();
        long[2..4].fill(255);
        assert_eq!(Encapsulation::parse(&long), None);
    }
}
