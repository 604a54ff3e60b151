//! Stores that misbehave, packets that are old, foreign or from another time.

use std::{fs, path::PathBuf, time::Duration};

use p2p::identity::{KeyPair, Name, Seed, Slot};
use p2p::registration::Packet;
use p2p::runtime::{clock, random};
use tempfile::TempDir;

use crate::world::{
    Answer, Behaviour, Shelf, alice, bob, fill, get, keys, packet, page, request, seconds_from_now,
    store,
};
use testbed::people::{ALICE, Neighbours, Program, run, text};

/// Alice, who is at home, and a shelf where the test puts what a store says of her.
struct Scene {
    root: TempDir,
    shelf: Shelf,
    /// The store with that shelf.
    overlay: String,
    keys: KeyPair,
    at: std::net::SocketAddr,
    _alice: Program,
}

impl Scene {
    fn set() -> Scene {
        let root = tempfile::tempdir().unwrap();
        let home = root.path().join("alice");
        assert!(run(&home, &["init", ALICE]).status.success());
        let folder = root.path().join("media");
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join("index.html"), "hello from alice").unwrap();
        let shelf = Shelf::default();
        let overlay = store(Behaviour::Shelf(shelf.clone()));
        let nowhere = store(Behaviour::Garbage);
        let folder = folder.to_str().unwrap();
        let arguments = ["serve", folder, "--port", "1000", "--udp", "127.0.0.1:0"];
        let alice = Program::start(&home, &[&arguments[..], &["--overlay", &nowhere]].concat());
        let status = text(&run(&home, &["status"]).stdout[..]);
        let at = status.lines().find_map(|line| line.strip_prefix("peers come to")).unwrap();
        let at = at.trim().parse().unwrap();
        Scene { keys: keys(&home), root, shelf, overlay, at, _alice: alice }
    }

    fn home(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    /// A packet of alice's as if signed so many seconds from now.
    fn packet(&self, seconds: i64) -> Packet {
        packet(&self.keys, &alice(), seconds_from_now(seconds), vec![self.at])
    }

    /// What a bob who never met alice gets when the store holds these packets; asked twice, since the
    /// second answer comes from memory.
    fn stranger(&self, name: &str, packets: &[Packet]) -> Answer {
        fill(&self.shelf, packets);
        let bob = bob(&self.home(name), &[&self.overlay]);
        let first = get(&page(&bob));
        let second = get(&page(&bob));
        assert_eq!((first.status, &first.body), (second.status, &second.body));
        first
    }

    /// What `p2p lookup` prints on stdout.
    fn lookup(&self, home: &str) -> String {
        let output = run(&self.home(home), &["lookup", ALICE, "--overlay", &self.overlay]);
        text(&output.stdout[..])
    }
}

#[test]
fn one_good_store_is_enough_however_bad_the_others_are() {
    let scene = Scene::set();
    fill(&scene.shelf, &[scene.packet(0)]);
    let bad = [
        Behaviour::Garbage,
        Behaviour::Babble,
        Behaviour::Slow,
        Behaviour::Endless,
        Behaviour::Silent,
    ];
    let mut overlays: Vec<String> = bad.into_iter().map(store).collect();
    overlays.push("store:http://127.0.0.1:9/{slot}".into());
    overlays.push(scene.overlay.clone());
    let overlays: Vec<&str> = overlays.iter().map(String::as_str).collect();
    let bob = bob(&scene.home("bob"), &overlays);
    assert_eq!(get(&page(&bob)).body, "hello from alice");

    let options = overlays.iter().flat_map(|overlay| ["--overlay", *overlay]);
    let lookup: Vec<&str> = ["lookup", ALICE].into_iter().chain(options).collect();
    let output = run(&scene.home("bob"), &lookup);
    assert!(output.status.success());
    let told = text(&output.stdout[..]);
    let lines: Vec<&str> = told.lines().collect();
    // the look-up has ended before the slow ones did: they delay nothing
    for (line, words) in [
        (0, "the answer is not that of a packet store"),
        (1, "the answer is not that of a packet store"),
        (2, "no answer in time"),
        (3, "packet or answer of a size that cannot be right"),
        (4, "no answer in time"),
        (5, "cannot be reached: connection refused"),
        (6, "found, with 1 address and 0 rendezvous"),
    ] {
        assert!(lines[line].ends_with(words), "{words}:\n{told}");
        assert!(lines[line].contains(overlays[line]), "{told}");
    }
    // those that carry what is sealed were asked for it as well
    assert!(lines[7..14].iter().all(|line| line.contains(" (sealed)  ")), "{told}");
    assert!(lines[14].starts_with("key      "), "{told}");
    assert!(told.contains(&format!("at       {}", scene.at)), "{told}");
}

#[test]
fn a_contact_is_reached_at_once_whatever_two_overlays_of_three_do() {
    let scene = Scene::set();
    fill(&scene.shelf, &[scene.packet(0)]);
    // true ten minutes ago: it leads where nobody is any more
    let replayed = Shelf::default();
    let gone = "127.0.0.1:9".parse().unwrap();
    fill(&replayed, &[packet(&scene.keys, &alice(), seconds_from_now(-600), vec![gone])]);
    let dead = "store:http://127.0.0.1:9/{slot}".to_owned();
    let bad = [
        store(Behaviour::Garbage),
        store(Behaviour::Slow),
        store(Behaviour::Endless),
        store(Behaviour::Silent),
        store(Behaviour::Shelf(replayed)),
        store(Behaviour::Shelf(Shelf::default())),
        dead,
    ];
    let link = format!("p2p://{ALICE}/{}", scene.keys.public());
    for run_number in 0..20 {
        // pairs of neighbours, then of those further apart
        let (one, two) = (run_number % 7, (run_number + 1 + run_number / 7) % 7);
        let home = scene.home(&format!("bob{run_number}"));
        assert!(run(&home, &["contact", "add", &link]).status.success());
        let bob = bob(&home, &[&bad[one], &bad[two], &scene.overlay]);
        let started = clock::now();
        assert_eq!(get(&page(&bob)).body, "hello from alice", "{one} {two}");
        let took = clock::now() - started;
        // the slow ones take five seconds and more
        assert!(took < Duration::from_secs(4), "{one} {two}: {took:?}");
    }
}

#[test]
fn only_bad_stores_are_named_with_what_they_said() {
    let root = tempfile::tempdir().unwrap();
    let overlays = [
        store(Behaviour::Garbage),
        store(Behaviour::Slow),
        store(Behaviour::Endless),
        store(Behaviour::Silent),
        "store:http://127.0.0.1:9/{slot}".to_owned(),
    ];
    let overlays: Vec<&str> = overlays.iter().map(String::as_str).collect();
    let bob = bob(&root.path().join("bob"), &overlays);
    let answer = get(&page(&bob));
    assert_eq!(answer.status, 502, "{}", answer.body);
    let words = [
        "the answer is not that of a packet store",
        "no complete answer in time",
        "packet or answer of a size that cannot be right",
        "no complete answer in time",
        "cannot be reached: connection refused",
    ];
    for (overlay, words) in overlays.iter().zip(words) {
        assert!(answer.body.contains(&format!("{overlay}: {words}")), "{}", answer.body);
    }
    assert!(answer.fields["Proxy-Status"].to_str().unwrap().contains("error=dns_error"));
}

#[test]
fn an_old_packet_is_refused_also_after_a_restart() {
    let scene = Scene::set();
    let home = scene.home("bob");
    fill(&scene.shelf, &[scene.packet(0)]);
    let first = bob(&home, &[&scene.overlay]);
    assert_eq!(get(&page(&first)).body, "hello from alice");
    assert_eq!(first.stop().code(), Some(0));
    fill(&scene.shelf, &[scene.packet(-630)]);
    let second = bob(&home, &[&scene.overlay]);
    let answer = get(&page(&second));
    assert_eq!(answer.status, 502, "{}", answer.body);
    let words = "the packet is 10 minutes older than one seen before";
    assert!(answer.body.contains(words), "{}", answer.body);
    assert!(scene.lookup("bob").contains(words));
    fill(&scene.shelf, &[scene.packet(1)]);
    assert!(scene.lookup("bob").contains("found, with 1 address"));
}

#[test]
fn an_overlay_that_goes_back_on_its_word_raises_an_alarm() {
    let scene = Scene::set();
    let (home, older) = (scene.home("bob"), scene.packet(-630));
    fill(&scene.shelf, &[scene.packet(0)]);
    let bob = bob(&home, &[&scene.overlay]);
    assert_eq!(get(&page(&bob)).body, "hello from alice");
    let told = || text(&run(&home, &["status"]).stdout[..]);
    assert!(!told().contains("ALARM"), "{}", told());
    // what is remembered leads nowhere any more, so the store is asked again
    assert_eq!(scene._alice.stop().code(), Some(0));
    fill(&scene.shelf, &[older]);
    assert_ne!(get(&page(&bob)).status, 200);
    assert!(told().contains("ALARM: older packets than it gave before"), "{}", told());
}

#[test]
fn clocks_that_differ_are_told() {
    let scene = Scene::set();
    let ahead = scene.stranger("ahead", &[scene.packet(3600)]);
    assert_eq!(ahead.status, 502);
    let words = "the clock of alice@example.com or of this machine is wrong";
    assert!(ahead.body.contains(words), "{}", ahead.body);
    assert!(ahead.body.contains("59 minutes in the future"), "{}", ahead.body);
    let told = scene.lookup("ahead");
    assert!(told.contains("59 minutes in the future: your clock or theirs is wrong"), "{told}");

    let behind = scene.stranger("behind", &[scene.packet(-3600)]);
    assert_eq!(behind.body, "hello from alice", "a packet holds for two hours");

    let expired = scene.stranger("expired", &[scene.packet(-4 * 3600)]);
    assert_eq!(expired.status, 503);
    assert!(expired.fields.contains_key("Retry-After"));
    let words = "alice@example.com is offline";
    assert!(expired.body.contains(words), "{}", expired.body);
    assert!(expired.body.contains("the registration packet ended 2 hours ago"), "{}", expired.body);
    assert!(scene.lookup("expired").contains("the packet expired 2 hours ago"));
}

#[test]
fn a_packet_about_somebody_else_does_not_count() {
    let scene = Scene::set();
    let carol = Name::parse("carol@example.com").unwrap();
    let foreign = packet(&scene.keys, &carol, seconds_from_now(0), vec![scene.at]);
    let answer = scene.stranger("bob", &[foreign]);
    assert_eq!(answer.status, 502);
    assert!(answer.body.contains("the packet is about carol@example.com"), "{}", answer.body);
    assert!(scene.lookup("bob").contains("the packet is about carol@example.com"));
}

#[test]
fn a_forged_packet_is_passed_over_in_one_store_and_told_in_all() {
    let scene = Scene::set();
    fill(&scene.shelf, &[scene.packet(0)]);
    let forged = || store(Behaviour::Forged(scene.shelf.clone()));
    let (one, two, three) = (forged(), forged(), forged());
    let some = bob(&scene.home("some"), &[&one, &scene.overlay, &two]);
    assert_eq!(get(&page(&some)).body, "hello from alice");
    let all = bob(&scene.home("all"), &[&one, &two, &three]);
    let answer = get(&page(&all));
    assert_eq!(answer.status, 502);
    for overlay in [one, two, three] {
        let told = answer.body.split(&format!("{overlay}: ")).nth(1).unwrap();
        assert!(told.starts_with("the packet"), "{}", answer.body);
    }
}

#[test]
fn squatters_stop_a_first_meeting_but_no_contact() {
    let root = tempfile::tempdir().unwrap();
    let store = Program::start(&root.path().join("store"), &["store", "--listen", "127.0.0.1:0"]);
    let url = store.said("store").replace("{slot}", &Slot::of_name(&alice()).to_string());
    for number in 0..8 {
        let squatter = KeyPair::from_seed(&Seed::new(random::bytes()));
        let claim = packet(&squatter, &alice(), seconds_from_now(0), Vec::new());
        let secret = format!("the secret of squatter {number}");
        let put = request("PUT", &url, &[("P2P-Secret", &secret)], claim.as_bytes());
        assert_eq!(put.status, 204, "{}", put.body);
    }
    let overlay = format!("store:{}", store.said("store"));
    let folder = root.path().join("media");
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("index.html"), "hello from alice").unwrap();
    let home = root.path().join("alice");
    let made = text(&run(&home, &["init", ALICE]).stdout[..]);
    let link = made.lines().find_map(|line| line.strip_prefix("share link")).unwrap().trim();
    let folder = folder.to_str().unwrap();
    let arguments = ["serve", folder, "--port", "1000", "--udp", "127.0.0.1:0"];
    let _alice = Program::start(&home, &[&arguments[..], &["--overlay", &overlay]].concat());

    let bob = bob(&root.path().join("bob"), &[&overlay]);
    let answer = get(&page(&bob));
    assert_eq!(answer.status, 502);
    assert!(answer.body.contains("8 keys claim the name"), "{}", answer.body);
    assert!(answer.body.contains("p2p open LINK"), "{}", answer.body);

    assert!(run(&root.path().join("bob"), &["contact", "add", link]).status.success());
    let answer = get(&page(&bob));
    assert_eq!(answer.body, "hello from alice", "{}", answer.status);
}

#[test]
fn who_is_ready_can_be_found() {
    let root = tempfile::tempdir().unwrap();
    let store = Program::start(&root.path().join("store"), &["store", "--listen", "127.0.0.1:0"]);
    let good = format!("store:{}", store.said("store"));
    let dead = "store:http://127.0.0.1:9/".to_owned();
    for name in ["dave", "erin", "frank"] {
        let home = root.path().join(name);
        let person = format!("{name}@example.com");
        assert!(run(&home, &["init", &person]).status.success());
        let network = ["--udp", "127.0.0.1:0", "--overlay", &dead, "--overlay", &good];
        let arguments = [&["expose", "http://127.0.0.1:9", "--port", "1000"], &network[..]];
        let _serving = Program::start(&home, &arguments.concat());
        let found = run(&root.path().join("visitor"), &["lookup", &person, "--overlay", &good]);
        assert!(found.status.success(), "{found:?}");
    }
}

#[test]
fn a_share_link_says_where_to_look() {
    let neighbours =
        Neighbours::start(|folder| fs::write(folder.join("index.html"), "found").unwrap());
    let status =
        text(&run(&neighbours.root.path().join("alice"), &["status", "--json"]).stdout[..]);
    let link = status.split("\"share_link\":\"").nth(1).unwrap().split('"').next().unwrap();
    let home = neighbours.root.path().join("carol");
    let nowhere = ["store:http://127.0.0.1:9/"];
    let carol = bob(&home, &nowhere);
    assert_ne!(get(&page(&carol)).status, 200, "carol's own overlay holds nothing");

    // a store on this machine: somebody else's link alone does not make carol ask there
    let added = run(&home, &["contact", "add", link]);
    assert!(added.status.success());
    assert!(text(&added.stderr[..]).contains("--nearby takes it"), "{added:?}");
    assert_ne!(get(&page(&carol)).status, 200);
    assert!(run(&home, &["contact", "add", link, "--nearby"]).status.success());
    assert_eq!(get(&page(&carol)).body, "found");
    let told = run(&home, &["lookup", ALICE, "--overlay", nowhere[0]]);
    assert!(told.status.success(), "{told:?}");
    let told = text(&told.stdout[..]);
    assert!(told.contains(&neighbours.overlay()), "{told}");
}
