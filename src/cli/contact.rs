//! `p2p contact`: whose keys this person accepts.

use std::path::Path;

use argh::{ArgsInfo, FromArgs};

use super::{
    home,
    speak::{self, Failure, Outcome},
};
use crate::daemon::{BookError, ContactBook, ContactStatus, Home, Introductions};
use crate::identity::{Name, PublicKey, ShareLink};
use crate::trust::ContactsError;

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
    Add(Add),
    List(List),
    Remove(Remove),
}

/// Accept somebody's key.
#[derive(ArgsInfo, FromArgs)]
#[argh(subcommand, name = "add")]
pub(super) struct Add {
    /// a share link p2p://…, or a name
    #[argh(positional)]
    who: String,

    /// the public key, where a name is given
    #[argh(positional)]
    key: Option<String>,
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

impl ContactCommand {
    pub(super) fn run(self, given: Option<&Path>) -> Outcome {
        let home = home::prepare(given)?;
        let book = ContactBook::new(&home);
        match self.action {
            Action::Add(add) => add.run(&home, &book),
            Action::List(list) => list.run(&book),
            Action::Remove(remove) => remove.run(&book),
        }
    }
}

impl Add {
    fn run(self, home: &Home, book: &ContactBook) -> Outcome {
        let (name, key) = match &self.key {
            None => {
                let link = ShareLink::parse(&self.who).map_err(|error| {
                    Failure::usage(format!("{:?} is not a share link: {error}", self.who))
                        .hint("p2p contact add NAME KEY takes a name and a key")
                })?;
                take(home, &link)?;
                (link.name, link.key)
            }
            Some(key) => {
                let name = parse_name(&self.who)?;
                let key: PublicKey = key.parse().map_err(|_| {
                    Failure::usage(format!("{key:?} is not a public key of 52 characters"))
                        .hint("it is the last part of the share link that p2p init printed")
                })?;
                book.pin(&name, key).map_err(|error| not_pinned(&name, &error))?;
                (name, key)
            }
        };
        speak::line(format!("{name}  {}", key.fingerprint()))
    }
}

/// Accepts what a share link says: whose key it is, and where its owner is found.
///
/// # Errors
/// When another key is known for the name, or a file cannot be written.
pub(super) fn take(home: &Home, link: &ShareLink) -> Outcome {
    let pinned = ContactBook::new(home).pin(&link.name, link.key);
    pinned.map_err(|error| not_pinned(&link.name, &error))?;
    Introductions::new(home).remember(link).map_err(home::unusable)
}

impl List {
    fn run(self, book: &ContactBook) -> Outcome {
        let contacts = book.list().map_err(Failure::failed)?;
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
        Err(Failure::failed(format!("{name} is not a contact")).hint("p2p contact list"))
    }
}

/// Why a key is not accepted for a name, with the way to change one's mind.
pub(super) fn not_pinned(name: &Name, error: &BookError) -> Failure {
    match error {
        BookError::Contacts(ContactsError::KeyChanged(_)) => Failure::refused(error).hint(format!(
            "p2p contact remove {name} forgets the known key, once its owner confirms the new one"
        )),
        other => Failure::failed(other),
    }
}

fn parse_name(text: &str) -> Result<Name, Failure> {
    Name::parse(text).map_err(|error| Failure::usage(format!("{text:?} is not a name: {error}")))
}
