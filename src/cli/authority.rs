//! `p2p authority`: whom this person lets vouch for others.

use std::path::{Path, PathBuf};

use argh::{ArgsInfo, FromArgs};
use nanoserde::SerJson;

use super::{
    ca::{authority_name, pattern},
    contact, given_file, home,
    speak::{self, Failure, Outcome},
};
use crate::daemon::{AuthorityBook, AuthorityBookError, BookError, RevokeError};
use crate::identity::PublicKeyFile;
use crate::runtime::clock;
use crate::trust::{
    AuthoritiesError, Authority, AuthorityName, Pattern, RevocationsError, SignedRevocations,
};

/// Say whom you let vouch for others, and for which names.
#[derive(ArgsInfo, FromArgs)]
#[argh(subcommand, name = "authority")]
pub(super) struct AuthorityCommand {
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

/// Trust an authority, or take in its revocation list.
#[derive(ArgsInfo, FromArgs)]
#[argh(subcommand, name = "add")]
pub(super) struct Add {
    /// NAME.authority, a public key of minisign's, or a revocation list
    #[argh(positional)]
    file: PathBuf,

    /// for whom it counts: a domain, a name, any-name; its own domain unless given (repeatable)
    #[argh(option, long = "for", from_str_fn(pattern))]
    patterns: Vec<Pattern>,

    /// what to call it; as it calls itself unless given
    #[argh(option, from_str_fn(authority_name))]
    name: Option<AuthorityName>,
}

/// List the authorities that you trust.
#[derive(ArgsInfo, FromArgs)]
#[argh(subcommand, name = "list")]
pub(super) struct List {
    /// print JSON
    #[argh(switch)]
    json: bool,
}

/// Trust an authority no longer.
#[derive(ArgsInfo, FromArgs)]
#[argh(subcommand, name = "remove")]
pub(super) struct Remove {
    /// which
    #[argh(positional, from_str_fn(authority_name))]
    name: AuthorityName,
}

#[derive(SerJson)]
struct Report {
    name: String,
    patterns: Vec<String>,
    fingerprints: Vec<String>,
    since: String,
    revocations: Option<u32>,
    revoked: usize,
}

/// A key file, a text or a list; all are short.
const MAX_FILE: usize = 64 * 1024;

impl AuthorityCommand {
    pub(super) fn run(self, given: Option<&Path>) -> Outcome {
        let home = home::prepare(given)?;
        let book = AuthorityBook::new(&home);
        match self.action {
            Action::Add(add) => home::changing(&home, || add.run(&book)),
            Action::List(list) => list.run(&book),
            Action::Remove(remove) => home::changing(&home, || remove.run(&book)),
        }
    }
}

impl Add {
    fn run(self, book: &AuthorityBook) -> Outcome {
        let path = &self.file;
        let text = given_file::text(path, MAX_FILE)?;
        if text.starts_with("p2p revocations ") {
            return take_list(book, &text, &given_file::signature(path)?);
        }
        let authority = self.authority(&text)?;
        let (name, patterns) = (authority.name.clone(), authority.patterns_text());
        let keys = authority.keys.clone();
        keys.iter().try_for_each(|key| contact::usable(&key.key))?;
        book.add(authority).map_err(not_added)?;
        for key in keys {
            speak::line(format!("{name}  {}  for {patterns}", key.key.fingerprint()))?;
        }
        Ok(())
    }

    /// What the file says, as far as the command line does not say otherwise.
    fn authority(self, text: &str) -> Result<Authority, Failure> {
        let path = self.file.display();
        if let Some(mut authority) = Authority::parse(text, clock::wall()) {
            if let Some(name) = self.name {
                authority.name = name;
            }
            if self.patterns.is_empty() && authority.patterns.contains(&Pattern::AnyName) {
                return Err(Failure::refused(format!(
                    "the authority {} would like to count for any name",
                    authority.name
                ))
                .hint("say for whom it counts: --for DOMAIN, or --for any-name if you mean it"));
            }
            if !self.patterns.is_empty() {
                authority.patterns = self.patterns;
            }
            return Ok(authority);
        }
        let key = PublicKeyFile::parse(text).map_err(|_| {
            Failure::failed(format!(
                "cannot use {path}: it is no authority, no public key and no revocation list"
            ))
            .hint("the authority hands out NAME.authority, which p2p ca init wrote")
        })?;
        if self.patterns.is_empty() {
            return Err(Failure::usage("a key alone does not say for whom it counts")
                .hint("p2p authority add FILE --for example.com"));
        }
        let stem = self.file.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
        let name = self.name.or_else(|| AuthorityName::parse(stem));
        let name = name.ok_or_else(|| {
            Failure::usage(format!("{stem:?} cannot be the name of an authority"))
                .hint("choose one with --name")
        })?;
        Ok(Authority { name, patterns: self.patterns, keys: vec![key], since: clock::wall() })
    }
}

fn take_list(book: &AuthorityBook, text: &str, signature: &str) -> Outcome {
    let authorities = book.authorities().map_err(Failure::failed)?;
    let keys: Vec<PublicKeyFile> = authorities.iter().flat_map(|a| a.keys.clone()).collect();
    let refused = |error: RevocationsError| Failure::refused(error);
    let list = SignedRevocations::parse(text, signature, &keys).map_err(refused)?;
    let (number, count) = (list.list().number, list.list().serials.len());
    let whose = book.revoke(list).map_err(|error| match error {
        RevokeError::List(error) => refused(error),
        other => Failure::failed(other),
    })?;
    speak::line(format!("{whose}  list {number}  {count} revoked"))
}

impl List {
    fn run(self, book: &AuthorityBook) -> Outcome {
        let authorities = book.authorities().map_err(Failure::failed)?;
        let report = |authority: &Authority| {
            let list = authorities.revocations_of(&authority.name).map(SignedRevocations::list);
            let keys = authority.keys.iter();
            Report {
                name: authority.name.to_string(),
                patterns: authority.patterns.iter().map(ToString::to_string).collect(),
                fingerprints: keys.map(|key| key.key.fingerprint().to_string()).collect(),
                since: authority.since.to_date_time(),
                revocations: list.map(|list| list.number),
                revoked: list.map_or(0, |list| list.serials.len()),
            }
        };
        let reports: Vec<Report> = authorities.iter().map(report).collect();
        if self.json {
            return speak::line(reports.serialize_json());
        }
        if reports.is_empty() {
            speak::note("no authorities yet; p2p authority add FILE adds one");
        }
        reports.iter().try_for_each(|report| {
            let list = report.revocations.map_or("no list".into(), |number| {
                format!("list {number} with {} revoked", report.revoked)
            });
            let (name, patterns) = (&report.name, report.patterns.join(", "));
            let keys = report.fingerprints.join(" ");
            speak::line(format!("{name:<16} {keys}  for {patterns}  {list}"))
        })
    }
}

impl Remove {
    fn run(self, book: &AuthorityBook) -> Outcome {
        if book.remove(&self.name).map_err(Failure::failed)? {
            return Ok(());
        }
        Err(Failure::failed(format!("{} is not trusted", self.name)).hint("p2p authority list"))
    }
}

fn not_added(error: AuthorityBookError) -> Failure {
    match &error {
        BookError::Content(AuthoritiesError::NameTaken(name)) => {
            Failure::refused(&error).hint(format!(
                "if it is another one, choose a name with --name; if its keys were lost, \
                 p2p authority remove {name}"
            ))
        }
        BookError::Content(AuthoritiesError::KeyTaken(_)) => Failure::refused(error),
        _ => Failure::failed(error),
    }
}
