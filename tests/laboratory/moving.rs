//! Downloads while people move to other networks: the connection goes on, and not an octet is wrong.

use std::{thread, time::Duration};

use p2p::runtime::{block_on, clock};
use testbed::homes::{
    Scene,
    client::Client,
    origin::{self, Origin},
    transfer::Transfer,
};

use crate::Test;

/// What is downloaded: some three seconds at the rate of the lines.
const LENGTH: u64 = 20_000_000;
/// The download runs for so long when somebody moves.
const BEFORE: Duration = Duration::from_secs(1);
/// Far less than time limits of QUIC or of requests would make of it.
const LONGEST_GAP: Duration = Duration::from_secs(3);

/// Alice has a public address; bob is behind a NAT, and has another network to move to.
const HOMES: &str = "
host store ip=11.1.0.10
host alice ip=11.3.0.1 up=50mbit down=50mbit queue=100ms
router bob-nat   ip=11.3.0.129 nat=portrestricted up=50mbit down=50mbit queue=100ms
router bob-other ip=11.4.0.129 nat=portrestricted lan=10.8.0.0/24 up=50mbit down=50mbit queue=100ms
host bob in=bob-nat
path * * rtt=40ms
";

/// Both have public addresses.
const PUBLIC: &str = "
host store ip=11.1.0.10
host alice ip=11.3.0.1 up=50mbit down=50mbit queue=100ms
host bob ip=11.3.0.129 up=50mbit down=50mbit queue=100ms
path * * rtt=40ms
";

pub(crate) const TESTS: &[Test] = &[
    ("bob_moves_to_another_network", bob_moves_to_another_network),
    ("bobs_provider_renumbers_his_line", bobs_provider_renumbers_his_line),
    ("alice_gets_another_address", alice_gets_another_address),
    ("both_get_other_addresses_at_once", both_get_other_addresses_at_once),
];

/// Downloads while something happens to the network; gives what came and the longest pause after that.
fn download(topology: &str, happen: impl FnOnce(&mut Scene)) -> (Transfer, Duration) {
    let mut scene = Scene::build(topology);
    let _store = scene.store();
    let origin = Origin::start(&scene.lab, "alice");
    let _alice = scene.expose(origin::PORT);
    let _bob = scene.proxy();
    scene.settle();
    let mut client = Client::proxied(&scene.lab, "bob").unwrap();
    let downloading = thread::spawn(move || client.get(&origin::long(LENGTH)));
    block_on(clock::sleep(BEFORE));
    let moved = clock::now();
    happen(&mut scene);
    let body = downloading.join().unwrap().unwrap().body;
    assert!(body.right && body.length == LENGTH, "not an octet may be wrong");
    assert_eq!(origin.requests(), 1, "the same connection goes on");
    let gap = body.longest_gap(moved..body.end()).expect("it goes on").length();
    println!("the download paused for {gap:.2?} and took {:.2?}", body.total());
    (body, gap)
}

fn bob_moves_to_another_network() {
    let (_, gap) = download(HOMES, |scene| scene.lab.move_host("bob", "bob-other").unwrap());
    assert!(gap < LONGEST_GAP, "{gap:?}");
}

/// Nobody tells bob's machine.
fn bobs_provider_renumbers_his_line() {
    let (_, gap) = download(HOMES, |scene| scene.lab.renumber("bob-nat", "11.4.0.1").unwrap());
    assert!(gap < LONGEST_GAP, "{gap:?}");
}

fn alice_gets_another_address() {
    let (_, gap) = download(PUBLIC, |scene| scene.lab.renumber("alice", "11.4.0.1").unwrap());
    assert!(gap < LONGEST_GAP, "{gap:?}");
}

/// Then neither can tell the other, and the overlays know.
fn both_get_other_addresses_at_once() {
    let (_, gap) = download(PUBLIC, |scene| {
        scene.lab.renumber("alice", "11.4.0.1").unwrap();
        scene.lab.renumber("bob", "11.4.0.129").unwrap();
    });
    assert!(gap < 5 * LONGEST_GAP, "{gap:?}");
}
