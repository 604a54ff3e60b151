//! `p2p contact export` and `import`: the whole book as one file.

use std::path::PathBuf;

use argh::{ArgsInfo, FromArgs};

use super::super::{
    given_file,
    speak::{self, Failure, Outcome},
};
use crate::daemon::{BookError, ContactBook};
use crate::runtime::{
    file::{self, Access},
    plain,
};
use crate::trust::{Contacts, ContactsError};

/// Write all contacts to a file.
#[derive(ArgsInfo, FromArgs)]
#[argh(subcommand, name = "export")]
pub(in crate::cli) struct Export {
    /// where to
    #[argh(positional)]
    file: PathBuf,
}

/// Take over contacts that were exported; all or none.
#[derive(ArgsInfo, FromArgs)]
#[argh(subcommand, name = "import")]
pub(in crate::cli) struct Import {
    /// where from
    #[argh(positional)]
    file: PathBuf,
}

impl Export {
    pub(super) fn run(self, book: &ContactBook) -> Outcome {
        let contacts = book.contacts().map_err(Failure::failed)?;
        let path = &self.file;
        file::replace(path, contacts.to_text().as_bytes(), Access::Private).map_err(|error| {
            Failure::failed(format!("cannot write {}: {}", path.display(), plain(&error)))
        })?;
        speak::line(format!("{} contacts", contacts.len()))
    }
}

impl Import {
    pub(super) fn run(self, book: &ContactBook) -> Outcome {
        let path = self.file.display();
        let text = given_file::text(&self.file, Contacts::MAX_TEXT)?;
        let contacts = Contacts::parse(&text)
            .map_err(|error| Failure::failed(format!("cannot read {path}: {error}")))?;
        let new = book.import(&contacts).map_err(|error| match error {
            BookError::Content(error @ ContactsError::KeyChanged(_)) => {
                Failure::refused(error).hint("nothing was taken over; remove one of the two first")
            }
            other => Failure::failed(other),
        })?;
        speak::line(format!("{new} new contacts of {}", contacts.len()))
    }
}
