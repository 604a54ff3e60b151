//! `install.sh` with the program of this build.

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

fn install(prefix: &Path, arguments: &[&str]) -> Output {
    Command::new("sh")
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/install.sh"))
        .args(arguments)
        .arg("--prefix")
        .arg(prefix)
        .output()
        .unwrap()
}

#[test]
fn what_was_installed_runs_and_goes_again() {
    let root = tempfile::tempdir().unwrap();
    let prefix = root.path().join("a prefix");
    let arguments = ["--binary", env!("CARGO_BIN_EXE_p2p")];
    for _ in 0..2 {
        let output = install(&prefix, &arguments); // the second time it replaces
        assert!(output.status.success(), "{output:?}");
    }
    let version = Command::new(prefix.join("bin/p2p")).arg("--version").output().unwrap();
    assert_eq!(version.stdout, concat!("p2p ", env!("CARGO_PKG_VERSION"), "\n").as_bytes());

    assert!(install(&prefix, &["--uninstall"]).status.success());
    assert_eq!(fs::read_dir(prefix.join("bin")).unwrap().count(), 0);
    let again = install(&prefix, &["--uninstall"]);
    assert_eq!(again.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&again.stderr).contains("nothing is installed under"));
}

#[test]
fn what_does_not_run_here_is_not_installed() {
    let root = tempfile::tempdir().unwrap();
    let prefix = root.path().join("prefix");
    let output =
        install(&prefix, &["--binary", concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml")]);
    assert_eq!(output.status.code(), Some(1));
    assert!(!prefix.exists());
    assert_eq!(install(&prefix, &["--bogus"]).status.code(), Some(2));
}
