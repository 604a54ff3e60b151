//! One way to a peer that may work, and the checks that find out (RFC 8445, section 7).

use std::time::{Duration, Instant};

use super::way::Way;

/// When the probes of one check go out, counted from its start. The first gaps are those in which a
/// lost datagram costs a person little; from then on they double. The last probe still has most of
/// two seconds to be answered before [`CHECK_TIME`] is over.
const SCHEDULE: [Duration; 6] = [
    Duration::ZERO,
    Duration::from_millis(100),
    Duration::from_millis(300),
    Duration::from_millis(700),
    Duration::from_millis(1500),
    Duration::from_millis(3100),
];

/// How long a check takes that fails. People wait this long for somebody who is not there.
pub(super) const CHECK_TIME: Duration = Duration::from_secs(5);

/// Probes unanswered at which a path counts as doubtful: the one at 700 ms was the third.
const DOUBTFUL: usize = 4;

/// Where a candidate comes from. Relayed ones will be a third kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CandidateKind {
    /// The peer published it.
    Locator,
    /// A genuine probe of the peer came from it.
    PeerReflexive,
}

/// A way that may reach a peer.
#[derive(Debug)]
pub(super) struct Candidate {
    pub(super) way: Way,
    pub(super) kind: CandidateKind,
    /// How long the last answered probe took; None until one was: then nothing but control
    /// datagrams may go there.
    pub(super) round_trip: Option<Duration>,
    /// When it last answered, or was heard of at all.
    pub(super) last_sign: Instant,
    check: Option<Check>,
}

/// A check that runs.
#[derive(Debug)]
struct Check {
    start: Instant,
    sent: usize,
}

/// What a candidate wants done at some time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Due {
    /// Nothing yet.
    Nothing,
    /// Another probe.
    Probe,
    /// The check ended without an answer.
    Failed,
}

impl Candidate {
    pub(super) fn new(way: Way, kind: CandidateKind, now: Instant) -> Candidate {
        Candidate { way, kind, round_trip: None, last_sign: now, check: None }
    }

    /// Begins a check unless one is running.
    pub(super) fn start_check(&mut self, now: Instant) {
        self.check.get_or_insert(Check { start: now, sent: 0 });
    }

    /// Gives up a running check.
    pub(super) fn end_check(&mut self) {
        self.check = None;
    }

    pub(super) fn is_checking(&self) -> bool {
        self.check.is_some()
    }

    /// So many probes went unanswered that other candidates should be asked.
    pub(super) fn is_doubtful(&self) -> bool {
        self.check.as_ref().is_some_and(|check| check.sent >= DOUBTFUL)
    }

    /// When the running check wants the next probe, or ends.
    pub(super) fn next_due(&self) -> Option<Instant> {
        let check = self.check.as_ref()?;
        Some(check.start + SCHEDULE.get(check.sent).copied().unwrap_or(CHECK_TIME))
    }

    /// Goes on with the check as far as `now`.
    pub(super) fn advance(&mut self, now: Instant) -> Due {
        if self.next_due().is_none_or(|due| due > now) {
            return Due::Nothing;
        }
        match &mut self.check {
            Some(check) if check.sent < SCHEDULE.len() => {
                check.sent += 1;
                Due::Probe
            }
            _ => {
                self.check = None;
                Due::Failed
            }
        }
    }

    /// A genuine answer came back from this very way.
    pub(super) fn answered(&mut self, round_trip: Duration, now: Instant) {
        self.round_trip = Some(round_trip);
        self.last_sign = now;
        self.check = None;
    }
}
