//! Wall-clock instants as signed statements carry them.

use std::{fmt, time::Duration};

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
        let secs = self.as_secs().min(LAST_SECOND);
        let (year, month, day) = date_of(secs / DAY);
        let (hour, minute, second) = (secs % DAY / 3600, secs % 3600 / 60, secs % 60);
        format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
    }

    /// Reads exactly the form of [`Timestamp::to_date_time`], from 1970 on.
    pub fn parse_date_time(text: &str) -> Option<Timestamp> {
        let number = |at: usize, length: usize| -> Option<u64> {
            let digits = text.get(at..at + length)?;
            let all = digits.bytes().all(|b| b.is_ascii_digit());
            if all { digits.parse().ok() } else { None }
        };
        let (year, month, day) = (number(0, 4)?, number(5, 2)?, number(8, 2)?);
        let (hour, minute, second) = (number(11, 2)?, number(14, 2)?, number(17, 2)?);
        if year < 1970 || !(1..=12).contains(&month) {
            return None;
        }
        let secs = days_until(year, month, 1).checked_add(day.checked_sub(1)?)? * DAY
            + (hour * 60 + minute) * 60
            + second;
        let read = Timestamp::from_secs(secs);
        // one spelling only: no 31 April, no 24 o'clock, no other separators
        (read.to_date_time() == text).then_some(read)
    }

    /// How long ago `earlier` was, seen from here; zero if it lies ahead.
    pub fn since(self, earlier: Timestamp) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }
}

/// Seconds of a day.
const DAY: u64 = 86_400;
/// 9999-12-31T23:59:59Z.
const LAST_SECOND: u64 = 253_402_300_799;

/// Days from 1970-01-01 to a date of the Gregorian calendar. Years are counted from March, so that
/// the leap day is a year's last, in eras of 400 years (146097 days) from the year 0.
fn days_until(year: u64, month: u64, day: u64) -> u64 {
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let leap_days = year / 4 - year / 100 + year / 400;
    year * 365 + leap_days + (153 * month + 2) / 5 + day - 1 - EPOCH
}

/// The date so many days after 1970-01-01: year, month, day.
fn date_of(days: u64) -> (u64, u64, u64) {
    let days = days + EPOCH;
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (year * 365 + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let year = era * 400 + year;
    if month < 10 { (year, month + 3, day) } else { (year + 1, month - 9, day) }
}

/// Days from 0000-03-01 to 1970-01-01.
const EPOCH: u64 = 719_468;

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
    fn writes_dates_as_date_does() {
        // from `date -u -d @N`
        for (secs, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_795_332_318, "2026-11-22T07:25:18Z"),
            (4_107_542_399, "2100-02-28T23:59:59Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
            (253_402_300_799, "9999-12-31T23:59:59Z"),
        ] {
            let stamp = Timestamp::from_secs(secs);
            assert_eq!(stamp.to_date_time(), text);
            assert_eq!(Timestamp::parse_date_time(text), Some(stamp));
        }
        assert_eq!(Timestamp::from_micros(u64::MAX).to_date_time(), "9999-12-31T23:59:59Z");
    }

    #[test]
    fn every_day_of_four_centuries_comes_back() {
        for day in 0..150_000 {
            let stamp = Timestamp::from_secs(day * DAY + day % DAY);
            assert_eq!(Timestamp::parse_date_time(&stamp.to_date_time()), Some(stamp));
        }
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
            "+026-01-01T00:00:00Z",
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
