//! Key files are minisign's: its Rust crate and Debian's program read ours, and we read theirs.

use std::{
    fs::{self, File},
    io::Cursor,
    process::Command,
};

use p2p::identity::{KeyFileError, KeyPair, Lock, PublicKeyFile, SecretKeyFile, Seed};
use testbed::programs;

fn file() -> SecretKeyFile {
    SecretKeyFile::new(KeyPair::from_seed(&Seed::new([42; 32])))
}

#[test]
fn the_crate_reads_our_open_files() {
    let secret = minisign::SecretKeyBox::from_string(&file().to_text(None)).unwrap();
    let secret = secret.into_unencrypted_secret_key().unwrap();
    assert_eq!(secret.keynum(), file().id.0);
    let signature = minisign::sign(None, &secret, &b"text"[..], Some("trusted"), None).unwrap();

    let public = minisign::PublicKeyBox::from_string(&file().public().to_text()).unwrap();
    let public = public.into_public_key().unwrap();
    minisign::verify(&public, &signature, Cursor::new("text"), true, false, false).unwrap();
    assert!(
        minisign::verify(&public, &signature, Cursor::new("texT"), true, false, false).is_err()
    );
}

#[test]
fn the_crate_opens_our_locked_files_and_we_open_its() {
    let lock = Lock { passphrase: "correct horse", salt: [5; 32] };
    let text = file().to_text(Some(lock));
    let secret = minisign::SecretKeyBox::from_string(&text).unwrap();
    let secret = secret.into_secret_key(Some("correct horse".into())).unwrap();
    assert_eq!(secret.keynum(), file().id.0);

    let theirs = minisign::KeyPair::generate_encrypted_keypair(Some("battery".into())).unwrap();
    let text = theirs.sk.to_box(None).unwrap().into_string();
    let read = SecretKeyFile::parse(&text, Some("battery")).unwrap();
    let public = theirs.pk.to_box().unwrap().into_string();
    assert_eq!(PublicKeyFile::parse(&public), Ok(read.public()));
    let refused = SecretKeyFile::parse(&text, Some("staple")).map(|_| ());
    assert_eq!(refused, Err(KeyFileError::WrongPassphrase));
}

#[test]
fn the_program_signs_with_our_files_and_we_read_its() {
    let Some(program) = programs::find("minisign") else { return };
    let folder = tempfile::tempdir().unwrap();
    let run = |arguments: &[&str], passphrase: &str| {
        fs::write(folder.path().join("input"), passphrase).unwrap();
        let input = File::open(folder.path().join("input")).unwrap();
        let mut command = Command::new(&program);
        command.args(arguments).current_dir(folder.path()).stdin(input);
        let output = command.output().unwrap();
        assert!(output.status.success(), "minisign {arguments:?}: {output:?}");
    };
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    let read = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap();

    write("letter", "Dear Bob");
    write("our.pub", &file().public().to_text());
    write("open.key", &file().to_text(None));
    write("locked.key", &file().to_text(Some(Lock { passphrase: "correct", salt: [5; 32] })));
    for (key, passphrase) in [("open.key", ""), ("locked.key", "correct\n")] {
        run(&["-S", "-s", key, "-m", "letter"], passphrase);
        run(&["-V", "-p", "our.pub", "-m", "letter"], "");
    }

    run(&["-G", "-W", "-s", "their.key", "-p", "their.pub"], "");
    let theirs = SecretKeyFile::parse(&read("their.key"), None).unwrap();
    assert_eq!(PublicKeyFile::parse(&read("their.pub")), Ok(theirs.public()));
}
