//! Days, by which places change.

use std::time::Duration;

use crate::identity::Timestamp;

/// A day of UTC, counted from 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day(u32);

/// For how long before and after a day its places are kept up.
const OVERLAP: Duration = Duration::from_secs(3600);
const LENGTH: u64 = 86_400;

impl Day {
    /// The day of an instant.
    pub fn of(wall: Timestamp) -> Day {
        Day(u32::try_from(wall.as_secs() / LENGTH).unwrap_or(u32::MAX))
    }

    /// The days that it is, was, or will be within `slack`; one or two of them if that is less than a day.
    pub fn around(wall: Timestamp, slack: Duration) -> Vec<Day> {
        let first = Day::of(wall.saturating_sub(slack));
        let last = Day::of(wall.saturating_add(slack));
        (first.0..=last.0).map(Day).collect()
    }

    /// The days whose places are kept up at an instant.
    pub fn kept(wall: Timestamp) -> Vec<Day> {
        Day::around(wall, OVERLAP)
    }

    pub(super) fn to_be_bytes(self) -> [u8; 4] {
        self.0.to_be_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(days: u64, seconds: u64) -> Timestamp {
        Timestamp::from_secs(days * LENGTH + seconds)
    }

    #[test]
    fn two_days_are_kept_around_midnight_and_one_at_noon() {
        let kept = |seconds| Day::kept(at(20_000, seconds));
        assert_eq!(kept(12 * 3600), [Day(20_000)]);
        assert_eq!(kept(0), [Day(19_999), Day(20_000)]);
        assert_eq!(kept(3599), [Day(19_999), Day(20_000)]);
        assert_eq!(kept(3600), [Day(20_000)]);
        assert_eq!(kept(23 * 3600 - 1), [Day(20_000)]);
        assert_eq!(kept(23 * 3600), [Day(20_000), Day(20_001)]);
        assert_eq!(Day::around(Timestamp::default(), OVERLAP), [Day(0)]);
    }
}
