//! Which pairs of NATs come to a direct path, and that all pairs are connected.

use std::time::Duration;

use super::internet::Internet;
use super::millis;
use super::nat::{Kind, Mapping};
use crate::runtime::clock;

const KINDS: [(&str, Option<Kind>); 8] = [
    ("public", None),
    ("full cone", Some(Kind::FULL_CONE)),
    ("address-restricted", Some(Kind::RESTRICTED)),
    ("port-restricted", Some(Kind::PORT_RESTRICTED)),
    ("masquerade", Some(Kind::MASQUERADE)),
    ("symmetric, random", Some(Kind::SYMMETRIC)),
    ("symmetric, sequential", Some(Kind::SEQUENTIAL)),
    ("UDP blocked", Some(Kind::BLOCKED)),
];

/// RFC 5128, and ports that can be guessed.
fn punchable(one: Option<Kind>, other: Option<Kind>) -> bool {
    let strict = |kind: Kind| kind.filter == super::nat::Filter::AddressAndPort;
    let pair = |a: Kind, b: Kind| {
        // a's ports cannot be foreseen by b, which lets nobody in from another port
        let hopeless = a.mapping == Mapping::Random && strict(b);
        !hopeless && !a.blocked
    };
    match (one, other) {
        (Some(a), Some(b)) => pair(a, b) && pair(b, a),
        (Some(a), None) | (None, Some(a)) => !a.blocked,
        (None, None) => true,
    }
}

fn connect(world: &mut Internet, one: usize, other: usize) {
    let published = world.gather(other);
    world.gather(one);
    world.dial(one, other, &published, true);
    world.talk(one, other);
    world.run(millis(300));
    world.hold_both(one, other);
}

#[test]
fn every_pair_is_connected_at_once_and_direct_where_that_is_possible() {
    let start = clock::now();
    for seed in 0..12 {
        for (one_name, one) in KINDS {
            for (other_name, other) in KINDS {
                let case = format!("{one_name} to {other_name}, seed {seed}");
                let mut world = Internet::new(seed, start);
                let home = one.map(|kind| world.nat(kind, None));
                let office = other.map(|kind| world.nat(kind, None));
                let (alice, bob) = (world.host(home), world.host(office));
                connect(&mut world, alice, bob);
                world.converse(alice, bob, millis(100), Duration::from_secs(8));
                let first = world.hosts[bob].received.first().expect(&case).0;
                assert!(first <= start + world.relay_delay + millis(5), "{case}: first packet");
                let gap = world.longest_gap(alice, start + millis(500));
                assert!(gap < millis(500), "{case}: a gap of {gap:?}");
                assert_eq!(world.is_direct(alice, bob), punchable(one, other), "{case}");
                assert!(world.moves(alice, start) <= 3, "{case}: flapping");
                let guesses = [one, other].contains(&Some(Kind::SEQUENTIAL));
                let (cost, most) =
                    (world.hosts[alice].control, if guesses { 30_000 } else { 6_000 });
                assert!(cost < most, "{case}: {cost} octets");
            }
        }
    }
}

#[test]
fn any_two_homes_are_connected_through_loss_and_disorder() {
    let start = clock::now();
    for seed in 0..2000 {
        let mut world = Internet::new(seed, start);
        world.loss = world.dice.below(20);
        world.jitter = world.dice.below(60);
        let home = |world: &mut Internet| {
            let kind = KINDS[world.dice.below(KINDS.len() as u64) as usize].1?;
            let carrier = KINDS[world.dice.below(KINDS.len() as u64) as usize].1;
            let carrier = carrier.filter(|_| seed % 3 == 0).map(|kind| world.nat(kind, None));
            Some(world.nat(kind, carrier))
        };
        let (one, other) = (home(&mut world), home(&mut world));
        let (alice, bob) = (world.host(one), world.host(other));
        connect(&mut world, alice, bob);
        world.converse(alice, bob, millis(200), Duration::from_secs(6));
        let gap = world.longest_gap(alice, start + millis(500));
        assert!(gap < millis(2500), "seed {seed}: a gap of {gap:?}");
        assert!(world.moves(alice, start) <= 6, "seed {seed}: {} moves", world.moves(alice, start));
    }
}

#[test]
fn two_homes_behind_one_carrier_meet_if_it_hairpins_and_use_the_relay_if_not() {
    let start = clock::now();
    let homes = [Kind::FULL_CONE, Kind::RESTRICTED, Kind::PORT_RESTRICTED, Kind::MASQUERADE];
    for seed in 0..100 {
        for hairpin in [true, false] {
            let mut world = Internet::new(seed, start);
            let carrier = Kind::RESTRICTED;
            let carrier = if hairpin { carrier.with_hairpin() } else { carrier };
            let carrier = world.nat(carrier, None);
            let kind = |world: &mut Internet| homes[world.dice.below(homes.len() as u64) as usize];
            let (one, other) = (kind(&mut world), kind(&mut world));
            let (one, other) = (world.nat(one, Some(carrier)), world.nat(other, Some(carrier)));
            let (alice, bob) = (world.host(Some(one)), world.host(Some(other)));
            connect(&mut world, alice, bob);
            world.converse(alice, bob, millis(100), Duration::from_secs(5));
            assert_eq!(world.is_direct(alice, bob), hairpin, "seed {seed}");
        }
    }
}

#[test]
fn hosts_of_one_home_find_each_other_inside() {
    let start = clock::now();
    for (name, kind) in KINDS {
        let mut world = Internet::new(7, start);
        let home = kind.map(|kind| world.nat(kind, None));
        let (alice, bob) = (world.host(home), world.host(home));
        connect(&mut world, alice, bob);
        world.converse(alice, bob, millis(100), Duration::from_secs(3));
        let inside = std::net::SocketAddr::V4(world.hosts[bob].address);
        assert_eq!(world.path(alice, bob), Some(inside.into()), "{name}");
    }
}

#[test]
fn sequential_ports_are_guessed_although_others_use_the_nat_too() {
    let start = clock::now();
    let (mut met, mut tried) = (0, 0);
    for seed in 0..200 {
        let mut world = Internet::new(seed, start);
        let (one, other) = (world.nat(Kind::SEQUENTIAL, None), world.nat(Kind::SEQUENTIAL, None));
        let (alice, bob) = (world.host(Some(one)), world.host(Some(other)));
        let published = world.gather(bob);
        world.gather(alice);
        for home in [one, other] {
            for _ in 0..world.dice.below(400) {
                world.use_nat(home);
            }
        }
        world.dial(alice, bob, &published, true);
        world.run(millis(300));
        world.hold_both(alice, bob);
        world.converse(alice, bob, millis(100), Duration::from_secs(5));
        tried += 1;
        met += usize::from(world.is_direct(alice, bob));
    }
    assert!(met * 100 >= tried * 95, "{met} of {tried}");
}

#[test]
fn a_dead_relay_does_not_keep_anybody_from_a_direct_way() {
    let start = clock::now();
    for seed in 0..50 {
        let mut world = Internet::new(seed, start);
        world.relay = false;
        let kind = [Kind::PORT_RESTRICTED, Kind::SYMMETRIC][seed as usize % 2];
        let home = world.nat(kind, None);
        let (alice, bob) = (world.host(Some(home)), world.host(None));
        let published = world.gather(bob);
        world.gather(alice);
        world.dial(alice, bob, &published, true);
        world.converse(alice, bob, millis(100), Duration::from_secs(3));
        let first = world.hosts[bob].received.first().expect("it arrives").0;
        assert!(first <= start + millis(900), "seed {seed}: {:?}", first - start);
    }
}

#[test]
fn a_masquerade_opens_the_right_port_before_the_other_knocks() {
    let start = clock::now();
    for seed in 0..40 {
        let mut world = Internet::new(seed, start);
        world.delay = millis(2);
        world.relay_delay = millis(4);
        let one = world.nat(Kind::MASQUERADE, None);
        let other = world.nat(Kind::SEQUENTIAL, None);
        let (alice, bob) = (world.host(Some(one)), world.host(Some(other)));
        let published = world.gather(bob);
        world.gather(alice);
        for _ in 0..20 {
            world.use_nat(other);
        }
        world.dial(alice, bob, &published, true);
        world.run(millis(300));
        world.hold_both(alice, bob);
        world.converse(alice, bob, millis(100), Duration::from_secs(4));
        assert!(world.is_direct(alice, bob), "seed {seed}");
    }
}

#[test]
fn masquerades_meet_also_where_hops_are_not_counted() {
    let start = clock::now();
    for seed in 0..100 {
        let mut world = Internet::new(seed, start);
        world.counts_hops = false;
        // by way of the relay it is at least as far as straight, and both have a round trip to it
        world.relay_delay = world.delay + millis(world.dice.below(50));
        let (one, other) = (world.nat(Kind::MASQUERADE, None), world.nat(Kind::MASQUERADE, None));
        let (alice, bob) = (world.host(Some(one)), world.host(Some(other)));
        connect(&mut world, alice, bob);
        world.converse(alice, bob, millis(100), Duration::from_secs(5));
        assert!(world.is_direct(alice, bob), "seed {seed}");
    }
}

#[test]
fn a_relay_with_little_traffic_is_left_alone_ever_longer() {
    let mut world = Internet::new(1, clock::now());
    let [home, office] = [0, 1].map(|_| world.nat(Kind::SYMMETRIC, None));
    let (alice, bob) = (world.host(Some(home)), world.host(Some(office)));
    connect(&mut world, alice, bob);
    let control = |world: &Internet| world.hosts[alice].control + world.hosts[bob].control;
    // what somebody reads whom the relay brought is no reason to look when he has read it
    world.converse(alice, bob, Duration::from_millis(100), Duration::from_secs(60));
    world.packet = 40;
    let looks = |world: &mut Internet, time| {
        let before = control(world);
        world.converse(alice, bob, Duration::from_secs(25), Duration::from_secs(time));
        control(world) - before
    };
    world.run(Duration::from_secs(10)); // the end of the traffic may be taken for its middle
    assert_eq!(looks(&mut world, 600), 0);
    let octets = looks(&mut world, 3600);
    assert!((1..4 * 3600).contains(&octets), "{octets}");
    // who comes back is worth another look at once
    world.packet = 300;
    let before = control(&world);
    world.converse(alice, bob, Duration::from_millis(100), Duration::from_secs(3));
    assert!(control(&world) > before + 1000);
}
