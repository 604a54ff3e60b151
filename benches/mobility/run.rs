//! One transfer, and what happens to it.

use std::{
    fmt, io,
    str::FromStr,
    thread,
    time::{Duration, Instant},
};

use p2p::runtime::{block_on, clock};

use crate::event::Event;
use testbed::homes::{
    Scene,
    client::Client,
    network::movers,
    origin::{self, Origin},
    transfer::Transfer,
    watch::until_direct,
};

/// Bits a second of all lines.
const RATE: u64 = 50_000_000;

/// How long the two may take until they reach each other straight.
const PATIENCE: Duration = Duration::from_secs(10);

/// When it happens, after the start of the transfer, and how much later for some seeds.
const EARLIEST: Duration = Duration::from_secs(3);
const SPREAD: Duration = Duration::from_millis(1000);

/// In which goodput is measured.
const AFTERWARDS: Duration = Duration::from_secs(5);
/// Less of it says nothing.
const ENOUGH: Duration = Duration::from_secs(1);

/// Which way the octets go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    /// bob gets them.
    Download,
    /// bob sends them.
    Upload,
}

impl Direction {
    pub(crate) const ALL: [Direction; 2] = [Direction::Download, Direction::Upload];

    /// What chooses it.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Direction::Download => "download",
            Direction::Upload => "upload",
        }
    }
}

/// What came of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Run {
    /// Whether all octets are the right ones.
    pub(crate) right: bool,
    /// How many requests alice's application has seen.
    pub(crate) requests: usize,
    /// The longest time without an octet, without the client's own standstill.
    pub(crate) gap: Duration,
    /// Share of the path's rate in the seconds after that.
    pub(crate) goodput: f64,
}

/// As it stands in notes.
impl fmt::Display for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let gap = self.gap.as_secs_f64();
        write!(f, "{} {} {gap:.4} {:.4}", self.right, self.requests, self.goodput)
    }
}

impl FromStr for Run {
    type Err = String;

    fn from_str(text: &str) -> Result<Run, String> {
        let read = || {
            let [right, requests, gap, goodput] =
                text.split(' ').collect::<Vec<_>>().try_into().ok()?;
            Some(Run {
                right: right.parse().ok()?,
                requests: requests.parse().ok()?,
                gap: Duration::try_from_secs_f64(gap.parse().ok()?).ok()?,
                goodput: goodput.parse().ok()?,
            })
        };
        read().ok_or_else(|| format!("{text:?} in the notes is no run"))
    }
}

/// Builds the network, begins the transfer, and lets it happen.
pub(crate) fn run(
    event: Event,
    direction: Direction,
    seed: u64,
    megabytes: u64,
) -> Result<Run, String> {
    let words = |error: &dyn fmt::Display| error.to_string();
    let mut scene = Scene::build(&movers("portrestricted", &RATE.to_string(), seed));
    event.prepare(&scene.lab).map_err(|error| words(&error))?;
    let _store = scene.store();
    let _rendezvous = scene.rendezvous();
    let origin = Origin::start(&scene.lab, "alice");
    let _alice = scene.expose(origin::PORT);
    let bob = scene.proxy();
    scene.settle();
    let mut client = Client::proxied(&scene.lab, "bob").map_err(|error| words(&error))?;
    let transfer = || client.get(&origin::long(100_000)).is_ok();
    until_direct(&scene.lab, PATIENCE, transfer).ok_or("no direct path to begin with")?;
    let requests = origin.requests();
    let length = megabytes * 1_000_000;
    let transfer = thread::spawn(move || exchange(&mut client, direction, length));
    block_on(clock::sleep(EARLIEST + SPREAD.mul_f64((seed * 37 % 100) as f64 / 100.0)));
    let at = clock::now();
    let taken = event.happen(&mut scene.lab, &bob, seed).map_err(|error| words(&error))?;
    let during = taken.unwrap_or(at)..clock::now() + AFTERWARDS;
    let got = transfer.join().map_err(|_| "it panicked")?.map_err(|error| words(&error))?;
    let body = got.or_else(|| origin.latest_body()).ok_or("nothing came")?;
    let gap = body.longest_gap(during).ok_or("it was over before anything happened")?;
    let rate = rate(&body, taken.unwrap_or(gap.end)).ok_or("it was over too soon after")?;
    Ok(Run {
        right: body.right && body.length == length,
        requests: origin.requests() - requests,
        gap: gap.length().saturating_sub(event.standstill()),
        goodput: rate / event.rate_after(RATE) as f64,
    })
}

/// Bits a second in the time after a switch; None if there is too little of it.
fn rate(body: &Transfer, switch: Instant) -> Option<f64> {
    let end = (switch + AFTERWARDS).min(body.end());
    let time = end.checked_duration_since(switch).filter(|time| *time >= ENOUGH)?;
    Some(body.octets_between(switch, end) as f64 * 8.0 / time.as_secs_f64())
}

/// Transfers so many octets; what came of those that went to alice her application knows.
fn exchange(
    client: &mut Client,
    direction: Direction,
    length: u64,
) -> io::Result<Option<Transfer>> {
    match direction {
        Direction::Download => {
            client.get(&origin::long(length)).map(|response| Some(response.body))
        }
        Direction::Upload => client.post(&origin::long(length), length).map(|()| None),
    }
}
