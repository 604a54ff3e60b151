//! Private presence with real daemons and a real store: contacts find each other, strangers nobody, and the store
//! learns neither name nor key nor address.

use std::{
    fs,
    path::Path,
    time::{Duration, Instant},
};

use p2p::daemon::{Home, Identity};
use p2p::runtime::{block_on, clock};

use crate::scene::{Scene, get};
use testbed::people::{Program, run, text};

const ALICE: &str = "alice@example.com";
const PRIVATE: &str = "publish = \"contacts\"\nwell-known = \"off\"\n";
const PUBLIC: &str = "well-known = \"off\"\n";
/// What a change in the contact book may take until it shows in the store, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// Alice, who is private; bob, her contact; eve, who has her link but is none; dave, who knows her name.
fn people() -> Scene {
    let scene = Scene::set_in_folder();
    for home in ["alice", "bob", "eve", "dave"] {
        scene.configure(home, if home == "alice" { PRIVATE } else { PUBLIC });
    }
    let alice = scene.init("alice", ALICE);
    let bob = scene.init("bob", "bob@example.com");
    scene.init("eve", "eve@example.com");
    scene.done("alice", &["contact", "add", &bob]);
    scene.done("bob", &["contact", "add", &alice]);
    scene.done("eve", &["contact", "add", &alice]);
    scene
}

/// What `p2p lookup` says to somebody, and whether it found her.
fn look_up(scene: &Scene, home: &str) -> (bool, String) {
    let output = run(&scene.home(home), &["lookup", ALICE, "--overlay", &scene.overlay()]);
    (output.status.success(), text(&output.stdout[..]))
}

/// Alice's share link.
fn link(scene: &Scene) -> String {
    let shown = scene.done("alice", &["contact", "show"]);
    shown.split_whitespace().find(|word| word.starts_with("p2p://")).unwrap().to_owned()
}

fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let started: Instant = clock::now();
    while !is_so() {
        assert!(clock::now() - started < PATIENCE, "{what}");
        block_on(clock::sleep(Duration::from_millis(200)));
    }
}

/// All that the store has ever written.
fn journal(folder: &Path) -> Vec<u8> {
    let files = fs::read_dir(folder).unwrap().map(|entry| fs::read(entry.unwrap().path()).unwrap());
    files.collect::<Vec<_>>().concat()
}

#[test]
fn contacts_find_each_other_and_the_store_learns_nothing() {
    let scene = people();
    let alice = scene.serve("alice", "hello from alice", &[]);
    let udp: Vec<String> = {
        let status = scene.done("alice", &["status"]);
        let found_by = status.lines().find(|line| line.starts_with("found by")).unwrap();
        assert!(found_by.contains("1 contact only, sealed in "), "{found_by}");
        let udp = status.lines().find_map(|line| line.strip_prefix("peers come to")).unwrap();
        udp.split_whitespace().map(str::to_owned).collect()
    };

    let bob = scene.proxy("bob");
    let answer = get(&bob, ALICE);
    assert_eq!((answer.status, answer.body.as_str()), (200, "hello from alice"));
    let (found, told) = look_up(&scene, "bob");
    assert!(found && told.contains(" (sealed)  found, with "), "{told}");
    let why = scene.done("bob", &["why", &format!("{ALICE}:1000")]);
    assert!(why.contains(" (sealed): found, with "), "{why}");
    let published = scene.done("alice", &["publish"]);
    assert!(published.contains("stored "), "{published}");

    // once he has found her, he asks nobody for her in the open
    let (_, told) = look_up(&scene, "bob");
    assert!(told.lines().filter(|line| line.contains("store:")).all(|l| l.contains("(sealed)")));

    // with her name and her key, but not in her book
    let eve = scene.proxy("eve");
    assert_ne!(get(&eve, ALICE).status, 200);
    for stranger in ["eve", "dave"] {
        let (found, told) = look_up(&scene, stranger);
        assert!(!found && !told.contains("found, with"), "{stranger}: {told}");
    }

    let kept = journal(&scene.home("kept"));
    assert!(kept.windows(4).any(|window| window == b"p2pr"), "something lies there");
    let keys = ["alice", "bob"].map(|home| {
        let home = Home::locate(Some(&scene.home(home))).unwrap();
        Identity::public(&home).unwrap().1
    });
    let mut secrets: Vec<Vec<u8>> = vec![b"alice".to_vec(), b"example".to_vec()];
    for key in keys {
        secrets.push(key.as_bytes().to_vec());
        secrets.push(key.to_string().into_bytes());
    }
    for address in &udp {
        let (ip, port) = address.rsplit_once(':').unwrap();
        assert_eq!(ip, "127.0.0.1");
        let port: u16 = port.parse().unwrap();
        secrets.push([&[127, 0, 0, 1][..], &port.to_be_bytes()].concat());
        secrets.push(address.clone().into_bytes());
    }
    for secret in secrets {
        let shows = kept.windows(secret.len()).any(|window| window == secret);
        assert!(!shows, "{} shows", secret.escape_ascii());
    }
    drop(alice);
}

#[test]
fn who_is_removed_is_not_found_by_any_more_and_who_is_added_is() {
    let scene = people();
    let _alice = scene.serve("alice", "hello", &[]);
    assert!(look_up(&scene, "bob").0);
    scene.done("alice", &["contact", "remove", "bob@example.com"]);
    let eve = scene.done("eve", &["contact", "show", "--json"]);
    let key = eve.split("\"key\":\"").nth(1).unwrap().split('"').next().unwrap();
    scene.done("alice", &["contact", "add", "eve@example.com", key]);
    wait_until("bob still finds her", || !look_up(&scene, "bob").0);
    wait_until("eve does not find her", || look_up(&scene, "eve").0);
}

#[test]
fn what_was_published_for_everybody_is_taken_back_even_after_a_crash() {
    let scene = people();
    scene.configure("alice", PUBLIC);
    let alice = scene.serve("alice", "hello", &[]);
    assert!(["bob", "eve", "dave"].into_iter().all(|home| look_up(&scene, home).0));
    let status = scene.done("alice", &["status"]);
    assert!(status.contains("found by          whoever knows the name"), "{status}");
    alice.kill();

    scene.configure("alice", PRIVATE);
    let alice = scene.serve("alice", "hello", &[]);
    wait_until("a stranger still finds her", || !look_up(&scene, "dave").0);
    assert!(!look_up(&scene, "eve").0);
    wait_until("her contact does not find her", || look_up(&scene, "bob").0);
    wait_until("the note stays", || !scene.home("alice").join("published").exists());
    assert!(alice.stop().success());
    assert!(!look_up(&scene, "bob").0, "she has gone");

    scene.configure("alice", PUBLIC);
    let alice = scene.serve("alice", "hello", &[]);
    assert!(["eve", "dave"].into_iter().all(|home| look_up(&scene, home).0));
    let (found, told) = look_up(&scene, "bob");
    assert!(!found, "he would tell the store whose sealed place he asks for: {told}");
    scene.done("bob", &["contact", "add", &link(&scene)]);
    assert!(look_up(&scene, "bob").0, "a person's word");
    assert!(alice.stop().success());
    assert!(!scene.home("alice").join("published").exists(), "nothing lies in the open");
}

impl Scene {
    /// The same with a store that keeps what it holds in the folder `kept`.
    fn set_in_folder() -> Scene {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("kept");
        let store = ["store", "--listen", "127.0.0.1:0", "--dir", folder.to_str().unwrap()];
        let store = Program::start(&root.path().join("store"), &store);
        Scene { root, store }
    }
}
