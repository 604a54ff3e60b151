//! The journal's records: what happened to one place, behind its length and checksum.
//!
//! ```text
//! length of the body u16 ‖ checksum 8 ‖ body
//! body = kind ‖ slot 20 ‖ writer 16 [‖ author 16 ‖ expires u32 ‖ sequence u64 ‖ packet]
//! ```
//!
//! Numbers are big-endian. The checksum is the start of the body's SHA-256: a record that was cut off or
//! overwritten in a crash is recognised and ends the journal.

use ring::digest::{SHA256, digest};

use super::places::{Author, Network, Place, PlaceKey, Writer};
use crate::identity::Slot;

const HEAD_LENGTH: usize = 2 + CHECKSUM_LENGTH;
const CHECKSUM_LENGTH: usize = 8;
const KEY_LENGTH: usize = 20 + 16;
/// What a filled place takes in the journal beside its packet.
pub(super) const FILLED_LENGTH: usize = HEAD_LENGTH + 1 + KEY_LENGTH + 16 + 4 + 8;

const FILLED: u8 = 1;
const EMPTIED: u8 = 2;

/// One change of one place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Record {
    /// The place was filled with this.
    Filled(PlaceKey, Place),
    /// The place was emptied.
    Emptied(PlaceKey),
}

/// Appends a record of a filled place.
pub(super) fn push_filled(log: &mut Vec<u8>, key: &PlaceKey, place: &Place) {
    push(log, |body| {
        push_key(body, FILLED, key);
        body.extend_from_slice(&place.author.0);
        body.extend_from_slice(&place.expires.to_be_bytes());
        body.extend_from_slice(&place.sequence.to_be_bytes());
        body.extend_from_slice(&place.packet);
    });
}

/// Appends a record of an emptied place.
pub(super) fn push_emptied(log: &mut Vec<u8>, key: &PlaceKey) {
    push(log, |body| push_key(body, EMPTIED, key));
}

/// The first record and what follows it; None where no whole record is.
pub(super) fn split_first(log: &[u8]) -> Option<(Record, &[u8])> {
    let (length, rest) = log.split_first_chunk::<2>()?;
    let (checksum, rest) = rest.split_first_chunk::<CHECKSUM_LENGTH>()?;
    let (body, rest) = rest.split_at_checked(u16::from_be_bytes(*length).into())?;
    if *checksum != checksum_of(body) {
        return None;
    }
    Some((decode(body)?, rest))
}

/// How much of a log the longest record takes.
pub(super) const MAX_LENGTH: usize = HEAD_LENGTH + u16::MAX as usize;

fn push(log: &mut Vec<u8>, body: impl FnOnce(&mut Vec<u8>)) {
    let start = log.len();
    log.extend_from_slice(&[0; HEAD_LENGTH]);
    body(log);
    let length = log.len() - start - HEAD_LENGTH;
    debug_assert!(length <= usize::from(u16::MAX), "a packet has at most 900 octets");
    let checksum = checksum_of(&log[start + HEAD_LENGTH..]);
    log[start..start + 2].copy_from_slice(&(length as u16).to_be_bytes());
    log[start + 2..start + HEAD_LENGTH].copy_from_slice(&checksum);
}

fn push_key(body: &mut Vec<u8>, kind: u8, key: &PlaceKey) {
    body.push(kind);
    body.extend_from_slice(&key.slot.0);
    body.extend_from_slice(&key.writer.0);
}

fn decode(body: &[u8]) -> Option<Record> {
    let (kind, rest) = body.split_first()?;
    let (slot, rest) = rest.split_first_chunk()?;
    let (writer, rest) = rest.split_first_chunk()?;
    let key = PlaceKey { slot: Slot(*slot), writer: Writer(*writer) };
    if *kind == EMPTIED && rest.is_empty() {
        return Some(Record::Emptied(key));
    }
    let (author, rest) = rest.split_first_chunk()?;
    let (expires, rest) = rest.split_first_chunk()?;
    let (sequence, packet) = rest.split_first_chunk()?;
    let place = Place {
        author: Author(*author),
        expires: u32::from_be_bytes(*expires),
        sequence: u64::from_be_bytes(*sequence),
        network: Network::UNKNOWN,
        packet: packet.into(),
    };
    (*kind == FILLED).then_some(Record::Filled(key, place))
}

fn checksum_of(body: &[u8]) -> [u8; CHECKSUM_LENGTH] {
    let mut checksum = [0; CHECKSUM_LENGTH];
    checksum.copy_from_slice(&digest(&SHA256, body).as_ref()[..CHECKSUM_LENGTH]);
    checksum
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sample() -> (PlaceKey, Place) {
        let key = PlaceKey { slot: Slot([1; 20]), writer: Writer([2; 16]) };
        let packet = b"packet".as_slice().into();
        let network = Network::UNKNOWN;
        (key, Place { author: Author([3; 16]), expires: 4, sequence: 5, network, packet })
    }

    #[test]
    fn records_come_back() {
        let (key, place) = sample();
        let mut log = Vec::new();
        push_filled(&mut log, &key, &place);
        assert_eq!(log.len(), FILLED_LENGTH + place.packet.len());
        push_emptied(&mut log, &key);
        let (first, rest) = split_first(&log).unwrap();
        let (second, rest) = split_first(rest).unwrap();
        assert_eq!((first, second), (Record::Filled(key, place), Record::Emptied(key)));
        assert!(rest.is_empty());
    }

    #[test]
    fn every_cut_and_every_flipped_bit_is_noticed() {
        let (key, place) = sample();
        let mut log = Vec::new();
        push_filled(&mut log, &key, &place);
        for length in 0..log.len() {
            assert_eq!(split_first(&log[..length]), None, "cut at {length}");
        }
        for bit in 0..log.len() * 8 {
            let mut flipped = log.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(split_first(&flipped), None, "bit {bit}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(log in proptest::collection::vec(any::<u8>(), 0..512)) {
            let _ = split_first(&log);
        }
    }
}
