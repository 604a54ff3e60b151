//! Channels of an allocation (RFC 8656, sections 9 to 12): what goes to one peer, and its framing.
//!
//! Until the server has bound a channel, data travels in Send and Data indications, 36 octets more than
//! over a channel's four.

use std::{
    net::{IpAddr, SocketAddr},
    ops::Range,
    time::{Duration, Instant},
};

use crate::link::stun::{Class, Message, Method, attribute};

/// Channel numbers (section 12).
const FIRST_CHANNEL: u16 = 0x4000;
const LAST_CHANNEL: u16 = 0x4fff;
/// Octets before the data.
const CHANNEL_HEADER: usize = 4;
/// Peers at a time: a dial has at most sixteen addresses. The one that was used longest ago gives way.
const MAX_CHANNELS: usize = 64;
/// A permission lives five minutes, a channel ten; one request refreshes both.
pub(super) const REBIND: Duration = Duration::from_secs(4 * 60);
/// A peer to which nothing is sent for so long is forgotten.
const UNUSED: Duration = Duration::from_secs(5 * 60);

/// What goes to one peer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Channel {
    pub(super) number: u16,
    pub(super) peer: SocketAddr,
    /// The server knows it.
    pub(super) bound: bool,
    /// When the server must be asked again; None while it is being asked.
    pub(super) rebind: Option<Instant>,
    pub(super) used: Instant,
}

/// The channels of one allocation.
#[derive(Debug)]
pub(super) struct Channels {
    open: Vec<Channel>,
    next: u16,
}

impl Default for Channels {
    fn default() -> Channels {
        Channels { open: Vec::new(), next: FIRST_CHANNEL }
    }
}

impl Channels {
    /// The channel to a peer, which is opened if there is none; true if it is new.
    pub(super) fn open(&mut self, peer: SocketAddr, now: Instant) -> (Channel, bool) {
        if let Some(open) = self.open.iter_mut().find(|open| open.peer == peer) {
            open.used = now;
            return (*open, false);
        }
        if self.open.len() == MAX_CHANNELS {
            let oldest = (0..self.open.len()).min_by_key(|at| self.open[*at].used).unwrap_or(0);
            self.open.remove(oldest);
        }
        let channel = Channel { number: self.next, peer, bound: false, rebind: None, used: now };
        // a number may serve another peer only when the server has forgotten the first: after ten
        // minutes, in which nobody opens four thousand
        self.next = if self.next == LAST_CHANNEL { FIRST_CHANNEL } else { self.next + 1 };
        self.open.push(channel);
        (channel, true)
    }

    pub(super) fn find(&mut self, number: u16) -> Option<&mut Channel> {
        self.open.iter_mut().find(|open| open.number == number)
    }

    pub(super) fn has(&self, peer: IpAddr) -> bool {
        self.open.iter().any(|open| open.peer.ip() == peer)
    }

    /// The next channel of which the server must be told again; the unused are forgotten.
    pub(super) fn poll_rebind(&mut self, now: Instant) -> Option<Channel> {
        self.open.retain(|open| open.used + UNUSED > now);
        let due = |open: &&mut Channel| open.rebind.is_some_and(|rebind| rebind <= now);
        let open = self.open.iter_mut().find(due)?;
        open.rebind = None;
        Some(*open)
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.open.iter().filter_map(|open| open.rebind).min()
    }

    /// Whose data a datagram of the server carries, and where it is.
    pub(super) fn data(&self, datagram: &[u8]) -> Option<(SocketAddr, Range<usize>)> {
        let (&[n0, n1, l0, l1], rest) = datagram.split_first_chunk::<CHANNEL_HEADER>()?;
        let number = u16::from_be_bytes([n0, n1]);
        if !(FIRST_CHANNEL..=LAST_CHANNEL).contains(&number) {
            return indicated(datagram);
        }
        let length = usize::from(u16::from_be_bytes([l0, l1]));
        let open = self.open.iter().find(|open| open.number == number)?;
        (length <= rest.len()).then_some((open.peer, CHANNEL_HEADER..CHANNEL_HEADER + length))
    }
}

/// Data on a channel.
pub(super) fn channel_data(number: u16, data: &[u8]) -> Option<Vec<u8>> {
    let length = u16::try_from(data.len()).ok()?;
    Some([&number.to_be_bytes(), &length.to_be_bytes(), data].concat())
}

/// The peer and the data in a Data indication.
fn indicated(datagram: &[u8]) -> Option<(SocketAddr, Range<usize>)> {
    let message = Message::decode(datagram).ok()?;
    if (message.class(), message.method()) != (Class::Indication, Method::DATA) {
        return None;
    }
    let data = message.attribute_range(attribute::DATA)?;
    Some((message.xor_address(attribute::XOR_PEER_ADDRESS)?, data))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::link::stun::Builder;
    use crate::runtime::clock;

    fn peer(number: u16) -> SocketAddr {
        SocketAddr::new([192, 0, 2, 1].into(), number)
    }

    #[test]
    fn data_comes_out_as_it_went_in() {
        let mut channels = Channels::default();
        let (channel, new) = channels.open(peer(1), clock::now());
        assert!(new && !channels.open(peer(1), clock::now()).1);
        let datagram = channel_data(channel.number, b"hello").unwrap();
        let (from, range) = channels.data(&datagram).unwrap();
        assert_eq!((from, &datagram[range]), (peer(1), &b"hello"[..]));

        let indication = Builder::new(Class::Indication, Method::DATA, [1; 12])
            .xor_address(attribute::XOR_PEER_ADDRESS, peer(2))
            .attribute(attribute::DATA, b"again")
            .finish();
        let (from, range) = channels.data(&indication).unwrap();
        assert_eq!((from, &indication[range]), (peer(2), &b"again"[..]));
    }

    #[test]
    fn what_is_no_data_is_left() {
        let mut channels = Channels::default();
        channels.open(peer(1), clock::now());
        for datagram in
            [&[][..], &[0x40], &[0x40, 0, 0, 1], &[0x40, 1, 0, 0], &[0x50, 0, 0, 0], &[0; 20]]
        {
            assert_eq!(channels.data(datagram), None, "{datagram:?}");
        }
        assert_eq!(channel_data(FIRST_CHANNEL, &[0; 65_536]), None);
    }

    #[test]
    fn there_are_only_so_many_and_the_unused_go() {
        let now = clock::now();
        let mut channels = Channels::default();
        for port in 1..10_000u16 {
            let used = now + Duration::from_millis(port.into());
            channels.open(peer(port), used);
        }
        assert_eq!(channels.open.len(), MAX_CHANNELS);
        assert!(channels.open.iter().all(|open| open.peer.port() > 9000));
        assert!(channels.poll_rebind(now + 2 * UNUSED).is_none());
        assert!(channels.open.is_empty());
    }
}
