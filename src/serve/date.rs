//! Calendar dates of the UTC day and minute, for pages and archives.

use std::fmt;

/// A second of the Gregorian calendar, in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Date {
    pub(super) year: i64,
    /// 1 to 12.
    pub(super) month: u8,
    /// 1 to 31.
    pub(super) day: u8,
    pub(super) hour: u8,
    pub(super) minute: u8,
    pub(super) second: u8,
}

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

impl Date {
    /// From seconds since 1970. Years are counted from March, so that the leap day is the last of its
    /// year, in eras of 400 years, which all have the same number of days.
    pub(super) fn from_unix(secs: i64) -> Date {
        let days = secs.div_euclid(86_400) + 719_468; // since 0000-03-01
        let (era, day) = (days.div_euclid(146_097), days.rem_euclid(146_097));
        let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
        let day = day - (365 * year + year / 4 - year / 100);
        let month = (5 * day + 2) / 153; // from March
        let day = day - (153 * month + 2) / 5 + 1;
        let (month, next) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
        let of_day = secs.rem_euclid(86_400);
        let small = |number: i64| u8::try_from(number).unwrap_or_default(); // all below 60
        Date {
            year: era * 400 + year + next,
            month: small(month),
            day: small(day),
            hour: small(of_day / 3_600),
            minute: small(of_day / 60 % 60),
            second: small(of_day % 60),
        }
    }

    /// As people write it: `22 Nov 2026, 07:25`.
    pub(super) fn plain(&self) -> String {
        let Date { year, day, hour, minute, .. } = self;
        let month = MONTHS[usize::from(self.month.clamp(1, 12)) - 1];
        format!("{day} {month} {year}, {hour:02}:{minute:02}")
    }
}

impl fmt::Display for Date {
    /// RFC 3339: `2026-11-22T07:25:14Z`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Date { year, month, day, hour, minute, second } = self;
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;

    #[test]
    fn known_days() {
        for (secs, date) in [
            (0, "1970-01-01T00:00:00Z"),
            (-1, "1969-12-31T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (4_107_542_399, "2100-02-28T23:59:59Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
            (1_795_332_314, "2026-11-22T07:25:14Z"),
        ] {
            assert_eq!(Date::from_unix(secs).to_string(), date);
        }
        assert_eq!(Date::from_unix(1_795_332_314).plain(), "22 Nov 2026, 07:25");
        Date::from_unix(i64::MAX / 2).plain();
        Date::from_unix(i64::MIN / 2).plain();
    }

    #[test]
    fn agrees_with_httpdate_over_centuries() {
        for days in (0..120_000).step_by(17) {
            let secs = days * 86_400 + days % 86_400;
            let other = httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(secs));
            let date = Date::from_unix(secs as i64);
            let month = MONTHS[usize::from(date.month) - 1];
            let own = format!(
                "{:02} {month} {} {:02}:{:02}",
                date.day, date.year, date.hour, date.minute
            );
            assert!(other.contains(&own), "{other} {own}");
        }
    }
}
