//! What strangers, liars and broken networks do to an agent that has a connection: it stays, work is bounded,
//! and nobody else is hurt through it.

use std::time::Duration;

use super::scene::{SECOND, Scene, bob, bobs, source};
use super::{Dice, address, keys, millis, wire::World};
use crate::link::{
    agent::{
        Event, LocalCandidate, Strangers, Transmit,
        checks::{CONTEST_PAUSE, CONTEST_TIME},
    },
    candidate::CandidateKind,
    datagram::{ANSWER, PROBE, UPDATE},
    locator_set::{LocatorSet, NatMapping},
    peer::MAX_CANDIDATES,
    way::{RelayId, Way},
};

/// How many datagrams of a second's flood may cost a multiplication.
const WORTH: usize = 256 + 500 + 1;

#[test]
fn a_flood_of_any_kind_costs_a_bounded_number_of_multiplications() {
    for kind in [PROBE, ANSWER, UPDATE] {
        for sources in [1, 10_000] {
            for strangers in [Strangers::Welcome, Strangers::Ignored] {
                let mut scene = Scene::new(strangers);
                let mallory = keys(66).public();
                // it knows whom it floods, so that the mac is right
                let message = scene.sealed(mallory, kind, &[0; 40]);
                for number in 0..100_000 {
                    let mut forged = message.clone();
                    forged[17..21].copy_from_slice(&u32::to_be_bytes(number));
                    scene.now += Duration::from_micros(10);
                    scene.arrive(source(number % sources), &forged);
                }
                // the name of the sender, and once the rest
                let multiplications = scene.multiplications.get();
                let most = if sources == 1 { 64 + 20 + 2 } else { WORTH };
                assert!(multiplications <= most, "{multiplications} for {kind:#x} of {sources}");
                scene.check_amplification();
                scene.check_memory();
                scene.pass(SECOND);
                assert!(scene.is_connected());
            }
        }
    }
}

#[test]
fn an_idle_peer_is_heard_through_a_flood_in_its_name_and_copies_of_its_messages() {
    let mut scene = Scene::new(Strangers::Welcome);
    let at = address(2, 5050);
    let flood = scene.probe(keys(66).public());
    let copy = scene.probe(bob());
    scene.arrive(at, &copy);
    for second in 0..120u32 {
        for number in 0..500 {
            let mut forged = flood.clone();
            forged[17..25].copy_from_slice(&(u64::from(second) << 32 | number).to_be_bytes());
            scene.alice.handle_datagram(Way::Direct(at), &forged, scene.now);
            scene.alice.handle_datagram(Way::Direct(at), &copy, scene.now);
            scene.pass(millis(2));
        }
        let genuine = scene.probe(bob());
        assert!(scene.alice.handle_datagram(Way::Direct(at), &genuine, scene.now), "{second}");
        scene.settle();
        assert!(scene.is_connected(), "{second}");
    }
}

#[test]
fn old_probes_from_forged_addresses_draw_no_more_than_three_times_their_weight() {
    let mut scene = Scene::new(Strangers::Welcome);
    let mut recorded = Vec::new();
    for _ in 0..400 {
        let probe = scene.probe(bob());
        scene.arrive(address(2, 5050), &probe);
        recorded.push(probe);
        scene.pass(millis(100));
    }
    // a download has earned bob as much as he can save
    (0..100).for_each(|_| {
        scene.alice.source(bobs(), 1200, scene.now);
    });
    let since = scene.events.len();
    // more of them than are remembered
    for (number, probe) in (0..300).zip(&recorded) {
        scene.arrive(source(number), probe);
        scene.pass(millis(100));
    }
    scene.pass(20 * SECOND);
    assert!(scene.out.len() > 200, "they are answered: {}", scene.out.len());
    scene.check_amplification();
    scene.check_memory();
    assert!(scene.is_connected());
    let moved = |event: &Event| matches!(event, Event::Moved { .. });
    assert!(!scene.events[since..].iter().any(moved));
}

#[test]
fn a_peer_that_names_addresses_of_others_draws_three_times_what_it_sends() {
    let mallory = keys(66).public();
    for held in [false, true] {
        let mut scene = Scene::new(Strangers::Welcome);
        // a TURN server would send wherever it is told
        let lent = LocalCandidate {
            kind: CandidateKind::Relayed,
            address: address(50, 3000),
            turn: Some(0),
        };
        scene.alice.set_local_candidates(&[lent], NatMapping::EndpointIndependent, scene.now);
        let home = address(66, 6);
        let hello = scene.probe(mallory);
        scene.arrive(home, &hello);
        if held {
            scene.alice.hold(mallory.hit());
        }
        let mut sent = hello.len();
        for round in 0..60u32 {
            let victims = (0..12).map(|n| (CandidateKind::ServerReflexive, source(round * 12 + n)));
            let set = LocatorSet {
                sequence: u64::from(round) + 1,
                nat: NatMapping::SymmetricSequential { step: 1 },
                locators: victims.collect(),
                ..LocatorSet::default()
            };
            let update = scene.sealed(mallory, UPDATE, &set.encode(0));
            sent += update.len();
            scene.arrive(home, &update);
            // and it wants to be talked to
            scene.alice.route(mallory.hit(), scene.now);
            scene.settle();
            scene.pass(millis(700));
        }
        scene.pass(600 * SECOND);
        let drawn: usize = scene.out.values().sum();
        assert!(drawn > 0 && drawn <= 3 * sent, "{drawn} for {sent}, held: {held}");
        scene.check_memory();
        assert!(scene.is_connected());
    }
}

#[test]
fn claims_that_do_not_fit_leave_nothing_behind() {
    let mut scene = Scene::new(Strangers::Welcome);
    let mallory = keys(66).public();
    // alice has looked for mallory in so many places that there is no room for claims
    let ways: Vec<Way> = (0..MAX_CANDIDATES as u32).map(|n| Way::Direct(source(n))).collect();
    scene.alice.dial(mallory, &ways, scene.now).unwrap();
    for number in 0..5_000 {
        let probe = scene.probe(mallory);
        scene.arrive(source(1000 + number), &probe);
        scene.pass(millis(3));
    }
    scene.check_memory();
    assert!(scene.alice.by_way.len() <= 2 * MAX_CANDIDATES);
}

#[test]
fn forged_claims_disturb_new_handshakes_for_a_second_in_a_minute() {
    let mut scene = Scene::new(Strangers::Welcome);
    let samples = 10 * 5 * CONTEST_PAUSE.as_secs();
    let mut disturbed = 0;
    for number in 0..samples {
        // with as many keys as mallory likes
        let probe = scene.probe(keys(1000 + number % 7).public());
        scene.alice.handle_datagram(bobs(), &probe, scene.now);
        scene.pass(millis(100));
        let owner = scene.alice.handshake_source(bobs(), 1200, scene.now);
        disturbed += u64::from(owner != Some(bob().hit()));
        assert_eq!(scene.alice.source(bobs(), 40, scene.now), Some(bob().hit()));
    }
    let most = samples * CONTEST_TIME.as_millis() as u64 / CONTEST_PAUSE.as_millis() as u64;
    assert!(disturbed > 0 && disturbed <= most + 10, "{disturbed} of {samples}");
}

#[test]
fn packets_of_handshakes_in_the_name_of_a_peer_are_bounded_and_others_are_not() {
    let mut scene = Scene::new(Strangers::Welcome);
    let other = keys(66).public();
    let probe = scene.probe(other);
    scene.arrive(address(66, 6), &probe);
    let (mut passed, mut packets) = (0, 0);
    for number in 0..100_000 {
        scene.now += Duration::from_micros(10);
        passed += usize::from(scene.alice.handshake_source(bobs(), 1200, scene.now).is_some());
        packets += usize::from(scene.alice.source(bobs(), 1200, scene.now).is_some());
        if number % 10_000 == 0 {
            let from = Way::Direct(address(66, 6));
            assert_eq!(scene.alice.handshake_source(from, 1200, scene.now), Some(other.hit()));
        }
    }
    assert!((700..=WORTH).contains(&passed), "{passed}");
    assert_eq!(packets, 100_000, "the connection goes on");
}

#[test]
fn many_ways_that_die_at_once_are_given_up_one_by_one() {
    let mut scene = Scene::new(Strangers::Welcome);
    let (hit, now) = (bob().hit(), scene.now);
    // twenty more addresses of bob and two relays, all of which have answered
    let relays = [1, 2].map(|relay| Way::Relayed { relay: RelayId(relay), hit });
    let direct = (0..20).map(|n| Way::Direct(source(n)));
    let ways: Vec<Way> = direct.chain(relays).collect();
    scene.alice.handle_connection_lost(hit, now);
    scene.alice.dial(bob(), &ways, scene.now).unwrap();
    while let Some(due) = scene.alice.poll_timeout().filter(|due| *due <= now + 5 * SECOND) {
        scene.now = scene.now.max(due);
        scene.alice.handle_timeout(scene.now);
        while let Some(Transmit { to, datagram, .. }) = scene.alice.poll_transmit() {
            if datagram[0] != ANSWER {
                let answer = scene.answer_of_bob(&datagram);
                scene.alice.handle_datagram(to, &answer, scene.now + millis(1));
            }
        }
    }
    let answered = |scene: &Scene| {
        let candidates = &scene.alice.peers[&hit].candidates;
        candidates.iter().filter(|candidate| candidate.round_trip.is_some()).count()
    };
    assert_eq!(answered(&scene), ways.len() + 1);

    // nothing answers any more, and somebody goes on talking; then nobody does for an hour
    scene.up = false;
    scene.events.clear();
    scene.out.clear();
    for _ in 0..600 {
        scene.alice.route(hit, scene.now);
        scene.settle();
        scene.pass(millis(100));
    }
    let moves = scene.events.iter().filter(|event| matches!(event, Event::Moved { .. })).count();
    assert!((2..=5 * ways.len()).contains(&moves), "{moves} moves in a minute");
    let octets: usize = scene.out.values().sum();
    assert!(octets < 60 * ways.len() * 6 * 200 / 5, "{octets} octets in a minute");
    // a clock that jumps makes all of them due at one moment
    scene.now += 3600 * SECOND;
    scene.out.clear();
    scene.alice.handle_timeout(scene.now);
    scene.settle();
    let octets: usize = scene.out.values().sum();
    assert!(octets <= 3 * ways.len() * 200, "{octets} octets at one moment");

    scene.up = true;
    scene.pass(10 * SECOND);
    scene.alice.route(hit, scene.now);
    scene.pass(10 * SECOND);
    assert!(!scene.alice.is_suspect(hit));
}

/// A peer with a key may say whatever it likes.
#[test]
fn any_content_of_a_genuine_message_is_survived() {
    let mut scene = Scene::new(Strangers::Welcome);
    let mallory = keys(66).public();
    let mut dice = Dice::new(3);
    for round in 0..5_000 {
        let mut content = LocatorSet {
            sequence: dice.below(1 << 40),
            acknowledged: dice.below(4),
            nat: NatMapping::SymmetricSequential { step: 1 },
            locators: (0..dice.below(13) as u32)
                .map(|n| (CandidateKind::Mapped, source(round * 13 + n)))
                .collect(),
        }
        .encode(dice.below(400) as usize);
        for _ in 0..dice.below(4) {
            let at = dice.below(content.len() as u64) as usize;
            content[at] = dice.below(256) as u8;
        }
        content.truncate(dice.below(400) as usize);
        let kind = [PROBE, UPDATE][dice.below(2) as usize];
        let message = scene.sealed(mallory, kind, &content);
        let from = Way::Direct(source(dice.below(40) as u32));
        let way = match dice.below(4) {
            0 => Way::Relayed { relay: RelayId(1), hit: mallory.hit() },
            1 => Way::Turn { server: 0, peer: source(dice.below(40) as u32) },
            _ => from,
        };
        scene.alice.handle_datagram(way, &message, scene.now);
        if dice.below(20) == 0 {
            scene.alice.handle_call(&message, scene.now);
        }
        scene.settle();
        scene.pass(millis(dice.below(60)));
        scene.check_memory();
    }
    assert_eq!(scene.alice.peers.len(), 2);
    assert!(scene.is_connected());
}

/// Genuine datagrams of a conversation, cut, stretched and with changed octets, from anywhere and with real
/// seals: the connection stays.
#[test]
fn changed_datagrams_change_nothing() {
    for seed in 1..=4 {
        let mut world = World::new(seed, 2);
        let places = [address(1, 5050), address(2, 5050), address(66, 6)];
        let local = |at| LocalCandidate { kind: CandidateKind::Host, address: at, turn: None };
        for (node, place) in places.iter().enumerate().take(2) {
            let now = world.now;
            let agent = &mut world.nodes[node].agent;
            agent.set_local_candidates(&[local(*place)], NatMapping::Unknown, now);
        }
        world.dial(0, 1, &[places[1]]);
        world.run(millis(100));
        for (node, other) in [(0, 1), (1, 0)] {
            let hit = world.nodes[other].hit();
            world.nodes[node].agent.hold(hit);
        }
        world.run(Duration::from_secs(60));
        let genuine: Vec<Vec<u8>> = world.log.iter().map(|(_, _, d)| d.clone()).collect();
        assert!([PROBE, ANSWER, UPDATE].iter().all(|kind| genuine.iter().any(|d| d[0] == *kind)));
        let mut dice = Dice::new(seed);
        for _ in 0..600 {
            let mut datagram = genuine[dice.below(genuine.len() as u64) as usize].clone();
            // some are copies
            for _ in 0..dice.below(4) {
                let at = dice.below(datagram.len() as u64) as usize;
                match dice.below(3) {
                    0 => datagram[at] ^= 1 << dice.below(8),
                    1 => datagram.truncate(at.max(1)),
                    _ => datagram.insert(at, dice.below(256) as u8),
                }
            }
            let from = places[dice.below(3) as usize];
            world.send(from, places[dice.below(2) as usize], datagram);
            world.run(millis(dice.below(20)));
        }
        world.run(Duration::from_secs(60));
        for (node, other) in [(0, 1), (1, 0)] {
            let hit = world.nodes[other].hit();
            assert_eq!(world.path(node, other), Some(places[other]), "seed {seed}");
            assert!(!world.nodes[node].agent.is_suspect(hit), "seed {seed}");
            assert!(world.nodes[node].agent.peers.len() == 1, "seed {seed}");
        }
    }
}
