//! Messages that come back as they were, and octets that are none.

use super::*;

const ID: TransactionId = [7; 12];

fn with(attributes: &[u8]) -> Vec<u8> {
    let mut octets = Builder::new(Class::Success, Method::BINDING, ID).finish();
    octets.extend(attributes);
    octets[3] = u8::try_from(attributes.len()).unwrap();
    octets
}

#[test]
fn every_class_and_method_comes_back() {
    for method in 0..0x1000 {
        for class in [Class::Request, Class::Indication, Class::Success, Class::Error] {
            let octets = Builder::new(class, Method(method), ID).finish();
            let message = Message::decode(&octets).unwrap();
            assert_eq!((message.class(), message.method()), (class, Method(method)));
            assert_eq!(message.id(), ID);
        }
    }
    assert_eq!(Builder::new(Class::Error, Method::BINDING, ID).finish()[..2], [0x01, 0x11]);
}

#[test]
fn what_is_no_message_is_refused() {
    let good = with(&[]);
    assert!(Message::decode(&good).is_ok());
    for length in 0..HEADER_LENGTH {
        assert_eq!(Message::decode(&good[..length]).unwrap_err(), Malformed::NotStun);
    }
    let mut other = good.clone();
    other[4] ^= 1;
    assert_eq!(Message::decode(&other).unwrap_err(), Malformed::NotStun);
    let mut quic = good.clone();
    quic[0] = 0x40;
    assert_eq!(Message::decode(&quic).unwrap_err(), Malformed::NotStun);
    let mut long = good.clone();
    long.push(0);
    assert_eq!(Message::decode(&long).unwrap_err(), Malformed::Length);
    let beyond = with(&[0x80, 0x22, 0, 5, 1, 2, 3, 4]);
    assert_eq!(Message::decode(&beyond).unwrap_err(), Malformed::Attribute);
    let unpadded = with(&[0x80, 0x22, 0, 3, 1, 2, 3, 0, 0, 1, 0, 0]);
    assert!(Message::decode(&unpadded).is_ok());
    let cut = with(&[0x80, 0x22, 0, 0, 0, 1]);
    assert_eq!(Message::decode(&cut).unwrap_err(), Malformed::Length);
}

#[test]
fn a_fingerprint_is_last_and_right() {
    let good = Builder::new(Class::Request, Method::BINDING, ID).fingerprint().finish();
    assert!(Message::decode(&good).is_ok());
    let mut changed = good.clone();
    changed[19] ^= 1;
    assert_eq!(Message::decode(&changed).unwrap_err(), Malformed::Fingerprint);
    let followed = Builder::new(Class::Request, Method::BINDING, ID)
        .fingerprint()
        .attribute(0x8022, b"more")
        .finish();
    assert_eq!(Message::decode(&followed).unwrap_err(), Malformed::Fingerprint);
}

#[test]
fn error_codes_have_a_range() {
    let code = |value: &[u8]| {
        let builder = Builder::new(Class::Error, Method::BINDING, ID);
        let octets = builder.attribute(attribute::ERROR_CODE, value).finish();
        Message::decode(&octets).unwrap().error_code()
    };
    assert_eq!(code(&[0, 0, 4, 38, b'S']), Some(438));
    assert_eq!(code(&[0, 0, 6, 99]), Some(699));
    assert_eq!(code(&[0, 0, 7, 0]), None);
    assert_eq!(code(&[0, 0, 4, 100]), None);
    assert_eq!(code(&[0, 0, 4]), None);
}

#[test]
fn unknown_attributes_may_be_ignored_or_not() {
    assert!(!Message::decode(&with(&[0x80, 0x55, 0, 0])).unwrap().is_beyond_us());
    assert!(Message::decode(&with(&[0x70, 0x01, 0, 0])).unwrap().is_beyond_us());
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(4000))]

    #[test]
    fn hostile_messages_are_read_or_refused(
        head in proptest::collection::vec(0u8..4, 2),
        rest in proptest::collection::vec(proptest::num::u8::ANY, 0..200),
    ) {
        let length = u16::try_from(rest.len()).unwrap().to_be_bytes();
        let octets = [&head[..], &length, &MAGIC_COOKIE, &[1; 12], &rest].concat();
        if let Ok(message) = Message::decode(&octets) {
            for kind in attribute::KNOWN {
                let (_, _) = (message.address(kind), message.xor_address(kind));
                if let Some(range) = message.attribute_range(kind) {
                    proptest::prop_assert_eq!(Some(&octets[range]), message.attribute(kind));
                }
            }
            let (_, _, _) = (message.error_code(), message.is_beyond_us(), message.mapped_address());
            proptest::prop_assert!(!message.is_authentic(&IntegrityKey::long_term("u", b"r", "p")));
        }
    }

    #[test]
    fn attributes_come_back(
        values in proptest::collection::vec(
            (proptest::num::u16::ANY, proptest::collection::vec(proptest::num::u8::ANY, 0..40)),
            0..8,
        ),
    ) {
        let start = Builder::new(Class::Request, Method::BINDING, ID);
        let special = [attribute::MESSAGE_INTEGRITY, attribute::FINGERPRINT];
        let values: Vec<_> =
            values.into_iter().filter(|(kind, _)| !special.contains(kind)).collect();
        let written = values.iter().fold(start, |message, (kind, value)| {
            message.attribute(*kind, value)
        });
        let octets = written.fingerprint().finish();
        let message = Message::decode(&octets).unwrap();
        for (kind, _) in &values {
            let first = values.iter().find(|(of, _)| of == kind).unwrap();
            proptest::prop_assert_eq!(message.attribute(*kind), Some(&first.1[..]));
        }
    }
}
