//! Two homes behind NATs without a rendezvous: a call through the store brings them together.

use std::time::Duration;

use p2p::runtime::{block_on, clock};
use testbed::homes::{
    Scene,
    client::Client,
    daemons::{STUN, coturn},
    network::{Home, two_homes},
    origin::{self, Origin, SMALL},
};
use testbed::programs::have;

use crate::Test;

/// What a busy machine may need until alice knows how she looks from outside and waits for calls.
const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) const TESTS: &[Test] = &[("a_call_opens_both_nats", a_call_opens_both_nats)];

fn a_call_opens_both_nats() {
    if !have("turnserver") {
        return;
    }
    let homes = two_homes(Home::Nat("portrestricted"), Home::Nat("kernel:portrestricted"));
    let scene = Scene::build(&homes);
    let _coturn = coturn(&scene);
    for node in ["alice", "bob"] {
        scene.configure(node, &format!("stun = [\"{STUN}\"]\nport-mapping = false"));
    }
    let _origin = Origin::start(&scene.lab, "alice");
    let _store = scene.store();
    let _alice = scene.expose(origin::PORT);
    let _bob = scene.proxy();
    let started = clock::now();
    let answer = loop {
        let client = Client::proxied(&scene.lab, "bob");
        if let Ok(response) = client.and_then(|mut client| client.get(SMALL)) {
            break response;
        }
        assert!(clock::now() - started < PATIENCE, "nobody heard the call");
        block_on(clock::sleep(Duration::from_millis(200)));
    };
    assert_eq!(answer.body.length, origin::SMALL_BODY);
}
