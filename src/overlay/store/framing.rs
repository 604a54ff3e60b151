//! What a store answers for a slot: each packet behind its length.

use crate::overlay::MAX_CANDIDATES;
use crate::registration::Packet;

/// What the interface lets a body hold, whatever a packet's own limit is.
const MAX_FRAME_LENGTH: usize = 1024;
/// The longest answer for a slot in octets.
pub const MAX_BODY_LENGTH: usize = MAX_CANDIDATES * (2 + MAX_FRAME_LENGTH);

/// Puts packets one behind the other. None is longer than a length can say.
pub fn encode<'a>(packets: impl IntoIterator<Item = &'a [u8]>) -> Vec<u8> {
    let mut body = Vec::new();
    for packet in packets {
        debug_assert!(packet.len() <= MAX_FRAME_LENGTH, "places hold packets");
        body.reserve(2 + packet.len());
        body.extend_from_slice(&(packet.len() as u16).to_be_bytes());
        body.extend_from_slice(packet);
    }
    body
}

/// Takes packets apart; None if a length is wrong or there are too many. Frames that can be no packet
/// for their length, which anybody can put into some stores, are left out: they must not hide others.
pub fn decode(mut body: &[u8]) -> Option<Vec<Vec<u8>>> {
    let mut packets = Vec::new();
    for _ in 0..MAX_CANDIDATES {
        if body.is_empty() {
            return Some(packets);
        }
        let (length, rest) = body.split_first_chunk::<2>()?;
        let (packet, rest) = rest.split_at_checked(u16::from_be_bytes(*length).into())?;
        if packet.len() > MAX_FRAME_LENGTH {
            return None;
        }
        if (1..=Packet::MAX_LENGTH).contains(&packet.len()) {
            packets.push(packet.to_vec());
        }
        body = rest;
    }
    body.is_empty().then_some(packets)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn lengths_are_strict() {
        assert_eq!(decode(b""), Some(vec![]));
        assert_eq!(decode(b"\0\x02AB\0\x01C"), Some(vec![b"AB".to_vec(), b"C".to_vec()]));
        assert_eq!(decode(b"\0"), None);
        assert_eq!(decode(b"\0\x02A"), None);
        assert_eq!(decode(b"\0\x02ABC"), None);
        assert_eq!(decode(b"<!DOCTYPE html><html><body>not found</body></html>"), None);
        assert_eq!(decode(&b"\0\x01A".repeat(8)).unwrap().len(), 8);
        assert_eq!(decode(&b"\0\x01A".repeat(9)), None);
    }

    #[test]
    fn what_is_no_packet_does_not_hide_one() {
        let mut body = encode([&[7; 901][..], b"A"]);
        assert_eq!(decode(&body), Some(vec![b"A".to_vec()]));
        body.splice(..0, [0, 0]);
        assert_eq!(decode(&body), Some(vec![b"A".to_vec()]));
        assert_eq!(decode(&[&[4, 1][..], &[7; 1025]].concat()), None);
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(body in proptest::collection::vec(any::<u8>(), 0..4096)) {
            let _ = decode(&body);
        }

        #[test]
        fn packets_come_back(
            packets in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 1..901), 0..9)
        ) {
            let body = encode(packets.iter().map(Vec::as_slice));
            prop_assert!(body.len() <= MAX_BODY_LENGTH);
            prop_assert_eq!(decode(&body), Some(packets));
        }
    }
}
