use proptest::{collection::vec, prelude::*};

use super::*;
use crate::identity::{Blind, KeyPair, Name, Seed};
use crate::registration::Rendezvous;

const WALL: Timestamp = Timestamp::from_secs(1_800_000_000);
const TTL: Duration = Duration::from_secs(7200);

fn pair(seed: u8) -> KeyPair {
    KeyPair::from_seed(&Seed::new([seed; 32]))
}

fn alice() -> KeyPair {
    pair(1)
}

fn place() -> BlindedKeyPair {
    alice().blinded(&Blind::new([9; 32]))
}

fn registration() -> Registration {
    Registration {
        name: Some(Name::parse("alice@example.com").unwrap()),
        key: alice().public(),
        sequence: WALL,
        ttl: TTL,
        locators: vec!["192.0.2.1:5050".parse().unwrap(), "[2001:db8::1]:5050".parse().unwrap()],
        rendezvous: Vec::new(),
        certificates: Vec::new(),
    }
}

/// Sealed to people whose keys are of these seeds.
fn sealed_to(readers: &[u8], registration: &Registration) -> Result<SealedPacket, EncodeError> {
    let pairs: Vec<PairSecret> = readers
        .iter()
        .map(|reader| PairSecret::with_reader(&alice(), &pair(*reader).public()).unwrap())
        .collect();
    let content = Content::Registration(registration);
    let pairs: Vec<&PairSecret> = pairs.iter().collect();
    seal(&content, &pairs, &place(), WALL, TTL, &Key::new([3; 32]))
}

fn open_as(reader: u8, bytes: &[u8]) -> Result<Unsealed, SealedError> {
    let secret = PairSecret::with_publisher(&pair(reader), &alice().public()).unwrap();
    open(bytes, &place().public(), &alice().public(), &secret)
}

fn error_of(reader: u8, bytes: &[u8]) -> SealedError {
    open_as(reader, bytes).map(|_| ()).expect_err("it does not count")
}

/// Octets signed anew, as only their owner could.
fn signed_anew(mut bytes: Vec<u8>, keys: &BlindedKeyPair) -> Vec<u8> {
    bytes.truncate(bytes.len() - packet::SIGNATURE_LENGTH);
    let signature = keys.sign(&packet::signed(&bytes));
    bytes.extend_from_slice(&signature);
    bytes
}

#[test]
fn each_of_eight_readers_opens_it_and_nobody_else() {
    let readers: Vec<u8> = (2..10).collect();
    let sealed = sealed_to(&readers, &registration()).unwrap();
    let bytes = sealed.packet().as_bytes();
    assert_eq!(bytes.len(), 512);
    for reader in readers {
        let Ok(Unsealed::Registration(packet)) = open_as(reader, bytes) else { panic!("{reader}") };
        assert_eq!(*packet.registration(), registration());
        assert_eq!((packet.as_bytes(), packet.signer()), (bytes, place().public()));
    }
    assert_eq!(error_of(10, bytes), SealedError::NotForUs);
    assert_eq!(error_of(1, bytes), SealedError::NotForUs, "not even to the publisher");
}

#[test]
fn a_full_registration_fits_nine_hundred_octets_with_eight_readers() {
    let node = |n: u8| Rendezvous {
        key: pair(n).public(),
        address: format!("198.51.100.{n}:5050").parse().unwrap(),
    };
    let locators = (1..=6).map(|n| format!("[2001:db8::{n}]:5050").parse().unwrap());
    let full = Registration {
        locators: locators.collect(),
        rendezvous: vec![node(20), node(21)],
        certificates: vec![vec![7; 230]],
        ..registration()
    };
    let readers: Vec<u8> = (2..10).collect();
    let sealed = sealed_to(&readers, &full).unwrap();
    assert_eq!(sealed.packet().as_bytes().len(), Packet::MAX_LENGTH);
    assert!(sealed_length(&full) <= Packet::MAX_LENGTH);
    assert!(matches!(open_as(9, sealed.packet().as_bytes()), Ok(Unsealed::Registration(_))));
    let more = Registration { certificates: vec![vec![7; 300]], ..full };
    let length = sealed_length(&more);
    assert_eq!(sealed_to(&readers, &more).unwrap_err(), EncodeError::TooLong(length));
}

#[test]
fn neither_who_nor_where_nor_for_how_many_shows() {
    let one = sealed_to(&[2], &registration()).unwrap();
    let eight = sealed_to(&[2, 3, 4, 5, 6, 7, 8, 9], &registration()).unwrap();
    let secret = GroupSecret::of(&alice(), &[]);
    let bob = PairSecret::with_reader(&alice(), &pair(2).public()).unwrap();
    let invitation = Content::Invitation(&secret);
    let seed = Key::new([4; 32]);
    let invitation = seal(&invitation, &[&bob], &place(), WALL, TTL, &seed).unwrap();
    for sealed in [&one, &eight, &invitation] {
        let bytes = sealed.packet().as_bytes();
        assert_eq!(bytes.len(), 512);
        let holds = |part: &[u8]| bytes.windows(part.len()).any(|window| window == part);
        for key in (1..10).map(|n| pair(n).public()) {
            assert!(!holds(key.as_bytes()) && !holds(key.to_string().as_bytes()));
        }
        let hidden = [&b"alice"[..], b"example", &[192, 0, 2, 1], &[0x20, 0x01, 0x0d, 0xb8]];
        assert!(hidden.into_iter().all(|part| !holds(part)));
        let said = sealed.packet().registration();
        assert_eq!((&said.name, said.locators.len(), said.key), (&None, 0, place().public()));
    }
    // the same reader is not always at the same place
    let at = |seed: u8| {
        let sealed =
            seal(&Content::Withdrawal, &[&bob], &place(), WALL, TTL, &Key::new([seed; 32]));
        let bytes = sealed.unwrap().packet().as_bytes().to_vec();
        let wrapping = bob.wrapping(&place().public(), WALL);
        let wrapped = sealed_part(&bytes).unwrap()[..WRAPPINGS].chunks_exact(WRAPPED);
        wrapped.map(|key| decrypt(&wrapping, &[], key)).position(|key| key.is_some())
    };
    assert!((0..10).map(at).collect::<std::collections::HashSet<_>>().len() > 1);
}

#[test]
fn forged_moved_and_damaged_ones_have_each_their_own_error() {
    let sealed = sealed_to(&[2], &registration()).unwrap();
    let good = sealed.packet().as_bytes().to_vec();
    let changed = |at: usize| {
        let mut bytes = good.clone();
        bytes[at] ^= 1;
        bytes
    };
    let head = 5 + 35 + 11 + 7 + 3;
    // not signed by the key in it
    for at in [head, head + WRAPPINGS + 5, good.len() - 1] {
        assert_eq!(error_of(2, &changed(at)), SealedError::Packet(PacketError::Signature), "{at}");
    }
    assert!(matches!(error_of(2, &good[..300]), SealedError::Packet(_)));
    // a reader cannot sign in the publisher's name, although he knows the secret of the place
    let forged = signed_anew(good.clone(), &pair(2).blinded(&Blind::new([9; 32])));
    assert_eq!(error_of(2, &forged), SealedError::Packet(PacketError::Signature));
    // of another place or day
    let elsewhere = alice().blinded(&Blind::new([8; 32]));
    let bob = PairSecret::with_reader(&alice(), &pair(2).public()).unwrap();
    let seed = Key::new([3; 32]);
    let content = registration();
    let content = Content::Registration(&content);
    let moved = seal(&content, &[&bob], &elsewhere, WALL, TTL, &seed).unwrap();
    assert_eq!(error_of(2, moved.packet().as_bytes()), SealedError::Moved);
    // damaged before it was signed: each reader's part, all readers' part
    let wrappings: Vec<u8> = signed_anew(
        good.iter()
            .enumerate()
            .map(|(at, octet)| octet ^ u8::from((head..head + WRAPPINGS).contains(&at)))
            .collect(),
        &place(),
    );
    assert_eq!(error_of(2, &wrappings), SealedError::NotForUs);
    let body = signed_anew(changed(head + WRAPPINGS + 5), &place());
    assert_eq!(error_of(2, &body), SealedError::Damaged);
    // its key is bound to its sequence
    let later = signed_anew(changed(5 + 35 + 3 + 7), &place());
    assert_eq!(error_of(2, &later), SealedError::NotForUs);
}

#[test]
fn a_packet_in_the_open_does_not_count_in_a_sealed_place() {
    let good = sealed_to(&[2], &registration()).unwrap().packet().as_bytes().to_vec();
    // the same without the sealed part, and with one octet more
    let head = good[..5 + 35 + 11 + 7].to_vec();
    let open = signed_anew([&head[..], &[0; 64]].concat(), &place());
    assert_eq!(error_of(2, &open), SealedError::Shape);
    let mut padded = head;
    wire::push(&mut padded, SEALED, &[0; 388]);
    let padded = signed_anew([&padded[..], &[0; 64]].concat(), &place());
    assert_eq!((padded.len(), error_of(2, &padded)), (513, SealedError::Shape));
}

#[test]
fn what_is_sealed_is_read_strictly() {
    assert_eq!(unpad(b"\x00\x00\x02abc").unwrap_err(), SealedError::Padding);
    assert_eq!(unpad(b"\x00\x00\x09ab\0").unwrap_err(), SealedError::Padding);
    assert_eq!(unpad(b"\x00\x00").unwrap_err(), SealedError::Padding);
    assert_eq!(unpad(b"\x01\x00\x02ab\0\0"), Ok((1, &b"ab"[..])));
    let key = alice().public();
    let mut fields = packet::encode_sealed(&registration());
    assert_eq!(packet::decode_sealed(&fields, key, TTL), Ok(registration()));
    // who he is and for how long it holds stand outside, and nowhere else
    let mut with_key = Vec::new();
    wire::push(&mut with_key, packet::KEY, key.as_bytes());
    with_key.extend_from_slice(&fields);
    let repeated = Err(PacketError::Repeated(packet::KEY));
    assert_eq!(packet::decode_sealed(&with_key, key, TTL), repeated);
    fields.push(0);
    assert_eq!(packet::decode_sealed(&fields, key, TTL), Err(PacketError::Truncated));
    let missing = Err(PacketError::Missing(packet::SEQUENCE));
    assert_eq!(packet::decode_sealed(&[], key, TTL), missing);
}

#[test]
fn a_withdrawal_counts_without_being_opened() {
    let gone = seal(&Content::Withdrawal, &[], &place(), WALL, Duration::ZERO, &Key::new([3; 32]));
    let gone = gone.unwrap();
    let Ok(Unsealed::Registration(packet)) = open_as(2, gone.packet().as_bytes()) else { panic!() };
    assert!(packet.registration().is_withdrawal());
    assert_eq!(
        (packet.registration().key, packet.registration().sequence),
        (alice().public(), WALL)
    );
}

proptest! {
    #[test]
    fn whatever_a_publisher_seals_is_survived(kind in 0u8..4, content in vec(any::<u8>(), 0..500)) {
        let bob = PairSecret::with_reader(&alice(), &pair(2).public()).unwrap();
        let seed = Key::new([5; 32]);
        let packed = pack(kind, &content, &[&bob], &place(), WALL, TTL, &seed).unwrap();
        match open_as(2, packed.packet().as_bytes()) {
            Ok(Unsealed::Registration(packet)) => {
                let said = packet.registration();
                prop_assert_eq!((kind, said.key, said.ttl), (REGISTRATION, alice().public(), TTL));
            }
            Ok(Unsealed::Invitation(..)) => prop_assert_eq!((kind, content.len()), (INVITATION, 32)),
            Err(SealedError::Content(_)) => prop_assert_eq!(kind, REGISTRATION),
            Err(SealedError::Padding) => prop_assert_eq!(kind, INVITATION),
            Err(SealedError::Kind(other)) => prop_assert!(other == kind && kind > 1),
            Err(other) => prop_assert!(false, "{other:?}"),
        }
    }

    #[test]
    fn fields_of_a_publisher_are_read_as_any(fields in vec((0u8..140, vec(any::<u8>(), 0..40)), 0..8)) {
        let mut content = Vec::new();
        for (kind, value) in &fields {
            wire::push(&mut content, *kind, value);
        }
        let _ = packet::decode_sealed(&content, alice().public(), TTL);
    }

    #[test]
    fn any_octets_are_survived(bytes in vec(any::<u8>(), 0..1000)) {
        prop_assert!(open_as(2, &bytes).is_err());
    }
}
