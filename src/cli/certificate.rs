//! `p2p certificate`: what authorities say about this identity.

use std::path::{Path, PathBuf};

use argh::{ArgsInfo, FromArgs};

use super::{
    home,
    speak::{self, Failure, Outcome},
};
use crate::daemon::{AuthorityBook, BookError, CertificateBook, Home, Identity};
use crate::identity::MAX_SIGNATURE_FILE;
use crate::runtime::{clock, file, plain};
use crate::trust::{CertificateError, SignedCertificate};

/// Keep the certificates that authorities gave you; your daemon shows them to others.
#[derive(ArgsInfo, FromArgs)]
#[argh(subcommand, name = "certificate")]
pub(super) struct CertificateCommand {
    #[argh(subcommand)]
    action: Action,
}

#[derive(ArgsInfo, FromArgs)]
#[argh(subcommand)]
pub(super) enum Action {
    Add(Add),
    List(List),
}

/// Take a certificate in, in place of an older one of the same authority.
#[derive(ArgsInfo, FromArgs)]
#[argh(subcommand, name = "add")]
pub(super) struct Add {
    /// the certificate; its signature is beside it in FILE.minisig
    #[argh(positional)]
    file: PathBuf,
}

/// List your certificates and when they end.
#[derive(ArgsInfo, FromArgs)]
#[argh(subcommand, name = "list")]
pub(super) struct List {
    /// print JSON
    #[argh(switch)]
    json: bool,
}

impl CertificateCommand {
    pub(super) fn run(self, given: Option<&Path>) -> Outcome {
        let home = home::prepare(given)?;
        match self.action {
            Action::Add(add) => home::changing(&home, || add.run(&home)),
            Action::List(list) => list.run(&home),
        }
    }
}

impl Add {
    fn run(self, home: &Home) -> Outcome {
        let path = self.file.display();
        let read = |path: &Path, limit| {
            let text = file::read(path, limit).map_err(|error| {
                Failure::failed(format!("cannot read {}: {}", path.display(), plain(&error)))
            })?;
            Ok::<_, Failure>(String::from_utf8_lossy(&text).into_owned())
        };
        let text = read(&self.file, SignedCertificate::MAX_LENGTH)?;
        let signature = PathBuf::from(format!("{path}.minisig"));
        let signature = read(&signature, MAX_SIGNATURE_FILE)?;
        let refused = |error: CertificateError| Failure::refused(format!("{path}: {error}"));
        let signed = SignedCertificate::parse(&text, &signature).map_err(refused)?;
        let certificate = &signed.certificate;
        let (name, key) = Identity::public(home).map_err(home::unidentified)?;
        if certificate.key != key {
            return Err(refused(CertificateError::OtherSubject));
        }
        if name.as_ref().is_some_and(|name| *name != certificate.name) {
            return Err(Failure::refused(format!("{path} is about {}", certificate.name))
                .hint("p2p status tells your name"));
        }
        let authorities = AuthorityBook::new(home).authorities().map_err(Failure::failed)?;
        match authorities.verify(&signed) {
            Some(verified) => drop(verified.map_err(refused)?),
            None => speak::note(format!(
                "its authority {} is none that you trust, so the signature was not checked",
                certificate.authority
            )),
        }
        let until = certificate.until.to_date_time();
        let line = format!("{}  serial {}  until {until}", certificate.name, certificate.serial);
        CertificateBook::new(home).add(&signed).map_err(|error| match error {
            BookError::Content(error) => Failure::failed(format!("{path}: {error}")),
            other => Failure::failed(other),
        })?;
        speak::line(line)?;
        speak::note("a daemon that runs shows it from now on");
        Ok(())
    }
}

impl List {
    fn run(self, home: &Home) -> Outcome {
        let (_, key) = Identity::public(home).map_err(home::unidentified)?;
        let authorities = AuthorityBook::new(home).authorities().map_err(Failure::failed)?;
        let book = CertificateBook::new(home);
        let statuses = book.statuses(key, &authorities, clock::wall()).map_err(Failure::failed)?;
        if self.json {
            return speak::line(nanoserde::SerJson::serialize_json(&statuses));
        }
        if statuses.is_empty() {
            speak::note("no certificates; an authority makes them with p2p ca sign");
        }
        statuses.iter().try_for_each(|status| speak::line(status.words()))
    }
}
