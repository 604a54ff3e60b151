//! Keeping paths: keep-alives, doubt, falling back, and climbing back from a relay to a direct way.
//!
//! What QUIC sends to keep an idle connection does for its path too, and comes before a probe would: a packet and
//! its acknowledgement, 5 octets a second. A relay as spare is looked at now and then, which is 2 more.

use std::time::{Duration, Instant};

use crate::identity::Hit;

use super::{Agent, Event};
use crate::link::{
    candidate::{CHECK_TIME, Candidate, CandidateKind, Due, Pattern},
    path::{Liveness, Reason},
    peer::Peer,
    sealing::Sealing,
    way::Way,
};

/// While a connection exists its path is probed when nothing was heard for so long, and up to
/// [`KEEPALIVE_JITTER`] more: what QUIC sends every 25 seconds has failed to come, or nobody sends it.
const KEEPALIVE: Duration = Duration::from_secs(30);
const KEEPALIVE_JITTER: Duration = Duration::from_secs(5);
/// Where a path has died in silence: its NAT keeps mappings for less than the 30 seconds that are usual (RFC 8445,
/// section 11, asks for 15 and more).
const SHORT_KEEPALIVE: Duration = Duration::from_secs(15);
/// A path that was silent for so long before it failed has died of that.
const LONG_SILENCE: Duration = Duration::from_secs(20);

/// A path that is dead is asked again after this part of the time for which it has been: the peer may be gone for
/// good, and then each question is in vain.
const OUTAGE_SHARE: u32 = 3;

/// Between looks at a direct spare.
const SPARE: Duration = Duration::from_secs(90);
/// Between looks at a relay as a spare, which somebody else keeps alive.
const RELAYED_SPARE: Duration = Duration::from_secs(120);

/// First pause before a direct way is looked for while a relay is in use; doubled each time, whichever end looks.
const CLIMB: Duration = Duration::from_secs(6);
/// The longest while there is traffic.
const MAX_CLIMB: Duration = Duration::from_secs(60);
/// But for the first look, which may find what the dial has missed, nobody looks without traffic: a look costs a
/// thousand octets at either end, as much as two minutes of an idle connection. Only what has changed unnoticed is
/// found so seldom.
const IDLE_CLIMB: Duration = Duration::from_secs(1200);
/// So many octets of QUIC in so long a time are traffic, and so is what happens as long afterwards: a request has
/// some hundred, a keep-alive forty.
const TRAFFIC: u64 = 1024;
const BUSY: Duration = Duration::from_secs(5);

/// A claimed address that has given no sign for so long is forgotten.
const STALE: Duration = Duration::from_secs(600);

/// How long the path to one peer may be silent, by an octet of chance.
pub(super) fn keepalive(chance: u8) -> Duration {
    KEEPALIVE + KEEPALIVE_JITTER * u32::from(chance) / 256
}

impl<R> Peer<R> {
    /// A direct way may have come up: looks for it as soon as that makes sense.
    pub(super) fn climb_soon(&mut self, now: Instant) {
        self.climb = Some((now + CLIMB, CLIMB));
    }

    /// The other end is looking, and is the first to do so again.
    pub(super) fn climb_later(&mut self, now: Instant) {
        if let Some((at, pause)) = &mut self.climb {
            *pause = (*pause * 2).min(MAX_CLIMB);
            *at = now + *pause * 5 / 4;
        }
    }

    /// So many octets of QUIC went to the peer.
    pub(super) fn note_traffic(&mut self, octets: usize, now: Instant) {
        let (since, before) = self.counted;
        if now.saturating_duration_since(since) > BUSY {
            self.counted = (now, self.volume);
        } else if self.volume - before >= TRAFFIC {
            self.counted = (now, self.volume);
            self.busy = Some(now);
        }
        self.volume += octets as u64;
    }

    /// A direct path was found: nothing more is looked for with urgency.
    pub(super) fn settle(&mut self) {
        self.climb = None;
        self.volley = None;
        for candidate in &mut self.candidates {
            candidate.wind_down();
        }
    }

    /// When something is to be done.
    pub(super) fn next_due(&self) -> Option<Instant> {
        let checks = self.candidates.iter().filter_map(Candidate::next_due);
        let volley = self.volley.as_ref().map(|volley| volley.next_due());
        let care = [self.keepalive_due(), self.silence_due(), self.spare_due(), self.climb_due()];
        checks.chain(self.dial).chain(volley).chain(care.into_iter().flatten()).min()
    }

    /// When the path should be probed for keeping it.
    fn keepalive_due(&self) -> Option<Instant> {
        let path = self.path.as_ref().filter(|_| self.holds > 0)?;
        let checking = self.current().is_some_and(Candidate::is_checking);
        let due = path.heard + self.keepalive;
        let again = match (path.liveness, self.asked) {
            (Liveness::Suspect(since), Some(asked)) => {
                let outage = asked.saturating_duration_since(since);
                Some(asked + CHECK_TIME.max(outage / OUTAGE_SHARE))
            }
            _ => None,
        };
        (!checking).then_some(again.map_or(due, |again| due.max(again)))
    }

    fn silence_due(&self) -> Option<Instant> {
        self.path.as_ref().filter(|_| self.holds > 0)?.silence_due()
    }

    fn spare_due(&self) -> Option<Instant> {
        let path = self.path.as_ref().filter(|path| self.holds > 0 && !path.is_suspect())?;
        let spare = self.spare(path.heard)?;
        let pause = if spare.is_relayed() { RELAYED_SPARE } else { SPARE };
        (!spare.is_checking()).then_some(self.spare_asked + pause)
    }

    fn climb_due(&self) -> Option<Instant> {
        let relayed = self.holds > 0 && self.current().is_some_and(Candidate::is_relayed);
        let (at, pause) = self.climb.filter(|_| relayed)?;
        let busy = pause == CLIMB || self.busy.is_some_and(|busy| at < busy + BUSY);
        Some(if busy { at } else { at + IDLE_CLIMB })
    }
}

/// What checks have shown of the path in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Unchanged,
    /// It did not answer, which was not known before.
    Dead,
}

impl<S: Sealing> Agent<S> {
    /// Does for a peer what is due. Nothing that is done here comes back to this function.
    pub(super) fn serve_peer(&mut self, hit: Hit, now: Instant) -> Option<()> {
        if self.serve_checks(hit, now)? == Fate::Dead {
            self.abandon_path(hit, now);
        }
        self.serve_path(hit, now);
        // the checks that began above: what has not been asked yet cannot have failed
        self.serve_checks(hit, now);
        self.serve_volley(hit, now);
        self.repeat_invited(hit, now);
        self.end_hopeless_dial(hit, now);
        Some(())
    }

    /// Begins the checks that keep the path and what could take its place.
    fn serve_path(&mut self, hit: Hit, now: Instant) -> Option<()> {
        let is_due = |due: Option<Instant>| due.is_some_and(|due| due <= now);
        let peer = self.peers.get(&hit)?;
        let (keepalive, silence) = (is_due(peer.keepalive_due()), is_due(peer.silence_due()));
        let (spare, climb) = (is_due(peer.spare_due()), is_due(peer.climb_due()));
        if keepalive {
            self.keep_alive(hit, now);
        }
        if silence {
            self.doubt(hit, Reason::Silence, now);
        }
        if spare {
            self.ask_spare(hit, now);
        }
        if climb {
            self.climb(hit, now);
        }
        Some(())
    }

    /// Sends the probes that are due, and says how it stands with the path in use.
    fn serve_checks(&mut self, hit: Hit, now: Instant) -> Option<Fate> {
        let peer = self.peers.get_mut(&hit)?;
        let path = peer.path.as_ref().map(|path| path.way);
        let (mut probes, mut dead) = (Vec::new(), false);
        for candidate in &mut peer.candidates {
            let in_use = Some(candidate.way) == path;
            match candidate.advance(now) {
                Due::Nothing => {}
                Due::Probe { near } => probes.push((candidate.way, near)),
                Due::Failed(Pattern::Fast) => dead |= in_use,
                Due::Failed(_) => {}
            }
            dead |= in_use && candidate.is_doubtful();
        }
        for (way, near) in probes {
            self.probe(hit, way, near, now);
        }
        let is_news = !self.peers.get(&hit)?.is_suspect();
        Some(if dead && is_news { Fate::Dead } else { Fate::Unchanged })
    }

    fn keep_alive(&mut self, hit: Hit, now: Instant) -> Option<()> {
        let stale = |candidate: &Candidate| {
            candidate.kind == CandidateKind::PeerReflexive
                && !candidate.is_checking()
                && now.saturating_duration_since(candidate.last_sign) > STALE
        };
        self.remove_candidates(hit, stale);
        let untold = self.peers.get(&hit)?.announced == 0 && !self.local.is_empty();
        if untold {
            self.announce(hit); // it may need another way one day
        }
        let peer = self.peers.get_mut(&hit)?;
        let way = peer.path.as_ref()?.way;
        peer.asked = Some(now);
        peer.candidate(way)?.start_check(Pattern::Ordinary, 0, now);
        Some(())
    }

    fn ask_spare(&mut self, hit: Hit, now: Instant) -> Option<()> {
        let peer = self.peers.get_mut(&hit)?;
        peer.spare_asked = now;
        let spare = peer.spare(now)?.way;
        peer.candidate(spare)?.start_check(Pattern::Retry, 0, now);
        Some(())
    }

    /// The path gives reason to ask whether it works: it is going to be asked with urgency, and so are those
    /// that could take its place.
    pub(super) fn doubt(&mut self, hit: Hit, reason: Reason, now: Instant) -> Option<()> {
        let peer = self.peers.get_mut(&hit)?;
        let path = peer.path.as_mut()?;
        let way = path.way;
        if !path.doubt(reason, now) {
            return None;
        }
        let spare = peer.spare(now).map(|spare| spare.way);
        peer.candidate(way)?.restart_check(Pattern::Fast, 0, now);
        peer.check(Pattern::Fast, now, |candidate| {
            Some(candidate.way) == spare || matches!(candidate.way, Way::Relayed { .. })
        });
        Some(())
    }

    /// The path in use is dead: falls back at once, and is going to ask all candidates.
    fn abandon_path(&mut self, hit: Hit, now: Instant) -> Option<()> {
        let peer = self.peers.get_mut(&hit)?;
        let path = peer.path.as_mut()?;
        let (way, since) = (path.way, path.since);
        let idle = now.saturating_duration_since(path.heard) >= LONG_SILENCE;
        path.suspect(now);
        if let Some(candidate) = peer.candidate(way) {
            candidate.failed(since, now);
        }
        if idle {
            peer.keepalive = SHORT_KEEPALIVE; // its NAT forgets sooner
        }
        if peer.fall_back(now)
            && let Some(path) = &peer.path
        {
            let way = path.way;
            peer.climb_soon(now);
            if let Some(candidate) = peer.candidate(way) {
                // questions from before do not count, or two such ways would take turns without end
                candidate.restart_check(Pattern::Fast, 0, now);
            }
            self.events.push_back(Event::Moved { hit, way });
        }
        let peer = self.peers.get_mut(&hit)?;
        peer.retry = now + CHECK_TIME;
        peer.check(Pattern::Ordinary, now, |_| true);
        Some(())
    }

    /// There is no path that works, and somebody wants to send: asks all candidates now and then.
    pub(super) fn search(&mut self, hit: Hit, now: Instant) -> Option<()> {
        let peer = self.peers.get_mut(&hit)?;
        if now < peer.retry {
            return None;
        }
        peer.retry = now + CHECK_TIME;
        peer.check(Pattern::Ordinary, now, |_| true);
        self.serve_peer(hit, now)
    }

    /// A relay is in use: both ends look for a direct way once more.
    fn climb(&mut self, hit: Hit, now: Instant) -> Option<()> {
        let peer = self.peers.get_mut(&hit)?;
        let (_, pause) = peer.climb?;
        let pause = (pause * 2).min(MAX_CLIMB);
        peer.climb = Some((now + pause, pause));
        self.announce(hit);
        let peer = self.peers.get_mut(&hit)?;
        let way = peer.path.as_ref()?.way;
        peer.candidate(way)?.start_check(Pattern::Ordinary, 0, now);
        self.start_punching(hit, Pattern::Climb, now)
    }

    /// While an invitation is under way to the peer its candidates are asked again and again.
    fn repeat_invited(&mut self, hit: Hit, now: Instant) -> Option<()> {
        let peer = self.peers.get_mut(&hit)?;
        let until = peer.invited?;
        if until <= now {
            peer.invited = None;
        } else if !peer.is_checking() {
            peer.check(Pattern::Ordinary, now, |_| true);
        }
        Some(())
    }
}
