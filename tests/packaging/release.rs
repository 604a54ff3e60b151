//! What `packaging/release` gives out: signed, the same each time, and installable as it is.

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

use testbed::programs;

fn run(command: &mut Command) -> Output {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {output:?}");
    output
}

/// Makes a release of a program that stands for ours, which is large in a test build.
fn release(key: &Path, binary: &Path, out: &Path) -> Command {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut release = Command::new(root.join("packaging/release"));
    release.arg("--key").arg(key).arg(out);
    release.arg(format!("here={}", binary.display()));
    release
}

#[test]
fn a_release_is_signed_and_installs() {
    let (Some(minisign), Some(_)) = (programs::find("minisign"), programs::find("git")) else {
        return;
    };
    let root = tempfile::tempdir().unwrap();
    let file = |name: &str| root.path().join(name);
    let (public, secret) = (file("key.pub"), file("key"));
    let mut generate = Command::new(&minisign);
    run(generate.args(["-G", "-W", "-p"]).arg(&public).arg("-s").arg(&secret));
    let binary = file("binary");
    let text = format!("#!/bin/sh\nexec '{}' \"$@\"\n", programs::p2p_path());
    fs::write(&binary, text).unwrap();
    let (out, again) = (file("out"), file("again"));
    // without the key nothing is there that might be taken for a release
    let failed = release(&file("no key"), &binary, &out).output().unwrap();
    assert!(!failed.status.success() && fs::read_dir(&out).unwrap().next().is_none(), "{failed:?}");
    run(&mut release(&secret, &binary, &out));
    run(&mut release(&secret, &binary, &again));

    let version = env!("CARGO_PKG_VERSION");
    let archives = [format!("p2p-{version}.tar.gz"), format!("p2p-{version}-here.tar.gz")];
    for name in archives.iter().map(String::as_str).chain(["SHA256SUMS"]) {
        let octets = fs::read(out.join(name)).unwrap();
        assert!(octets == fs::read(again.join(name)).unwrap(), "{name} differs from time to time");
        run(Command::new(&minisign).arg("-Vm").arg(out.join(name)).arg("-p").arg(&public));
    }
    run(Command::new("sha256sum").args(["-c", "SHA256SUMS"]).current_dir(&out));
    assert_eq!(fs::read_dir(&out).unwrap().count(), 6);

    run(Command::new("tar").arg("-xzf").arg(out.join(&archives[1])).arg("-C").arg(root.path()));
    let folder = file(&format!("p2p-{version}-here"));
    let prefix = file("prefix");
    run(programs::through("sh").arg(folder.join("install.sh")).arg("--prefix").arg(&prefix));
    run(programs::through(prefix.join("bin/p2p")).arg("--version"));
    assert!(prefix.join("share/man/man7/p2p.7").is_file());
}
