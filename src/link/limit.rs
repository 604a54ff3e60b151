//! How much unauthenticated work others may cause: token buckets in front of the expensive
//! cryptography, one for each source and one for all of them.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use super::way::Source;

/// Sources of each standing that are told apart. Beyond it, further ones share one bucket: about 100 kB at
/// most for each.
const MAX_SOURCES: usize = 1024;

/// Per source: a dial of 16 candidates behind one NAT arrives as 16 probes at once and comes again
/// after 100, 300 and 700 ms.
const SOURCE: Rate = Rate { interval: Duration::from_millis(50), burst: 64 };

/// For all sources: one probe costs two scalar multiplications, some 200 µs on a small computer, so
/// that a flood takes a tenth of its processor at most.
const GLOBAL: Rate = Rate { interval: Duration::from_millis(2), burst: 256 };

/// A rate in the form of the generic cell rate algorithm (ITU-T I.371).
pub(super) struct Rate {
    /// Between two events on the average.
    pub(super) interval: Duration,
    /// Events that may come at once.
    pub(super) burst: u32,
}

/// Remembers only when its debt will be paid.
#[derive(Clone, Copy)]
pub(super) struct Bucket {
    paid: Instant,
}

impl Bucket {
    /// One without debt.
    pub(super) fn new(now: Instant) -> Bucket {
        Bucket { paid: now }
    }

    /// Whether one more event is allowed.
    pub(super) fn is_free(&self, rate: &Rate, now: Instant) -> bool {
        self.paid.saturating_duration_since(now) < rate.interval * rate.burst
    }

    /// Counts one more event if it is allowed.
    pub(super) fn take(&mut self, rate: &Rate, now: Instant) -> bool {
        let free = self.is_free(rate, now);
        if free {
            self.paid = self.paid.max(now) + rate.interval;
        }
        free
    }
}

/// What is known of a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// A peer has answered from there, and made this message.
    Proved,
    /// It may be forged.
    Unproved,
}

/// The buckets of one socket set.
pub(super) struct Limiter {
    global: Bucket,
    unproved: Sources,
    /// Apart, so that no flood of forged sources takes the places of real ones.
    proved: Sources,
}

impl Limiter {
    pub(super) fn new(now: Instant) -> Limiter {
        Limiter { global: Bucket::new(now), unproved: Sources::new(now), proved: Sources::new(now) }
    }

    /// Whether one more message of this source may be worked on. A source that has proved its address
    /// does not suffer from a flood of others. While there is a flood a refusal costs next to nothing.
    pub(super) fn allow(&mut self, source: Source, standing: Standing, now: Instant) -> bool {
        match standing {
            Standing::Proved => self.proved.take(source, now),
            Standing::Unproved => {
                self.global.is_free(&GLOBAL, now)
                    && self.unproved.take(source, now)
                    && self.global.take(&GLOBAL, now)
            }
        }
    }
}

/// A bucket for each source.
struct Sources {
    buckets: HashMap<Source, Bucket>,
    /// For sources that do not fit the table.
    others: Bucket,
}

impl Sources {
    fn new(now: Instant) -> Sources {
        Sources { buckets: HashMap::new(), others: Bucket::new(now) }
    }

    fn take(&mut self, source: Source, now: Instant) -> bool {
        if self.buckets.len() >= MAX_SOURCES && !self.buckets.contains_key(&source) {
            self.buckets.retain(|_, bucket| bucket.paid > now);
        }
        let full = self.buckets.len() >= MAX_SOURCES;
        let bucket = match self.buckets.get_mut(&source) {
            Some(bucket) => bucket,
            None if full => &mut self.others,
            None => self.buckets.entry(source).or_insert(Bucket::new(now)),
        };
        bucket.take(&SOURCE, now)
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;
    use crate::runtime::clock;

    fn allow(limiter: &mut Limiter, source: impl Into<IpAddr>, now: Instant) -> bool {
        limiter.allow(Source::Site(source.into()), Standing::Unproved, now)
    }

    #[test]
    fn one_source_is_slowed_down_and_others_are_not() {
        let now = clock::now();
        let mut limiter = Limiter::new(now);
        let loud = IpAddr::from([192, 0, 2, 1]);
        let allowed = (0..1000).filter(|_| allow(&mut limiter, loud, now)).count();
        assert_eq!(allowed, SOURCE.burst as usize);
        assert!(allow(&mut limiter, [192, 0, 2, 2], now));
        assert!(allow(&mut limiter, loud, now + SOURCE.interval));
    }

    #[test]
    fn many_sources_together_meet_the_global_rate_and_a_bounded_table() {
        let now = clock::now();
        let mut limiter = Limiter::new(now);
        let allowed = (0..100_000u32).filter(|i| allow(&mut limiter, i.to_be_bytes(), now));
        assert_eq!(allowed.count(), GLOBAL.burst as usize);
        assert!(limiter.unproved.buckets.len() <= MAX_SOURCES);
        let later = now + SOURCE.interval * SOURCE.burst;
        let exhausted = (0..2000u32).all(|i| allow(&mut limiter, i.to_be_bytes(), later));
        assert!(!exhausted);
        let known = Source::Site([198, 51, 100, 1].into());
        assert!(limiter.allow(known, Standing::Proved, later));
    }

    #[test]
    fn a_table_full_of_forged_sources_leaves_room_for_a_proved_one() {
        let mut now = clock::now();
        let mut limiter = Limiter::new(now);
        let known = Source::Site([198, 51, 100, 1].into());
        let mut number = 0u32;
        // 50,000 new sources a second, for longer than a bucket remembers
        for round in 0..500 {
            now += GLOBAL.interval;
            for _ in 0..100 {
                number += 1;
                allow(&mut limiter, number.to_be_bytes(), now);
            }
            let due = round % SOURCE.burst == 0;
            assert!(!due || limiter.allow(known, Standing::Proved, now), "round {round}");
        }
        assert!(limiter.unproved.buckets.len() <= MAX_SOURCES);
    }
}
