//! A download while its ends change their networks, in a laboratory of namespaces: no octet is wrong, and alice's
//! application sees one request. How long it stands still is measured by the bench of the same name.

use std::{thread, time::Duration};

use netlab::Lab;
use p2p::runtime::{block_on, clock};
use testbed::homes::{
    Scene,
    client::Client,
    network::movers,
    origin::{self, Origin},
    watch::until_direct,
};

use crate::Test;

/// How long a path may take to become direct, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(15);

/// The download, 4 s of the line.
const LENGTH: u64 = 5_000_000;

/// When something happens to it.
const MIDDLE: Duration = Duration::from_secs(1);

pub(crate) const TESTS: &[Test] =
    &[("both_move_at_once", both_move_at_once), ("a_line_is_renumbered", a_line_is_renumbered)];

fn both_move_at_once() {
    download_while(|lab| {
        lab.move_hosts(&[("bob", "bob-other"), ("alice", "alice-other")]).unwrap();
    });
}

fn a_line_is_renumbered() {
    download_while(|lab| lab.renumber("alice-nat", "11.3.0.77").unwrap());
}

fn download_while(happens: impl FnOnce(&mut Lab)) {
    let mut scene = Scene::build(&movers("portrestricted", "10mbit", 1));
    let _store = scene.store();
    let _rendezvous = scene.rendezvous();
    let origin = Origin::start(&scene.lab, "alice");
    let _alice = scene.expose(origin::PORT);
    let _bob = scene.proxy();
    ["alice", "bob"].iter().for_each(|node| scene.wait_registered(node));
    let mut client = Client::proxied(&scene.lab, "bob").unwrap();
    let get = || client.get(&origin::long(100_000)).is_ok();
    assert!(until_direct(&scene.lab, PATIENCE, get).is_some(), "no direct path to begin with");
    let requests = origin.requests();
    let download = thread::spawn(move || client.get(&origin::long(LENGTH)));
    block_on(clock::sleep(MIDDLE)); // anywhere in the middle will do
    happens(&mut scene.lab);
    let body = download.join().unwrap().unwrap().body;
    assert!(body.right && body.length == LENGTH);
    assert_eq!(origin.requests() - requests, 1, "the connection was not the same");
}
