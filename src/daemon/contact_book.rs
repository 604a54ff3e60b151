//! The contact book on disk: one file that the daemon and the commands change in turn.

use std::{
    fmt,
    fs::{self, File},
    io,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::SystemTime,
};

use super::home::Home;
use super::status::ContactStatus;
use crate::identity::{Name, PublicKey};
use crate::runtime::plain;
use crate::runtime::{
    clock,
    file::{self, Access},
};
use crate::trust::{Binding, Contact, Contacts, ContactsError};

/// Ten thousand contacts fit many times.
const MAX_SIZE: usize = 8 << 20;

/// The contacts of a home.
#[derive(Debug)]
pub struct ContactBook {
    path: PathBuf,
    lock: PathBuf,
    read: Mutex<Read>,
}

/// What was read last, and the state of the file then.
#[derive(Debug, Default)]
struct Read {
    stamp: Option<(SystemTime, u64)>,
    contacts: Arc<Contacts>,
}

impl ContactBook {
    /// The book of a home, which need not exist yet.
    pub fn new(home: &Home) -> ContactBook {
        ContactBook {
            path: home.path("contacts"),
            lock: home.path("contacts.lock"),
            read: Mutex::default(),
        }
    }

    /// The contacts as they are now; the file is read only when it has changed.
    ///
    /// # Errors
    /// When the file cannot be read or understood.
    pub fn contacts(&self) -> Result<Arc<Contacts>, BookError> {
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        let stamp = self.stamp()?;
        if read.stamp != stamp {
            read.contacts = Arc::new(self.load()?);
            read.stamp = stamp;
        }
        Ok(read.contacts.clone())
    }

    /// Accepts a key because a person said so.
    ///
    /// # Errors
    /// When another key is known for this name, which only removing it can change.
    pub fn pin(&self, name: &Name, key: PublicKey) -> Result<(), BookError> {
        self.accept(name, key, Binding::Pinned)
    }

    /// Accepts a key for a name; one that is known already keeps the stronger of the two reasons.
    ///
    /// # Errors
    /// When another key is known for this name, or the file cannot be written.
    pub fn accept(&self, name: &Name, key: PublicKey, binding: Binding) -> Result<(), BookError> {
        let contact = Contact { name: name.clone(), key, binding, since: clock::wall() };
        self.change(|contacts| contacts.add(contact).map_err(BookError::Contacts))
    }

    /// Forgets a name. False when it was not there.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn remove(&self, name: &Name) -> Result<bool, BookError> {
        self.change(|contacts| Ok(contacts.remove(name).is_some()))
    }

    /// All contacts, by name.
    ///
    /// # Errors
    /// When the file cannot be read or understood.
    pub fn list(&self) -> Result<Vec<ContactStatus>, BookError> {
        let contacts = self.contacts()?;
        Ok(contacts
            .iter()
            .map(|contact| ContactStatus {
                name: contact.name.to_string(),
                key: contact.key.to_string(),
                fingerprint: contact.key.fingerprint().to_string(),
                trust: contact.binding.to_string(),
            })
            .collect())
    }

    fn change<T>(
        &self,
        change: impl FnOnce(&mut Contacts) -> Result<T, BookError>,
    ) -> Result<T, BookError> {
        let failed = |error| BookError::Unusable { path: self.path.clone(), error };
        let lock = File::options().create(true).truncate(false).write(true).open(&self.lock);
        let lock = lock.map_err(failed)?;
        lock.lock().map_err(failed)?;
        let mut contacts = self.load()?;
        let result = change(&mut contacts)?;
        file::replace(&self.path, contacts.to_text().as_bytes(), Access::Private)
            .map_err(failed)?;
        Ok(result)
    }

    fn load(&self) -> Result<Contacts, BookError> {
        let failed = |error| BookError::Unusable { path: self.path.clone(), error };
        let text = match file::read(&self.path, MAX_SIZE) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Contacts::default()),
            Err(error) => return Err(failed(error)),
        };
        Contacts::parse(&String::from_utf8_lossy(&text)).map_err(|problem| BookError::Damaged {
            path: self.path.clone(),
            problem: problem.to_string(),
        })
    }

    fn stamp(&self) -> Result<Option<(SystemTime, u64)>, BookError> {
        let failed = |error| BookError::Unusable { path: self.path.clone(), error };
        match fs::metadata(&self.path) {
            Ok(metadata) => Ok(Some((metadata.modified().map_err(failed)?, metadata.len()))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(failed(error)),
        }
    }
}

/// Why the contact book cannot be used or changed.
#[derive(Debug)]
pub enum BookError {
    /// It does not take the contact.
    Contacts(ContactsError),
    /// A line of the file makes no sense.
    Damaged {
        /// The file.
        path: PathBuf,
        /// Which line, and why.
        problem: String,
    },
    /// The file cannot be read or written.
    Unusable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
}

impl fmt::Display for BookError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BookError::Contacts(error) => error.fmt(f),
            BookError::Damaged { path, problem } => {
                write!(f, "cannot read {}: {problem}", path.display())
            }
            BookError::Unusable { path, error } => {
                write!(f, "cannot use {}: {}", path.display(), plain(error))
            }
        }
    }
}

impl std::error::Error for BookError {}
