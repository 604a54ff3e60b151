//! What the way through two daemons costs, beside nginx and a bare QUIC transfer: `cargo bench --bench web`.
//!
//! Everything runs on loopback, as real processes: a store, alice who serves a folder, bob's proxy, nginx
//! with and without TLS, and this program itself again as the two ends of the bare transfer. One reader
//! in this process fetches from all of them. Candidates take turns, round by round; figures are medians,
//! with the range where it matters, and ratios are medians of the ratios of each round. It proves
//! nothing and asserts nothing: the goals stand beside the figures.
//!
//! | variable | default | |
//! |---|---|---|
//! | `P2P_BENCH_MB` | 1000 | size of the download |
//! | `P2P_BENCH_ROUNDS` | 5 | rounds of the download |
//! | `P2P_BENCH_ONLY` | all | some of `download,first-byte,requests,idle,size` |
//! | `P2P_BENCH_SMALL` | | builds the static binary of the profile `small`, too |

mod bare;
mod candidates;
mod download;
mod first_byte;
mod idle;
mod nginx;
mod process;
mod reader;
mod requests;
mod size;

use std::{env, fs, process::ExitCode};

use candidates::Candidates;
use testbed::bench::choice::{self, Choice, WrongWord};
use testbed::bench::table::Table;

/// What is measured.
const PARTS: [&str; 5] = ["download", "first-byte", "requests", "idle", "size"];

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words[..] {
        ["bare-server"] => bare::serve(),
        ["bare-client", address] => bare::fetch(address.parse().expect("an address")),
        _ if words.contains(&"--bench") => return choice::end(measure()),
        // `cargo test --all-targets` runs benches too
        _ => println!("skipped: run it with `cargo bench --bench web`"),
    }
    ExitCode::SUCCESS
}

fn measure() -> Result<(), WrongWord> {
    let parts = Choice::of("P2P_BENCH_ONLY", PARTS, |part| *part).made()?;
    let wanted = |part| parts.contains(&part);
    let mut table = Table::default();
    let candidates = Candidates::start(setting("P2P_BENCH_MB", 1000));
    println!("{}", conditions());
    if wanted("first-byte") {
        first_byte::measure(&candidates, &mut table);
    }
    if wanted("requests") {
        requests::measure(&candidates, &mut table);
    }
    if wanted("download") {
        download::measure(&candidates, setting("P2P_BENCH_ROUNDS", 5), &mut table);
    }
    if wanted("idle") {
        idle::measure(&candidates, &mut table);
    }
    if wanted("size") {
        size::measure(&mut table);
    }
    println!("{table}");
    Ok(())
}

/// A number from the environment.
fn setting(variable: &str, default: u64) -> u64 {
    env::var(variable).ok().and_then(|value| value.parse().ok()).unwrap_or(default)
}

/// What else the machine was doing: other work changes all figures.
fn conditions() -> String {
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let load = load.split(' ').next().unwrap_or("unknown");
    format!("{processors} processors, load average {load} at the start; loopback")
}
