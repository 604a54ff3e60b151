//! One download, and what happens to it.

use std::{thread, time::Duration};

use p2p::runtime::{block_on, clock};

use crate::event::Event;
use testbed::homes::{
    Scene,
    client::{Client, Response},
    network::movers,
    origin::{self, Origin},
    watch::until_direct,
};

/// Bits a second of all lines.
const RATE: u64 = 50_000_000;

/// How long the two may take until they reach each other straight.
const PATIENCE: Duration = Duration::from_secs(10);

/// When it happens, after the start of the download, and how much later for some seeds.
const EARLIEST: Duration = Duration::from_secs(3);
const SPREAD: Duration = Duration::from_millis(1000);

/// In which goodput is measured.
const AFTERWARDS: Duration = Duration::from_secs(5);

/// What came of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Run {
    /// Whether all octets are the right ones.
    pub(crate) right: bool,
    /// How many requests alice's application has seen.
    pub(crate) requests: usize,
    /// The longest time without an octet, without the client's own standstill.
    pub(crate) gap: Duration,
    /// Share of the line in the seconds after that.
    pub(crate) goodput: f64,
}

/// Builds the network, downloads, and lets it happen.
pub(crate) fn run(event: Event, seed: u64, megabytes: u64) -> Result<Run, String> {
    let mut scene = Scene::build(&movers("portrestricted", &RATE.to_string(), seed));
    let _store = scene.store();
    let _rendezvous = scene.rendezvous();
    let origin = Origin::start(&scene.lab, "alice");
    let _alice = scene.expose(origin::PORT);
    let bob = scene.proxy();
    scene.settle();
    let mut client = Client::proxied(&scene.lab, "bob").map_err(|error| error.to_string())?;
    let transfer = || client.get(&origin::long(100_000)).is_ok();
    until_direct(&scene.lab, PATIENCE, transfer).ok_or("no direct path to begin with")?;
    let requests = origin.requests();
    let download = thread::spawn(move || client.get(&origin::long(megabytes * 1_000_000)));
    block_on(clock::sleep(EARLIEST + SPREAD.mul_f64((seed * 37 % 100) as f64 / 100.0)));
    let at = clock::now();
    event.happen(&mut scene.lab, &bob, seed).map_err(|error| error.to_string())?;
    let response: Response =
        download.join().map_err(|_| "it panicked")?.map_err(|error| error.to_string())?;
    let resumed = response.resumed(at);
    let end = (resumed + AFTERWARDS).min(response.start + response.total());
    let octets = response.octets_between(resumed, end) as f64;
    let rate = octets * 8.0 / (end - resumed).as_secs_f64();
    Ok(Run {
        right: response.right && response.length == megabytes * 1_000_000,
        requests: origin.requests() - requests,
        gap: response.longest_gap(at).saturating_sub(event.standstill()),
        goodput: rate / event.rate_after(RATE) as f64,
    })
}
