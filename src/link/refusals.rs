//! What rendezvous have refused lately, and to whom nothing gets through any more.

use std::{
    collections::{HashMap, VecDeque},
    time::{Duration, Instant},
};

use crate::identity::Hit;

use super::no_path::RelayRefusal;
use super::rendezvous::RefusalReason;

/// Refusals that are remembered for those who ask why a peer is not reached.
const MAX_REFUSALS: usize = 64;
/// For so long.
const MAX_AGE: Duration = Duration::from_secs(15);
/// Refusals of an introduction that is used up are one affair when they are not further apart.
const PAUSE: Duration = Duration::from_secs(10);
/// A peer to which they go on for so long is starving: what trickles through serves nobody.
const STARVING: Duration = Duration::from_secs(6);

/// The latest refusals.
#[derive(Debug, Default)]
pub(super) struct Refusals {
    /// The latest last; without a peer where a rendezvous refuses this host altogether.
    latest: VecDeque<(Instant, Option<Hit>, RelayRefusal)>,
    /// Since when introductions are used up, and the latest refusal for that.
    used_up: HashMap<Hit, (Instant, Instant)>,
}

impl Refusals {
    /// Notes one; true if it is news.
    pub(super) fn note(
        &mut self,
        callee: Option<Hit>,
        refusal: RelayRefusal,
        now: Instant,
    ) -> bool {
        if let Some(hit) = callee.filter(|_| refusal.reason == RefusalReason::Quota) {
            self.note_used_up(hit, now);
        }
        let known = self.latest.len();
        self.latest.retain(|(_, who, what)| (*who, *what) != (callee, refusal));
        let is_news = self.latest.len() == known;
        if self.latest.len() == MAX_REFUSALS {
            self.latest.pop_front();
        }
        self.latest.push_back((now, callee, refusal));
        is_news
    }

    fn note_used_up(&mut self, hit: Hit, now: Instant) {
        let is_current = |latest: Instant| now.saturating_duration_since(latest) < PAUSE;
        self.used_up.retain(|_, (_, latest)| is_current(*latest));
        if self.used_up.len() < MAX_REFUSALS || self.used_up.contains_key(&hit) {
            self.used_up.entry(hit).or_insert((now, now)).1 = now;
        }
    }

    /// What was refused to a peer, the latest first.
    pub(super) fn of(&self, hit: Hit, now: Instant) -> Vec<RelayRefusal> {
        let fresh = self.latest.iter().rev().filter(|(at, callee, _)| {
            now.saturating_duration_since(*at) < MAX_AGE && callee.is_none_or(|c| c == hit)
        });
        let mut refusals = Vec::new();
        for (_, _, refusal) in fresh {
            if !refusals.contains(refusal) {
                refusals.push(*refusal);
            }
        }
        refusals
    }

    /// Whether what is sent to a peer has been refused for too long.
    pub(super) fn starves(&self, hit: Hit, now: Instant) -> bool {
        self.used_up.get(&hit).is_some_and(|(first, latest)| {
            now.saturating_duration_since(*latest) < PAUSE
                && latest.saturating_duration_since(*first) >= STARVING
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::PublicKey;
    use crate::registration::Rendezvous;
    use crate::runtime::clock;

    fn refusal(reason: RefusalReason) -> RelayRefusal {
        let rendezvous =
            Rendezvous { key: PublicKey([9; 32]), address: ([192, 0, 2, 1], 5050).into() };
        RelayRefusal { rendezvous, reason }
    }

    #[test]
    fn refusals_are_told_once_and_forgotten() {
        let (now, mut refusals) = (clock::now(), Refusals::default());
        let (peer, other) = (PublicKey([1; 32]).hit(), PublicKey([2; 32]).hit());
        let unknown = refusal(RefusalReason::UnknownCallee);
        assert!(refusals.note(Some(peer), unknown, now));
        assert!(!refusals.note(Some(peer), unknown, now));
        assert!(refusals.note(None, refusal(RefusalReason::Full), now));
        assert_eq!(refusals.of(peer, now), [refusal(RefusalReason::Full), unknown]);
        assert_eq!(refusals.of(other, now), [refusal(RefusalReason::Full)]);
        assert_eq!(refusals.of(peer, now + MAX_AGE), []);
    }

    #[test]
    fn a_peer_starves_when_refusals_go_on_and_not_when_they_were() {
        let (start, mut refusals) = (clock::now(), Refusals::default());
        let peer = PublicKey([1; 32]).hit();
        let second = Duration::from_secs(1);
        for number in 0..=6 {
            let now = start + number * second;
            assert!(!refusals.starves(peer, now));
            refusals.note(Some(peer), refusal(RefusalReason::Quota), now);
        }
        let end = start + 6 * second;
        assert!(refusals.starves(peer, end));
        assert!(!refusals.starves(peer, end + PAUSE));
        refusals.note(Some(peer), refusal(RefusalReason::Quota), end + PAUSE);
        assert!(!refusals.starves(peer, end + PAUSE), "a new affair");
    }

    #[test]
    fn many_peers_take_bounded_memory() {
        let (now, mut refusals) = (clock::now(), Refusals::default());
        for number in 0..=255 {
            let peer = PublicKey([number; 32]).hit();
            refusals.note(Some(peer), refusal(RefusalReason::Quota), now);
        }
        assert_eq!((refusals.latest.len(), refusals.used_up.len()), (MAX_REFUSALS, MAX_REFUSALS));
    }
}
