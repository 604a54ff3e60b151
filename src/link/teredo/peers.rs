//! The list of recent Teredo peers (RFC 4380, section 5.2): who may be sent to directly, what waits
//! for whom, and who gets a bubble when (section 5.2.6).

use std::{
    collections::{HashMap, VecDeque},
    net::{SocketAddrV4, SocketAddrV6},
    time::{Duration, Instant},
};

use super::super::limit::{Bucket, Rate};
use super::{address::TeredoAddress, bare::Acquaintance};

/// Peers in the list, with at most 10 kB of waiting datagrams each.
const MAX_PEERS: usize = 256;
/// Datagrams that wait for one peer: the first flight of a handshake and the probes beside it.
const MAX_WAITING: usize = 8;

/// How long a peer that was heard may be sent to directly (RFC 4380, section 5.2.4).
const TRUST: Duration = Duration::from_secs(30);
/// Between bubbles to a silent peer (section 5.2.6).
const BUBBLE_INTERVAL: Duration = Duration::from_secs(2);
/// Bubbles in a row to a silent peer (section 5.2.6).
const MAX_BUBBLES: u32 = 4;
/// The RFC lets 300 seconds pass after four bubbles in vain; this is the same average, but somebody
/// who has just come home is found by the next attempt.
const BUBBLES: Rate = Rate { interval: Duration::from_secs(75), burst: MAX_BUBBLES };
/// Bubbles that answer those of a peer.
const REPLIES: Rate = Rate { interval: Duration::from_millis(500), burst: 4 };

/// What a sent datagram has to wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// The peer was heard lately: it can be sent directly.
    Trusted,
    /// It waits for the peer's bubble.
    Waiting,
    /// The peer has been silent too often.
    Silent,
}

/// What a peer wants done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Due {
    /// A bubble through its server.
    Introduction(TeredoAddress),
    /// A packet straight to it, when it has opened its NAT as far as can be told: what waits, or a bubble.
    Direct(TeredoAddress),
    /// What went there so and drew no answer goes once more.
    Repetition(TeredoAddress),
    /// The peer is given up.
    Silent(TeredoAddress),
}

/// A datagram that waits for its peer.
#[derive(Clone)]
pub(super) struct Waiting {
    pub(super) to: SocketAddrV6,
    pub(super) payload: Vec<u8>,
    /// It was sent before the peer was heard.
    ventured: bool,
}

/// What a packet of a peer shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sign {
    /// It has opened its NAT.
    Bubble,
    /// It answers, or begins by itself.
    Datagram,
}

/// All peers.
#[derive(Default)]
pub(super) struct Peers {
    list: HashMap<TeredoAddress, Peer>,
}

struct Peer {
    heard: Option<Instant>,
    used: Instant,
    /// This host wanted to talk to it; strangers without that give way first.
    wanted: bool,
    waiting: VecDeque<Waiting>,
    /// Bubbles of the running attempt, and when the next step is due.
    bubbles: u32,
    due: Option<Instant>,
    /// When the bubble left through the server that a direct packet is to follow.
    introduced: Option<Instant>,
    /// When what was ventured is taken to be lost.
    repetition: Option<Instant>,
    allowance: Bucket,
    replies: Bucket,
    acquaintance: Acquaintance,
}

impl Peers {
    /// Asks what to do with a datagram, and keeps it if it has to wait.
    pub(super) fn send(
        &mut self,
        address: TeredoAddress,
        to: SocketAddrV6,
        payload: &[u8],
        now: Instant,
    ) -> Standing {
        let peer = self.entry(address, now);
        peer.wanted = true;
        peer.used = now;
        if peer.is_trusted(now) {
            return Standing::Trusted;
        }
        if peer.due.is_none() {
            if !peer.allowance.is_free(&BUBBLES, now) {
                return Standing::Silent;
            }
            peer.due = Some(now);
            peer.bubbles = 0;
        }
        if peer.waiting.len() == MAX_WAITING {
            peer.waiting.pop_front();
        }
        peer.waiting.push_back(Waiting { to, payload: payload.to_vec(), ventured: false });
        Standing::Waiting
    }

    /// A packet came directly from the peer; gives what waited for that, and whether the peer was not trusted
    /// before and nothing is under way to it. What was ventured has got there if the peer is no further from
    /// here than the ways over the server allow: then its answer comes within `patience`.
    pub(super) fn heard(
        &mut self,
        address: TeredoAddress,
        sign: Sign,
        patience: Duration,
        now: Instant,
    ) -> (VecDeque<Waiting>, bool) {
        let peer = self.entry(address, now);
        let first = !peer.is_trusted(now);
        peer.heard = Some(now);
        peer.used = now;
        peer.due = None;
        peer.introduced = None;
        peer.allowance = Bucket::new(now);
        let (ventured, waiting): (VecDeque<_>, VecDeque<_>) =
            std::mem::take(&mut peer.waiting).into_iter().partition(|waiting| waiting.ventured);
        let under_way = !ventured.is_empty();
        if sign == Sign::Bubble && under_way {
            peer.waiting = ventured;
            peer.repetition.get_or_insert(now + patience);
        } else {
            peer.repetition = None;
        }
        (waiting, first && !under_way)
    }

    /// A datagram of a peer that was heard, with all headers: from where it speaks, and its flow label.
    pub(super) fn note(
        &mut self,
        address: TeredoAddress,
        from: SocketAddrV6,
        flow: u32,
        now: Instant,
    ) {
        self.entry(address, now).acquaintance.note(from, flow, now);
    }

    /// The flow label of a datagram for a peer.
    pub(super) fn flow(&self, address: TeredoAddress, now: Instant) -> u32 {
        let known = self.list.get(&address).map(|peer| peer.acquaintance);
        known.unwrap_or_default().flow(now)
    }

    /// Whether a packet to a peer may go bare.
    pub(super) fn takes_bare(
        &self,
        address: TeredoAddress,
        to: SocketAddrV6,
        now: Instant,
    ) -> bool {
        let peer = self.list.get(&address);
        peer.is_some_and(|peer| peer.is_trusted(now) && peer.acquaintance.takes(to, now))
    }

    /// Whether packets to a peer will go bare as soon as both know each other.
    pub(super) fn understands_bare(
        &self,
        address: TeredoAddress,
        to: SocketAddrV6,
        now: Instant,
    ) -> bool {
        let peer = self.list.get(&address);
        peer.is_some_and(|peer| peer.acquaintance.is_understood(to, now))
    }

    /// A bare packet came from a mapped address: from where its sender speaks, if that is a peer that was heard lately.
    pub(super) fn heard_bare(
        &mut self,
        mapped: SocketAddrV4,
        now: Instant,
    ) -> Option<SocketAddrV6> {
        let mut peers = self.list.iter_mut().filter(|(address, _)| address.mapped == mapped);
        let (_, peer) = peers.find(|(_, peer)| peer.is_trusted(now))?;
        let source = peer.acquaintance.speak(now)?;
        peer.heard = Some(now);
        peer.used = now;
        Some(source)
    }

    /// What waits, to be sent before the peer is heard: once, nobody may be there.
    pub(super) fn venture(&mut self, address: TeredoAddress) -> Vec<Waiting> {
        let peer = self.list.get_mut(&address).filter(|peer| peer.bubbles == 1);
        let Some(peer) = peer else { return Vec::new() };
        let fresh = peer.waiting.iter_mut().filter(|waiting| !waiting.ventured);
        let ventured = fresh.map(|waiting| {
            waiting.ventured = true;
            waiting.clone()
        });
        ventured.collect()
    }

    /// What was ventured, which waits no more.
    pub(super) fn repeat(&mut self, address: TeredoAddress) -> VecDeque<Waiting> {
        let peer = self.list.get_mut(&address);
        peer.map(|peer| std::mem::take(&mut peer.waiting)).unwrap_or_default()
    }

    /// Whether one more bubble may answer this peer.
    pub(super) fn may_reply(&mut self, address: TeredoAddress, now: Instant) -> bool {
        self.entry(address, now).replies.take(&REPLIES, now)
    }

    /// What is due. A direct packet follows the bubble through the server by `stagger`, which nobody knows before this
    /// host has an address: until then a peer is asked in, once, and nothing else.
    pub(super) fn handle_timeout(
        &mut self,
        stagger: Option<Duration>,
        now: Instant,
        due: &mut Vec<Due>,
    ) {
        for (address, peer) in &mut self.list {
            let follows = |introduced: &mut Instant| {
                stagger.is_some_and(|stagger| *introduced + stagger <= now)
            };
            if peer.introduced.take_if(follows).is_some() {
                due.push(Due::Direct(*address));
            }
            if peer.repetition.take_if(|repetition| *repetition <= now).is_some() {
                due.push(Due::Repetition(*address));
            }
            let has_asked = stagger.is_none() && peer.bubbles > 0;
            if has_asked || peer.due.is_none_or(|due| due > now) {
                continue;
            }
            if peer.bubbles < MAX_BUBBLES && peer.allowance.take(&BUBBLES, now) {
                peer.bubbles += 1;
                // no bubble answered the former: what was ventured with it is lost
                peer.waiting.iter_mut().for_each(|waiting| waiting.ventured = false);
                peer.due = Some(now + BUBBLE_INTERVAL);
                peer.introduced = Some(now);
                due.push(Due::Introduction(*address));
            } else {
                peer.due = None;
                peer.waiting.clear();
                due.push(Due::Silent(*address));
            }
        }
    }

    /// When [`Peers::handle_timeout`] has something to do for a host that has an address.
    pub(super) fn poll_timeout(&self, stagger: Duration) -> Option<Instant> {
        let follows = |introduced| introduced + stagger;
        let due = |peer: &Peer| [peer.due, peer.introduced.map(follows), peer.repetition];
        self.list.values().flat_map(due).flatten().min()
    }

    /// This host has another address: nobody sends to the old one for long, and no NAT lets the peers'
    /// datagrams in. What waits goes on waiting.
    pub(super) fn distrust(&mut self, now: Instant) {
        self.list.retain(|_, peer| !peer.waiting.is_empty());
        for peer in self.list.values_mut() {
            let waiting = std::mem::take(&mut peer.waiting).into_iter();
            *peer = Peer {
                waiting: waiting.map(|waiting| Waiting { ventured: false, ..waiting }).collect(),
                wanted: peer.wanted,
                due: Some(now),
                ..Peer::new(now)
            };
        }
    }

    pub(super) fn clear(&mut self) {
        self.list.clear();
    }

    fn entry(&mut self, address: TeredoAddress, now: Instant) -> &mut Peer {
        if self.list.len() >= MAX_PEERS && !self.list.contains_key(&address) {
            let oldest = self.list.iter().min_by_key(|(_, peer)| (peer.wanted, peer.used));
            if let Some(oldest) = oldest.map(|(address, _)| *address) {
                self.list.remove(&oldest);
            }
        }
        self.list.entry(address).or_insert_with(|| Peer::new(now))
    }
}

impl Peer {
    fn new(now: Instant) -> Peer {
        Peer {
            heard: None,
            used: now,
            wanted: false,
            waiting: VecDeque::new(),
            bubbles: 0,
            due: None,
            introduced: None,
            repetition: None,
            allowance: Bucket::new(now),
            replies: Bucket::new(now),
            acquaintance: Acquaintance::default(),
        }
    }

    fn is_trusted(&self, now: Instant) -> bool {
        self.heard.is_some_and(|heard| now.saturating_duration_since(heard) < TRUST)
    }
}

#[cfg(test)]
mod tests;
