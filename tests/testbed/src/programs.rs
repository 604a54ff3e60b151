//! Programs that tests run: ours, and those that ours is compared with, which need not be installed.

use std::{env, ffi::OsStr, path::PathBuf, process::Command, sync::OnceLock};

/// Where our program is, for commands and scripts of [`through`].
///
/// # Panics
/// When it was not built with what is running, as `cargo test` and `cargo bench` do.
pub fn p2p_path() -> &'static str {
    static PATH: OnceLock<String> = OnceLock::new();
    PATH.get_or_init(|| {
        // in the folder of the profile, tests and benches one below it
        let running = env::current_exe().expect("something runs");
        let file = running
            .ancestors()
            .skip(2)
            .map(|folder| folder.join("p2p"))
            .find(|file| file.is_file());
        file.expect("p2p is built").into_os_string().into_string().expect("a path in UTF-8")
    })
}

/// Our program, which asks nobody beyond this machine's own network unless it is told whom.
pub fn p2p() -> Command {
    through(p2p_path())
}

/// A program that starts ours, such as a shell. All that starts ours comes from here, so that no test ever
/// asks the overlays that people use: `tests/architecture.rs` looks after that.
pub fn through(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    quiet(&mut command);
    command
}

/// The same for a command that comes from elsewhere, such as a namespace.
pub fn quiet(command: &mut Command) {
    command.env("P2P_OVERLAYS", "lan");
}

/// Where a program is. None, with a word to the reader of the log, if it is not installed.
///
/// # Panics
/// When it is missing where `CI` is set: there, a test that does not run is a failure.
pub fn find(program: &str) -> Option<PathBuf> {
    or_skip(on_path(program), program)
}

/// Where a program is, if it is installed.
pub fn on_path(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).map(|dir| dir.join(program)).find(|file| file.is_file())
}

/// What was found, or a word that the test is skipped without it.
///
/// # Panics
/// As [`find`] does.
pub fn or_skip<T>(found: Option<T>, what: &str) -> Option<T> {
    if found.is_none() {
        assert!(env::var_os("CI").is_none(), "{what} is not installed");
        println!("skipped: needs {what}");
    }
    found
}

/// Whether a program is installed; see [`find`].
pub fn have(program: &str) -> bool {
    find(program).is_some()
}

/// Whether a Python package is installed.
pub fn have_python(package: &str) -> bool {
    let script = format!("import {package}");
    let found = Command::new(python()).args(["-c", &script]).output();
    let found = found.is_ok_and(|output| output.status.success());
    or_skip(found.then_some(()), &format!("python package {package}")).is_some()
}

/// The Python with the packages of the tests: `$P2P_TEST_PYTHON`, else `python3`.
pub fn python() -> String {
    env::var("P2P_TEST_PYTHON").unwrap_or_else(|_| "python3".into())
}
