//! A body on its way, with the time of every octet.

use std::{
    ops::Range,
    time::{Duration, Instant},
};

use p2p::runtime::clock;

use super::origin::{SMALL_LENGTH, is_right};

/// What has come of a body.
#[derive(Clone, Debug)]
pub struct Transfer {
    /// When it was asked for, or announced.
    pub start: Instant,
    /// Octets up to a time, read by read.
    progress: Vec<(Instant, u64)>,
    /// Octets.
    pub length: u64,
    /// Whether a long body holds what it should.
    pub right: bool,
}

impl Transfer {
    /// Nothing has come.
    pub fn new(start: Instant) -> Transfer {
        Transfer { start, progress: Vec::new(), length: 0, right: true }
    }

    /// Takes what was read.
    pub fn take(&mut self, octets: &[u8]) {
        // a short body is no noise
        self.right &= self.length + octets.len() as u64 <= SMALL_LENGTH as u64
            || is_right(self.length, octets);
        self.length += octets.len() as u64;
        self.progress.push((clock::now(), self.length));
    }

    /// When the last octet came; the start if none did.
    pub fn end(&self) -> Instant {
        self.progress.last().map_or(self.start, |last| last.0)
    }

    /// From the start to the last octet.
    pub fn total(&self) -> Duration {
        self.end() - self.start
    }

    /// The longest time in which nothing came, of those that end after the start of `during` and begin before its
    /// end: what happens later, as to the last packets of all, has other reasons.
    pub fn longest_gap(&self, during: Range<Instant>) -> Option<Gap> {
        let pairs = self.progress.windows(2).map(|pair| Gap { begin: pair[0].0, end: pair[1].0 });
        let gaps = pairs.filter(|gap| gap.end > during.start && gap.begin < during.end);
        gaps.max_by_key(Gap::length)
    }

    /// Octets that came in a stretch of time.
    pub fn octets_between(&self, from: Instant, to: Instant) -> u64 {
        let until = |end: Instant| {
            let index = self.progress.partition_point(|(at, _)| *at <= end);
            index.checked_sub(1).map_or(0, |index| self.progress[index].1)
        };
        until(to) - until(from)
    }
}

/// A time between two reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gap {
    pub begin: Instant,
    pub end: Instant,
}

impl Gap {
    pub fn length(&self) -> Duration {
        self.end - self.begin
    }
}
