//! What the agent knows of one peer: its candidates, the path in use, and what may be sent to it.

use std::{
    collections::VecDeque,
    net::SocketAddr,
    time::{Duration, Instant},
};

use super::{
    candidate::{Candidate, CandidateKind, Pattern},
    limit::Bucket,
    locator_set::NatMapping,
    path::Path,
    seal::{self, MessageId},
    volley::{LatestPort, Volley},
    way::Way,
};

/// Candidates of a peer: a packet names at most a dozen locators, and a peer that wanders needs some.
pub(super) const MAX_CANDIDATES: usize = 24;

/// How many messages of a peer are remembered so that copies of them draw nothing. A dial brings one
/// probe a candidate pair, and a few more as long as they are not answered.
const MAX_SEEN: usize = 64;

/// A path that gave a sign of life so recently is taken without asking again.
pub(super) const FRESH: Duration = Duration::from_secs(10);

/// Another path of the same sort is taken when it costs less by a quarter and by this much; smaller
/// differences are noise and would make the choice flutter.
const BETTER_BY: Duration = Duration::from_millis(5);

/// A path of the same sort is kept at least so long.
const DWELL: Duration = Duration::from_secs(5);

/// Who was dialled may be asked with so many octets: sixteen candidates, six times each.
const DIAL_CREDIT: usize = 16 * 1024;
/// Nobody can save more than this.
const MAX_CREDIT: usize = 64 * 1024;
/// For each octet that came from a peer three may go to addresses that it claims, as in RFC 9000,
/// section 8.1: whoever points at a victim could do the same harm without us.
const CREDIT: usize = 3;

/// A peer that was dialled or that knocked. `R` is what sealing needs of it.
pub(super) struct Peer<R> {
    pub(super) remote: R,
    pub(super) candidates: Vec<Candidate>,
    pub(super) path: Option<Path>,
    /// Connections that exist.
    pub(super) holds: usize,
    /// Until when somebody waits for a path.
    pub(super) dial: Option<Instant>,
    /// Checks end before that moment, and begin again: an invitation is under way to the peer.
    pub(super) invited: Option<Instant>,
    /// Checks caused by datagrams that had no path may begin again then.
    pub(super) retry: Instant,
    /// Where it may be reached most likely, of what it published.
    pub(super) promising: Option<Way>,
    /// How many packets may still go there unproved.
    pub(super) ventures: u8,
    /// Where its latest genuine message came from while there was no path.
    pub(super) knocked: Option<Way>,
    /// Where it says it sees this host.
    pub(super) sees: Option<SocketAddr>,
    /// Octets of QUIC that went to it.
    pub(super) volume: u64,
    /// From when on they are counted anew, and how many there were.
    pub(super) counted: (Instant, u64),
    /// When there was traffic.
    pub(super) busy: Option<Instant>,
    /// For choosing whom to forget.
    pub(super) last_used: Instant,
    /// The number of its latest UPDATE; 0 before the first.
    pub(super) update: u64,
    /// How its NAT gives out ports.
    pub(super) nat: NatMapping,
    /// What it was told of this host: the number of the UPDATE.
    pub(super) announced: u64,
    /// Whether it has acknowledged that.
    pub(super) acknowledged: bool,
    /// The latest that its own UPDATEs acknowledge; 0 if it called before it was told anything.
    pub(super) known: u64,
    /// What it was told of the ports of our NAT.
    pub(super) latest_port: LatestPort,
    /// Probes to ports that its NAT may have given out.
    pub(super) volley: Option<Volley>,
    /// When to look for a direct way again while a relay is in use, and after which pause.
    pub(super) climb: Option<(Instant, Duration)>,
    /// When the spare was asked.
    pub(super) spare_asked: Instant,
    /// While a connection exists its path is asked when nothing was heard for so long.
    pub(super) keepalive: Duration,
    /// When that was done last.
    pub(super) asked: Option<Instant>,
    /// Packets of handshakes that came from it.
    pub(super) handshakes: Bucket,
    /// When another path of the same sort was chosen of free will.
    preferred: Option<Instant>,
    /// Octets that may go to addresses that have not answered.
    credit: usize,
    seen: VecDeque<MessageId>,
}

impl<R> Peer<R> {
    pub(super) fn new(remote: R, keepalive: Duration, now: Instant) -> Peer<R> {
        Peer {
            remote,
            candidates: Vec::new(),
            path: None,
            holds: 0,
            dial: None,
            invited: None,
            retry: now,
            promising: None,
            ventures: 0,
            knocked: None,
            sees: None,
            volume: 0,
            counted: (now, 0),
            busy: None,
            last_used: now,
            update: 0,
            nat: NatMapping::Unknown,
            announced: 0,
            acknowledged: false,
            known: 0,
            latest_port: LatestPort::Untold,
            volley: None,
            climb: None,
            spare_asked: now,
            keepalive,
            asked: None,
            handshakes: Bucket::new(now),
            preferred: None,
            credit: 0,
            seen: VecDeque::new(),
        }
    }

    /// Whether a message is a copy of an earlier one.
    pub(super) fn has_seen(&self, datagram: &[u8]) -> bool {
        seal::message_id(datagram).is_some_and(|id| self.seen.contains(&id))
    }

    /// True for the first of all copies of a message.
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

    /// Somebody here wants this peer.
    pub(super) fn grant(&mut self) {
        self.credit = self.credit.max(DIAL_CREDIT);
    }

    /// So much came from it.
    pub(super) fn earn(&mut self, octets: usize) {
        self.credit = (self.credit + CREDIT * octets).min(MAX_CREDIT);
    }

    /// Of that, so much came by one way.
    pub(super) fn earn_from(&mut self, way: Way, octets: usize) {
        if let Some(candidate) = self.candidate(way) {
            candidate.earn(CREDIT * octets);
        }
    }

    /// Whether so much may go to a way; free of charge if it is proved or a rendezvous carries it, which
    /// knows limits of its own. A TURN server knows none. Where nothing but the source address of a message
    /// speaks for a way, no more goes there than that earned: whoever repeats old messages from forged
    /// addresses has not earned what the peer has.
    pub(super) fn spend(&mut self, way: Way, octets: usize) -> bool {
        if matches!(way, Way::Relayed { .. }) {
            return true;
        }
        let mut enough = octets <= self.credit;
        if let Some(candidate) = self.candidate(way) {
            if candidate.round_trip.is_some() {
                return true;
            }
            enough = enough && candidate.spend(octets);
        }
        if enough {
            self.credit -= octets;
        }
        enough
    }

    pub(super) fn candidate(&mut self, way: Way) -> Option<&mut Candidate> {
        self.candidates.iter_mut().find(|candidate| candidate.way == way)
    }

    /// Something genuine came from a candidate.
    pub(super) fn sign_of_life(&mut self, way: Way, now: Instant) {
        if self.spare(now).is_some_and(|spare| spare.way == way) {
            self.spare_asked = now; // by the other end
        }
        if let Some(candidate) = self.candidate(way) {
            candidate.last_sign = now;
        }
    }

    /// The candidate that is in use.
    pub(super) fn current(&self) -> Option<&Candidate> {
        let way = self.path.as_ref()?.way;
        self.candidates.iter().find(|candidate| candidate.way == way)
    }

    /// Adds a candidate if it is new. A full list gives up the one heard of longest ago that is not in
    /// use; others give way to nothing but their like, so that a flood of probes cannot push them out.
    pub(super) fn add_candidate(&mut self, way: Way, kind: CandidateKind, now: Instant) -> Added {
        if let Some(known) = self.candidate(way) {
            let vague = [CandidateKind::PeerReflexive, CandidateKind::Locator];
            if vague.contains(&known.kind) && kind != CandidateKind::PeerReflexive {
                known.kind = kind; // a better description of the same
            }
            return Added::Known;
        }
        let mut evicted = None;
        if self.candidates.len() >= MAX_CANDIDATES {
            let path = self.path.as_ref().map(|path| path.way);
            let is_claim = |c: &Candidate| c.kind == CandidateKind::PeerReflexive;
            let weakest = self
                .candidates
                .iter()
                .enumerate()
                .filter(|(_, c)| Some(c.way) != path)
                .filter(|(_, c)| kind != CandidateKind::PeerReflexive || is_claim(c))
                .min_by_key(|(_, c)| (!is_claim(c), c.last_sign))
                .map(|(at, _)| at);
            let Some(weakest) = weakest else { return Added::NoRoom };
            evicted = Some(self.candidates.swap_remove(weakest).way);
        }
        self.candidates.push(Candidate::new(way, kind, now));
        Added::New { evicted }
    }

    /// Begins checks of the candidates that `wanted` chooses, the most promising first.
    pub(super) fn check(
        &mut self,
        pattern: Pattern,
        now: Instant,
        wanted: impl Fn(&Candidate) -> bool,
    ) {
        self.candidates.sort_by_key(|candidate| std::cmp::Reverse(candidate.priority()));
        let wanted = self.candidates.iter_mut().filter(|candidate| wanted(candidate));
        for (place, candidate) in wanted.enumerate() {
            candidate.start_check(pattern, place, now);
        }
    }

    pub(super) fn end_checks(&mut self) {
        for candidate in &mut self.candidates {
            candidate.end_check();
        }
    }

    pub(super) fn is_checking(&self) -> bool {
        self.candidates.iter().any(Candidate::is_checking) || self.volley.is_some()
    }

    /// Whether somebody here wants a path to this peer.
    pub(super) fn is_wanted(&self) -> bool {
        self.holds > 0 || self.dial.is_some() || self.invited.is_some()
    }

    /// Whether the path can be used without asking again.
    pub(super) fn has_fresh_path(&self, now: Instant) -> bool {
        self.path.as_ref().is_some_and(|path| {
            path.in_doubt_since().is_none()
                && path.round_trip.is_some()
                && now.saturating_duration_since(path.heard) < FRESH
        })
    }

    /// Whether no direct path is known to work.
    pub(super) fn is_far(&self) -> bool {
        self.is_suspect() || self.current().is_none_or(Candidate::is_relayed)
    }

    /// How a way is asked that may become the path: nobody waits while another one works.
    pub(super) fn pace(&self) -> Pattern {
        if self.is_suspect() { Pattern::Ordinary } else { Pattern::Patient }
    }

    /// Whether no path is known to work.
    pub(super) fn is_suspect(&self) -> bool {
        self.path.as_ref().is_none_or(Path::is_suspect)
    }

    /// A candidate has answered: takes it as path if there is none, or it is better. True if the path
    /// changed.
    pub(super) fn choose(&mut self, way: Way, round_trip: Duration, now: Instant) -> bool {
        let Some(new) = self.candidates.iter().find(|candidate| candidate.way == way) else {
            return false;
        };
        match &mut self.path {
            Some(path) if path.way == way => {
                path.confirm(round_trip, now);
                self.retry = now;
                return false;
            }
            Some(path) if !path.is_suspect() => {
                let current = self.candidates.iter().find(|candidate| candidate.way == path.way);
                let settled = self.preferred.is_none_or(|at| at + DWELL <= now);
                if !current.is_none_or(|current| is_better(new, current, settled, now)) {
                    return false;
                }
                self.preferred = Some(now);
            }
            _ => {}
        }
        self.path = Some(Path::new(way, Some(round_trip), now));
        self.retry = now;
        true
    }

    /// The path has failed: takes what has answered since it came into doubt, or a relay, or else the
    /// spare; not what has failed itself just before, or dead ways would take turns. True if the path
    /// changed.
    pub(super) fn fall_back(&mut self, now: Instant) -> bool {
        let Some(path) = &self.path else { return false };
        let (failed, in_doubt) = (path.way, path.in_doubt_since().unwrap_or(now));
        let rank = |c: &Candidate| {
            let answered = c.last_answer.is_some_and(|at| at >= in_doubt);
            let lives = c.lives(now);
            let relay = matches!(c.way, Way::Relayed { .. });
            let hopeful = (relay || lives) && c.is_trusted(now);
            (answered || hopeful).then(|| (!answered, !relay, c.cost()))
        };
        let spare = self
            .candidates
            .iter()
            .filter(|c| c.way != failed)
            .filter_map(|c| Some((rank(c)?, c.way, c.round_trip)))
            .min_by_key(|(rank, ..)| *rank);
        let Some((_, way, round_trip)) = spare else { return false };
        self.path = Some(Path::new(way, round_trip, now));
        true
    }

    /// The best candidate beside the path that has answered lately.
    pub(super) fn spare(&self, now: Instant) -> Option<&Candidate> {
        let path = self.path.as_ref()?.way;
        self.candidates.iter().filter(|c| c.way != path && c.lives(now)).min_by_key(|c| c.cost())
    }

    /// Whether the agent may forget this peer when it needs the room.
    pub(super) fn is_idle(&self) -> bool {
        !self.is_wanted()
    }
}

/// Whether a candidate that answered should replace a path that works.
fn is_better(new: &Candidate, current: &Candidate, settled: bool, now: Instant) -> bool {
    let same_sort = new.is_relayed() == current.is_relayed();
    let margin = (current.cost() / 4).max(BETTER_BY);
    new.is_trusted(now) && (settled || !same_sort) && new.cost() + margin < current.cost()
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
