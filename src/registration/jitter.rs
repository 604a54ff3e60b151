//! Small random deviations, so that many programs started together do not act together.

use std::time::Duration;

/// A pseudo-random sequence (SplitMix64). Not for secrets.
#[derive(Debug)]
pub(super) struct Jitter(u64);

impl Jitter {
    pub(super) fn new(seed: u64) -> Jitter {
        Jitter(seed)
    }

    /// A duration up to 10 % shorter or longer than `duration`.
    pub(super) fn around(&mut self, duration: Duration) -> Duration {
        let share = self.next() % 2001; // 0 to 20 % in steps of 0.01 %
        duration.mul_f64(0.9 + share as f64 / 10_000.0)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stays_within_a_tenth_and_moves() {
        let mut jitter = Jitter::new(1);
        let hour = Duration::from_secs(3600);
        let seen: Vec<Duration> = (0..1000).map(|_| jitter.around(hour)).collect();
        let (least, most) = (*seen.iter().min().unwrap(), *seen.iter().max().unwrap());
        assert!(least >= hour.mul_f64(0.8999) && least < hour.mul_f64(0.91), "{least:?}");
        assert!(most <= hour.mul_f64(1.1001) && most > hour.mul_f64(1.09), "{most:?}");
    }
}
