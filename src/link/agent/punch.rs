//! Hole punching (RFC 5128): both ends send, so that the NAT of each takes the other's for an answer.
//!
//! Linux masquerading without a filter gives our mapping to a stranger's probe that comes before our
//! own, and our next probe leaves from another port. So the first probes of a punch travel two hops:
//! they pass our own NAT and do not reach the peer's. The next go once the peer has done the same,
//! which its acknowledgement of our UPDATE says.

use std::{
    net::IpAddr,
    time::{Duration, Instant},
};

use crate::identity::Hit;

use super::{Agent, dial::is_fresh};
use crate::link::{
    candidate::{Candidate, CandidateKind, Pattern},
    locator_set::NatMapping,
    sealing::Sealing,
    volley::{self, Aim, Volley},
    way::Way,
};

/// Hops of a probe that shall open our own NAT.
const NEAR: u8 = 2;

/// What the first round of a volley may come later than our own probes.
const OPENING: Duration = Duration::from_millis(80);

/// How many hops a near probe may travel; None if there is no NAT to be spared on this way.
pub(super) fn near_ttl(to: Way) -> Option<u8> {
    let IpAddr::V4(ip) = to.direct()?.ip() else { return None };
    let [a, b, ..] = ip.octets();
    let shared = a == 100 && b & 0xc0 == 64; // RFC 6598
    (!ip.is_private() && !ip.is_loopback() && !ip.is_link_local() && !shared).then_some(NEAR)
}

impl<S: Sealing> Agent<S> {
    /// Probes all candidates that may be reached by punching. While a direct path works only those are
    /// asked that are not known yet.
    pub(super) fn start_punching(
        &mut self,
        hit: Hit,
        pattern: Pattern,
        now: Instant,
    ) -> Option<()> {
        let patience = self.patience();
        let peer = self.peers.get_mut(&hit)?;
        let relayed = peer.current().is_none_or(Candidate::is_relayed);
        if relayed || peer.is_suspect() {
            let near =
                |c: &Candidate| near_ttl(c.way).is_some() && c.kind != CandidateKind::Relayed;
            let begin = now + if pattern == Pattern::Ordinary { patience } else { Duration::ZERO };
            peer.check(pattern, begin, |c| !is_fresh(c, now) && near(c));
            peer.check(open_pattern(pattern), now, |c| !is_fresh(c, now) && !near(c));
            self.guess_ports(hit, now);
        } else {
            peer.check(Pattern::Retry, now, |c| c.round_trip.is_none());
        }
        Some(())
    }

    /// How long the peer needs to open its NAT for this host when it has to guess our port.
    pub(super) fn patience(&self) -> Duration {
        let sequential = matches!(self.nat, NatMapping::SymmetricSequential { .. });
        if sequential { volley::ROUND + OPENING } else { Duration::ZERO }
    }

    /// Begins a volley if the peer's NAT gives out ports that can be guessed.
    fn guess_ports(&mut self, hit: Hit, now: Instant) -> Option<()> {
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
        if peer.volley.is_none() {
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
}

/// What a check of a way without a NAT on it looks like.
fn open_pattern(pattern: Pattern) -> Pattern {
    match pattern {
        Pattern::Punch => Pattern::Ordinary,
        Pattern::Climb => Pattern::Retry,
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_lies_behind_nats_is_punched_carefully() {
        let near = |text: &str| near_ttl(Way::Direct(text.parse().unwrap()));
        assert_eq!(near("192.0.2.1:1"), Some(NEAR));
        for text in ["192.168.1.1:1", "127.0.0.1:1", "100.64.0.1:1", "[2001:db8::1]:1"] {
            assert_eq!(near(text), None, "{text}");
        }
    }
}
