//! What the agent knows of one peer: its candidates, and the path in use.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use super::{
    candidate::{CHECK_TIME, Candidate, CandidateKind},
    seal::{MessageId, Remote},
    way::Way,
};

/// Candidates of a peer: a packet names at most a dozen locators, and a peer that wanders needs some.
pub(super) const MAX_CANDIDATES: usize = 16;

/// How many probes of a peer are remembered so that copies of them draw nothing. A dial brings one
/// probe a candidate pair, and a few more as long as they are not answered.
const MAX_SEEN: usize = 64;

/// A path that gave a sign of life so recently is taken without asking again.
pub(super) const FRESH: Duration = Duration::from_secs(10);

/// Datagrams that go out so many times without anything coming back put a path in doubt. The first
/// time may have been a mere acknowledgement, which nobody answers, and the second may still be under
/// way; the third is a repetition.
const VAIN_SENDS: u32 = 3;

/// Sends count as one when they are not further apart than two round trips and this: what comes back
/// may have to wait for a delayed acknowledgement and a busy processor.
const ANSWER_DELAY: Duration = Duration::from_millis(100);

/// While a connection exists its path is probed when nothing was heard for so long: what a NAT is
/// trusted to keep a mapping (RFC 8445, section 11).
const KEEPALIVE: Duration = Duration::from_secs(15);

/// Another path is taken when its round trip is shorter by a quarter and by this much; smaller
/// differences are noise and would make the choice flutter.
const BETTER_BY: Duration = Duration::from_millis(5);

/// A peer that was dialled or that knocked.
pub(super) struct Peer {
    pub(super) remote: Remote,
    pub(super) candidates: Vec<Candidate>,
    pub(super) path: Option<Path>,
    /// Connections that exist.
    pub(super) holds: usize,
    /// Until when somebody waits for a path.
    pub(super) dial: Option<Instant>,
    /// Checks caused by datagrams that had no path may begin again then.
    pub(super) retry: Instant,
    /// For choosing whom to forget.
    pub(super) last_used: Instant,
    seen: VecDeque<MessageId>,
}

/// The way in use; it has answered a probe of ours.
#[derive(Debug)]
pub(super) struct Path {
    pub(super) way: Way,
    pub(super) heard: Instant,
    /// How long the last answered probe took.
    round_trip: Duration,
    /// Sends since then: the latest that counted, and how many.
    vain: Option<(Instant, u32)>,
    /// Under suspicion the first candidate that answers wins.
    pub(super) suspect: bool,
}

impl Path {
    /// Something came this way. Suspicion only ends by an answered probe, because this can be
    /// forged.
    pub(super) fn hear(&mut self, now: Instant) {
        self.heard = now;
        self.vain = None;
    }

    /// Something is sent; true if that has been in vain too often.
    fn send(&mut self, now: Instant) -> bool {
        let (last, count) = self.vain.get_or_insert((now, 1));
        if now.saturating_duration_since(*last) > 2 * self.round_trip + ANSWER_DELAY {
            *last = now;
            *count += 1;
        }
        *count >= VAIN_SENDS
    }
}

impl Peer {
    pub(super) fn new(remote: Remote, now: Instant) -> Peer {
        Peer {
            remote,
            candidates: Vec::new(),
            path: None,
            holds: 0,
            dial: None,
            retry: now,
            last_used: now,
            seen: VecDeque::new(),
        }
    }

    /// True for the first of all copies of a probe.
    pub(super) fn is_first(&mut self, id: MessageId) -> bool {
        if self.seen.contains(&id) {
            return false;
        }
        if self.seen.len() == MAX_SEEN {
            self.seen.pop_front();
        }
        self.seen.push_back(id);
        true
    }

    pub(super) fn candidate(&mut self, way: Way) -> Option<&mut Candidate> {
        self.candidates.iter_mut().find(|candidate| candidate.way == way)
    }

    /// Adds a candidate if it is new. A full list gives up the one heard of longest ago that is not in
    /// use; locators give way to nothing but locators, so that a flood of probes cannot push them out.
    pub(super) fn add_candidate(&mut self, way: Way, kind: CandidateKind, now: Instant) -> Added {
        if self.candidate(way).is_some() {
            return Added::Known;
        }
        let mut evicted = None;
        if self.candidates.len() >= MAX_CANDIDATES {
            let path = self.path.as_ref().map(|path| path.way);
            let weakest = self
                .candidates
                .iter()
                .enumerate()
                .filter(|(_, c)| Some(c.way) != path)
                .filter(|(_, c)| {
                    kind == CandidateKind::Locator || c.kind == CandidateKind::PeerReflexive
                })
                .min_by_key(|(_, c)| (c.kind == CandidateKind::Locator, c.last_sign))
                .map(|(at, _)| at);
            let Some(weakest) = weakest else { return Added::NoRoom };
            evicted = Some(self.candidates.swap_remove(weakest).way);
        }
        self.candidates.push(Candidate::new(way, kind, now));
        Added::New { evicted }
    }

    /// Notes that a datagram is sent. True if that began checks, because there is no path or it has
    /// been silent for too long.
    pub(super) fn send(&mut self, now: Instant) -> bool {
        self.last_used = now;
        let silent = match &mut self.path {
            Some(path) => path.send(now),
            None => true,
        };
        if !silent || now < self.retry {
            return false;
        }
        self.retry = now + CHECK_TIME;
        self.suspect(now);
        true
    }

    /// Asks all candidates, and lets the first one win.
    pub(super) fn suspect(&mut self, now: Instant) {
        if let Some(path) = &mut self.path {
            path.suspect = true;
        }
        self.check_all(now);
    }

    pub(super) fn check_all(&mut self, now: Instant) {
        for candidate in &mut self.candidates {
            candidate.start_check(now);
        }
    }

    pub(super) fn end_checks(&mut self) {
        for candidate in &mut self.candidates {
            candidate.end_check();
        }
    }

    /// Whether the path can be used without asking again.
    pub(super) fn has_fresh_path(&self, now: Instant) -> bool {
        self.path
            .as_ref()
            .is_some_and(|path| !path.suspect && now.saturating_duration_since(path.heard) < FRESH)
    }

    /// A candidate has answered: takes it as path if there is none, or it is better. True if the path
    /// changed.
    pub(super) fn choose(&mut self, way: Way, round_trip: Duration, now: Instant) -> bool {
        match &mut self.path {
            Some(path) if path.way == way => {
                path.hear(now);
                path.suspect = false;
                path.round_trip = round_trip;
                self.retry = now;
                return false;
            }
            Some(path) if !path.suspect && !is_better(round_trip, path.round_trip) => return false,
            path => {
                *path = Some(Path { way, heard: now, round_trip, vain: None, suspect: false });
            }
        }
        self.retry = now;
        true
    }

    /// When the path should be probed for keeping it.
    pub(super) fn keepalive_due(&self) -> Option<Instant> {
        let path = self.path.as_ref().filter(|_| self.holds > 0)?;
        let checking = self.candidates.iter().any(|c| c.way == path.way && c.is_checking());
        (!checking).then_some(path.heard + KEEPALIVE)
    }

    pub(super) fn next_due(&self) -> Option<Instant> {
        let checks = self.candidates.iter().filter_map(Candidate::next_due);
        checks.chain(self.dial).chain(self.keepalive_due()).min()
    }

    /// Whether the agent may forget this peer when it needs the room.
    pub(super) fn is_idle(&self) -> bool {
        self.holds == 0 && self.dial.is_none()
    }
}

fn is_better(new: Duration, current: Duration) -> bool {
    new + (current / 4).max(BETTER_BY) < current
}

/// What became of a candidate that should be added.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Added {
    /// It was there.
    Known,
    /// It is there, possibly in place of another.
    New {
        /// The one that had to go.
        evicted: Option<Way>,
    },
    /// All places are taken by better ones.
    NoRoom,
}
