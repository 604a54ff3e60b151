//! `p2p contact`: whose keys this person accepts.

mod add;
mod introduce;
mod show;
mod transfer;

use std::path::Path;

use argh::{ArgsInfo, FromArgs};

use super::{
    home,
    speak::{self, Failure, Outcome},
};
use crate::daemon::{BookError, ContactBook, ContactBookError, ContactStatus};
use crate::identity::Name;
use crate::trust::ContactsError;

pub(super) use introduce::{take, usable};

/// Keep the book of people whose keys you accept.
#[derive(ArgsInfo, FromArgs)]
#[argh(subcommand, name = "contact")]
pub(super) struct ContactCommand {
    #[argh(subcommand)]
    action: Action,
}

#[derive(ArgsInfo, FromArgs)]
#[argh(subcommand)]
pub(super) enum Action {
    Add(add::Add),
    List(List),
    Show(show::Show),
    Remove(Remove),
    Rename(Rename),
    Export(transfer::Export),
    Import(transfer::Import),
}

/// List the people whose keys are accepted, and how they came to be.
#[derive(ArgsInfo, FromArgs)]
#[argh(subcommand, name = "list")]
pub(super) struct List {
    /// print JSON
    #[argh(switch)]
    json: bool,
}

/// Forget somebody's key.
#[derive(ArgsInfo, FromArgs)]
#[argh(subcommand, name = "remove")]
pub(super) struct Remove {
    /// whose
    #[argh(positional)]
    name: String,
}

/// Call somebody by another name, with the same key.
#[derive(ArgsInfo, FromArgs)]
#[argh(subcommand, name = "rename")]
pub(super) struct Rename {
    /// the present name
    #[argh(positional)]
    from: String,

    /// the other name
    #[argh(positional)]
    to: String,
}

impl ContactCommand {
    pub(super) fn run(self, given: Option<&Path>) -> Outcome {
        let home = home::prepare(given)?;
        let book = ContactBook::new(&home);
        match self.action {
            Action::Add(add) => home::changing(&home, || add.run(&home, &book)),
            Action::List(list) => list.run(&book),
            Action::Show(show) => show.run(&home, &book),
            Action::Remove(remove) => home::changing(&home, || remove.run(&book)),
            Action::Rename(rename) => home::changing(&home, || rename.run(&book)),
            Action::Export(export) => export.run(&book),
            Action::Import(import) => home::changing(&home, || import.run(&book)),
        }
    }
}

impl List {
    fn run(self, book: &ContactBook) -> Outcome {
        let contacts = ContactStatus::all(book).map_err(Failure::failed)?;
        if self.json {
            return speak::line(nanoserde::SerJson::serialize_json(&contacts));
        }
        if contacts.is_empty() {
            speak::note("no contacts yet; p2p contact add LINK adds one");
        }
        contacts.iter().try_for_each(|ContactStatus { name, fingerprint, trust, .. }| {
            speak::line(format!("{name:<30} {fingerprint}  {trust}"))
        })
    }
}

impl Remove {
    fn run(self, book: &ContactBook) -> Outcome {
        let name = parse_name(&self.name)?;
        if book.remove(&name).map_err(Failure::failed)? {
            return Ok(());
        }
        Err(no_contact(&name))
    }
}

impl Rename {
    fn run(self, book: &ContactBook) -> Outcome {
        let (from, to) = (parse_name(&self.from)?, parse_name(&self.to)?);
        if book.rename(&from, &to).map_err(|error| not_pinned(&to, &error))? {
            return Ok(());
        }
        Err(no_contact(&from))
    }
}

/// Why a key is not accepted for a name, with the way to change one's mind.
fn not_pinned(name: &Name, error: &ContactBookError) -> Failure {
    match error {
        BookError::Content(ContactsError::KeyChanged(_)) => Failure::refused(error).hint(format!(
            "p2p contact remove {name} forgets the known key, once its owner confirms the new one"
        )),
        other => Failure::failed(other),
    }
}

fn no_contact(name: &Name) -> Failure {
    Failure::failed(format!("{name} is not a contact")).hint("p2p contact list")
}

fn parse_name(text: &str) -> Result<Name, Failure> {
    Name::parse(text).map_err(|error| Failure::usage(format!("{text:?} is not a name: {error}")))
}
