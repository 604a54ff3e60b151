//! Dials: candidates that are dead, late or lossy, and who begins a connection where two say to be.

use super::*;

#[test]
fn dead_candidates_cost_nothing_and_both_ends_get_a_path() {
    for seed in 0..60 {
        let mut world = World::new(seed, 2);
        world.delay = millis(1 + world.dice.below(200));
        let dead = world.dice.below(8);
        let mut locators: Vec<SocketAddr> =
            (0..dead).map(|i| address(99, 1000 + i as u16)).collect();
        let place = world.dice.below(dead + 1) as usize;
        let live = world.nodes[1].addresses[0];
        locators.insert(place, live);
        let start = world.now;
        world.dial(0, 1, &locators);
        world.run(Duration::from_secs(10));

        let round_trip = 2 * world.delay;
        let hit = world.nodes[1].hit();
        let reached = Event::Reached { hit, way: Way::Direct(live), round_trip };
        assert_eq!(world.dials(0), [(start + round_trip, &reached)], "seed {seed}");
        assert_eq!(world.path(1, 0), Some(address(1, 5050)), "seed {seed}");
        let observed = Event::Observed { from: Way::Direct(live), address: address(1, 5050) };
        assert!(world.nodes[0].events.iter().any(|(_, event)| *event == observed));
        for node in &world.nodes {
            assert_eq!(node.agent.poll_timeout(), None, "seed {seed}: idle agents sleep");
        }
    }
}

#[test]
fn loss_and_reordering_only_delay() {
    let mut failed = 0;
    for seed in 0..150 {
        let mut world = World::new(seed, 2);
        world.loss = world.dice.below(30);
        world.delay = millis(world.dice.below(100));
        world.jitter = 1 + world.dice.below(200);
        let locators = [world.nodes[1].addresses[0], address(99, 1)];
        let start = world.now;
        world.dial(0, 1, &locators);
        world.run(Duration::from_secs(20));
        let dials = world.dials(0);
        assert_eq!(dials.len(), 1, "seed {seed}");
        assert!(dials[0].0 <= start + CHECK_TIME, "seed {seed}");
        failed += usize::from(matches!(dials[0].1, Event::Unreachable { .. }));
        assert_eq!(world.nodes[0].agent.poll_timeout(), None, "seed {seed}");
        for (from, to) in [(0, 1), (1, 0)] {
            let path = world.path(from, to);
            assert!(path.is_none_or(|path| world.nodes[to].addresses.contains(&path)));
        }
    }
    // six probes and answers lost of six at 15 percent on the average
    assert!(failed <= 3, "{failed} of 150 dials failed");
}

#[test]
fn nobody_there_is_told_after_the_check_time() {
    let mut world = World::new(1, 2);
    let tried = vec![address(99, 1), address(99, 2)];
    let start = world.now;
    world.dial(0, 1, &tried);
    world.run(Duration::from_secs(20));
    let hit = world.nodes[1].hit();
    let tried = tried.into_iter().map(Way::Direct).collect();
    let unreachable = Event::Unreachable { hit, tried };
    assert_eq!(world.dials(0), [(start + CHECK_TIME, &unreachable)]);
    assert_eq!(world.log.len(), 12);
    assert_eq!(world.nodes[0].agent.poll_timeout(), None);
}

#[test]
fn a_lost_first_flight_is_repaired_by_traffic() {
    // the dialled end never gets an answer to its triggered probe
    let mut world = World::new(1, 2);
    let live = world.nodes[1].addresses[0];
    world.dial(0, 1, &[live]);
    world.run(millis(15)); // the probe is there, its answer and the probe back are under way
    world.loss = 100;
    world.run(millis(20)); // what the dialler answers is lost
    world.loss = 0;
    assert_eq!((world.path(0, 1), world.path(1, 0)), (Some(live), None));
    assert!(!world.talk(1, 0), "no path is proved yet");
    world.run(millis(20));
    assert_eq!(world.path(1, 0), Some(address(1, 5050)));
}

#[test]
fn whoever_spoke_last_from_a_way_begins_connections_and_who_answers_has_it() {
    let mut world = World::new(1, 3);
    let live = world.nodes[1].addresses[0];
    world.dial(0, 1, &[live]);
    world.run(millis(500));
    let (bob, bert) = (world.nodes[0].hit(), world.nodes[2].hit());
    let way = Way::Direct(address(1, 5050));
    // bob is gone, and bert has his address
    let addresses = std::mem::take(&mut world.nodes[0].addresses);
    world.nodes[2].addresses = addresses;
    world.dial(2, 1, &[live]);
    world.run(millis(10));
    let now = world.now;
    let alice = &mut world.nodes[1].agent;
    assert_eq!(alice.handshake_source(way, 40, now), Some(bert), "it has said so");
    assert_eq!(alice.source(way, 40, now), Some(bob), "it has not proved it");
    assert_eq!(alice.handshake_source(way, 40, now + CHECK_TIME), Some(bob), "nor will it");
    world.run(millis(100));
    let now = world.now;
    let alice = &mut world.nodes[1].agent;
    assert_eq!(alice.handshake_source(way, 40, now), Some(bert));
    assert_eq!(alice.source(way, 40, now), Some(bert));
    assert!(alice.is_suspect(bob) && !alice.is_suspect(bert));
}

#[test]
fn teredo_is_asked_a_little_later() {
    let mut world = World::new(1, 1);
    let teredo = "[2001:0:c000:201::1]:5050".parse().unwrap();
    let native = "[2001:db8::1]:5050".parse().unwrap();
    let ways = [Way::Direct(teredo), Way::Direct(native)];
    let start = world.now;
    let agent = &mut world.nodes[0].agent;
    let own = "[2001:db8::2]:5050".parse().unwrap();
    let own = LocalCandidate { kind: CandidateKind::Host, address: own, turn: None };
    agent.set_local_candidates(&[own], NatMapping::Unknown, start);
    agent.dial(keys(9).public(), &ways, start).unwrap();
    let asked = |agent: &mut Agent| agent.poll_transmit().map(|transmit| transmit.to);
    assert_eq!([asked(agent), asked(agent)], [Some(Way::Direct(native)), None]);
    agent.handle_timeout(start + millis(60));
    assert_eq!([asked(agent), asked(agent)], [Some(Way::Direct(teredo)), None]);
}
