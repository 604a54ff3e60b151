//! Telling peers where this host is: the UPDATE of HIP (RFC 8046).
//!
//! An UPDATE travels as a probe does, only heavier: it is answered, repeated until it is, and proves
//! the way it takes. It goes over ways that are open: the path, the spare, a relay. So does the reply,
//! an UPDATE of the other end, if that has not been heard yet. Where nothing is open it can be carried
//! by anything else ([`Agent::call_message`]).

use std::{
    net::{IpAddr, SocketAddr},
    time::{Duration, Instant},
};

use crate::identity::Hit;

use super::{Agent, checks::PROBE_CONTENT, punch};
use crate::link::{
    candidate::{CandidateKind, Pattern},
    datagram::UPDATE,
    locator_set::{LocatorSet, MAX_ANNOUNCED, NatMapping},
    peer::Peer,
    seal::MESSAGE_OVERHEAD,
    sealing::Sealing,
    volley::LatestPort,
    way::Way,
};

/// Octets that the content of an UPDATE to a peer that has not been heard yet should have for each candidate: with
/// three times what they weigh together with its seal it can probe them all. It answers and replies on the way that
/// is open.
const CANDIDATE_WEIGHT: usize = (MESSAGE_OVERHEAD + PROBE_CONTENT).div_ceil(3);
/// The same when a window of ports has to be probed.
const WINDOW_WEIGHT: usize = 1000;

/// How long a dial waits for a peer that was called through an overlay.
const CALL_TIME: Duration = Duration::from_secs(20);

/// A place where this host may be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LocalCandidate {
    /// Where it comes from.
    pub kind: CandidateKind,
    /// The address that peers should use.
    pub address: SocketAddr,
    /// Which of our allocations, if a TURN server forwards.
    pub turn: Option<u16>,
}

impl<S: Sealing> Agent<S> {
    /// Where this host is from now on, and how its NAT gives out ports. Connected peers are told if it
    /// is news.
    pub(in crate::link) fn set_local_candidates(
        &mut self,
        candidates: &[LocalCandidate],
        nat: NatMapping,
        now: Instant,
    ) {
        let mut local: Vec<LocalCandidate> =
            candidates.iter().filter(|c| Way::Direct(c.address).is_usable()).copied().collect();
        local.truncate(MAX_ANNOUNCED);
        if (&local, nat) == (&self.local, self.nat) {
            return;
        }
        let lost = self.local.iter().any(|known| !local.contains(known));
        let gained = local.iter().filter(|new| !self.local.contains(new)).map(|new| new.address);
        let gained: Vec<SocketAddr> = gained.collect();
        (self.local, self.nat) = (local, nat);
        // who sees us at an address, and is reached there, knows it
        let is_news = |peer: &Peer<_>| {
            lost || peer.is_far() || gained.iter().any(|address| peer.sees != Some(*address))
        };
        let wanted = self.peers.iter().filter(|(_, peer)| peer.is_wanted() && is_news(peer));
        let wanted: Vec<Hit> = wanted.map(|(hit, _)| *hit).collect();
        for hit in wanted {
            self.announce(hit);
            let far = self.peers.get(&hit).is_some_and(|peer| peer.is_far());
            if far {
                self.scouts_first(hit, Pattern::Punch, now);
            }
            self.ask_open_ways(hit, now);
            self.add_turn_ways(hit, now);
        }
    }

    /// From now on open ways are asked by UPDATEs, until one is acknowledged.
    pub(super) fn announce(&mut self, hit: Hit) -> Option<()> {
        let peer = self.peers.get_mut(&hit)?;
        self.sequence += 1;
        peer.announced = self.sequence;
        peer.acknowledged = false;
        Some(())
    }

    /// Asks the path, the spare and relays.
    pub(super) fn ask_open_ways(&mut self, hit: Hit, now: Instant) -> Option<()> {
        let peer = self.peers.get_mut(&hit)?;
        let open =
            [peer.path.as_ref().map(|path| path.way), peer.spare(now).map(|spare| spare.way)];
        let is_open = |way: Way| open.contains(&Some(way)) || matches!(way, Way::Relayed { .. });
        for candidate in peer.candidates.iter_mut().filter(|candidate| is_open(candidate.way)) {
            candidate.end_check(); // what was going to be said is old
            candidate.start_check(Pattern::Ordinary, 0, now);
        }
        self.serve_peer(hit, now)
    }

    /// The UPDATE that goes a way instead of a probe, if one is due and the way is open.
    pub(super) fn update_for(&mut self, hit: Hit, to: Way) -> Option<(u64, Vec<u8>)> {
        let peer = self.peers.get_mut(&hit)?;
        if peer.announced == 0 || peer.acknowledged {
            return None;
        }
        let proved = peer.candidate(to)?.round_trip.is_some();
        if !proved && !matches!(to, Way::Relayed { .. }) {
            return None;
        }
        let sequence = peer.announced;
        Some((sequence, self.locator_set(hit, Some(to))?))
    }

    /// What a peer is told. Addresses of this machine alone go nowhere else.
    fn locator_set(&self, hit: Hit, to: Option<Way>) -> Option<Vec<u8>> {
        let peer = self.peers.get(&hit)?;
        let inside = to.is_some_and(is_loopback);
        let latest = if self.is_sequential() { peer.latest_port } else { LatestPort::Untold };
        let is_told = |candidate: &&LocalCandidate| match latest {
            LatestPort::Untold | LatestPort::Told { latest: None, .. } => true,
            _ => candidate.kind != CandidateKind::ServerReflexive, // its port is an old one
        };
        let told = self.local.iter().filter(is_told).map(|told| (told.kind, told.address));
        let mut locators: Vec<_> = told.filter(|(_, at)| travels(at.ip(), inside)).collect();
        let window = match latest {
            LatestPort::Told { latest, .. } => latest,
            LatestPort::Untold | LatestPort::Sought(_) => None,
        };
        locators.truncate(MAX_ANNOUNCED - 1);
        locators.extend(window.map(|latest| (CandidateKind::ServerReflexive, latest)));
        let first_weight = (locators.len() * CANDIDATE_WEIGHT).saturating_sub(MESSAGE_OVERHEAD);
        let weight = match self.nat {
            _ if window.is_some() => WINDOW_WEIGHT,
            _ if peer.update != 0 => 0,
            NatMapping::SymmetricSequential { .. } if latest == LatestPort::Untold => WINDOW_WEIGHT,
            _ => first_weight,
        };
        let set = LocatorSet {
            sequence: peer.announced,
            acknowledged: peer.update,
            nat: self.nat,
            locators,
        };
        Some(set.encode(weight))
    }

    /// An UPDATE for a peer that is being dialled, to be carried there by other means. The dial goes on
    /// for as long as that may take.
    pub(in crate::link) fn call_message(&mut self, hit: Hit, now: Instant) -> Option<Vec<u8>> {
        self.announce(hit)?;
        let content = self.locator_set(hit, None)?;
        let peer = self.peers.get_mut(&hit)?;
        let message = self.own.seal(&peer.remote, UPDATE, &content, self.drbg.next())?;
        if peer.dial.is_some() {
            peer.dial = Some(now + CALL_TIME);
            peer.invited = peer.dial;
        }
        Some(message.datagram)
    }

    /// Takes what a peer's [`Agent::call_message`] gave.
    pub(in crate::link) fn handle_call(&mut self, message: &[u8], now: Instant) {
        if message.first() == Some(&UPDATE) {
            self.handle_update(None, message, now);
        }
    }

    pub(super) fn handle_update(
        &mut self,
        from: Option<Way>,
        datagram: &[u8],
        now: Instant,
    ) -> Option<()> {
        let (hit, proved) = self.open_message(from, datagram, now)?;
        let set = LocatorSet::decode(&proved.content)?;
        let peer = self.peers.get_mut(&hit)?;
        if set.sequence < peer.update {
            return None; // an old one, maybe repeated by somebody else
        }
        let is_news = set.sequence > peer.update;
        if let Some(from) = from {
            self.learn(hit, from, datagram.len(), now);
            self.answer(hit, &proved, from);
        }
        if is_news {
            self.accept_update(hit, from, &set, now);
        }
        self.serve_peer(hit, now)
    }

    fn accept_update(
        &mut self,
        hit: Hit,
        from: Option<Way>,
        set: &LocatorSet,
        now: Instant,
    ) -> Option<()> {
        let changed = self.replace_announced(hit, from, set, now)?;
        let peer = self.peers.get_mut(&hit)?;
        let is_first = peer.update == 0;
        peer.update = set.sequence;
        peer.nat = set.nat;
        peer.known = set.acknowledged;
        let knows_us = peer.announced != 0 && set.acknowledged == peer.announced;
        let forgot_us = peer.acknowledged && !knows_us;
        if knows_us {
            self.acknowledged(hit, Some(set.acknowledged), now);
        } else if forgot_us || self.peers.get(&hit)?.announced == 0 {
            self.announce(hit);
        }
        let peer = self.peers.get_mut(&hit)?;
        if changed {
            peer.climb_soon(now);
        } else {
            peer.climb_later(now);
        }
        let at = peer.path.as_ref().map(|path| path.way);
        let left = from != at && at.is_some_and(|at| has_left(at, set));
        if left && let Some(path) = &mut peer.path {
            path.suspect(now);
        }
        match from {
            Some(relay @ Way::Relayed { .. }) => {
                self.use_relay(hit, relay, now);
            }
            Some(from) => {
                let peer = self.peers.get_mut(&hit)?;
                let candidate = peer.candidate(from)?;
                if candidate.round_trip.is_none() || left {
                    candidate.restart_check(Pattern::Ordinary, 0, now);
                }
            }
            None => {}
        }
        let peer = self.peers.get(&hit)?;
        let pattern = match (knows_us, is_first || peer.is_suspect()) {
            _ if from.is_none() => Pattern::Patient, // a call cannot be replied to, and waits for nothing
            (true, true) => peer.pace(),
            (true, false) => Pattern::Retry,
            (false, true) => Pattern::Punch,
            (false, false) => Pattern::Climb,
        };
        self.start_punching(hit, pattern, now)
    }

    /// Puts the candidates of a set in the place of those of the former. True if they differ.
    fn replace_announced(
        &mut self,
        hit: Hit,
        from: Option<Way>,
        set: &LocatorSet,
        now: Instant,
    ) -> Option<bool> {
        let inside = from.is_some_and(is_loopback);
        let named: Vec<(CandidateKind, Way)> = set
            .locators
            .iter()
            .filter(|(_, address)| travels(address.ip(), inside))
            .map(|(kind, address)| (*kind, Way::Direct(*address)))
            .collect();
        let known = |way: Way| named.iter().any(|(_, named)| *named == way);
        let before = self.peers.get(&hit)?.candidates.len();
        self.remove_candidates(hit, |candidate| {
            is_announced(candidate.kind) && !known(candidate.way)
        });
        let peer = self.peers.get_mut(&hit)?;
        let removed = before != peer.candidates.len();
        let added = named.iter().any(|(_, way)| peer.candidate(*way).is_none());
        for (kind, way) in &named {
            self.add_candidate(hit, *way, *kind, now);
        }
        self.add_turn_ways(hit, now);
        Some(removed || added)
    }

    /// Our own TURN allocations reach every address of the peer; the best known is enough, because
    /// permissions are for all ports of an address (RFC 8656, section 9).
    pub(super) fn add_turn_ways(&mut self, hit: Hit, now: Instant) -> Option<()> {
        let servers: Vec<u16> = self.local.iter().filter_map(|candidate| candidate.turn).collect();
        if servers.is_empty() {
            return None;
        }
        let best = self.peers.get(&hit)?.candidates.iter().filter_map(|candidate| {
            let address = candidate.way.direct()?;
            let public = punch::near_ttl(candidate.way).is_some();
            public.then(|| (candidate.priority(), address))
        });
        let (_, peer) = best.max_by_key(|(priority, _)| *priority)?;
        for server in servers {
            self.add_candidate(hit, Way::Turn { server, peer }, CandidateKind::Relayed, now);
        }
        Some(())
    }

    /// The peer knows our candidates, and has punched towards them.
    pub(super) fn acknowledged(
        &mut self,
        hit: Hit,
        update: Option<u64>,
        now: Instant,
    ) -> Option<()> {
        let begin = now + self.patience();
        let peer = self.peers.get_mut(&hit)?;
        let pace = peer.pace();
        if update != Some(peer.announced) || peer.acknowledged {
            return None;
        }
        peer.acknowledged = true;
        for (place, candidate) in peer.candidates.iter_mut().enumerate() {
            candidate.punched(pace, place, begin);
        }
        self.serve_peer(hit, now)
    }
}

/// Whether an UPDATE speaks of candidates of this kind, so that the next one may withdraw them.
fn is_announced(kind: CandidateKind) -> bool {
    !matches!(kind, CandidateKind::PeerReflexive | CandidateKind::Locator | CandidateKind::Relayed)
}

/// Whether the set of a peer says nothing of where it was.
fn has_left(at: Way, set: &LocatorSet) -> bool {
    at.direct().is_some_and(|at| set.locators.iter().all(|(_, address)| *address != at))
}

fn is_loopback(way: Way) -> bool {
    way.direct().is_some_and(|address| address.ip().is_loopback())
}

/// Whether an address means the same to another host; one of this machine does for `inside`.
fn travels(ip: IpAddr, inside: bool) -> bool {
    let link_local = match ip {
        IpAddr::V4(v4) => v4.is_link_local() || v4.is_broadcast(),
        IpAddr::V6(v6) => v6.is_unicast_link_local(),
    };
    !link_local && (inside || !ip.is_loopback())
}
