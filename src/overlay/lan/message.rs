//! Questions and answers on the link, as octets.
//!
//! ```text
//! question = magic "p2pl" ‖ version 1 ‖ kind 1 ‖ id u64 ‖ slot 20
//! answer   = magic "p2pl" ‖ version 1 ‖ kind 2 ‖ id u64 ‖ slot 20 ‖ packet
//! ```
//!
//! An answer repeats the question's random id, so that only who saw the question can answer it.

use crate::identity::Slot;
use crate::registration::Packet;

const MAGIC: &[u8; 4] = b"p2pl";
const VERSION: u8 = 1;
const QUESTION: u8 = 1;
const ANSWER: u8 = 2;
const HEAD_LENGTH: usize = 4 + 1 + 1 + 8 + 20;

/// The longest message in octets. It fits a datagram everywhere (RFC 8200, section 5: 1280 octets).
pub(super) const MAX_LENGTH: usize = HEAD_LENGTH + Packet::MAX_LENGTH;

/// What travels on the link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Message {
    /// Who has a packet for this slot?
    Question {
        /// Chosen at random for each question.
        id: u64,
        /// The slot.
        slot: Slot,
    },
    /// I have.
    Answer {
        /// The question's.
        id: u64,
        /// The question's.
        slot: Slot,
        /// 1 to [`Packet::MAX_LENGTH`] octets, hostile until decoded.
        packet: Vec<u8>,
    },
}

impl Message {
    /// As octets.
    pub(super) fn encode(&self) -> Vec<u8> {
        let (kind, id, slot, packet) = match self {
            Message::Question { id, slot } => (QUESTION, id, slot, &[][..]),
            Message::Answer { id, slot, packet } => (ANSWER, id, slot, &packet[..]),
        };
        [MAGIC, &[VERSION, kind][..], &id.to_be_bytes(), &slot.0, packet].concat()
    }

    /// From octets; None for what is no message of this version.
    pub(super) fn decode(datagram: &[u8]) -> Option<Message> {
        let rest = datagram.strip_prefix(MAGIC)?;
        let (&[version, kind], rest) = rest.split_first_chunk()?;
        let (id, rest) = rest.split_first_chunk()?;
        let (slot, packet) = rest.split_first_chunk()?;
        let (id, slot) = (u64::from_be_bytes(*id), Slot(*slot));
        match (version, kind, packet.len()) {
            (VERSION, QUESTION, 0) => Some(Message::Question { id, slot }),
            (VERSION, ANSWER, 1..=Packet::MAX_LENGTH) => {
                Some(Message::Answer { id, slot, packet: packet.to_vec() })
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn question() -> Message {
        Message::Question { id: 0x0102_0304_0506_0708, slot: Slot([9; 20]) }
    }

    fn answer(length: usize) -> Message {
        Message::Answer { id: 5, slot: Slot([9; 20]), packet: vec![7; length] }
    }

    #[test]
    fn messages_come_back() {
        for message in [question(), answer(1), answer(Packet::MAX_LENGTH)] {
            let datagram = message.encode();
            assert!(datagram.len() <= MAX_LENGTH);
            assert_eq!(Message::decode(&datagram), Some(message));
        }
    }

    #[test]
    fn a_question_looks_like_this() {
        let expected = [b"p2pl\x01\x01\x01\x02\x03\x04\x05\x06\x07\x08", &[9; 20][..]].concat();
        assert_eq!(question().encode(), expected);
    }

    #[test]
    fn what_is_wrong_in_any_way_is_no_message() {
        let good = question().encode();
        for length in 0..good.len() {
            assert_eq!(Message::decode(&good[..length]), None, "cut at {length}");
        }
        assert_eq!(Message::decode(&[&good[..], b"x"].concat()), None);
        for (at, what) in [(0, "magic"), (4, "version"), (5, "kind")] {
            let mut bad = good.clone();
            bad[at] = 9;
            assert_eq!(Message::decode(&bad), None, "{what}");
        }
        assert_eq!(Message::decode(&answer(0).encode()), None);
        assert_eq!(Message::decode(&answer(901).encode()), None);
    }

    proptest! {
        #[test]
        fn any_datagram_is_survived(datagram in proptest::collection::vec(any::<u8>(), 0..1500)) {
            let _ = Message::decode(&datagram);
        }

        #[test]
        fn what_decodes_has_one_spelling(tail in proptest::collection::vec(any::<u8>(), 0..100)) {
            let datagram = [b"p2pl\x01", &tail[..]].concat();
            if let Some(message) = Message::decode(&datagram) {
                prop_assert_eq!(message.encode(), datagram);
            }
        }
    }
}
