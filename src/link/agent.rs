//! The path agent: finds out which way to a peer works, and notices when it no longer does.
//!
//! In the manner of ICE (RFC 8445) and of HIP's UPDATE (RFC 8046), with three differences: there are
//! no roles, each end chooses the path of what it sends; candidates of the other end need not be
//! known, because a genuine probe brings its own (peer-reflexive) candidate and a triggered check;
//! and addresses belong to public keys, not to sessions.
//!
//! ```text
//! dialler                                        dialled
//!   |--- probe to each locator, all at once ------->|  learns the dialler's address (a claim)
//!   |<-- answer ------------------------------------|
//!   |<-- triggered probe ---------------------------|
//!   |    first answer: this is the path             |
//!   |--- answer ----------------------------------->|  the claim is proved: this is the path
//!   |=== QUIC ======================================|
//! ```
//!
//! *Return routability:* QUIC packets go only to an address that has answered a probe of ours. What
//! an unproved address draws is at most one answer and one probe for each probe of its own, together
//! less than twice its size, or one check of six probes when a genuine peer wants to talk.
//!
//! It is sans-IO: it takes datagrams, addresses and the time, and gives datagrams, events and the next
//! time at which it has something to do. Nothing is scheduled while nobody dials and no connection
//! exists.

use std::{
    collections::{HashMap, VecDeque},
    net::SocketAddr,
    time::{Duration, Instant},
};

use crate::identity::{Hit, KeyPair, PublicKey, SignatureError};

use super::{
    candidate::{CHECK_TIME, CandidateKind, Due},
    datagram::{ANSWER, PROBE},
    drbg::Drbg,
    limit::{Limiter, Standing},
    observed,
    peer::{Added, FRESH, Peer},
    seal::{self, Addressed, AnswerKey, MessageId, Own, Proved, Remote},
    way::Way,
};

/// Peers in the table, with about 2 kB each. When it is full, one without a connection gives way, and
/// first those who have never answered.
const MAX_PEERS: usize = 1024;

/// Probes that wait for an answer: sixteen full dials at once, or several hundred usual ones.
const MAX_PENDING: usize = 4096;

/// Octets of content in a probe, all zero: room for what later versions want to say, and weight, so
/// that an answer is never longer than what drew it.
const PROBE_CONTENT: usize = 16;

/// Who may begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strangers {
    /// Any key may probe: this host serves something.
    Welcome,
    /// Only peers that were dialled from here are heard: this host is a mere visitor.
    Ignored,
}

/// A control datagram on its way out.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Transmit {
    pub(super) to: Way,
    pub(super) datagram: Vec<u8>,
}

/// What the agent has found out.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Event {
    /// A dial has a path.
    Reached {
        /// Whose.
        hit: Hit,
        /// The way by which it answered.
        way: Way,
        /// How long the answer took.
        round_trip: Duration,
    },
    /// A dial has none: no candidate answered.
    Unreachable {
        /// Whose.
        hit: Hit,
        /// What was asked.
        tried: Vec<Way>,
    },
    /// Datagrams go another way than before, or any at all.
    Moved {
        /// Whose.
        hit: Hit,
        /// The way in use.
        way: Way,
    },
    /// Some peer says that our datagrams come from here; a claim.
    Observed(SocketAddr),
}

/// A probe of ours that may be answered.
struct Pending {
    hit: Hit,
    to: Way,
    sent: Instant,
    key: AnswerKey,
}

/// All peers of this host.
pub(super) struct Agent {
    own: Own,
    drbg: Drbg,
    strangers: Strangers,
    limiter: Limiter,
    peers: HashMap<Hit, Peer>,
    /// Each way of a candidate belongs to one peer.
    by_way: HashMap<Way, Hit>,
    pending: HashMap<MessageId, Pending>,
    /// Oldest first.
    pending_order: VecDeque<(Instant, MessageId)>,
    transmits: VecDeque<Transmit>,
    events: VecDeque<Event>,
}

impl Agent {
    /// `seed` must be unpredictable octets.
    ///
    /// # Errors
    /// Never for a pair made from a seed.
    pub(super) fn new(
        keys: &KeyPair,
        strangers: Strangers,
        seed: [u8; 32],
        now: Instant,
    ) -> Result<Agent, SignatureError> {
        Ok(Agent {
            own: Own::new(keys)?,
            drbg: Drbg::new(seed),
            strangers,
            limiter: Limiter::new(now),
            peers: HashMap::new(),
            by_way: HashMap::new(),
            pending: HashMap::new(),
            pending_order: VecDeque::new(),
            transmits: VecDeque::new(),
            events: VecDeque::new(),
        })
    }

    /// From now on, who may begin.
    pub(super) fn set_strangers(&mut self, strangers: Strangers) {
        self.strangers = strangers;
    }

    /// Looks for a path to a peer: [`Event::Reached`] or [`Event::Unreachable`] will follow.
    ///
    /// # Errors
    /// When the key is not usable or the table is full of connected peers.
    pub(super) fn dial(
        &mut self,
        key: PublicKey,
        locators: &[Way],
        now: Instant,
    ) -> Result<Hit, DialError> {
        let hit = key.hit();
        if key == self.own.key() {
            return Err(DialError::Oneself);
        }
        if !self.peers.contains_key(&hit) {
            let remote = Remote::new(&self.own, key).map_err(|_| DialError::Key)?;
            self.insert_peer(hit, remote, now).ok_or(DialError::TooManyPeers)?;
        }
        for locator in locators {
            self.add_candidate(hit, *locator, CandidateKind::Locator, now);
        }
        let Some(peer) = self.peers.get_mut(&hit) else { return Err(DialError::TooManyPeers) };
        peer.last_used = now;
        if peer.has_fresh_path(now)
            && let Some(path) = &peer.path
        {
            let way = path.way;
            let round_trip = peer.candidate(way).and_then(|c| c.round_trip).unwrap_or_default();
            self.events.push_back(Event::Reached { hit, way, round_trip });
            return Ok(hit);
        }
        if peer.dial.is_none() {
            peer.dial = Some(now + CHECK_TIME);
            peer.end_checks(); // what is left of an older check would be too short
        }
        peer.suspect(now);
        self.end_hopeless_dial(hit, now);
        self.handle_timeout(now);
        Ok(hit)
    }

    /// A connection to this peer exists: its path is watched until as many [`Agent::release`].
    pub(super) fn hold(&mut self, hit: Hit) {
        if let Some(peer) = self.peers.get_mut(&hit) {
            peer.holds += 1;
        }
    }

    /// Undoes one [`Agent::hold`].
    pub(super) fn release(&mut self, hit: Hit, now: Instant) {
        if let Some(peer) = self.peers.get_mut(&hit) {
            peer.holds = peer.holds.saturating_sub(1);
            peer.last_used = now;
        }
    }

    /// Where a QUIC packet for this peer goes. None while no address is proved; checks of what may be
    /// one are begun then.
    pub(super) fn route(&mut self, hit: Hit, now: Instant) -> Option<Way> {
        if self.peers.get_mut(&hit)?.send(now) {
            self.serve_peer(hit, now);
        }
        self.path(hit)
    }

    /// Whose QUIC packets come this way. The claim of a genuine probe is enough, because
    /// QUIC knows its peers itself.
    pub(super) fn source(&mut self, way: Way, now: Instant) -> Option<Hit> {
        let hit = *self.by_way.get(&way)?;
        let path = self.peers.get_mut(&hit).and_then(|peer| peer.path.as_mut());
        if let Some(path) = path.filter(|path| path.way == way) {
            path.hear(now);
        }
        Some(hit)
    }

    /// The way in use for a peer.
    pub(super) fn path(&self, hit: Hit) -> Option<Way> {
        Some(self.peers.get(&hit)?.path.as_ref()?.way)
    }

    /// Whether a QUIC packet from nowhere may be given to QUIC, which can only tell its sender that
    /// it has no such connection (after a restart, for instance).
    pub(super) fn admits_unknown(&mut self, from: Way, now: Instant) -> bool {
        self.strangers == Strangers::Welcome
            && self.limiter.allow(from.source(), Standing::Unproved, now)
    }

    /// Whether a sealed message from a way may cost the work of opening it.
    pub(super) fn admits(&mut self, from: Way, now: Instant) -> bool {
        let standing = if self.is_proved(from) { Standing::Proved } else { Standing::Unproved };
        self.limiter.allow(from.source(), standing, now)
    }

    /// Takes a control datagram.
    pub(super) fn handle_datagram(&mut self, from: Way, datagram: &[u8], now: Instant) {
        match datagram.first() {
            Some(&PROBE) => self.handle_probe(from, datagram, now),
            Some(&ANSWER) => self.handle_answer(from, datagram, now),
            _ => None,
        };
    }

    /// The cheap before the expensive: mac, rate, one multiplication for the name of the sender, and
    /// only for a known or welcome sender one more.
    fn handle_probe(&mut self, from: Way, datagram: &[u8], now: Instant) -> Option<()> {
        let addressed = Addressed::parse(&self.own, datagram)?;
        if !self.admits(from, now) {
            return None;
        }
        let claimed = addressed.claim(&self.own)?;
        let sender = claimed.sender;
        let hit = sender.hit();
        let proved = match self.peers.get(&hit) {
            Some(peer) if peer.remote.key() == sender => claimed.prove(&peer.remote)?,
            Some(_) => return None, // two keys with one tag: 2^48 work for whoever made them
            None if self.strangers == Strangers::Ignored || sender == self.own.key() => {
                return None;
            }
            None => {
                let remote = Remote::new(&self.own, sender).ok()?;
                let proved = claimed.prove(&remote)?;
                self.insert_peer(hit, remote, now)?;
                proved
            }
        };
        // a shorter one would draw more than it cost
        let is_whole = proved.content.len() >= PROBE_CONTENT;
        if !is_whole || !self.peers.get_mut(&hit)?.is_first(proved.id) {
            return None;
        }
        self.answer(&proved, from);
        self.add_candidate(hit, from, CandidateKind::PeerReflexive, now);
        self.trigger_check(hit, from, now);
        Some(())
    }

    fn answer(&mut self, proved: &Proved, to: Way) {
        let mut nonce = [0; 12];
        nonce.copy_from_slice(&self.drbg.next()[..12]);
        let observed = observed::encode(to.direct());
        if let Some(datagram) = proved.answer_key.seal(ANSWER, proved.id, nonce, &observed) {
            self.transmits.push_back(Transmit { to, datagram });
        }
    }

    /// A probe came from here, so a probe back has good chances. It is one probe only, the asker's
    /// repetitions bring the next, unless we want a path ourselves.
    fn trigger_check(&mut self, hit: Hit, way: Way, now: Instant) -> Option<()> {
        let peer = self.peers.get_mut(&hit)?;
        let wanted = peer.dial.is_some() || peer.holds > 0;
        let candidate = peer.candidate(way)?;
        let proved = candidate.round_trip.is_some()
            && now.saturating_duration_since(candidate.last_sign) < FRESH;
        if proved || candidate.is_checking() {
            return None;
        }
        if wanted {
            candidate.start_check(now);
            self.handle_timeout(now);
        } else {
            self.probe(hit, way, now);
        }
        Some(())
    }

    /// Only the address that was asked can answer; the answer itself may not have been read on the
    /// way, but a copy of it from elsewhere proves nothing about elsewhere.
    fn handle_answer(&mut self, from: Way, datagram: &[u8], now: Instant) -> Option<()> {
        let id = seal::answered_id(datagram)?;
        let pending = self.pending.get(&id).filter(|pending| pending.to == from)?;
        let observed = observed::decode(&pending.key.open(datagram)?)?;
        let (hit, sent) = (pending.hit, pending.sent);
        self.pending.remove(&id);
        let round_trip = now.saturating_duration_since(sent);

        let peer = self.peers.get_mut(&hit)?;
        peer.candidate(from)?.answered(round_trip, now);
        let moved = peer.choose(from, round_trip, now);
        let way = peer.path.as_ref()?.way;
        let dialled = peer.dial.take().is_some();
        self.by_way.insert(from, hit); // proved: stronger than anybody's claim
        self.events.extend(observed.map(Event::Observed));
        if moved {
            self.events.push_back(Event::Moved { hit, way });
        }
        if dialled {
            self.events.push_back(Event::Reached { hit, way, round_trip });
        }
        Some(())
    }

    /// Does what is due.
    pub(super) fn handle_timeout(&mut self, now: Instant) {
        let due: Vec<Hit> = self
            .peers
            .iter()
            .filter(|(_, peer)| peer.next_due().is_some_and(|due| due <= now))
            .map(|(hit, _)| *hit)
            .collect();
        for hit in due {
            self.serve_peer(hit, now);
        }
    }

    fn serve_peer(&mut self, hit: Hit, now: Instant) -> Option<()> {
        let peer = self.peers.get_mut(&hit)?;
        if peer.keepalive_due().is_some_and(|due| due <= now)
            && let Some(way) = peer.path.as_ref().map(|path| path.way)
            && let Some(candidate) = peer.candidate(way)
        {
            candidate.start_check(now);
        }
        let mut to_probe = Vec::new();
        for candidate in &mut peer.candidates {
            if candidate.advance(now) == Due::Probe {
                to_probe.push(candidate.way);
            }
        }
        let path = peer.path.as_ref().filter(|path| !path.suspect).map(|path| path.way);
        if path.is_some_and(|path| peer.candidate(path).is_some_and(|c| c.is_doubtful())) {
            peer.suspect(now);
        }
        for way in to_probe {
            self.probe(hit, way, now);
        }
        self.end_hopeless_dial(hit, now);
        Some(())
    }

    /// Ends a dial when its time is over, or no check is left that could help.
    fn end_hopeless_dial(&mut self, hit: Hit, now: Instant) {
        let Some(peer) = self.peers.get_mut(&hit) else { return };
        let checking = peer.candidates.iter().any(|candidate| candidate.is_checking());
        if peer.dial.is_some_and(|deadline| deadline <= now || !checking) {
            peer.dial = None;
            let tried = peer.candidates.iter().map(|candidate| candidate.way).collect();
            self.events.push_back(Event::Unreachable { hit, tried });
        }
    }

    fn probe(&mut self, hit: Hit, to: Way, now: Instant) -> Option<()> {
        self.forget_pending(now);
        let ephemeral = self.drbg.next();
        let peer = self.peers.get(&hit)?;
        let question = seal::seal(&self.own, &peer.remote, PROBE, &[0; PROBE_CONTENT], ephemeral)?;
        self.pending.insert(question.id, Pending { hit, to, sent: now, key: question.answer_key });
        self.pending_order.push_back((now, question.id));
        self.transmits.push_back(Transmit { to, datagram: question.datagram });
        Some(())
    }

    /// Gives up probes that are too old to be answered, and the oldest when there are too many.
    fn forget_pending(&mut self, now: Instant) {
        while let Some((sent, id)) = self.pending_order.front() {
            let old = now.saturating_duration_since(*sent) > CHECK_TIME;
            if !old && self.pending_order.len() < MAX_PENDING {
                break;
            }
            self.pending.remove(id);
            self.pending_order.pop_front();
        }
    }

    fn insert_peer(&mut self, hit: Hit, remote: Remote, now: Instant) -> Option<()> {
        if self.peers.len() >= MAX_PEERS {
            let idle = self.peers.iter().filter(|(_, peer)| peer.is_idle());
            let oldest = idle
                .min_by_key(|(_, peer)| (peer.path.is_some(), peer.last_used))
                .map(|(hit, _)| *hit)?;
            self.peers.remove(&oldest);
            self.by_way.retain(|_, owner| *owner != oldest);
        }
        self.peers.insert(hit, Peer::new(remote, now));
        Some(())
    }

    /// Adds a candidate, and lets its way stand for this peer unless another has proved it.
    fn add_candidate(
        &mut self,
        hit: Hit,
        way: Way,
        kind: CandidateKind,
        now: Instant,
    ) -> Option<()> {
        if !way.is_usable() {
            return None;
        }
        match self.peers.get_mut(&hit)?.add_candidate(way, kind, now) {
            Added::NoRoom => return None,
            Added::Known => {}
            Added::New { evicted } => {
                if let Some(evicted) = evicted
                    && self.by_way.get(&evicted) == Some(&hit)
                {
                    self.by_way.remove(&evicted);
                }
            }
        }
        if kind == CandidateKind::PeerReflexive && !self.is_proved(way) {
            self.by_way.insert(way, hit);
        }
        Some(())
    }

    fn is_proved(&self, way: Way) -> bool {
        let owner = self.by_way.get(&way).and_then(|hit| self.peers.get(hit));
        owner.is_some_and(|peer| {
            peer.candidates.iter().any(|c| c.way == way && c.round_trip.is_some())
        })
    }

    /// Whether something waits in [`Agent::poll_transmit`] or [`Agent::poll_event`].
    pub(super) fn has_output(&self) -> bool {
        !self.transmits.is_empty() || !self.events.is_empty()
    }

    /// The next control datagram to send.
    pub(super) fn poll_transmit(&mut self) -> Option<Transmit> {
        self.transmits.pop_front()
    }

    /// The next thing found out.
    pub(super) fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// When [`Agent::handle_timeout`] should be called; None while nothing is to do.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.peers.values().filter_map(Peer::next_due).min()
    }
}

/// Why a dial cannot even begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DialError {
    /// The key is one's own.
    Oneself,
    /// The key is not a point of the curve, or one of small order.
    Key,
    /// Every place in the table belongs to a connected peer.
    TooManyPeers,
}

#[cfg(test)]
mod tests;
