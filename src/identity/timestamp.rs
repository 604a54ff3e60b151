//! Wall-clock instants as signed statements carry them.

use std::{fmt, time::Duration};

use super::CivilTime;

/// Microseconds since 1970-01-01 UTC. Registration packets use it as their sequence.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(u64);

impl Timestamp {
    /// From microseconds since 1970.
    pub const fn from_micros(micros: u64) -> Timestamp {
        Timestamp(micros)
    }

    /// From seconds since 1970.
    pub const fn from_secs(secs: u64) -> Timestamp {
        Timestamp(secs.saturating_mul(1_000_000))
    }

    /// Microseconds since 1970.
    pub const fn as_micros(self) -> u64 {
        self.0
    }

    /// Whole seconds since 1970.
    pub const fn as_secs(self) -> u64 {
        self.0 / 1_000_000
    }

    /// The instant `later` after this one, or the last one there is.
    pub fn saturating_add(self, later: Duration) -> Timestamp {
        let micros = u64::try_from(later.as_micros()).unwrap_or(u64::MAX);
        Timestamp(self.0.saturating_add(micros))
    }

    /// The instant `earlier` before this one, or 1970.
    pub fn saturating_sub(self, earlier: Duration) -> Timestamp {
        let micros = u64::try_from(earlier.as_micros()).unwrap_or(u64::MAX);
        Timestamp(self.0.saturating_sub(micros))
    }

    /// The instant in UTC as RFC 3339 writes it, in whole seconds: `2026-11-22T07:25:18Z`. What lies
    /// after the year 9999 is shown as its last second.
    pub fn to_date_time(self) -> String {
        let secs = i64::try_from(self.as_secs()).unwrap_or(i64::MAX);
        CivilTime::from_unix(secs).to_string()
    }

    /// Reads exactly the form of [`Timestamp::to_date_time`], from 1970 on.
    pub fn parse_date_time(text: &str) -> Option<Timestamp> {
        let two = |at: usize| text.get(at..at + 2)?.parse().ok();
        let time = CivilTime {
            year: text.get(..4)?.parse().ok()?,
            month: two(5)?,
            day: two(8)?,
            hour: two(11)?,
            minute: two(14)?,
            second: two(17)?,
        };
        let read = Timestamp::from_secs(u64::try_from(time.to_unix()).ok()?);
        // one spelling only: no sign, no 31 April, no 24 o'clock, no other separators
        (read.to_date_time() == text).then_some(read)
    }

    /// How long ago `earlier` was, seen from here; zero if it lies ahead.
    pub fn since(self, earlier: Timestamp) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }
}

impl fmt::Display for Timestamp {
    /// Seconds since 1970 with six decimals.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:06}", self.0 / 1_000_000, self.0 % 1_000_000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_come_back() {
        for (secs, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_795_332_318, "2026-11-22T07:25:18Z"),
            (253_402_300_799, "9999-12-31T23:59:59Z"),
        ] {
            let stamp = Timestamp::from_secs(secs);
            assert_eq!(stamp.to_date_time(), text);
            assert_eq!(Timestamp::parse_date_time(text), Some(stamp));
        }
        let last = Timestamp::from_micros(u64::MAX);
        assert_eq!(last.to_date_time(), "9999-12-31T23:59:59Z");
    }

    #[test]
    fn reads_one_spelling_only() {
        for text in [
            "",
            "2026-11-22",
            "2026-11-22 07:25:18Z",
            "2026-11-22T07:25:18",
            "2026-11-22T07:25:18z",
            "2026-11-22T07:25:18Z ",
            "2026-11-22T07:25:18.0Z",
            "2026-11-22T24:00:00Z",
            "2026-11-22T07:60:00Z",
            "2026-02-29T00:00:00Z",
            "2026-04-31T00:00:00Z",
            "2026-13-01T00:00:00Z",
            "2026-00-01T00:00:00Z",
            "2026-01-00T00:00:00Z",
            "1969-12-31T23:59:59Z",
            "0000-00-00T00:00:00Z",
            "+026-01-01T00:00:00Z",
            "2026-+1-01T00:00:00Z",
            "\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}",
        ] {
            assert_eq!(Timestamp::parse_date_time(text), None, "{text:?}");
        }
    }

    #[test]
    fn arithmetic_stops_at_the_ends() {
        let (first, last) = (Timestamp::default(), Timestamp::from_micros(u64::MAX));
        assert_eq!(last.saturating_add(Duration::MAX), last);
        assert_eq!(first.saturating_sub(Duration::from_secs(1)), first);
        assert_eq!(first.since(last), Duration::ZERO);
        assert_eq!(Timestamp::from_secs(u64::MAX), last);
        assert_eq!(Timestamp::from_micros(1_500_000).to_string(), "1.500000");
    }
}
