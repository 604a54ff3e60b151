//! The life of a key: backed up, lost, moved to the next one; unlocked once.

use std::{fs, io::Write, os::unix::fs::PermissionsExt, process::Stdio};

use crate::scene::{Scene, get, path};
use testbed::people::{Program, command, text};
use testbed::programs::{p2p_path, through};

#[test]
fn a_backup_brings_the_identity_back() {
    let scene = Scene::set();
    let link = scene.init("alice", "alice@example.com");
    let file = scene.home("backup");
    let typed = |home: &str, arguments: &[&str]| {
        let mut child = command(&scene.home(home), arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(b"correct horse\n").unwrap();
        child.wait_with_output().unwrap()
    };
    let made = typed("alice", &["backup", path(&file)]);
    assert!(made.status.success(), "{made:?}");
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let again = scene.fails("alice", &["backup", path(&file), "--no-passphrase"]);
    assert!(again.1.contains("file exists"), "{again:?}");

    let refused = scene.fails("new", &["init", "--from", path(&file)]);
    assert!(refused.1.contains("the passphrase is empty"), "{refused:?}");
    let restored = typed("new", &["init", "--from", path(&file)]);
    let restored = text(&restored.stdout[..]);
    assert!(restored.contains("name         alice@example.com"), "{restored}");
    assert!(restored.contains(link.split('?').next().unwrap()), "{restored}");
    let promise = |home: &str| fs::read_to_string(scene.home(home).join("successor")).unwrap();
    assert_eq!(promise("new"), promise("alice"));
    let key = fs::read_to_string(scene.home("new").join("identity.key")).unwrap();
    assert!(key.contains("\nRWRTY0Iy"), "locked as the backup is");
}

#[test]
fn contacts_follow_to_the_next_key_and_to_no_other() {
    let scene = Scene::set();
    let link = scene.init("alice", "alice@example.com");
    let (file, other) = (scene.home("backup"), scene.home("other"));
    scene.done("alice", &["backup", path(&file), "--no-passphrase"]);
    scene.done("bob", &["contact", "add", &link]);
    let bob = scene.proxy("bob");
    let alice = scene.serve("alice", "hello from alice", &[]);
    assert_eq!(get(&bob, "alice@example.com").body, "hello from alice");
    let told = scene.fails("alice", &["rotate", path(&file)]);
    assert!(told.1.contains("the daemon of this home is running"), "{told:?}");
    assert!(alice.stop().success());

    scene.init("mallory", "alice@example.com");
    scene.done("mallory", &["backup", path(&other), "--no-passphrase"]);
    let told = scene.fails("alice", &["rotate", path(&other)]);
    assert_eq!(told.0, 3);
    assert!(told.1.contains("is not the one promised"), "{told:?}");
    let mallory = scene.serve("mallory", "trust me", &[]);
    let refused = get(&bob, "alice@example.com");
    assert_eq!(refused.status, 502, "{}", refused.body);
    assert!(refused.body.starts_with("another key answers for"), "{}", refused.body);
    assert!(mallory.stop().success());

    let rotated = scene.done("alice", &["rotate", path(&file)]);
    let print = rotated.trim().strip_prefix("fingerprint  ").unwrap();
    let _alice = scene.serve("alice", "a new key", &[]);
    assert_eq!(get(&bob, "alice@example.com").body, "a new key");
    let contacts = scene.done("bob", &["contact", "list"]);
    assert!(contacts.contains(print) && contacts.contains("pinned"), "{contacts}");
}

#[test]
fn a_locked_key_is_unlocked_by_descriptor_or_credential() {
    let scene = Scene::set();
    let secret = scene.home("p2p.passphrase");
    fs::write(&secret, "correct horse\n").unwrap();
    let home = scene.home("alice");
    let program = p2p_path();
    let init = format!(
        "exec '{program}' --passphrase-fd 7 init alice@example.com --passphrase 7< '{}'",
        path(&secret)
    );
    let made = through("sh").args(["-c", &init]).env("P2P_HOME", &home).output().unwrap();
    assert!(made.status.success(), "{made:?}");
    let folder = scene.home("media");
    fs::create_dir(&folder).unwrap();
    let overlay = scene.overlay();
    let serve = ["serve", path(&folder), "--udp", "127.0.0.1:0", "--overlay", &overlay];
    // a new session has no terminal to ask at
    let session = || {
        let mut session = through("setsid");
        session.args(["--wait", program]).args(serve).env("P2P_HOME", &home).stdin(Stdio::null());
        session.env_remove("CREDENTIALS_DIRECTORY").stderr(Stdio::piped());
        session
    };
    let refused = session().output().unwrap();
    assert!(text(&refused.stderr[..]).contains("the key is locked by a passphrase"));
    let mut unlocked = command(&home, &serve);
    let daemon = Program::launch(unlocked.env("CREDENTIALS_DIRECTORY", scene.root.path()));
    assert_eq!(daemon.said("name"), "alice@example.com");
}
