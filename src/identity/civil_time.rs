//! The calendar: seconds since 1970 as people and protocols write them, and back.
//!
//! The Gregorian calendar in UTC, also for the years before it was in use. Pure arithmetic.

use std::fmt;

/// A second of the years 1 to 9999, in UTC. Later ones are greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CivilTime {
    /// 1 to 9999.
    pub year: u16,
    /// 1 to 12.
    pub month: u8,
    /// 1 to 31.
    pub day: u8,
    /// 0 to 23.
    pub hour: u8,
    /// 0 to 59.
    pub minute: u8,
    /// 0 to 59.
    pub second: u8,
}

impl CivilTime {
    /// Seconds from 1970 to the end of the year 9999, after which dates would need a fifth digit.
    pub const LAST_UNIX: i64 = 253_402_300_799;
    /// Seconds from 1970 back to the beginning of the year 1, negative.
    const FIRST_UNIX: i64 = -62_135_596_800;

    /// From seconds since 1970, negative before. What lies outside of the years 1 to 9999 becomes their
    /// first or last second.
    pub fn from_unix(secs: i64) -> CivilTime {
        let secs = secs.clamp(CivilTime::FIRST_UNIX, CivilTime::LAST_UNIX);
        let (days, of_day) = (secs.div_euclid(DAY) + EPOCH, secs.rem_euclid(DAY));
        let (era, day) = (days / DAYS_OF_ERA, days % DAYS_OF_ERA);
        // the last day of an era, and of each 4 years in it, belongs to the year before
        let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
        let day = day - (365 * year + year / 4 - year / 100);
        let month = (5 * day + 2) / 153; // March is 0
        let day = day - (153 * month + 2) / 5 + 1;
        let year = era * 400 + year;
        let (year, month) = if month < 10 { (year, month + 3) } else { (year + 1, month - 9) };
        let small = |number: i64| u8::try_from(number).unwrap_or_default(); // all below 60
        CivilTime {
            year: u16::try_from(year).unwrap_or_default(),
            month: small(month),
            day: small(day),
            hour: small(of_day / 3_600),
            minute: small(of_day / 60 % 60),
            second: small(of_day % 60),
        }
    }

    /// Seconds since 1970. Fields beyond their limits count on: the 31st of April is the 1st of May.
    pub fn to_unix(self) -> i64 {
        let (year, month) = (i64::from(self.year), i64::from(self.month));
        let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
        let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
        let of_year = (153 * month + 2) / 5 + i64::from(self.day) - 1;
        let minutes = i64::from(self.hour) * 60 + i64::from(self.minute);
        (year * 365 + leap_days + of_year - EPOCH) * DAY + minutes * 60 + i64::from(self.second)
    }

    /// As mail and RSS have it (RFC 2822, 3.3): `Sun, 22 Nov 2026 07:25:16 +0000`.
    pub fn rfc2822(self) -> String {
        let CivilTime { year, day, hour, minute, second, .. } = self;
        let weekday = WEEKDAYS[self.to_unix().div_euclid(DAY).rem_euclid(7) as usize];
        let month = self.month_name();
        format!("{weekday}, {day:02} {month} {year:04} {hour:02}:{minute:02}:{second:02} +0000")
    }

    /// As people write it: `22 Nov 2026, 07:25`.
    pub fn plain(self) -> String {
        let CivilTime { year, day, hour, minute, .. } = self;
        format!("{day} {} {year}, {hour:02}:{minute:02}", self.month_name())
    }

    fn month_name(self) -> &'static str {
        MONTHS[usize::from(self.month.clamp(1, 12)) - 1]
    }
}

impl fmt::Display for CivilTime {
    /// RFC 3339: `2026-11-22T07:25:16Z`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let CivilTime { year, month, day, hour, minute, second } = self;
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
    }
}

/// Seconds of a day.
const DAY: i64 = 86_400;
/// Days of 400 years, after which the calendar repeats itself.
const DAYS_OF_ERA: i64 = 146_097;
/// Days from 0000-03-01 to 1970-01-01. Years are counted from March, so that the leap day is their last.
const EPOCH: i64 = 719_468;

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
/// 1970-01-01 was a Thursday.
const WEEKDAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;

    #[test]
    fn writes_dates_of_all_ages() {
        // from `date -u -R -d @N`
        for (secs, mail, iso) in [
            (0, "Thu, 01 Jan 1970 00:00:00 +0000", "1970-01-01T00:00:00Z"),
            (-1, "Wed, 31 Dec 1969 23:59:59 +0000", "1969-12-31T23:59:59Z"),
            (951_782_399, "Mon, 28 Feb 2000 23:59:59 +0000", "2000-02-28T23:59:59Z"),
            (951_782_400, "Tue, 29 Feb 2000 00:00:00 +0000", "2000-02-29T00:00:00Z"),
            (1_795_332_316, "Sun, 22 Nov 2026 07:25:16 +0000", "2026-11-22T07:25:16Z"),
            (4_107_542_399, "Sun, 28 Feb 2100 23:59:59 +0000", "2100-02-28T23:59:59Z"),
            (4_107_542_400, "Mon, 01 Mar 2100 00:00:00 +0000", "2100-03-01T00:00:00Z"),
            (i64::MAX, "Fri, 31 Dec 9999 23:59:59 +0000", "9999-12-31T23:59:59Z"),
            (i64::MIN, "Mon, 01 Jan 0001 00:00:00 +0000", "0001-01-01T00:00:00Z"),
        ] {
            let time = CivilTime::from_unix(secs);
            assert_eq!((time.rfc2822(), time.to_string()), (mail.into(), iso.into()));
        }
        assert_eq!(CivilTime::from_unix(1_795_332_316).plain(), "22 Nov 2026, 07:25");
    }

    #[test]
    fn from_and_to_seconds_undo_each_other_in_order() {
        let ends = [CivilTime::FIRST_UNIX, CivilTime::LAST_UNIX];
        let days = (-719_000..2_932_000).step_by(97).map(|day| day * DAY + day.rem_euclid(DAY));
        let centuries = (0..150_000).map(|day| day * DAY + day % DAY);
        for secs in days.chain(centuries).chain(ends) {
            let time = CivilTime::from_unix(secs);
            assert_eq!(time.to_unix(), secs);
            assert!(
                CivilTime::from_unix(secs - 1) <= time && time <= CivilTime::from_unix(secs + 1)
            );
        }
    }

    #[test]
    fn agrees_with_httpdate() {
        for day in (0..120_000).step_by(17) {
            let secs = day * 86_400 + day % 86_400;
            let other = httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(secs));
            let own = CivilTime::from_unix(secs as i64).rfc2822();
            assert_eq!(own.replace("+0000", "GMT"), other);
        }
    }

    #[test]
    fn fields_beyond_their_limits_count_on() {
        let april = CivilTime { year: 2026, month: 4, day: 31, hour: 24, minute: 60, second: 60 };
        assert_eq!(CivilTime::from_unix(april.to_unix()).to_string(), "2026-05-02T01:01:00Z");
        let nothing = CivilTime { year: 0, month: 0, day: 0, hour: 0, minute: 0, second: 0 };
        assert!(nothing.to_unix() < CivilTime::FIRST_UNIX);
        let most = u8::MAX;
        let full = CivilTime {
            year: u16::MAX,
            month: most,
            day: most,
            hour: most,
            minute: most,
            second: most,
        };
        assert!(full.to_unix() > CivilTime::LAST_UNIX);
        full.rfc2822();
    }
}
