use super::*;
use crate::identity::{KeyPair, Name, Seed, Timestamp};
use crate::registration::Packet;
use crate::runtime::lock;

fn signed(key: u8, name: &str) -> Packet {
    let pair = KeyPair::from_seed(&Seed::new([key; 32]));
    let registration = Registration {
        name: Some(Name::parse(name).unwrap()),
        key: pair.public(),
        sequence: Timestamp::from_secs(1_700_000_000),
        ttl: Duration::from_secs(3600),
        locators: Vec::new(),
        rendezvous: Vec::new(),
        certificates: Vec::new(),
    };
    Packet::sign(&registration, &pair).unwrap()
}

fn slot(name: &str) -> Slot {
    Slot::of_name(&Name::parse(name).unwrap())
}

fn sharing(links: Vec<Link>) -> Shared {
    let rate = RateLimiter::new(RATE, RATE_BUCKETS, clock::now());
    Shared { held: Mutex::default(), links: Mutex::new(links), rate: Mutex::new(rate) }
}

fn own_link() -> Link {
    Link { index: 1, address: "192.0.2.1".parse().unwrap(), prefix: 24 }
}

const NEIGHBOUR: &str = "192.0.2.9:4000";

#[test]
fn neighbours_are_answered_and_nobody_else() {
    let shared = sharing(vec![own_link()]);
    let ttl = Duration::from_secs(60);
    lock(&shared.held).put(Slot([1; 20]), b"packet", ttl, clock::now()).unwrap();
    let question = Message::Question { id: 7, slot: Slot([1; 20]) }.encode();
    let expected =
        Message::Answer { id: 7, slot: Slot([1; 20]), packet: b"packet".to_vec() }.encode();
    assert_eq!(shared.answer(&question, NEIGHBOUR.parse().unwrap()), Some(expected));
    assert_eq!(shared.answer(&question, "198.51.100.1:4000".parse().unwrap()), None);
    let other = Message::Question { id: 7, slot: Slot([2; 20]) }.encode();
    assert_eq!(shared.answer(&other, NEIGHBOUR.parse().unwrap()), None);
    assert_eq!(shared.answer(b"p2pl", NEIGHBOUR.parse().unwrap()), None);
}

#[test]
fn a_neighbour_who_asks_too_often_is_left_alone() {
    let shared = sharing(vec![own_link()]);
    let ttl = Duration::from_secs(60);
    lock(&shared.held).put(Slot([1; 20]), b"packet", ttl, clock::now()).unwrap();
    let question = Message::Question { id: 7, slot: Slot([1; 20]) }.encode();
    let answers =
        (0..10_000).filter(|_| shared.answer(&question, NEIGHBOUR.parse().unwrap()).is_some());
    // the burst, and what the rate gives while this runs
    assert!((50..1000).contains(&answers.count()));
}

#[test]
fn what_is_held_expires_and_is_bounded() {
    let (mut held, now) = (Held::default(), clock::now());
    let slot = |n: usize| {
        let mut slot = [0; 20];
        slot[..2].copy_from_slice(&(n as u16).to_be_bytes());
        Slot(slot)
    };
    for n in 0..MAX_HELD {
        held.put(slot(n), b"p", Duration::from_secs(10), now).unwrap();
    }
    let more = slot(MAX_HELD);
    assert_eq!(held.put(more, b"p", Duration::MAX, now), Err(OverlayError::Full));
    held.put(slot(0), b"q", Duration::from_secs(20), now).unwrap();
    let later = now + Duration::from_secs(10);
    assert_eq!(held.get(slot(1), later), None);
    assert_eq!(held.get(slot(0), later), Some(b"q".to_vec()));
    held.put(more, b"p", Duration::MAX, later).unwrap();
    assert_eq!(held.packets.len(), 2);
}

#[test]
fn only_a_signed_packet_of_the_slot_counts_as_answer() {
    let packet = signed(1, "alice@example.com");
    let slot = slot("alice@example.com");
    let question = Message::Question { id: 7, slot };
    let answer = |id, slot, packet: &[u8]| {
        packet_for(&question, &Message::Answer { id, slot, packet: packet.to_vec() }.encode())
    };
    assert_eq!(answer(7, slot, packet.as_bytes()), Some(packet.as_bytes().to_vec()));
    assert_eq!(answer(8, slot, packet.as_bytes()), None);
    assert_eq!(answer(7, Slot([1; 20]), packet.as_bytes()), None);
    assert_eq!(answer(7, slot, signed(1, "bob@example.com").as_bytes()), None);
    let mut forged = packet.as_bytes().to_vec();
    *forged.last_mut().unwrap() ^= 1;
    assert_eq!(answer(7, slot, &forged), None);
    assert_eq!(packet_for(&question, &question.encode()), None);
}
