//! What a daemon costs that has nothing to do.

use std::time::Duration;

use p2p::runtime::{block_on, clock};

use crate::candidates::{Candidates, SMALL};
use crate::process::{progress, sleeps, status};
use crate::reader::Reader;
use testbed::bench::table::{Table, number, verdict};
use testbed::people::Program;

/// How long nothing is asked of anybody: three times 25 seconds, which is how often a connection is kept alive.
const WATCH: Duration = Duration::from_secs(75);
/// Publishing has ended, threads without work have gone, and memory was given back; a node of the DHT ends half
/// a minute after its last question.
const SETTLE: Duration = Duration::from_secs(50);

/// Resident, in MB.
const MEMORY_GOAL: f64 = 8.0;

/// A minute, with one connection: 60 s by the 25 of the keep-alive, each of which wakes either end twice, for a
/// timer and an acknowledgement there, a packet and the delay of its acknowledgement here. That makes 4.8.
const WAKE_UPS_GOAL: f64 = 6.0;

pub(crate) fn measure(candidates: &Candidates, table: &mut Table) {
    progress("idle");
    let people = &candidates.people;
    let net = mainline::Testnet::builder(20).build().expect("a DHT on this machine");
    let store = people.overlay();
    let fresh = serving(candidates, "carol", &[&store]);
    let dht = format!("mainline:{}", net.bootstrap[..2].join(","));
    let known = serving(candidates, "dave", &["lan", &dht]);
    Reader::connect(&candidates.p2p()).fetch(SMALL); // a connection that is kept alive
    let daemons = [
        ("serving, fresh", fresh.id()),
        ("serving, fresh, lan and DHT", known.id()),
        ("serving, after all this", people.alice.id()),
        ("browsing, after all this", people.bob.id()),
    ];
    let at_once = daemons.map(|(_, id)| resident(id));
    block_on(clock::sleep(SETTLE));
    let before = daemons.map(|(_, id)| sleeps(id));
    block_on(clock::sleep(WATCH));
    table.heading("idle daemons");
    for ((what, id), at_once) in daemons.into_iter().zip(at_once) {
        let resting = resident(id);
        let goal = verdict(format!("< {MEMORY_GOAL} MB"), resting < MEMORY_GOAL);
        table.row(
            &format!("  {what}: resident MB"),
            format!("{} (anonymous {})", number(resting), number(megabytes(id, "RssAnon"))),
            format!("at once {}, peak {}", number(at_once), number(megabytes(id, "VmHWM"))),
            "",
            &goal,
        );
    }
    for ((what, id), before) in daemons.into_iter().zip(before) {
        let minute = (sleeps(id) - before) * 60.0 / WATCH.as_secs_f64();
        let goal = match what {
            what if what.contains("fresh") => verdict("0".into(), minute < 0.5),
            _ => verdict(format!("< {WAKE_UPS_GOAL}"), minute < WAKE_UPS_GOAL),
        };
        table.row(
            &format!("  {what}: wake-ups a minute"),
            number(minute),
            String::new(),
            "",
            &goal,
        );
    }
}

/// A daemon that serves and that nobody has met.
fn serving(candidates: &Candidates, who: &str, overlays: &[&str]) -> Program {
    let folder = candidates.people.folder.to_str().expect("a path in UTF-8");
    let home = candidates.people.root.path().join(who);
    let arguments = ["serve", folder, "--port", "1000", "--udp", "127.0.0.1:0"];
    let overlays = overlays.iter().flat_map(|overlay| ["--overlay", *overlay]);
    Program::start(&home, &arguments.into_iter().chain(overlays).collect::<Vec<_>>())
}

/// All memory of a process that is not on disk only, in MB.
fn resident(id: u32) -> f64 {
    megabytes(id, "VmRSS")
}

/// A field of `/proc/PID/status` that counts memory.
fn megabytes(id: u32, field: &str) -> f64 {
    status(id, field) * 1024.0 / 1e6
}
