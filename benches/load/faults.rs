//! Three real stores, two of which have faults: how much later the newest packet comes than from the healthy one
//! asked alone.

use std::time::Duration;

use testbed::faults::real::Run;

/// As many people, each with other faults.
const RUNS: u64 = 20;
/// Each is asked for so often in both ways, in turn; the median counts.
const TIMES: usize = 5;

/// Measures and prints.
pub(crate) fn table() {
    println!(
        "two of three stores have faults; first the newest packet from all, then from the healthy one"
    );
    println!("{:36} {:>10} {:>10} {:>10}", "faults", "all, ms", "one, ms", "later, ms");
    let mut later = Vec::new();
    for seed in 0..RUNS {
        let run = Run::new(seed);
        let (mut all, mut one) = (Vec::new(), Vec::new());
        for _ in 0..TIMES {
            one.push(run.ask_healthy().given.expect("the healthy one has it"));
            all.push(run.ask_all(false).given.expect("one of three has it"));
        }
        let (all, one) = (median(all), median(one));
        let faults = run.faults.iter().flatten().map(|fault| format!("{fault:?}"));
        let faults = faults.collect::<Vec<_>>().join(", ");
        println!("{faults:36} {all:10.1} {one:10.1} {:10.1}", all - one);
        later.push(all - one);
    }
    let most = later.iter().copied().fold(f64::MIN, f64::max);
    later.sort_by(f64::total_cmp);
    let middle = later.get(later.len() / 2).copied().unwrap_or_default();
    println!("later by {middle:.1} ms in the middle, {most:.1} ms at most");
}

/// In milliseconds.
fn median(mut times: Vec<Duration>) -> f64 {
    times.sort();
    times.get(times.len() / 2).map_or(0.0, |time| time.as_secs_f64() * 1000.0)
}
