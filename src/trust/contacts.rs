//! The book of contacts, and its text form that people read and edit.
//!
//! ```text
//! # name  key  binding  since
//! alice@example.com 7zk2…(52 characters) pinned 2026-11-22T07:25:18Z
//! ```
//!
//! A fifth word is the person's commitment to the next key, once it has been seen.

use std::{
    collections::{BTreeSet, HashMap},
    fmt,
};

use super::contact::Contact;
use super::succession::Successor;
use crate::identity::{Name, NameError, PublicKey, SortedMap, Timestamp};

/// A person's contacts, ordered by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Contacts {
    by_name: SortedMap<Name, Contact>,
    /// Who visits has a key and no name.
    by_key: HashMap<PublicKey, BTreeSet<Name>>,
    /// Which keys will follow.
    successors: SortedMap<Name, Successor>,
}

/// The first line of the text form.
const HEADER: &str = "# name  key  binding  since\n";

impl Contacts {
    /// How many contacts a book holds.
    pub const CAPACITY: usize = 16_384;
    /// The longest text form in octets that is read: a full book with the longest names.
    pub const MAX_TEXT: usize = Contacts::CAPACITY * 350;

    /// A book without contacts.
    pub fn new() -> Contacts {
        Contacts::default()
    }

    /// The contact of a name.
    pub fn get(&self, name: &Name) -> Option<&Contact> {
        self.by_name.get(name)
    }

    /// The contacts to which a key belongs; one person may have several names.
    pub fn with_key(&self, key: &PublicKey) -> impl Iterator<Item = &Contact> {
        let names = self.by_key.get(key).into_iter().flatten();
        names.filter_map(|name| self.by_name.get(name))
    }

    /// All contacts, ordered by name.
    pub fn iter(&self) -> impl Iterator<Item = &Contact> {
        self.by_name.values()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.by_name.len()
    }

    /// True if there is none.
    pub fn is_empty(&self) -> bool {
        self.by_name.is_empty()
    }

    /// Adds a contact, or strengthens the binding of one that is known with the same key. A weaker
    /// binding changes nothing.
    ///
    /// # Errors
    /// When the name is known with another key, which only [`Contacts::replace`] overrules, or when
    /// the book is full.
    pub fn add(&mut self, contact: Contact) -> Result<(), ContactsError> {
        match self.by_name.get(&contact.name) {
            Some(known) if known.key != contact.key => {
                Err(ContactsError::KeyChanged(Box::new(KeyChanged {
                    known: known.clone(),
                    claimed: contact.key,
                })))
            }
            Some(known) if !contact.binding.is_stronger_than(known.binding) => Ok(()),
            _ => self.replace(contact),
        }
    }

    /// Adds a contact in place of the one with the same name, whatever key that had. For a person's
    /// explicit word only.
    ///
    /// # Errors
    /// When the book is full.
    pub fn replace(&mut self, contact: Contact) -> Result<(), ContactsError> {
        if !self.by_name.contains_key(&contact.name) && self.len() >= Contacts::CAPACITY {
            return Err(ContactsError::Full);
        }
        // the commitment was that of the key
        let is_same = self.get(&contact.name).is_some_and(|known| known.key == contact.key);
        let successor = self.successors.get(&contact.name).copied().filter(|_| is_same);
        self.remove(&contact.name);
        if let Some(successor) = successor {
            self.successors.insert(contact.name.clone(), successor);
        }
        let since = Timestamp::from_secs(contact.since.as_secs());
        self.by_key.entry(contact.key).or_default().insert(contact.name.clone());
        self.by_name.insert(contact.name.clone(), Contact { since, ..contact });
        Ok(())
    }

    /// Removes and gives the contact of a name.
    pub fn remove(&mut self, name: &Name) -> Option<Contact> {
        let removed = self.by_name.remove(name)?;
        self.successors.remove(name);
        if let Some(names) = self.by_key.get_mut(&removed.key) {
            names.remove(name);
            if names.is_empty() {
                self.by_key.remove(&removed.key);
            }
        }
        Some(removed)
    }

    /// Which key will follow that of a contact, if that was heard of.
    pub fn successor_of(&self, name: &Name) -> Option<Successor> {
        self.successors.get(name).copied()
    }

    /// Takes note of which key will follow; the first word counts. False when it changes nothing.
    pub fn note_successor(&mut self, name: &Name, successor: Successor) -> bool {
        if !self.by_name.contains_key(name) || self.successors.contains_key(name) {
            return false;
        }
        self.successors.insert(name.clone(), successor);
        true
    }

    /// Follows a contact to the next key, with the same binding. False when this is not the one that the
    /// contact committed to.
    pub fn succeed(&mut self, name: &Name, key: PublicKey) -> bool {
        let is_meant = self.successor_of(name).is_some_and(|successor| successor.is(&key));
        match self.get(name).cloned().filter(|_| is_meant) {
            Some(contact) => self.replace(Contact { key, ..contact }).is_ok(),
            None => false,
        }
    }

    /// Calls a contact by another name, with the same key and binding. False when there is none of the
    /// old name.
    ///
    /// # Errors
    /// When the new name is known with another key.
    pub fn rename(&mut self, from: &Name, to: &Name) -> Result<bool, ContactsError> {
        let Some(contact) = self.get(from).cloned() else { return Ok(false) };
        if let Some(known) = self.get(to).filter(|known| known.key != contact.key) {
            return Err(ContactsError::KeyChanged(Box::new(KeyChanged {
                known: known.clone(),
                claimed: contact.key,
            })));
        }
        self.remove(from);
        self.replace(Contact { name: to.clone(), ..contact }).map(|()| true)
    }

    /// The text form.
    pub fn to_text(&self) -> String {
        let mut text = HEADER.to_owned();
        for Contact { name, key, binding, since } in self.iter() {
            text.push_str(&format!("{name} {key} {binding} {}", since.to_date_time()));
            if let Some(successor) = self.successor_of(name) {
                text.push_str(&format!(" {successor}"));
            }
            text.push('\n');
        }
        text
    }

    /// Reads the text form. Empty lines and lines that begin with `#` are skipped, and not kept.
    ///
    /// # Errors
    /// At the first line that is no contact, and which line that is.
    pub fn parse(text: &str) -> Result<Contacts, ContactsError> {
        if text.len() > Contacts::MAX_TEXT {
            return Err(ContactsError::Full);
        }
        let mut contacts = Contacts::new();
        for (index, line) in text.lines().enumerate() {
            if line.trim().is_empty() || line.starts_with('#') {
                continue;
            }
            let at = |what| ContactsError::Line { number: index + 1, what };
            let (contact, successor) = parse_line(line).map_err(at)?;
            if contacts.get(&contact.name).is_some() {
                return Err(at(LineError::Repeated));
            }
            let name = contact.name.clone();
            contacts.replace(contact)?;
            if let Some(successor) = successor {
                contacts.note_successor(&name, successor);
            }
        }
        Ok(contacts)
    }
}

fn parse_line(line: &str) -> Result<(Contact, Option<Successor>), LineError> {
    let fields: Vec<&str> = line.split_ascii_whitespace().collect();
    let [name, key, binding, since, ref more @ ..] = fields[..] else {
        return Err(LineError::Fields);
    };
    let successor = match more {
        [] => None,
        [successor] => Some(Successor::parse(successor).ok_or(LineError::Fields)?),
        _ => return Err(LineError::Fields),
    };
    let contact = Contact {
        name: Name::parse(name).map_err(LineError::Name)?,
        key: key.parse().map_err(|_| LineError::Key)?,
        binding: binding.parse().map_err(|()| LineError::Binding)?,
        since: Timestamp::parse_date_time(since).ok_or(LineError::Since)?,
    };
    Ok((contact, successor))
}

/// Why the book does not take a contact or a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ContactsError {
    /// A name is known with another key.
    KeyChanged(Box<KeyChanged>),
    /// There are [`Contacts::CAPACITY`] contacts already, or the text is longer than a full book's.
    Full,
    /// A line of the text form is no contact.
    Line {
        /// Counted from 1.
        number: usize,
        /// What is wrong with it.
        what: LineError,
    },
}

/// A name that came with another key than the one known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyChanged {
    /// What is known.
    pub known: Contact,
    /// The key that came.
    pub claimed: PublicKey,
}

/// What is wrong with a line of the text form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LineError {
    /// It has not four fields.
    Fields,
    /// Its first field is no name.
    Name(NameError),
    /// Its second field is no key.
    Key,
    /// Its third field is no binding.
    Binding,
    /// Its fourth field is no date and time.
    Since,
    /// An earlier line has the same name.
    Repeated,
}

impl fmt::Display for ContactsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ContactsError::KeyChanged(change) => {
                let KeyChanged { known, claimed } = &**change;
                let (old, new) = (known.key.fingerprint(), claimed.fingerprint());
                write!(f, "{} is known with key {old}, not {new}", known.name)
            }
            ContactsError::Full => {
                write!(f, "there is room for {} contacts only", Contacts::CAPACITY)
            }
            ContactsError::Line { number, what } => write!(f, "line {number}: {what}"),
        }
    }
}

impl std::error::Error for ContactsError {}

impl fmt::Display for LineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LineError::Fields => f.write_str("a contact is a name, a key, a binding and a date"),
            LineError::Name(error) => error.fmt(f),
            LineError::Key => f.write_str("the key is not 52 characters of base32"),
            LineError::Binding => {
                f.write_str("the binding is none of pinned, certified, domain, first-use")
            }
            LineError::Since => f.write_str("the date does not look like 2026-11-22T07:25:18Z"),
            LineError::Repeated => f.write_str("the name stands in an earlier line"),
        }
    }
}

impl std::error::Error for LineError {}

#[cfg(test)]
mod tests;
