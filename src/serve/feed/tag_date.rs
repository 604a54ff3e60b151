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

impl TagDate {
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
    fn the_time_of_day_may_lead_into_another_day() {
        let late = TagDate { year: 2026, month: Some(12), day: Some(31), time: 90_000 };
        let resolved = late.resolve(CivilTime::from_unix(0)).unwrap();
        assert_eq!(resolved.to_string(), "2027-01-01T01:00:00Z");
    }
}
