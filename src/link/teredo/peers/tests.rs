use std::net::{Ipv4Addr, SocketAddrV4};

use super::*;
use crate::runtime::clock;

const PATIENCE: Duration = Duration::from_millis(50);

fn address(number: u32) -> TeredoAddress {
    let host = Ipv4Addr::from_bits(0x0b00_0000 + number);
    TeredoAddress::new([11, 1, 0, 20].into(), SocketAddrV4::new(host, 3545), 0)
}

fn to(address: TeredoAddress) -> SocketAddrV6 {
    SocketAddrV6::new(address.to_ipv6(), 5050, 0, 0)
}

fn bubbles(peers: &mut Peers, now: Instant) -> usize {
    let mut due = Vec::new();
    peers.handle_timeout(Some(Duration::ZERO), now, &mut due);
    due.iter().filter(|due| matches!(due, Due::Introduction(_))).count()
}

#[test]
fn a_silent_peer_gets_four_bubbles_and_then_few() {
    let (mut peers, start, peer) = (Peers::default(), clock::now(), address(1));
    let mut sent = 0;
    let mut silent = 0;
    for second in 0..3600 {
        let now = start + Duration::from_secs(second);
        silent += usize::from(peers.send(peer, to(peer), b"x", now) == Standing::Silent);
        sent += bubbles(&mut peers, now);
        if second == 6 {
            assert_eq!(sent, 4);
        }
    }
    assert!((45..=4 + 3600 / 75).contains(&sent), "{sent}");
    assert!(silent > 3000);
    assert!(peers.list[&peer].waiting.len() <= MAX_WAITING);
}

#[test]
fn what_waited_is_given_once_the_peer_is_heard_and_trust_ends() {
    let (mut peers, now, peer) = (Peers::default(), clock::now(), address(1));
    for number in 0..10 {
        assert_eq!(peers.send(peer, to(peer), &[number], now), Standing::Waiting);
    }
    let (waiting, first) = peers.heard(peer, Sign::Bubble, PATIENCE, now);
    let numbers: Vec<u8> = waiting.iter().map(|waiting| waiting.payload[0]).collect();
    assert_eq!((numbers, first), ((2..10).collect(), true));
    assert_eq!(peers.send(peer, to(peer), b"x", now), Standing::Trusted);
    assert!(!peers.heard(peer, Sign::Datagram, PATIENCE, now).1);
    assert_eq!(peers.send(peer, to(peer), b"x", now + TRUST), Standing::Waiting);
}

#[test]
fn strangers_do_not_drive_out_a_peer_that_is_wanted() {
    let (mut peers, now) = (Peers::default(), clock::now());
    peers.send(address(0), to(address(0)), b"x", now);
    for number in 1..100_000 {
        let later = now + Duration::from_secs(1);
        peers.heard(address(number), Sign::Bubble, PATIENCE, later);
    }
    assert_eq!(peers.list.len(), MAX_PEERS);
    assert_eq!(peers.heard(address(0), Sign::Bubble, PATIENCE, now).0.len(), 1);
}

#[test]
fn what_was_ventured_is_repeated_once_if_nothing_answers_it() {
    for (answer, repeated) in [(Sign::Bubble, 1), (Sign::Datagram, 0)] {
        let (mut peers, start, peer) = (Peers::default(), clock::now(), address(1));
        peers.send(peer, to(peer), b"x", start);
        let mut due = Vec::new();
        peers.handle_timeout(Some(PATIENCE), start, &mut due);
        assert_eq!(due, [Due::Introduction(peer)]);
        let now = start + PATIENCE;
        due.clear();
        peers.handle_timeout(Some(PATIENCE), now, &mut due);
        assert_eq!(due, [Due::Direct(peer)]);
        assert_eq!(peers.venture(peer).len(), 1);
        assert!(peers.venture(peer).is_empty(), "once");
        assert!(peers.heard(peer, Sign::Bubble, PATIENCE, now).0.is_empty());
        assert!(peers.heard(peer, answer, PATIENCE, now).0.is_empty());
        due.clear();
        peers.handle_timeout(Some(PATIENCE), now + PATIENCE, &mut due);
        assert_eq!(due.len(), repeated);
        assert_eq!(peers.repeat(peer).len(), repeated);
        assert!(peers.repeat(peer).is_empty() && peers.poll_timeout(PATIENCE).is_none());
    }
}
