//! QUIC packets that wait for QUIC's next read, because they came in a run with those of another sender
//! or over a TCP connection.

use std::{collections::VecDeque, io::IoSliceMut, net::SocketAddr};

use quinn::udp::{EcnCodepoint, RecvMeta};

/// Octets that wait at most; more are lost, as datagrams may be. QUIC reads as soon as it is woken.
const MAX_OCTETS: usize = 512 * 1024;
/// Room that stays when nothing waits.
const KEPT_OCTETS: usize = 16 * 1024;

/// The packets, oldest first.
#[derive(Debug, Default)]
pub(super) struct Aside {
    octets: Vec<u8>,
    /// In the order of `octets`.
    packets: VecDeque<Packet>,
    /// How much of `octets` was taken.
    taken: usize,
}

#[derive(Debug)]
struct Packet {
    sender: SocketAddr,
    length: usize,
    ecn: Option<EcnCodepoint>,
}

impl Aside {
    /// QUIC gives up on marks of congestion when one is missing, so they are kept.
    pub(super) fn push(&mut self, sender: SocketAddr, packet: &[u8], ecn: Option<EcnCodepoint>) {
        if self.octets.len() + packet.len() <= MAX_OCTETS {
            self.octets.extend_from_slice(packet);
            self.packets.push_back(Packet { sender, length: packet.len(), ecn });
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.packets.is_empty()
    }

    /// Fills a receive batch, one packet an entry; gives the number of entries.
    pub(super) fn take(&mut self, buffers: &mut [IoSliceMut<'_>], metas: &mut [RecvMeta]) -> usize {
        let mut count = 0;
        for (buffer, meta) in buffers.iter_mut().zip(metas) {
            let Some(Packet { sender, length, ecn }) = self.packets.pop_front() else { break };
            let packet = &self.octets[self.taken..][..length];
            self.taken += length;
            let len = length.min(buffer.len());
            buffer[..len].copy_from_slice(&packet[..len]);
            *meta = RecvMeta { addr: sender, len, stride: len, ecn, dst_ip: None };
            count += 1;
        }
        if self.packets.is_empty() {
            self.octets.clear();
            self.octets.shrink_to(KEPT_OCTETS);
            self.taken = 0;
        }
        count
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sender(port: u16) -> SocketAddr {
        ([192, 0, 2, 1], port).into()
    }

    #[test]
    fn packets_come_out_in_order_and_the_room_is_bounded() {
        let mut aside = Aside::default();
        for number in 0..3 {
            aside.push(sender(number), &[number as u8; 10], None);
        }
        let mut memory = [[0; 20], [0; 20]];
        let mut take = |aside: &mut Aside| {
            let mut buffers: Vec<_> = memory.iter_mut().map(|b| IoSliceMut::new(b)).collect();
            let mut metas = [RecvMeta::default(); 2];
            let count = aside.take(&mut buffers, &mut metas);
            (0..count).map(|at| (metas[at].addr, buffers[at][..metas[at].len].to_vec())).collect()
        };
        let first: Vec<_> = take(&mut aside);
        assert_eq!(first, [(sender(0), vec![0; 10]), (sender(1), vec![1; 10])]);
        aside.push(sender(3), &[3; 5], None);
        assert_eq!(take(&mut aside), [(sender(2), vec![2; 10]), (sender(3), vec![3; 5])]);
        assert!(aside.is_empty() && take(&mut aside).is_empty());
        for _ in 0..1000 {
            aside.push(sender(1), &[7; 1400], None);
        }
        assert!(aside.octets.len() <= MAX_OCTETS);
        while !aside.is_empty() {
            let _: Vec<_> = take(&mut aside);
        }
        assert!(aside.octets.capacity() <= KEPT_OCTETS, "a burst leaves no room behind");
    }
}
