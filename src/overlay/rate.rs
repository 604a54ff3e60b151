//! How often one network may ask: a token bucket for each, in a table that never grows.
//!
//! Addresses are hashed to buckets with a key of this process. Two networks may share a bucket by chance
//! and then share its tokens; nobody outside can tell which ones do.

use std::{
    hash::{BuildHasher, RandomState},
    net::IpAddr,
    num::NonZero,
    time::Instant,
};

use crate::runtime::ip::network_of;

/// What one network may do.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rate {
    /// Requests a second in the long run.
    pub per_second: f32,
    /// Requests at once after a time of silence.
    pub burst: f32,
}

/// The buckets of all networks.
#[derive(Debug)]
pub(super) struct RateLimiter {
    rate: Rate,
    start: Instant,
    hasher: RandomState,
    /// When, in seconds since `start`, the bucket was looked at last, and what it held.
    buckets: Box<[(f64, f32)]>,
}

impl RateLimiter {
    /// So many buckets of 16 octets each, all full.
    pub(super) fn new(rate: Rate, buckets: NonZero<usize>, now: Instant) -> RateLimiter {
        let buckets = vec![(0.0, rate.burst); buckets.get()].into_boxed_slice();
        RateLimiter { rate, start: now, hasher: RandomState::new(), buckets }
    }

    /// Takes a token of `address`; false if there is none.
    pub(super) fn take(&mut self, address: IpAddr, now: Instant) -> bool {
        let bucket = self.bucket(address);
        let (last, tokens) = &mut self.buckets[bucket];
        let seconds = now.saturating_duration_since(self.start).as_secs_f64();
        let earned = (seconds - *last).max(0.0) as f32 * self.rate.per_second;
        *tokens = (*tokens + earned).min(self.rate.burst);
        *last = seconds;
        if *tokens < 1.0 {
            return false;
        }
        *tokens -= 1.0;
        true
    }

    /// Which bucket is that of `address`.
    pub(super) fn bucket(&self, address: IpAddr) -> usize {
        self.hasher.hash_one(network_of(address)) as usize % self.buckets.len()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::runtime::clock;

    fn limiter(now: Instant) -> RateLimiter {
        RateLimiter::new(Rate { per_second: 2.0, burst: 3.0 }, NonZero::new(8192).unwrap(), now)
    }

    /// Whether a bucket gives exactly `count` tokens now.
    fn gives(limiter: &mut RateLimiter, address: &str, now: Instant, count: usize) -> bool {
        let address = address.parse().unwrap();
        (0..count).all(|_| limiter.take(address, now)) && !limiter.take(address, now)
    }

    #[test]
    fn a_burst_then_the_rate() {
        let now = clock::now();
        let mut limiter = limiter(now);
        assert!(gives(&mut limiter, "192.0.2.1", now, 3));
        assert!(gives(&mut limiter, "192.0.2.1", now + Duration::from_secs(1), 2));
        assert!(gives(&mut limiter, "192.0.2.1", now + Duration::from_secs(3600), 3));
    }

    #[test]
    fn others_are_not_touched() {
        let now = clock::now();
        let mut limiter = limiter(now);
        assert!(gives(&mut limiter, "192.0.2.1", now, 3));
        // two of these could share the flooded bucket by chance, not all
        let served = (2..=20).filter(|n| gives(&mut limiter, &format!("192.0.2.{n}"), now, 3));
        assert!(served.count() > 10);
    }

    #[test]
    fn an_ipv6_network_is_one_client() {
        let now = clock::now();
        let mut limiter = limiter(now);
        assert!(gives(&mut limiter, "2001:db8::1", now, 3));
        assert!(gives(&mut limiter, "2001:db8::ffff:1", now, 0));
        assert!(gives(&mut limiter, "::ffff:192.0.2.1", now, 3));
        assert!(gives(&mut limiter, "192.0.2.1", now, 0));
    }

    #[test]
    fn time_that_stands_still_or_runs_back_gives_nothing() {
        let now = clock::now() + Duration::from_secs(100);
        let mut limiter = limiter(now);
        assert!(gives(&mut limiter, "192.0.2.1", now + Duration::from_secs(50), 3));
        assert!(gives(&mut limiter, "192.0.2.1", now, 0));
    }
}
