//! `p2p doctor`: what is fine, what is wrong, and what to do about it.

use std::{fs, net::UdpSocket, os::unix::fs::PermissionsExt, path::Path};

use nanoserde::DeJson;
use p2p::daemon::Check;
use p2p::identity::{KeyPair, Seed};
use testbed::people::{ALICE, Neighbours, Program, run, text};

/// All checks, and the exit code.
fn doctor(home: &Path, more: &[&str]) -> (Vec<Check>, i32) {
    let output = run(home, &[&["doctor", "--json"], more].concat());
    let said = text(&output.stdout[..]);
    (Vec::deserialize_json(&said).expect(&said), output.status.code().unwrap())
}

fn check<'a>(checks: &'a [Check], name: &str) -> &'a Check {
    checks
        .iter()
        .find(|check| check.name == name)
        .unwrap_or_else(|| panic!("no {name}: {checks:?}"))
}

#[test]
fn a_home_with_a_daemon_is_well() {
    let neighbours = Neighbours::start(|folder| fs::write(folder.join("a.txt"), "a").unwrap());
    let overlay = neighbours.overlay();
    let home = neighbours.root.path().join("alice");
    fs::write(home.join("config.toml"), "stun = []\n").unwrap(); // nobody outside is asked
    let (checks, code) = doctor(&home, &["--overlay", overlay.as_str()]);
    for name in ["home", "clock", "daemon", "overlay"] {
        assert_eq!(check(&checks, name).outcome, "fine", "{checks:?}");
    }
    assert_eq!(code, i32::from(checks.iter().any(Check::is_wrong)), "{checks:?}");
    assert!(check(&checks, "nat").found.contains("no STUN server"), "{checks:?}");
    assert_eq!(check(&checks, "reached at").outcome, "note", "{checks:?}");
    assert!(check(&checks, "daemon").found.contains("127.0.0.1:"), "{checks:?}");
    assert!(check(&checks, "overlay").found.contains(" answers after "), "{checks:?}");
    assert!(!checks.iter().any(|check| check.name == "udp port"), "the daemon has them");
}

#[test]
fn what_a_daemon_was_started_with_is_examined() {
    let neighbours = Neighbours::start(|folder| fs::write(folder.join("a.txt"), "a").unwrap());
    let overlay = neighbours.overlay();
    let home = neighbours.root.path().join("alice");
    fs::write(home.join("config.toml"), "stun = []\n").unwrap(); // nobody outside is asked
    let (checks, _) = doctor(&home, &[]);
    let answers = check(&checks, "overlay");
    assert_eq!(answers.outcome, "fine", "{checks:?}");
    assert!(answers.found.starts_with(&overlay), "{answers:?}");
    let differ: Vec<&Check> = checks.iter().filter(|check| check.name == "settings").collect();
    let found: Vec<&str> = differ.iter().map(|check| check.found.as_str()).collect();
    let overlays = format!("overlay: the daemon uses {overlay}; the configuration says lan");
    assert_eq!(found.len(), 2, "{checks:?}");
    assert_eq!(found[0], overlays);
    assert!(found[1].starts_with("udp: the daemon uses 127.0.0.1:"), "{found:?}");
    assert!(differ.iter().all(|check| check.outcome == "note" && check.advice.is_some()));

    neighbours.alice.kill();
    let (checks, _) = doctor(&home, &[]);
    assert!(check(&checks, "overlay").found.starts_with("lan"), "nobody uses another one");
    assert!(!checks.iter().any(|check| check.name == "settings"), "{checks:?}");
}

#[test]
fn a_rendezvous_that_is_not_the_configured_one_is_told() {
    let root = tempfile::tempdir().unwrap();
    let home = root.path().join("home");
    fs::create_dir(&home).unwrap();
    let node = |seed| {
        let key = KeyPair::from_seed(&Seed::new([seed; 32])).public();
        format!("{key}@127.0.0.1:{seed}") // where nobody is
    };
    let (used, configured) = (node(1), node(2));
    let lines = [
        "stun = []", // nobody outside is asked
        "overlay = [\"store:http://127.0.0.1:9/\"]",
        "udp = \"127.0.0.1:0\"",
        &format!("rendezvous = [\"{configured}\"]"),
    ];
    fs::write(home.join("config.toml"), lines.join("\n")).unwrap();
    let differences = |options: &[&str]| {
        let arguments = [&["proxy", "--listen", "127.0.0.1:0"], options].concat();
        let _daemon = Program::start(&home, &arguments);
        let (mut checks, _) = doctor(&home, &[]);
        checks.retain(|check| check.name == "settings");
        checks
    };
    assert_eq!(differences(&[]).len(), 0, "it has what is configured");
    let told = differences(&["--rendezvous", &used]);
    let words = format!("the daemon uses {used}; the configuration says {configured}");
    let found: Vec<&str> = told.iter().map(|check| check.found.as_str()).collect();
    assert_eq!(found, [format!("rendezvous: {words}")]);
    assert_eq!(told[0].outcome, "note");
    let advice = "what is configured counts when it is started next without options";
    assert_eq!(told[0].advice.as_deref(), Some(advice));
}

#[test]
fn what_is_wrong_is_told_with_advice() {
    let root = tempfile::tempdir().unwrap();
    let home = root.path().join("home");
    assert!(run(&home, &["init", ALICE]).status.success());
    fs::set_permissions(home.join("identity.key"), fs::Permissions::from_mode(0o644)).unwrap();
    let taken = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    fs::write(home.join("config.toml"), format!("udp = \"{address}\"\nstun = []\n")).unwrap();
    let (checks, code) = doctor(&home, &["--overlay", "store:http://127.0.0.1:9/{slot}"]);
    assert_eq!(code, 1);
    for (name, found) in [
        ("home", "others may read"),
        ("udp port", "address already in use"),
        ("overlay", "cannot be reached"),
    ] {
        let check = check(&checks, name);
        assert_eq!(check.outcome, "wrong", "{check:?}");
        assert!(check.found.contains(found), "{check:?}");
        assert!(check.advice.is_some(), "{check:?}");
    }
    let output = run(&home, &["doctor"]);
    assert!(text(&output.stdout[..]).contains("chmod 600 "));
    assert!(text(&output.stderr[..]).contains(" wrong"));
}

#[test]
fn looking_makes_nothing() {
    let root = tempfile::tempdir().unwrap();
    let home = root.path().join("home");
    fs::create_dir(&home).unwrap();
    fs::write(home.join("config.toml"), "stun = []\n").unwrap(); // nobody outside is asked
    let (checks, _) = doctor(&home, &["--overlay", "lan"]);
    assert_eq!(check(&checks, "home").outcome, "note");
    assert_eq!(check(&checks, "daemon").outcome, "note");
    assert_eq!(fs::read_dir(&home).unwrap().count(), 1);
}

#[cfg(feature = "mainline")]
#[test]
fn overlays_without_slots_are_asked_in_their_own_way() {
    let root = tempfile::tempdir().unwrap();
    let net = mainline::Testnet::builder(5).build().unwrap();
    let home = root.path().join("home");
    fs::create_dir(&home).unwrap();
    fs::write(home.join("config.toml"), "stun = []\n").unwrap(); // nobody outside is asked
    for kind in ["mainline", "tracker:mainline"] {
        let (checks, _) = doctor(&home, &["--overlay", &format!("{kind}:{}", net.bootstrap[0])]);
        assert_eq!(check(&checks, "overlay").outcome, "fine", "{kind}");
    }
    let (checks, _) = doctor(&home, &["--overlay", "tracker:http://127.0.0.1:9/announce"]);
    assert_eq!(check(&checks, "overlay").outcome, "wrong");
}
