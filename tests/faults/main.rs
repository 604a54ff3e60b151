//! Three overlays, any two of them dead, slow, lying, replaying or full: the newest packet is given as soon
//! as the healthy one has it, and nothing else is taken for it.

mod simulated;

use std::thread;

use testbed::faults::real::Run;

/// What they take is printed by `cargo bench --bench load`.
#[test]
fn twenty_real_look_ups_give_the_newest_packet_and_no_other() {
    let runs = (0..20).map(|seed| {
        thread::spawn(move || {
            let run = Run::new(seed);
            let asked = run.ask_all(true);
            assert!(asked.given.is_some(), "seed {seed}: {:?}", run.faults);
            let found = asked.outcome.expect("it ended").found;
            assert_eq!(found, [run.newest().clone()], "seed {seed}: {:?}", run.faults);
            run.faults
        })
    });
    let runs: Vec<_> = runs.collect();
    let seen: Vec<_> = runs.into_iter().flat_map(|run| run.join().unwrap()).collect();
    let healthy = seen.iter().filter(|fault| fault.is_none()).count();
    assert_eq!((seen.len(), healthy), (60, 20));
}
