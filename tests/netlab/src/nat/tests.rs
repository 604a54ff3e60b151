//! Behaviour of the kinds, packet by packet.

use super::*;
use crate::nat::packet::ones_complement_sum;

const INSIDE: [u8; 4] = [192, 168, 1, 2];
const REMOTE: [u8; 4] = [11, 1, 0, 30];
const PUBLIC: Ipv4Addr = Ipv4Addr::new(11, 3, 0, 1);

/// A UDP packet with a checksum of its header, and none of UDP.
fn udp(from: ([u8; 4], u16), to: ([u8; 4], u16)) -> Vec<u8> {
    let mut packet = vec![0x45, 0, 0, 28, 0, 0, 0, 0, 64, UDP, 0, 0];
    packet.extend(from.0);
    packet.extend(to.0);
    packet.extend(from.1.to_be_bytes());
    packet.extend(to.1.to_be_bytes());
    packet.extend([0, 8, 0, 0]);
    let sum = ones_complement_sum(&packet[..20]);
    packet[10..12].copy_from_slice(&(!sum).to_be_bytes());
    packet
}

fn nat(kind: &str) -> Nat {
    Nat::new(Kind::parse(kind).unwrap(), PUBLIC, 1)
}

fn start() -> Instant {
    #[expect(clippy::disallowed_methods, reason = "any instant is a start")]
    Instant::now()
}

/// Sends out and gives the public port.
fn send(nat: &mut Nat, to: ([u8; 4], u16), now: Instant) -> u16 {
    let mut packet = udp((INSIDE, 5000), to);
    assert!(nat.outbound(&mut packet, now));
    assert_eq!(ones_complement_sum(&packet[..20]), 0xffff);
    u16::from_be_bytes([packet[20], packet[21]])
}

/// After a packet to REMOTE:53, which senders can answer: the same port, another port, another address.
fn answers(kind: &str) -> [bool; 3] {
    let (mut nat, now) = (nat(kind), start());
    let port = send(&mut nat, (REMOTE, 53), now);
    [(REMOTE, 53), (REMOTE, 54), ([11, 1, 0, 31], 53)]
        .map(|from| nat.inbound(&mut udp(from, (PUBLIC.octets(), port)), now))
}

#[test]
fn filtering() {
    assert_eq!(answers("fullcone"), [true, true, true]);
    assert_eq!(answers("restricted"), [true, true, false]);
    assert_eq!(answers("portrestricted"), [true, false, false]);
    assert_eq!(answers("symmetric"), [true, false, false]);
}

#[test]
fn mapping() {
    let other_address = ([11, 1, 0, 31], 53);
    for (kind, same_address, same_endpoint) in [
        ("portrestricted", true, true),
        ("map:adm", true, false),
        ("symmetric", false, false),
        ("symmetric,port:seq", false, false),
    ] {
        let (mut nat, now) = (nat(kind), start());
        let first = send(&mut nat, (REMOTE, 53), now);
        assert_eq!(send(&mut nat, (REMOTE, 53), now), first, "{kind}");
        assert_eq!(send(&mut nat, (REMOTE, 54), now) == first, same_address, "{kind}");
        assert_eq!(send(&mut nat, other_address, now) == first, same_endpoint, "{kind}");
    }
}

#[test]
fn a_mapping_lives_as_long_as_it_is_used() {
    let (mut nat, start) = (nat("portrestricted,port:seq,timeout:2s"), start());
    let mut port = |second, to| send(&mut nat, (REMOTE, to), start + Duration::from_secs(second));
    let first = port(0, 53);
    assert_eq!(port(1, 54), first);
    assert_eq!(port(2, 53), first);
    assert_ne!(port(5, 53), first);
}

#[test]
fn a_reboot_forgets_everything() {
    let (mut nat, now) = (nat("fullcone"), start());
    let port = send(&mut nat, (REMOTE, 53), now);
    nat.flush();
    assert!(!nat.inbound(&mut udp((REMOTE, 53), (PUBLIC.octets(), port)), now));
}

#[test]
fn strange_packets_do_no_harm() {
    let (mut nat, now) = (nat("fullcone"), start());
    for length in 0..60 {
        for first in [0x00, 0x45, 0x4f, 0x60] {
            let mut packet = vec![first; length];
            nat.outbound(&mut packet, now);
            nat.inbound(&mut packet, now);
        }
    }
}
