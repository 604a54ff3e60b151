//! A book on disk: one text file that the daemon and the commands change in turn.
//!
//! A change is made under a lock and replaces the file in one step, so that a process that is killed in the
//! middle leaves the old book or the new one.

mod access;
mod authorities;
mod certificates;
mod contacts;
mod introductions;
mod labels;
mod private_contacts;
mod sequences;

use std::{
    fmt,
    fs::{self, File},
    io,
    os::unix::fs::MetadataExt,
    path::PathBuf,
    sync::{Arc, Mutex},
    time::SystemTime,
};

pub use access::{AccessBook, AccessBookError, AccessWish};
pub use authorities::{AuthorityBook, AuthorityBookError, RevokeError};
pub use certificates::{CertificateBook, CertificateBookFull, CertificateStatus};
pub use contacts::{ContactBook, ContactBookError};
pub use introductions::Introductions;
pub use labels::Labels;
pub(in crate::daemon) use private_contacts::PrivateContacts;
pub(in crate::daemon) use sequences::Sequences;

use crate::daemon::home::Home;
use crate::runtime::file::{self, Access};
use crate::runtime::{lock, plain};

/// What a book holds, as text and as value.
pub(in crate::daemon) trait Pages: Default {
    /// The longest text in octets.
    const MAX_TEXT: usize;
    /// Why a text is none, or a change is not made.
    type Error: fmt::Display;
    /// Reads the text.
    fn read(text: &str) -> Result<Self, Self::Error>;
    /// Writes the text.
    fn write(&self) -> String;
}

/// A book of a home.
#[derive(Debug)]
pub(in crate::daemon) struct Book<T> {
    path: PathBuf,
    lock: PathBuf,
    last: Mutex<Last<T>>,
}

/// What was read last, and the state of the file then.
#[derive(Debug, Default)]
struct Last<T> {
    stamp: Option<Stamp>,
    pages: Arc<T>,
}

/// When a file was written, how long it is, and which it is: a replaced file is another one.
type Stamp = (SystemTime, u64, u64);

impl<T: Pages> Book<T> {
    /// The book of this name, which need not exist yet.
    pub(in crate::daemon) fn new(home: &Home, name: &str) -> Book<T> {
        let last = Mutex::new(Last { stamp: None, pages: Arc::default() });
        Book { path: home.path(name), lock: home.path(&format!("{name}.lock")), last }
    }

    /// What it holds now; the file is read only when it has changed.
    ///
    /// # Errors
    /// When the file cannot be read or understood.
    pub(in crate::daemon) fn pages(&self) -> Result<Arc<T>, BookError<T::Error>> {
        let mut last = lock(&self.last);
        let stamp = self.stamp()?;
        if last.stamp != stamp {
            last.pages = Arc::new(self.load()?);
            last.stamp = stamp;
        }
        Ok(last.pages.clone())
    }

    /// Changes it.
    ///
    /// # Errors
    /// What `change` says, or when the file cannot be read or written.
    pub(in crate::daemon) fn change<R>(
        &self,
        change: impl FnOnce(&mut T) -> Result<R, T::Error>,
    ) -> Result<R, BookError<T::Error>> {
        let failed = |error| BookError::Unusable { path: self.path.clone(), error };
        let lock = File::options().create(true).truncate(false).write(true).open(&self.lock);
        let lock = lock.map_err(failed)?;
        lock.lock().map_err(failed)?;
        let mut pages = self.load()?;
        let result = change(&mut pages).map_err(BookError::Content)?;
        file::replace(&self.path, pages.write().as_bytes(), Access::Private).map_err(failed)?;
        Ok(result)
    }

    fn load(&self) -> Result<T, BookError<T::Error>> {
        let failed = |error| BookError::Unusable { path: self.path.clone(), error };
        let text = match file::read(&self.path, T::MAX_TEXT) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(T::default()),
            Err(error) => return Err(failed(error)),
        };
        T::read(&String::from_utf8_lossy(&text)).map_err(|problem| BookError::Damaged {
            path: self.path.clone(),
            problem: problem.to_string(),
        })
    }

    fn stamp(&self) -> Result<Option<Stamp>, BookError<T::Error>> {
        let failed = |error| BookError::Unusable { path: self.path.clone(), error };
        match fs::metadata(&self.path) {
            Ok(file) => Ok(Some((file.modified().map_err(failed)?, file.len(), file.ino()))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(failed(error)),
        }
    }
}

/// Why a book cannot be used or changed.
#[derive(Debug)]
pub enum BookError<E> {
    /// It does not take the change.
    Content(E),
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

impl<E: fmt::Display> fmt::Display for BookError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BookError::Content(error) => error.fmt(f),
            BookError::Damaged { path, problem } => {
                write!(f, "cannot read {}: {problem}", path.display())
            }
            BookError::Unusable { path, error } => {
                write!(f, "cannot use {}: {}", path.display(), plain(error))
            }
        }
    }
}

impl<E: fmt::Debug + fmt::Display> std::error::Error for BookError<E> {}
