use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    time::Duration,
};

use proptest::{collection::vec, option, prelude::*};

use super::fields::{CERTIFICATE, LOCATOR, NAME, RENDEZVOUS};
use super::*;
use crate::identity::Seed;
use crate::registration::wire;

fn pair(seed: u8) -> KeyPair {
    KeyPair::from_seed(&Seed::new([seed; 32]))
}

fn full() -> Registration {
    Registration {
        name: Some(Name::parse("alice@example.com").unwrap()),
        key: pair(1).public(),
        sequence: Timestamp::from_secs(1_800_000_000),
        ttl: Duration::from_secs(7200),
        locators: vec![
            "192.0.2.7:5050".parse().unwrap(),
            "[2001:db8::7]:5050".parse().unwrap(),
            "127.0.0.1:1".parse().unwrap(),
        ],
        rendezvous: vec![Rendezvous {
            key: pair(2).public(),
            address: "198.51.100.1:443".parse().unwrap(),
        }],
        certificates: vec![b"certificate".to_vec()],
    }
}

/// Signs any content, also one that `Packet::sign` would refuse to write.
fn sign_raw(content: &[u8]) -> Vec<u8> {
    [content, &pair(1).sign(&signed(content))].concat()
}

/// A packet with these fields, well signed.
fn with_fields(fields: &[(u8, &[u8])]) -> Vec<u8> {
    let mut content = [&MAGIC[..], &[VERSION]].concat();
    for (kind, value) in fields {
        wire::push(&mut content, *kind, value);
    }
    sign_raw(&content)
}

/// The fields that every packet has.
fn basic(key: &[u8; 32]) -> [(u8, &[u8]); 3] {
    [(KEY, key), (SEQUENCE, &[0, 0, 0, 0, 0, 0, 0, 9]), (TTL, &[0, 0, 0, 60])]
}

/// What becomes of a packet with the basic fields and `more`.
fn decode_with(more: &[(u8, &[u8])]) -> Result<Packet, PacketError> {
    let key = *pair(1).public().as_bytes();
    Packet::decode(&with_fields(&[&basic(&key)[..], more].concat()))
}

#[test]
fn reads_what_it_signed() {
    let packet = Packet::sign(&full(), &pair(1)).unwrap();
    let read = Packet::decode(packet.as_bytes()).unwrap();
    assert_eq!(read.registration(), &full());
    assert_eq!(read, packet);
    assert_eq!(read.expires(), Timestamp::from_secs(1_800_007_200));
    assert!(!read.registration().is_withdrawal());
}

#[test]
fn the_format_does_not_move() {
    let packet = Packet::sign(&full(), &pair(1)).unwrap();
    let hex = data_encoding::HEXLOWER.encode(&packet.as_bytes()[..packet.as_bytes().len() - 64]);
    assert_eq!(
        hex,
        "70327072010100208a88e3dd7409f195fd52db2d3cba5d72ca6709bf1d94121bf3748801b40f6f5c\
         02000800066517289880000300040000\
         1c20040011616c696365406578616d706c652e636f6d050006c000020713ba05001220010db800000000\
         000000000000000713ba0500067f0000010001060026\
         8139770ea87d175f56a35466c34c7ecccb8d8a91b4ee37a25df60f5b8fc9b394c633640101bb\
         80000b6365727469666963617465"
    );
}

#[test]
fn refuses_every_truncation_and_extension() {
    let packet = Packet::sign(&full(), &pair(1)).unwrap();
    let bytes = packet.as_bytes();
    for end in 0..bytes.len() {
        assert!(Packet::decode(&bytes[..end]).is_err(), "cut at {end}");
        assert!(Packet::decode(&bytes[end + 1..]).is_err(), "cut before {end}");
    }
    for extra in [0, 1, 128, 255] {
        assert!(Packet::decode(&[bytes, &[extra]].concat()).is_err());
    }
}

#[test]
fn refuses_every_flipped_bit() {
    let bytes = Packet::sign(&full(), &pair(1)).unwrap().as_bytes().to_vec();
    for bit in 0..bytes.len() * 8 {
        let mut flipped = bytes.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        assert!(Packet::decode(&flipped).is_err(), "bit {bit}");
    }
}

#[test]
fn checks_the_structure_before_the_signature() {
    let mut bytes = decode_with(&[]).unwrap().as_bytes().to_vec();
    *bytes.last_mut().unwrap() ^= 1;
    assert_eq!(Packet::decode(&bytes), Err(PacketError::Signature));
    bytes[5] = 77;
    assert_eq!(Packet::decode(&bytes), Err(PacketError::Unknown(77)));
    bytes[4] = 2;
    assert_eq!(Packet::decode(&bytes), Err(PacketError::Version(2)));
    bytes[0] = b'q';
    assert_eq!(Packet::decode(&bytes), Err(PacketError::Magic));
    assert_eq!(Packet::decode(&[b'p'; 901]), Err(PacketError::TooLong));
    assert_eq!(Packet::decode(&[b'p'; 63]), Err(PacketError::Truncated));
    assert_eq!(Packet::decode(&[]), Err(PacketError::Truncated));
}

#[test]
fn a_signature_for_something_else_does_not_fit() {
    let packet = Packet::sign(&full(), &pair(1)).unwrap();
    let content = &packet.as_bytes()[..packet.as_bytes().len() - 64];
    let bare = [content, &pair(1).sign(content)].concat();
    assert_eq!(Packet::decode(&bare), Err(PacketError::Signature));
    let strangers = [content, &pair(2).sign(&signed(content))].concat();
    assert_eq!(Packet::decode(&strangers), Err(PacketError::Signature));
}

#[test]
fn keys_of_small_order_sign_nothing() {
    // the neutral element accepts forged signatures in lenient verifiers
    let mut identity = [0; 32];
    identity[0] = 1;
    for key in [identity, [0; 32]] {
        let mut bytes = with_fields(&basic(&key));
        let at = bytes.len() - 64;
        bytes[at..].fill(0);
        bytes[at] = 1;
        assert_eq!(Packet::decode(&bytes), Err(PacketError::WeakKey));
    }
}

#[test]
fn a_second_form_of_a_signature_does_not_count() {
    let mut bytes = Packet::sign(&full(), &pair(1)).unwrap().as_bytes().to_vec();
    let order = "edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010";
    let order = data_encoding::HEXLOWER.decode(order.as_bytes()).unwrap();
    let (at, mut carry) = (bytes.len() - 32, 0);
    for (octet, add) in bytes[at..].iter_mut().zip(order) {
        let sum = u16::from(*octet) + u16::from(add) + carry;
        *octet = sum as u8;
        carry = sum >> 8;
    }
    assert_eq!(Packet::decode(&bytes), Err(PacketError::Malleable));
}

#[test]
fn skips_unknown_optional_fields_and_refuses_critical_ones() {
    let packet = decode_with(&[(129, b"future"), (255, b"")]).unwrap();
    assert_eq!(packet.registration().name, None);
    assert_eq!(Packet::decode(packet.as_bytes()).unwrap(), packet, "passed on unchanged");
    assert_eq!(decode_with(&[(7, b"future")]), Err(PacketError::Unknown(7)));
    assert_eq!(decode_with(&[(127, b"future")]), Err(PacketError::Unknown(127)));
}

#[test]
fn refuses_reordered_repeated_and_missing_fields() {
    let key = *pair(1).public().as_bytes();
    let [one, two, three] = basic(&key);
    let refused = |fields: &[(u8, &[u8])]| Packet::decode(&with_fields(fields)).unwrap_err();
    assert_eq!(refused(&[two, one, three]), PacketError::Order);
    assert_eq!(refused(&[(0, b""), one, two, three]), PacketError::Unknown(0));
    assert_eq!(refused(&[one, one, two, three]), PacketError::Repeated(KEY));
    assert_eq!(refused(&[one, two, two, three]), PacketError::Repeated(SEQUENCE));
    assert_eq!(refused(&[one, two, three, three]), PacketError::Repeated(TTL));
    assert_eq!(refused(&[two, three]), PacketError::Missing(KEY));
    assert_eq!(refused(&[one, three]), PacketError::Missing(SEQUENCE));
    assert_eq!(refused(&[one, two]), PacketError::Missing(TTL));
    let name = (NAME, &b"alice@example.com"[..]);
    assert_eq!(decode_with(&[name, name]), Err(PacketError::Repeated(NAME)));
    let locator = (LOCATOR, &[192, 0, 2, 1, 0, 1][..]);
    assert_eq!(decode_with(&[locator, locator]), Err(PacketError::Repeated(LOCATOR)));
    let certificate = (CERTIFICATE, &b"same"[..]);
    assert_eq!(decode_with(&[certificate, certificate]), Err(PacketError::Repeated(CERTIFICATE)));
    // trailing octets after the last field
    let content = [&MAGIC[..], &[VERSION, 0]].concat();
    assert_eq!(Packet::decode(&sign_raw(&content)), Err(PacketError::Truncated));
}

#[test]
fn refuses_malformed_values() {
    let key = *pair(1).public().as_bytes();
    for kind in [KEY, SEQUENCE, TTL] {
        for length in [0, 3, 5, 7, 9, 31, 33] {
            let value = vec![0; length];
            let mut fields = basic(&key);
            fields[usize::from(kind) - 1].1 = &value;
            let bytes = with_fields(&fields);
            assert_eq!(Packet::decode(&bytes), Err(PacketError::Value(kind)), "{length}");
        }
    }
    let month_and_a_second = (30 * 86_400 + 1_u32).to_be_bytes();
    let mut fields = basic(&key);
    fields[2].1 = &month_and_a_second;
    assert_eq!(Packet::decode(&with_fields(&fields)), Err(PacketError::Value(TTL)));

    let wrong: &[(u8, &[u8])] = &[
        (NAME, b""),
        (NAME, b"Alice@example.com"),
        (NAME, b"alice"),
        (NAME, b"alice@ex\xff.com"),
        (LOCATOR, b""),
        (LOCATOR, &[192, 0, 2, 1, 0]),
        (LOCATOR, &[192, 0, 2, 1, 0, 0]),
        (LOCATOR, &[0, 0, 0, 0, 0, 1]),
        (LOCATOR, &[255, 255, 255, 255, 0, 1]),
        (LOCATOR, &[224, 0, 0, 1, 0, 1]),
        (LOCATOR, &[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 0, 2, 1, 0, 1]),
        (LOCATOR, &[0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 1]),
        (RENDEZVOUS, &[9; 32]),
        (RENDEZVOUS, &[9; 37]),
        (RENDEZVOUS, &[0; 38]),
        (CERTIFICATE, b""),
    ];
    for (kind, value) in wrong {
        assert_eq!(decode_with(&[(*kind, value)]), Err(PacketError::Value(*kind)), "{value:?}");
    }
}

#[test]
fn refuses_lists_that_are_too_long() {
    let many: Vec<[u8; 6]> = (0..17).map(|i| [192, 0, 2, i, 0, 1]).collect();
    let fields = |n: usize| many[..n].iter().map(|v| (LOCATOR, &v[..])).collect::<Vec<_>>();
    assert!(decode_with(&fields(16)).is_ok());
    assert_eq!(decode_with(&fields(17)), Err(PacketError::TooMany(LOCATOR)));
}

#[test]
fn says_why_it_does_not_sign() {
    let refused = |change: &dyn Fn(&mut Registration)| {
        let mut registration = full();
        change(&mut registration);
        Packet::sign(&registration, &pair(1)).unwrap_err()
    };
    let stranger = pair(9).public();
    assert_eq!(refused(&|r| r.key = stranger), EncodeError::OtherKey);
    let fraction = Duration::from_millis(1500);
    assert_eq!(refused(&|r| r.ttl = fraction), EncodeError::Ttl(fraction));
    let year = Duration::from_secs(365 * 86_400);
    assert_eq!(refused(&|r| r.ttl = year), EncodeError::Ttl(year));
    let scoped = "[fe80::1%3]:5050".parse().unwrap();
    assert_eq!(refused(&|r| r.locators.push(scoped)), EncodeError::Address(scoped));
    let nowhere = "192.0.2.1:0".parse().unwrap();
    assert_eq!(refused(&|r| r.rendezvous[0].address = nowhere), EncodeError::Address(nowhere));
    assert_eq!(refused(&|r| r.locators.push(r.locators[0])), EncodeError::Repeated);
    assert_eq!(refused(&|r| r.certificates.push(vec![])), EncodeError::EmptyCertificate);
    assert_eq!(refused(&|r| r.rendezvous = vec![r.rendezvous[0]; 9]), EncodeError::TooMany);
    assert!(matches!(refused(&|r| r.certificates[0] = vec![0; 700]), EncodeError::TooLong(_)));
    assert!(matches!(refused(&|r| r.certificates[0] = vec![0; 70_000]), EncodeError::TooLong(_)));
}

#[test]
fn the_longest_packet_is_read() {
    let mut registration = full();
    let spare = Packet::MAX_LENGTH - Packet::sign(&full(), &pair(1)).unwrap().as_bytes().len();
    registration.certificates[0] = vec![7; b"certificate".len() + spare];
    let packet = Packet::sign(&registration, &pair(1)).unwrap();
    assert_eq!(packet.as_bytes().len(), Packet::MAX_LENGTH);
    assert_eq!(Packet::decode(packet.as_bytes()).unwrap().registration(), &registration);
    registration.certificates[0].push(7);
    assert_eq!(Packet::sign(&registration, &pair(1)), Err(EncodeError::TooLong(901)));
}

#[test]
fn a_lifetime_of_zero_withdraws() {
    let registration = Registration { ttl: Duration::ZERO, ..full() };
    let packet = Packet::sign(&registration, &pair(1)).unwrap();
    let read = Packet::decode(packet.as_bytes()).unwrap();
    assert!(read.registration().is_withdrawal());
    assert_eq!(read.expires(), registration.sequence);
}

fn address() -> impl Strategy<Value = SocketAddr> {
    let ip = prop_oneof![
        any::<[u8; 4]>().prop_map(|o| IpAddr::V4(Ipv4Addr::from(o))),
        any::<[u8; 16]>().prop_map(|o| IpAddr::V6(Ipv6Addr::from(o))),
    ];
    (ip, any::<u16>())
        .prop_map(SocketAddr::from)
        .prop_filter("fit for a packet", |a| Registration::can_carry(*a))
}

fn rendezvous() -> impl Strategy<Value = Rendezvous> {
    (any::<[u8; 32]>(), address())
        .prop_map(|(key, address)| Rendezvous { key: PublicKey(key), address })
}

prop_compose! {
    fn registration()(
        name in option::of("[a-z][a-z0-9_+-]{0,20}@[a-z]{1,10}\\.[a-z]{2,3}"),
        sequence in any::<u64>(),
        ttl in 0..=30 * 86_400_u64,
        locators in vec(address(), 0..8),
        rendezvous in vec(rendezvous(), 0..4),
        certificates in vec(vec(any::<u8>(), 1..80), 0..3),
    ) -> Registration {
        Registration {
            name: name.map(|n| Name::parse(&n).unwrap()),
            key: pair(1).public(),
            sequence: Timestamp::from_micros(sequence),
            ttl: Duration::from_secs(ttl),
            locators,
            rendezvous,
            certificates,
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn emit_then_parse_is_the_identity(registration in registration()) {
        let packet = match Packet::sign(&registration, &pair(1)) {
            Ok(packet) => packet,
            Err(error) => {
                prop_assume!(error == EncodeError::Repeated);
                return Ok(());
            }
        };
        let read = Packet::decode(packet.as_bytes()).unwrap();
        prop_assert_eq!(read.registration(), &registration);
        let again = Packet::sign(read.registration(), &pair(1)).unwrap();
        prop_assert_eq!(again.as_bytes(), packet.as_bytes());
    }

    #[test]
    fn any_bytes_are_refused_without_panic(bytes in vec(any::<u8>(), 0..1000)) {
        prop_assert!(Packet::decode(&bytes).is_err());
    }
}
