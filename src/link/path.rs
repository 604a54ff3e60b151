//! The path in use to a peer, and the signs by which its death is noticed.
//!
//! ```text
//! confirmed --- sent in vain, flagged probe, silence in a stream ---> doubted --- no answer ---> suspect
//!     ^                                                                  |                         |
//!     +----------------------------- answer ----------------------------+-------------------------+
//! ```
//!
//! A doubted path is in use, and asked with urgency; a suspect one gives way to anything better. What
//! QUIC receives shows that *some* datagrams arrive here; that ours arrive there only answers show.
//! When ours are lost and the peer's are not, it is the peer that sends in vain, and its probes say so.

use std::time::{Duration, Instant};

use super::{candidate::ASSUMED_ROUND_TRIP, way::Way};

/// Datagrams that go out so many times without anything coming back put a path in doubt. The first
/// time may have been a mere acknowledgement, which nobody answers, and the second may still be under
/// way; the third is a repetition.
const VAIN_SENDS: u32 = 3;

/// Sends count as one when they are closer than half a round trip and this.
const SEND_GAP: Duration = Duration::from_millis(20);

/// What comes back may have to wait for a delayed acknowledgement and a busy processor.
const ANSWER_DELAY: Duration = Duration::from_millis(100);

/// After so long without sending, older sends in vain count no more: they were the end of something.
const SEND_PAUSE: Duration = Duration::from_secs(2);

/// So many packets in close succession are a stream; when it stops, that is worth a question.
const STREAM: u32 = 64;
/// Packets further apart than this belong to different streams.
const STREAM_GAP: Duration = Duration::from_millis(300);
/// A stream that stops for so long, or four round trips, is asked about.
const STREAM_SILENCE: Duration = Duration::from_millis(600);

/// How a path stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Liveness {
    /// No reason to ask.
    Confirmed,
    /// It is asked; until it answers others are got ready. Since when.
    Doubted(Instant),
    /// It did not answer: the first candidate that does takes its place. Since when.
    Suspect(Instant),
}

/// Why a path comes into doubt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reason {
    /// Nothing is heard on it.
    Silence,
    /// What the peer does: it complains, or comes by another way.
    Peer,
}

/// The way in use to a peer: it has answered a probe, or is a relay's, which needs no proof.
#[derive(Debug)]
pub(super) struct Path {
    pub(super) way: Way,
    /// In use since then.
    pub(super) since: Instant,
    /// When anything came this way that is genuine or looks like it.
    pub(super) heard: Instant,
    /// How long the last answered probe took; None while nothing has answered.
    pub(super) round_trip: Option<Duration>,
    pub(super) liveness: Liveness,
    /// This end has noticed by itself that something is wrong, and tells the other. Who was told does
    /// not tell back.
    pub(super) unheard: bool,
    vain: Option<Vain>,
    /// Packets received in close succession.
    stream: u32,
}

/// Sends since something was heard.
#[derive(Debug)]
struct Vain {
    first: Instant,
    latest: Instant,
    count: u32,
}

impl Path {
    pub(super) fn new(way: Way, round_trip: Option<Duration>, now: Instant) -> Path {
        Path {
            way,
            since: now,
            heard: now,
            round_trip,
            liveness: Liveness::Confirmed,
            unheard: false,
            vain: None,
            stream: 0,
        }
    }

    fn expected(&self) -> Duration {
        self.round_trip.unwrap_or(ASSUMED_ROUND_TRIP)
    }

    /// Something came this way. Doubt only ends by an answered probe, because this can be forged.
    pub(super) fn hear(&mut self, now: Instant) {
        let close = now.saturating_duration_since(self.heard) <= STREAM_GAP;
        self.stream = if close { self.stream.saturating_add(1) } else { 1 };
        self.heard = now;
        self.vain = None;
    }

    /// It answered a probe.
    pub(super) fn confirm(&mut self, round_trip: Duration, now: Instant) {
        self.heard = now;
        self.vain = None;
        self.round_trip = Some(round_trip);
        self.liveness = Liveness::Confirmed;
        self.unheard = false;
    }

    /// Something is sent; true if that has been in vain too often.
    pub(super) fn send(&mut self, now: Instant) -> bool {
        let expected = self.expected();
        let pause = SEND_PAUSE.max(expected * 8);
        let fresh = Vain { first: now, latest: now, count: 1 };
        let vain = self.vain.get_or_insert(fresh);
        let gap = now.saturating_duration_since(vain.latest);
        if gap > pause {
            *vain = Vain { first: now, latest: now, count: 1 };
        } else if gap >= expected / 2 + SEND_GAP {
            vain.latest = now;
            vain.count += 1;
        }
        vain.count >= VAIN_SENDS
            && now.saturating_duration_since(vain.first) >= 2 * expected + ANSWER_DELAY
    }

    /// When a stream that has stopped should be asked about.
    pub(super) fn silence_due(&self) -> Option<Instant> {
        let stream = self.stream >= STREAM && self.liveness == Liveness::Confirmed;
        stream.then(|| self.heard + STREAM_SILENCE.max(4 * self.expected()))
    }

    /// Something gives reason to ask; false if it is being asked already.
    pub(super) fn doubt(&mut self, reason: Reason, now: Instant) -> bool {
        self.stream = 0;
        self.unheard |= reason == Reason::Silence;
        if self.liveness != Liveness::Confirmed {
            return false;
        }
        self.liveness = Liveness::Doubted(now);
        true
    }

    pub(super) fn suspect(&mut self, now: Instant) {
        self.stream = 0;
        self.unheard = true;
        if !self.is_suspect() {
            self.liveness = Liveness::Suspect(now);
        }
    }

    pub(super) fn is_suspect(&self) -> bool {
        matches!(self.liveness, Liveness::Suspect(_))
    }

    /// Since when something is wrong.
    pub(super) fn in_doubt_since(&self) -> Option<Instant> {
        match self.liveness {
            Liveness::Confirmed => None,
            Liveness::Doubted(since) | Liveness::Suspect(since) => Some(since),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::clock;

    fn path(now: Instant) -> Path {
        let way = Way::Direct(([192, 0, 2, 1], 1).into());
        Path::new(way, Some(Duration::from_millis(40)), now)
    }

    fn millis(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn a_request_after_an_acknowledgement_is_not_in_vain() {
        let start = clock::now();
        let mut path = path(start);
        for request in 0..20 {
            let now = start + millis(700 * request);
            assert!(!path.send(now));
            assert!(!path.send(now + millis(1)));
            path.hear(now + millis(40));
            assert!(!path.send(now + millis(65)), "the acknowledgement");
        }
    }

    #[test]
    fn repetitions_are() {
        let start = clock::now();
        let mut path = path(start);
        let sends = [0, 90, 250].map(|at| path.send(start + millis(at)));
        assert_eq!(sends, [false, false, true]);
        path.hear(start + millis(251));
        assert!(!path.send(start + millis(252)));
    }

    #[test]
    fn one_flight_without_an_answer_is_too_early_to_tell() {
        let start = clock::now();
        let mut path = path(start);
        assert!((0..170).all(|at| !path.send(start + millis(at))));
    }

    #[test]
    fn a_stream_that_stops_is_asked_about_and_a_few_packets_are_not() {
        let start = clock::now();
        let mut path = path(start);
        (0..STREAM - 1).for_each(|_| path.hear(start));
        assert_eq!(path.silence_due(), None);
        path.hear(start + millis(10));
        assert_eq!(path.silence_due(), Some(start + millis(610)));
        assert!(path.doubt(Reason::Silence, start + millis(610)));
        assert!(!path.doubt(Reason::Silence, start + millis(611)));
        assert_eq!(path.silence_due(), None);
    }
}
