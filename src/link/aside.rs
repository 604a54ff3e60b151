//! QUIC packets that wait for QUIC's next read, because they came in a run with those of another sender
//! or over a TCP connection.

use std::{collections::VecDeque, io::IoSliceMut, net::SocketAddr};

use quinn::udp::RecvMeta;

/// Octets that wait at most; more are lost, as datagrams may be. QUIC reads as soon as it is woken.
const MAX_OCTETS: usize = 512 * 1024;

/// The packets, oldest first.
#[derive(Debug, Default)]
pub(super) struct Aside {
    octets: Vec<u8>,
    /// Senders and lengths, in the order of `octets`.
    packets: VecDeque<(SocketAddr, usize)>,
    /// How much of `octets` was taken.
    taken: usize,
}

impl Aside {
    pub(super) fn push(&mut self, sender: SocketAddr, packet: &[u8]) {
        if self.octets.len() + packet.len() <= MAX_OCTETS {
            self.octets.extend_from_slice(packet);
            self.packets.push_back((sender, packet.len()));
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.packets.is_empty()
    }

    /// Fills a receive batch, one packet an entry; gives the number of entries.
    pub(super) fn take(&mut self, buffers: &mut [IoSliceMut<'_>], metas: &mut [RecvMeta]) -> usize {
        let mut count = 0;
        for (buffer, meta) in buffers.iter_mut().zip(metas) {
            let Some((addr, len)) = self.packets.pop_front() else { break };
            let packet = &self.octets[self.taken..][..len];
            self.taken += len;
            let len = len.min(buffer.len());
            buffer[..len].copy_from_slice(&packet[..len]);
            *meta = RecvMeta { addr, len, stride: len, ecn: None, dst_ip: None };
            count += 1;
        }
        if self.packets.is_empty() {
            self.octets.clear();
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
            aside.push(sender(number), &[number as u8; 10]);
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
        aside.push(sender(3), &[3; 5]);
        assert_eq!(take(&mut aside), [(sender(2), vec![2; 10]), (sender(3), vec![3; 5])]);
        assert!(aside.is_empty() && take(&mut aside).is_empty());
        for _ in 0..1000 {
            aside.push(sender(1), &[7; 1400]);
        }
        assert!(aside.octets.len() <= MAX_OCTETS);
    }
}
