//! What look-ups have taught about an overlay: how quick it is, whether it has what others have, and whether
//! it goes back on what it said.
//!
//! Sans-IO. An overlay that merely missed a packet is not fresh; one that gave a packet itself and gives an
//! older one later has rolled back, and that is worth an alarm.

use std::{collections::HashMap, time::Duration};

use super::resolver::{Outcome, Refusal, Report, Said, Wanted};
use crate::identity::{PublicKey, Timestamp};

/// What is known of one overlay.
#[derive(Clone, Debug, Default)]
pub struct Score {
    asked: u32,
    answered: u32,
    /// A moving average.
    latency: Option<Duration>,
    fresh: u32,
    stale: u32,
    refused: u32,
    rollbacks: u32,
    /// The newest packet that it gave of each key.
    given: HashMap<PublicKey, Timestamp>,
}

/// An overlay gave an older packet than it had given before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rollback {
    /// Whose packet.
    pub key: PublicKey,
    /// By how much it is older.
    pub older: Duration,
}

/// How many keys are remembered for each overlay.
const MAX_GIVEN: usize = 1024;
/// What share of the average a new latency makes.
const WEIGHT: f64 = 0.2;

impl Score {
    /// Takes note of what the overlay said in a look-up that came to `outcome`.
    pub fn record(
        &mut self,
        wanted: &Wanted,
        report: &Report,
        outcome: &Outcome,
    ) -> Option<Rollback> {
        self.asked = self.asked.saturating_add(1);
        if matches!(report.said, Said::Failed(_) | Said::TooLate) {
            return None;
        }
        self.answered = self.answered.saturating_add(1);
        if let Some(latency) = report.latency {
            let average = self.latency.unwrap_or(latency);
            self.latency = Some(average.mul_f64(1.0 - WEIGHT) + latency.mul_f64(WEIGHT));
        }
        let newest = outcome.found.iter().chain(&outcome.withdrawn);
        let newest = newest.map(|packet| packet.registration().sequence).max();
        match &report.said {
            Said::Found(packet) => {
                let registration = packet.registration();
                self.judge_freshness(newest <= Some(registration.sequence));
                self.remember(registration.key, registration.sequence)
            }
            Said::Refused(Refusal::Replayed { sequence, .. }) => {
                self.judge_freshness(false);
                wanted.key().and_then(|key| self.remember(*key, *sequence))
            }
            Said::Refused(_) => {
                self.refused = self.refused.saturating_add(1);
                None
            }
            _ => {
                if newest.is_some() {
                    self.judge_freshness(false);
                }
                None
            }
        }
    }

    /// Whether it ever gave a valid packet of this key.
    pub fn has_given(&self, key: &PublicKey) -> bool {
        self.given.contains_key(key)
    }

    /// How often it was asked, and how often it answered.
    pub fn answered(&self) -> (u32, u32) {
        (self.asked, self.answered)
    }

    /// How long it takes to answer.
    pub fn latency(&self) -> Option<Duration> {
        self.latency
    }

    /// In how many of a hundred cases it gave the newest packet that anybody had.
    pub fn freshness(&self) -> Option<u8> {
        let judged = u64::from(self.fresh) + u64::from(self.stale);
        (judged > 0).then(|| (u64::from(self.fresh) * 100 / judged) as u8)
    }

    /// How often all it gave was malformed, forged, or about somebody else.
    pub fn refused(&self) -> u32 {
        self.refused
    }

    /// How often it went back on what it had given before.
    pub fn rollbacks(&self) -> u32 {
        self.rollbacks
    }

    fn judge_freshness(&mut self, is_fresh: bool) {
        let count = if is_fresh { &mut self.fresh } else { &mut self.stale };
        *count = count.saturating_add(1);
    }

    fn remember(&mut self, key: PublicKey, sequence: Timestamp) -> Option<Rollback> {
        if self.given.len() >= MAX_GIVEN && !self.given.contains_key(&key) {
            let oldest = self.given.iter().min_by_key(|(_, sequence)| **sequence);
            if let Some(oldest) = oldest.map(|(key, _)| *key) {
                self.given.remove(&oldest);
            }
        }
        let given = self.given.entry(key).or_insert(sequence);
        if *given <= sequence {
            *given = sequence;
            return None;
        }
        self.rollbacks = self.rollbacks.saturating_add(1);
        Some(Rollback { key, older: given.since(sequence) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::{KeyPair, Seed};
    use crate::registration::{Packet, Registration};

    fn packet(second: u64) -> Packet {
        let keys = KeyPair::from_seed(&Seed::new([1; 32]));
        let registration = Registration {
            name: None,
            key: keys.public(),
            sequence: Timestamp::from_micros(second * 1_000_000),
            ttl: Duration::from_secs(60),
            locators: Vec::new(),
            rendezvous: Vec::new(),
            certificates: Vec::new(),
        };
        Packet::sign(&registration, &keys).unwrap()
    }

    fn wanted() -> Wanted {
        Wanted::Key(packet(1).registration().key)
    }

    fn record(score: &mut Score, said: Said, newest: Option<u64>) -> Option<Rollback> {
        let latency = (said != Said::TooLate).then_some(Duration::from_millis(100));
        let report = Report { said, latency, keys: Vec::new() };
        let found = newest.map(packet).into_iter().collect();
        let outcome = Outcome { found, withdrawn: Vec::new(), reports: Vec::new() };
        score.record(&wanted(), &report, &outcome)
    }

    #[test]
    fn silence_counts_as_no_answer_and_slowness_by_a_moving_average() {
        let mut score = Score::default();
        record(&mut score, Said::TooLate, Some(1));
        record(&mut score, Said::Failed("no route".into()), Some(1));
        assert_eq!((score.answered(), score.latency(), score.freshness()), ((2, 0), None, None));
        record(&mut score, Said::Found(packet(1)), Some(1));
        assert_eq!((score.answered(), score.latency()), ((3, 1), Some(Duration::from_millis(100))));
    }

    #[test]
    fn fresh_is_who_has_what_the_best_has() {
        let mut score = Score::default();
        record(&mut score, Said::Found(packet(5)), Some(5));
        record(&mut score, Said::Nothing, None); // nobody has anything: this says nothing
        assert_eq!(score.freshness(), Some(100));
        record(&mut score, Said::Nothing, Some(5));
        record(&mut score, Said::Found(packet(6)), Some(7));
        record(&mut score, Said::Found(packet(7)), Some(7));
        assert_eq!((score.freshness(), score.rollbacks()), (Some(50), 0));
    }

    #[test]
    fn who_goes_back_on_his_word_is_told_from_who_missed_one() {
        let mut score = Score::default();
        let replayed = |second| {
            let at = |second: u64| Timestamp::from_micros(second * 1_000_000);
            Said::Refused(Refusal::Replayed { sequence: at(second), floor: at(9) })
        };
        // it had never more than this
        assert_eq!(record(&mut score, replayed(3), Some(9)), None);
        assert_eq!(record(&mut score, Said::Found(packet(9)), Some(9)), None);
        let rollback = record(&mut score, replayed(3), Some(9)).unwrap();
        assert_eq!(rollback.older, Duration::from_secs(6));
        assert_eq!(score.rollbacks(), 1);
    }

    #[test]
    fn memory_is_bounded() {
        let mut score = Score::default();
        for n in 0..2 * MAX_GIVEN as u32 {
            let mut key = [0; 32];
            key[..4].copy_from_slice(&n.to_be_bytes());
            score.remember(PublicKey(key), Timestamp::from_micros(u64::from(n)));
        }
        assert_eq!(score.given.len(), MAX_GIVEN);
    }
}
