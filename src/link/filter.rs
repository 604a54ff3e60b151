//! Sorts what the kernel received, in place: control datagrams go to the agent, QUIC packets get
//! the virtual address of their sender, and what others want carried goes on its way.

use std::{io::IoSliceMut, net::SocketAddr, ops::Range};

use quinn::udp::{EcnCodepoint, RecvMeta};

use crate::identity::Hit;

use super::{
    datagram::Kind,
    rendezvous::{CARRY_HEADER, carried_tag},
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
    fn sender(&mut self, from: Way, kind: Kind) -> Option<SocketAddr>;

    /// The relay at an address.
    fn relay(&mut self, from: SocketAddr) -> Option<RelayId>;

    /// Takes datagrams that all shall be carried to one receiver. Their headers may be written over.
    fn carry(&mut self, from: SocketAddr, to: Hit, run: DatagramRun<'_>);

    /// Takes a QUIC packet that does not fit the run in which it came.
    fn set_aside(&mut self, sender: SocketAddr, packet: &[u8]);
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
            let to = carried_tag(datagram);
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
                sorter.set_aside(sender, &octets[packet]);
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
    let header = octets.get(start..start + CARRY_HEADER);
    let equal = |datagram: &&[u8]| datagram.get(..CARRY_HEADER) == header;
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
            let hit = carried_tag(datagram)?;
            (Way::Relayed { relay: relay?, hit }, CARRY_HEADER..datagram.len())
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
            if kind == Kind::QuicLong {
                sorter.handshake(packet);
            }
            return Some((senders.find(sorter, way, kind)?, inner));
        }
    }
    None
}

/// Who sent the datagrams of a run, asked again only when the way changes.
#[derive(Default)]
struct Senders {
    /// The run comes from a TURN server.
    turn: bool,
    relay: Option<Option<RelayId>>,
    way: Option<Way>,
    long: Option<Option<SocketAddr>>,
    short: Option<Option<SocketAddr>>,
}

impl Senders {
    fn find(&mut self, sorter: &mut impl Sorter, way: Way, kind: Kind) -> Option<SocketAddr> {
        if self.way != Some(way) {
            let Senders { turn, relay, .. } = *self;
            *self = Senders { turn, relay, way: Some(way), ..Senders::default() };
        }
        let known = if kind == Kind::QuicLong { &mut self.long } else { &mut self.short };
        *known.get_or_insert_with(|| sorter.sender(way, kind))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::PublicKey;
    use crate::link::datagram::{ANSWER, HELLO, PROBE};
    use crate::link::rendezvous::{carried_header, carry_header};

    const SHORT: u8 = 0x40;
    const LONG: u8 = 0xc0;

    /// Knows one address, lets short headers pass from any, and writes down control datagrams.
    #[derive(Default)]
    struct Recorder {
        control: Vec<Vec<u8>>,
        carried: Vec<(Hit, Vec<u8>)>,
        aside: Vec<(SocketAddr, Vec<u8>)>,
        handshakes: Vec<Vec<u8>>,
    }

    fn known() -> SocketAddr {
        "192.0.2.1:1".parse().unwrap()
    }

    const CHANNEL: u8 = 0x41;

    fn turn_server() -> SocketAddr {
        "192.0.2.8:3478".parse().unwrap()
    }

    fn peer() -> SocketAddr {
        "[2001:21::1]:1".parse().unwrap()
    }

    impl Sorter for Recorder {
        fn is_turn_server(&mut self, from: SocketAddr) -> bool {
            from == turn_server()
        }

        /// Data behind two octets, of which the second is the peer.
        fn turn_data(&mut self, _from: SocketAddr, datagram: &[u8]) -> Option<(Way, Range<usize>)> {
            let (&[CHANNEL, number], _) = datagram.split_first_chunk()? else { return None };
            let peer = SocketAddr::new([192, 0, 2, 9].into(), number.into());
            Some((Way::Turn { server: 0, peer }, 2..datagram.len()))
        }

        fn handshake(&mut self, datagram: &[u8]) {
            self.handshakes.push(datagram.to_vec());
        }

        fn control(&mut self, _from: Way, datagram: &[u8]) {
            self.control.push(datagram.to_vec());
        }

        fn sender(&mut self, from: Way, kind: Kind) -> Option<SocketAddr> {
            if let Way::Relayed { hit, .. } = from {
                return Some((hit.to_ipv6(), 1).into());
            }
            if let Way::Turn { peer, .. } = from {
                return Some(peer);
            }
            let from = from.direct()?;
            let of_unknown = (kind == Kind::QuicShort).then_some(from);
            if from == known() { Some(peer()) } else { of_unknown }
        }

        fn relay(&mut self, from: SocketAddr) -> Option<RelayId> {
            (from == known()).then_some(RelayId(1))
        }

        fn carry(&mut self, from: SocketAddr, to: Hit, run: DatagramRun<'_>) {
            assert_eq!(from, known());
            self.carried.push((to, run.octets.to_vec()));
            run.octets.fill(0);
        }

        fn set_aside(&mut self, sender: SocketAddr, packet: &[u8]) {
            self.aside.push((sender, packet.to_vec()));
        }
    }

    fn hit(number: u8) -> Hit {
        PublicKey([number; 32]).hit()
    }

    fn relayed(number: u8) -> SocketAddr {
        (hit(number).to_ipv6(), 1).into()
    }

    /// Datagrams of `stride` octets with a relay's header around what they are and a number.
    fn carried(header: fn(Hit) -> [u8; CARRY_HEADER], inner: &[(u8, u8, u8)]) -> Vec<u8> {
        let datagram = |(peer, first, number): &(u8, u8, u8)| {
            [&header(hit(*peer))[..], &[*first], &[*number; 20]].concat()
        };
        inner.iter().flat_map(datagram).collect()
    }

    const STRIDE: usize = CARRY_HEADER + 21;

    /// An entry of datagrams: first octet, then a number that tells them apart.
    fn entry(datagrams: &[(u8, u8)], stride: usize, last: usize) -> Vec<u8> {
        let mut buffer = Vec::new();
        for (at, (first, number)) in datagrams.iter().enumerate() {
            let length = if at + 1 == datagrams.len() { last } else { stride };
            buffer.push(*first);
            buffer.resize(buffer.len() + length - 1, *number);
        }
        buffer
    }

    fn run(mut entries: Vec<(SocketAddr, Vec<u8>, usize)>) -> (Recorder, Vec<(RecvMeta, Vec<u8>)>) {
        let mut metas: Vec<RecvMeta> = entries
            .iter()
            .map(|(addr, buffer, stride)| RecvMeta {
                addr: *addr,
                len: buffer.len(),
                stride: *stride,
                ecn: None,
                dst_ip: Some([127, 0, 0, 1].into()),
            })
            .collect();
        let mut recorder = Recorder::default();
        let count = entries.len();
        let mut buffers: Vec<IoSliceMut<'_>> =
            entries.iter_mut().map(|(_, buffer, _)| IoSliceMut::new(buffer)).collect();
        let kept = filter(&mut recorder, &mut buffers, &mut metas, count);
        let left = (0..kept).map(|at| (metas[at], buffers[at][..metas[at].len].to_vec())).collect();
        (recorder, left)
    }

    #[test]
    fn control_is_cut_out_of_a_run_wherever_it_stands() {
        for at in 0..4 {
            let mut datagrams = [(SHORT, 1), (SHORT, 2), (SHORT, 3), (SHORT, 4)];
            datagrams[at].0 = PROBE;
            let (recorder, left) = run(vec![(known(), entry(&datagrams, 50, 20), 50)]);
            let length = if at == 3 { 20 } else { 50 };
            assert_eq!(recorder.control, [entry(&datagrams[at..=at], 50, length)]);

            let rest: Vec<(u8, u8)> =
                datagrams.iter().filter(|(first, _)| *first == SHORT).copied().collect();
            let last = if at == 3 { 50 } else { 20 };
            let [(meta, buffer)] = &left[..] else { panic!("one entry is left") };
            assert_eq!(*buffer, entry(&rest, 50, last));
            assert_eq!((meta.addr, meta.stride, meta.dst_ip), (peer(), 50, None));
        }
    }

    #[test]
    fn entries_without_quic_disappear_and_the_others_move_up() {
        let stranger = "192.0.2.2:1".parse().unwrap();
        let (recorder, left) = run(vec![
            (known(), entry(&[(ANSWER, 1)], 50, 50), 50),
            (stranger, entry(&[(LONG, 2), (LONG, 3)], 50, 50), 50),
            (known(), entry(&[(LONG, 4)], 30, 30), 30),
            (known(), Vec::new(), 0),
            (known(), entry(&[(0x10, 5)], 30, 30), 30),
            (known(), entry(&[(SHORT, 6), (PROBE, 7)], 30, 10), 30),
        ]);
        assert_eq!(recorder.control.len(), 2);
        let numbers: Vec<u8> = left.iter().map(|(_, buffer)| buffer[1]).collect();
        assert_eq!(numbers, [4, 6]);
        assert_eq!(left[1].0.len, 30);
    }

    #[test]
    fn a_handshake_of_a_stranger_does_not_pass_behind_another_packet() {
        let stranger = "192.0.2.2:1".parse().unwrap();
        let datagrams = [(SHORT, 1), (LONG, 2), (SHORT, 3)];
        let (_, left) = run(vec![(stranger, entry(&datagrams, 50, 50), 50)]);
        let [(meta, buffer)] = &left[..] else { panic!("one entry is left") };
        assert_eq!(meta.addr, stranger);
        assert_eq!(*buffer, entry(&[(SHORT, 1), (SHORT, 3)], 50, 50));
    }

    #[test]
    fn what_a_relay_carried_is_unwrapped_and_told_apart_by_sender() {
        let inner = [
            (1, SHORT, 1),
            (2, SHORT, 2),
            (1, PROBE, 3),
            (1, LONG, 4),
            (2, HELLO, 5),
            (1, SHORT, 6),
        ];
        let (recorder, left) = run(vec![(known(), carried(carried_header, &inner), STRIDE)]);
        let [(meta, buffer)] = &left[..] else { panic!("one entry is left") };
        assert_eq!((meta.addr, meta.stride), (relayed(1), 21));
        assert_eq!(*buffer, entry(&[(SHORT, 1), (LONG, 4), (SHORT, 6)], 21, 21));
        assert_eq!(recorder.aside, [(relayed(2), entry(&[(SHORT, 2)], 21, 21))]);
        assert_eq!(recorder.control.len(), 2);
    }

    #[test]
    fn only_a_relay_can_carry_and_nothing_twice() {
        let stranger = "192.0.2.2:1".parse().unwrap();
        let twice = [&carried_header(hit(1))[..], &carried_header(hit(2)), &[SHORT; 4]].concat();
        let (recorder, left) = run(vec![
            (stranger, carried(carried_header, &[(1, SHORT, 1)]), STRIDE),
            (known(), twice.clone(), twice.len()),
            (known(), carried_header(hit(1)).to_vec(), CARRY_HEADER),
            (known(), carried_header(hit(1))[..9].to_vec(), CARRY_HEADER),
        ]);
        assert!(left.is_empty() && recorder.control.is_empty() && recorder.aside.is_empty());
    }

    #[test]
    fn what_shall_be_carried_goes_in_runs_to_one_receiver() {
        let inner = [(1, SHORT, 1), (1, LONG, 2), (2, SHORT, 3), (1, SHORT, 4)];
        let mut octets = carried(carry_header, &inner);
        octets.extend_from_slice(&[SHORT, 9, 9]);
        let (recorder, left) = run(vec![(known(), octets, STRIDE)]);
        let run = |inner: &[(u8, u8, u8)]| carried(carry_header, inner);
        let expected =
            [(hit(1), run(&inner[..2])), (hit(2), run(&inner[2..3])), (hit(1), run(&inner[3..]))];
        assert_eq!(recorder.carried, expected);
        let [(meta, buffer)] = &left[..] else { panic!("a packet for this host is left") };
        assert_eq!((meta.addr, &buffer[..]), (peer(), &[SHORT, 9, 9][..]));
    }

    #[test]
    fn data_of_a_turn_server_have_their_own_sender() {
        let datagram = |number: u8, first: u8, length: usize| {
            let mut datagram = vec![CHANNEL, number, first];
            datagram.resize(2 + length, number);
            datagram
        };
        let entry = [
            datagram(1, PROBE, 48),
            datagram(1, SHORT, 48),
            datagram(2, SHORT, 48),
            datagram(1, LONG, 48),
            datagram(1, SHORT, 20),
        ]
        .concat();
        let (recorder, left) = run(vec![(turn_server(), entry, 50)]);
        assert_eq!(recorder.control.len(), 1);
        let [(meta, buffer)] = &left[..] else { panic!("one entry is left") };
        assert_eq!(meta.addr, "192.0.2.9:1".parse().unwrap());
        assert_eq!((meta.stride, meta.len), (48, 48 + 48 + 20));
        assert_eq!((buffer[0], buffer[48], buffer[96]), (SHORT, LONG, SHORT));
        // nobody else can say that
        let (_, left) = run(vec![(known(), datagram(1, SHORT, 48), 50)]);
        assert_eq!(left[0].0.addr, peer());
    }
}
