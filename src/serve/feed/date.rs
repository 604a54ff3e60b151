//! Dates as tags give them and as feeds write them (RFC 2822, RFC 3339).

/// Seconds since 1970-01-01 UTC, negative before; scanned photographs are older than the epoch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Date(i64);

/// A date out of a tag, as far as it was given; in UTC unless the tag says otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TagDate {
    pub year: i64,
    pub month: Option<u8>,
    pub day: Option<u8>,
    /// Seconds since midnight.
    pub time: i64,
}

const DAY: i64 = 86_400;
const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
/// 1970-01-01 was a Thursday.
const WEEKDAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];

impl Date {
    /// From seconds since 1970; years that have no four digits become the nearest that has.
    pub(super) fn from_secs(secs: i64) -> Date {
        Date(secs.clamp(days_of(1, 1, 1) * DAY, days_of(9999, 12, 31) * DAY + DAY - 1))
    }

    /// As RSS has it: `Sun, 22 Nov 2026 07:25:16 +0000`.
    pub(super) fn rfc2822(self) -> String {
        let (year, month, day) = self.civil();
        let weekday = WEEKDAYS[self.0.div_euclid(DAY).rem_euclid(7) as usize];
        let month = MONTHS[month as usize - 1];
        format!("{weekday}, {day:02} {month} {year:04} {} +0000", self.clock())
    }

    /// As JSON Feed has it: `2026-11-22T07:25:16Z`.
    pub(super) fn rfc3339(self) -> String {
        let (year, month, day) = self.civil();
        format!("{year:04}-{month:02}-{day:02}T{}Z", self.clock())
    }

    fn clock(self) -> String {
        let time = self.0.rem_euclid(DAY);
        format!("{:02}:{:02}:{:02}", time / 3600, time / 60 % 60, time % 60)
    }

    /// Year, month and day of the proleptic Gregorian calendar.
    fn civil(self) -> (i64, i64, i64) {
        // counted from 0000-03-01 in eras of 400 years, so that the leap day is a year's last
        let days = self.0.div_euclid(DAY) + 719_468;
        let era = days.div_euclid(146_097);
        let day_of_era = days.rem_euclid(146_097);
        let year_of_era =
            (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let shifted = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * shifted + 2) / 5 + 1;
        let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
        (year_of_era + era * 400 + i64::from(month <= 2), month, day)
    }
}

impl TagDate {
    /// The moment meant. What is written "2024" or "2024-05" names none: `modified`, the time the file
    /// was last written, is taken if it lies in that year or month, else its first day.
    pub(super) fn resolve(self, modified: Date) -> Option<Date> {
        let month = i64::from(self.month.unwrap_or(1));
        let day = i64::from(self.day.unwrap_or(1));
        let known = (1..=9999).contains(&self.year) && (1..=12).contains(&month);
        if !known || !(1..=31).contains(&day) {
            return None;
        }
        let (year, modified_month, _) = modified.civil();
        let same = year == self.year && self.month.is_none_or(|m| i64::from(m) == modified_month);
        if self.day.is_none() && same {
            return Some(modified);
        }
        Some(Date::from_secs(days_of(self.year, month, day) * DAY + self.time))
    }
}

/// Days from 1970-01-01 to a day of the proleptic Gregorian calendar.
fn days_of(year: i64, month: i64, day: i64) -> i64 {
    let year = year - i64::from(month <= 2);
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let shifted = if month > 2 { month - 3 } else { month + 9 };
    let day_of_year = (153 * shifted + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    fn on(year: i64, month: Option<u8>, day: Option<u8>) -> TagDate {
        TagDate { year, month, day, time: 0 }
    }

    #[test]
    fn writes_dates_of_all_ages() {
        let rows = [
            (0, "Thu, 01 Jan 1970 00:00:00 +0000", "1970-01-01T00:00:00Z"),
            (-1, "Wed, 31 Dec 1969 23:59:59 +0000", "1969-12-31T23:59:59Z"),
            (951_827_696, "Tue, 29 Feb 2000 12:34:56 +0000", "2000-02-29T12:34:56Z"),
            (1_795_332_316, "Sun, 22 Nov 2026 07:25:16 +0000", "2026-11-22T07:25:16Z"),
            (i64::MAX, "Fri, 31 Dec 9999 23:59:59 +0000", "9999-12-31T23:59:59Z"),
            (i64::MIN, "Mon, 01 Jan 0001 00:00:00 +0000", "0001-01-01T00:00:00Z"),
        ];
        for (secs, mail, iso) in rows {
            let date = Date::from_secs(secs);
            assert_eq!((date.rfc2822(), date.rfc3339()), (mail.into(), iso.into()));
        }
    }

    #[test]
    fn days_and_civil_undo_each_other() {
        for day in (-800_000..3_000_000).step_by(97) {
            let (year, month, date) = Date(day * DAY).civil();
            assert_eq!(days_of(year, month, date), day);
        }
    }

    #[test]
    fn a_vague_date_takes_the_time_of_writing_where_it_fits() {
        let modified = Date::from_secs(1_795_332_316);
        let first_of = |y, m| Some(Date::from_secs(days_of(y, m, 1) * DAY));
        assert_eq!(on(2026, None, None).resolve(modified), Some(modified));
        assert_eq!(on(2026, Some(11), None).resolve(modified), Some(modified));
        assert_eq!(on(2026, Some(10), None).resolve(modified), first_of(2026, 10));
        assert_eq!(on(1999, None, None).resolve(modified), first_of(1999, 1));
        assert_eq!(on(2026, Some(11), Some(1)).resolve(modified), first_of(2026, 11));
        assert_eq!(on(2026, Some(13), None).resolve(modified), None);
        assert_eq!(on(0, None, None).resolve(modified), None);
    }
}
