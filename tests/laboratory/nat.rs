//! Two people and the network between them, in a laboratory of namespaces: whether bob gets what alice shares, and
//! which way it comes. The matrix of all kinds of NAT is a bench of the same name.

use std::{net::UdpSocket, process::Command, time::Duration};

use testbed::homes::{
    Scene,
    client::Client,
    network::{Home, shared_carrier, two_homes},
    origin::{self, Origin, SMALL},
    watch::{ToBob, until_direct},
};
use testbed::people::{noise, succeed};
use testbed::programs::have;

use crate::Test;

/// How long a path may take to become direct, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(15);

pub(crate) const TESTS: &[Test] = &[
    ("both_have_public_addresses", both_have_public_addresses),
    ("port_restricted_homes_meet", port_restricted_homes_meet),
    ("plain_masquerades_meet", plain_masquerades_meet),
    ("symmetric_homes_are_relayed", symmetric_homes_are_relayed),
    ("sequential_ports_are_guessed", sequential_ports_are_guessed),
    ("neighbours_of_one_carrier", neighbours_of_one_carrier),
    ("nothing_but_tcp_443", nothing_but_tcp_443),
    ("silence_behind_a_relay_is_told", silence_behind_a_relay_is_told),
];

fn both_have_public_addresses() {
    if !have("curl") {
        return;
    }
    let scene = Scene::build(&two_homes(Home::Public, Home::Public));
    let content = noise(100_000);
    let _store = scene.store();
    let _alice = scene.serve(&[("talk.mp3", &content)]);
    let bob = scene.proxy();
    let mut curl = scene.lab.command("bob", "curl");
    curl.args(["--silent", "--show-error", "--fail", "--max-time", "30", "--proxy"]);
    curl.args([bob.said("proxy"), "http://alice.at.example.com:1000/talk.mp3"]);
    assert!(succeed(&mut curl) == content);
}

fn port_restricted_homes_meet() {
    meet(Home::Nat("kernel:portrestricted"), Home::Nat("portrestricted,port:random"), true);
}

fn plain_masquerades_meet() {
    meet(Home::Nat("kernel:masquerade"), Home::Nat("kernel:masquerade"), true);
}

fn symmetric_homes_are_relayed() {
    meet(Home::Nat("symmetric"), Home::Nat("kernel:symmetric"), false);
}

/// Both NATs give each destination the next port, and others at home use them too.
fn sequential_ports_are_guessed() {
    let home = Home::Nat("symmetric,port:seq");
    let scene = Scene::build(&two_homes(home, home));
    let Some(_stun) = scene.stun() else { return };
    meet_in(&scene, "sequential ports", true, |scene| {
        for person in ["alice", "bob"] {
            let socket = scene.lab.enter(person, || UdpSocket::bind("0.0.0.0:0")).unwrap();
            for port in 1..200 {
                socket.send_to(b"anything", ("11.1.0.10", port)).unwrap();
            }
        }
    });
}

fn neighbours_of_one_carrier() {
    for hairpin in [true, false] {
        let scene = Scene::build(&shared_carrier(hairpin));
        meet_in(&scene, "neighbours", hairpin, |_| {});
    }
}

fn nothing_but_tcp_443() {
    meet(Home::Nat("portrestricted"), Home::Nat("kernel:tcp443"), false);
    meet(Home::Nat("kernel:tcp443"), Home::Nat("kernel:tcp443"), false);
}

/// Alice's program stands still; her rendezvous does not know yet.
fn silence_behind_a_relay_is_told() {
    if !have("curl") {
        return;
    }
    let home = Home::Nat("symmetric");
    let scene = Scene::build(&two_homes(home, home));
    let (_store, _rendezvous) = (scene.store(), scene.rendezvous());
    let alice = scene.expose(origin::PORT);
    let bob = scene.proxy();
    ["alice", "bob"].iter().for_each(|node| scene.wait_registered(node));
    scene.settle();
    let alice = alice.id().to_string();
    succeed(Command::new("kill").args(["-s", "STOP", &alice]));
    let mut curl = scene.lab.command("bob", "curl");
    curl.args(["--silent", "--show-error", "--max-time", "60", "--proxy", bob.said("proxy")]);
    let page = succeed(curl.arg("http://alice.at.example.com:1000/"));
    succeed(Command::new("kill").args(["-s", "CONT", &alice]));
    let page = String::from_utf8_lossy(&page);
    assert!(page.contains("nothing came back through it"), "{page}");
}

/// Introduced by a rendezvous, bob gets the right octets, and after a while they come straight where they can.
fn meet(alice: Home, bob: Home, straight: bool) {
    let scene = Scene::build(&two_homes(alice, bob));
    meet_in(&scene, &format!("{alice} and {bob}"), straight, |_| {});
}

/// `before` happens when both know their networks.
fn meet_in(scene: &Scene, who: &str, straight: bool, before: impl FnOnce(&Scene)) {
    let _origin = Origin::start(&scene.lab, "alice");
    let _store = scene.store();
    let _rendezvous = scene.rendezvous();
    let _alice = scene.expose(origin::PORT);
    let _bob = scene.proxy();
    ["alice", "bob"].iter().for_each(|node| scene.wait_registered(node));
    scene.settle();
    before(scene);
    let mut client = Client::proxied(&scene.lab, "bob").unwrap();
    assert_eq!(client.get(SMALL).unwrap().length, origin::SMALL_BODY);
    let mut get = || {
        let response = client.get(&origin::long(100_000)).unwrap();
        response.right && response.length == 100_000
    };
    if straight {
        assert!(until_direct(&scene.lab, PATIENCE, get).is_some(), "{who}");
    } else {
        let before = ToBob::now(&scene.lab);
        assert!(get(), "{who}");
        assert!(!(ToBob::now(&scene.lab) - before).is_direct(), "{who}");
    }
}
