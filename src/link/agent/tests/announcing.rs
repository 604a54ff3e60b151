//! UPDATEs: who is told what, what is believed, and what it may draw.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::{address, keys, millis};
use crate::identity::PublicKey;
use crate::link::{
    agent::{Agent, Event, LocalCandidate, Strangers, Transmit},
    candidate::CandidateKind,
    datagram::{ANSWER, PROBE, UPDATE},
    locator_set::{LocatorSet, NatMapping},
    seal::plain::Plain,
    sealing::Sealing,
    way::{RelayId, Way},
};
use crate::runtime::clock;

type Simple = Agent<Plain>;

fn agent(number: u64, now: Instant) -> (Simple, PublicKey) {
    let key = keys(number).public();
    (Agent::new(Plain(key), Strangers::Welcome, [number as u8; 32], 100, now), key)
}

fn local(kind: CandidateKind, address: SocketAddr) -> LocalCandidate {
    LocalCandidate { kind, address, turn: None }
}

fn relayed(key: PublicKey) -> Way {
    Way::Relayed { relay: RelayId(3), hit: key.hit() }
}

fn transmits(agent: &mut Simple) -> Vec<Transmit> {
    std::iter::from_fn(|| agent.poll_transmit()).collect()
}

fn kinds(transmits: &[Transmit]) -> Vec<u8> {
    transmits.iter().map(|transmit| transmit.datagram[0]).collect()
}

/// An UPDATE of `from` as the network may bring it.
fn update(from: PublicKey, to: PublicKey, set: &LocatorSet, weight: usize, once: u8) -> Vec<u8> {
    Plain(from).seal(&to, UPDATE, &set.encode(weight), [once; 32]).unwrap().datagram
}

fn set(sequence: u64, addresses: &[SocketAddr]) -> LocatorSet {
    let locators = addresses.iter().map(|address| (CandidateKind::ServerReflexive, *address));
    LocatorSet { sequence, locators: locators.collect(), ..LocatorSet::default() }
}

#[test]
fn a_relay_is_used_at_once_and_told_the_candidates_first() {
    let now = clock::now();
    let (mut alice, _) = agent(1, now);
    let (_, bob) = agent(2, now);
    let own = [local(CandidateKind::Host, address(1, 5050))];
    alice.set_local_candidates(&own, NatMapping::EndpointIndependent, now);
    let hit = alice.dial(bob, &[relayed(bob), Way::Direct(address(2, 1))], now).unwrap();
    assert_eq!(alice.route(hit, now), Some(relayed(bob)));
    let events: Vec<Event> = std::iter::from_fn(|| alice.poll_event()).collect();
    let way = relayed(bob);
    let round_trip = Duration::ZERO;
    assert_eq!(events, [Event::Moved { hit, way }, Event::Reached { hit, way, round_trip }]);
    let sent = transmits(&mut alice);
    let told = sent.iter().find(|transmit| transmit.to == way).unwrap();
    let content = &told.datagram[97..told.datagram.len() - 16];
    let set = LocatorSet::decode(content).unwrap();
    assert_eq!(set.locators, [(CandidateKind::Host, address(1, 5050))]);
    assert_eq!(set.nat, NatMapping::EndpointIndependent);
    let direct = sent.iter().find(|transmit| transmit.to.direct().is_some()).unwrap();
    assert_eq!((direct.datagram[0], direct.ttl), (PROBE, Some(2)), "it opens our own NAT");
}

#[test]
fn addresses_of_this_machine_stay_in_it() {
    let now = clock::now();
    for inside in [true, false] {
        let (mut alice, _) = agent(1, now);
        let (_, bob) = agent(2, now);
        let loopback: SocketAddr = "127.0.0.1:5050".parse().unwrap();
        let all = ["127.0.0.1:5050", "169.254.1.1:5050", "[fe80::1]:5050", "192.0.2.1:5050"];
        let all = all.map(|text| local(CandidateKind::Host, text.parse().unwrap()));
        alice.set_local_candidates(&all, NatMapping::Unknown, now);
        let at = if inside { Way::Direct("127.0.0.1:9".parse().unwrap()) } else { relayed(bob) };
        let hit = alice.dial(bob, &[at], now).unwrap();
        alice.announce(hit);
        if inside {
            let question = transmits(&mut alice).remove(0);
            answer(&mut alice, &question, now);
            alice.hold(hit);
            alice.ask_open_ways(hit, now);
        }
        let sent = transmits(&mut alice);
        let told = sent.iter().find(|transmit| transmit.datagram[0] == UPDATE).unwrap();
        let content = &told.datagram[97..told.datagram.len() - 16];
        let told: Vec<SocketAddr> =
            LocatorSet::decode(content).unwrap().locators.into_iter().map(|l| l.1).collect();
        let expected =
            if inside { vec![loopback, address(1, 5050)] } else { vec![address(1, 5050)] };
        assert_eq!(told, expected);
    }
}

/// The peer's answer to a question that has reached it.
fn answer(agent: &mut Simple, question: &Transmit, now: Instant) {
    let id = *question.datagram[17..].first_chunk().unwrap();
    let content = crate::link::observed::encode(None);
    let datagram = Plain::seal_answer(&id, ANSWER, id, [0; 12], &content).unwrap();
    agent.handle_datagram(question.to, &datagram, now);
}

#[test]
fn old_and_repeated_updates_change_nothing() {
    let now = clock::now();
    let (mut bob, bob_key) = agent(2, now);
    let (_, alice) = agent(1, now);
    let way = relayed(alice);
    let newer = update(alice, bob_key, &set(8, &[address(1, 1)]), 368, 1);
    let older = update(alice, bob_key, &set(7, &[address(66, 6)]), 368, 2);
    bob.handle_datagram(way, &newer, now);
    let sent = transmits(&mut bob);
    assert!(kinds(&sent).contains(&UPDATE), "a reply");
    assert!(sent.iter().any(|transmit| transmit.to == Way::Direct(address(1, 1))));
    let attacker = Way::Direct(address(66, 1));
    for (datagram, from) in [(&older, way), (&newer, attacker), (&older, attacker)] {
        bob.handle_datagram(from, datagram, now);
        assert_eq!(transmits(&mut bob), []);
    }
    // the same once more by itself, because the answer was lost
    let again = update(alice, bob_key, &set(8, &[address(66, 6)]), 368, 3);
    bob.handle_datagram(way, &again, now);
    assert_eq!(kinds(&transmits(&mut bob)), [ANSWER]);
}

#[test]
fn an_update_draws_at_most_three_times_its_weight() {
    let now = clock::now();
    for weight in [0, 100, 368, 900] {
        let (mut bob, bob_key) = agent(2, now);
        let victims: Vec<SocketAddr> = (0..12).map(|port| address(66, 1000 + port)).collect();
        let (mut received, mut sent) = (0, 0);
        for (number, from) in [address(1, 1), address(66, 5)].into_iter().enumerate() {
            let (_, stranger) = agent(10 + number as u64, now);
            let from = Way::Direct(from);
            for sequence in 1..4 {
                let mut set = set(sequence, &victims);
                set.nat = NatMapping::SymmetricSequential { step: 1 };
                let datagram = update(stranger, bob_key, &set, weight, sequence as u8);
                received += datagram.len();
                bob.handle_datagram(from, &datagram, now);
            }
        }
        let mut at = now;
        while let Some(due) = bob.poll_timeout().filter(|due| *due < now + Duration::from_secs(60))
        {
            at = at.max(due);
            bob.handle_timeout(at);
        }
        sent += transmits(&mut bob).iter().map(|transmit| transmit.datagram.len()).sum::<usize>();
        assert!(sent <= 3 * received, "{sent} octets for {received}");
        assert!(sent > received, "it does punch");
    }
}

#[test]
fn a_call_through_an_overlay_begins_the_punch_and_the_dial_waits_for_it() {
    let now = clock::now();
    let (mut alice, _) = agent(1, now);
    let (mut bob, bob_key) = agent(2, now);
    let own = [local(CandidateKind::ServerReflexive, address(1, 5050))];
    alice.set_local_candidates(&own, NatMapping::EndpointIndependent, now);
    let hit = alice.dial(bob_key, &[Way::Direct(address(2, 5050))], now).unwrap();
    let message = alice.call_message(hit, now).unwrap();
    transmits(&mut alice);

    let later = now + Duration::from_secs(8);
    let mut at = now;
    while let Some(due) = alice.poll_timeout().filter(|due| *due <= later) {
        at = at.max(due);
        alice.handle_timeout(at);
    }
    assert!(
        !std::iter::from_fn(|| alice.poll_event()).any(|e| matches!(e, Event::Unreachable { .. }))
    );
    assert!(transmits(&mut alice).len() > 6, "it knocks all the time");
    bob.handle_call(&message, later);
    let sent = transmits(&mut bob);
    assert_eq!(kinds(&sent), [PROBE]);
    assert_eq!((sent[0].to, sent[0].ttl), (Way::Direct(address(1, 5050)), None));
    // bob's probe gets through
    alice.handle_datagram(Way::Direct(address(2, 5050)), &sent[0].datagram, later + millis(20));
    let back = transmits(&mut alice);
    assert_eq!(kinds(&back), [ANSWER, PROBE]);
    answer(&mut alice, &back[1], later + millis(60));
    assert_eq!(alice.path(hit), Some(Way::Direct(address(2, 5050))));
    bob.handle_call(&message, later);
    assert_eq!(transmits(&mut bob), []);
}

#[test]
fn our_turn_allocation_is_a_way_to_every_public_peer() {
    let now = clock::now();
    let (mut alice, _) = agent(1, now);
    let (_, bob) = agent(2, now);
    let allocated =
        LocalCandidate { kind: CandidateKind::Relayed, address: address(50, 3000), turn: Some(4) };
    alice.set_local_candidates(&[allocated], NatMapping::SymmetricRandom, now);
    alice.dial(bob, &[Way::Direct(address(2, 1))], now).unwrap();
    let ways: Vec<Way> = transmits(&mut alice).iter().map(|transmit| transmit.to).collect();
    let turn = Way::Turn { server: 4, peer: address(2, 1) };
    assert_eq!(ways, [Way::Direct(address(2, 1)), turn]);
}

#[test]
fn a_relay_that_is_gone_is_left() {
    let now = clock::now();
    let (mut alice, _) = agent(1, now);
    let (_, bob) = agent(2, now);
    let hit = alice.dial(bob, &[relayed(bob)], now).unwrap();
    alice.forget_relay(RelayId(9), now);
    assert_eq!(alice.path(hit), Some(relayed(bob)));
    alice.forget_relay(RelayId(3), now);
    assert_eq!(alice.path(hit), None);
    assert!(alice.is_suspect(hit));
}

#[test]
fn people_are_told_of_the_path_and_the_spare() {
    let now = clock::now();
    let (mut alice, _) = agent(1, now);
    let (_, bob) = agent(2, now);
    let hit = alice.dial(bob, &[relayed(bob), Way::Direct(address(2, 1))], now).unwrap();
    alice.hold(hit);
    for question in transmits(&mut alice) {
        let later = if question.to == relayed(bob) { millis(50) } else { millis(20) };
        answer(&mut alice, &question, now + later);
    }
    let later = now + Duration::from_secs(1);
    let paths = alice.paths(later);
    let [path, spare] = &paths[..] else { panic!("two paths") };
    assert_eq!((path.way, path.spare, path.suspect), (Way::Direct(address(2, 1)), false, false));
    assert_eq!(path.round_trip, Some(millis(20)));
    assert_eq!((spare.way, spare.spare, spare.age), (relayed(bob), true, None));
    assert_eq!(spare.kind, CandidateKind::Relayed);
}

#[test]
fn a_complaint_and_a_new_address_are_reasons_to_ask_the_path() {
    let now = clock::now();
    let (unheard, calm) = ([1; 16], [0; 16]);
    let (old, new) = (Way::Direct(address(2, 1)), Way::Direct(address(2, 2)));
    for (from, content, asked) in [(old, unheard, true), (new, calm, true), (old, calm, false)] {
        let (mut alice, alice_key) = agent(1, now);
        let (_, bob) = agent(2, now);
        let hit = alice.dial(bob, &[old], now).unwrap();
        let question = transmits(&mut alice).remove(0);
        answer(&mut alice, &question, now + millis(20));
        alice.hold(hit);
        let later = now + Duration::from_secs(3);
        let probe = Plain(bob).seal(&alice_key, PROBE, &content, [9; 32]).unwrap().datagram;
        alice.handle_datagram(from, &probe, later);
        let sent = transmits(&mut alice);
        let probes = sent.iter().filter(|transmit| transmit.datagram[0] == PROBE);
        assert_eq!(probes.clone().any(|probe| probe.to == old), asked, "{from} {content:?}");
        // who was told does not complain in turn
        assert!(probes.clone().all(|probe| probe.datagram[97] == 0));
    }
}
