//! What look-ups tell of the overlays themselves: which of them answer, forget, or go back on their word.

use std::sync::Arc;

use super::super::source::Source;
use super::Search;
use crate::registration::{Outcome, Report, Rollback, Said, Score, Wanted};
use crate::runtime::{clock, lock};

/// How many overlays have a score: the configured ones and those of many links.
const MAX_SCORES: usize = 256;

impl Search {
    /// What is known of an overlay.
    pub(in crate::daemon) fn score(&self, address: &str) -> Score {
        lock(&self.scores).get(address).cloned().unwrap_or_default()
    }

    /// Takes note of how each overlay did, puts back what one has lost, and raises the alarm when one goes
    /// back on its word.
    pub(super) fn judge<'a>(
        &self,
        wanted: &Wanted,
        asked: impl Iterator<Item = (&'a Source, &'a Report)>,
        outcome: &Outcome,
    ) {
        let now = clock::now();
        for (source, report) in told(asked) {
            let (overlay, address) = (source.overlay(), source.overlay().address());
            lock(&self.rests).record(now, address, report, wanted, outcome);
            let (rollback, times) = {
                let mut scores = lock(&self.scores);
                if !scores.contains_key(address) && scores.len() >= MAX_SCORES {
                    continue;
                }
                let score = scores.entry(address.to_owned()).or_default();
                let rollback = score.record(wanted, report, outcome);
                // those that links named are only read, and what was sealed is put nowhere in the open
                let is_own = self.overlays.iter().any(|own| Arc::ptr_eq(own, overlay));
                let is_open = |key| is_own && !source.is_sealed() && !self.is_private(key);
                let newest = outcome.found.first();
                if let Some(newest) = newest.filter(|newest| is_open(&newest.registration().key)) {
                    let said = (wanted, &report.said);
                    lock(&self.repairs).consider(overlay, said, newest, score);
                }
                (rollback, score.rollbacks())
            };
            // what people put on a web site by hand may be of any age; and it is not said at every look-up
            let is_worth_saying = overlay.abilities().put && times.is_power_of_two();
            if let Some(Rollback { key, older }) = rollback.filter(|_| is_worth_saying) {
                let (key, seconds) = (key.fingerprint(), older.as_secs());
                log::warn!(
                    "{address} has gone back to a packet of {wanted} ({key}) that is {seconds} s \
                     older than one it gave before: it failed, or somebody plays old packets again"
                );
            }
        }
    }
}

/// What overlays are judged by. One that was asked for packets in the open and for sealed ones has two answers,
/// and nobody publishes both: that there is nothing counts only if it is all that it said.
fn told<'a>(
    asked: impl Iterator<Item = (&'a Source, &'a Report)>,
) -> Vec<(&'a Source, &'a Report)> {
    let mut told: Vec<(&Source, &Report)> = Vec::new();
    for (source, report) in asked {
        let tells = |report: &Report| matches!(report.said, Said::Found(_) | Said::Refused(_));
        let same = |(other, _): &(&Source, &Report)| {
            other.overlay().address() == source.overlay().address()
        };
        match told.iter().position(same) {
            Some(at) if tells(report) && !tells(told[at].1) => told[at] = (source, report),
            Some(_) if !tells(report) => {}
            _ => told.push((source, report)),
        }
    }
    told
}
