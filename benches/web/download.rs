//! One large file: rate, and processor time of everything that takes part, the reader included.

use std::process;

use p2p::runtime::clock;

use crate::candidates::{Candidates, LARGE};
use crate::process::{cpu_seconds, progress};
use crate::reader::{Origin, Reader};
use testbed::bench::table::{Goal, Series, Table};

/// What the way through both daemons is to reach of bare QUIC's rate.
const GOAL: Goal = Goal::RatioAtLeast(0.7);

#[derive(Default)]
struct Figures {
    /// MB/s.
    rate: Series,
    /// Seconds for 1 GB.
    cpu: Series,
}

pub(crate) fn measure(candidates: &Candidates, rounds: u64, table: &mut Table) {
    let megabytes = candidates.megabytes;
    let (mut p2p, mut bare) = (Figures::default(), Figures::default());
    let (mut plain, mut tls) = (Figures::default(), Figures::default());
    let people = [candidates.people.alice.id(), candidates.people.bob.id()];
    for round in 0..=rounds {
        progress(&format!("download, round {round} of {rounds}"));
        let note = |figures: &mut Figures, (rate, cpu)| {
            // the first round warms up caches, congestion windows and processors
            if round > 0 {
                figures.rate.push(rate);
                figures.cpu.push(cpu);
            }
        };
        note(&mut p2p, fetch(&candidates.p2p(), &people));
        let ends = candidates.bare.ids();
        note(&mut bare, timed(&ends, || candidates.bare.transfer(megabytes * 1_000_000)));
        let nginx = candidates.nginx.as_ref().map(|nginx| [nginx.id()]).unwrap_or_default();
        for (origin, figures) in
            [(candidates.nginx(), &mut plain), (candidates.nginx_tls(), &mut tls)]
        {
            if let Some(origin) = origin {
                note(figures, fetch(&origin, &nginx));
            }
        }
    }
    table.heading(format!("download of {megabytes} MB, {rounds} rounds: median [range]"));
    table.compare("  MB/s, of bare QUIC", &p2p.rate, &bare.rate, GOAL);
    for (what, other, needs) in
        [("nginx", &plain, "nginx"), ("nginx with TLS", &tls, "nginx and openssl")]
    {
        row(table, &format!("  MB/s, of {what}"), &p2p.rate, &other.rate, needs);
    }
    table.compare("  CPU s/GB, of bare QUIC", &p2p.cpu, &bare.cpu, Goal::None);
    for (what, other, needs) in
        [("nginx", &plain, "nginx"), ("nginx with TLS", &tls, "nginx and openssl")]
    {
        row(table, &format!("  CPU s/GB, of {what}"), &p2p.cpu, &other.cpu, needs);
    }
}

fn row(table: &mut Table, what: &str, own: &Series, other: &Series, needs: &str) {
    if other.median().is_nan() {
        table.skipped(what, needs);
    } else {
        table.compare(what, own, other, Goal::None);
    }
}

fn fetch(origin: &Origin, servers: &[u32]) -> (f64, f64) {
    let mut reader = Reader::connect(origin);
    let ids = [servers, &[process::id()]].concat();
    timed(&ids, || reader.fetch(LARGE).length)
}

/// MB/s and processor seconds for each GB of `transfer`, which gives the number of octets.
fn timed(ids: &[u32], transfer: impl FnOnce() -> u64) -> (f64, f64) {
    let (cpu, start) = (cpu_seconds(ids), clock::now());
    let octets = transfer() as f64;
    let seconds = (clock::now() - start).as_secs_f64();
    (octets / 1e6 / seconds, (cpu_seconds(ids) - cpu) / (octets / 1e9))
}
