//! What stands before a datagram that is carried: the tag of the peer, or a channel, which is a short number for it
//! (as ChannelData of TURN does, RFC 8656, section 12).

use crate::identity::Hit;
use crate::link::datagram::{CARRIED, CARRIED_CHANNEL, CARRY, CARRY_CHANNEL, CHANNEL_BITS};

use super::channels::Channel;

const TAG: usize = 16;
/// Octets before a datagram with a tag; none are more.
pub(in crate::link) const CARRY_HEADER: usize = 1 + TAG;
/// Octets before a datagram with a channel.
pub(super) const CHANNEL_HEADER: usize = 3;

/// Which way a datagram goes: two hosts may be each other's rendezvous at one pair of addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::link) enum Direction {
    /// To the rendezvous, which shall carry it: a CARRY.
    Up,
    /// From the rendezvous, which has carried it: a CARRIED.
    Down,
}

/// Who is to receive a CARRY, or has sent what is CARRIED.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::link) enum Peer {
    /// By its tag.
    Tag(Hit),
    /// By a number that both ends of the session have for it.
    Channel(Channel),
}

/// The header of a CARRY or of something CARRIED, in octets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::link) struct Header {
    octets: [u8; CARRY_HEADER],
    length: usize,
}

impl Header {
    pub(in crate::link) fn new(direction: Direction, peer: Peer) -> Header {
        let mut octets = [0; CARRY_HEADER];
        let length = match peer {
            Peer::Tag(hit) => {
                octets[0] = if direction == Direction::Up { CARRY } else { CARRIED };
                octets[1..].copy_from_slice(&hit.to_ipv6().octets());
                CARRY_HEADER
            }
            Peer::Channel(Channel(number)) => {
                let kind = if direction == Direction::Up { CARRY_CHANNEL } else { CARRIED_CHANNEL };
                let [_, high, middle, low] = number.to_be_bytes();
                octets[..CHANNEL_HEADER].copy_from_slice(&[kind | high, middle, low]);
                CHANNEL_HEADER
            }
        };
        Header { octets, length }
    }

    /// Whom the header of a CARRY or CARRIED names that has something inside, and how long it is.
    pub(in crate::link) fn parse(datagram: &[u8]) -> Option<(Peer, usize)> {
        let (&first, rest) = datagram.split_first()?;
        let (peer, length) = if first == CARRY || first == CARRIED {
            let tag: &[u8; TAG] = rest.first_chunk()?;
            (Peer::Tag(Hit::from_ipv6((*tag).into())?), CARRY_HEADER)
        } else {
            let [middle, low] = *rest.first_chunk()?;
            let number = u32::from_be_bytes([0, first & CHANNEL_BITS, middle, low]);
            (Peer::Channel(Channel(number)), CHANNEL_HEADER)
        };
        (datagram.len() > length).then_some((peer, length))
    }

    /// How many octets at the beginning of datagrams say whom they are for, if they begin with this one.
    pub(in crate::link) fn length_of(first: u8) -> usize {
        if first == CARRY || first == CARRIED { CARRY_HEADER } else { CHANNEL_HEADER }
    }
}

impl AsRef<[u8]> for Header {
    fn as_ref(&self) -> &[u8] {
        &self.octets[..self.length]
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::identity::PublicKey;
    use crate::link::datagram::Kind;

    #[test]
    fn headers_come_back_if_there_is_something_behind_them() {
        let hit = PublicKey([3; 32]).hit();
        for peer in [Peer::Tag(hit), Peer::Channel(Channel(0)), Peer::Channel(Channel(0x7_fffe))] {
            for (direction, kind) in
                [(Direction::Up, Kind::Carry), (Direction::Down, Kind::Carried)]
            {
                let header = Header::new(direction, peer);
                let header = header.as_ref();
                let datagram = [header, b"x"].concat();
                assert_eq!(Kind::of(&datagram), kind);
                assert_eq!(Header::parse(&datagram), Some((peer, header.len())));
                assert_eq!(Header::length_of(datagram[0]), header.len());
                assert_eq!(Header::parse(header), None);
            }
        }
    }

    proptest! {
        #[test]
        fn any_octets_are_survived(octets in proptest::collection::vec(any::<u8>(), 0..40)) {
            if let Some((_, length)) = Header::parse(&octets) {
                prop_assert!(length < octets.len());
            }
        }
    }
}
