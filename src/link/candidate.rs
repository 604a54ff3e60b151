//! One way to a peer that may work, and the checks that find out (RFC 8445, sections 5.1 and 7).

use std::time::{Duration, Instant};

use super::{teredo::is_teredo, way::Way};

/// How long an ordinary check takes that fails. People wait this long for somebody who is not there.
pub(super) const CHECK_TIME: Duration = Duration::from_secs(5);

/// Between the checks of two candidates: Ta of RFC 8445, section 14.2, at its least. The first
/// [`UNPACED`] go out together, so that a usual dial waits for nothing.
const PACING: Duration = Duration::from_millis(5);
const UNPACED: usize = 8;

/// A probe may be answered for so long at least, if the peer's has crossed it on the way: there and back between
/// continents.
const UNDER_WAY: Duration = Duration::from_millis(220);

/// Probes unanswered at which a path counts as doubtful: the one at 700 ms was the third.
const DOUBTFUL: usize = 4;

/// A candidate that failed as a path is not chosen again for so long, doubled each time.
const DEMERIT: Duration = Duration::from_secs(4);
/// The longest.
const MAX_DEMERIT: Duration = Duration::from_secs(300);
/// A path that served so long before it failed is forgiven what was before.
const FORGIVEN: Duration = Duration::from_secs(60);

/// For so long a way that has answered is trusted to work after the last sign of life.
const LIFE: Duration = Duration::from_secs(150);

/// What relaying costs beside the round trip: a relay is used if the direct way takes three times as
/// long and this.
const RELAY_COST: Duration = Duration::from_millis(100);
/// Through a third party's Teredo relay, or with packets of 1280 octets at most to those who take no bare ones.
const TEREDO_COST: Duration = Duration::from_millis(20);
/// A probe over Teredo may draw a server into it, so others are asked a little earlier.
const TEREDO_DELAY: Duration = Duration::from_millis(60);
/// What a way is taken to need before it was measured.
pub(super) const ASSUMED_ROUND_TRIP: Duration = Duration::from_millis(333);

/// Where a candidate comes from, in the order of preference (RFC 8445, section 5.1.2.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CandidateKind {
    /// An address of an interface.
    Host,
    /// A genuine probe came from it.
    PeerReflexive,
    /// The router forwards it: PCP, NAT-PMP or UPnP.
    Mapped,
    /// A STUN server saw it.
    ServerReflexive,
    /// The peer published it, whatever it is.
    Locator,
    /// An address of RFC 4380.
    Teredo,
    /// A relay or TURN server forwards.
    Relayed,
}

impl CandidateKind {
    /// The type preference of RFC 8445, section 5.1.2.2.
    fn preference(self) -> u32 {
        match self {
            CandidateKind::Host => 126,
            CandidateKind::PeerReflexive => 110,
            CandidateKind::Mapped => 105,
            CandidateKind::ServerReflexive => 100,
            CandidateKind::Locator => 99,
            CandidateKind::Teredo => 50,
            CandidateKind::Relayed => 0,
        }
    }
}

/// A way that may reach a peer.
#[derive(Debug)]
pub(super) struct Candidate {
    pub(super) way: Way,
    pub(super) kind: CandidateKind,
    /// How long probes took that were answered, the shortest of the latest; None until one was: then
    /// nothing but control datagrams may go there, unless it is relayed.
    pub(super) round_trip: Option<Duration>,
    /// When it last answered, or was heard of at all.
    pub(super) last_sign: Instant,
    /// When it last answered.
    pub(super) last_answer: Option<Instant>,
    /// Of 256 probes so many are lost, an average that forgets with 1/8.
    loss: u16,
    /// Octets that may go there while only a message from there speaks for it.
    credit: usize,
    check: Option<Check>,
    demerit: Option<Demerit>,
}

/// What keeps a way that fails again and again from being chosen again and again.
#[derive(Debug)]
struct Demerit {
    until: Instant,
    length: Duration,
}

/// When the probes of a check go out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pattern {
    /// The first gaps are those in which a lost datagram costs a person little; from then on they
    /// double. The last probe still has most of two seconds to be answered.
    Ordinary,
    /// A handshake goes there at the same time, so that nobody waits for the answer.
    Ventured,
    /// The same over Teredo, which repeats what gets lost before its peer is heard.
    Introduced,
    /// The peer was called through a relay and will say where it is; if it does not, it is probed where
    /// it was before.
    Called,
    /// The first probe opens our NAT and does not travel far; the next wait until the peer can have
    /// done the same.
    Punch,
    /// As ordinary, where nobody waits or a relay takes its time: what is repeated could have been answered.
    Patient,
    /// Somebody may be there again.
    Retry,
    /// The same, and both ends open their NATs first.
    Climb,
    /// Whether the path in use is dead must be known soon.
    Fast,
}

impl Pattern {
    fn offsets(self) -> &'static [u64] {
        match self {
            Pattern::Ordinary => &[0, 100, 300, 700, 1500, 3100],
            Pattern::Ventured => &[0, 250, 500, 900, 1500, 3100],
            Pattern::Introduced => &[0, 700, 1500, 3100],
            Pattern::Called => &[400, 500, 700, 1500, 3100],
            Pattern::Punch => &[0, 400, 500, 700, 1500, 3100],
            Pattern::Patient => &[0, 300, 700, 1500, 3100],
            Pattern::Retry => &[0, 200, 600],
            Pattern::Climb => &[0, 400, 800],
            Pattern::Fast => &[0, 60, 120],
        }
    }

    /// Whether its first probe shall not get as far as the peer's NAT.
    fn begins_near(self) -> bool {
        matches!(self, Pattern::Punch | Pattern::Climb)
    }

    /// When it is over, for a way that takes about this long.
    fn length(self, round_trip: Duration) -> Duration {
        match self {
            Pattern::Ordinary
            | Pattern::Ventured
            | Pattern::Introduced
            | Pattern::Called
            | Pattern::Punch
            | Pattern::Patient => CHECK_TIME,
            Pattern::Retry | Pattern::Climb => Duration::from_millis(1800),
            Pattern::Fast => round_trip * 3 / 2 + Duration::from_millis(150),
        }
    }
}

/// A check that runs.
#[derive(Debug)]
struct Check {
    start: Instant,
    sent: usize,
    pattern: Pattern,
    length: Duration,
}

/// What a candidate wants done at some time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Due {
    /// Nothing yet.
    Nothing,
    /// Another probe.
    Probe {
        /// It shall open our own NAT and not reach the peer's.
        near: bool,
    },
    /// The check ended without an answer.
    Failed(Pattern),
}

impl Candidate {
    pub(super) fn new(way: Way, kind: CandidateKind, now: Instant) -> Candidate {
        Candidate {
            way,
            kind,
            round_trip: None,
            last_sign: now,
            last_answer: None,
            loss: 0,
            credit: 0,
            check: None,
            demerit: None,
        }
    }

    /// RFC 8445, section 5.1.2.1, with IPv6 before IPv4 as local preference (RFC 8421).
    pub(super) fn priority(&self) -> u32 {
        let kind = if self.is_relayed() { CandidateKind::Relayed } else { self.kind };
        let local = match self.way {
            Way::Direct(address) if address.is_ipv6() => 0xffff,
            Way::Direct(_) => 0x7fff,
            Way::Relayed { .. } => 1,
            Way::Turn { .. } => 0,
        };
        kind.preference() << 24 | local << 8 | 0xff
    }

    /// Whether somebody else pays for every packet.
    pub(super) fn is_relayed(&self) -> bool {
        self.way.direct().is_none() || self.kind == CandidateKind::Relayed
    }

    /// Whether its datagrams go over Teredo, wherever its address comes from.
    pub(super) fn is_teredo(&self) -> bool {
        self.kind == CandidateKind::Teredo || self.way.direct().is_some_and(|at| is_teredo(at.ip()))
    }

    /// What this way costs, by which ways are compared; less is better.
    pub(super) fn cost(&self) -> Duration {
        let round_trip = self.round_trip.unwrap_or(ASSUMED_ROUND_TRIP);
        if self.is_relayed() {
            round_trip * 3 + RELAY_COST
        } else if self.is_teredo() {
            round_trip + TEREDO_COST
        } else {
            round_trip
        }
    }

    /// Begins a check unless one is running, or waits for a peer that punches now. `place` is its turn among
    /// those that begin together.
    pub(super) fn start_check(&mut self, pattern: Pattern, place: usize, now: Instant) {
        let relay = matches!(self.way, Way::Relayed { .. });
        let pattern = match pattern {
            Pattern::Ordinary | Pattern::Called | Pattern::Punch if relay => Pattern::Patient,
            Pattern::Ventured if self.is_teredo() => Pattern::Introduced,
            pattern => pattern,
        };
        // what was waited for has come
        let is_called = |check: &Check| check.pattern == Pattern::Called;
        let has_come = pattern == Pattern::Punch && self.check.as_ref().is_some_and(is_called);
        if self.check.is_none() || has_come {
            self.restart_check(pattern, place, now);
        }
    }

    /// Begins a check, whatever is running.
    pub(super) fn restart_check(&mut self, pattern: Pattern, place: usize, now: Instant) {
        let unknown = self.round_trip.is_none() && self.is_teredo();
        let delay =
            if unknown && pattern != Pattern::Introduced { TEREDO_DELAY } else { Duration::ZERO };
        let start = now + delay + PACING * place.saturating_sub(UNPACED) as u32;
        let length = pattern.length(self.round_trip.unwrap_or(ASSUMED_ROUND_TRIP));
        self.check = Some(Check { start, sent: 0, pattern, length });
    }

    /// Whether the latest probe of a check that takes its time has just gone out.
    pub(super) fn may_be_answered(&self, now: Instant) -> bool {
        self.check.as_ref().is_some_and(|check| {
            let takes_time = matches!(check.pattern, Pattern::Ventured | Pattern::Patient);
            let latest = check.sent.checked_sub(1).and_then(|at| check.pattern.offsets().get(at));
            let sent = latest.map(|offset| check.start + Duration::from_millis(*offset));
            let is_recent = |sent| now.saturating_duration_since(sent) < UNDER_WAY;
            takes_time && sent.is_some_and(is_recent)
        })
    }

    /// Gives up a running check.
    pub(super) fn end_check(&mut self) {
        self.check = None;
    }

    pub(super) fn is_checking(&self) -> bool {
        self.check.is_some()
    }

    /// The peer has done its part of punching: what waits for it goes on, like this.
    pub(super) fn punched(&mut self, pattern: Pattern, place: usize, now: Instant) {
        match self.check.as_ref().map(|check| check.pattern) {
            Some(Pattern::Called | Pattern::Punch) => self.restart_check(pattern, place, now),
            Some(Pattern::Climb) => self.restart_check(Pattern::Retry, place, now),
            _ => {}
        }
    }

    /// Another way works: what has been asked often enough is left alone.
    pub(super) fn wind_down(&mut self) {
        if let Some(check) = &mut self.check {
            check.pattern = Pattern::Retry;
            check.length = Pattern::Retry.length(ASSUMED_ROUND_TRIP);
        }
    }

    /// So many probes went unanswered that other candidates should be asked.
    pub(super) fn is_doubtful(&self) -> bool {
        self.check.as_ref().is_some_and(|check| check.sent >= DOUBTFUL)
    }

    /// When the running check wants the next probe, or ends.
    pub(super) fn next_due(&self) -> Option<Instant> {
        let check = self.check.as_ref()?;
        let offset = check.pattern.offsets().get(check.sent).copied().map(Duration::from_millis);
        // what has answered before is given the time to do so again
        let patient = check.sent > 0 && check.pattern != Pattern::Fast;
        let patience = self.round_trip.filter(|_| patient).unwrap_or_default() * 3 / 2;
        Some(check.start + offset.map_or(check.length, |offset| offset + patience))
    }

    /// Goes on with the check as far as `now`.
    pub(super) fn advance(&mut self, now: Instant) -> Due {
        if self.next_due().is_none_or(|due| due > now) {
            return Due::Nothing;
        }
        let Some(check) = &mut self.check else { return Due::Nothing };
        if check.sent < check.pattern.offsets().len() {
            check.sent += 1;
            return Due::Probe { near: check.pattern.begins_near() && check.sent == 1 };
        }
        let pattern = check.pattern;
        self.check = None;
        Due::Failed(pattern)
    }

    /// A genuine answer came back this very way.
    pub(super) fn answered(&mut self, round_trip: Duration, now: Instant) {
        // the shortest counts, because a queue in front of a way in use says nothing about the way;
        // it gives in slowly to longer ones
        let shortest = self.round_trip.map(|old| old + round_trip.saturating_sub(old) / 8);
        self.round_trip = Some(shortest.map_or(round_trip, |old| old.min(round_trip)));
        self.last_sign = now;
        self.last_answer = Some(now);
        self.loss -= self.loss / 8;
        self.check = None;
    }

    /// So much may go there because of what came from there.
    pub(super) fn earn(&mut self, octets: usize) {
        if self.round_trip.is_none() {
            self.credit = self.credit.saturating_add(octets);
        }
    }

    /// Whether so much may go there as far as the candidate itself knows: nobody has named one that is
    /// merely claimed.
    pub(super) fn spend(&mut self, octets: usize) -> bool {
        if self.kind != CandidateKind::PeerReflexive {
            return true;
        }
        let enough = octets <= self.credit;
        if enough {
            self.credit -= octets;
        }
        enough
    }

    /// A probe of ours was given up.
    pub(super) fn missed(&mut self) {
        self.loss += (256 - self.loss) / 8;
    }

    /// The share of probes or answers that are lost.
    pub(super) fn loss(&self) -> f32 {
        f32::from(self.loss) / 256.0
    }

    /// As path in use since `since` it has failed.
    pub(super) fn failed(&mut self, since: Instant, now: Instant) {
        let forgiven = now.saturating_duration_since(since) >= FORGIVEN;
        let length = match &self.demerit {
            Some(demerit) if !forgiven => (demerit.length * 2).min(MAX_DEMERIT),
            _ => DEMERIT,
        };
        self.demerit = Some(Demerit { until: now + length, length });
    }

    /// Whether it has answered, and was heard so recently that it can replace a suspect path.
    pub(super) fn lives(&self, now: Instant) -> bool {
        self.round_trip.is_some() && now.saturating_duration_since(self.last_sign) < LIFE
    }

    /// Whether it may take the place of a path that works.
    pub(super) fn is_trusted(&self, now: Instant) -> bool {
        self.demerit.as_ref().is_none_or(|demerit| demerit.until <= now)
    }
}
