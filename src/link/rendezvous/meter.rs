//! How many octets may pass: a token bucket in the form of the generic cell rate algorithm (ITU-T
//! I.371).

use std::time::{Duration, Instant};

/// Octets a second on the average, and how many may come at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OctetRate {
    /// On the average; above zero.
    pub per_second: u64,
    /// At once.
    pub burst: u64,
}

impl OctetRate {
    /// A rate with the burst that suits QUIC: a quarter of a second, and at least one batch.
    pub fn per_second(octets: u64) -> OctetRate {
        OctetRate { per_second: octets.max(1), burst: (octets / 4).max(128 * 1024) }
    }

    fn time(&self, octets: u64) -> Duration {
        let nanos = u128::from(octets) * 1_000_000_000 / u128::from(self.per_second.max(1));
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }
}

/// Remembers only when its debt will be paid.
#[derive(Clone, Copy, Debug)]
pub(super) struct Meter {
    paid: Instant,
}

impl Meter {
    pub(super) fn new(now: Instant) -> Meter {
        Meter { paid: now }
    }

    /// Whether so many octets may pass now; they are counted if so.
    pub(super) fn take(&mut self, rate: &OctetRate, octets: usize, now: Instant) -> bool {
        let paid = self.paid.max(now);
        let debt = paid.saturating_duration_since(now);
        let time = rate.time(octets as u64);
        if debt + time > rate.time(rate.burst) {
            return false;
        }
        self.paid = paid + time;
        true
    }

    /// Whether so much has passed lately that it will soon be too much: half of a burst. The other half is for what
    /// arrives until a sender who is told so now sends less.
    pub(super) fn is_strained(&self, rate: &OctetRate, now: Instant) -> bool {
        self.paid.saturating_duration_since(now) > rate.time(rate.burst / 2)
    }

    /// Whether it remembers nothing any more.
    pub(super) fn is_paid(&self, now: Instant) -> bool {
        self.paid <= now
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::clock;

    #[test]
    fn a_burst_passes_and_then_the_rate() {
        let rate = OctetRate { per_second: 1000, burst: 3000 };
        let start = clock::now();
        let mut meter = Meter::new(start);
        assert!(meter.take(&rate, 2000, start));
        assert!(!meter.take(&rate, 1001, start), "what is refused is not counted");
        assert!(meter.take(&rate, 1000, start));
        assert!(!meter.take(&rate, 1, start));
        let second = start + Duration::from_secs(1);
        assert!(meter.is_strained(&rate, second), "2000 of 3000 are left");
        assert!(!meter.is_strained(&rate, second + Duration::from_millis(500)));
        assert!(meter.take(&rate, 1000, second));
        assert!(!meter.take(&rate, 1, second));
        assert!(!meter.is_paid(second) && meter.is_paid(second + Duration::from_secs(3)));
    }

    #[test]
    fn extremes_do_not_overflow() {
        let now = clock::now();
        let mut meter = Meter::new(now);
        assert!(meter.take(&OctetRate { per_second: u64::MAX, burst: u64::MAX }, usize::MAX, now));
        let mut slow = Meter::new(now);
        assert!(!slow.take(&OctetRate { per_second: 1, burst: 1 }, usize::MAX, now));
    }
}
