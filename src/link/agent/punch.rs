//! Hole punching (RFC 5128): both ends send, so that the NAT of each takes the other's for an answer.
//!
//! Linux masquerading without a filter gives our mapping to a stranger's probe that comes before our
//! own, and our next probe leaves from another port. So each end must have sent before the other's
//! probe arrives, by two means, of which one is enough:
//!
//! * The first probe of a punch travels two hops: it passes our own NAT and does not reach the peer's.
//!   The next go once the peer has done the same, which its acknowledgement of our UPDATE says.
//! * It crosses the peer's first probe on the way. Who called through a relay probes when the reply is
//!   there; who was called waits meanwhile. It knows its own round trip to the relay, *c*, and not the
//!   caller's, *a*; the reply takes (*c* + *a*) / 2, and its first probe crosses the caller's if it goes
//!   out at that time, give or take the straight way *d*. The triangle inequality has it that *c* and *a*
//!   differ by 2 *d* at most, so that *c* is right wherever the relay is. It waits a little less, because
//!   late is worse than early: then the other means still helps.

use std::{
    collections::HashMap,
    net::IpAddr,
    time::{Duration, Instant},
};

use crate::identity::Hit;

use super::{Agent, dial::is_fresh};
use crate::link::{
    candidate::{Candidate, CandidateKind, Pattern},
    peer::Peer,
    sealing::Sealing,
    way::{RelayId, Way},
};
use crate::runtime::ip::is_global_v4;

/// Hops of a probe that shall open our own NAT.
const NEAR: u8 = 2;

/// How long the way to a relay is taken to be before it was measured: there and back.
const ASSUMED_RELAY: Duration = Duration::from_millis(20);
/// It is no use to wait longer.
const MAX_CROSSING: Duration = Duration::from_millis(300);

/// How many hops a near probe may travel; None if there is no NAT to be spared on this way.
pub(super) fn near_ttl(to: Way) -> Option<u8> {
    let IpAddr::V4(ip) = to.direct()?.ip() else { return None };
    is_global_v4(ip).then_some(NEAR)
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
        if peer.is_far() {
            let near =
                |c: &Candidate| near_ttl(c.way).is_some() && c.kind != CandidateKind::Relayed;
            // who has heard of us has punched already
            let is_caller = peer.known == 0;
            let crossing = if is_caller { crossing(peer, &self.relays) } else { Duration::ZERO };
            let begin = match pattern {
                Pattern::Punch | Pattern::Climb => now + crossing,
                Pattern::Called => now,
                _ => now + patience,
            };
            peer.check(open_pattern(pattern), now, |c| !is_fresh(c, now) && !near(c));
            if self.scouts_first(hit, pattern, now) {
                return None;
            }
            let peer = self.peers.get_mut(&hit)?;
            peer.check(pattern, begin, |c| !is_fresh(c, now) && near(c));
            self.guess_ports(hit, now);
        } else {
            peer.check(Pattern::Retry, now, |c| c.round_trip.is_none());
        }
        Some(())
    }

    /// How long it takes to this relay and back.
    pub(in crate::link) fn set_relay_round_trip(&mut self, relay: RelayId, round_trip: Duration) {
        self.relays.insert(relay, round_trip);
    }
}

/// When our first probe should go out that is to cross the peer's.
fn crossing<R>(peer: &Peer<R>, relays: &HashMap<RelayId, Duration>) -> Duration {
    let relays = peer.candidates.iter().filter_map(|candidate| match candidate.way {
        Way::Relayed { relay, .. } => Some(relays.get(&relay).copied().unwrap_or(ASSUMED_RELAY)),
        Way::Direct(_) | Way::Turn { .. } => None,
    });
    (relays.min().unwrap_or_default() * 31 / 32).min(MAX_CROSSING)
}

/// What a check of a way without a NAT on it looks like.
fn open_pattern(pattern: Pattern) -> Pattern {
    match pattern {
        Pattern::Called | Pattern::Punch => Pattern::Ordinary,
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
