//! The order of entries in a listing: folders first, then by name, size or time.

use std::ffi::OsStr;

use super::scan::Entry;
use crate::serve::query::{Direction, Key};

/// Sorts. Folders have no size and stay sorted by name when sizes are asked for.
pub(super) fn sort(entries: &mut [Entry], key: Key, direction: Direction) {
    // keys are made once: comparing names as people do costs more than comparing octets
    entries.sort_by_cached_key(|entry| {
        let value = entry.measure.map_or(0, |measure| match key {
            Key::Name => 0,
            Key::Size if entry.is_folder => 0,
            Key::Size => i128::from(measure.size),
            Key::Time => i128::from(measure.modified),
        });
        let value = if direction == Direction::Descending { -value } else { value };
        (!entry.is_folder, value, name_key(&entry.name), entry.name.clone())
    });
    if (key, direction) == (Key::Name, Direction::Descending) {
        let files = entries.partition_point(|entry| entry.is_folder);
        entries[..files].reverse();
        entries[files..].reverse();
    }
}

/// Octets that compare as people sort: case does not count, and `2` comes before `10`. A number stands
/// as a zero, the count of its digits and the digits, so that it takes its place among other characters.
fn name_key(name: &OsStr) -> Vec<u8> {
    let name = name.to_string_lossy();
    let mut rest = name.as_ref();
    let mut key = Vec::with_capacity(rest.len() + 4);
    while let Some(first) = rest.chars().next() {
        if first.is_ascii_digit() {
            let number = take_number(&mut rest);
            key.push(b'0');
            key.push(u8::try_from(number.len()).unwrap_or(u8::MAX)); // names have 255 octets
            key.extend(number.bytes());
        } else {
            rest = &rest[first.len_utf8()..];
            first.to_lowercase().for_each(|c| key.extend(c.encode_utf8(&mut [0; 4]).bytes()));
        }
    }
    key
}

/// Cuts the digits off the beginning and gives them without leading zeros.
fn take_number<'a>(text: &mut &'a str) -> &'a str {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, rest) = text.split_at(end);
    *text = rest;
    number.trim_start_matches('0')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::serve::listing::scan::Measure;

    #[test]
    fn names_sort_as_people_do() {
        let mut names =
            ["b", "Episode 10", "episode 2", "a", "Z", "episode 02", "\u{e9}", "episode"];
        names.sort_by_key(|name| (name_key(OsStr::new(name)), *name));
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
}
