//! Handshakes that begin before their way is proved.

use std::net::SocketAddr;

use super::{address, keys, millis, wire::World};
use crate::link::way::Way;

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
