//! Who is there? Asked of an address that proves nothing, such as one that a tracker gives for a name; whoever
//! announced himself there answers with his registration packet.
//!
//! ```text
//! INQUIRY   0x24 ‖ id (8) ‖ swarm (20) ‖ token (8), zeros without one
//! TOKEN     0x25 ‖ id (8) ‖ token (8)
//! PACKET    0x26 ‖ id (8) ‖ packet
//! ```
//!
//! The first octets are those of the host identity layer's datagrams, because the address is that of its port. An
//! inquiry says nothing that whoever gave the address does not know. Its first answer is a token, shorter than the
//! inquiry; the packet goes to those only who show it, and so hear what is sent to the address from which they ask.
//! Hence nobody can be flooded in the name of another, and an address where nobody speaks this gets no more than a
//! few short datagrams.
//!
//! The packet is believed no more than one from anywhere else: it is signed, and whether the key is that of the name
//! is decided by [`crate::trust`]. That its owner is at the address is proved by the handshake that follows.

use super::Packet;
use crate::identity::Slot;

/// Begins an inquiry.
pub const INQUIRY: u8 = 0x24;
const TOKEN: u8 = 0x25;
const PACKET: u8 = 0x26;

/// First octet and id.
const HEAD_LENGTH: usize = 1 + size_of::<Id>();

/// Tells an answer from one that nobody asked for.
pub type Id = [u8; 8];

/// The question who is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Inquiry {
    /// Comes back with the answer.
    pub id: Id,
    /// The swarm in which the address was found: [`Slot::of_announcements`].
    pub swarm: Slot,
    /// What the first answer gave; zeros before.
    pub token: [u8; 8],
}

/// What is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Introduction {
    /// What to show.
    Token([u8; 8]),
    /// Octets that should be a packet.
    Packet(Vec<u8>),
}

impl Inquiry {
    /// Its length in octets.
    pub const LENGTH: usize = HEAD_LENGTH + 20 + 8;

    /// The datagram.
    pub fn encode(&self) -> Vec<u8> {
        [&[INQUIRY][..], &self.id, &self.swarm.0, &self.token].concat()
    }

    /// Reads a datagram; None for anything else.
    pub fn decode(datagram: &[u8]) -> Option<Inquiry> {
        let (&[kind], rest) = datagram.split_first_chunk()?;
        let (id, rest) = rest.split_first_chunk()?;
        let (swarm, token) = rest.split_first_chunk()?;
        let token = token.try_into().ok()?;
        (kind == INQUIRY).then_some(Inquiry { id: *id, swarm: Slot(*swarm), token })
    }
}

impl Introduction {
    /// The longest answer in octets.
    pub const MAX_LENGTH: usize = HEAD_LENGTH + Packet::MAX_LENGTH;

    /// The datagram that answers the inquiry with this id.
    pub fn encode(&self, id: &Id) -> Vec<u8> {
        match self {
            Introduction::Token(token) => [&[TOKEN][..], id, token].concat(),
            Introduction::Packet(packet) => [&[PACKET][..], id, packet].concat(),
        }
    }

    /// Reads an answer to the inquiry with this id; None for anything else.
    pub fn decode(datagram: &[u8], id: &Id) -> Option<Introduction> {
        let (&[kind], rest) = datagram.split_first_chunk()?;
        let (echoed, said) = rest.split_first_chunk::<8>()?;
        match kind {
            _ if echoed != id => None,
            TOKEN => Some(Introduction::Token(said.try_into().ok()?)),
            PACKET if said.len() <= Packet::MAX_LENGTH => Some(Introduction::Packet(said.to_vec())),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: Id = *b"one of 8";

    #[test]
    fn what_is_asked_is_read_and_nothing_else_is() {
        let inquiry = Inquiry { id: ID, swarm: Slot([7; 20]), token: [1; 8] };
        let datagram = inquiry.encode();
        assert_eq!(datagram.len(), Inquiry::LENGTH);
        assert_eq!(Inquiry::decode(&datagram), Some(inquiry));
        let other = [&[0x25], &datagram[1..]].concat();
        for bad in [&[][..], &datagram[..36], &[&datagram[..], &[0]].concat(), &other] {
            assert_eq!(Inquiry::decode(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn an_answer_counts_for_its_question() {
        for answer in [Introduction::Token([1; 8]), Introduction::Packet(vec![7; 900])] {
            let datagram = answer.encode(&ID);
            assert!(datagram.len() <= Introduction::MAX_LENGTH);
            assert_eq!(Introduction::decode(&datagram, &ID), Some(answer));
            assert_eq!(Introduction::decode(&datagram, b"another!"), None);
        }
        let long = Introduction::Packet(vec![7; 901]).encode(&ID);
        let short = &Introduction::Token([1; 8]).encode(&ID)[..16];
        for bad in [
            &long[..],
            short,
            &[TOKEN],
            &Inquiry { id: ID, swarm: Slot([0; 20]), token: ID }.encode(),
        ] {
            assert_eq!(Introduction::decode(bad, &ID), None);
        }
    }

    #[test]
    fn who_has_shown_nothing_gets_less_than_he_sent() {
        assert!(Introduction::Token([1; 8]).encode(&ID).len() < Inquiry::LENGTH);
    }
}
