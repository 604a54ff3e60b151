//! Ports that can be guessed (RFC 5128, section 3.5): those of a NAT that gives each destination the next one.
//!
//! Which is next changes with all that anybody behind the NAT does. So the latest is looked up just before
//! it matters ([`Event::Scout`]), and told to the peer, which then probes those that follow (see
//! [`volley`](crate::link::volley)). Until then nothing of ours goes to where the peer's NAT may be, because that
//! would take one of the ports before.
//!
//! ```text
//! caller (sequential)                                             called
//!   |--- UPDATE through the relay: my ports are sequential ---------->|
//!   |    looks up the latest                                          |
//!   |<-- UPDATE: candidates ------------------------------------------|
//!   |--- UPDATE: the latest is 20007 -------------------------------->|  probes 20008 to 20037
//!   |--- probe, from one of them --- as soon as that may be done ---->|
//! ```

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use crate::identity::Hit;

use super::{Agent, Event};
use crate::link::{
    candidate::{Candidate, CandidateKind, Pattern},
    locator_set::NatMapping,
    sealing::Sealing,
    volley::{self, Aim, LatestPort, Volley},
    way::Way,
};

/// How long a port that was looked up may be told to be the latest.
const FRESH: Duration = Duration::from_secs(3);

/// What the first round of a volley may come later than our own probes.
const OPENING: Duration = Duration::from_millis(80);

impl<S: Sealing> Agent<S> {
    /// The answer to [`Event::Scout`]: the latest port that our NAT gave out, if that could be found out.
    pub(in crate::link) fn scouted(&mut self, latest: Option<SocketAddr>, now: Instant) {
        self.scouting = false;
        let sought = |latest: &LatestPort| match latest {
            LatestPort::Sought(pattern) => Some(*pattern),
            LatestPort::Untold | LatestPort::Told { .. } => None,
        };
        let waiting =
            self.peers.iter().filter_map(|(hit, peer)| Some((*hit, sought(&peer.latest_port)?)));
        let waiting: Vec<(Hit, Pattern)> = waiting.collect();
        for (hit, pattern) in waiting {
            if let Some(peer) = self.peers.get_mut(&hit) {
                peer.latest_port = LatestPort::Told { latest, at: now };
            }
            self.announce(hit);
            self.start_punching(hit, pattern, now);
            self.ask_open_ways(hit, now);
        }
    }

    /// How long the peer needs to open its NAT for this host when it has to guess our port.
    pub(super) fn patience(&self) -> Duration {
        if self.is_sequential() { volley::ROUND + OPENING } else { Duration::ZERO }
    }

    /// Whether our latest port has to be looked up before this peer may be punched for, which goes on when
    /// it is known.
    pub(super) fn scouts_first(&mut self, hit: Hit, pattern: Pattern, now: Instant) -> bool {
        if !self.is_sequential() {
            return false;
        }
        let Some(peer) = self.peers.get_mut(&hit) else { return false };
        let is_open =
            |c: &Candidate| c.round_trip.is_some() || matches!(c.way, Way::Relayed { .. });
        if !peer.candidates.iter().any(is_open) {
            return false; // nobody could tell the peer
        }
        if let LatestPort::Told { at, .. } = peer.latest_port
            && now.saturating_duration_since(at) < FRESH
        {
            return false;
        }
        // however the peer's part of it stands, it cannot begin before it knows
        let pattern = if pattern == Pattern::Ordinary { Pattern::Punch } else { pattern };
        peer.latest_port = LatestPort::Sought(pattern);
        if !self.scouting {
            self.scouting = true;
            self.events.push_back(Event::Scout);
        }
        true
    }

    /// Begins a volley if the peer's NAT gives out ports that can be guessed.
    pub(super) fn guess_ports(&mut self, hit: Hit, now: Instant) -> Option<()> {
        let own = self.own.key().hit();
        let peer = self.peers.get_mut(&hit)?;
        let NatMapping::SymmetricSequential { step } = peer.nat else { return None };
        let aim = match self.nat {
            NatMapping::SymmetricRandom => return None, // it would have to be guessed as well
            NatMapping::SymmetricSequential { .. } if own > hit => Aim::Fast,
            _ => Aim::Steady,
        };
        let reflexive = |c: &&Candidate| c.kind == CandidateKind::ServerReflexive;
        let base = peer.candidates.iter().find(reflexive)?.way.direct()?;
        if peer.volley.as_ref().is_none_or(|volley| volley.base() != base) {
            peer.volley = Some(Volley::new(base, step, aim, now));
        }
        Some(())
    }

    /// Sends what is due of a volley.
    pub(super) fn serve_volley(&mut self, hit: Hit, now: Instant) -> Option<()> {
        let mut volley = self.peers.get_mut(&hit)?.volley.take()?;
        while let Some(target) = volley.advance(now) {
            if self.probe(hit, Way::Direct(target), false, now).is_none() {
                volley.postpone();
            }
        }
        self.peers.get_mut(&hit)?.volley = Some(volley).filter(|volley| !volley.is_over());
        Some(())
    }

    pub(super) fn is_sequential(&self) -> bool {
        matches!(self.nat, NatMapping::SymmetricSequential { .. })
    }
}
