//! Which contacts are there for contacts only: the file `private` of the home, a line each.
//!
//! Who asks an overlay for somebody in the open and for a sealed place at the same time tells it whose place that
//! is. So whoever was found sealed, or whose share link says so, is not looked for in the open for some days, not even
//! when he is away.

use std::{fmt, time::Duration};

use super::{Book, Pages};
use crate::daemon::home::Home;
use crate::identity::{PublicKey, SortedMap, Timestamp};
use crate::trust::Contacts;

/// The private contacts of a home.
#[derive(Debug)]
pub(in crate::daemon) struct PrivateContacts {
    book: Book<Seen>,
}

/// When each key was found sealed last.
#[derive(Debug, Default)]
struct Seen(SortedMap<PublicKey, Timestamp>);

/// For how long somebody is not looked for in the open after having been found sealed.
const COUNTS_FOR: Duration = Duration::from_secs(3 * 86_400);
/// How often it is written down that somebody was.
const WRITE_INTERVAL: Duration = Duration::from_secs(6 * 3600);

impl PrivateContacts {
    /// Those of a home; there may be none yet.
    pub(in crate::daemon) fn new(home: &Home) -> PrivateContacts {
        PrivateContacts { book: Book::new(home, "private") }
    }

    /// Whether the owner of a key must not be looked for in the open.
    pub(in crate::daemon) fn holds(&self, key: &PublicKey, wall: Timestamp) -> bool {
        let seen = self.book.pages().ok();
        let seen = seen.and_then(|seen| seen.0.get(key).copied());
        seen.is_some_and(|seen| wall.since(seen) < COUNTS_FOR)
    }

    /// Takes note that the owner of a key was found sealed.
    pub(in crate::daemon) fn note(&self, key: PublicKey, wall: Timestamp) {
        let known = self.book.pages().unwrap_or_default();
        if known.0.get(&key).is_some_and(|seen| wall.since(*seen) < WRITE_INTERVAL) {
            return;
        }
        let noted = self.book.change(|seen| {
            seen.0.retain(|_, seen| wall.since(*seen) < COUNTS_FOR);
            if seen.0.len() < Contacts::CAPACITY {
                seen.0.insert(key, wall);
            }
            Ok(())
        });
        if let Err(error) = noted {
            log::warn!("{error}");
        }
    }

    /// Looks for the owner of a key everywhere again.
    pub(in crate::daemon) fn forget(&self, key: &PublicKey) {
        if self.book.pages().is_ok_and(|seen| !seen.0.contains_key(key)) {
            return;
        }
        let forgotten = self.book.change(|seen| Ok(seen.0.remove(key).is_some()));
        if let Err(error) = forgotten {
            log::warn!("{error}");
        }
    }
}

impl Pages for Seen {
    const MAX_TEXT: usize = Contacts::CAPACITY * 80;
    type Error = NoEntry;

    fn read(text: &str) -> Result<Seen, NoEntry> {
        let entry = |(index, line): (usize, &str)| {
            let entry = line.split_once(' ').and_then(|(key, date)| {
                Some((key.parse().ok()?, Timestamp::parse_date_time(date)?))
            });
            entry.ok_or(NoEntry { line: index + 1 })
        };
        text.lines().enumerate().map(entry).collect::<Result<_, _>>().map(Seen)
    }

    fn write(&self) -> String {
        let line =
            |(key, seen): (&PublicKey, &Timestamp)| format!("{key} {}\n", seen.to_date_time());
        self.0.iter().map(line).collect()
    }
}

/// A line that is no key and a date.
#[derive(Debug)]
struct NoEntry {
    line: usize,
}

impl fmt::Display for NoEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: not a key and a date", self.line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WALL: Timestamp = Timestamp::from_secs(1_800_000_000);

    #[test]
    fn who_was_found_sealed_is_private_for_three_days_or_until_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::locate(Some(folder.path())).unwrap();
        let (alice, bob) = (PublicKey([1; 32]), PublicKey([2; 32]));
        PrivateContacts::new(&home).note(alice, WALL);
        let private = PrivateContacts::new(&home);
        let later = |days: u64| WALL.saturating_add(Duration::from_secs(days * 86_400));
        assert!(private.holds(&alice, later(2)) && !private.holds(&bob, WALL));
        assert!(!private.holds(&alice, later(3)));
        private.note(alice, later(2));
        assert!(private.holds(&alice, later(4)), "seen again");
        private.note(bob, later(4));
        private.forget(&alice);
        assert!(!private.holds(&alice, later(4)) && private.holds(&bob, later(4)));
        private.note(alice, later(20));
        let text = std::fs::read_to_string(folder.path().join("private")).unwrap();
        assert_eq!(text.lines().count(), 1, "what counts no more is not kept: {text}");
    }

    #[test]
    fn a_line_that_is_no_entry_is_named() {
        let good = Seen(SortedMap::from_iter([(PublicKey([1; 32]), WALL)])).write();
        assert_eq!(Seen::read(&good).unwrap().0.len(), 1);
        for bad in ["x\n", " 2026-11-22T07:25:18Z\n", &good.replace(' ', "  ")] {
            let error = Seen::read(&format!("{good}{bad}")).unwrap_err();
            assert_eq!(error.to_string(), "line 2: not a key and a date", "{bad}");
        }
    }
}
