//! Bare packets: what two clients of this program leave out of each datagram once either knows the other's addresses.
//!
//! A Teredo datagram carries 48 octets of IPv6 and UDP headers that are the same in every packet of a pair. Who
//! understands it without says so in the flow label of each packet, to which nobody else gives a meaning: a
//! kernel behind miredo chooses one of a million for each flow. From then on packets of an established QUIC
//! connection travel alone. Everything else, the path agent's probes among it, keeps its headers, so that whoever has
//! forgotten the addresses learns them again.
//!
//! The packets that Teredo knows have 1280 octets (RFC 4380, section 5.1), of which the headers leave 1232. A bare one
//! is none of them, and may be as long as on any other way; one that is too long to go otherwise is lost where it
//! cannot go bare.
//!
//! ```text
//! A                                      B
//!   |== IPv6, UDP, understood =============>|  knows A
//!   |<============= IPv6, UDP, acquainted ==|  A knows B, and that B knows A
//!   |== bare packet =======================>|  B knows that A knows B
//!   |<======================== bare packet ==|
//! ```
//!
//! On the wire the first octet of a packet with a short header, 0x40 to 0x7f, has its two first bits turned: 0x80 to
//! 0xbf begins neither an IPv6 packet (0x60) nor an origin or authentication (0x00).

use std::{
    net::SocketAddrV6,
    time::{Duration, Instant},
};

/// Turns the bits of a short header (RFC 9000, section 17.3) into something that nothing else begins with, and back.
const TURN: u8 = 0xc0;
const SHORT_HEADER: u8 = 0x40;
const TURNED: u8 = 0x80;

/// The longest: what an Ethernet carries over IPv4. How much of that a path carries, QUIC finds out.
pub(super) const MAX_LENGTH: usize = 1500 - 20 - 8;

/// In the flow label: the sender takes bare packets.
const UNDERSTOOD: u32 = 0x7_0320;
/// The same, and it knows the addresses of the receiver.
const ACQUAINTED: u32 = 0x7_0321;

/// Who is known is asked again after so long without a packet with addresses.
const MEMORY: Duration = Duration::from_secs(3600);

/// What one end knows of the other's bare packets.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Acquaintance {
    /// From where the other end speaks, and when it has said so.
    peer: Option<(SocketAddrV6, Instant)>,
    /// It knows the same of us.
    mutual: bool,
}

impl Acquaintance {
    /// A datagram of the peer with all headers.
    pub(super) fn note(&mut self, from: SocketAddrV6, flow: u32, now: Instant) {
        let understood = flow == UNDERSTOOD || flow == ACQUAINTED;
        self.peer = understood.then_some((from, now));
        self.mutual = flow == ACQUAINTED;
    }

    /// The flow label of a datagram for the peer with all headers.
    pub(super) fn flow(&self, now: Instant) -> u32 {
        if self.source(now).is_some() { ACQUAINTED } else { UNDERSTOOD }
    }

    /// Whether packets to the peer there will go without as soon as both know each other.
    pub(super) fn is_understood(&self, to: SocketAddrV6, now: Instant) -> bool {
        self.source(now) == Some(to)
    }

    /// Whether a packet to the peer there may go without.
    pub(super) fn takes(&self, to: SocketAddrV6, now: Instant) -> bool {
        self.mutual && self.is_understood(to, now)
    }

    /// From where a bare packet of the peer comes, which knows us then.
    pub(super) fn speak(&mut self, now: Instant) -> Option<SocketAddrV6> {
        let source = self.source(now)?;
        self.mutual = true;
        Some(source)
    }

    fn source(&self, now: Instant) -> Option<SocketAddrV6> {
        let fresh = |(_, at): &(SocketAddrV6, Instant)| now.saturating_duration_since(*at) < MEMORY;
        self.peer.filter(fresh).map(|(source, _)| source)
    }
}

/// Whether a packet is one of an established connection, and not too long.
pub(super) fn suits(packet: &[u8]) -> bool {
    let first = packet.first().filter(|_| packet.len() <= MAX_LENGTH);
    first.is_some_and(|first| first & TURN == SHORT_HEADER)
}

/// A packet as it goes bare; None if it is not one of an established connection.
pub(super) fn strip(packet: &[u8]) -> Option<Vec<u8>> {
    turn(packet, SHORT_HEADER)
}

/// The packet in a bare datagram.
pub(super) fn restore(datagram: &[u8]) -> Option<Vec<u8>> {
    turn(datagram, TURNED)
}

fn turn(octets: &[u8], kind: u8) -> Option<Vec<u8>> {
    let mut turned = octets.to_vec();
    let first = turned.first_mut().filter(|first| **first & TURN == kind)?;
    *first ^= TURN;
    Some(turned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::clock;

    fn at(text: &str) -> SocketAddrV6 {
        text.parse().unwrap()
    }

    #[test]
    fn only_short_headers_travel_alone_and_come_back() {
        for first in 0..=255u8 {
            let packet = [first, 1, 2];
            let is_short = (0x40..0x80).contains(&first);
            let bare = strip(&packet);
            assert_eq!(bare.is_some(), is_short, "{first:#x}");
            if let Some(bare) = bare {
                assert!((0x80..0xc0).contains(&bare[0]));
                assert_eq!(restore(&bare).unwrap(), packet);
            }
        }
        assert_eq!(restore(&[]), None);
        assert_eq!(restore(&[0x60, 0]), None, "IPv6");
        assert_eq!(restore(&[0x00, 0]), None, "an origin");
    }

    #[test]
    fn bare_packets_go_to_those_who_know_and_who_forgets_is_told_again() {
        let (now, a, b) = (clock::now(), at("[2001:0:b01:14::1]:1"), at("[2001:0:b01:14::2]:2"));
        let (mut of_a, mut of_b) = (Acquaintance::default(), Acquaintance::default());
        assert!(!of_a.takes(b, now));
        of_b.note(a, of_a.flow(now), now);
        assert!(!of_b.takes(a, now), "A has not heard of B");
        of_a.note(b, of_b.flow(now), now);
        assert!(of_a.takes(b, now));
        assert!(!of_a.takes(at("[2001:0:b01:14::2]:3"), now), "another port");
        assert_eq!(of_b.speak(now), Some(a));
        assert!(of_b.takes(a, now));

        // B is started anew
        let mut of_b = Acquaintance::default();
        assert_eq!(of_b.speak(now), None);
        of_b.note(a, of_a.flow(now), now);
        assert_eq!(of_b.speak(now), Some(a));
        of_a.note(b, Acquaintance::default().flow(now), now);
        assert!(!of_a.takes(b, now), "B says that it does not know A");
        // or is another program
        of_a.note(b, 0, now);
        assert_eq!(of_a.speak(now), None);
        of_b.note(a, ACQUAINTED, now);
        assert!(!of_b.takes(a, now + MEMORY));
    }
}
