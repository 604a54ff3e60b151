//! Runs test functions inside the sandbox.
//!
//! A test target with `harness = false` calls [`run`] from `main`: entering the sandbox replaces the process, so it
//! comes before everything else.

use std::{env, panic::catch_unwind, process::ExitCode, time::Instant};

use crate::sandbox;

/// Runs the tests whose names contain an argument (all without one), one after another; `--list` lists them.
///
/// Where there is no sandbox it says `skipped: needs user namespaces` and succeeds, unless `CI` is set: there, a
/// test that does not run is a failure.
#[expect(clippy::disallowed_methods, reason = "it tells how long a test took")]
pub fn run(tests: &[(&str, fn())]) -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    if arguments.iter().any(|argument| argument == "--list") {
        tests.iter().for_each(|(name, _)| println!("{name}: test"));
        return ExitCode::SUCCESS;
    }
    if let Err(reason) = sandbox::enter() {
        println!("skipped: needs user namespaces ({reason})");
        return if env::var_os("CI").is_some() { ExitCode::FAILURE } else { ExitCode::SUCCESS };
    }
    let filters: Vec<&String> = arguments.iter().filter(|word| !word.starts_with('-')).collect();
    let chosen = |name: &str| filters.is_empty() || filters.iter().any(|f| name.contains(*f));
    let (mut passed, mut failed) = (0, 0);
    println!();
    for (name, test) in tests.iter().filter(|(name, _)| chosen(name)) {
        let start = Instant::now();
        let verdict = match catch_unwind(test) {
            Ok(()) => "ok",
            Err(_) => "FAILED",
        };
        *(if verdict == "ok" { &mut passed } else { &mut failed }) += 1;
        println!("test {name} ... {verdict} ({:.2} s)", start.elapsed().as_secs_f64());
    }
    let result = if failed == 0 { "ok" } else { "FAILED" };
    println!("\ntest result: {result}. {passed} passed; {failed} failed\n");
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
