//! What a daemon costs that has nothing to do.

use std::time::Duration;

use p2p::runtime::{block_on, clock};

use crate::candidates::{Candidates, SMALL};
use crate::people::Program;
use crate::process::{progress, sleeps, status};
use crate::reader::Reader;
use crate::table::{Table, number, verdict};

/// How long nothing is asked of anybody.
const WATCH: Duration = Duration::from_secs(60);
/// Publishing has ended, and threads without work have gone.
const SETTLE: Duration = Duration::from_secs(5);

/// Resident, in MB.
const MEMORY_GOAL: f64 = 8.0;

pub(crate) fn measure(candidates: &Candidates, table: &mut Table) {
    progress("idle");
    let people = &candidates.people;
    let fresh = fresh(candidates);
    Reader::connect(&candidates.p2p()).fetch(SMALL); // a connection that is kept alive
    block_on(clock::sleep(SETTLE));
    let daemons = [
        ("serving, fresh", fresh.id()),
        ("serving, after all this", people.alice.id()),
        ("browsing, after all this", people.bob.id()),
    ];
    let before = daemons.map(|(_, id)| sleeps(id));
    block_on(clock::sleep(WATCH));
    table.heading("idle daemons");
    for (what, id) in daemons {
        let [resident, anonymous, most] =
            ["VmRSS", "RssAnon", "VmHWM"].map(|field| status(id, field) * 1024.0 / 1e6);
        let goal = verdict(format!("< {MEMORY_GOAL} MB"), resident < MEMORY_GOAL);
        let own = format!("{} (anonymous {})", number(resident), number(anonymous));
        table.row(
            &format!("  {what}: resident MB"),
            own,
            format!("peak {}", number(most)),
            "",
            &goal,
        );
    }
    for ((what, id), before) in daemons.into_iter().zip(before) {
        let minute = (sleeps(id) - before) * 60.0 / WATCH.as_secs_f64();
        let goal = match what {
            "serving, fresh" => verdict("0".into(), minute < 0.5),
            _ => "one connection kept alive".into(),
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
fn fresh(candidates: &Candidates) -> Program {
    let folder = candidates.people.folder.to_str().expect("a path in UTF-8");
    let home = candidates.people.root.path().join("carol");
    let overlay = candidates.people.overlay();
    let arguments = ["serve", folder, "--port", "1000", "--udp", "127.0.0.1:0"];
    Program::start(&home, &[&arguments[..], &["--overlay", &overlay]].concat())
}
