//! The emulated Internet: decides where each packet goes and when, by its destination address (IPv4 and IPv6).
//!
//! The core takes packets and the time and gives packets that are due; `carrier` is the thread that reads and writes
//! the devices. Jitter keeps the order of packets (`reorder=` does not), every way is some routers long, and a packet to
//! nowhere, or with too small a TTL, vanishes without an ICMP message: `no_route` counts it.

mod attachment;
pub(crate) mod carrier;
mod hops;
mod random;
#[cfg(test)]
mod tests;

pub use attachment::{Attachment, Counters};
pub(crate) use random::Random;

use std::{
    cmp::{Ordering, Reverse},
    collections::{BinaryHeap, HashMap},
    net::IpAddr,
    time::Instant,
};

use crate::{Error, topology::Path};

/// Attachments and the ways between them.
#[derive(Debug)]
pub struct Internet {
    attachments: Vec<Attachment>,
    routes: HashMap<IpAddr, usize>,
    ways: HashMap<(usize, usize), Way>,
    underway: BinaryHeap<Reverse<Underway>>,
    sequence: u64,
    random: Random,
}

/// A packet that has arrived.
#[derive(Debug)]
pub(crate) struct Arrived {
    /// Index of the attachment.
    pub(crate) at: usize,
    pub(crate) packet: Vec<u8>,
}

/// What has arrived from one node at another, before the NAT of a kernel: packets and octets of IP.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Packets.
    pub packets: u64,
    /// Octets.
    pub octets: u64,
}

/// From one attachment to another, in one direction.
#[derive(Clone, Debug, Default)]
struct Way {
    path: Path,
    traffic: Traffic,
    /// When the latest packet arrives: jitter keeps the order.
    last_arrival: Option<Instant>,
    in_burst: bool,
}

#[derive(Debug)]
struct Underway {
    due: Instant,
    /// Keeps packets that are due at the same time in order.
    sequence: u64,
    from: usize,
    to: usize,
    /// NAT and downlink are behind it.
    past_downlink: bool,
    packet: Vec<u8>,
}

impl Internet {
    /// An empty one.
    pub fn new(seed: u64) -> Internet {
        Internet {
            attachments: Vec::new(),
            routes: HashMap::new(),
            ways: HashMap::new(),
            underway: BinaryHeap::new(),
            sequence: 0,
            random: Random::new(seed),
        }
    }

    pub(crate) fn attach(&mut self, attachment: Attachment) {
        for address in &attachment.addresses {
            self.routes.insert(*address, self.attachments.len());
        }
        self.attachments.push(attachment);
    }

    /// The attachment of a node.
    ///
    /// # Errors
    /// When it has none of its own.
    pub fn attachment(&mut self, name: &str) -> Result<&mut Attachment, Error> {
        let index = self.index(name)?;
        Ok(&mut self.attachments[index])
    }

    /// All of them.
    pub fn attachments(&self) -> &[Attachment] {
        &self.attachments
    }

    /// Changes the path from one node to another, in this direction only.
    ///
    /// # Errors
    /// When there is no such node, or a setting cannot be read.
    pub fn set_path(&mut self, from: &str, to: &str, settings: &str) -> Result<(), Error> {
        let ends = (self.index(from)?, self.index(to)?);
        self.ways.entry(ends).or_default().path.set(settings)
    }

    /// What has come from one node to another.
    ///
    /// # Errors
    /// When there is no such node.
    pub fn traffic(&self, from: &str, to: &str) -> Result<Traffic, Error> {
        let ends = (self.index(from)?, self.index(to)?);
        Ok(self.ways.get(&ends).map_or(Traffic::default(), |way| way.traffic))
    }

    /// Gives an attachment new addresses; a NAT loses its mappings.
    ///
    /// # Errors
    /// When the node has no attachment.
    pub fn renumber(&mut self, name: &str, addresses: &[IpAddr]) -> Result<(), Error> {
        let index = self.index(name)?;
        for old in self.attachments[index].renumber(addresses) {
            self.routes.remove(&old);
        }
        self.routes.extend(addresses.iter().map(|address| (*address, index)));
        Ok(())
    }

    /// Takes a packet that a node has sent: through its NAT and its uplink, on its way.
    pub(crate) fn accept(&mut self, from: usize, mut packet: Vec<u8>, now: Instant) {
        let attachment = &mut self.attachments[from];
        if !attachment.connected {
            return;
        }
        match attachment.translate_outbound(&mut packet, now) {
            attachment::Outbound::Dropped => return,
            attachment::Outbound::Hairpinned => return self.send(now, (from, from), true, packet),
            attachment::Outbound::Passed => {}
        }
        attachment.counters.sent_packets += 1;
        attachment.counters.sent_bytes += packet.len() as u64;
        let Some(&to) = destination(&packet).and_then(|address| self.routes.get(&address)) else {
            attachment.counters.no_route += 1;
            return;
        };
        let Some(sent) = attachment.pass_uplink(packet.len(), now) else {
            return;
        };
        if !hops::travel(&mut packet) {
            self.attachments[from].counters.no_route += 1;
            return;
        }
        if self.is_lost(from, to) {
            self.attachments[from].counters.lost += 1;
            return;
        }
        self.travel(from, to, packet, sent, now);
    }

    /// The next packet that has arrived, or when the next one may.
    pub(crate) fn poll(&mut self, now: Instant) -> Result<Arrived, Option<Instant>> {
        loop {
            let due = self.underway.peek().map(|Reverse(next)| next.due);
            if due.is_none_or(|due| due > now) {
                return Err(due);
            }
            let Some(Reverse(mut underway)) = self.underway.pop() else {
                return Err(None);
            };
            let attachment = &mut self.attachments[underway.to];
            if !underway.past_downlink {
                if !attachment.connected || !attachment.translate_inbound(&mut underway.packet, now)
                {
                    continue;
                }
                match attachment.pass_downlink(underway.packet.len(), underway.due) {
                    None => continue,
                    Some(at) if at > underway.due => {
                        self.send(at, (underway.from, underway.to), true, underway.packet);
                        continue;
                    }
                    Some(_) => {}
                }
            }
            let octets = underway.packet.len() as u64;
            attachment.counters.received_packets += 1;
            attachment.counters.received_bytes += octets;
            let traffic = &mut self.ways.entry((underway.from, underway.to)).or_default().traffic;
            traffic.packets += 1;
            traffic.octets += octets;
            return Ok(Arrived { at: underway.to, packet: underway.packet });
        }
    }

    fn index(&self, name: &str) -> Result<usize, Error> {
        let found = self.attachments.iter().position(|attachment| attachment.name == name);
        found.ok_or_else(|| Error::Node(format!("{name:?} has no line to the Internet")))
    }

    fn is_lost(&mut self, from: usize, to: usize) -> bool {
        let way = self.ways.entry((from, to)).or_default();
        let Path { loss, burst, down, .. } = way.path;
        if down {
            return true;
        }
        if loss <= 0.0 {
            return false;
        }
        let chance = self.random.share();
        if burst <= 1.0 {
            return chance < loss;
        }
        // two states (Gilbert), with the share `loss` in the long run and bursts of this mean length
        let enter = loss / ((1.0 - loss) * burst);
        way.in_burst = if way.in_burst { chance >= 1.0 / burst } else { chance < enter };
        way.in_burst
    }

    /// Delay, jitter, duplicates, reordering.
    fn travel(&mut self, from: usize, to: usize, packet: Vec<u8>, sent: Instant, now: Instant) {
        let way = self.ways.entry((from, to)).or_default();
        let path = way.path;
        let mut due = sent + path.delay;
        if !path.jitter.is_zero() {
            due += path.jitter.mul_f64(2.0 * self.random.share());
            due = due.checked_sub(path.jitter).unwrap_or(now).max(now);
        }
        let is_late = path.reorder > 0.0 && self.random.share() < path.reorder;
        let is_twice = path.duplicate > 0.0 && self.random.share() < path.duplicate;
        if is_late {
            due += path.reorder_by; // later packets may overtake it
        } else {
            due = way.last_arrival.map_or(due, |last| due.max(last));
            way.last_arrival = Some(due);
        }
        if is_twice {
            self.send(due, (from, to), false, packet.clone());
        }
        self.send(due, (from, to), false, packet);
    }

    fn send(
        &mut self,
        due: Instant,
        (from, to): (usize, usize),
        past_downlink: bool,
        packet: Vec<u8>,
    ) {
        self.sequence += 1;
        let sequence = self.sequence;
        self.underway.push(Reverse(Underway { due, sequence, from, to, past_downlink, packet }));
    }
}

impl Underway {
    fn order(&self) -> (Instant, u64) {
        (self.due, self.sequence)
    }
}

impl PartialEq for Underway {
    fn eq(&self, other: &Underway) -> bool {
        self.order() == other.order()
    }
}

impl Eq for Underway {}

impl PartialOrd for Underway {
    fn partial_cmp(&self, other: &Underway) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Underway {
    fn cmp(&self, other: &Underway) -> Ordering {
        self.order().cmp(&other.order())
    }
}

/// Where an IP packet wants to go.
fn destination(packet: &[u8]) -> Option<IpAddr> {
    match packet.first()? >> 4 {
        4 => Some(<[u8; 4]>::try_from(packet.get(16..20)?).ok()?.into()),
        6 => Some(<[u8; 16]>::try_from(packet.get(24..40)?).ok()?.into()),
        _ => None,
    }
}
