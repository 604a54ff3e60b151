//! Every kind of NAT against every other, both directions: `cargo bench --bench nat`.
//!
//! alice serves behind one, bob browses behind the other, with a store, a rendezvous and STUN servers (coturn) on the
//! Internet, 20 ms from everybody; both homes use the same private addresses. For each pair: whether bob gets his
//! page, how long its first octet takes from a cold start, whether alice's octets come straight to him, and after how
//! long. Then the pairs that share a carrier-grade NAT. `direct` is what is seen on the wire, not what a program says.
//!
//! | variable | default | |
//! |---|---|---|
//! | `P2P_BENCH_ALICE`, `P2P_BENCH_BOB` | all | kinds with spaces between, as the table names them |
//! | `P2P_BENCH_PATIENCE` | 5 | seconds in which a path is to become direct |
//! | `P2P_BENCH_NOTES` | | file that keeps what was found, for runs that follow or go on beside |

mod pair;
mod punchable;

use std::{env, process::ExitCode};

use pair::Outcome;
use testbed::bench::choice::{Choice, WrongWord};
use testbed::bench::laboratory;
use testbed::bench::notes::Notes;
use testbed::homes::network::{Home, shared_carrier, two_homes};

/// What alice and bob are behind.
const HOMES: [Home; 12] = [
    Home::Public,
    Home::Nat("fullcone"),
    Home::Nat("restricted"),
    Home::Nat("portrestricted"),
    Home::Nat("portrestricted,port:random"),
    Home::Nat("kernel:portrestricted"),
    Home::Nat("kernel:masquerade"),
    Home::Nat("symmetric"),
    Home::Nat("symmetric,port:seq"),
    Home::CarrierGrade,
    Home::Nat("blockudp"),
    Home::Nat("kernel:tcp443"),
];

fn main() -> ExitCode {
    laboratory::run("nat", measure)
}

fn measure() -> Result<(), WrongWord> {
    let (alices, bobs) = (chosen("P2P_BENCH_ALICE")?, chosen("P2P_BENCH_BOB")?);
    let notes = Notes::open();
    let find = |alice: &str, bob: &str, topology: &str| {
        let found = notes.recall_or(&format!("{alice} -- {bob}"), || {
            pair::measure(topology).map(|outcome| outcome.to_string())
        });
        found.and_then(|found| found.parse())
    };
    let mut rows = Vec::new();
    print_row(&["alice", "bob", "first byte ms", "way", "direct after ms", "goal"]);
    for alice in alices {
        for &bob in &bobs {
            let direct = punchable::is_direct(alice, bob);
            let names = (alice.to_string(), bob.to_string());
            let outcome = find(&names.0, &names.1, &two_homes(alice, bob));
            rows.push(report(&names.0, &names.1, &outcome, direct));
        }
    }
    if env::var_os("P2P_BENCH_ALICE").is_none() {
        for hairpin in [true, false] {
            let name = if hairpin { "one cgn, hairpin" } else { "one cgn" };
            let outcome = find(name, "the same", &shared_carrier(hairpin));
            rows.push(report(name, "the same", &outcome, hairpin));
        }
    }
    let count = |what: fn(&Row) -> bool| rows.iter().filter(|row| what(row)).count();
    println!(
        "\n{} pairs, {} connected; direct in {} of {} that can be, and in {} others",
        rows.len(),
        count(|row| row.connected),
        count(|row| row.direct && row.can_be_direct),
        count(|row| row.can_be_direct),
        count(|row| row.direct && !row.can_be_direct),
    );
    Ok(())
}

/// A line of the table, as the sum needs it.
struct Row {
    connected: bool,
    direct: bool,
    can_be_direct: bool,
}

fn report(alice: &str, bob: &str, outcome: &Result<Outcome, String>, can_be_direct: bool) -> Row {
    let goal = if can_be_direct { "direct" } else { "connected" };
    match outcome {
        Ok(outcome) => {
            let first_byte = format!("{:.0}", outcome.first_byte.as_secs_f64() * 1e3);
            let direct = outcome.direct.map(|after| format!("{:.0}", after.as_secs_f64() * 1e3));
            let row = Row { connected: true, direct: direct.is_some(), can_be_direct };
            let way = if row.direct { "direct" } else { "relayed" };
            let reached = if row.direct || !can_be_direct { "yes" } else { "NO" };
            let goal = format!("{goal}: {reached}");
            print_row(&[alice, bob, &first_byte, way, direct.as_deref().unwrap_or("-"), &goal]);
            row
        }
        Err(reason) => {
            print_row(&[alice, bob, "-", "none", "-", &format!("{goal}: NO ({reason})")]);
            Row { connected: false, direct: false, can_be_direct }
        }
    }
}

fn print_row(cells: &[&str; 6]) {
    let widths = [27, 27, 14, 8, 16, 0];
    let cells = cells.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}"));
    println!("{}", cells.collect::<String>().trim_end());
}

fn chosen(variable: &'static str) -> Result<Vec<Home>, WrongWord> {
    // some of the words have commas in them
    Choice::of(variable, HOMES, Home::to_string).between(' ').made()
}
