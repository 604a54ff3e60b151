//! Handshakes that begin before their way is proved.

use std::net::SocketAddr;

use super::{address, keys, millis, wire::World};
use crate::link::{
    agent::Agent,
    datagram::{ANSWER, PROBE},
    way::Way,
};

fn public(host: u8) -> SocketAddr {
    SocketAddr::from(([11, 0, 0, host], 5050))
}

/// Two hosts with public addresses, of which the first dials the other there.
fn dialled(locators: &[SocketAddr]) -> World {
    let mut world = World::new(1, 2);
    for (at, node) in world.nodes.iter_mut().enumerate() {
        node.addresses = vec![public(at as u8 + 1)];
    }
    world.dial(0, 1, locators);
    world
}

#[test]
fn a_handshake_goes_to_the_address_that_most_likely_works_and_only_until_one_does() {
    let mut world = dialled(&[public(2), address(9, 1)]);
    let hit = world.nodes[1].hit();
    let way = Some(Way::Direct(public(2)));
    assert!(world.nodes[0].agent.ventures(hit));
    assert_eq!(world.nodes[0].agent.venture(hit, 1200), way);
    assert_eq!(world.nodes[0].agent.path(hit), None, "nothing is proved by that");
    world.run(millis(500));
    assert_eq!(world.path(0, 1), Some(public(2)));
    assert!(!world.nodes[0].agent.ventures(hit));
    assert_eq!(world.nodes[0].agent.venture(hit, 1200), None, "the proved way is taken");
}

#[test]
fn a_dial_ventures_little() {
    let mut world = dialled(&[public(9)]);
    let hit = world.nodes[1].hit();
    let sent = (0..10).filter(|_| world.nodes[0].agent.venture(hit, 1200).is_some()).count();
    assert_eq!(sent, 3);
}

#[test]
fn private_addresses_and_strangers_are_not_ventured_at() {
    let mut world = dialled(&["192.168.1.2:5050".parse().unwrap()]);
    let hit = world.nodes[1].hit();
    assert_eq!(world.nodes[0].agent.venture(hit, 1200), None);
    let stranger = keys(77).public().hit();
    assert_eq!(world.nodes[0].agent.venture(stranger, 1200), None);
}

#[test]
fn teredo_is_ventured_at_where_nothing_better_can_be_reached() {
    let teredo: SocketAddr = "[2001:0:b01:14::f4fc:fffe]:5050".parse().unwrap();
    let ipv6: SocketAddr = "[2600::2]:5050".parse().unwrap();
    let here = ["[::1]:5050", "127.0.0.1:5050", "192.168.1.2:5050"].map(|at| at.parse().unwrap());
    let ventured = |others: &[SocketAddr]| {
        let mut world = dialled(&[&[teredo], &here[..], others].concat());
        let hit = world.nodes[1].hit();
        world.nodes[0].agent.venture(hit, 1200)
    };
    assert_eq!(ventured(&[]), Some(Way::Direct(teredo)));
    assert_eq!(ventured(&[ipv6]), Some(Way::Direct(teredo)), "there is no IPv6 here");
    assert_eq!(ventured(&[public(2)]), Some(Way::Direct(public(2))));
}

#[test]
fn who_was_dialled_sends_no_more_than_three_times_what_came() {
    let mut world = dialled(&[public(2)]);
    let hit = world.nodes[0].hit();
    assert_eq!(world.nodes[1].agent.venture(hit, 100), None, "nobody has knocked");
    world.run(millis(12)); // the probe is there, and what it draws is under way
    let (came, went) = (world.bytes(public(1), public(2)), world.bytes(public(2), public(1)));
    assert!(came > 0 && went > 0);
    let (way, now) = (Way::Direct(public(1)), world.now);
    let alice = &mut world.nodes[1].agent;
    assert_eq!(alice.venture(hit, 1200), None, "a probe is not worth that much");
    assert_eq!(alice.handshake_source(way, 1200, now), Some(hit));
    assert_eq!(alice.venture(hit, 1200), Some(way));
    let mut sent = went + 1200;
    while alice.venture(hit, 100).is_some() {
        sent += 100;
    }
    assert!(sent <= 3 * (came + 1200) && sent + 100 > 3 * (came + 1200), "{sent} of {came}");
}

/// The kinds of what an agent has to send.
fn kinds(agent: &mut Agent) -> Vec<u8> {
    std::iter::from_fn(|| agent.poll_transmit()).map(|transmit| transmit.datagram[0]).collect()
}

#[test]
fn a_probe_is_answered_behind_the_handshake_that_follows_it() {
    let mut world = dialled(&[public(2), address(2, 5050)]);
    let (hit, now) = (world.nodes[0].hit(), world.now);
    let (followed, other) = (world.log[0].clone(), world.log[1].clone());
    assert_eq!((followed.1, other.1), (public(2), address(2, 5050)));
    let alice = &mut world.nodes[1].agent;
    alice.handle_datagram(Way::Direct(public(1)), &followed.2, now);
    assert_eq!(kinds(alice), [], "the handshake is answered first");
    alice.handle_datagram(Way::Direct(public(3)), &other.2, now);
    assert_eq!(kinds(alice), [ANSWER, PROBE], "no handshake goes there");
    let later = now + millis(15);
    alice.handle_timeout(later);
    assert_eq!(kinds(alice), []);
    assert!(alice.precede(hit, later));
    assert_eq!(kinds(alice), [], "nor does anything overtake it");
    assert_eq!(alice.poll_timeout(), Some(later));
    alice.handle_timeout(later);
    assert_eq!(kinds(alice), [ANSWER, PROBE]);
    assert!(!alice.precede(hit, later) && alice.poll_timeout().is_none());
}

#[test]
fn what_waits_for_a_handshake_is_not_taken_for_a_longer_way() {
    let mut world = dialled(&[public(2)]);
    let (bob, probe) = (Way::Direct(public(1)), world.log[0].2.clone());
    let mut now = world.now;
    world.nodes[1].agent.handle_datagram(bob, &probe, now);
    now += millis(20);
    world.nodes[1].agent.handle_timeout(now);
    let drawn: Vec<_> =
        std::iter::from_fn(|| world.nodes[1].agent.poll_transmit()).map(|t| t.datagram).collect();
    assert_eq!(drawn.len(), 2, "nobody waits for long");
    for datagram in drawn {
        world.nodes[0].agent.handle_datagram(Way::Direct(public(2)), &datagram, now);
    }
    now += millis(3);
    while let Some(transmit) = world.nodes[0].agent.poll_transmit() {
        world.nodes[1].agent.handle_datagram(bob, &transmit.datagram, now);
    }
    let hit = world.nodes[0].hit();
    world.nodes[1].agent.hold(hit); // a connection exists
    let round_trips: Vec<_> =
        world.nodes[1].agent.paths(now).into_iter().map(|path| path.round_trip).collect();
    assert_eq!(round_trips, [Some(millis(3))]);
}

#[test]
fn only_some_are_answered_later() {
    let mut world = World::new(1, 71);
    for visitor in 0..70 {
        world.nodes[visitor].addresses = vec![public(visitor as u8 + 1)];
        world.dial(visitor, 70, &[public(100)]);
    }
    let (log, now) = (world.log.clone(), world.now);
    let alice = &mut world.nodes[70].agent;
    for (from, _, probe) in &log {
        alice.handle_datagram(Way::Direct(*from), probe, now);
    }
    assert_eq!(kinds(alice).len(), 2 * (70 - 64));
    alice.handle_timeout(now + millis(20));
    assert_eq!(kinds(alice).len(), 2 * 64);
}

#[test]
fn a_handshake_may_be_answered_before_the_probe() {
    let mut world = dialled(&[public(2), address(9, 1)]);
    let (hit, now) = (world.nodes[1].hit(), world.now);
    let bob = &mut world.nodes[0].agent;
    let way = Way::Direct(public(2));
    assert_eq!(bob.handshake_source(way, 1200, now), None, "none has gone there");
    assert_eq!(bob.venture(hit, 1200), Some(way));
    assert_eq!(bob.handshake_source(way, 1200, now), Some(hit));
    assert_eq!(bob.source(way, 100, now), Some(hit));
    assert_eq!(bob.source(Way::Direct(address(9, 1)), 100, now), None, "nor has one there");
    assert_eq!(bob.path(hit), None, "nothing is proved by that");
}
