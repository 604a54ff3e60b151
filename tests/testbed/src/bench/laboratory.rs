//! What all benches in the laboratory begin with.

use std::{env, fs, process::ExitCode, str::FromStr};

use super::choice::{self, WrongWord};

/// Measures inside the sandbox when it is run by `cargo bench --bench NAME`.
pub fn run(name: &str, measure: fn() -> Result<(), WrongWord>) -> ExitCode {
    if !env::args().any(|word| word == "--bench") {
        // `cargo test --all-targets` runs benches too
        println!("skipped: run it with `cargo bench --bench {name}`");
        return ExitCode::SUCCESS;
    }
    if let Err(reason) = netlab::sandbox::enter() {
        println!("skipped: needs user namespaces ({reason})");
        return ExitCode::FAILURE;
    }
    println!("{}", conditions());
    choice::end(measure())
}

/// A value from the environment.
pub fn setting<T: FromStr>(variable: &str, default: T) -> T {
    env::var(variable).ok().and_then(|value| value.parse().ok()).unwrap_or(default)
}

/// What else the machine was doing: other work changes all figures.
fn conditions() -> String {
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let load = load.split(' ').next().unwrap_or("unknown");
    let program = match env::var("P2P_BENCH_PROGRAM") {
        Ok(program) => format!("; measured is {program}"),
        Err(_) if cfg!(debug_assertions) => "; NOT A RELEASE BUILD".into(),
        Err(_) => String::new(),
    };
    format!("{processors} processors, load average {load} at the start{program}")
}

/// Tells what is going on; the table comes at the end.
pub fn progress(text: &str) {
    eprintln!("{text} …");
}
