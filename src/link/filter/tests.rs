//! Runs of datagrams from known senders, a TURN server, and nobody.

use super::*;
use crate::identity::PublicKey;
use crate::link::datagram::{ANSWER, CARRIED, CARRY, HELLO, PROBE};
use crate::link::rendezvous::{CARRY_HEADER, Direction};

const SHORT: u8 = 0x40;
const LONG: u8 = 0xc0;

/// Knows one address, lets short headers pass from any, and writes down control datagrams.
#[derive(Default)]
struct Recorder {
    control: Vec<Vec<u8>>,
    carried: Vec<(Peer, Vec<u8>)>,
    /// How often a channel was asked about.
    channels: usize,
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

    fn sender(&mut self, from: Way, kind: Kind, _octets: usize) -> Option<SocketAddr> {
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

    fn peer(&mut self, _relay: RelayId, channel: Channel) -> Option<Hit> {
        self.channels += 1;
        let all = Header::new(Direction::Down, Peer::Channel(channel));
        let [_, 0, number] = *all.as_ref() else { return None };
        Some(hit(number))
    }

    fn carry(&mut self, _from: SocketAddr, (to, header): (Peer, usize), run: DatagramRun<'_>) {
        assert!(run.octets.chunks(run.stride).all(|datagram| datagram.len() > header));
        self.carried.push((to, run.octets.to_vec()));
        run.octets.fill(0);
    }

    fn set_aside(&mut self, sender: SocketAddr, packet: &[u8], _: Option<EcnCodepoint>) {
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
fn carried(header: fn(u8) -> Header, inner: &[(u8, u8, u8)]) -> Vec<u8> {
    let datagram = |(peer, first, number): &(u8, u8, u8)| {
        [header(*peer).as_ref(), &[*first], &[*number; 20]].concat()
    };
    inner.iter().flat_map(datagram).collect()
}

fn carry_header(peer: u8) -> Header {
    Header::new(Direction::Up, Peer::Tag(hit(peer)))
}

fn carried_header(peer: u8) -> Header {
    Header::new(Direction::Down, Peer::Tag(hit(peer)))
}

/// The channel has the number of the peer.
fn carried_by_channel(peer: u8) -> Header {
    let Some((channel, _)) = Header::parse(&[0x38, 0, peer, 0]) else { panic!("a header") };
    Header::new(Direction::Down, channel)
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
fn a_handshake_of_nobody_is_not_looked_at() {
    let stranger = "192.0.2.66:6".parse().unwrap();
    let initial = vec![LONG; 60];
    let (recorder, left) =
        run(vec![(stranger, initial.clone(), 60), (known(), initial.clone(), 60)]);
    assert_eq!((recorder.handshakes, left.len()), (vec![initial], 1));
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
    let inner =
        [(1, SHORT, 1), (2, SHORT, 2), (1, PROBE, 3), (1, LONG, 4), (2, HELLO, 5), (1, SHORT, 6)];
    let (recorder, left) = run(vec![(known(), carried(carried_header, &inner), STRIDE)]);
    let [(meta, buffer)] = &left[..] else { panic!("one entry is left") };
    assert_eq!((meta.addr, meta.stride), (relayed(1), 21));
    assert_eq!(*buffer, entry(&[(SHORT, 1), (LONG, 4), (SHORT, 6)], 21, 21));
    assert_eq!(recorder.aside, [(relayed(2), entry(&[(SHORT, 2)], 21, 21))]);
    assert_eq!(recorder.control.len(), 2);
}

#[test]
fn a_channel_is_looked_up_once_for_datagrams_in_a_row() {
    let inner = [(1, SHORT, 1), (1, SHORT, 2), (1, PROBE, 3), (2, SHORT, 4), (1, SHORT, 5)];
    let (recorder, left) = run(vec![(known(), carried(carried_by_channel, &inner), 3 + 21)]);
    let [(meta, buffer)] = &left[..] else { panic!("one entry is left") };
    assert_eq!((meta.addr, meta.stride), (relayed(1), 21));
    assert_eq!(*buffer, entry(&[(SHORT, 1), (SHORT, 2), (SHORT, 5)], 21, 21));
    assert_eq!(recorder.aside, [(relayed(2), entry(&[(SHORT, 4)], 21, 21))]);
    assert_eq!((recorder.control.len(), recorder.channels), (1, 3));
}

#[test]
fn only_a_relay_can_carry_and_nothing_twice() {
    let stranger = "192.0.2.2:1".parse().unwrap();
    let twice = [carried_header(1).as_ref(), carried_header(2).as_ref(), &[SHORT; 4]].concat();
    let (recorder, left) = run(vec![
        (stranger, carried(carried_header, &[(1, SHORT, 1)]), STRIDE),
        (known(), twice.clone(), twice.len()),
        (known(), carried_header(1).as_ref().to_vec(), CARRY_HEADER),
        (known(), carried_header(1).as_ref()[..9].to_vec(), CARRY_HEADER),
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
    let tag = |number| Peer::Tag(hit(number));
    let expected =
        [(tag(1), run(&inner[..2])), (tag(2), run(&inner[2..3])), (tag(1), run(&inner[3..]))];
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

proptest::proptest! {
    /// Runs of anything from anybody: what is left for QUIC are equally long packets of known senders, and
    /// nothing comes out twice.
    #[test]
    fn any_run_is_sorted(
        entries in proptest::collection::vec(
            (
                0usize..3,
                proptest::collection::vec((0usize..12, proptest::num::u8::ANY), 0..120),
                0usize..60,
            ),
            1..4,
        ),
    ) {
        const FIRST: [u8; 12] =
            [SHORT, LONG, CHANNEL, PROBE, HELLO, ANSWER, CARRY, CARRIED, 0x01, 0x2f, 0x30, 0x38];
        let from = [known(), turn_server(), "192.0.2.66:6".parse().unwrap()];
        let entries: Vec<(SocketAddr, Vec<u8>, usize)> = entries
            .into_iter()
            .map(|(who, octets, stride)| {
                let octet = |(place, (kind, noise)): (usize, (usize, u8))| {
                    if place % stride.max(1) == 0 { FIRST[kind] } else { noise }
                };
                (from[who], octets.into_iter().enumerate().map(octet).collect(), stride)
            })
            .collect();
        let came: usize = entries.iter().map(|(_, octets, _)| octets.len()).sum();
        let (recorder, left) = run(entries);
        let mut out = 0;
        for (meta, octets) in &left {
            proptest::prop_assert!((1..=meta.len).contains(&meta.stride));
            proptest::prop_assert_eq!(meta.len, octets.len());
            proptest::prop_assert!(octets.chunks(meta.stride).all(|packet| packet[0] >= SHORT));
            out += octets.len();
        }
        out += recorder.aside.iter().map(|(_, packet)| packet.len()).sum::<usize>();
        out += recorder.control.iter().map(Vec::len).sum::<usize>();
        out += recorder.carried.iter().map(|(_, run)| run.len()).sum::<usize>();
        proptest::prop_assert!(out <= came);
    }
}
