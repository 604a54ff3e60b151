//! Three overlays, any two of them dead, slow, lying, replaying or full: the newest packet is given as soon
//! as the healthy one has it, and nothing else is taken for it. A thousand seeded runs in virtual time.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use p2p::{
    identity::{KeyPair, Name, PublicKey, Seed, Timestamp},
    registration::{Floors, Lookup, Outcome, Packet, Patience, Registration, Said, Score, Wanted},
    runtime::clock,
};

/// What is wrong with an overlay.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Fault {
    /// It never answers.
    Dead,
    /// It answers after seconds.
    Slow,
    /// It cannot be reached.
    Refusing,
    /// It gives forged, foreign and malformed packets, as many as are looked at.
    Lying,
    /// It gives a packet that was true a while ago.
    Replaying,
    /// It took no packet.
    Full,
}

const FAULTS: [Fault; 6] =
    [Fault::Dead, Fault::Slow, Fault::Refusing, Fault::Lying, Fault::Replaying, Fault::Full];
const RUNS: u64 = 1000;
/// How much later than the healthy overlay's answer the newest packet may be given.
const LATE: Duration = Duration::from_millis(50);
/// That of a look-up of a known key: it goes on until all have answered.
const PATIENCE: Patience =
    Patience { settle: Duration::from_secs(6), deadline: Duration::from_secs(6) };

/// A pseudo-random sequence (SplitMix64).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % below
    }

    fn milliseconds(&mut self, from: u64, to: u64) -> Duration {
        Duration::from_millis(from + self.roll(to - from))
    }
}

fn keys(n: u8) -> KeyPair {
    KeyPair::from_seed(&Seed::new([n; 32]))
}

fn name() -> Name {
    Name::parse("alice@example.com").unwrap()
}

fn packet(keys: &KeyPair, name: &str, at: Timestamp) -> Packet {
    let registration = Registration {
        name: Name::parse(name).ok(),
        key: keys.public(),
        sequence: at,
        ttl: Duration::from_secs(7200),
        locators: vec!["192.0.2.1:5050".parse().unwrap()],
        rendezvous: Vec::new(),
        certificates: Vec::new(),
    };
    Packet::sign(&registration, keys).unwrap()
}

/// What everybody could know.
struct World {
    wall: Timestamp,
    newest: Packet,
    old: Packet,
    lies: Vec<Vec<u8>>,
}

impl World {
    fn new() -> World {
        let wall = Timestamp::from_secs(1_800_000_000);
        let alice = keys(1);
        let newest = packet(&alice, "alice@example.com", wall);
        let old =
            packet(&alice, "alice@example.com", wall.saturating_sub(Duration::from_secs(3600)));
        let mut forged = newest.as_bytes().to_vec();
        *forged.last_mut().unwrap() ^= 1;
        let future = wall.saturating_add(Duration::from_secs(7200));
        let lies = vec![
            forged,
            b"p2pr but not really".to_vec(),
            packet(&keys(2), "alice@example.com", wall).as_bytes().to_vec(),
            packet(&alice, "mallory@example.com", wall).as_bytes().to_vec(),
            packet(&alice, "alice@example.com", future).as_bytes().to_vec(),
        ];
        World { wall, newest, old, lies }
    }

    fn key(&self) -> PublicKey {
        self.newest.registration().key
    }
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
    faults: Vec<Option<Fault>>,
}

fn run(world: &World, seed: u64, start: Instant) -> Run {
    let mut dice = Dice(seed);
    let healthy = dice.roll(3) as usize;
    let mut fault = |at| (at != healthy).then(|| FAULTS[dice.roll(FAULTS.len() as u64) as usize]);
    let faults = vec![fault(0), fault(1), fault(2)];
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
    let wanted = Wanted::Contact(name(), world.key());
    let mut lookup = Lookup::new(wanted, 3, &Floors::new(), PATIENCE, start);
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
    let (world, start) = (World::new(), clock::now());
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
    let (world, start) = (World::new(), clock::now());
    let (one, two) = (run(&world, 7, start), run(&world, 7, start));
    assert_eq!((one.given, one.faults, one.outcome), (two.given, two.faults, two.outcome));
}

#[test]
fn the_scores_tell_the_good_from_the_bad() {
    let (world, start) = (World::new(), clock::now());
    let wanted = Wanted::Contact(name(), world.key());
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
