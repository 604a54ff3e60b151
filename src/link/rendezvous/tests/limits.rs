//! What is not carried, and why.

use super::*;

#[test]
fn introductions_are_small_and_end_with_a_reason() {
    let mut world = World::with_registered(rules(Group::Nobody), 3);
    for _ in 0..100 {
        world.carry(1, key(1), &[7; 1200]);
        world.run(Duration::from_millis(10));
    }
    let octets = |world: &World| world.hosts[0].carried.iter().map(|(_, c)| c.len()).sum::<usize>();
    assert!((50_000..66_000).contains(&octets(&world)), "{}", octets(&world));
    assert_eq!(HashSet::from([RefusalReason::Quota]), world.refusals(1).into_iter().collect());
    // another pair is not hurt, and a minute later it is allowed again
    world.carry(2, key(1), &[8; 1200]);
    world.run(Duration::from_secs(60));
    let before = octets(&world);
    world.carry(1, key(1), &[7; 1200]);
    world.run(Duration::from_secs(1));
    assert_eq!(octets(&world), before + 1200);
}

#[test]
fn traffic_is_carried_for_whom_the_owner_allows_and_at_his_rate() {
    for allowed in [1, 2] {
        let mut world = World::with_registered(rules(Group::Keys([key(allowed)].into())), 3);
        for _ in 0..400 {
            world.carry(1, key(1), &[7; 1200]);
            world.run(Duration::from_millis(5)); // 1.9 Mbit/s
        }
        world.run(2 * DELAY);
        assert_eq!(world.hosts[0].carried.len(), 400);
        assert_eq!((world.refusals(1), world.marked), (vec![], 0));
        for sent in 0..4000 {
            world.carry(1, key(1), &[7; 1200]);
            world.run(Duration::from_micros(500)); // 19 Mbit/s
            if world.marked == 0 {
                assert_eq!(world.refusals(1), [], "refused unwarned after {sent}");
            }
        }
        assert!(world.marked > 0);
        assert!(world.hosts[0].carried.len() < 1600, "4 Mbit/s for one client, and a burst");
        assert!(world.refusals(1).contains(&RefusalReason::RateLimited));
    }
}

#[test]
fn who_may_not_register_is_told_and_can_call() {
    let only = Group::Keys([key(1)].into());
    let mut world = World::new(Rules::new(only, Group::Nobody, 1_000_000), 2);
    let now = world.now;
    for host in &mut world.hosts {
        host.client.set_own(&[node()], now);
    }
    world.run(Duration::from_secs(1));
    assert_eq!(world.hosts[0].client.accepted(), [node()]);
    let refused = Registration::Refused(RefusalReason::NotPermitted);
    assert_eq!(world.hosts[1].client.registrations(), [(node(), refused)]);
    assert_eq!(world.refusals(1), [RefusalReason::NotPermitted]);
    let hellos = |world: &World| world.kinds_from(address(2)).len();
    let before = hellos(&world);
    world.run(Duration::from_secs(55));
    assert_eq!(hellos(&world), before, "it does not ask again at once");

    // who has become a friend is let in by and by
    world.server.set_rules(Rules::new(Group::Anyone, Group::Nobody, 1_000_000));
    world.run(Duration::from_secs(10));
    assert_eq!(world.hosts[1].client.accepted(), [node()]);

    // who is no longer a friend is told at the next KEEP
    world.server.set_rules(Rules::new(Group::Nobody, Group::Nobody, 1_000_000));
    world.run(KEEP_INTERVAL);
    for host in &world.hosts {
        assert_eq!(host.client.registrations(), [(node(), refused)]);
    }
    assert_eq!(world.server.counts(world.now).registered, 0);
}

#[test]
fn of_a_run_an_unproved_address_gets_whole_datagrams_and_no_more_than_it_has_earned() {
    let mut session = Session::new(key(1), [0; 16], false, clock::now());
    session.receive(1000, clock::now());
    assert_eq!(session.may_send_some(10 * 1280, 1280), 2560);
    assert_eq!(session.may_send_some(1280, 1280), 0);
    assert_eq!(session.may_send_some(440, 440), 440);
    assert_eq!(session.may_send_some(1, 1), 0);
    session.keep(clock::now());
    assert_eq!(session.may_send_some(10 * 1280 + 7, 1280), 10 * 1280 + 7);
}

#[test]
fn an_address_that_is_not_proved_gets_three_times_what_it_sent() {
    let mut world = World::with_registered(rules(Group::Anyone), 2);
    // the caller's WELCOME is lost, as if its address were forged
    world.carry(1, key(1), b"call");
    world.hosts[1].address = address(9);
    world.run(Duration::from_secs(1));
    assert_eq!(world.hosts[0].carried.len(), 1);
    world.sent.remove(&address(2));
    let sent_before = 3 * (129 + CARRY_HEADER + 4);
    for _ in 0..100 {
        world.carry(0, key(2), &[7; 1000]);
    }
    world.run(Duration::from_secs(5));
    let to_forged = world.sent.get(&address(2)).map_or(0, |(_, to)| *to);
    assert!(to_forged <= sent_before, "{to_forged}");
}

#[test]
fn two_callers_do_not_meet_here() {
    let mut world = World::with_registered(rules(Group::Anyone), 3);
    for host in [1, 2] {
        world.carry(host, key(1), b"I exist");
    }
    world.run(Duration::from_secs(1));
    world.carry(1, key(3), &[7; 100]);
    world.run(Duration::from_secs(1));
    assert_eq!(world.hosts[2].carried, []);
    assert_eq!(world.refusals(1), [RefusalReason::UnknownCallee]);
}
