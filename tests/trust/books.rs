//! The contact book: what people do with it, and that nothing is lost when the machine dies.

use std::{
    collections::BTreeMap,
    fs,
    process::Stdio,
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    thread,
    time::Duration,
};

use p2p::identity::{KeyPair, Name, PublicKey, PublicKeyFile, Seed, ServicePort};
use p2p::runtime::{block_on, clock, random};
use p2p::service::AccessRules;
use p2p::trust::{Authorities, Contacts};

use crate::scene::{Scene, path};
use testbed::people::command;

fn key(seed: u8) -> String {
    KeyPair::from_seed(&Seed::new([seed; 32])).public().to_string()
}

#[test]
fn contacts_are_added_shown_renamed_and_carried_over() {
    let scene = Scene::set();
    let link = scene.init("alice", "alice@example.com");
    scene.init("bob", "bob@example.com");
    let letter = scene.home("letter");
    fs::write(&letter, format!("Dear Bob,\nmy link is {link}\nAlice\n")).unwrap();
    let added = scene.done("bob", &["contact", "add", path(&letter)]);
    assert!(added.starts_with("alice@example.com  "), "{added}");
    let public = scene.home("alice").join("identity.pub");
    scene.done("bob", &["contact", "add", "alice@example.com", path(&public)]);
    scene.done("bob", &["contact", "add", "carol@example.com", &key(3)]);
    scene.done("bob", &["contact", "rename", "carol@example.com", "caroline@example.com"]);
    let told =
        scene.fails("bob", &["contact", "rename", "caroline@example.com", "alice@example.com"]);
    assert_eq!(told.0, 3, "{told:?}");

    let phrase = |home: &str, whose: &str| {
        let shown = scene.done(home, &["contact", "show", whose]);
        shown.lines().find_map(|line| line.strip_prefix("safety phrase  ")).unwrap().to_owned()
    };
    let from_bob = phrase("bob", "alice@example.com");
    let of_bob = scene.done("bob", &["contact", "show", "--json"]);
    let bob = of_bob.split("\"key\":\"").nth(1).unwrap().split('"').next().unwrap();
    scene.done("alice", &["contact", "add", "bob@example.com", bob]);
    assert_eq!(phrase("alice", "bob@example.com"), from_bob);
    assert_ne!(phrase("bob", "caroline@example.com"), from_bob);

    let book = scene.home("book");
    assert_eq!(scene.done("bob", &["contact", "export", path(&book)]), "2 contacts\n");
    let imported = scene.done("dave", &["contact", "import", path(&book)]);
    assert_eq!(imported, "2 new contacts of 2\n");
    assert_eq!(scene.done("dave", &["contact", "import", path(&book)]), "0 new contacts of 2\n");
    scene.done("erin", &["contact", "add", "caroline@example.com", &key(4)]);
    let told = scene.fails("erin", &["contact", "import", path(&book)]);
    assert_eq!(told.0, 3, "{told:?}");
    assert!(!scene.done("erin", &["contact", "list"]).contains("alice"), "all or none");
    fs::write(&book, "alice@example.com key\n").unwrap();
    let told = scene.fails("dave", &["contact", "import", path(&book)]);
    assert!(
        told.1.contains("line 1: a contact is a name, a key, a binding and a date"),
        "{told:?}"
    );
}

#[test]
fn keys_that_anybody_signs_with_are_not_taken() {
    let scene = Scene::set();
    let mut neutral = [0; 32];
    neutral[0] = 1;
    let weak = PublicKey(neutral);
    let (file, link) = (scene.home("weak.pub"), format!("p2p://weak@example.com/{weak}"));
    fs::write(&file, PublicKeyFile::new(weak).to_text()).unwrap();
    for arguments in [
        vec!["contact", "add", "weak@example.com", &weak.to_string()],
        vec!["contact", "add", "weak@example.com", path(&file)],
        vec!["contact", "add", &link],
        vec!["open", &link],
        vec!["authority", "add", path(&file), "--for", "example.com"],
    ] {
        let told = scene.fails("bob", &arguments);
        let words = "p2p: error: this key is not usable: anybody could sign with it\n";
        assert_eq!(told, (3, words.into()), "{arguments:?}");
    }
    assert_eq!(scene.done("bob", &["contact", "list"]), "");
    assert_eq!(scene.done("bob", &["authority", "list"]), "");
}

#[test]
fn a_link_becomes_a_code_for_cameras() {
    let scene = Scene::set();
    scene.init("alice", "alice@example.com");
    let svg = scene.home("alice.svg");
    // who asks for the own name gets what it says without one
    let by_name = scene.done("alice", &["contact", "show", "alice@example.com"]);
    assert_eq!(by_name, scene.done("alice", &["contact", "show"]));
    let shown = scene.done("alice", &["contact", "show", "--qr", "--svg", path(&svg)]);
    assert!(shown.matches('\n').count() > 20, "{shown}");
    let svg = fs::read_to_string(&svg).unwrap();
    assert!(svg.starts_with("<svg ") && svg.contains("h1v1h-1z"), "{svg}");
}

/// Starts commands that change the books and kills each at a random moment: afterwards the books are whole,
/// and hold everything that a command said it had done.
#[test]
fn books_survive_a_kill_at_any_moment() {
    let scene = Scene::set();
    let home = scene.home("bob");
    scene.done("club", &["ca", "init", "club", "--for", "example.com", "--no-passphrase"]);
    let file = scene.home("club").join("ca/club.authority");
    let (mut done, mut allowed, mut killed) = (Vec::new(), BTreeMap::new(), 0);
    // half of them are killed, however fast the machine is
    let mut longest = Duration::from_millis(25);
    for round in 0..120_u32 {
        let name = format!("u{round}@example.com");
        let domain = format!("d{}.example.com", round % 9);
        let port = 1000 + round % 9;
        let port_text = port.to_string();
        let arguments: Vec<&str> = match round % 4 {
            1 => vec!["allow", &port_text, &name],
            0 => vec!["authority", "add", path(&file), "--for", &domain],
            _ => vec![
                "contact",
                "add",
                &name,
                "aeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaq",
            ],
        };
        let mut command = command(&home, &arguments);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let late = AtomicBool::new(false);
        let moment = longest.mul_f64(random::number() as f64 / u64::MAX as f64);
        thread::scope(|scope| {
            scope.spawn(|| {
                block_on(clock::sleep(moment));
                late.store(true, Relaxed);
            });
        });
        assert!(late.load(Relaxed));
        let _ = child.kill();
        if child.wait().unwrap().success() {
            match round % 4 {
                0 => {}
                1 => drop(allowed.insert(port, name)),
                _ => done.push(name),
            }
            longest = longest.mul_f64(0.9);
        } else {
            killed += 1;
            longest = longest.mul_f64(1.1);
            if round % 4 == 1 {
                allowed.remove(&port); // the rule of before, or the one asked for
            }
        }
        let read = |name: &str| fs::read_to_string(home.join(name)).unwrap_or_default();
        let contacts = Contacts::parse(&read("contacts")).unwrap();
        for name in &done {
            assert!(contacts.get(&Name::parse(name).unwrap()).is_some(), "{name} is lost");
        }
        Authorities::parse(&read("authorities")).unwrap();
        let rules = AccessRules::parse(&read("access")).unwrap();
        for (port, name) in &allowed {
            let rule = rules.get(ServicePort::new(*port as u16).unwrap());
            assert_eq!(rule.map(|access| access.list.to_string()), Some(name.clone()), "{port}");
        }
    }
    let is_done = !done.is_empty() && !allowed.is_empty();
    assert!(killed > 10 && is_done, "{killed} killed, {} and {} done", done.len(), allowed.len());
    scene.done("bob", &["contact", "add", "last@example.com", &key(1)]);
}

/// Kills the daemon while rules are changed: afterwards there are the rules of before or those asked for, and
/// those that a command said it had set.
#[test]
fn rules_survive_a_kill_at_any_moment() {
    let scene = Scene::set();
    scene.init("alice", "alice@example.com");
    let mut set = "contacts".to_owned();
    let mut alice = scene.serve("alice", "hello from alice", &["--allow", "public"]);
    scene.done("alice", &["allow", "1000", &set]);
    for round in 0..12_u32 {
        let wanted = format!("u{round}@example.com");
        let mut allow = command(&scene.home("alice"), &["allow", "1000", &wanted]);
        let mut allow = allow.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        block_on(clock::sleep(Duration::from_micros(random::number() % 30_000)));
        alice.kill();
        let was_set = allow.wait().unwrap().success();
        alice = scene.serve("alice", "hello from alice", &[]);
        let status = scene.done("alice", &["status", "--json"]);
        let rule = status.split("\"allow\":\"").nth(1).unwrap().split('"').next().unwrap();
        assert!(rule == wanted || rule == set && !was_set, "{rule} after {set} and {wanted}");
        set = rule.to_owned();
    }
}
