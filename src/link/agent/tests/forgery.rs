//! Probes that are copied, overtaken, forged or far too many: they prove nothing, and what they cost is bounded.

use super::*;

#[test]
fn copies_of_a_probe_from_elsewhere_draw_nothing() {
    let mut world = World::new(1, 2);
    let live = world.nodes[1].addresses[0];
    world.dial(0, 1, &[live]);
    world.run(millis(500));
    let (_, _, probe) = world.log[0].clone();
    let attacker = address(66, 6);
    for delay in [0, 1, 1000, 100_000] {
        world.run(millis(delay));
        world.send(attacker, live, probe.clone());
        world.run(millis(100));
    }
    assert_eq!(world.bytes(live, attacker), 0);
    assert_eq!(world.path(1, 0), Some(address(1, 5050)));
}

#[test]
fn a_probe_that_overtakes_itself_from_elsewhere_draws_no_traffic() {
    // the attacker's copy comes first, and the original never
    let mut world = World::new(1, 2);
    let (live, attacker) = (world.nodes[1].addresses[0], address(66, 6));
    world.loss = 100;
    world.dial(0, 1, &[live]);
    world.loss = 0;
    let (_, _, probe) = world.log[0].clone();
    world.nodes[0].addresses.clear(); // the peer itself is silent from now on
    world.send(attacker, live, probe.clone());
    for _ in 0..100 {
        world.run(millis(100));
        world.talk(1, 0);
    }
    assert_eq!(world.path(1, 0), None);
    let drawn = world.log.iter().filter(|(_, to, _)| *to == attacker);
    assert!(drawn.clone().all(|(_, _, datagram)| datagram[0] < 0x40), "no QUIC packet");
    // an answer, a triggered probe, and two checks by the traffic of ten seconds
    assert!(drawn.count() <= 14);
}

#[test]
fn an_answer_from_elsewhere_proves_nothing() {
    let mut world = World::new(1, 2);
    let live = world.nodes[1].addresses[0];
    world.dial(0, 1, &[live]);
    world.run(millis(15));
    let answer = world.log.iter().find(|(_, _, datagram)| datagram[0] == ANSWER).unwrap().2.clone();
    world.flying.clear();
    world.send(address(66, 6), address(1, 5050), answer.clone());
    world.run(millis(30));
    assert_eq!(world.path(0, 1), None);
    world.send(live, address(1, 5050), answer);
    world.run(millis(30));
    assert_eq!(world.path(0, 1), Some(live));
}

#[test]
fn a_proved_address_cannot_be_claimed_by_another_key() {
    let mut world = World::new(1, 3);
    let live = world.nodes[1].addresses[0];
    world.dial(0, 1, &[live]);
    world.run(millis(500));
    // the third host forges the source address of the first
    let hit = world.nodes[0].hit();
    world.nodes[2].addresses = vec![address(1, 5050)];
    world.dial(2, 1, &[live]);
    world.run(millis(9));
    world.nodes[2].addresses.clear();
    world.run(millis(500));
    let now = world.now;
    assert_eq!(world.nodes[1].agent.source(Way::Direct(address(1, 5050)), 40, now), Some(hit));
}

#[test]
fn a_flood_is_bounded_and_not_amplified() {
    let mut world = World::new(1, 2);
    // strangers with keys of their own, from many addresses that are not theirs
    let mut probes = Vec::new();
    for stranger in 0..40u64 {
        let own = Own::new(&keys(10_000 + stranger)).unwrap();
        let remote = Remote::new(&own, world.nodes[1].key).unwrap();
        let mut ephemeral = [stranger as u8 + 1; 32];
        ephemeral[0] = 8;
        let probe = seal::seal(&own, &remote, PROBE, &[0; PROBE_CONTENT], ephemeral);
        probes.push(probe.unwrap().datagram);
    }
    let mut victims = HashSet::new();
    let mut sent = 0;
    for round in 0..20_000usize {
        let mut probe = probes[round % probes.len()].clone();
        if round >= probes.len() {
            probe[100] ^= round as u8; // the mac is wrong
        }
        let victim = address((round % 200) as u8, 7);
        victims.insert(victim);
        sent += probe.len();
        let now = world.now;
        world.nodes[1].agent.handle_datagram(Way::Direct(victim), &probe, now);
        world.collect();
    }
    world.check();
    world.flying.clear();
    world.run(Duration::from_secs(60));
    let drawn = world.log.iter().filter(|(_, to, _)| victims.contains(to));
    let (count, bytes) = drawn.fold((0, 0), |(n, b), (_, _, datagram)| (n + 1, b + datagram.len()));
    assert_eq!(count, 2 * probes.len(), "an answer and a probe for each genuine probe");
    assert!(bytes < sent);
    assert!(world.nodes[1].agent.peers.values().all(|peer| peer.path.is_none()));
}

#[test]
fn tables_are_bounded_and_connected_peers_stay() {
    let mut world = World::new(1, 2);
    let live = world.nodes[1].addresses[0];
    let held = world.nodes[1].hit();
    world.dial(0, 1, &[live]);
    world.run(millis(100));
    world.nodes[0].agent.hold(held);
    let locators: Vec<SocketAddr> = (0..40).map(|port| address(99, 1000 + port)).collect();
    for stranger in 0..MAX_PEERS as u64 + 40 {
        let key = keys(50_000 + stranger).public();
        let now = world.now;
        // one with too many locators now and then
        let some = if stranger % 50 == 0 { &locators[..] } else { &[] };
        let some: Vec<Way> = some.iter().map(|locator| Way::Direct(*locator)).collect();
        let result = world.nodes[0].agent.dial(key, &some, now);
        assert!(result.is_ok() || result == Err(DialError::TooManyPeers));
        world.collect();
        world.check();
    }
    assert_eq!(world.path(0, 1), Some(live));
    assert_eq!(world.nodes[0].agent.peers.len(), MAX_PEERS);
}

#[test]
fn random_datagrams_do_nothing() {
    let mut world = World::new(1, 1);
    let mut dice = Dice::new(9);
    for _ in 0..20_000 {
        let length = dice.below(200) as usize;
        let mut datagram: Vec<u8> = (0..length).map(|_| dice.below(256) as u8).collect();
        if let Some(first) = datagram.first_mut() {
            *first = [PROBE, ANSWER, UPDATE][dice.below(3) as usize];
        }
        let now = world.now;
        world.nodes[0].agent.handle_datagram(Way::Direct(address(5, 5)), &datagram, now);
    }
    assert!(!world.nodes[0].agent.has_output());
    assert!(world.nodes[0].agent.peers.is_empty());
}
