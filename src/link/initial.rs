//! The first packet of a QUIC handshake without its padding.
//!
//! An Initial of a client fills a datagram of 1200 octets (RFC 9000, section 14.1), of which a ClientHello takes a
//! third. Its keys follow from the connection id that it names (RFC 9001, section 5.2), so anybody who has it
//! can take the padding out, and put it in again with the same octets as result. That keeps nothing secret, and
//! is not meant to: what is shortened here travels sealed.

use rustls::{
    crypto::ring::cipher_suite::TLS13_AES_128_GCM_SHA256,
    quic::{DirectionalKeys, Version},
};

/// What the padding is there for.
const LEAST: usize = 1200;
/// The longest that is made again: what an Ethernet carries.
const MOST: usize = 1500;
/// A datagram with one packet has the version here, and then both connection ids.
const VERSION_1: [u8; 4] = [0, 0, 0, 1];
/// Behind the beginning of the packet number (RFC 9001, section 5.4.2).
const SAMPLE_AT: usize = 4;

/// The destination connection id of an Initial packet of QUIC version 1 (RFC 9000, section 17.2.2), which
/// the client has chosen at random. None for any other datagram, and for an Initial to an id that the server
/// has chosen: the client has heard of it already, and such ids are shorter than what a client may choose.
pub(super) fn connection_id(datagram: &[u8]) -> Option<&[u8]> {
    const FORM_AND_TYPE: u8 = 0b1111_0000;
    const INITIAL: u8 = 0b1100_0000;
    const SHORTEST: u8 = 8; // RFC 9000, section 7.2
    let (first, rest) = datagram.split_first()?;
    let (version, rest) = rest.split_first_chunk::<4>()?;
    let (length, rest) = rest.split_first()?;
    let is_initial =
        first & FORM_AND_TYPE == INITIAL && *version == VERSION_1 && *length >= SHORTEST;
    rest.get(..usize::from(*length)).filter(|_| is_initial)
}

/// A client's datagram with one Initial, shortened: its header as it is under the header protection, and its frames
/// up to the padding. None for any other datagram.
pub(super) fn shorten(datagram: &[u8]) -> Option<Vec<u8>> {
    let keys = keys(datagram)?;
    let Layout { number_at, end } = Layout::of(datagram)?;
    let sample_at = number_at + SAMPLE_AT;
    if end != datagram.len() {
        return None; // more than one packet
    }
    let mut packet = datagram.to_vec();
    let sample = datagram.get(sample_at..sample_at + keys.header.sample_len())?;
    let (first, rest) = packet.split_first_mut()?;
    keys.header
        .decrypt_in_place(sample, first, rest.get_mut(number_at - 1..sample_at - 1)?)
        .ok()?;
    let payload_at = number_at + number_length(packet[0]);
    let (header, payload) = packet.split_at_mut_checked(payload_at)?;
    let number = number(&header[number_at..]);
    let frames = keys.packet.decrypt_in_place(number, header, payload).ok()?;
    let length = frames.iter().rposition(|octet| *octet != 0).map_or(0, |last| last + 1);
    packet.truncate(payload_at + length);
    // a packet number that was cut short, or octets that are not what they seem
    (lengthen(&packet)? == datagram).then_some(packet)
}

/// The datagram that [`shorten`] was given. None if it could not have been.
pub(super) fn lengthen(short: &[u8]) -> Option<Vec<u8>> {
    let keys = keys(short)?;
    let Layout { number_at, end } = Layout::of(short)?;
    let payload_at = number_at + number_length(short[0]);
    let frames_end = end.checked_sub(keys.packet.tag_len())?;
    if !(LEAST..=MOST).contains(&end) || !(payload_at..=frames_end).contains(&short.len()) {
        return None;
    }
    let mut packet = short.to_vec();
    packet.resize(frames_end, 0);
    let (header, payload) = packet.split_at_mut(payload_at);
    let tag = keys.packet.encrypt_in_place(number(&header[number_at..]), header, payload).ok()?;
    packet.extend_from_slice(tag.as_ref());
    let sample_at = number_at + SAMPLE_AT;
    let sample: Vec<u8> = packet.get(sample_at..sample_at + keys.header.sample_len())?.to_vec();
    let (first, rest) = packet.split_first_mut()?;
    keys.header.encrypt_in_place(&sample, first, &mut rest[number_at - 1..payload_at - 1]).ok()?;
    Some(packet)
}

/// Where things are in a packet.
struct Layout {
    /// The packet number.
    number_at: usize,
    /// The end of the packet, as its header says.
    end: usize,
}

impl Layout {
    fn of(packet: &[u8]) -> Option<Layout> {
        let mut at = 1 + VERSION_1.len();
        for _ in 0..2 {
            at += 1 + usize::from(*packet.get(at)?);
        }
        let (token, width) = variable(packet.get(at..)?)?;
        at = at.checked_add(width)?.checked_add(token)?;
        let (length, width) = variable(packet.get(at..)?)?;
        let number_at = at + width;
        let end = number_at.checked_add(length)?;
        Some(Layout { number_at, end })
    }
}

/// A variable-length integer (RFC 9000, section 16) and its octets; None if it is longer than any datagram.
fn variable(octets: &[u8]) -> Option<(usize, usize)> {
    let first = *octets.first()?;
    match first >> 6 {
        0 => Some((usize::from(first), 1)),
        1 => Some((usize::from(first & 0x3f) << 8 | usize::from(*octets.get(1)?), 2)),
        _ => None,
    }
}

fn number_length(first: u8) -> usize {
    usize::from(first & 0x03) + 1
}

fn number(octets: &[u8]) -> u64 {
    octets.iter().fold(0, |number, octet| number << 8 | u64::from(*octet))
}

fn keys(packet: &[u8]) -> Option<DirectionalKeys> {
    let suite = TLS13_AES_128_GCM_SHA256.tls13()?.quic_suite()?;
    let keys = suite.keys(connection_id(packet)?, rustls::Side::Client, Version::V1);
    Some(keys.local)
}

/// An Initial of 1200 octets with these frames.
#[cfg(test)]
pub(super) fn initial(id: u8, frames: &[u8]) -> Vec<u8> {
    let mut short = vec![0xc0, 0, 0, 0, 1, 8];
    short.extend([id; 8]);
    short.extend([4, 1, 2, 3, 4, 0]); // the client's id, no token
    let length = LEAST - short.len() - 2;
    short.extend([0x40 | (length >> 8) as u8, length as u8, 0]);
    lengthen(&[&short, frames].concat()).unwrap()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_client_initial_is_shortened_and_comes_back() {
        let datagram = initial(7, b"\x06\x00\x04abcd");
        assert_eq!(datagram.len(), LEAST);
        let short = shorten(&datagram).unwrap();
        assert!(short.ends_with(b"\x06\x00\x04abcd"));
        assert!(short.len() < 40);
        assert_eq!(lengthen(&short), Some(datagram));
    }

    /// RFC 9001, section A.2: the client's Initial, of which the padding fills most.
    #[test]
    fn the_keys_are_those_of_the_specification() {
        let datagram = initial(1, b"\x06x");
        let keys = keys(&datagram).unwrap();
        assert_eq!((keys.packet.tag_len(), keys.header.sample_len()), (16, 16));
        let id = [0x83, 0x94, 0xc8, 0xf0, 0x3e, 0x51, 0x57, 0x08];
        let header = [&[0xc3, 0, 0, 0, 1, 8][..], &id, &[0, 0, 0x44, 0x9e, 0, 0, 0, 2]].concat();
        let crypto =
            data_encoding::HEXLOWER.decode(CLIENT_HELLO.as_bytes()).expect("hexadecimal digits");
        let datagram = lengthen(&[header, crypto].concat()).unwrap();
        let begin = data_encoding::HEXLOWER.encode(&datagram[..34]);
        assert_eq!(begin, "c000000001088394c8f03e5157080000449e7b9aec34d1b1c98dd7689fb8ec11d242");
        assert_eq!(
            data_encoding::HEXLOWER.encode(&datagram[1184..]),
            "e221af44860018ab0856972e194cd934"
        );
        assert!(shorten(&datagram).is_some());
    }

    const CLIENT_HELLO: &str = "060040f1010000ed0303ebf8fa56f12939b9584a3896472ec40bb863cfd3e868\
        04fe3a47f06a2b69484c00000413011302010000c000000010000e00000b6578\
        616d706c652e636f6dff01000100000a00080006001d00170018001000070005\
        04616c706e000500050100000000003300260024001d00209370b2c9caa47fba\
        baf4559fedba753de171fa71f50f1ce15d43e994ec74d748002b000302030400\
        0d0010000e0403050306030203080408050806002d00020101001c0002400100\
        3900320408ffffffffffffffff05048000ffff07048000ffff08011001048000\
        75300901100f088394c8f03e51570806048000ffff";

    #[test]
    fn nothing_else_is_shortened() {
        let datagram = initial(7, b"\x06abc");
        for at in 0..datagram.len() {
            let mut changed = datagram.clone();
            changed[at] ^= 0x20;
            assert_eq!(shorten(&changed), None, "{at}");
            assert_eq!(shorten(&datagram[..at]), None, "{at}");
        }
        assert_eq!(shorten(&[&datagram[..], &[0xe0]].concat()), None, "another packet behind it");
    }

    proptest! {
        #[test]
        fn any_octets_are_survived(octets in proptest::collection::vec(any::<u8>(), 0..80)) {
            let datagram = [&[0xc3, 0, 0, 0, 1, 8][..], &octets].concat();
            prop_assert_eq!(shorten(&datagram), None);
            let made = lengthen(&datagram);
            prop_assert!(made.is_none_or(|made| (LEAST..=MOST).contains(&made.len())));
        }
    }
}
