mod hostile;
mod world;

use std::collections::{BTreeMap, HashSet};

use super::super::{
    address::SERVER_PORT,
    bare,
    ipv6::{Packet, SOLICITOR},
};
use super::*;
use world::*;

#[test]
fn every_pair_of_nats_that_can_be_punched_connects_and_answers() {
    let kinds =
        [Kind::Open, Kind::FullCone, Kind::Restricted, Kind::PortRestricted, Kind::Masquerade];
    for (a_kind, b_kind) in kinds.iter().flat_map(|a| kinds.map(|b| (*a, b))) {
        let mut world = World::new();
        let (a, a_address) = world.serving(a_kind);
        let (b, b_address) = world.serving(b_kind);
        let begin = world.now - world.start;
        world.send(a, b_address, b"first");
        world.send(a, b_address, b"second");
        world.run(Duration::from_secs(1));
        let pair = format!("{a_kind:?} to {b_kind:?}");
        let [(first, delivery), (_, second), repeated @ ..] = &world.hosts[b].delivered[..] else {
            panic!("{pair}: two datagrams in order: {:?}", world.hosts[b].delivered);
        };
        assert_eq!(repeated.len(), 2, "{pair}: nothing answers them");
        assert_eq!(*delivery, Delivery { from: a_address, payload: b"first".to_vec() }, "{pair}");
        assert_eq!(second.payload, b"second", "{pair}");
        // when a bubble to the server could be back
        assert_eq!(*first - begin, DELAY * 3, "{pair}");

        world.send(b, a_address, b"answer");
        let begin = world.now - world.start;
        world.run(Duration::from_secs(1));
        let [(at, answer)] = &world.hosts[a].delivered[..] else { panic!("{pair}: no answer") };
        assert_eq!((answer.from, *at - begin), (b_address, DELAY), "{pair}");
        for host in [a, b] {
            assert_eq!(proof(world.state(host)), Some(TeredoProof::Peer), "{pair}");
        }
    }
}

#[test]
fn packets_of_a_connection_lose_their_headers_and_get_them_back_when_somebody_forgets() {
    let mut world = World::new();
    let (a, a_address) = world.serving(Kind::PortRestricted);
    let (b, b_address) = world.serving(Kind::PortRestricted);
    let packet = [&[0x41][..], &[7; 30]].concat();
    let probe = [&[0x20][..], &[8; 30]].concat();
    // how long it is on the way, and whether it arrives
    let exchange = |world: &mut World, from: usize, to: usize, payload: &[u8]| {
        let addresses = BTreeMap::from([(a, a_address), (b, b_address)]);
        let before = world.hosts[to].delivered.len();
        world.send(from, addresses[&to], payload);
        let length = world.flying.values().next_back().map_or(0, |(.., datagram)| datagram.len());
        world.run(DELAY * 2);
        let delivery = Delivery { from: addresses[&from], payload: payload.to_vec() };
        let new = world.hosts[to].delivered[before..].iter().map(|(_, new)| new);
        assert!(new.clone().all(|new| *new == delivery), "only from where it comes");
        (length, new.count())
    };
    world.send(a, b_address, &probe);
    world.run(Duration::from_secs(2));
    assert_eq!(exchange(&mut world, a, b, &packet), (79, 1), "A does not know whether B does");
    assert_eq!(exchange(&mut world, b, a, &packet), (79, 1), "nor the other way round");
    assert_eq!(exchange(&mut world, a, b, &packet), (31, 1));
    assert_eq!(exchange(&mut world, b, a, &packet), (31, 1));
    assert_eq!(exchange(&mut world, b, a, &probe), (79, 1), "probes keep all");

    world.hosts[b].teredo.peers.clear();
    assert_eq!(exchange(&mut world, a, b, &packet), (31, 0), "as from a stranger");
    assert_eq!(exchange(&mut world, a, b, &probe), (79, 1));
    assert_eq!(exchange(&mut world, a, b, &packet), (31, 1));
    assert_eq!(exchange(&mut world, b, a, &packet), (31, 1));

    // whoever has another address is nobody
    let forged = bare::strip(&packet).unwrap();
    let before = world.hosts[b].delivered.len();
    world.inject(b, SocketAddrV4::new(Ipv4Addr::new(11, 9, 9, 9), 4001), &forged);
    assert_eq!(world.hosts[b].delivered.len(), before);
}

#[test]
fn a_visitor_borrows_the_server_of_its_peer_and_leaves_it_after_a_while() {
    let mut world = World::new();
    let (server, address) = world.serving(Kind::PortRestricted);
    let visitor = world.host(Kind::PortRestricted, &[]);
    world.run(Duration::from_secs(100));
    assert!(!world.sent.iter().any(|(_, host, _)| *host == visitor));

    let begin = world.now - world.start;
    world.send(visitor, address, b"hello");
    world.run(Duration::from_secs(1));
    let [(at, _), ..] = &world.hosts[server].delivered[..] else { panic!("it arrives") };
    // its peer is asked in while it learns its address, which takes a round trip
    assert_eq!(*at - begin, DELAY * 3);
    assert!(proof(world.state(visitor)).is_some());

    world.run(LINGER);
    assert_eq!(world.state(visitor), TeredoState::Off);
    let sent = world.sent.iter().filter(|(_, host, _)| *host == visitor).count();
    world.run(LINGER);
    assert_eq!(world.sent.iter().filter(|(_, host, _)| *host == visitor).count(), sent);
}

#[test]
fn whoever_is_asked_in_anonymously_opens_its_nat_and_answers_once() {
    for (kind, peer_kind) in
        [(Kind::PortRestricted, Kind::PortRestricted), (Kind::Masquerade, Kind::Masquerade)]
    {
        let mut world = World::new();
        let (peer, address) = world.serving(peer_kind);
        let visitor = world.host(kind, &[]);
        let begin = world.sent.len();
        world.send(visitor, address, b"ventured");
        let server = SocketAddrV4::new(SERVER, SERVER_PORT);
        let asked: Vec<_> = world.sent[begin..].iter().map(|(_, _, to)| *to).collect();
        assert_eq!(asked, [server; 2], "a solicitation, and a bubble for the peer");
        world.run(DELAY * 3);
        assert_eq!(world.hosts[peer].delivered.len(), 1);
        let anonymous = world.hosts[visitor].teredo.anonymous;
        assert!(anonymous.is_unicast_link_local() && anonymous != SOLICITOR);
        world.send(peer, world.address(visitor), b"answer");
        world.run(Duration::from_secs(10));
        // the bubble came before the answer, which spares the repetition
        assert_eq!(world.hosts[peer].delivered.len(), 1);
        assert_eq!(world.hosts[visitor].delivered.len(), 1);
        let asked = world.sent[begin..].iter().filter(|(_, host, _)| *host == visitor);
        let through_server = asked.filter(|(_, _, to)| *to == server).count();
        assert_eq!(through_server, 2, "it need not be asked in by name");
    }
}

#[test]
fn a_peer_that_does_not_answer_strangers_is_asked_in_by_name() {
    let mut world = World::new();
    let (peer, address) = world.serving(Kind::PortRestricted);
    let visitor = world.host(Kind::PortRestricted, &[]);
    world.send(visitor, address, b"x");
    world.flying.retain(|_, (.., datagram)| {
        Packet::parse(datagram).is_none_or(|packet| !packet.is_bubble())
    });
    world.run(Duration::from_secs(1));
    assert!(world.hosts[peer].delivered.is_empty());
    world.run(Duration::from_secs(2));
    assert_eq!(world.hosts[peer].delivered[0].1.from, world.address(visitor));
}

#[test]
fn without_an_address_a_peer_is_asked_in_once() {
    let mut world = World::new();
    let (_, address) = world.serving(Kind::PortRestricted);
    let visitor = world.host(Kind::PortRestricted, &[]);
    world.servers.clear();
    let begin = world.sent.len();
    for _ in 0..1000 {
        world.send(visitor, address, b"x");
        world.run(Duration::from_millis(9));
    }
    let sent = world.sent[begin..].iter().filter(|(_, host, _)| *host == visitor).count();
    assert!(sent <= 1 + 4 + 4, "a bubble, four solicitations at either address: {sent}");
}

#[test]
fn long_packets_go_bare_or_not_at_all() {
    let mut world = World::new();
    let (a, a_address) = world.serving(Kind::PortRestricted);
    let (b, b_address) = world.serving(Kind::PortRestricted);
    let long = [&[0x41][..], &[7; bare::MAX_LENGTH - 1]].concat();
    let takes = |world: &World| world.hosts[a].teredo.takes_long(b_address, world.now);
    assert!(!takes(&world), "nothing is known");
    for (from, to) in [(a, b_address), (b, a_address), (a, b_address)] {
        world.send(from, to, &[0x20; 30]);
        world.run(Duration::from_secs(1));
    }
    assert!(takes(&world));
    let before = world.hosts[b].delivered.len();
    world.send(a, b_address, &long);
    world.send(a, b_address, &[&long[..], &[7]].concat());
    world.send(a, b_address, &[&[0xc1][..], &long[1..]].concat());
    world.run(Duration::from_secs(1));
    let [(_, delivery)] = &world.hosts[b].delivered[before..] else { panic!("one of three") };
    assert_eq!(delivery.payload, long);

    world.hosts[a].teredo.peers.clear();
    assert!(!takes(&world));
    let sent = world.sent.len();
    world.send(a, b_address, &long);
    assert_eq!(world.sent.len(), sent);
}

#[test]
fn the_server_hears_of_us_every_22_to_30_seconds() {
    let mut world = World::new();
    let (host, address) = world.serving(Kind::PortRestricted);
    let before = world.sent.len();
    world.run(Duration::from_secs(3600));
    let times: Vec<Duration> = world.sent[before..].iter().map(|(at, ..)| *at).collect();
    let gaps: Vec<Duration> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!(gaps.len() >= 3600 / 31, "{}", gaps.len());
    let range = Duration::from_millis(22_500)..=Duration::from_millis(30_101);
    assert!(gaps.iter().all(|gap| range.contains(gap)), "{gaps:?}");
    assert!(gaps.iter().collect::<HashSet<_>>().len() > 50, "intervals are random");
    assert_eq!(world.address(host), address);
}

#[test]
fn a_symmetric_nat_is_noticed_by_the_second_address() {
    let mut world = World::new();
    let host = world.host(Kind::Symmetric, &[SERVER]);
    world.keep(host);
    world.run(Duration::from_secs(2));
    assert_eq!(world.state(host), TeredoState::SymmetricNat);
    let told = |event: &Event| matches!(event, Event::State(TeredoState::Qualified { .. }));
    assert!(!world.hosts[host].events.iter().any(told));
    let (_, peer) = world.serving(Kind::Open);
    let sent = world.sent.len();
    world.send(host, peer, b"x");
    world.run(Duration::from_secs(20));
    assert!(world.sent[sent..].iter().all(|(_, at, _)| *at != host));
}

#[test]
fn without_a_second_address_each_peer_that_cannot_be_reached_is_told() {
    let mut world = World::new();
    world.server().second_address = false;
    let (_, peer) = world.serving(Kind::PortRestricted);
    let (host, _) = world.serving(Kind::Symmetric);
    assert_eq!(proof(world.state(host)), Some(TeredoProof::Introduced));
    world.send(host, peer, b"x");
    world.run(Duration::from_secs(10));
    let silent = Event::SilentPeer(TeredoAddress::parse(*peer.ip()).unwrap().mapped);
    assert!(world.hosts[host].events.contains(&silent));
}

#[test]
fn a_server_that_forwards_nothing_is_noticed() {
    let mut world = World::new();
    world.server().forwards = false;
    let (_, peer) = world.serving(Kind::PortRestricted);
    let (host, _) = world.serving(Kind::PortRestricted);
    world.run(Duration::from_secs(15));
    assert_eq!(proof(world.state(host)), Some(TeredoProof::Advertised));
    world.send(host, peer, b"x");
    world.run(Duration::from_secs(10));
    assert_eq!(world.state(host), TeredoState::PassesNothing);
    assert!(world.state(host).to_string().contains("nothing passes"));
}

#[test]
fn a_silent_server_is_asked_less_and_less_and_the_next_one_at_once() {
    let mut world = World::new();
    world.servers.clear();
    let host = world.host(Kind::PortRestricted, &[SERVER]);
    world.keep(host);
    world.run(Duration::from_secs(12));
    assert_eq!(world.state(host), TeredoState::ServerSilent);
    world.run(Duration::from_secs(24 * 3600));
    let day = world.sent.len();
    assert!((100..3000).contains(&day), "{day} datagrams a day");

    let second = world.host(Kind::PortRestricted, &[SERVER, OTHER_SERVER]);
    world.servers.insert(OTHER_SERVER, Server { second_address: true, forwards: true });
    world.keep(second);
    world.run(Duration::from_secs(13));
    let address = TeredoAddress::parse(*world.address(second).ip()).unwrap();
    assert_eq!(address.server, OTHER_SERVER);
}

#[test]
fn a_renumbered_nat_and_another_network_give_another_address() {
    let mut world = World::new();
    let (host, before) = world.serving(Kind::PortRestricted);
    world.hosts[host].nat.reboot([11, 4, 0, 1].into());
    world.run(Duration::from_secs(32));
    let after = world.address(host);
    assert_eq!(TeredoAddress::parse(*after.ip()).unwrap().mapped.ip(), &Ipv4Addr::new(11, 4, 0, 1));
    assert_ne!(before, after);

    world.hosts[host].nat.reboot([11, 5, 0, 1].into());
    let now = world.now;
    world.hosts[host].teredo.restart(now);
    world.flush(host);
    world.run(Duration::from_millis(300));
    assert_ne!(world.address(host), after);

    let (peer, _) = world.serving(Kind::PortRestricted);
    let moved = world.address(host);
    world.send(peer, moved, b"found again");
    world.run(Duration::from_secs(1));
    assert!(!world.hosts[host].delivered.is_empty());
}

#[test]
fn an_answer_spares_the_repetition() {
    let mut world = World::new();
    let (a, a_address) = world.serving(Kind::Masquerade);
    let (b, b_address) = world.serving(Kind::Masquerade);
    world.send(a, b_address, b"ventured");
    world.run(DELAY * 3);
    assert_eq!(world.hosts[b].delivered.len(), 1);
    world.send(b, a_address, b"answer");
    world.run(Duration::from_secs(1));
    assert_eq!((world.hosts[b].delivered.len(), world.hosts[a].delivered.len()), (1, 1));
}

#[test]
fn what_was_ventured_too_early_arrives_all_the_same() {
    let mut world = World::new();
    let (a, _) = world.serving(Kind::PortRestricted);
    let (b, b_address) = world.serving(Kind::PortRestricted);
    world.send(a, b_address, b"lost");
    world.run(DELAY * 3 - Duration::from_millis(1));
    let to = TeredoAddress::parse(*b_address.ip()).unwrap().mapped;
    world.flying.retain(|_, (_, at, _)| *at != to);
    world.run(Duration::from_secs(1));
    assert_eq!(world.hosts[b].delivered.len(), 1);
}

#[test]
fn lost_datagrams_cost_a_second_or_two() {
    let mut world = World::new();
    let host = world.host(Kind::PortRestricted, &[SERVER]);
    world.keep(host);
    world.flying.clear();
    world.run(Duration::from_millis(1300));
    let (peer, _) = world.serving(Kind::PortRestricted);
    world.send(peer, world.address(host), b"x");
    world.flying.clear();
    world.run(Duration::from_millis(2300));
    assert!(!world.hosts[host].delivered.is_empty());
}

#[test]
fn what_is_too_long_or_not_for_the_internet_is_not_sent() {
    let mut world = World::new();
    let (host, own) = world.serving(Kind::PortRestricted);
    let (peer, address) = world.serving(Kind::Open);
    let sent = world.sent.len();
    let private = TeredoAddress::new(SERVER, "192.168.1.1:53".parse().unwrap(), 0).to_ipv6();
    let private_server =
        TeredoAddress::new([10, 0, 0, 1].into(), "11.9.0.1:53".parse().unwrap(), 0).to_ipv6();
    for to in [private, private_server, *own.ip(), "2001:db8::1".parse().unwrap()] {
        world.send(host, SocketAddrV6::new(to, PORT, 0, 0), b"x");
    }
    world.send(host, address, &[0; MAX_PAYLOAD + 1]);
    assert_eq!(world.sent.len(), sent);
    world.send(host, address, &[7; MAX_PAYLOAD]);
    world.run(Duration::from_millis(200));
    assert_eq!(world.hosts[peer].delivered.len(), 1);
}
