//! What an authority has issued: the book that lies beside its key, and from which serials and revocation
//! lists are made.
//!
//! ```text
//! # serial  name  key  from  until  state
//! lists 7
//! 1 bob@example.com 7zk2…(52 characters) 2026-11-22T07:25:18Z 2027-11-22T07:25:18Z valid
//! ```

use std::fmt;

use super::certificate::Certificate;
use super::revocations::Revocations;
use crate::identity::{Fingerprint, Name, PublicKey, PublicKeyFile, Timestamp};

/// One certificate that was issued.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issued {
    /// Its serial.
    pub serial: u32,
    /// For whom.
    pub name: Name,
    /// For which key.
    pub key: PublicKey,
    /// From when, in whole seconds.
    pub from: Timestamp,
    /// Until when, in whole seconds.
    pub until: Timestamp,
    /// Whether it has been taken back.
    pub is_revoked: bool,
}

/// All certificates that an authority has issued, in the order of their serials.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ledger {
    issued: Vec<Issued>,
    lists: u32,
}

const HEADER: &str = "# serial  name  key  from  until  state\n";

impl Ledger {
    /// How many certificates an authority can issue.
    pub const CAPACITY: usize = 100_000;
    /// The longest text form in octets that is read.
    pub const MAX_TEXT: usize = Ledger::CAPACITY * 200;

    /// Nothing issued.
    pub fn new() -> Ledger {
        Ledger::default()
    }

    /// All that was issued.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Issued> {
        self.issued.iter()
    }

    /// The newest certificate of a name.
    pub fn newest_of(&self, name: &Name) -> Option<&Issued> {
        self.issued.iter().rev().find(|issued| issued.name == *name)
    }

    /// Writes down a new certificate under the next serial, to be signed by `authority`.
    ///
    /// # Errors
    /// When there are [`Ledger::CAPACITY`].
    pub fn issue(
        &mut self,
        name: Name,
        key: PublicKey,
        from: Timestamp,
        until: Timestamp,
        authority: Fingerprint,
    ) -> Result<Certificate, LedgerError> {
        if self.issued.len() >= Ledger::CAPACITY {
            return Err(LedgerError::Full);
        }
        let serial = self.issued.last().map_or(Some(1), |last| last.serial.checked_add(1));
        let serial = serial.ok_or(LedgerError::Full)?;
        let whole = |time: Timestamp| Timestamp::from_secs(time.as_secs());
        let (from, until) = (whole(from), whole(until));
        let issued = Issued { serial, name: name.clone(), key, from, until, is_revoked: false };
        self.issued.push(issued);
        Ok(Certificate { name, key, from, until, serial, authority })
    }

    /// Takes back the certificate of a serial; false if it was taken back before or there is none.
    pub fn revoke(&mut self, serial: u32) -> bool {
        let found = self.issued.iter_mut().find(|issued| issued.serial == serial);
        found.is_some_and(|issued| !std::mem::replace(&mut issued.is_revoked, true))
    }

    /// The next revocation list: all that is taken back and has not expired long ago.
    pub fn next_list(
        &mut self,
        now: Timestamp,
        authority: Fingerprint,
        next: Option<PublicKeyFile>,
    ) -> Revocations {
        self.lists = self.lists.saturating_add(1);
        // a clock that is late still takes an expired certificate for valid
        let counts =
            |issued: &&Issued| issued.is_revoked && now.since(issued.until).as_secs() < DAY;
        let serials = self.issued.iter().filter(counts).map(|issued| issued.serial).collect();
        Revocations { authority, number: self.lists, issued: now, next, serials }
    }

    /// The text form.
    pub fn to_text(&self) -> String {
        let mut text = format!("{HEADER}lists {}\n", self.lists);
        for Issued { serial, name, key, from, until, is_revoked } in &self.issued {
            let (from, until) = (from.to_date_time(), until.to_date_time());
            let state = if *is_revoked { REVOKED } else { VALID };
            text.push_str(&format!("{serial} {name} {key} {from} {until} {state}\n"));
        }
        text
    }

    /// Reads the text form.
    ///
    /// # Errors
    /// Says which line makes no sense: serials rise, and none is forgotten silently.
    pub fn parse(text: &str) -> Result<Ledger, LedgerError> {
        if text.len() > Ledger::MAX_TEXT {
            return Err(LedgerError::Full);
        }
        let mut ledger = Ledger::new();
        let mut last = 0;
        for (index, line) in text.lines().enumerate() {
            if line.trim().is_empty() || line.starts_with('#') {
                continue;
            }
            let wrong = LedgerError::Line(index + 1);
            if let Some(lists) = line.strip_prefix("lists ") {
                ledger.lists = lists.trim().parse().map_err(|_| wrong)?;
                continue;
            }
            let issued = parse_line(line).filter(|issued| issued.serial > last).ok_or(wrong)?;
            last = issued.serial;
            ledger.issued.push(issued);
        }
        Ok(ledger)
    }
}

const VALID: &str = "valid";
const REVOKED: &str = "revoked";
const DAY: u64 = 86_400;

fn parse_line(line: &str) -> Option<Issued> {
    let fields: Vec<&str> = line.split_ascii_whitespace().collect();
    let [serial, name, key, from, until, state] = fields[..] else { return None };
    Some(Issued {
        serial: serial.parse().ok()?,
        name: Name::parse(name).ok()?,
        key: key.parse().ok()?,
        from: Timestamp::parse_date_time(from)?,
        until: Timestamp::parse_date_time(until)?,
        is_revoked: match state {
            VALID => false,
            REVOKED => true,
            _ => return None,
        },
    })
}

/// Why the ledger cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LedgerError {
    /// There are [`Ledger::CAPACITY`] certificates already.
    Full,
    /// A line, counted from 1, makes no sense.
    Line(usize),
}

impl fmt::Display for LedgerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LedgerError::Full => {
                write!(f, "an authority can issue {} certificates", Ledger::CAPACITY)
            }
            LedgerError::Line(number) => write!(f, "line {number} is no certificate issued"),
        }
    }
}

impl std::error::Error for LedgerError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn serials_rise_and_revocations_stay() {
        let mut ledger = Ledger::new();
        let (now, key) = (Timestamp::from_secs(1_795_332_318), PublicKey([1; 32]));
        let until = |days| now.saturating_add(std::time::Duration::from_secs(days * DAY));
        let name = |user: &str| Name::parse(&format!("{user}@example.com")).unwrap();
        for (user, days) in [("bob", 1), ("carol", 400), ("bob", 400)] {
            ledger.issue(name(user), key, now, until(days), key.fingerprint()).unwrap();
        }
        assert_eq!(ledger.newest_of(&name("bob")).unwrap().serial, 3);
        assert!(ledger.revoke(3) && !ledger.revoke(3) && !ledger.revoke(9));
        assert!(ledger.revoke(1));
        let list = ledger.next_list(now, key.fingerprint(), None);
        assert_eq!((list.number, &list.serials[..]), (1, &[1, 3][..]));
        let list = ledger.next_list(until(3), key.fingerprint(), None);
        assert_eq!((list.number, &list.serials[..]), (2, &[3][..]), "expired ones drop out");
        assert_eq!(Ledger::parse(&ledger.to_text()), Ok(ledger.clone()));
        let swapped = ledger.to_text().replace("\n2 carol", "\n1 carol");
        assert_eq!(Ledger::parse(&swapped), Err(LedgerError::Line(4)));
    }
}
