//! Private services: for some, forbidden to others, and not there for everybody else.

use std::time::Duration;

use p2p::runtime::{block_on, clock};

use crate::scene::{Scene, get, get_at, path, request};
use testbed::people::{Program, run, text};

/// The public key of a home.
fn key(scene: &Scene, home: &str) -> String {
    let shown = scene.done(home, &["contact", "show", "--json"]);
    shown.split("\"key\":\"").nth(1).unwrap().split('"').next().unwrap().to_owned()
}

/// Alice, who knows bob and dave, serves for those whom the rules name; visitors know her.
fn alice(scene: &Scene, rules: &[&str]) -> Program {
    let link = scene.init("alice", "alice@example.com");
    for visitor in ["bob", "carol", "dave"] {
        let name = format!("{visitor}@example.com");
        scene.init(visitor, &name);
        scene.done(visitor, &["contact", "add", &link]);
        if visitor != "carol" {
            scene.done("alice", &["contact", "add", &name, &key(scene, visitor)]);
        }
    }
    let rules: Vec<&str> = rules.iter().flat_map(|rule| ["--allow", *rule]).collect();
    scene.serve("alice", "hello from alice", &rules)
}

const ALICE: &str = "alice@example.com";

#[test]
fn strangers_see_nothing_contacts_are_told_and_rules_change() {
    let scene = Scene::set();
    let _alice = alice(&scene, &["bob@example.com"]);
    let [bob, carol, dave] = ["bob", "carol", "dave"].map(|home| scene.proxy(home));
    assert_eq!(get(&bob, ALICE).body, "hello from alice");

    let refused = get(&dave, ALICE);
    assert_eq!(refused.status, 403);
    let words = "port 1000 of alice@example.com is not open to you\n";
    assert!(refused.body.starts_with(words), "{}", refused.body);
    assert!(refused.body.contains("you were seen as dave@example.com"), "{}", refused.body);
    assert!(refused.body.contains("ask alice@example.com for access"), "{}", refused.body);

    let (hidden, nothing) = (get(&carol, ALICE), get_at(&carol, ALICE, 2000));
    assert_eq!((hidden.status, nothing.status), (502, 502));
    assert_eq!(hidden.body.replace("1000", "2000"), nothing.body);
    let fields = |answer: &crate::scene::Answer| {
        let mut fields: Vec<String> = answer
            .fields
            .iter()
            .filter(|(name, _)| *name != "date")
            .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()))
            .collect();
        fields.sort();
        fields.join("\n").replace("1000", "2000")
    };
    assert_eq!(fields(&hidden), fields(&nothing));

    scene.done("alice", &["allow", "1000", "contacts"]);
    assert!(scene.done("alice", &["status"]).contains("  for contacts\n"));
    assert_eq!(get(&dave, ALICE).body, "hello from alice");
    assert_eq!(get(&carol, ALICE).status, 502);
    scene.done("alice", &["allow", "1000", "*@example.org", "carol@example.com"]);
    assert_eq!(get(&bob, ALICE).status, 403);
    assert_eq!(get(&carol, ALICE).status, 502, "a name says nothing without a known key");
    scene.done("alice", &["allow", "1000", "public"]);
    assert_eq!(get(&carol, ALICE).body, "hello from alice");
    let told = scene.fails("alice", &["allow", "2000", "public"]);
    assert!(told.1.starts_with("p2p: error: nothing is served at port 2000"), "{told:?}");
}

#[test]
fn what_was_allowed_holds_whoever_is_the_daemon() {
    let scene = Scene::set();
    let link = scene.init("alice", "alice@example.com");
    scene.done("carol", &["contact", "add", &link]);
    let carol = scene.proxy("carol");
    let comes_to = |status: u16| {
        let started = clock::now();
        loop {
            let answer = get(&carol, ALICE);
            if answer.status == status {
                return answer;
            }
            assert!(clock::now() - started < Duration::from_secs(60), "{}", answer.body);
            block_on(clock::sleep(Duration::from_millis(100)));
        }
    };
    let daemon = scene.proxy("alice");
    let served = scene.serve("alice", "hello from alice", &["--allow", "contacts"]);
    assert_eq!(get(&carol, ALICE).status, 502);
    scene.done("alice", &["allow", "1000", "public", "--cross-site"]);
    assert_eq!(get(&carol, ALICE).status, 200);
    // the command that serves takes the place of the one that was the daemon
    let before = scene.done("alice", &["status", "--json"]);
    assert!(daemon.stop().success());
    assert_eq!(comes_to(200).body, "hello from alice");
    assert_ne!(scene.done("alice", &["status", "--json"]), before);

    // with the command all is gone but what was said
    scene.done("alice", &["allow", "1000", "contacts"]);
    assert!(served.stop().success());
    let served = scene.serve("alice", "hello from alice", &[]);
    assert!(scene.done("alice", &["status"]).contains("  for contacts\n"));
    comes_to(502);
    // until a command says something else
    assert!(served.stop().success());
    let served = scene.serve("alice", "hello from alice", &["--allow", "public"]);
    comes_to(200);
    assert!(served.stop().success());
    let _served = scene.serve("alice", "hello from alice", &[]);
    comes_to(200);
}

#[test]
fn what_was_allowed_before_anything_runs_holds_when_it_does() {
    let scene = Scene::set();
    let link = scene.init("alice", "alice@example.com");
    scene.done("carol", &["contact", "add", &link]);
    let carol = scene.proxy("carol");
    let output = run(&scene.home("alice"), &["allow", "1000", "contacts", "bob@example.com"]);
    assert!(output.status.success() && output.stdout.is_empty());
    assert_eq!(
        text(&output.stderr[..]),
        "no daemon runs for this home; what is served at port 1000 next is for \
         contacts,bob@example.com, unless it is started with --allow\n"
    );
    let served = scene.serve("alice", "hello from alice", &[]);
    assert!(scene.done("alice", &["status"]).contains("  for contacts,bob@example.com\n"));
    assert_eq!(get(&carol, ALICE).status, 502);
    served.kill();
    // nothing is left running, and the rule is still there to be replaced
    scene.done("alice", &["allow", "1000", "public"]);
    let _served = scene.serve("alice", "hello from alice", &[]);
    assert!(!scene.done("alice", &["status"]).contains("  for "));
    // a file that nobody understands is not written over
    scene.done("bob", &["init", "bob@example.com"]);
    std::fs::write(scene.home("bob").join("access"), "80 friends\n").unwrap();
    let (code, told) = scene.fails("bob", &["allow", "80", "contacts"]);
    assert_eq!(code, 1);
    assert!(told.contains("access: line 1: \"friends\" is none of public"), "{told}");
}

#[test]
fn a_hidden_service_takes_as_long_as_none() {
    let scene = Scene::set();
    let _alice = alice(&scene, &["contacts"]);
    let carol = scene.proxy("carol");
    get(&carol, ALICE);
    let time = |port| {
        let start = clock::now();
        get_at(&carol, ALICE, port);
        clock::now() - start
    };
    // taken in turn, so that a busy machine slows both, and compared where nothing else came between; repeated
    // before it counts as different
    let alike = (0..5).any(|_| {
        let (mut hidden, mut nothing): (Vec<_>, Vec<_>) =
            (0..60).map(|_| (time(1000), time(2000))).unzip();
        hidden.sort();
        nothing.sort();
        let (hidden, nothing) = (hidden[15], nothing[15]);
        hidden.abs_diff(nothing) < nothing / 4
    });
    assert!(alike, "the time tells a hidden service from none");
}

#[test]
fn members_come_in_by_their_certificate() {
    let scene = Scene::set();
    let _alice = alice(&scene, &["authority:club"]);
    scene.done("club", &["ca", "init", "club", "--for", "example.com", "--no-passphrase"]);
    let file = scene.home("club").join("ca/club.authority");
    scene.done("alice", &["authority", "add", path(&file)]);
    let cert = scene.home("carol.cert");
    let public = scene.home("carol").join("identity.pub");
    let sign = ["ca", "sign", path(&public), "--name", "carol@example.com", "--out", path(&cert)];
    scene.done("club", &sign);
    let before = scene.proxy("carol");
    assert_eq!(get(&before, ALICE).status, 502);
    drop(before);
    scene.done("carol", &["certificate", "add", path(&cert)]);
    let carol = scene.proxy("carol");
    assert_eq!(get(&carol, ALICE).body, "hello from alice");
    assert_eq!(get(&scene.proxy("dave"), ALICE).status, 403, "a contact, but no member");

    scene.done("club", &["ca", "revoke", "carol@example.com"]);
    let list = scene.home("club").join("ca/revocations");
    scene.done("alice", &["authority", "add", path(&list)]);
    assert_eq!(get(&carol, ALICE).status, 502, "taken back: from the next request on");
}

#[test]
fn a_member_of_two_circles_comes_in_by_either() {
    let scene = Scene::set();
    let _alice = alice(&scene, &["authority:red"]);
    let public = scene.home("carol").join("identity.pub");
    for (circle, days) in [("red", "20"), ("blue", "200")] {
        scene.done(circle, &["ca", "init", circle, "--for", "example.com", "--no-passphrase"]);
        let file = scene.home(circle).join(format!("ca/{circle}.authority"));
        scene.done("alice", &["authority", "add", path(&file)]);
        let cert = scene.home(&format!("{circle}.cert"));
        let sign = ["ca", "sign", path(&public), "--name", "carol@example.com", "--days", days];
        scene.done(circle, &[&sign[..], &["--out", path(&cert)]].concat());
        scene.done("carol", &["certificate", "add", path(&cert)]);
    }
    let carol = scene.proxy("carol");
    assert_eq!(get(&carol, ALICE).body, "hello from alice");
    scene.done("alice", &["allow", "1000", "authority:blue"]);
    assert_eq!(get(&carol, ALICE).body, "hello from alice");
    // what one takes back, the other still says
    scene.done("red", &["ca", "revoke", "carol@example.com"]);
    scene.done("alice", &["authority", "add", path(&scene.home("red").join("ca/revocations"))]);
    assert_eq!(get(&carol, ALICE).body, "hello from alice");
    scene.done("alice", &["allow", "1000", "authority:red"]);
    assert_eq!(get(&carol, ALICE).status, 502);
}

#[test]
fn pages_of_other_sites_act_only_where_the_service_says_so() {
    let scene = Scene::set();
    let _alice = alice(&scene, &["contacts"]);
    let bob = scene.proxy("bob");
    let url = format!("http://{}/{ALICE}/1000/", bob.said("proxy"));
    let post = |fields: &[(&str, &str)]| request("POST", &url, fields, "x").status;
    let foreign = [("Origin", "http://evil.example")];
    assert_eq!(post(&foreign), 403);
    assert_eq!(post(&[]), 405, "a folder takes no POST, but it was asked");
    // what a page writes itself does not count
    let forged = [("Origin", "http://evil.example"), ("P2P-Site", "same-origin")];
    assert_eq!(post(&forged), 403);
    scene.done("alice", &["allow", "1000", "contacts", "--cross-site"]);
    assert_eq!(post(&foreign), 405);
}
