//! The `Range` field (RFC 9110, section 14): which octets of a file of known length are asked for.
//!
//! Pure. Whether the field counts at all (method, preconditions, `If-Range`) is decided elsewhere.

use std::ops::Range;

/// What a `Range` field asks of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Selection {
    /// Everything: the field is malformed, in another unit, or asks for too many pieces.
    Whole,
    /// One or more pieces, not empty, not touching each other, in the order they were asked for.
    Parts(Vec<Range<u64>>),
    /// No piece lies within the file.
    Unsatisfiable,
}

/// More pieces than this are answered with the whole file: no player needs them, attackers do.
const MAX_PARTS: usize = 16;
/// A field with more pieces than this before coalescing is not even read on.
const MAX_ASKED: usize = 128;
/// Pieces nearer than this are sent as one: the head of a part costs as much.
const GAP: u64 = 128;

/// Reads the field's value for a file of `length` octets.
pub(super) fn select(value: &str, length: u64) -> Selection {
    let Some((unit, set)) = value.split_once('=') else { return Selection::Whole };
    if !unit.trim().eq_ignore_ascii_case("bytes") {
        return Selection::Whole;
    }
    let mut parts = Vec::new();
    let mut asked = 0;
    for spec in set.split(',').map(str::trim).filter(|spec| !spec.is_empty()) {
        asked += 1;
        match read(spec, length) {
            _ if asked > MAX_ASKED => return Selection::Whole,
            None => return Selection::Whole,
            Some(part) if part.is_empty() => {}
            Some(part) => coalesce(&mut parts, part),
        }
    }
    match parts.len() {
        0 if asked == 0 => Selection::Whole,
        0 => Selection::Unsatisfiable,
        1..=MAX_PARTS => Selection::Parts(parts),
        _ => Selection::Whole,
    }
}

/// One piece, empty if it lies outside of the file; None if it is malformed.
fn read(spec: &str, length: u64) -> Option<Range<u64>> {
    let (first, last) = spec.split_once('-')?;
    if first.is_empty() {
        let suffix = number(last)?;
        return Some(length.saturating_sub(suffix)..length);
    }
    let first = number(first)?;
    let last = if last.is_empty() { u64::MAX } else { number(last)? };
    if last < first {
        return None;
    }
    Some(first.min(length)..last.saturating_add(1).min(length))
}

/// Digits only, unlike `str::parse`; a number that does not fit is as good as the largest one.
fn number(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|digit| digit.is_ascii_digit());
    digits.then(|| text.parse().unwrap_or(u64::MAX))
}

/// Adds a piece, together with all those that it touches, at the place of the first of them.
fn coalesce(parts: &mut Vec<Range<u64>>, mut part: Range<u64>) {
    let mut place = parts.len();
    let mut at = 0;
    while at < parts.len() {
        let other = &parts[at];
        if part.start <= other.end.saturating_add(GAP)
            && other.start <= part.end.saturating_add(GAP)
        {
            part = part.start.min(other.start)..part.end.max(other.end);
            parts.remove(at);
            place = place.min(at);
            at = 0; // it grew and may touch those before
        } else {
            at += 1;
        }
    }
    parts.insert(place.min(parts.len()), part);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parts<const N: usize>(parts: [(u64, u64); N]) -> Selection {
        Selection::Parts(parts.map(|(start, end)| start..end).to_vec())
    }

    #[test]
    fn reads_single_ranges() {
        assert_eq!(select("bytes=0-9", 100), parts([(0, 10)]));
        assert_eq!(select("Bytes = 0-9", 100), parts([(0, 10)]));
        assert_eq!(select("bytes=90-", 100), parts([(90, 100)]));
        assert_eq!(select("bytes=90-500", 100), parts([(90, 100)]));
        assert_eq!(select("bytes=-5", 100), parts([(95, 100)]));
        assert_eq!(select("bytes=-500", 100), parts([(0, 100)]));
        assert_eq!(select("bytes=0-99999999999999999999999", 100), parts([(0, 100)]));
        assert_eq!(select("bytes=,0-0, ,", 100), parts([(0, 1)]));
    }

    #[test]
    fn tells_unsatisfiable_from_malformed() {
        for value in [
            "bytes=100-",
            "bytes=100-200",
            "bytes=-0",
            "bytes=99999999999999999999999-",
            "bytes=200-,300-",
        ] {
            assert_eq!(select(value, 100), Selection::Unsatisfiable, "{value}");
        }
        assert_eq!(select("bytes=0-", 0), Selection::Unsatisfiable);
        for value in [
            "",
            "bytes",
            "bytes=",
            "bytes=,",
            "bytes=-",
            "bytes=a-b",
            "bytes=9-0",
            "bytes=+1-5",
            "bytes=1-+5",
            "bytes=1 - 5",
            "bytes=0x1-5",
            "lines=0-9",
            "bytes=0-9,x",
            "bytes=1--5",
            "bytes=500-9",
        ] {
            assert_eq!(select(value, 100), Selection::Whole, "{value}");
        }
    }

    #[test]
    fn keeps_order_and_joins_what_touches() {
        assert_eq!(select("bytes=5000-5009,0-9", 10_000), parts([(5000, 5010), (0, 10)]));
        assert_eq!(select("bytes=0-9,5-19", 10_000), parts([(0, 20)]));
        assert_eq!(select("bytes=0-9,60-99", 10_000), parts([(0, 100)]));
        assert_eq!(select("bytes=0-9,4000-4009,5-4100", 10_000), parts([(0, 4101)]));
        assert_eq!(select("bytes=0-9,20000-", 10_000), parts([(0, 10)]));
    }

    #[test]
    fn many_pieces_are_not_worth_it() {
        let field = |count: u64| {
            let specs: Vec<_> = (0..count).map(|i| format!("{}-{}", i * 1000, i * 1000)).collect();
            format!("bytes={}", specs.join(","))
        };
        assert!(
            matches!(select(&field(16), 1_000_000), Selection::Parts(parts) if parts.len() == 16)
        );
        assert_eq!(select(&field(17), 1_000_000), Selection::Whole);
        let same = format!("bytes={}", vec!["0-0"; 128].join(","));
        assert_eq!(select(&same, 10), parts([(0, 1)]));
        assert_eq!(select(&format!("{same},0-0"), 10), Selection::Whole);
    }

    proptest! {
        #[test]
        fn never_panics(value in "(bytes=)?[-0-9, a=]{0,60}", length: u64) {
            select(&value, length);
        }

        #[test]
        fn selects_exactly_what_was_asked_and_small_gaps(
            asked in proptest::collection::vec((0u64..3000, 0u64..400), 1..10),
        ) {
            let length = 2500;
            let specs: Vec<_> = asked.iter().map(|(s, n)| format!("{s}-{}", s + n)).collect();
            let wanted = |at: u64| asked.iter().any(|(s, n)| (*s..=s + n).contains(&at));
            match select(&format!("bytes={}", specs.join(",")), length) {
                Selection::Parts(parts) => {
                    for at in 0..length {
                        let holders = parts.iter().filter(|part| part.contains(&at)).count();
                        prop_assert!(holders <= 1);
                        prop_assert!(holders == 1 || !wanted(at));
                    }
                    for part in &parts {
                        prop_assert!(wanted(part.start) && wanted(part.end - 1) && part.end <= length);
                    }
                }
                Selection::Unsatisfiable => prop_assert!(asked.iter().all(|(s, _)| *s >= length)),
                Selection::Whole => prop_assert!(false, "ten pieces are not too many"),
            }
        }
    }
}
