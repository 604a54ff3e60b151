//! Who wants a path to a peer, and what goes over it.

use std::time::{Duration, Instant};

use crate::identity::{Hit, PublicKey};

use super::{Agent, DialError, Event};
use crate::link::{
    candidate::{CHECK_TIME, Candidate, CandidateKind, Pattern},
    limit::{Rate, Standing},
    path::{Path, Reason},
    peer::{FRESH, Peer},
    sealing::Sealing,
    way::{RelayId, Way},
};

use super::Strangers;

/// Packets of handshakes from one peer: a handshake takes a handful, and so do early requests.
const HANDSHAKES: Rate = Rate { interval: Duration::from_millis(2), burst: 256 };
/// What every path of QUIC carries (RFC 9000, section 14).
const EVERY_PATH: usize = 1200;
/// A probe of the path MTU costs 1500 octets, and longer packets save 1 % of what is sent.
const MTU_VOLUME: u64 = 32 * 1024;
/// A path that serves for longer is worth a probe, too: one that is kept back counts as lost, and each is repeated
/// three times, by a connection that has nothing else to do.
const MTU_AGE: Duration = Duration::from_secs(25);
/// If somebody is still there: quinn asks after one that is lost, and repeats it then.
const MTU_HEARD: Duration = Duration::from_secs(5);

impl<S: Sealing> Agent<S> {
    /// Looks for a path to a peer: [`Event::Reached`] or [`Event::Unreachable`] will follow. A relayed
    /// way is used at once, until something better has answered.
    ///
    /// # Errors
    /// When the key is not usable or the table is full of connected peers.
    pub(in crate::link) fn dial(
        &mut self,
        key: PublicKey,
        ways: &[Way],
        now: Instant,
    ) -> Result<Hit, DialError> {
        let hit = key.hit();
        if key == self.own.key() {
            return Err(DialError::Oneself);
        }
        if !self.peers.contains_key(&hit) {
            let remote = self.own.remote(key).ok_or(DialError::Key)?;
            self.insert_peer(hit, remote, now).ok_or(DialError::TooManyPeers)?;
        }
        for way in ways {
            self.add_candidate(hit, *way, kind_of(*way), now);
        }
        self.add_turn_ways(hit, now);
        let Some(peer) = self.peers.get_mut(&hit) else { return Err(DialError::TooManyPeers) };
        peer.last_used = now;
        peer.grant();
        if peer.has_fresh_path(now)
            && let Some(path) = &peer.path
        {
            let (way, round_trip) = (path.way, path.round_trip.unwrap_or_default());
            self.events.push_back(Event::Reached { hit, way, round_trip });
            return Ok(hit);
        }
        if peer.dial.is_none() {
            peer.dial = Some(now + CHECK_TIME);
            peer.end_checks(); // what is left of an older check would be too short
        }
        if let Some(path) = &mut peer.path {
            path.suspect(now);
        }
        let relay = peer.candidates.iter().map(|candidate| candidate.way).find(is_relay);
        if let Some(relay) = relay {
            self.announce(hit);
            self.start_punching(hit, Pattern::Called, now);
            self.use_relay(hit, relay, now);
        } else {
            let venture = self.look_for_venture(hit);
            if let Some(peer) = self.peers.get_mut(&hit) {
                if let Some(candidate) = venture.and_then(|way| peer.candidate(way)) {
                    candidate.start_check(Pattern::Ventured, 0, now);
                }
                peer.check(Pattern::Ordinary, now, |_| true);
            }
        }
        self.end_hopeless_dial(hit, now);
        self.serve_peer(hit, now);
        Ok(hit)
    }

    /// A relay takes packets without having been asked, if there is nothing better.
    pub(super) fn use_relay(&mut self, hit: Hit, relay: Way, now: Instant) -> Option<()> {
        let peer = self.peers.get_mut(&hit)?;
        let untold = peer.announced != 0 && !peer.acknowledged;
        let candidate = peer.candidate(relay)?;
        if untold || !is_fresh(candidate, now) {
            candidate.start_check(Pattern::Patient, 0, now);
        }
        if peer.path.as_ref().is_none_or(Path::is_suspect) {
            peer.path = Some(Path::new(relay, None, now));
            peer.climb_soon(now);
            self.events.push_back(Event::Moved { hit, way: relay });
        }
        let peer = self.peers.get_mut(&hit)?;
        if peer.dial.take().is_some() {
            let round_trip = Duration::ZERO;
            self.events.push_back(Event::Reached { hit, way: relay, round_trip });
        }
        Some(())
    }

    /// Ends a dial when its time is over, or no check is left that could help.
    pub(super) fn end_hopeless_dial(&mut self, hit: Hit, now: Instant) {
        let Some(peer) = self.peers.get_mut(&hit) else { return };
        let hopeless = !peer.is_checking() && peer.invited.is_none();
        if peer.dial.is_some_and(|deadline| deadline <= now || hopeless) {
            peer.dial = None;
            peer.invited = None;
            let tried = peer.candidates.iter().map(|candidate| candidate.way).collect();
            self.events.push_back(Event::Unreachable { hit, tried });
        }
    }

    /// A connection to this peer exists: its path is watched until as many [`Agent::release`].
    pub(in crate::link) fn hold(&mut self, hit: Hit) {
        if let Some(peer) = self.peers.get_mut(&hit) {
            peer.holds += 1;
        }
    }

    /// Undoes one [`Agent::hold`].
    pub(in crate::link) fn release(&mut self, hit: Hit, now: Instant) {
        if let Some(peer) = self.peers.get_mut(&hit) {
            peer.holds = peer.holds.saturating_sub(1);
            peer.last_used = now;
        }
    }

    /// Where a QUIC packet for this peer goes. None while no address is proved; checks of what may be
    /// one are begun then.
    pub(in crate::link) fn route(&mut self, hit: Hit, now: Instant) -> Option<Way> {
        let peer = self.peers.get_mut(&hit)?;
        peer.last_used = now;
        let works = peer.path.as_mut().filter(|path| !path.is_suspect());
        match works.map(|path| path.send(now)) {
            Some(true) => {
                self.doubt(hit, Reason::Silence, now);
                self.serve_peer(hit, now);
            }
            Some(false) => {}
            None => {
                self.search(hit, now);
            }
        }
        self.path(hit)
    }

    /// Whether a packet of QUIC is worth its octets: one that asks how long packets may be (RFC 8899) is not before the
    /// peer has got so many that longer ones save more, or stays for long. A run of packets is none.
    pub(in crate::link) fn is_worth(
        &mut self,
        hit: Hit,
        octets: usize,
        is_run: bool,
        now: Instant,
    ) -> bool {
        let Some(peer) = self.peers.get_mut(&hit) else { return true };
        let stays = peer.path.as_ref().is_some_and(|path| {
            let for_long = now.saturating_duration_since(path.since) >= MTU_AGE;
            for_long && now.saturating_duration_since(path.heard) < MTU_HEARD
        });
        if octets > EVERY_PATH && !is_run && peer.volume < MTU_VOLUME && !stays {
            return false;
        }
        peer.note_traffic(octets, now);
        true
    }

    /// The way of a peer, or the one by which it has come.
    pub(in crate::link) fn likely_path(&self, hit: Hit) -> Option<Way> {
        let peer = self.peers.get(&hit)?;
        peer.path.as_ref().map(|path| path.way).or(peer.knocked)
    }

    /// Whose QUIC packets come this way, of which this one is so long. The claim of a genuine probe is enough,
    /// because QUIC knows its peers itself.
    pub(in crate::link) fn source(&mut self, way: Way, octets: usize, now: Instant) -> Option<Hit> {
        let hit = *self.by_way.get(&way)?;
        if let Some(peer) = self.peers.get_mut(&hit) {
            peer.earn(octets);
            peer.earn_from(way, octets);
            if let Some(path) = peer.path.as_mut().filter(|path| path.way == way) {
                path.hear(now);
            }
        }
        Some(hit)
    }

    /// Whose connection begins with a packet that comes this way. Unlike those of an existing one it belongs
    /// to the peer that spoke last from there. None also for more of them than a host can mean seriously,
    /// because each may cost QUIC a good deal.
    pub(in crate::link) fn handshake_source(
        &mut self,
        way: Way,
        octets: usize,
        now: Instant,
    ) -> Option<Hit> {
        let claim = self.contested.get(&way).filter(|claim| claim.is_open(now));
        let hit = match claim {
            Some(claim) => claim.hit,
            None => self.source(way, octets, now)?,
        };
        self.peers.get_mut(&hit)?.handshakes.take(&HANDSHAKES, now).then_some(hit)
    }

    /// The way in use for a peer.
    pub(in crate::link) fn path(&self, hit: Hit) -> Option<Way> {
        Some(self.peers.get(&hit)?.path.as_ref()?.way)
    }

    /// Whether a QUIC packet from nowhere may be given to QUIC, which can only tell its sender that
    /// it has no such connection (after a restart, for instance).
    pub(in crate::link) fn admits_unknown(&mut self, from: Way, now: Instant) -> bool {
        self.strangers == Strangers::Welcome
            && self.limiter.allow(from.source(), Standing::Unproved, now)
    }

    /// Whether a sealed message from a way may cost the work of opening it. One that the peer there has
    /// made is not held up by what others pretend to send from there, and a copy of it is worth nothing.
    pub(in crate::link) fn admits(&mut self, from: Way, datagram: &[u8], now: Instant) -> bool {
        let owner = self.by_way.get(&from).filter(|_| self.is_proved(from));
        let author = owner.and_then(|hit| self.peers.get(hit));
        let standing = match author.filter(|peer| S::made(&peer.remote, datagram)) {
            Some(peer) if peer.has_seen(datagram) => return false,
            Some(_) => Standing::Proved,
            None => Standing::Unproved,
        };
        self.limiter.allow(from.source(), standing, now)
    }

    /// This host is in another network, or has slept: every path in use has to prove itself again, and a relay does
    /// until then. Where this host was is forgotten, and peers are told so, until [`Agent::set_local_candidates`].
    pub(in crate::link) fn handle_network_change(&mut self, now: Instant) {
        self.local.clear();
        let wanted = self.peers.iter().filter(|(_, peer)| peer.is_wanted());
        let wanted: Vec<Hit> = wanted.map(|(hit, _)| *hit).collect();
        for hit in wanted {
            self.announce(hit);
            let Some(peer) = self.peers.get_mut(&hit) else { continue };
            if let Some(path) = &mut peer.path {
                path.suspect(now);
            }
            peer.retry = now + CHECK_TIME;
            peer.end_checks();
            peer.check(Pattern::Ordinary, now, |_| true);
            peer.climb_soon(now);
            self.bridge(hit, now);
            self.serve_peer(hit, now);
        }
    }

    /// What goes to a peer now would come from an address that its NAT does not know: a relay that has answered lately
    /// takes it. The path stays suspect, so that whatever answers takes the relay's place.
    fn bridge(&mut self, hit: Hit, now: Instant) -> Option<()> {
        let peer = self.peers.get_mut(&hit)?;
        let before = peer.path.as_ref()?.way;
        let is_bridge = |c: &&Candidate| is_relay(&c.way) && c.lives(now) && c.is_trusted(now);
        let relay = peer.candidates.iter().filter(is_bridge).min_by_key(|c| c.cost())?;
        let (way, round_trip) = (relay.way, relay.round_trip);
        if way != before {
            let mut path = Path::new(way, round_trip, now);
            path.suspect(now);
            peer.path = Some(path);
            self.events.push_back(Event::Moved { hit, way });
        }
        Some(())
    }

    /// A relay is gone, with all ways through it.
    pub(in crate::link) fn forget_relay(&mut self, gone: RelayId, now: Instant) {
        self.relays.remove(&gone);
        let through = |way: Way| matches!(way, Way::Relayed { relay, .. } if relay == gone);
        let hits: Vec<Hit> = self.peers.keys().copied().collect();
        for hit in hits {
            let Some(peer) = self.peers.get_mut(&hit) else { continue };
            let in_use = peer.path.take_if(|path| through(path.way)).is_some();
            self.remove_candidates(hit, |candidate| through(candidate.way));
            if in_use {
                self.search(hit, now);
            }
        }
    }

    /// A relay does not carry to the peer at the end of a way. One that has never answered is given up;
    /// else the peer may be registered there again in a moment.
    pub(in crate::link) fn handle_refused(&mut self, way: Way, now: Instant) {
        let Some(hit) = way.relayed_to() else { return };
        let Some(peer) = self.peers.get_mut(&hit) else { return };
        if peer.candidate(way).is_some_and(|candidate| candidate.round_trip.is_some()) {
            if let Some(path) = peer.path.as_mut().filter(|path| path.way == way) {
                path.suspect(now);
            }
        } else {
            peer.path.take_if(|path| path.way == way);
            self.remove_candidates(hit, |candidate| candidate.way == way);
        }
        self.search(hit, now);
        self.end_hopeless_dial(hit, now);
    }

    /// A relay has introduced, and carries no more to the peer: what else has answered takes its place.
    pub(in crate::link) fn handle_exhausted(&mut self, relay: Way, now: Instant) -> Option<()> {
        let hit = relay.relayed_to()?;
        let peer = self.peers.get_mut(&hit)?;
        let since = peer.path.as_ref().filter(|path| path.way == relay)?.since;
        let spare = peer.spare(now).filter(|spare| !is_relay(&spare.way))?;
        let (way, round_trip) = (spare.way, spare.round_trip);
        peer.path = Some(Path::new(way, round_trip, now));
        peer.candidate(relay)?.failed(since, now);
        self.events.push_back(Event::Moved { hit, way });
        Some(())
    }

    /// Whether a probe to a peer was ever answered.
    pub(in crate::link) fn has_answered(&self, hit: Hit) -> bool {
        let answered = |candidate: &Candidate| candidate.last_answer.is_some();
        self.peers.get(&hit).is_some_and(|peer| peer.candidates.iter().any(answered))
    }

    /// Whether there is no way to a peer, and none that may still answer.
    pub(in crate::link) fn is_hopeless(&self, hit: Hit) -> bool {
        self.peers
            .get(&hit)
            .is_none_or(|peer| peer.path.is_none() && !peer.is_checking() && peer.invited.is_none())
    }

    /// A connection with this peer was lost: it may have been started anew and know nothing of us, so that
    /// the next dial has to ask.
    pub(in crate::link) fn handle_connection_lost(&mut self, hit: Hit, now: Instant) {
        if let Some(path) = self.peers.get_mut(&hit).and_then(|peer| peer.path.as_mut()) {
            path.suspect(now);
        }
    }

    /// Peers with a connection and without a path that is known to work.
    pub(in crate::link) fn suspects(&self) -> Vec<PublicKey> {
        let lost = |peer: &&Peer<_>| peer.holds > 0 && peer.dial.is_none() && peer.is_suspect();
        let suspects = self.peers.values().filter(lost);
        suspects.map(|peer| S::remote_key(&peer.remote)).collect()
    }

    /// Whether packets for a peer may be going nowhere.
    pub(in crate::link) fn is_suspect(&self, hit: Hit) -> bool {
        self.peers.get(&hit).is_none_or(Peer::is_suspect)
    }
}

/// What a way is that somebody was told to try.
fn kind_of(way: Way) -> CandidateKind {
    match way {
        Way::Direct(_) => CandidateKind::Locator,
        Way::Relayed { .. } | Way::Turn { .. } => CandidateKind::Relayed,
    }
}

fn is_relay(way: &Way) -> bool {
    matches!(way, Way::Relayed { .. })
}

/// Whether a candidate answered so recently that asking again is no use.
pub(super) fn is_fresh(candidate: &Candidate, now: Instant) -> bool {
    candidate.last_answer.is_some_and(|at| now.saturating_duration_since(at) < FRESH)
}
