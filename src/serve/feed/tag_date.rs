//! Dates as tags give them: often only a year.

use crate::identity::CivilTime;

/// A date out of a tag, as far as it was given; in UTC unless the tag says otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TagDate {
    pub year: u16,
    pub month: Option<u8>,
    pub day: Option<u8>,
    /// Seconds since midnight.
    pub time: i64,
}

/// Octets of the longest date, `2026-11-22T07:25:16`.
const LONGEST: usize = 19;

impl TagDate {
    /// Reads `2026`, `2026-11`, `2026-11-22` or `2026-11-22T07:25:16`, also with dots or without
    /// anything between the numbers. What cannot be read is as if it were not there, except the year.
    pub(super) fn parse(text: &str) -> Option<TagDate> {
        let text = text.trim_ascii_start().as_bytes();
        let text = text.get(..LONGEST).unwrap_or(text);
        let separated = text.iter().any(|octet| b"-.:".contains(octet));
        let (year, mut rest) = text.split_at_checked(4)?;
        if !year.iter().all(u8::is_ascii_digit) {
            return None;
        }
        let year = year.iter().fold(0, |year, digit| year * 10 + u16::from(digit - b'0'));
        let mut next = |separators: &[u8]| {
            let part = match rest.split_first()? {
                (first, part) if separators.contains(first) => part,
                _ if !separated && separators != b"T" => rest,
                _ => return None,
            };
            // numbers may be padded with a space
            let is_part = |octet: &&u8| octet.is_ascii_digit() || separated && **octet == b' ';
            let count = part.iter().take(2).take_while(is_part).count();
            let number = str::from_utf8(part.get(..count)?).ok()?.trim_ascii().parse().ok()?;
            rest = part.get(count..)?;
            Some(number)
        };
        let month = next(b"-.");
        let day = month.and_then(|_| next(b"-."));
        let hour = day.and_then(|_| next(b"T"));
        let minute = hour.and_then(|_| next(b":"));
        let second = minute.and_then(|_| next(b":"));
        let seconds = |part: Option<u8>, unit| part.map_or(0, |number| i64::from(number) * unit);
        let time = seconds(hour, 3600) + seconds(minute, 60) + seconds(second, 1);
        Some(TagDate { year, month, day, time })
    }

    /// The moment meant. What is written "2024" or "2024-05" names none: `modified`, the time the file
    /// was last written, is taken if it lies in that year or month, else its first day.
    pub(super) fn resolve(self, modified: CivilTime) -> Option<CivilTime> {
        let TagDate { year, month, day, time } = self;
        let known = (1..=9999).contains(&year)
            && month.is_none_or(|month| (1..=12).contains(&month))
            && day.is_none_or(|day| (1..=31).contains(&day));
        if !known {
            return None;
        }
        let same = modified.year == year && month.is_none_or(|month| month == modified.month);
        if day.is_none() && same {
            return Some(modified);
        }
        let (month, day) = (month.unwrap_or(1), day.unwrap_or(1));
        let midnight = CivilTime { year, month, day, hour: 0, minute: 0, second: 0 };
        Some(CivilTime::from_unix(midnight.to_unix() + time))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn on(year: u16, month: Option<u8>, day: Option<u8>) -> TagDate {
        TagDate { year, month, day, time: 0 }
    }

    #[test]
    fn a_vague_date_takes_the_time_of_writing_where_it_fits() {
        let modified = CivilTime::from_unix(1_795_332_316);
        let resolved = |date: TagDate| date.resolve(modified).map(|time| time.to_string());
        let first_of = |month: &str| Some(format!("{month}-01T00:00:00Z"));
        assert_eq!(on(2026, None, None).resolve(modified), Some(modified));
        assert_eq!(on(2026, Some(11), None).resolve(modified), Some(modified));
        assert_eq!(resolved(on(2026, Some(10), None)), first_of("2026-10"));
        assert_eq!(resolved(on(1999, None, None)), first_of("1999-01"));
        assert_eq!(resolved(on(2026, Some(11), Some(1))), first_of("2026-11"));
        assert_eq!(resolved(on(2026, Some(13), None)), None);
        assert_eq!(resolved(on(2026, None, Some(32))), None);
        assert_eq!(resolved(on(0, None, None)), None);
    }

    #[test]
    fn dates_are_read_as_far_as_they_go() {
        let parsed = |text: &str| {
            let date = TagDate::parse(text)?;
            Some((date.year, date.month, date.day, date.time))
        };
        assert_eq!(parsed(" 2026"), Some((2026, None, None, 0)));
        assert_eq!(parsed("2026-11"), Some((2026, Some(11), None, 0)));
        assert_eq!(parsed("2026.11.22"), Some((2026, Some(11), Some(22), 0)));
        assert_eq!(parsed("20261122"), Some((2026, Some(11), Some(22), 0)));
        assert_eq!(parsed("2026-11-22T07"), Some((2026, Some(11), Some(22), 7 * 3600)));
        assert_eq!(parsed("2026-11-22T07:25:16.5Z"), Some((2026, Some(11), Some(22), 26_716)));
        assert_eq!(parsed("20261122T072516"), Some((2026, Some(11), Some(22), 26_716)));
        assert_eq!(parsed("2026-1-2"), Some((2026, Some(1), Some(2), 0)));
        assert_eq!(parsed("2026- 1- 2"), Some((2026, Some(1), Some(2), 0)));
        assert_eq!(parsed("2026-11-22 07:25:16"), Some((2026, Some(11), Some(22), 0)));
        assert_eq!(parsed("2026-xx-22"), Some((2026, None, None, 0)));
        assert_eq!(parsed("2026 12"), Some((2026, None, None, 0)));
        assert_eq!(parsed("2026/27"), Some((2026, None, None, 0)));
        for none in ["", "26", "1 May 2026", "\u{663}\u{660}\u{662}\u{666}"] {
            assert_eq!(parsed(none), None, "{none}");
        }
    }

    #[test]
    fn the_time_of_day_may_lead_into_another_day() {
        let late = TagDate { year: 2026, month: Some(12), day: Some(31), time: 90_000 };
        let resolved = late.resolve(CivilTime::from_unix(0)).unwrap();
        assert_eq!(resolved.to_string(), "2027-01-01T01:00:00Z");
    }
}
