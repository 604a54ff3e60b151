//! A thousand seeded runs in virtual time.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use p2p::{
    identity::Timestamp,
    registration::{Floors, Lookup, Outcome, Patience, Said, Score},
    runtime::clock,
};
use testbed::dice::Dice;
use testbed::faults::fault::{FAULTS, Fault, World, two_of_three};

const RUNS: u64 = 1000;
/// How much later than the healthy overlay's answer the newest packet may be given.
const LATE: Duration = Duration::from_millis(50);
/// That of a look-up of a known key: it goes on until all have answered.
const PATIENCE: Patience =
    Patience { settle: Duration::from_secs(6), deadline: Duration::from_secs(6) };

fn world() -> World {
    World::new([1; 32], Timestamp::from_secs(1_800_000_000))
}

/// When an overlay answers, and what; None for never.
fn answer(
    world: &World,
    fault: Option<Fault>,
    dice: &mut Dice,
) -> Option<(Duration, Vec<Vec<u8>>)> {
    let newest = || vec![world.newest.as_bytes().to_vec()];
    let soon = dice.milliseconds(1, 400);
    match fault {
        None => Some((soon, newest())),
        Some(Fault::Dead | Fault::Refusing) => None,
        Some(Fault::Slow) => Some((dice.milliseconds(2000, 5900), newest())),
        Some(Fault::Lying) => Some((soon, world.lies.clone())),
        Some(Fault::Replaying) => Some((soon, vec![world.old.as_bytes().to_vec()])),
        Some(Fault::Full) => Some((soon, Vec::new())),
    }
}

/// One look-up: when the newest packet was given, when the healthy overlay answered, and the end.
struct Run {
    given: Option<Duration>,
    healthy: Duration,
    outcome: Outcome,
    faults: [Option<Fault>; 3],
}

fn run(world: &World, seed: u64, start: Instant) -> Run {
    let mut dice = Dice(seed);
    let faults = two_of_three(&mut dice);
    let mut schedule: BTreeMap<(Duration, usize), Vec<Vec<u8>>> = BTreeMap::new();
    let mut healthy_at = Duration::ZERO;
    for (overlay, fault) in faults.iter().enumerate() {
        if let Some((after, packets)) = answer(world, *fault, &mut dice) {
            if fault.is_none() {
                healthy_at = after;
            }
            schedule.insert((after, overlay), packets);
        }
    }
    let mut lookup = Lookup::new(world.wanted(), 3, &Floors::new(), PATIENCE, start);
    for (overlay, _) in faults.iter().enumerate().filter(|(_, f)| **f == Some(Fault::Refusing)) {
        lookup.handle_failure(start, overlay, "connection refused");
    }
    let mut given = None;
    for ((after, overlay), packets) in schedule {
        if lookup.poll(start + after).is_none() {
            lookup.handle_answer(start + after, world.wall, overlay, packets);
        }
        if given.is_none() && lookup.newest() == Some(&world.newest) {
            given = Some(after);
        }
    }
    let outcome = lookup.poll(start + PATIENCE.deadline).expect("it ends");
    Run { given, healthy: healthy_at, outcome, faults }
}

#[test]
fn two_bad_overlays_of_three_delay_hide_and_replay_nothing() {
    let (world, start) = (world(), clock::now());
    let mut seen: BTreeMap<Fault, u32> = BTreeMap::new();
    for seed in 0..RUNS {
        let run = run(&world, seed, start);
        let given = run.given.unwrap_or_else(|| panic!("seed {seed}: {:?}", run.faults));
        let late = given.saturating_sub(run.healthy);
        assert!(late <= LATE, "seed {seed}: {late:?} late, {:?}", run.faults);
        let newest = std::slice::from_ref(&world.newest);
        assert_eq!(run.outcome.found, newest, "seed {seed}: {:?}", run.faults);
        for fault in run.faults.into_iter().flatten() {
            *seen.entry(fault).or_default() += 1;
        }
    }
    assert!(
        FAULTS.iter().all(|fault| seen.get(fault).is_some_and(|times| *times > 200)),
        "{seen:?}"
    );
}

#[test]
fn the_same_seed_is_the_same_run() {
    let (world, start) = (world(), clock::now());
    let (one, two) = (run(&world, 7, start), run(&world, 7, start));
    assert_eq!((one.given, one.faults, one.outcome), (two.given, two.faults, two.outcome));
}

#[test]
fn the_scores_tell_the_good_from_the_bad() {
    let (world, start) = (world(), clock::now());
    let wanted = world.wanted();
    for fault in FAULTS {
        let (mut good, mut bad) = (Score::default(), Score::default());
        for seed in 0..200 {
            let run = run(&world, seed, start);
            for (overlay, report) in run.faults.iter().zip(&run.outcome.reports) {
                match overlay {
                    None => good.record(&wanted, report, &run.outcome),
                    Some(other) if *other == fault => bad.record(&wanted, report, &run.outcome),
                    Some(_) => None,
                };
            }
            assert!(run.outcome.reports.iter().any(|report| matches!(report.said, Said::Found(_))));
        }
        assert_eq!((good.freshness(), good.refused(), good.rollbacks()), (Some(100), 0, 0));
        let (asked, answered) = bad.answered();
        match fault {
            Fault::Dead | Fault::Refusing => assert_eq!(answered, 0),
            Fault::Slow => assert!(bad.latency().unwrap() > Duration::from_secs(2)),
            Fault::Lying => assert_eq!(bad.refused(), asked),
            Fault::Replaying | Fault::Full => assert_eq!(bad.freshness(), Some(0)),
        }
    }
}
