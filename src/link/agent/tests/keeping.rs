//! A path in use: when it is probed, left for a better one or replaced, and what it costs while nothing is said.

use super::*;

#[test]
fn a_peer_that_was_started_anew_is_answered_where_it_is_now() {
    let mut world = World::new(1, 2);
    let target = world.nodes[1].addresses[0];
    world.dial(0, 1, &[target]);
    world.run(Duration::from_secs(1));
    let (visitor, before) = (world.nodes[0].hit(), world.nodes[0].addresses[0]);
    assert_eq!(world.nodes[1].agent.path(visitor), Some(Way::Direct(before)));

    // the same key at another port; nobody had a connection
    let now = address(1, 6000);
    let own = Own::new(&keys(100)).unwrap();
    assert_eq!(own.key(), world.nodes[0].key);
    world.nodes[0].agent = Agent::new(own, Strangers::Welcome, [9; 32], 2, world.now);
    world.nodes[0].addresses = vec![now];
    world.dial(0, 1, &[target]);
    world.run(Duration::from_secs(1));
    assert_eq!(world.nodes[1].agent.path(visitor), Some(Way::Direct(now)));
}

#[test]
fn a_faster_path_is_taken_and_an_equal_one_is_not() {
    for (extra, moves) in [(millis(40), true), (millis(2), false)] {
        let mut world = World::new(1, 2);
        let (old, new) = (world.nodes[1].addresses[0], address(2, 6000));
        world.slow.insert(old, extra);
        world.dial(0, 1, &[old]);
        world.run(FRESH + Duration::from_secs(1));
        assert_eq!(world.path(0, 1), Some(old));
        let peer = world.nodes[1].hit();
        world.nodes[0].agent.hold(peer);
        // the peer has another address, and knocks from there
        world.nodes[1].addresses = vec![new, old];
        world.dial(1, 0, &[address(1, 5050)]);
        world.run(Duration::from_secs(1));
        assert_eq!(world.path(0, 1), Some(if moves { new } else { old }));
    }
}

#[test]
fn a_silent_path_is_replaced_while_traffic_flows() {
    for seed in 0..20 {
        let mut world = World::new(seed, 2);
        world.delay = millis(5 + world.dice.below(50));
        let (old, new) = (world.nodes[1].addresses[0], address(2, 6000));
        world.dial(0, 1, &[old, new]);
        world.run(millis(400));
        assert_eq!(world.path(0, 1), Some(old));
        let held = world.nodes[1].hit();
        world.nodes[0].agent.hold(held);
        // the peer has moved without a word
        world.nodes[1].addresses = vec![new];
        let moved = world.now;
        while world.path(0, 1) != Some(new) {
            world.talk(0, 1);
            world.run(millis(100));
            assert!(world.now < moved + Duration::from_secs(2), "seed {seed}");
        }
        // and the peer follows suit: its packets find the same host
        assert_eq!(world.path(1, 0), Some(address(1, 5050)));
    }
}

#[test]
fn a_held_path_is_probed_when_nothing_is_heard_and_else_not() {
    let mut world = World::new(1, 2);
    let live = world.nodes[1].addresses[0];
    world.dial(0, 1, &[live]);
    world.run(millis(100));
    let held = world.nodes[1].hit();
    world.nodes[0].agent.hold(held);
    let quiet = world.log.len();
    world.run(Duration::from_secs(61));
    // every half minute or so a probe and its answer
    let datagrams = world.log.len() - quiet;
    assert!((2..=4).contains(&datagrams), "{datagrams}");
    // packets that come in say as much
    world.talk(1, 0);
    world.run(Duration::from_secs(1));
    let quiet = world.log.len();
    for _ in 0..60 {
        world.run(Duration::from_secs(1));
        for (from, to) in [(0, 1), (1, 0)] {
            assert!(world.talk(from, to));
            world.run(world.delay);
        }
    }
    let control = world.log[quiet..].iter().filter(|(_, _, datagram)| datagram[0] < 0x40);
    assert_eq!(control.count(), 0);
    // without a connection there is silence
    let now = world.now;
    world.nodes[0].agent.release(held, now);
    assert_eq!(world.nodes[0].agent.poll_timeout(), None);
}

#[test]
fn what_keeps_a_connection_leaves_the_agent_asleep_for_an_hour() {
    let mut world = World::new(1, 2);
    let live = world.nodes[1].addresses[0];
    world.dial(0, 1, &[live]);
    world.run(millis(100));
    for (node, other) in [(0, 1), (1, 0)] {
        let hit = world.nodes[other].hit();
        world.nodes[node].agent.hold(hit);
    }
    world.run(Duration::from_secs(30)); // addresses are told, and spares are known
    let keep_alive = Duration::from_secs(25);
    for _ in 0..256 {
        for (from, to) in [(0, 1), (1, 0)] {
            assert!(world.talk(from, to));
            world.run(world.delay);
        }
        for node in &world.nodes {
            let due = node.agent.poll_timeout().expect("a held path is asked some day");
            assert!(due > world.now + keep_alive, "due in {:?}", due - world.now);
        }
        world.run(keep_alive);
    }
}

#[test]
fn a_short_visit_pays_for_no_probe_of_the_path_mtu_and_a_long_one_for_it_once() {
    let mut world = World::new(1, 2);
    let live = world.nodes[1].addresses[0];
    world.dial(0, 1, &[live]);
    world.run(millis(100));
    let hit = world.nodes[1].hit();
    let is_worth = |world: &mut World| {
        let now = world.now;
        world.nodes[0].agent.is_worth(hit, 1417, false, now)
    };
    assert!(!is_worth(&mut world));
    world.run(Duration::from_secs(20));
    assert!(!is_worth(&mut world));
    // quinn asks again half a minute after its first attempt, which must not be repeated for ever
    world.run(Duration::from_secs(10));
    assert!(!is_worth(&mut world), "nobody may be there any more");
    assert!(world.talk(1, 0));
    world.run(world.delay);
    assert!(is_worth(&mut world));
}

#[test]
fn two_dead_relays_do_not_take_turns_without_end() {
    let (mut now, hit) = (World::new(1, 1).now, keys(2).public().hit());
    let own = Own::new(&keys(1)).unwrap();
    let mut agent = Agent::new(own, Strangers::Welcome, [1; 32], 1, now);
    let ways = [1, 2].map(|relay| Way::Relayed { relay: RelayId(relay), hit });
    agent.dial(keys(2).public(), &ways, now).unwrap();
    agent.hold(hit);
    // both have been asked in vain at the moment when one of them is given up
    let peer = agent.peers.get_mut(&hit).unwrap();
    for candidate in &mut peer.candidates {
        candidate.restart_check(Pattern::Ordinary, 0, now);
    }
    while !peer.candidates.iter().all(Candidate::is_doubtful) {
        now += millis(10);
        for candidate in peer.candidates.iter_mut().filter(|c| !c.is_doubtful()) {
            candidate.advance(now);
        }
    }
    agent.serve_peer(hit, now);
    assert!(agent.path(hit).is_some(), "a relay is better than nothing");
}
