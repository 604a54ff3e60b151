//! `p2p why`: one cause after another, and the step at which the way ends.

use std::{fs, path::Path};

use crate::world::get;
use p2p::identity::{KeyPair, Seed};
use testbed::people::{ALICE, Neighbours, run, text};

/// States of all steps as words, the exit code, and what was told on stderr.
fn why(home: &Path, target: &str, more: &[&str]) -> (Vec<String>, i32, String) {
    let output = run(home, &[&["why", target, "--json"], more].concat());
    let said = text(&output.stdout[..]);
    let states = said.split("\"state\":\"").skip(1);
    let states = states.map(|rest| rest.split('"').next().unwrap().to_owned()).collect();
    (states, output.status.code().unwrap(), text(&output.stderr[..]))
}

/// The states of a walk that ends at the step with this number.
fn failed_at(step: usize) -> Vec<String> {
    let state = |at: usize| match at.cmp(&step) {
        std::cmp::Ordering::Less => "done",
        std::cmp::Ordering::Equal => "failed",
        std::cmp::Ordering::Greater => "not reached",
    };
    (0..7).map(|at| state(at).to_owned()).collect()
}

#[test]
fn it_says_where_the_way_ends() {
    let neighbours = Neighbours::start(|folder| fs::write(folder.join("a.txt"), "a").unwrap());
    let (bob, carol) = (neighbours.root.path().join("bob"), neighbours.root.path().join("carol"));
    let overlay = neighbours.overlay();
    let elsewhere = ["--overlay", overlay.as_str()];
    let (port, silent_port) = (format!("{ALICE}:1000"), format!("{ALICE}:1001"));
    // with a daemon, and without one
    for (home, more) in [(&bob, &[][..]), (&carol, &elsewhere[..])] {
        let (states, code, stderr) = why(home, &port, more);
        assert_eq!((states, code), (failed_at(7), 0), "{stderr}");

        let (states, code, stderr) = why(home, &neighbours.path_url("/a.txt"), more);
        assert_eq!((states, code), (failed_at(7), 0), "{stderr}");

        let (states, code, stderr) = why(home, &silent_port, more);
        assert_eq!((states, code), (failed_at(4), 1), "{stderr}");
        assert!(stderr.contains("nothing is served at port 1001"), "{stderr}");

        let (states, code, stderr) = why(home, "mallory@example.com", more);
        assert_eq!((states, code), (failed_at(1), 1), "{stderr}");
        assert!(stderr.contains("nobody is known as mallory@example.com"), "{stderr}");
    }
    // asking why has made nobody a contact
    assert_eq!(text(&run(&carol, &["contact", "list"]).stdout[..]), "");
    let said = text(&run(&carol, &[&["why", &port], &elsewhere[..]].concat()).stdout[..]);
    let steps: Vec<&str> = said.lines().filter(|line| !line.starts_with(' ')).collect();
    let words: Vec<&str> = steps.iter().map(|step| step.split(' ').next().unwrap()).collect();
    assert_eq!(words, ["name", "look-up", "trust", "connect", "service", "access", "response"]);
    assert!(said.contains("path: direct by 127.0.0.1:"), "{said}");

    let other = KeyPair::from_seed(&Seed::new([7; 32])).public().to_string();
    assert!(run(&carol, &["contact", "add", ALICE, &other]).status.success());
    let (states, code, stderr) = why(&carol, &port, &elsewhere);
    assert_eq!((states, code), (failed_at(2), 3), "{stderr}");
    assert!(stderr.contains("another key answers for alice@example.com"), "{stderr}");

    neighbours.alice.kill();
    // there is a connection, and it is not the service that says nothing
    let (states, code, stderr) = why(&bob, &port, &[]);
    assert_eq!((states, code), (failed_at(3), 1), "{stderr}");
    assert!(stderr.contains("none of the known addresses answers"), "{stderr}");
    let dora = neighbours.root.path().join("dora");
    let (states, code, stderr) = why(&dora, &port, &elsewhere);
    assert_eq!((states, code), (failed_at(3), 1), "{stderr}");
    assert!(stderr.contains("none of the known addresses answers"), "{stderr}");
}

#[test]
fn who_left_where_nobody_can_be_asked_is_told_so_and_not_forgotten() {
    let neighbours = Neighbours::start(|folder| fs::write(folder.join("a.txt"), "a").unwrap());
    let (overlay, url) = (neighbours.overlay(), neighbours.path_url("/a.txt"));
    assert_eq!(get(&url).body, "a");
    let Neighbours { alice, bob: _bob, store, root, .. } = neighbours;
    store.kill();
    alice.stop(); // nobody hears that
    let headline = format!("nobody can say where {ALICE} is now");
    let asked = format!("no overlay gave newer ones ({overlay}: cannot be reached: ");
    let answer = get(&url);
    assert_eq!(answer.status, 503, "{}", answer.body);
    for words in [&headline, &asked, "none of the addresses known "] {
        assert!(answer.body.contains(words), "{words}: {}", answer.body);
    }
    assert!(answer.body.contains("hint: run \"p2p doctor\""), "{}", answer.body);
    let (states, code, stderr) = why(&root.path().join("bob"), &format!("{ALICE}:1000"), &[]);
    assert_eq!((states, code), (failed_at(3), 1), "{stderr}");
    assert!(stderr.contains(&headline) && stderr.contains(&asked), "{stderr}");
}

#[test]
fn the_status_shows_how_packets_go() {
    let neighbours = Neighbours::start(|folder| fs::write(folder.join("a.txt"), "a").unwrap());
    let bob = neighbours.root.path().join("bob");
    assert_eq!(get(&neighbours.path_url("/a.txt")).body, "a");
    let said = text(&run(&bob, &["status"]).stdout[..]);
    let peer = said.lines().find(|line| line.starts_with("peer ")).expect(&said);
    assert!(peer.contains("alice@example.com  direct by 127.0.0.1:"), "{peer}");
    assert!(
        peer.contains(" rtt ") && peer.contains(" loss ") && peer.ends_with(" streams"),
        "{peer}"
    );
    assert!(said.contains("candidate         127.0.0.1:"), "{said}");
}
