//! The local link: two daemons of one host find each other by multicast, with nothing configured.

use std::{
    env,
    net::{Ipv4Addr, UdpSocket},
    time::Duration,
};

use p2p::identity::Slot;
use p2p::overlay::lan::Lan;
use p2p::overlay::{Overlay, OverlayError};
use p2p::runtime;
use testbed::overlays::packets::{self, key, name, padded, signed};

const TTL: Duration = Duration::from_secs(600);

/// A port that nobody else uses, so that tests do not hear each other.
fn free_port() -> u16 {
    UdpSocket::bind("0.0.0.0:0").unwrap().local_addr().unwrap().port()
}

/// Whether a multicast over loopback comes back at all.
fn has_multicast() -> bool {
    let group = Ipv4Addr::new(239, 255, 112, 51);
    let works = || -> std::io::Result<()> {
        let socket = UdpSocket::bind("0.0.0.0:0")?;
        socket.join_multicast_v4(&group, &Ipv4Addr::LOCALHOST)?;
        socket2::SockRef::from(&socket).set_multicast_if_v4(&Ipv4Addr::LOCALHOST)?;
        socket.set_read_timeout(Some(Duration::from_secs(1)))?;
        socket.send_to(b"?", (group, socket.local_addr()?.port()))?;
        socket.recv_from(&mut [0; 1]).map(drop)
    };
    let works = works().is_ok();
    if !works {
        assert!(env::var_os("CI").is_none(), "needs multicast");
        println!("skipped: needs multicast");
    }
    works
}

#[test]
fn two_daemons_of_one_host_find_each_other() {
    if !has_multicast() {
        return;
    }
    let port = free_port();
    let (alice, bob, visitor) = (Lan::new(port), Lan::new(port), Lan::new(port));
    let names = [name(), name()];
    let slots = [0, 1].map(|n| Slot::of_name(&names[n]));
    let packets = [0, 1].map(|n| signed(&key(), &names[n], 1));
    runtime::block_on(async {
        alice.put(slots[0], &packets[0], TTL).await.unwrap();
        bob.put(slots[1], &packets[1], TTL).await.unwrap();
        assert_eq!(visitor.get(slots[0]).await, Ok(vec![packets[0].clone()]));
        assert_eq!(visitor.get(slots[1]).await, Ok(vec![packets[1].clone()]));
        assert_eq!(alice.get(slots[1]).await, Ok(vec![packets[1].clone()]));
        assert_eq!(bob.get(slots[0]).await, Ok(vec![packets[0].clone()]));
        assert_eq!(visitor.get(Slot::of_name(&name())).await, Ok(vec![]));
    });
}

#[test]
fn everybody_who_claims_a_name_is_heard() {
    if !has_multicast() {
        return;
    }
    let port = free_port();
    let people = [(); 3].map(|()| Lan::new(port));
    let name = name();
    let slot = Slot::of_name(&name);
    let mut expected: Vec<_> = people.iter().map(|_| padded(&key(), &name, 1, 600)).collect();
    let found = runtime::block_on(async {
        for (person, packet) in people.iter().zip(&expected) {
            person.put(slot, packet, TTL).await.unwrap();
        }
        Lan::new(port).get(slot).await
    });
    let mut found = found.unwrap();
    found.sort();
    expected.sort();
    assert_eq!(found, expected);
}

#[test]
fn the_newest_is_told_and_a_removed_one_is_not() {
    if !has_multicast() {
        return;
    }
    let port = free_port();
    let (alice, visitor) = (Lan::new(port), Lan::new(port));
    let (pair, name) = (key(), name());
    let slot = Slot::of_key(&pair.public());
    runtime::block_on(async {
        alice.put(slot, &signed(&pair, &name, 1), TTL).await.unwrap();
        alice.put(slot, &signed(&pair, &name, 2), TTL).await.unwrap();
        assert_eq!(visitor.get(slot).await, Ok(vec![signed(&pair, &name, 2)]));
        alice.remove(slot).await.unwrap();
        assert_eq!(visitor.get(slot).await, Ok(vec![]));
        alice.put(slot, &signed(&pair, &name, 3), TTL).await.unwrap();
        assert_eq!(visitor.get(slot).await, Ok(vec![signed(&pair, &name, 3)]));
        drop(alice);
        assert_eq!(visitor.get(slot).await, Ok(vec![]));
    });
}

#[test]
fn what_is_not_of_the_slot_or_not_signed_is_not_believed() {
    if !has_multicast() {
        return;
    }
    let port = free_port();
    let (mallory, visitor) = (Lan::new(port), Lan::new(port));
    let (pair, name) = (key(), name());
    let slot = Slot::of_name(&name);
    let mut forged = signed(&pair, &name, 1);
    forged[20] ^= 1;
    runtime::block_on(async {
        for packet in [forged, b"garbage".to_vec(), signed(&pair, &packets::name(), 1)] {
            mallory.put(slot, &packet, TTL).await.unwrap();
            assert_eq!(visitor.get(slot).await, Ok(vec![]));
        }
        assert_eq!(mallory.put(slot, &[7; 901], TTL).await, Err(OverlayError::TooLarge));
    });
}

#[test]
fn a_common_port_taken_by_somebody_who_does_not_share_it_is_an_error() {
    let v4 = UdpSocket::bind("0.0.0.0:0").unwrap();
    let port = v4.local_addr().unwrap().port();
    let v6 = socket2::Socket::new(socket2::Domain::IPV6, socket2::Type::DGRAM, None);
    let taken = v6.and_then(|socket| {
        socket.set_only_v6(true)?;
        socket.bind(&std::net::SocketAddr::from((std::net::Ipv6Addr::UNSPECIFIED, port)).into())?;
        Ok(socket)
    });
    let answer = runtime::block_on(Lan::new(port).put(Slot([1; 20]), b"packet", TTL));
    drop(taken); // where there is no IPv6, IPv4 alone decides
    assert!(matches!(answer, Err(OverlayError::Unreachable(_))), "{answer:?}");
}
