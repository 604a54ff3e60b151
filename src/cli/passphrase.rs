//! Passphrases: where they come from, so that a key is unlocked once and nobody is asked twice.
//!
//! `--passphrase-fd N` gives one to every command; a service manager gives it as the credential
//! `p2p.passphrase` (systemd.exec(5), `LoadCredential=`); else a person types it, or a script writes it as
//! the first line of stdin where a command says so.

use std::{
    env,
    fs::File,
    io::{self, BufRead, BufReader, IsTerminal, Read},
    path::Path,
    sync::OnceLock,
};

use zeroize::Zeroizing;

use super::speak::Failure;
use crate::runtime::plain;

/// A secret text typed by a person; zeroed when dropped.
type Passphrase = Zeroizing<String>;

/// Longer than any passphrase; keeps a wrong file from being read whole.
const MAX_PASSPHRASE: u64 = 1024;
/// The systemd credential.
const CREDENTIAL: &str = "p2p.passphrase";

/// What `--passphrase-fd` gave; read once, since a pipe can be read only once.
static GIVEN: OnceLock<Passphrase> = OnceLock::new();

/// Reads the first line of an open file descriptor for all that follows.
///
/// # Errors
/// When there is no such descriptor, or nothing in it.
pub(super) fn take_from(descriptor: u32) -> Result<(), Failure> {
    let failed = |error: io::Error| {
        let error = plain(&error);
        Failure::failed(format!("cannot read the passphrase from descriptor {descriptor}: {error}"))
    };
    let file = File::open(format!("/dev/fd/{descriptor}")).map_err(failed)?;
    let passphrase = first_line(file).map_err(failed)?;
    let _ = GIVEN.set(not_empty(passphrase)?);
    Ok(())
}

/// What was given beforehand: by `--passphrase-fd`, or by the service manager.
pub(super) fn given() -> Option<Passphrase> {
    if let Some(given) = GIVEN.get() {
        return Some(given.clone());
    }
    let folder = env::var_os("CREDENTIALS_DIRECTORY")?;
    let file = File::open(Path::new(&folder).join(CREDENTIAL)).ok()?;
    first_line(file).ok().filter(|passphrase| !passphrase.is_empty())
}

/// The passphrase of a key that exists: given beforehand, or typed. None where nobody can be asked.
pub(super) fn ask(prompt: &str) -> Option<Passphrase> {
    given().or_else(|| rpassword::prompt_password(prompt).ok().map(Into::into))
}

/// The same, also from stdin where it is no terminal.
///
/// # Errors
/// When there is none.
pub(super) fn ask_or_read(prompt: &str) -> Result<Passphrase, Failure> {
    if let Some(given) = given() {
        return Ok(given);
    }
    let failed = |error| Failure::failed(format!("cannot read the passphrase: {}", plain(&error)));
    let typed = if io::stdin().is_terminal() {
        rpassword::prompt_password(prompt).map_err(failed)?.into()
    } else {
        first_line(io::stdin().lock()).map_err(failed)?
    };
    not_empty(typed)
}

/// A passphrase for a new key: typed twice, or given.
///
/// # Errors
/// When it is empty or was mistyped.
pub(super) fn choose() -> Result<Passphrase, Failure> {
    if given().is_none() && io::stdin().is_terminal() {
        let first = ask_or_read("passphrase: ")?;
        if *first != *ask_or_read("once more: ")? {
            return Err(Failure::failed("the two passphrases differ"));
        }
        return Ok(first);
    }
    ask_or_read("")
}

fn first_line(file: impl Read) -> io::Result<Passphrase> {
    let mut line = Passphrase::default();
    BufReader::new(file.take(MAX_PASSPHRASE)).read_line(&mut line)?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned().into())
}

fn not_empty(passphrase: Passphrase) -> Result<Passphrase, Failure> {
    if passphrase.is_empty() {
        return Err(Failure::failed("the passphrase is empty"));
    }
    Ok(passphrase)
}
