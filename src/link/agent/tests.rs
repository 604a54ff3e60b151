//! The path agent in a simulated network: virtual time, loss, reordering, addresses that die, and
//! attackers. A failing case prints its seed.

mod announcing;
mod conversation;
mod hostile;
mod internet;
mod malice;
mod moving;
mod nat;
mod punching;
mod scene;
mod venturing;
mod wire;

use std::collections::HashSet;

use wire::World;
use zeroize::Zeroizing;

use super::{
    checks::{MAX_PEERS, PROBE_CONTENT},
    *,
};
use crate::identity::KeyPair;
use crate::link::{
    candidate::{CHECK_TIME, Candidate, CandidateKind, Pattern},
    peer::FRESH,
    seal::{self, Remote},
    way::RelayId,
};

/// A small generator of numbers that are random enough for a simulation (xorshift64*).
struct Dice(u64);

impl Dice {
    fn new(seed: u64) -> Dice {
        Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % end
    }
}

fn keys(seed: u64) -> KeyPair {
    let mut octets = [7; 32];
    octets[..8].copy_from_slice(&seed.to_be_bytes());
    KeyPair::from_seed(&Zeroizing::new(octets))
}

fn address(host: u8, port: u16) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, host], port))
}

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

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
