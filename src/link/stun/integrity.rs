//! What protects a STUN message: MESSAGE-INTEGRITY under a key from a password (RFC 8489, sections 9.2
//! and 14.5), and FINGERPRINT against mistaking other protocols (section 14.7).
//!
//! The key is made with MD5 and the tag with SHA-1, because that is what every TURN server takes; what
//! they protect is an allocation on a relay, never what travels through it.

use std::fmt;

use md5::{Digest, Md5};
use ring::hmac;

/// Octets of MESSAGE-INTEGRITY with its head.
const INTEGRITY: usize = 24;
/// Octets of FINGERPRINT with its head.
const FINGERPRINT: usize = 8;
/// Keeps the checksum apart from those of other protocols ("STUN").
const FINGERPRINT_MASK: u32 = 0x5354_554e;

/// The key of a long-term or short-term credential.
pub(in crate::link) struct IntegrityKey(hmac::Key);

impl IntegrityKey {
    /// The long-term key. User and password must be as the server has them, octet by octet.
    pub(in crate::link) fn long_term(user: &str, realm: &[u8], password: &str) -> IntegrityKey {
        let mut digest = Md5::new();
        for part in [user.as_bytes(), b":", realm, b":", password.as_bytes()] {
            digest.update(part);
        }
        IntegrityKey::new(&digest.finalize())
    }

    fn new(key: &[u8]) -> IntegrityKey {
        IntegrityKey(hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, key))
    }

    /// The tag for a message without its MESSAGE-INTEGRITY.
    pub(super) fn sign(&self, octets: &[u8]) -> Vec<u8> {
        let mut context = hmac::Context::with_key(&self.0);
        for part in as_if_longer(octets, INTEGRITY) {
            context.update(part.as_ref());
        }
        context.sign().as_ref().to_vec()
    }

    /// Whether a tag is right for what stands before it.
    pub(super) fn verify(&self, octets: &[u8], tag: &[u8]) -> bool {
        hmac::verify(&self.0, &as_if_longer(octets, INTEGRITY).concat(), tag).is_ok()
    }
}

impl fmt::Debug for IntegrityKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("IntegrityKey")
    }
}

/// The checksum for a message without its FINGERPRINT.
pub(super) fn fingerprint(octets: &[u8]) -> [u8; 4] {
    let parts = as_if_longer(octets, FINGERPRINT);
    (crc32(parts.iter().flat_map(|part| part.iter())) ^ FINGERPRINT_MASK).to_be_bytes()
}

/// The length that a header must name if `more` octets follow.
pub(super) fn length_with(octets: &[u8], more: usize) -> [u8; 2] {
    let length = (octets.len() + more).saturating_sub(20);
    u16::try_from(length).unwrap_or(u16::MAX).to_be_bytes()
}

/// A message whose header names the length it will have with one attribute more.
fn as_if_longer(octets: &[u8], more: usize) -> [Vec<u8>; 3] {
    let (head, rest) = octets.split_at(octets.len().min(2));
    [head.to_vec(), length_with(octets, more).to_vec(), rest.get(2..).unwrap_or_default().to_vec()]
}

/// The checksum of Ethernet (ITU-T V.42), bit by bit: messages are short and few.
fn crc32<'a>(octets: impl Iterator<Item = &'a u8>) -> u32 {
    !octets.fold(u32::MAX, |crc, octet| {
        (0..8).fold(crc ^ u32::from(*octet), |crc, _| {
            (crc >> 1) ^ if crc & 1 == 1 { 0xedb8_8320 } else { 0 }
        })
    })
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use data_encoding::HEXLOWER;

    use super::*;
    use crate::link::stun::message::{Builder, Class, Message, Method, attribute};

    // RFC 5769
    const SHORT_TERM: &[u8] = b"VOkJxbRl1RmTxUk/WvJxBt";
    const REQUEST: &str = "000100582112a442b7e7a701bc34d686fa87dfae802200105354554e20746573\
        7420636c69656e74002400046e0001ff80290008932ff9b151263b36000600096576746a3a683676592020\
        20000800149aeaa70cbfd8cb56781ef2b5b2d3f249c1b571a280280004e57a3bcf";
    const RESPONSE_V4: &str = "0101003c2112a442b7e7a701bc34d686fa87dfae8022000b74657374207665\
        63746f7220002000080001a147e112a643000800142b91f599fd9e90c38c7489f92af9ba53f06be7d78028\
        0004c07d4c96";
    const RESPONSE_V6: &str = "010100482112a442b7e7a701bc34d686fa87dfae8022000b74657374207665\
        63746f7220002000140002a1470113a9faa5d3f179bc25f4b5bed2b9d900080014a382954e4be67bf11784\
        c97c8292c275bfe3ed4180280004c8fb0b4c";
    const LONG_TERM: &str = "000100602112a44278ad3433c6ad72c029da412e00060012e3839ee38388e383aae3\
        8383e382afe382b900000015001c662f2f3439396b39353464364f4c33346f4c394653547679363473410014\
        000b6578616d706c652e6f72670000080014f67024656dd64a3e02b8e0712e85c9a28ca89666";

    fn octets(hex: &str) -> Vec<u8> {
        HEXLOWER.decode(hex.as_bytes()).unwrap()
    }

    #[test]
    fn reads_the_samples_of_rfc_5769() {
        let key = IntegrityKey::new(SHORT_TERM);
        for (sample, class, mapped) in [
            (REQUEST, Class::Request, None),
            (RESPONSE_V4, Class::Success, Some("192.0.2.1:32853")),
            (RESPONSE_V6, Class::Success, Some("[2001:db8:1234:5678:11:2233:4455:6677]:32853")),
        ] {
            let octets = octets(sample);
            let message = Message::decode(&octets).unwrap();
            assert_eq!((message.class(), message.method()), (class, Method::BINDING));
            let mapped: Option<SocketAddr> = mapped.map(|text| text.parse().unwrap());
            assert_eq!(message.mapped_address(), mapped);
            assert!(message.is_authentic(&key));
            assert!(!message.is_authentic(&IntegrityKey::new(b"other")));
        }
    }

    #[test]
    fn reads_and_writes_the_long_term_sample_of_rfc_5769() {
        let sample = octets(LONG_TERM);
        let message = Message::decode(&sample).unwrap();
        let (user, realm) = ("マトリックス", b"example.org");
        let key = IntegrityKey::long_term(user, realm, "TheMatrIX");
        assert!(message.is_authentic(&key));

        let written = Builder::new(Class::Request, Method::BINDING, message.id())
            .attribute(attribute::USERNAME, user.as_bytes())
            .attribute(attribute::NONCE, b"f//499k954d6OL34oL9FSTvy64sA")
            .attribute(attribute::REALM, realm)
            .integrity(&key)
            .finish();
        assert_eq!(written, sample);
    }

    #[test]
    fn any_changed_octet_is_noticed() {
        let sample = octets(RESPONSE_V4);
        let key = IntegrityKey::new(SHORT_TERM);
        let checksum = sample.len() - FINGERPRINT;
        for at in 0..checksum {
            let mut changed = sample.clone();
            changed[at] ^= 0x20;
            // an attribute may grow over the rest, checksum included
            let harmless = |message: Message<'_>| {
                message.mapped_address().is_none() && !message.is_authentic(&key)
            };
            assert!(Message::decode(&changed).map_or(true, harmless), "octet {at}");
        }
    }

    #[test]
    fn attributes_behind_the_integrity_do_not_count() {
        let key = IntegrityKey::new(SHORT_TERM);
        let octets = Builder::new(Class::Success, Method::BINDING, [1; 12])
            .integrity(&key)
            .xor_address(attribute::XOR_MAPPED_ADDRESS, "192.0.2.1:1".parse().unwrap())
            .finish();
        let message = Message::decode(&octets).unwrap();
        assert!(message.is_authentic(&key));
        assert_eq!(message.mapped_address(), None);
    }
}
