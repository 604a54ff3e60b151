//! The line between a node and the emulated Internet, with the NAT in front of the node.

use std::{
    fs::File,
    mem,
    net::IpAddr,
    time::{Duration, Instant},
};

use super::destination;
use crate::{
    nat::Nat,
    topology::{Framing, Link},
};

/// A node's line to the emulated Internet.
#[derive(Debug)]
pub struct Attachment {
    /// Of the node.
    pub name: String,
    /// Its addresses on the Internet.
    pub addresses: Vec<IpAddr>,
    /// A NAT in user space.
    pub nat: Option<Nat>,
    /// Rates and queue.
    pub link: Link,
    /// False while the cable is out.
    pub connected: bool,
    /// What has passed.
    pub counters: Counters,
    pub(super) device: Option<File>,
    /// When the line will have sent everything that it has taken.
    up_free: Option<Instant>,
    down_free: Option<Instant>,
}

/// What has passed an attachment and what has not: packets and octets of IP, without framing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counters {
    /// Towards the Internet, behind a NAT in user space.
    pub sent_packets: u64,
    /// Of those packets.
    pub sent_bytes: u64,
    /// From the Internet.
    pub received_packets: u64,
    /// Of those packets.
    pub received_bytes: u64,
    /// Sent, and lost on their path.
    pub lost: u64,
    /// Dropped because a queue was full, in both directions.
    pub queue_drops: u64,
    /// Dropped by a NAT in user space, in both directions.
    pub nat_drops: u64,
    /// Sent to an address that nobody has, or with too small a TTL to get there.
    pub no_route: u64,
}

/// What became of a packet at the NAT.
pub(super) enum Outbound {
    Passed,
    Dropped,
    /// Turned round to another inside host.
    Hairpinned,
}

impl Attachment {
    /// The cable is in. Without a device, packets arrive nowhere.
    pub(crate) fn new(
        name: &str,
        addresses: &[IpAddr],
        nat: Option<Nat>,
        link: Link,
        device: Option<File>,
    ) -> Attachment {
        Attachment {
            name: name.into(),
            addresses: addresses.to_vec(),
            nat,
            link,
            connected: true,
            counters: Counters::default(),
            device,
            up_free: None,
            down_free: None,
        }
    }

    /// Takes new addresses and gives the old ones.
    pub(super) fn renumber(&mut self, addresses: &[IpAddr]) -> Vec<IpAddr> {
        if let (Some(nat), Some(IpAddr::V4(public))) = (&mut self.nat, addresses.first()) {
            nat.renumber(*public);
        }
        mem::replace(&mut self.addresses, addresses.to_vec())
    }

    pub(super) fn translate_outbound(&mut self, packet: &mut [u8], now: Instant) -> Outbound {
        let Some(nat) = self.nat.as_mut().filter(|_| is_ipv4(packet)) else {
            return Outbound::Passed;
        };
        let to_itself = destination(packet).is_some_and(|to| self.addresses.contains(&to));
        let passed = nat.outbound(packet, now)
            && (!to_itself || (nat.kind.hairpin && nat.inbound(packet, now)));
        self.counters.nat_drops += u64::from(!passed);
        match (passed, to_itself) {
            (false, _) => Outbound::Dropped,
            (true, true) => Outbound::Hairpinned,
            (true, false) => Outbound::Passed,
        }
    }

    pub(super) fn translate_inbound(&mut self, packet: &mut [u8], now: Instant) -> bool {
        let passed = match self.nat.as_mut().filter(|_| is_ipv4(packet)) {
            Some(nat) => nat.inbound(packet, now),
            None => true,
        };
        self.counters.nat_drops += u64::from(!passed);
        passed
    }

    /// When the last bit will have left. None: the queue is full.
    pub(super) fn pass_uplink(&mut self, length: usize, now: Instant) -> Option<Instant> {
        let Link { up, queue, framing, .. } = self.link;
        let sent = transmit(up, queue, framing, &mut self.up_free, length, now);
        self.counters.queue_drops += u64::from(sent.is_none());
        sent
    }

    /// When the last bit will have come. None: the queue is full.
    pub(super) fn pass_downlink(&mut self, length: usize, now: Instant) -> Option<Instant> {
        let Link { down, queue, framing, .. } = self.link;
        let sent = transmit(down, queue, framing, &mut self.down_free, length, now);
        self.counters.queue_drops += u64::from(sent.is_none());
        sent
    }
}

fn is_ipv4(packet: &[u8]) -> bool {
    packet.first().is_some_and(|first| first >> 4 == 4)
}

/// Serialises a packet on a line. None: it would wait longer than the queue allows.
fn transmit(
    rate: Option<u64>,
    queue: Duration,
    framing: Framing,
    free: &mut Option<Instant>,
    length: usize,
    now: Instant,
) -> Option<Instant> {
    let Some(rate) = rate else { return Some(now) };
    let start = free.map_or(now, |free| free.max(now));
    if start - now > queue {
        return None;
    }
    let nanoseconds = framing.on_the_line(length) * 8_000_000_000 / rate;
    let end = start + Duration::from_nanos(nanoseconds);
    *free = Some(end);
    Some(end)
}
