//! What strangers, liars and floods bring about: nothing, or little.

use std::{
    net::{Ipv4Addr, Ipv6Addr, SocketAddrV4, SocketAddrV6},
    time::Duration,
};

use proptest::prelude::*;

use super::super::super::{
    address::{SERVER_PORT, TeredoAddress},
    bare,
    encapsulation::{with_nonce, with_origin},
    ipv6::{self, Packet, SOLICITOR, router_advertisement},
    state::TeredoProof,
};
use super::world::*;

/// A host, its address, and a peer whose address is made up.
fn target() -> (World, usize, TeredoAddress, TeredoAddress) {
    let mut world = World::new();
    let (host, address) = world.serving(Kind::Open);
    let own = TeredoAddress::parse(*address.ip()).unwrap();
    let peer = TeredoAddress::new(SERVER, "11.9.0.1:999".parse().unwrap(), 0x1234);
    (world, host, own, peer)
}

fn datagram(from: TeredoAddress, to: TeredoAddress, port: u16) -> Vec<u8> {
    let source = SocketAddrV6::new(from.to_ipv6(), PORT, 0, 0);
    ipv6::udp(source, SocketAddrV6::new(to.to_ipv6(), port, 0, 0), 0, b"x")
}

#[test]
fn only_genuine_sources_to_our_address_and_port_are_delivered() {
    let (mut world, host, own, peer) = target();
    let elsewhere = "11.9.0.1:998".parse().unwrap();
    let server = SocketAddrV4::new(SERVER, SERVER_PORT);
    let good = datagram(peer, own, PORT);
    world.inject(host, elsewhere, &good);
    world.inject(host, server, &good);
    world.inject(host, server, &with_origin(peer.mapped, &good));
    world.inject(host, peer.mapped, &datagram(peer, own, PORT + 1));
    let another = TeredoAddress::new(SERVER, own.mapped, 0x3c55);
    world.inject(host, peer.mapped, &datagram(peer, another, PORT));
    world.inject(host, own.mapped, &datagram(own, own, PORT));
    assert_eq!(world.hosts[host].delivered.len(), 0);
    world.inject(host, peer.mapped, &good);
    assert_eq!(world.hosts[host].delivered.len(), 1);
}

#[test]
fn forged_advertisements_change_nothing() {
    let (mut world, host, own, _) = target();
    let server = SocketAddrV4::new(SERVER, SERVER_PORT);
    let mut prefix = own.to_ipv6().segments();
    prefix[4..].fill(0);
    let thief = "11.66.0.6:6".parse().unwrap();
    let advertisement = with_origin(thief, &router_advertisement(prefix.into()));
    world.run(Duration::from_secs(100));
    for nonce in [[0; 8], [255; 8]] {
        world.inject(host, server, &with_nonce(nonce, &advertisement));
        world.inject(host, thief, &with_nonce(nonce, &advertisement));
    }
    world.inject(host, server, &advertisement);
    assert_eq!(world.address(host).ip(), &own.to_ipv6());
}

#[test]
fn bubbles_in_the_name_of_others_draw_nothing_and_floods_draw_little() {
    let (mut world, host, own, peer) = target();
    let server = SocketAddrV4::new(SERVER, SERVER_PORT);
    let sent = world.sent.len();
    let bubble = |from: TeredoAddress| ipv6::bubble(from.to_ipv6(), own.to_ipv6());
    let victim: SocketAddrV4 = "11.66.0.6:6".parse().unwrap();
    world.inject(host, server, &with_origin(victim, &bubble(peer)));
    world.inject(host, victim, &with_origin(peer.mapped, &bubble(peer)));
    let private = TeredoAddress::new(SERVER, "10.0.0.1:1".parse().unwrap(), 0);
    world.inject(host, server, &with_origin(private.mapped, &bubble(private)));
    assert_eq!(world.sent.len(), sent);

    for _ in 0..1000 {
        world.inject(host, server, &with_origin(peer.mapped, &bubble(peer)));
    }
    let drawn = world.sent.len() - sent;
    assert_eq!(drawn, 4);
    for number in 0..10_000u32 {
        let peer = TeredoAddress::new(
            SERVER,
            SocketAddrV4::new(Ipv4Addr::from_bits(0x0c00_0000 + number), 1),
            0,
        );
        world.inject(host, server, &with_origin(peer.mapped, &bubble(peer)));
    }
    assert!(world.sent.len() - sent <= 64);
}

#[test]
fn a_bubble_from_a_link_local_nonce_is_answered_to_it() {
    let (mut world, host, own, peer) = target();
    let server = SocketAddrV4::new(SERVER, SERVER_PORT);
    let nonce: Ipv6Addr = "fe80::7c59:e7ab:7d7c:c306".parse().unwrap();
    world.flying.clear();
    let bubble = ipv6::bubble(nonce, own.to_ipv6());
    world.inject(host, peer.mapped, &bubble);
    world.inject(host, server, &with_origin("10.0.0.1:1".parse().unwrap(), &bubble));
    assert!(world.flying.is_empty());
    world.inject(host, server, &with_origin(peer.mapped, &bubble));
    let sent: Vec<_> = world.flying.values().collect();
    let [(_, to, datagram)] = &sent[..] else { panic!("one answer: {sent:?}") };
    let answer = Packet::parse(datagram).unwrap();
    assert_eq!((*to, answer.source, answer.destination), (peer.mapped, own.to_ipv6(), nonce));
    assert!(answer.is_bubble());
}

#[test]
fn two_clients_do_not_answer_each_others_bubbles_for_ever() {
    let mut world = World::new();
    let (a, _) = world.serving(Kind::Open);
    let (_, b_address) = world.serving(Kind::Open);
    let sent = world.sent.len();
    world.send(a, b_address, b"x");
    world.run(Duration::from_secs(10));
    assert!(world.sent.len() - sent <= 8, "{:?}", &world.sent[sent..]);
}

#[test]
fn only_a_bubble_of_a_peer_itself_answers_an_anonymous_one() {
    let (mut world, _, _, peer) = target();
    let visitor = world.host(Kind::Open, &[]);
    world.send(visitor, SocketAddrV6::new(peer.to_ipv6(), PORT, 0, 0), b"x");
    world.run(DELAY * 2);
    let anonymous = world.hosts[visitor].teredo.anonymous;
    let bubble = ipv6::bubble(peer.to_ipv6(), anonymous);
    let server = SocketAddrV4::new(SERVER, SERVER_PORT);
    let source = SocketAddrV6::new(peer.to_ipv6(), PORT, 0, 0);
    let datagram = ipv6::udp(source, SocketAddrV6::new(anonymous, PORT, 0, 0), 0, b"x");
    let proof_of = |world: &World| proof(world.state(visitor));
    for (from, datagram) in [
        (server, &bubble),
        (server, &with_origin(peer.mapped, &bubble)),
        ("11.9.0.1:998".parse().unwrap(), &bubble),
        (peer.mapped, &datagram),
        (peer.mapped, &ipv6::bubble(peer.to_ipv6(), SOLICITOR)),
    ] {
        world.inject(visitor, from, datagram);
        assert_ne!(proof_of(&world), Some(TeredoProof::Peer));
    }
    world.inject(visitor, peer.mapped, &bubble);
    assert_eq!(proof_of(&world), Some(TeredoProof::Peer));
    assert!(world.hosts[visitor].delivered.is_empty());
}

proptest! {
    /// Whatever comes in from whomever: no panic, and never more than one datagram out for one in.
    #[test]
    fn nonsense_does_no_harm(
        kind in 0..8,
        at in 0usize..120,
        octets in proptest::collection::vec(any::<u8>(), 0..48),
        from_server in any::<bool>(),
    ) {
        let (mut world, host, own, peer) = target();
        let mut prefix = own.to_ipv6().segments();
        prefix[4..].fill(0);
        let mut message = match kind {
            0 => datagram(peer, own, PORT),
            1 => with_origin(peer.mapped, &ipv6::bubble(peer.to_ipv6(), own.to_ipv6())),
            2 => with_nonce([1; 8], &with_origin(peer.mapped, &router_advertisement(prefix.into()))),
            3 => with_nonce([1; 8], &[]),
            4 => ipv6::bubble(peer.to_ipv6(), own.to_ipv6()),
            5 => ipv6::bubble(peer.to_ipv6(), world.hosts[host].teredo.anonymous),
            6 => bare::strip(&[0x41; 1400]).unwrap(),
            _ => Vec::new(),
        };
        let at = at.min(message.len());
        let end = (at + octets.len()).min(message.len());
        message.splice(at..end, octets);
        let server = SocketAddrV4::new(SERVER, SERVER_PORT);
        let from = if from_server { server } else { peer.mapped };
        let sent = world.sent.len();
        world.inject(host, from, &message);
        prop_assert!(world.sent.len() - sent <= 1);
        prop_assert_eq!(*world.address(host).ip(), own.to_ipv6());
    }
}
