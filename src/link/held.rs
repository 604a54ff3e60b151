//! QUIC packets for peers that have not proved an address yet.
//!
//! What a host answers to the first packet of a handshake may be ready before the probe that proves
//! the way back has come home. Dropped, it would be repeated only after a second; so it waits.

use std::{
    collections::HashMap,
    net::SocketAddr,
    time::{Duration, Instant},
};

use quinn::udp::Transmit;

use crate::identity::Hit;

/// Datagrams for one peer: the first flight of a handshake takes two.
const MAX_PER_PEER: usize = 4;
/// Peers with such datagrams.
const MAX_PEERS: usize = 64;
/// Octets of one datagram or run: three times 1200, which is what QUIC itself sends to an unproved
/// address (RFC 9000, section 8.1).
const MAX_LENGTH: usize = 3600;
/// Older ones are of no use: QUIC has repeated them.
const MAX_AGE: Duration = Duration::from_secs(1);

/// The datagrams that wait, at most about 900 kB.
#[derive(Default)]
pub(super) struct HeldDatagrams {
    peers: HashMap<Hit, Vec<Held>>,
}

/// A datagram, or a run of equally long ones, that waits for a path.
pub(super) struct Held {
    since: Instant,
    contents: Vec<u8>,
    segment_size: Option<usize>,
}

impl HeldDatagrams {
    /// Keeps a datagram until its receiver has proved an address, if there is room.
    pub(super) fn keep(&mut self, hit: Hit, transmit: &Transmit<'_>, now: Instant) {
        if self.peers.len() >= MAX_PEERS {
            self.peers.retain(|_, held| held.iter().any(|held| !held.is_old(now)));
        }
        let room = self.peers.len() < MAX_PEERS || self.peers.contains_key(&hit);
        if !room || transmit.contents.len() > MAX_LENGTH {
            return;
        }
        let held = self.peers.entry(hit).or_default();
        held.retain(|held| !held.is_old(now));
        held.truncate(MAX_PER_PEER - 1);
        let (contents, segment_size) = (transmit.contents.to_vec(), transmit.segment_size);
        held.push(Held { since: now, contents, segment_size });
    }

    /// What waits for a peer, which from then on does no more.
    pub(super) fn take(&mut self, hit: Hit) -> Vec<Held> {
        self.peers.remove(&hit).unwrap_or_default()
    }
}

impl Held {
    /// The datagram for its way to `destination`.
    pub(super) fn transmit(&self, destination: SocketAddr) -> Transmit<'_> {
        Transmit {
            destination,
            ecn: None,
            contents: &self.contents,
            segment_size: self.segment_size,
            src_ip: None,
        }
    }

    fn is_old(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.since) > MAX_AGE
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::PublicKey;
    use crate::runtime::clock;

    fn transmit(contents: &[u8]) -> Transmit<'_> {
        let destination = SocketAddr::from(([192, 0, 2, 1], 1));
        Transmit { destination, ecn: None, contents, segment_size: None, src_ip: None }
    }

    fn hit(number: u8) -> Hit {
        PublicKey([number; 32]).hit()
    }

    #[test]
    fn room_is_bounded_and_age_makes_room() {
        let now = clock::now();
        let mut held = HeldDatagrams::default();
        for number in 0..200 {
            for octet in 0..10 {
                held.keep(hit(number), &transmit(&[octet]), now);
            }
        }
        assert_eq!(held.peers.len(), MAX_PEERS);
        let first: Vec<Vec<u8>> = held.take(hit(0)).into_iter().map(|h| h.contents).collect();
        assert_eq!(first, [[0], [1], [2], [9]]);
        held.keep(hit(201), &transmit(&[0; MAX_LENGTH + 1]), now);
        assert!(held.take(hit(201)).is_empty());

        let later = now + MAX_AGE + Duration::from_millis(1);
        for number in [150, 151] {
            held.keep(hit(number), &transmit(&[7]), later);
        }
        assert_eq!(held.take(hit(151)).len(), 1);
    }
}
