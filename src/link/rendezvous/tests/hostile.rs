//! What strangers and broken machines send: forgeries, floods, and genuine datagrams that were changed.

use super::super::message::{Mark, Refused};
use super::*;

#[test]
fn only_the_own_rendezvous_is_believed() {
    let mut world = World::with_registered(rules(Group::Anyone), 1);
    let token_unknown = [REFUSED, RefusalReason::NotPermitted.to_octet(), 0, 0, 0, 0, 0, 0, 0, 0];
    for from in [node().address, address(66)] {
        for length in 0..REFUSED_LENGTH + 2 {
            for reason in 0..=255 {
                let mut forged = token_unknown.to_vec();
                forged.resize(length, 0);
                if let Some(octet) = forged.get_mut(1) {
                    *octet = reason;
                }
                let now = world.now;
                world.hosts[0].client.handle_datagram(Carrier::Udp(from), &forged, now);
            }
        }
        for length in 1..200 {
            let forged = [&[WELCOME][..], &vec![5; length]].concat();
            let now = world.now;
            world.hosts[0].client.handle_datagram(Carrier::Udp(from), &forged, now);
        }
    }
    world.log.clear();
    world.collect();
    assert!(world.kinds_from(address(1)).len() <= 1, "one HELLO at most");
    assert_eq!(world.hosts[0].client.accepted(), [node()]);
    assert_eq!(world.refusals(0), []);
}

#[test]
fn a_flood_of_garbage_draws_little_and_leaves_room_for_others() {
    let mut world = World::with_registered(rules(Group::Anyone), 2);
    let mut dice = 0x9e37_79b9_7f4a_7c15u64;
    let mut answers = 0;
    let now = world.now;
    for number in 0..100_000u32 {
        dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(number.into());
        let from = Carrier::Udp((number.to_be_bytes(), 1000 + (dice >> 50) as u16).into());
        let length = 1 + (dice >> 33) as usize % 1400;
        let mut garbage = vec![(dice >> 20) as u8; length];
        garbage[0] = [HELLO, CARRY][number as usize % 2];
        match garbage[0] {
            CARRY => {
                let run = Run { octets: length, stride: length, header: CARRY_HEADER };
                let _ = world.server.forward(from, Peer::Tag(key(1).hit()), run, now);
            }
            _ => world.server.handle_datagram(from, &garbage, now, world.date),
        }
        while world.server.poll_transmit().is_some() {
            answers += 1;
        }
    }
    assert!(answers < 1000, "{answers}");
    assert!(world.server.counts(now).clients <= 2);
    world.carry(1, key(1), b"call");
    world.run(Duration::from_secs(1));
    assert_eq!(world.hosts[0].carried.len(), 1);
}

/// Genuine datagrams of a conversation, cut, stretched and with changed octets, to both ends and from
/// anywhere: nothing breaks, and who was registered still is.
#[test]
fn changed_datagrams_change_nothing() {
    for seed in 1..=6u64 {
        let mut world = World::with_registered(rules(Group::Anyone), 2);
        world.carry(1, key(1), b"call");
        world.run(Duration::from_secs(30));
        let genuine: Vec<Vec<u8>> = world.log.drain(..).map(|(_, datagram)| datagram).collect();
        let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        let mut below = |end: usize| {
            state ^= state >> 12;
            state ^= state << 25;
            state ^= state >> 27;
            (state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % end
        };
        for _ in 0..500 {
            let mut datagram = genuine[below(genuine.len())].clone();
            for _ in 0..=below(3) {
                let at = below(datagram.len());
                match below(3) {
                    0 => datagram[at] ^= 1 << below(8),
                    1 => datagram.truncate(at.max(1)),
                    _ => datagram.insert(at, below(256) as u8),
                }
            }
            let hosts = [address(1), address(2), node().address, address(66)];
            let (from, to) = (hosts[below(4)], hosts[below(3)]);
            world.flying.push_back(Flying { arrives: world.now, from, to, datagram });
            world.run(Duration::from_millis(3));
        }
        world.run(Duration::from_secs(5));
        assert_eq!(world.hosts[0].client.accepted(), [node()], "seed {seed}");
        let before = world.hosts[0].carried.len();
        world.carry(1, key(1), b"another call");
        world.run(Duration::from_secs(1));
        assert!(world.hosts[0].carried.len() > before, "seed {seed}");
        assert!(world.server.counts(world.now).clients <= 4, "seed {seed}");
    }
}

#[test]
fn a_flood_of_copied_hellos_takes_few_places_and_nobodys() {
    let mut world = World::with_registered(rules(Group::Anyone), 2);
    world.carry(1, key(1), b"call");
    world.run(Duration::from_secs(1));
    // genuine, of somebody with a key of his own: every copy is worth a session
    let hellos: Vec<Vec<u8>> = world
        .log
        .iter()
        .map(|(_, d)| d.clone())
        .filter(|d| d[0] == HELLO && d.len() > 17)
        .collect();
    let before = world.server.counts(world.now).clients;
    let (mut received, mut sent) = (0, 0);
    for number in 0..100_000u32 {
        let from = Carrier::Udp((number.to_be_bytes(), 1000).into());
        let hello = &hellos[number as usize % hellos.len()];
        received += hello.len();
        world.now += Duration::from_micros(10);
        world.server.handle_datagram(from, hello, world.now, world.date);
        while let Some(transmit) = world.server.poll_transmit() {
            assert!(transmit.datagram.len() <= 3 * hello.len());
            sent += transmit.datagram.len();
        }
    }
    let taken = world.server.counts(world.now).clients - before;
    assert!((100..=256 + 500).contains(&taken), "{taken} of 100,000 cost a multiplication");
    assert!(sent < received / 50, "{sent} for {received}");
    world.carry(1, key(1), b"again");
    world.run(Duration::from_secs(1));
    assert_eq!(world.hosts[0].carried.len(), 2, "who is registered is where he was");
    world.run(Duration::from_secs(30));
    assert!(world.server.counts(world.now).clients <= before, "unproved sessions end soon");
}

/// A rendezvous that this host has chosen, or one that knows its token, repeats WELCOMEs and refuses whatever
/// it can think of.
#[test]
fn a_malicious_rendezvous_draws_little_and_an_honest_one_is_believed_afterwards() {
    let mut world = World::with_registered(rules(Group::Anyone), 2);
    world.run(KEEP_INTERVAL + Duration::from_secs(1));
    let keep = world.log.iter().rev().find(|(_, d)| d[0] == HELLO && d.len() == KEEP_LENGTH);
    let mark: Mark = *keep.unwrap().1[1..].first_chunk().unwrap();
    let welcomes: Vec<Vec<u8>> =
        world.log.iter().map(|(_, d)| d.clone()).filter(|d| d[0] == WELCOME).collect();
    let observed = |world: &World| {
        let observed = |event: &&Event| matches!(event, Event::Observed { .. });
        world.hosts[0].events.iter().filter(observed).count()
    };
    let seen = observed(&world);
    world.log.clear();
    let before = world.hosts[0].events.len();
    let reasons = (0..=255).filter_map(RefusalReason::from_octet);
    use RefusalReason::{Expired, Full, NotPermitted, Revoked, Uncertified};
    let lasting = [NotPermitted, Full, Uncertified, Revoked, Expired];
    let reasons: Vec<_> = reasons.filter(|reason| !lasting.contains(reason)).collect();
    for round in 0..60_000usize {
        let reason = reasons[round % reasons.len()];
        let refused = Refused { reason, mark, callee: (round % 2 == 0).then(|| key(2).hit()) };
        let now = world.now;
        let client = &mut world.hosts[0].client;
        client.handle_datagram(Carrier::Udp(node().address), &refused.encode(), now);
        let welcome = &welcomes[round % welcomes.len()];
        client.handle_datagram(Carrier::Udp(node().address), welcome, now);
        if round % 100 == 0 {
            world.run(Duration::from_millis(100));
        }
    }
    let hellos = world.kinds_from(address(1)).len();
    assert!(hellos <= 60 * 6, "{hellos} HELLOs and KEEPs in a minute");
    assert!(observed(&world) - seen <= hellos, "a repeated WELCOME says nothing");
    // what is left of it is told to whoever asks, each once a datagram
    assert!(world.hosts[0].events.len() - before <= 60_000 + 2 * hellos);
    world.run(Duration::from_secs(5));
    assert_eq!(world.hosts[0].client.accepted(), [node()]);
    world.carry(1, key(1), b"call");
    world.run(Duration::from_secs(1));
    assert_eq!(world.hosts[0].carried.len(), 1);
}
