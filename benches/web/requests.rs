//! Many small requests over connections that are kept alive.

use std::{
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    thread,
    time::Duration,
};

use p2p::runtime::clock;

use crate::candidates::{Candidates, SMALL};
use crate::process::{cpu_seconds, progress};
use crate::reader::{Origin, Reader};
use testbed::bench::table::{Goal, Series, Table};

/// Rounds, and how long each candidate is asked in one.
const ROUNDS: usize = 3;
const TURN: Duration = Duration::from_secs(2);

pub(crate) fn measure(candidates: &Candidates, table: &mut Table) {
    table.heading("requests of 1 KB each second, kept alive");
    let Some(nginx) = candidates.nginx() else {
        return table.skipped("  1 and 32 at once", "nginx");
    };
    let people = [candidates.people.alice.id(), candidates.people.bob.id()];
    for at_once in [1, 32] {
        progress(&format!("requests, {at_once} at once"));
        let (mut own, mut other) = (Series::default(), Series::default());
        let mut cpu = Series::default();
        for _ in 0..ROUNDS {
            let before = cpu_seconds(&people);
            let rate = rate(&candidates.p2p(), at_once);
            cpu.push((cpu_seconds(&people) - before) / (rate * TURN.as_secs_f64()) * 1e6);
            own.push(rate);
            other.push(self::rate(&nginx, at_once));
        }
        table.compare(&format!("  {at_once} at once"), &own, &other, Goal::None);
        let what = format!("  {at_once} at once, CPU µs each, both daemons");
        table.row(&what, cpu.range(), String::new(), "", "");
    }
}

/// Requests answered in a second.
fn rate(origin: &Origin, at_once: usize) -> f64 {
    let answered = AtomicU64::new(0);
    let start = clock::now();
    thread::scope(|scope| {
        for _ in 0..at_once {
            scope.spawn(|| {
                let mut reader = Reader::connect(origin);
                while clock::now() - start < TURN {
                    reader.fetch(SMALL);
                    answered.fetch_add(1, Relaxed);
                }
            });
        }
    });
    answered.into_inner() as f64 / (clock::now() - start).as_secs_f64()
}
