//! How long it takes until a response begins: with everything warm, and for a stranger's first request.

use p2p::runtime::clock;

use crate::candidates::{Candidates, SMALL, through};
use crate::process::progress;
use crate::reader::{Origin, Reader};
use testbed::bench::table::{Series, Table, number, verdict};
use testbed::people::Program;

/// Requests of each kind.
const WARM: usize = 500;
/// Fresh daemons.
const COLD: usize = 9;

/// A warm response begins at most so many ms after nginx's.
const GOAL: f64 = 1.0;

pub(crate) fn measure(candidates: &Candidates, table: &mut Table) {
    table.heading("first byte of 1 KB over a new TCP connection, ms");
    let p2p = candidates.p2p();
    let (mut own, mut other) = (Series::default(), Series::default());
    progress("first byte, warm");
    for _ in 0..WARM {
        own.push(first_byte(&p2p));
        if let Some(nginx) = candidates.nginx() {
            other.push(first_byte(&nginx));
        }
    }
    if candidates.nginx().is_some() {
        for (what, share) in [("  warm, median", 0.5), ("  warm, 95th percentile", 0.95)] {
            let (own, other) = (own.quantile(share), other.quantile(share));
            let goal = verdict(format!("<= +{GOAL} ms"), own - other <= GOAL);
            let ratio = format!("{} (+{})", number(own / other), number(own - other));
            table.row(what, number(own), number(other), &ratio, &goal);
        }
        let paired = own.minus(&other);
        table.row("  warm, pair by pair", paired.range(), String::new(), "", "");
    } else {
        table.skipped("  warm", "nginx");
    }
    let mut cold = Series::default();
    progress("first byte, cold");
    for round in 0..COLD {
        let home = candidates.people.root.path().join(format!("visitor-{round}"));
        let overlay = candidates.people.overlay();
        let arguments =
            ["proxy", "--listen", "127.0.0.1:0", "--udp", "127.0.0.1:0", "--overlay", &overlay];
        let visitor = Program::start(&home, &arguments);
        cold.push(first_byte(&through(visitor.said("proxy"))));
    }
    let what = "  cold: fresh daemon, look-up, dial";
    let warm = number(other.median());
    table.row(what, cold.range(), warm, &number(cold.median() / other.median()), "");
}

/// In ms, from before connecting, as curl counts.
fn first_byte(origin: &Origin) -> f64 {
    let start = clock::now();
    let fetched = Reader::connect(origin).fetch(SMALL);
    (fetched.first_byte - start).as_secs_f64() * 1e3
}
