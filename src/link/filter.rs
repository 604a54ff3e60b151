//! Sorts what the kernel received, in place: control datagrams go to the agent, QUIC packets get
//! the virtual address of their sender, and what others want carried goes on its way.

use std::{io::IoSliceMut, net::SocketAddr, ops::Range};

use quinn::udp::{EcnCodepoint, RecvMeta};

use crate::identity::Hit;

use super::{
    datagram::Kind,
    rendezvous::{Channel, Header, Peer},
    way::{RelayId, Way},
};

/// Who knows about control datagrams and addresses.
pub(super) trait Sorter {
    /// Takes a control datagram, or one of STUN.
    fn control(&mut self, from: Way, datagram: &[u8]);

    /// Whether a TURN server is at this address.
    fn is_turn_server(&mut self, from: SocketAddr) -> bool;

    /// From where a datagram of a TURN server brings data, and where in it they are; None if it brings
    /// none.
    fn turn_data(&mut self, from: SocketAddr, datagram: &[u8]) -> Option<(Way, Range<usize>)>;

    /// Looks at a packet of a handshake before QUIC does.
    fn handshake(&mut self, datagram: &[u8]);

    /// The address under which QUIC knows the sender of a packet; None if it must not see it.
    /// `octets` is how long the packet is.
    fn sender(&mut self, from: Way, kind: Kind, octets: usize) -> Option<SocketAddr>;

    /// The relay at an address.
    fn relay(&mut self, from: SocketAddr) -> Option<RelayId>;

    /// Whom a relay means by a channel.
    fn peer(&mut self, relay: RelayId, channel: Channel) -> Option<Hit>;

    /// Takes datagrams that all shall be carried to one receiver, with headers of this length, which may be written
    /// over.
    fn carry(&mut self, from: SocketAddr, to: (Peer, usize), run: DatagramRun<'_>);

    /// Takes a QUIC packet that does not fit the run in which it came.
    fn set_aside(&mut self, sender: SocketAddr, packet: &[u8], ecn: Option<EcnCodepoint>);
}

/// Equally long datagrams of one sender, of which only the last may be shorter.
#[derive(Debug)]
pub(super) struct DatagramRun<'a> {
    pub(super) octets: &'a mut [u8],
    /// The length of each.
    pub(super) stride: usize,
    pub(super) ecn: Option<EcnCodepoint>,
}

/// Works on the first `count` entries of a receive batch and gives the number of those that are left
/// for QUIC; they are moved to the front.
///
/// One entry is a run of equally long datagrams from one address (GRO), of which only the last may be
/// shorter. A control datagram may be any of them, and a relay's may come from different peers.
pub(super) fn filter(
    sorter: &mut impl Sorter,
    buffers: &mut [IoSliceMut<'_>],
    metas: &mut [RecvMeta],
    count: usize,
) -> usize {
    let mut kept = 0;
    for at in 0..count.min(metas.len()).min(buffers.len()) {
        let meta = metas[at];
        let length = meta.len.min(buffers[at].len());
        let octets = &mut buffers[at][..length];
        let run = DatagramRun { octets, stride: meta.stride.max(1), ecn: meta.ecn };
        let Some(left) = filter_run(sorter, meta.addr, run) else { continue };
        metas[at] = RecvMeta {
            addr: left.sender,
            len: left.length,
            stride: left.stride.min(left.length),
            dst_ip: None, // QUIC must not pin a peer to one of our addresses
            ..meta
        };
        if kept != at {
            buffers.swap(kept, at);
            metas.swap(kept, at);
        }
        kept += 1;
    }
    kept
}

/// What is left of an entry.
struct Left {
    sender: SocketAddr,
    stride: usize,
    length: usize,
}

fn filter_run(sorter: &mut impl Sorter, from: SocketAddr, run: DatagramRun<'_>) -> Option<Left> {
    let DatagramRun { octets, stride, ecn } = run;
    let mut senders = Senders { turn: sorter.is_turn_server(from), ..Senders::default() };
    let (mut left, mut start): (Option<Left>, usize) = (None, 0);
    while start < octets.len() {
        let mut end = (start + stride).min(octets.len());
        let datagram = &octets[start..end];
        if Kind::of(datagram) == Kind::Carry {
            let to = Header::parse(datagram);
            end = end_of_equal_headers(octets, start, stride);
            if let Some(to) = to {
                let octets = &mut octets[start..end];
                sorter.carry(from, to, DatagramRun { octets, stride, ecn });
            }
        } else if let Some((sender, inner)) = admit(sorter, &mut senders, from, datagram) {
            let packet = start + inner.start..start + inner.end;
            // all that is left of a run must have one sender and one length, but the last may be shorter
            let run = left.get_or_insert(Left { sender, stride: packet.len(), length: 0 });
            let fits = packet.len() <= run.stride && run.length.is_multiple_of(run.stride);
            if run.sender != sender || !fits {
                sorter.set_aside(sender, &octets[packet], ecn);
            } else {
                let length = packet.len();
                if run.length != packet.start {
                    octets.copy_within(packet, run.length);
                }
                run.length += length;
            }
        }
        start = end;
    }
    left
}

/// Where the datagrams end that have the same header as the one at `start`.
fn end_of_equal_headers(octets: &[u8], start: usize, stride: usize) -> usize {
    let header = Header::length_of(octets[start]);
    let first = octets.get(start..start + header);
    // one that ends with its header has nothing to be carried
    let equal = |datagram: &&[u8]| datagram.get(..header) == first && datagram.len() > header;
    let length = octets[start..].chunks(stride).take_while(equal).map(<[u8]>::len).sum::<usize>();
    start + length.max(stride.min(octets.len() - start))
}

/// The sender of a QUIC packet, and where in the datagram the packet is. None for everything else, which is
/// dealt with here.
fn admit(
    sorter: &mut impl Sorter,
    senders: &mut Senders,
    from: SocketAddr,
    datagram: &[u8],
) -> Option<(SocketAddr, Range<usize>)> {
    let data = senders.turn.then(|| sorter.turn_data(from, datagram)).flatten();
    let (way, inner) = match (data, Kind::of(datagram)) {
        (Some(data), _) => data,
        (None, Kind::Carried) => {
            let relay = *senders.relay.get_or_insert_with(|| sorter.relay(from));
            let relay = relay?;
            let (sender, header) = Header::parse(datagram)?;
            let hit = senders.peer(sorter, relay, sender)?;
            (Way::Relayed { relay, hit }, header..datagram.len())
        }
        (None, _) => (Way::Direct(from), 0..datagram.len()),
    };
    let packet = &datagram[inner.clone()];
    match Kind::of(packet) {
        Kind::Control => sorter.control(way, packet),
        Kind::Stun if way.direct().is_some() => sorter.control(way, packet),
        // what is carried is not carried on
        Kind::Carry | Kind::Carried | Kind::Stun | Kind::Unknown => {}
        kind => {
            let sender = senders.find(sorter, way, kind, inner.len())?;
            if kind == Kind::QuicLong {
                sorter.handshake(packet);
            }
            return Some((sender, inner));
        }
    }
    None
}

/// Who sent the datagrams of a run, asked again only when the way changes, and for each packet of a handshake.
#[derive(Default)]
struct Senders {
    /// The run comes from a TURN server.
    turn: bool,
    relay: Option<Option<RelayId>>,
    channel: Option<(Channel, Option<Hit>)>,
    way: Option<Way>,
    short: Option<Option<SocketAddr>>,
}

impl Senders {
    fn find(
        &mut self,
        sorter: &mut impl Sorter,
        way: Way,
        kind: Kind,
        octets: usize,
    ) -> Option<SocketAddr> {
        if kind == Kind::QuicLong {
            return sorter.sender(way, kind, octets);
        }
        if self.way != Some(way) {
            let Senders { turn, relay, channel, .. } = *self;
            *self = Senders { turn, relay, channel, way: Some(way), ..Senders::default() };
        }
        *self.short.get_or_insert_with(|| sorter.sender(way, kind, octets))
    }

    fn peer(&mut self, sorter: &mut impl Sorter, relay: RelayId, named: Peer) -> Option<Hit> {
        let channel = match named {
            Peer::Tag(hit) => return Some(hit),
            Peer::Channel(channel) => channel,
        };
        match self.channel {
            Some((known, hit)) if known == channel => hit,
            _ => {
                let hit = sorter.peer(relay, channel);
                self.channel = Some((channel, hit));
                hit
            }
        }
    }
}

#[cfg(test)]
mod tests;
