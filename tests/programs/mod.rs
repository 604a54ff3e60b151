//! Programs that tests run: ours, and those that ours is compared with, which need not be installed.
#![allow(dead_code, reason = "each test file uses a part of it")]

use std::{env, ffi::OsStr, path::PathBuf, process::Command};

/// Our program, for commands and scripts of [`through`].
pub(crate) const P2P: &str = env!("CARGO_BIN_EXE_p2p");

/// Our program, which asks nobody beyond this machine's own network unless it is told whom.
pub(crate) fn p2p() -> Command {
    through(P2P)
}

/// A program that starts ours, such as a shell. All that starts ours comes from here, so that no test ever
/// asks the overlays that people use: `tests/architecture.rs` looks after that.
pub(crate) fn through(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    quiet(&mut command);
    command
}

/// The same for a command that comes from elsewhere, such as a namespace.
pub(crate) fn quiet(command: &mut Command) {
    command.env("P2P_OVERLAYS", "lan");
}

/// Where a program is. None, with a word to the reader of the log, if it is not installed.
///
/// # Panics
/// When it is missing where `CI` is set: there, a test that does not run is a failure.
pub(crate) fn find(program: &str) -> Option<PathBuf> {
    or_skip(on_path(program), program)
}

/// Where a program is, if it is installed.
pub(crate) fn on_path(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).map(|dir| dir.join(program)).find(|file| file.is_file())
}

/// What was found, or a word that the test is skipped without it.
///
/// # Panics
/// As [`find`] does.
pub(crate) fn or_skip<T>(found: Option<T>, what: &str) -> Option<T> {
    if found.is_none() {
        assert!(env::var_os("CI").is_none(), "{what} is not installed");
        println!("skipped: needs {what}");
    }
    found
}
