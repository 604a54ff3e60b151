//! What all commands need of the home directory, with errors a person can act on.

use std::path::Path;

use super::{
    passphrase,
    speak::{Failure, Outcome},
};
use crate::daemon::{
    Config, ControlClient, Home, HomeError, Identity, IdentityError, Passphrase, PassphraseSource,
};
use crate::runtime::block_on;

/// The home, made if it is missing.
///
/// # Errors
/// When it cannot be used.
pub(super) fn prepare(given: Option<&Path>) -> Result<Home, Failure> {
    let home = Home::locate(given).map_err(unusable)?;
    home.prepare().map_err(unusable)?;
    Ok(home)
}

/// The home as it is, for commands that only talk to its daemon.
///
/// # Errors
/// When there is no place for one, or a later version of the program has written it.
pub(super) fn present(given: Option<&Path>) -> Result<Home, Failure> {
    let home = Home::locate(given).map_err(unusable)?;
    home.recognise().map_err(unusable)?;
    Ok(home)
}

/// A home error with its hint.
pub(super) fn unusable(error: HomeError) -> Failure {
    Failure::failed(&error).hint(error.hint())
}

/// Does what changes a book of the home, and tells its daemon.
///
/// # Errors
/// Those of the change.
pub(super) fn changing(home: &Home, change: impl FnOnce() -> Outcome) -> Outcome {
    change()?;
    tell_of_change(home);
    Ok(())
}

/// Tells the daemon of a home, if one runs, that something in it has changed.
pub(super) fn tell_of_change(home: &Home) {
    block_on(ControlClient::new(home).tell_of_change());
}

/// The settings of a home.
///
/// # Errors
/// When `config.toml` cannot be understood.
pub(super) fn config(home: &Home) -> Result<Config, Failure> {
    let unread = |error| Failure::failed(error).hint("man 5 p2p.toml tells what it may say");
    Config::load(home).map_err(unread)
}

/// The identity of a home; one without a name is made where there is none.
///
/// # Errors
/// When its files are damaged or stay locked.
pub(super) fn identity(home: &Home) -> Result<Identity, Failure> {
    Identity::load_or_create(home, &mut Terminal).map_err(unidentified)
}

/// An identity error with its hint.
pub(super) fn unidentified(error: IdentityError) -> Failure {
    let failure = Failure::failed(&error);
    match error.hint() {
        Some(hint) => failure.hint(hint),
        None => failure,
    }
}

/// Asks a person at the terminal.
struct Terminal;

impl PassphraseSource for Terminal {
    fn ask(&mut self) -> Option<Passphrase> {
        passphrase::ask("passphrase: ")
    }
}
