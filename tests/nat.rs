//! Two people and the network between them, in a laboratory of namespaces: whether bob gets what alice shares, and
//! which way it comes. The matrix of all kinds of NAT is a bench of the same name.

#[path = "homes/mod.rs"]
mod homes;

use std::{process::ExitCode, time::Duration};

use homes::{
    Scene,
    client::Client,
    network::{Home, two_homes},
    origin::{self, Origin, SMALL},
    people::{have, noise, succeed},
    watch::{ToBob, until_direct},
};

/// How long a path may take to become direct, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(15);

fn main() -> ExitCode {
    netlab::harness::run(&[
        ("both_have_public_addresses", both_have_public_addresses),
        ("port_restricted_homes_meet", port_restricted_homes_meet),
        ("plain_masquerades_meet", plain_masquerades_meet),
        ("symmetric_homes_are_relayed", symmetric_homes_are_relayed),
        ("nothing_but_tcp_443", nothing_but_tcp_443),
    ])
}

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

fn nothing_but_tcp_443() {
    meet(Home::Nat("portrestricted"), Home::Nat("kernel:tcp443"), false);
}

/// Introduced by a rendezvous, bob gets the right octets, and after a while they come straight where they can.
fn meet(alice: Home, bob: Home, straight: bool) {
    let scene = Scene::build(&two_homes(alice, bob));
    let _origin = Origin::start(&scene.lab, "alice");
    let _store = scene.store();
    let _rendezvous = scene.rendezvous();
    let _alice = scene.expose(origin::PORT);
    let _bob = scene.proxy();
    ["alice", "bob"].iter().for_each(|node| scene.wait_registered(node));
    let mut client = Client::proxied(&scene.lab, "bob").unwrap();
    assert_eq!(client.get(SMALL).unwrap().length, origin::SMALL_BODY);
    let mut get = || {
        let response = client.get(&origin::long(100_000)).unwrap();
        response.right && response.length == 100_000
    };
    if straight {
        assert!(until_direct(&scene.lab, PATIENCE, get).is_some(), "{alice} and {bob}");
    } else {
        let before = ToBob::now(&scene.lab);
        assert!(get(), "{alice} and {bob}");
        assert!(!(ToBob::now(&scene.lab) - before).is_direct(), "{alice} and {bob}");
    }
}
