//! Programs that some tests compare ours with, and that need not be installed.

use std::{env, path::PathBuf};

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
