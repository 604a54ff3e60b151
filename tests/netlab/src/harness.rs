//! Runs test functions inside the sandbox.
//!
//! A test target with `harness = false` calls [`run`] from `main`: entering the sandbox replaces the process, so it
//! comes before everything else.

use std::{
    env,
    num::NonZero,
    process::ExitCode,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    thread,
    time::Instant,
};

use crate::sandbox;

/// A test and its name.
type Test = (&'static str, fn());

/// Runs the tests whose names contain an argument (all without one), as many at once as `RUST_TEST_THREADS` says, or
/// as there are processors; `--list` lists them. Each has laboratories of its own, and mostly waits for their time.
///
/// Where there is no sandbox it says `skipped: needs user namespaces` and succeeds, unless `CI` is set: there, a
/// test that does not run is a failure.
pub fn run(tests: &[Test]) -> ExitCode {
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
    let chosen: Vec<Test> = tests.iter().copied().filter(|(name, _)| chosen(name)).collect();
    println!();
    let failed = run_at_once(&chosen, threads());
    let result = if failed == 0 { "ok" } else { "FAILED" };
    println!("\ntest result: {result}. {} passed; {failed} failed\n", chosen.len() - failed);
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn threads() -> usize {
    let wanted = env::var("RUST_TEST_THREADS").ok().and_then(|number| number.parse().ok());
    wanted.or_else(|| thread::available_parallelism().ok()).map_or(1, NonZero::get)
}

/// Runs all tests, prints each that is done, and gives the number of those that failed.
fn run_at_once(tests: &[Test], threads: usize) -> usize {
    let next = AtomicUsize::new(0);
    let failed = Mutex::new(0);
    let work = || {
        while let Some(&(name, test)) = tests.get(next.fetch_add(1, Relaxed)) {
            let (passed, seconds) = run_one(name, test);
            // whoever holds it panics only if nobody reads what it prints
            let mut failed = failed.lock().unwrap_or_else(PoisonError::into_inner);
            *failed += usize::from(!passed);
            println!("test {name} ... {} ({seconds:.2} s)", if passed { "ok" } else { "FAILED" });
        }
    };
    thread::scope(|scope| {
        for _ in 0..threads.min(tests.len()) {
            scope.spawn(work);
        }
    });
    failed.into_inner().unwrap_or_else(PoisonError::into_inner)
}

/// Whether the test passed, and how long it took in seconds; in a thread with its name, which a panic tells.
#[expect(clippy::disallowed_methods, reason = "it tells how long a test took")]
fn run_one(name: &str, test: fn()) -> (bool, f64) {
    let start = Instant::now();
    let thread = thread::Builder::new().name(name.to_string()).spawn(test);
    let passed = thread.expect("a thread can be started").join().is_ok();
    (passed, start.elapsed().as_secs_f64())
}
