//! Sorts what the kernel received, in place: control datagrams go to the agent, QUIC packets get
//! the virtual address of their sender.

use std::{io::IoSliceMut, net::SocketAddr};

use quinn::udp::RecvMeta;

use super::{datagram::Kind, way::Way};

/// Who knows about control datagrams and addresses.
pub(super) trait Sorter {
    /// Takes a control datagram.
    fn control(&mut self, from: Way, datagram: &[u8]);

    /// Looks at a packet of a handshake before QUIC does.
    fn handshake(&mut self, datagram: &[u8]);

    /// The address under which QUIC knows the sender of a packet; None if it must not see it.
    fn sender(&mut self, from: Way, kind: Kind) -> Option<SocketAddr>;
}

/// Works on the first `count` entries of a receive batch and gives the number of those that are left
/// for QUIC; they are moved to the front.
///
/// One entry is a run of equally long datagrams from one address (GRO), of which only the last may be
/// shorter. A control datagram may be any of them.
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
        let from = Way::Direct(meta.addr);
        let Some(run) = filter_run(sorter, from, &mut buffers[at][..length], meta.stride) else {
            continue;
        };
        metas[at] = RecvMeta {
            addr: run.sender,
            len: run.length,
            stride: meta.stride.min(run.length),
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
struct Run {
    sender: SocketAddr,
    length: usize,
}

fn filter_run(
    sorter: &mut impl Sorter,
    from: Way,
    buffer: &mut [u8],
    stride: usize,
) -> Option<Run> {
    let stride = stride.max(1);
    let (mut senders, mut kept, mut start) = (Senders::default(), 0, 0);
    let mut run_sender = None;
    while start < buffer.len() {
        let end = (start + stride).min(buffer.len());
        let kind = Kind::of(&buffer[start..end]);
        let sender = match kind {
            Kind::Control => {
                sorter.control(from, &buffer[start..end]);
                None
            }
            Kind::Unknown => None,
            Kind::QuicLong => {
                sorter.handshake(&buffer[start..end]);
                *senders.long.get_or_insert_with(|| sorter.sender(from, kind))
            }
            Kind::QuicShort => *senders.short.get_or_insert_with(|| sorter.sender(from, kind)),
        };
        // all that is left of a run must have one sender
        if let Some(sender) = sender
            && *run_sender.get_or_insert(sender) == sender
        {
            if kept != start {
                buffer.copy_within(start..end, kept);
            }
            kept += end - start;
        }
        start = end;
    }
    Some(Run { sender: run_sender?, length: kept })
}

/// Who sent a run, asked at most once for each kind of packet.
#[derive(Default)]
struct Senders {
    long: Option<Option<SocketAddr>>,
    short: Option<Option<SocketAddr>>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::link::datagram::{ANSWER, PROBE};

    const SHORT: u8 = 0x40;
    const LONG: u8 = 0xc0;

    /// Knows one address, lets short headers pass from any, and writes down control datagrams.
    #[derive(Default)]
    struct Recorder {
        control: Vec<Vec<u8>>,
        handshakes: Vec<Vec<u8>>,
    }

    fn known() -> SocketAddr {
        "192.0.2.1:1".parse().unwrap()
    }

    fn peer() -> SocketAddr {
        "[2001:21::1]:1".parse().unwrap()
    }

    impl Sorter for Recorder {
        fn handshake(&mut self, datagram: &[u8]) {
            self.handshakes.push(datagram.to_vec());
        }

        fn control(&mut self, _from: Way, datagram: &[u8]) {
            self.control.push(datagram.to_vec());
        }

        fn sender(&mut self, from: Way, kind: Kind) -> Option<SocketAddr> {
            let from = from.direct()?;
            let of_unknown = (kind == Kind::QuicShort).then_some(from);
            if from == known() { Some(peer()) } else { of_unknown }
        }
    }

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
}
