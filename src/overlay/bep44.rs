//! The signed item in which Mainline and its relays keep a registration: a mutable item of BEP 44 without
//! salt, whose value is a DNS packet as pkarr has it. One item serves both.
//!
//! The signature here is for those who pass the item on. Readers rely on the one inside the packet.

use super::pkarr::dns;
use super::{OverlayError, check_length};
use crate::identity::{KeyPair, PublicKey, Signature};
use crate::registration::presence::SealedPacket;
use crate::registration::{Packet, Registration};

/// An item that nodes and relays accept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Item {
    pub(super) key: PublicKey,
    /// Rises with each item of a key: the packet's own sequence.
    pub(super) sequence: u64,
    pub(super) value: Vec<u8>,
    pub(super) signature: Signature,
}

impl Item {
    /// Wraps a packet and signs it as nodes expect.
    ///
    /// # Errors
    /// When the packet is of another key, or too long.
    pub(super) fn sign(packet: &Packet, keys: &KeyPair) -> Result<Item, OverlayError> {
        check_length(packet.as_bytes())?;
        let registration = packet.registration();
        if registration.key != keys.public() {
            return Err(OverlayError::Refused);
        }
        Ok(Item::new(packet, |message| keys.sign(message)))
    }

    /// Wraps a sealed packet and signs it with its blinded key.
    pub(super) fn sign_sealed(sealed: &SealedPacket) -> Item {
        Item::new(sealed.packet(), |message| sealed.keys().sign(message))
    }

    fn new(packet: &Packet, sign: impl FnOnce(&[u8]) -> Signature) -> Item {
        let Registration { key, sequence, .. } = *packet.registration();
        let value = dns::encode(&key, packet.as_bytes());
        let sequence = sequence.as_micros();
        let signature = sign(&signable(sequence, &value));
        Item { key, sequence, value, signature }
    }

    /// Whether the signature is its key's.
    #[cfg(test)]
    pub(super) fn is_genuine(&self) -> bool {
        self.key.verify(&signable(self.sequence, &self.value), &self.signature).is_ok()
    }
}

/// What is signed: the bencoded pairs of sequence and value, without the dictionary around them.
fn signable(sequence: u64, value: &[u8]) -> Vec<u8> {
    let head = format!("3:seqi{sequence}e1:v{}:", value.len());
    [head.as_bytes(), value].concat()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::identity::{Seed, Timestamp};

    fn keys(n: u8) -> KeyPair {
        KeyPair::from_seed(&Seed::new([n; 32]))
    }

    fn packet(keys: &KeyPair, certificate: usize) -> Packet {
        let registration = Registration {
            name: None,
            key: keys.public(),
            sequence: Timestamp::from_micros(7),
            ttl: Duration::from_secs(60),
            locators: Vec::new(),
            rendezvous: Vec::new(),
            certificates: vec![vec![7; certificate]],
        };
        Packet::sign(&registration, keys).unwrap()
    }

    #[test]
    fn the_longest_packet_fits() {
        let keys = keys(1);
        let short = packet(&keys, 1).as_bytes().len();
        let longest = packet(&keys, 1 + Packet::MAX_LENGTH - short);
        assert_eq!(longest.as_bytes().len(), Packet::MAX_LENGTH);
        let item = Item::sign(&longest, &keys).unwrap();
        assert_eq!((item.value.len(), item.sequence), (985, 7));
        assert!(item.is_genuine());
        let unwrapped = dns::decode(&item.key, &item.value);
        assert_eq!(unwrapped.as_deref(), Some(longest.as_bytes()));
    }

    #[test]
    fn the_signature_covers_sequence_and_value() {
        let keys = keys(1);
        let item = Item::sign(&packet(&keys, 1), &keys).unwrap();
        assert!(item.is_genuine());
        assert!(!Item { sequence: 8, ..item.clone() }.is_genuine());
        assert!(!Item { value: vec![0], ..item }.is_genuine());
    }

    #[test]
    fn others_packets_are_not_signed() {
        assert_eq!(Item::sign(&packet(&keys(2), 1), &keys(1)), Err(OverlayError::Refused));
    }
}
