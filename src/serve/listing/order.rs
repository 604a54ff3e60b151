//! The order of entries in a listing: folders first, then by name, size or time.

use std::{cmp::Ordering, ffi::OsStr, fmt};

use super::scan::Entry;

/// What entries are sorted by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Key {
    #[default]
    Name,
    Size,
    Time,
}

/// Which end comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Direction {
    Ascending,
    Descending,
}

/// Sorts. Folders have no size and stay sorted by name when sizes are asked for.
pub(super) fn sort(entries: &mut [Entry], key: Key, direction: Direction) {
    entries.sort_by(|a, b| {
        let folders_first = b.is_folder.cmp(&a.is_folder);
        let (x, y) = (a.measure, b.measure);
        let by_key = match key {
            Key::Name => Ordering::Equal,
            Key::Size if a.is_folder => Ordering::Equal,
            Key::Size => x.map(|m| m.size).cmp(&y.map(|m| m.size)),
            Key::Time => x.map(|m| m.modified).cmp(&y.map(|m| m.modified)),
        };
        let by_name = by_name(&a.name, &b.name);
        folders_first.then(match (key, direction) {
            (Key::Name, Direction::Descending) => by_name.reverse(),
            (_, Direction::Descending) => by_key.reverse().then(by_name),
            (_, Direction::Ascending) => by_key.then(by_name),
        })
    });
}

impl Key {
    /// What people mostly look for: the first name, the largest file, the latest change.
    pub(super) fn natural_direction(self) -> Direction {
        match self {
            Key::Name => Direction::Ascending,
            Key::Size | Key::Time => Direction::Descending,
        }
    }
}

impl Direction {
    pub(super) fn reverse(self) -> Direction {
        match self {
            Direction::Ascending => Direction::Descending,
            Direction::Descending => Direction::Ascending,
        }
    }
}

/// As people sort: case does not count, and `2` comes before `10`.
fn by_name(a: &OsStr, b: &OsStr) -> Ordering {
    let (left, right) = (a.to_string_lossy(), b.to_string_lossy());
    let (mut x, mut y) = (left.as_ref(), right.as_ref());
    loop {
        let (first, second) = (x.chars().next(), y.chars().next());
        let (Some(first), Some(second)) = (first, second) else {
            return first.is_some().cmp(&second.is_some()).then_with(|| a.cmp(b));
        };
        let order = if first.is_ascii_digit() && second.is_ascii_digit() {
            let (number, other) = (take_number(&mut x), take_number(&mut y));
            number.len().cmp(&other.len()).then_with(|| number.cmp(other))
        } else {
            x = &x[first.len_utf8()..];
            y = &y[second.len_utf8()..];
            first.to_lowercase().cmp(second.to_lowercase())
        };
        if order.is_ne() {
            return order;
        }
    }
}

/// Cuts the digits off the beginning and gives them without leading zeros.
fn take_number<'a>(text: &mut &'a str) -> &'a str {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, rest) = text.split_at(end);
    *text = rest;
    number.trim_start_matches('0')
}

impl fmt::Display for Key {
    /// As queries have it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Key::Name => "name",
            Key::Size => "size",
            Key::Time => "time",
        })
    }
}

impl fmt::Display for Direction {
    /// As queries have it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Direction::Ascending => "asc",
            Direction::Descending => "desc",
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::serve::listing::scan::Measure;

    #[test]
    fn names_sort_as_people_do() {
        let mut names =
            ["b", "Episode 10", "episode 2", "a", "Z", "episode 02", "\u{e9}", "episode"];
        names.sort_by(|a, b| by_name(OsStr::new(a), OsStr::new(b)));
        assert_eq!(
            names,
            ["a", "b", "episode", "episode 02", "episode 2", "Episode 10", "Z", "\u{e9}"]
        );
    }

    #[test]
    fn folders_first_in_every_order() {
        let entry = |name: &str, is_folder, size| Entry {
            name: name.into(),
            is_folder,
            measure: Some(Measure { size, modified: -(size as i64) }),
        };
        let mut entries =
            [entry("a", false, 1), entry("b", false, 3), entry("y", true, 5), entry("x", true, 9)];
        let mut names = |key, direction| {
            sort(&mut entries, key, direction);
            entries.iter().map(|entry| entry.name.to_str().unwrap().to_owned()).collect::<String>()
        };
        assert_eq!(names(Key::Name, Direction::Ascending), "xyab");
        assert_eq!(names(Key::Name, Direction::Descending), "yxba");
        assert_eq!(names(Key::Size, Direction::Descending), "xyba");
        assert_eq!(names(Key::Size, Direction::Ascending), "xyab");
        assert_eq!(names(Key::Time, Direction::Descending), "yxab");
    }

    proptest! {
        #[test]
        fn the_order_of_names_is_total(mut names in proptest::collection::vec("[aAbB019é\u{130}-]{0,5}", 3..20)) {
            names.sort_by(|a, b| by_name(OsStr::new(a), OsStr::new(b))); // panics where it is not
            for (i, a) in names.iter().enumerate() {
                for b in &names[i..] {
                    prop_assert!(by_name(OsStr::new(a), OsStr::new(b)).is_le());
                    prop_assert_eq!(by_name(OsStr::new(a), OsStr::new(b)).is_eq(), a == b);
                }
            }
        }
    }
}
