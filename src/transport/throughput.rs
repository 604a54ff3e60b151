//! How much a path takes: the most that was taken in a round trip of late.

use std::time::{Duration, Instant};

/// Round trips that count. Fewer forget what the line can do while something else uses it for a moment.
const ROUNDS: usize = 8;
/// Less time says more of how packets are gathered than of the line.
const MIN_ROUND: Duration = Duration::from_millis(20);

/// Of one path.
#[derive(Clone)]
pub(super) struct Throughput {
    start: Instant,
    octets: u64,
    /// Octets a second, the latest first.
    rounds: [u64; ROUNDS],
}

impl Throughput {
    pub(super) fn new(now: Instant) -> Throughput {
        Throughput { start: now, octets: 0, rounds: [0; ROUNDS] }
    }

    /// So much has arrived, or was lost on the way, on a path whose round trip takes so long.
    pub(super) fn count(&mut self, octets: u64, round_trip: Duration, now: Instant) {
        let time = now.saturating_duration_since(self.start);
        if time >= round_trip.max(MIN_ROUND) {
            let rate = u128::from(self.octets) * 1_000_000 / time.as_micros().max(1);
            self.rounds.rotate_right(1);
            self.rounds[0] = u64::try_from(rate).unwrap_or(u64::MAX);
            (self.start, self.octets) = (now, 0);
        }
        self.octets += octets;
    }

    pub(super) fn octets_a_second(&self) -> u64 {
        self.rounds.iter().copied().max().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::clock;

    #[test]
    fn the_best_round_counts_until_it_is_old() {
        let mut now = clock::now();
        let mut throughput = Throughput::new(now);
        let mut round = |octets: u64, rounds: u32| {
            for _ in 0..rounds * 40 {
                now += Duration::from_millis(1);
                throughput.count(octets / 40, Duration::from_millis(40), now);
            }
            throughput.octets_a_second()
        };
        assert_eq!(round(40_000, 3), 1_000_000);
        assert_eq!(round(4_000, 3), 1_000_000);
        assert!(round(4_000, 8) < 110_000);
    }
}
