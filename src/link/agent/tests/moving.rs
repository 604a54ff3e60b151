//! Connections whose hosts, NATs and lines do not stay as they are.

use std::time::{Duration, Instant};

use super::internet::Internet;
use super::millis;
use super::nat::Kind;
use crate::link::way::Way;
use crate::runtime::clock;

const HOMES: [Kind; 5] =
    [Kind::FULL_CONE, Kind::RESTRICTED, Kind::PORT_RESTRICTED, Kind::MASQUERADE, Kind::SYMMETRIC];

/// Two homes that talk, over a direct path where possible.
struct Pair {
    world: Internet,
    alice: usize,
    bob: usize,
    home: usize,
    office: usize,
    relay: bool,
}

impl Pair {
    fn new(seed: u64, start: Instant, relay: bool) -> Pair {
        let mut world = Internet::new(seed, start);
        let kind = |world: &mut Internet| HOMES[world.dice.below(HOMES.len() as u64) as usize];
        let (one, mut other) = (kind(&mut world), kind(&mut world));
        if !relay || one.is_symmetric() {
            other = Kind::FULL_CONE; // what is dialled without a relay must be open
        }
        let (home, office) = (world.nat(one, None), world.nat(other, None));
        let (alice, bob) = (world.host(Some(home)), world.host(Some(office)));
        let published = world.gather(bob);
        world.gather(alice);
        world.dial(alice, bob, &published, relay);
        world.run(millis(600));
        world.hold_both(alice, bob);
        let mut pair = Pair { world, alice, bob, home, office, relay };
        pair.talk(Duration::from_secs(6));
        pair
    }

    fn talk(&mut self, time: Duration) {
        self.world.converse(self.alice, self.bob, millis(100), time);
    }

    /// The longest time that alice hears nothing from now on.
    fn gap(&mut self, time: Duration) -> Duration {
        let since = self.world.now;
        self.talk(time);
        self.world.longest_gap(self.alice, since)
    }

    fn case(&self, seed: u64) -> String {
        let kind = |nat: usize| self.world.nats[nat].kind.mapping;
        let (home, office) = (kind(self.home), kind(self.office));
        let round_trip = 2 * self.world.delay;
        format!("seed {seed}, {home:?} to {office:?}, relay: {}, {round_trip:?}", self.relay)
    }
}

#[test]
fn a_direct_line_that_is_cut_is_replaced_by_the_relay_and_comes_back() {
    let start = clock::now();
    for seed in 0..150 {
        let mut pair = Pair::new(seed, start, true);
        let case = pair.case(seed);
        let direct = pair.world.is_direct(pair.alice, pair.bob);
        let (a, b) = (pair.alice, pair.bob);
        // one way, the other way, or both
        pair.world.cut = match seed % 3 {
            0 => vec![(a, b)],
            1 => vec![(b, a)],
            _ => vec![(a, b), (b, a)],
        };
        let gap = pair.gap(Duration::from_secs(10));
        assert!(gap < Duration::from_secs(3), "{case}: {gap:?}");
        pair.world.cut.clear();
        let gap = pair.gap(Duration::from_secs(60));
        assert!(gap < millis(800), "{case}: {gap:?}");
        assert_eq!(pair.world.is_direct(a, b), direct, "{case}");
        assert!(pair.world.moves(a, start) < 12, "{case}");
    }
}

#[test]
fn a_line_that_breaks_again_and_again_is_used_ever_less() {
    let start = clock::now();
    for seed in 0..20 {
        let mut pair = Pair::new(seed, start, true);
        let (a, b) = (pair.alice, pair.bob);
        let since = pair.world.now;
        for round in 0..60 {
            pair.world.cut = if round % 2 == 0 { vec![(a, b), (b, a)] } else { Vec::new() };
            pair.talk(Duration::from_secs(5));
        }
        // five minutes, thirty breaks
        let moves = pair.world.moves(a, since);
        assert!(moves <= 20, "{}: {moves} moves", pair.case(seed));
    }
}

#[test]
fn a_nat_that_forgets_is_survived() {
    let start = clock::now();
    for seed in 0..150 {
        for relay in [true, false] {
            let mut pair = Pair::new(seed, start, relay);
            let case = pair.case(seed);
            // without a relay only the end that was dialled has to stay where it is
            let nat = if relay && seed % 2 == 0 { pair.office } else { pair.home };
            pair.world.nats[nat].reboot();
            let gap = pair.gap(Duration::from_secs(10));
            assert!(gap < Duration::from_secs(3), "{case}: {gap:?}");
        }
    }
}

#[test]
fn either_end_and_both_may_move() {
    let start = clock::now();
    let mut gaps = Vec::new();
    for seed in 0..240 {
        let mut pair = Pair::new(seed, start, true);
        let case = pair.case(seed);
        let (a, b) = (pair.alice, pair.bob);
        let movers = match seed % 3 {
            0 => vec![a],
            1 => vec![b],
            _ => vec![a, b],
        };
        for mover in movers {
            let kind = HOMES[pair.world.dice.below(HOMES.len() as u64) as usize];
            let nat = pair.world.nat(kind, None);
            pair.world.move_to(mover, Some(nat));
            pair.world.change_network(mover);
            pair.world.gather(mover);
        }
        let gap = pair.gap(Duration::from_secs(8));
        let most = 4 * pair.world.relay_delay + millis(250);
        assert!(gap < most, "{case}: {gap:?} of {most:?}");
        gaps.push(gap);
    }
    gaps.sort();
    assert!(gaps[gaps.len() / 2] < millis(300), "median {:?}", gaps[gaps.len() / 2]);
}

#[test]
fn who_has_moved_is_heard_through_the_relay_at_once() {
    let start = clock::now();
    for seed in 0..120 {
        let mut pair = Pair::new(seed, start, true);
        let case = pair.case(seed);
        let (mover, other) =
            if seed % 2 == 0 { (pair.alice, pair.bob) } else { (pair.bob, pair.alice) };
        let nat = pair.world.nat(Kind::PORT_RESTRICTED, None);
        pair.world.move_to(mover, Some(nat));
        pair.world.change_network(mover);
        pair.world.gather(mover);
        let since = pair.world.now;
        pair.world.converse(mover, other, millis(100), Duration::from_secs(4));
        let mut later = pair.world.hosts[other].received.iter().filter(|(at, _)| *at > since);
        let first = later.next().map(|(at, _)| *at - since);
        assert!(first.is_some_and(|first| first <= pair.world.relay_delay), "{case}: {first:?}");
        let gap = pair.world.longest_gap(mover, since);
        assert!(gap <= 3 * pair.world.relay_delay + millis(200), "{case}: {gap:?}");
    }
}

#[test]
fn a_relay_that_has_not_answered_for_long_is_no_bridge() {
    let start = clock::now();
    for seed in 0..40 {
        let mut pair = Pair::new(seed, start, true);
        let case = pair.case(seed);
        if !pair.world.is_direct(pair.alice, pair.bob) {
            continue;
        }
        pair.world.relay = false;
        pair.talk(Duration::from_secs(300));
        let before = pair.world.moves(pair.alice, start);
        // a sign of nothing: the line is as it was
        pair.world.change_network(pair.alice);
        pair.world.gather(pair.alice);
        let gap = pair.gap(Duration::from_secs(3));
        assert!(gap < 2 * pair.world.delay + millis(150), "{case}: {gap:?}");
        assert_eq!(pair.world.moves(pair.alice, start), before, "{case}");
    }
}

#[test]
fn a_move_without_a_word_is_noticed_too() {
    let start = clock::now();
    for seed in 0..100 {
        let mut pair = Pair::new(seed, start, true);
        let case = pair.case(seed);
        let mover = if seed % 2 == 0 { pair.alice } else { pair.bob };
        let nat = pair.world.nat(Kind::FULL_CONE, None);
        pair.world.move_to(mover, Some(nat));
        let gap = pair.gap(Duration::from_secs(10));
        assert!(gap < Duration::from_secs(3), "{case}: {gap:?}");
    }
}

#[test]
fn loss_and_jitter_are_no_reason_to_move() {
    let start = clock::now();
    let mut moves = 0;
    for seed in 0..60 {
        let mut pair = Pair::new(seed, start, true);
        pair.world.loss = 1 + seed % 10;
        pair.world.jitter = 30;
        let since = pair.world.now;
        pair.talk(Duration::from_secs(60));
        moves += pair.world.moves(pair.alice, since);
        let gap = pair.world.longest_gap(pair.alice, since);
        assert!(gap < millis(1500), "{}: {gap:?}", pair.case(seed));
    }
    assert!(moves < 20, "{moves} moves in an hour");
}

#[test]
fn an_idle_connection_costs_little_and_still_works_afterwards() {
    let start = clock::now();
    let hour = Duration::from_secs(3600);
    for seed in 0..60 {
        let mut pair = Pair::new(seed, start, true);
        let case = pair.case(seed);
        let before = [pair.alice, pair.bob].map(|host| pair.world.hosts[host].control);
        pair.world.run(hour);
        for (host, before) in [pair.alice, pair.bob].into_iter().zip(before) {
            let rate = (pair.world.hosts[host].control - before) as u64 / hour.as_secs();
            assert!(rate <= 20, "{case}: {rate} octets a second");
        }
        let gap = pair.gap(Duration::from_secs(5));
        assert!(gap < millis(800), "{case}: {gap:?}");
    }
}

#[test]
fn without_a_relay_a_path_once_found_is_kept() {
    let start = clock::now();
    for seed in 0..60 {
        let mut pair = Pair::new(seed, start, false);
        let case = pair.case(seed);
        assert!(pair.world.is_direct(pair.alice, pair.bob), "{case}");
        pair.world.run(Duration::from_secs(600));
        let gap = pair.gap(Duration::from_secs(5));
        assert!(gap < millis(800), "{case}: {gap:?}");
        let relayed = |way: &Way| way.direct().is_none();
        assert!(
            !pair.world.hosts[pair.alice].received.iter().any(|(_, way)| relayed(way)),
            "{case}"
        );
    }
}

#[test]
fn a_download_goes_on_after_a_nat_has_forgotten_it_without_any_relay() {
    let start = clock::now();
    for seed in 0..100 {
        let mut pair = Pair::new(seed, start, false);
        let case = pair.case(seed);
        pair.world.converse(pair.bob, pair.alice, millis(10), Duration::from_secs(2));
        let since = pair.world.now;
        pair.world.nats[pair.home].reboot();
        pair.world.converse(pair.bob, pair.alice, millis(10), Duration::from_secs(5));
        let gap = pair.world.longest_gap(pair.alice, since);
        assert!(gap < millis(1500), "{case}: {gap:?}");
    }
}
