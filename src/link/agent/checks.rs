//! Probes, their answers, and the checks that probes trigger (RFC 8445, section 7).

use std::time::{Duration, Instant};

use crate::identity::Hit;

use super::{Agent, Claim, Event, Pending, Strangers, Transmit, dial::is_fresh, punch, watch};
use crate::link::{
    candidate::{CHECK_TIME, Candidate, CandidateKind},
    datagram::{ANSWER, PROBE, UPDATE},
    limit::Standing,
    observed,
    path::Reason,
    peer::{Added, Peer},
    seal,
    sealing::{Proved, Sealing},
    way::{Source, Way},
};

/// Peers in the table, with about 3 kB each. When it is full, one without a connection gives way, and
/// first those who have never answered.
pub(super) const MAX_PEERS: usize = 1024;

/// Probes that wait for an answer: sixteen full dials at once, or several hundred usual ones.
pub(super) const MAX_PENDING: usize = 4096;

/// Ways about which two peers disagree, at a time.
const MAX_CONTESTED: usize = 256;

/// Who is at a way now has answered after so long.
pub(super) const CONTEST_TIME: Duration = Duration::from_secs(1);
/// From one claim to the next.
pub(super) const CONTEST_PAUSE: Duration = Duration::from_secs(60);

/// Octets of content in a probe: a set of flags. Sealed it is twice as long as its answer.
pub(super) const PROBE_CONTENT: usize = 1;

/// Flag of a probe: its sender hears nothing on the path in use, and asks the receiver to look whether
/// its own way there still works.
const UNHEARD: u8 = 0x01;
/// Another one: the first packet of a handshake follows.
const FOLLOWED: u8 = 0x02;

impl<S: Sealing> Agent<S> {
    /// The cheap before the expensive: macs, rate, one multiplication for the name of the sender, and
    /// only for a known or welcome sender one more. A copy of an earlier message is not opened twice.
    pub(super) fn open_message(
        &mut self,
        from: Option<Way>,
        datagram: &[u8],
        now: Instant,
    ) -> Option<(Hit, Proved<S::AnswerKey>)> {
        if !self.own.is_addressed(datagram) {
            return None;
        }
        let admitted = match from {
            Some(from) => self.admits(from, datagram, now),
            None => self.limiter.allow(Source::Overlay, Standing::Unproved, now),
        };
        if !admitted {
            return None;
        }
        let (sender, claimed) = self.own.claim(datagram)?;
        let hit = sender.hit();
        let proved = match self.peers.get(&hit) {
            Some(peer) if S::remote_key(&peer.remote) == sender => S::prove(claimed, &peer.remote)?,
            Some(_) => return None, // two keys with one tag: 2^48 work for whoever made them
            None if self.strangers == Strangers::Ignored || sender == self.own.key() => {
                return None;
            }
            None => {
                let remote = self.own.remote(sender)?;
                let proved = S::prove(claimed, &remote)?;
                self.insert_peer(hit, remote, now)?;
                proved
            }
        };
        let peer = self.peers.get_mut(&hit)?;
        if !peer.is_first(proved.id) {
            return None;
        }
        peer.earn(datagram.len());
        self.opened += 1;
        Some((hit, proved))
    }

    pub(super) fn handle_probe(&mut self, from: Way, datagram: &[u8], now: Instant) -> Option<()> {
        let (hit, proved) = self.open_message(Some(from), datagram, now)?;
        let flags = *proved.content.first()?;
        self.learn(hit, from, datagram.len(), now);
        let before = self.transmits.len();
        self.answer(hit, &proved, from);
        self.hear(hit, from, flags & UNHEARD != 0, now);
        self.trigger_check(hit, from, now);
        if flags & FOLLOWED != 0 {
            self.defer(hit, from, before, now);
        }
        Some(())
    }

    /// Something genuine came this way, maybe with the complaint that our own path does not work.
    fn hear(&mut self, hit: Hit, from: Way, unheard: bool, now: Instant) -> Option<()> {
        let peer = self.peers.get_mut(&hit)?;
        let path = peer.path.as_mut()?;
        if path.way == from {
            path.heard = now;
        }
        if unheard && peer.holds > 0 {
            self.doubt(hit, Reason::Peer, now);
            self.serve_peer(hit, now);
        }
        Some(())
    }

    pub(super) fn answer(&mut self, hit: Hit, proved: &Proved<S::AnswerKey>, to: Way) {
        let mut nonce = [0; 12];
        nonce.copy_from_slice(&self.drbg.next()[..12]);
        let observed = observed::encode(to.direct());
        let key = &proved.answer_key;
        if let Some(datagram) = S::seal_answer(key, ANSWER, proved.id, nonce, &observed)
            && self.peers.get_mut(&hit).is_some_and(|peer| peer.spend(to, datagram.len()))
        {
            self.transmits.push_back(Transmit { to, datagram, ttl: None });
        }
    }

    /// Where a genuine message of so many octets came from may be a way back.
    pub(super) fn learn(&mut self, hit: Hit, from: Way, octets: usize, now: Instant) {
        let kind = match from {
            Way::Direct(_) => CandidateKind::PeerReflexive,
            Way::Relayed { .. } | Way::Turn { .. } => CandidateKind::Relayed,
        };
        self.add_candidate(hit, from, kind, now);
        if let Some(peer) = self.peers.get_mut(&hit) {
            peer.sign_of_life(from, now);
            peer.earn_from(from, octets);
            peer.knocked_at(from);
        }
        if self.is_proved(from) {
            if self.by_way.get(&from) != Some(&hit) {
                self.contest(from, hit, now);
            }
        } else if self.peers.get_mut(&hit).is_some_and(|peer| peer.candidate(from).is_some()) {
            self.by_way.insert(from, hit); // without a candidate nothing would ever remove it
        }
    }

    /// Another peer than the one that has answered from there says to be there. Until it has answered too,
    /// connections that begin are taken to be its own, because a new host begins one; those that exist are
    /// not. Who does not answer has had its chance, and so have others: a forged claim disturbs the
    /// handshakes of the real owner for [`CONTEST_TIME`] in each [`CONTEST_PAUSE`] at most.
    fn contest(&mut self, way: Way, hit: Hit, now: Instant) {
        if self.contested.len() >= MAX_CONTESTED {
            self.contested.retain(|_, claim| claim.stands(now));
        }
        let taken = self.contested.get(&way).is_some_and(|claim| claim.stands(now));
        if !taken && self.contested.len() < MAX_CONTESTED {
            self.contested.insert(way, Claim { hit, at: now });
        }
    }

    /// A peer has answered from a way: it is there now, and whoever was there before is not.
    fn prove(&mut self, way: Way, hit: Hit, now: Instant) {
        self.contested.remove(&way);
        let Some(before) = self.by_way.insert(way, hit).filter(|before| *before != hit) else {
            return;
        };
        let path = self.peers.get_mut(&before).and_then(|peer| peer.path.as_mut());
        if let Some(path) = path.filter(|path| path.way == way) {
            path.suspect(now);
        }
    }

    /// A probe came from here, so a probe back has good chances. It is one probe only, the asker's
    /// repetitions bring the next, unless we want a path ourselves. A connected peer that comes by a
    /// new way may have moved.
    fn trigger_check(&mut self, hit: Hit, way: Way, now: Instant) -> Option<()> {
        let peer = self.peers.get_mut(&hit)?;
        let (wanted, pace) = (peer.is_wanted(), peer.pace());
        let healthy = peer.path.as_ref().is_some_and(|path| path.in_doubt_since().is_none());
        let candidate = peer.candidate(way)?;
        let is_new = candidate.last_answer.is_none();
        if !is_new && (candidate.is_checking() || healthy || is_fresh(candidate, now)) {
            return None; // the peer keeps it alive
        }
        let may_be_answered = candidate.may_be_answered(now);
        if !wanted {
            // nobody is connected, and whoever comes by a new way may have been started anew: the way
            // that answers now is better than one that answered before
            if let Some(path) = peer.path.as_mut().filter(|path| is_new && path.way != way) {
                path.suspect(now);
            }
            return if may_be_answered { None } else { self.probe(hit, way, false, now) };
        }
        // its datagrams come through: whatever is waited for need not be waited for, but an answer
        if !may_be_answered {
            candidate.restart_check(pace, 0, now);
        }
        let both_direct = way.direct().is_some() && !peer.is_far();
        if is_new && both_direct && peer.holds > 0 {
            self.doubt(hit, Reason::Peer, now); // from a relay everybody moves to a direct way
        }
        self.serve_peer(hit, now)
    }

    /// Only the way that was asked can answer; the answer itself may not have been read on the
    /// way, but a copy of it from elsewhere proves nothing about elsewhere.
    pub(super) fn handle_answer(&mut self, from: Way, datagram: &[u8], now: Instant) -> Option<()> {
        let id = seal::answered_id(datagram)?;
        let pending = self.pending.get(&id).filter(|pending| pending.to == from)?;
        let observed = observed::decode(&S::open_answer(&pending.key, datagram)?)?;
        let pending = self.pending.remove(&id)?;
        self.opened += 1;
        let hit = pending.hit;
        let round_trip = now.saturating_duration_since(pending.sent);

        self.add_candidate(hit, from, CandidateKind::PeerReflexive, now); // a predicted port
        let peer = self.peers.get_mut(&hit)?;
        peer.earn(datagram.len());
        peer.sees = observed.or(peer.sees);
        peer.candidate(from)?.answered(round_trip, now);
        let in_doubt = peer.path.as_ref().is_some_and(|path| path.in_doubt_since().is_some());
        let moved = peer.choose(from, round_trip, now);
        let way = peer.path.as_ref()?.way;
        peer.invited = None;
        let dialled = peer.dial.take().is_some();
        if moved && way.direct().is_some() {
            peer.settle();
        }
        self.prove(from, hit, now); // stronger than anybody's claim
        self.events.extend(observed.map(|address| Event::Observed { from, address }));
        if moved {
            self.events.push_back(Event::Moved { hit, way });
        } else if in_doubt && way == from {
            self.events.push_back(Event::Recovered);
        }
        if dialled {
            self.events.push_back(Event::Reached { hit, way, round_trip });
        }
        if pending.update.is_some() {
            self.acknowledged(hit, pending.update, now);
        }
        Some(())
    }

    /// Asks whether a way works. Over an open one a peer that is to be told of our candidates is told
    /// by the question. `near`: it shall not get as far as the peer's NAT.
    pub(super) fn probe(&mut self, hit: Hit, to: Way, near: bool, now: Instant) -> Option<()> {
        self.forget_pending(now);
        let update = self.update_for(hit, to);
        let peer = self.peers.get_mut(&hit)?;
        let unheard = peer.holds > 0 && peer.path.as_ref().is_some_and(|path| path.unheard);
        let unheard = if unheard { UNHEARD } else { 0 };
        let followed = if peer.ventures_next(to) { FOLLOWED } else { 0 };
        let flags: [u8; PROBE_CONTENT] = [unheard | followed];
        let (kind, content) = match &update {
            Some((_, content)) => (UPDATE, &content[..]),
            None => (PROBE, &flags[..]),
        };
        if !peer.spend(to, seal::MESSAGE_OVERHEAD + content.len()) {
            return None;
        }
        let message = self.own.seal(&peer.remote, kind, content, self.drbg.next())?;
        let (key, update) = (message.answer_key, update.map(|(sequence, _)| sequence));
        self.pending.insert(message.id, Pending { hit, to, sent: now, key, update });
        self.pending_order.push_back((now, message.id));
        let ttl = near.then(|| punch::near_ttl(to)).flatten();
        self.transmits.push_back(Transmit { to, datagram: message.datagram, ttl });
        Some(())
    }

    /// Gives up probes that are too old to be answered, and the oldest when there are too many.
    fn forget_pending(&mut self, now: Instant) {
        while let Some((sent, id)) = self.pending_order.front() {
            let old = now.saturating_duration_since(*sent) > CHECK_TIME;
            if !old && self.pending_order.len() < MAX_PENDING {
                break;
            }
            if let Some(missed) = self.pending.remove(id)
                && let Some(peer) = self.peers.get_mut(&missed.hit)
                && let Some(candidate) = peer.candidate(missed.to)
            {
                candidate.missed();
            }
            self.pending_order.pop_front();
        }
    }

    pub(super) fn insert_peer(&mut self, hit: Hit, remote: S::Remote, now: Instant) -> Option<()> {
        if self.peers.len() >= MAX_PEERS {
            let idle = self.peers.iter().filter(|(_, peer)| peer.is_idle());
            let oldest = idle
                .min_by_key(|(_, peer)| (peer.path.is_some(), peer.last_used))
                .map(|(hit, _)| *hit)?;
            self.peers.remove(&oldest);
            self.by_way.retain(|_, owner| *owner != oldest);
        }
        let keepalive = watch::keepalive(self.drbg.next()[0]);
        self.peers.insert(hit, Peer::new(remote, keepalive, now));
        Some(())
    }

    /// Adds a candidate; its packets are not taken for the peer's until a genuine message came from it.
    pub(super) fn add_candidate(
        &mut self,
        hit: Hit,
        way: Way,
        kind: CandidateKind,
        now: Instant,
    ) -> Option<()> {
        if !way.is_usable() {
            return None;
        }
        if let Added::New { evicted: Some(evicted) } =
            self.peers.get_mut(&hit)?.add_candidate(way, kind, now)
            && self.by_way.get(&evicted) == Some(&hit)
        {
            self.by_way.remove(&evicted);
        }
        Some(())
    }

    /// Removes candidates, except the one in use.
    pub(super) fn remove_candidates(&mut self, hit: Hit, gone: impl Fn(&Candidate) -> bool) {
        let Some(peer) = self.peers.get_mut(&hit) else { return };
        let path = peer.path.as_ref().map(|path| path.way);
        let by_way = &mut self.by_way;
        peer.candidates.retain(|candidate| {
            let keep = Some(candidate.way) == path || !gone(candidate);
            if !keep && by_way.get(&candidate.way) == Some(&hit) {
                by_way.remove(&candidate.way);
            }
            keep
        });
    }

    pub(super) fn is_proved(&self, way: Way) -> bool {
        let owner = self.by_way.get(&way).and_then(|hit| self.peers.get(hit));
        owner.is_some_and(|peer| {
            peer.candidates.iter().any(|c| c.way == way && c.round_trip.is_some())
        })
    }
}

impl Claim {
    /// Whether an answer may still decide it.
    pub(super) fn is_open(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.at) < CONTEST_TIME
    }

    /// Whether it stands in the way of further ones.
    fn stands(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.at) < CONTEST_PAUSE
    }
}
