//! One pair of homes.

use std::time::Duration;

use p2p::runtime::clock;

use testbed::bench::laboratory::setting;
use testbed::homes::{
    Scene,
    client::Client,
    origin::{self, Origin, SMALL},
    watch::until_direct,
};

/// How long bob waits for his page.
const GIVE_UP: Duration = Duration::from_secs(30);

/// What is fetched while the way is looked at.
const TRANSFER: u64 = 100_000;

/// How bob got what he asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Outcome {
    /// From his first request to the first octet of the response.
    pub(crate) first_byte: Duration,
    /// From that request until alice's octets came straight to him.
    pub(crate) direct: Option<Duration>,
}

/// Builds the network and lets bob ask.
pub(crate) fn measure(topology: &str) -> Result<Outcome, String> {
    let scene = Scene::build(topology);
    let _origin = Origin::start(&scene.lab, "alice");
    let _store = scene.store();
    let _rendezvous = scene.rendezvous();
    let _stun = scene.stun();
    let _alice = scene.expose(origin::PORT);
    let _bob = scene.proxy();
    ["alice", "bob"].iter().for_each(|node| scene.wait_registered(node));
    scene.settle();
    let mut client = Client::proxied(&scene.lab, "bob").map_err(|error| error.to_string())?;
    client.set_patience(GIVE_UP);
    let start = clock::now();
    let mut first = None;
    let patience = Duration::from_secs(setting("P2P_BENCH_PATIENCE", 5));
    let direct = until_direct(&scene.lab, GIVE_UP + patience, || {
        let path = if first.is_none() { SMALL.to_owned() } else { origin::long(TRANSFER) };
        let response = client.get(&path);
        let late = clock::now() - start > patience + first_byte(&first).unwrap_or_default();
        let goes_on = response.as_ref().is_ok_and(|response| response.right);
        first.get_or_insert(response);
        goes_on && !late
    });
    let first_byte = first_byte(&first).ok_or_else(|| match first {
        Some(Err(error)) => error.to_string().lines().next().unwrap_or_default().to_owned(),
        _ => "nothing asked".into(),
    })?;
    Ok(Outcome { first_byte, direct: direct.map(|at| at - start) })
}

fn first_byte(
    first: &Option<std::io::Result<testbed::homes::client::Response>>,
) -> Option<Duration> {
    Some(first.as_ref()?.as_ref().ok()?.to_first_byte())
}
