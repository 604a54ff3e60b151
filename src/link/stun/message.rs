//! STUN messages as octets (RFC 8489, sections 5 and 14): reading with strict bounds, and writing.
//!
//! ```text
//! message   = type u16 ‖ length u16 ‖ magic cookie 0x2112a442 ‖ transaction id 12 ‖ attribute*
//! attribute = type u16 ‖ length u16 ‖ value ‖ padding to four octets
//! ```
//!
//! Reading checks the form of every attribute and the fingerprint where there is one; what an attribute
//! means is asked for by name. Nothing is copied.

use std::{net::SocketAddr, ops::Range};

use super::address;
use super::integrity::{self, IntegrityKey};

/// Tells a STUN message from older ones and other protocols.
pub(super) const MAGIC_COOKIE: [u8; 4] = [0x21, 0x12, 0xa4, 0x42];
/// Octets before the first attribute.
const HEADER_LENGTH: usize = 20;
/// Octets of a type and a length.
const ATTRIBUTE_HEADER: usize = 4;
/// Above it an attribute may be ignored by who does not know it (section 14).
const FIRST_OPTIONAL: u16 = 0x8000;

/// What ties an answer to its question; unpredictable.
pub(in crate::link) type TransactionId = [u8; 12];

/// What a message is for (section 5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::link) enum Class {
    /// Wants an answer.
    Request,
    /// Wants none.
    Indication,
    /// The answer to a request that was carried out.
    Success,
    /// The answer to a request that was not; says why in ERROR-CODE.
    Error,
}

/// What a message is about: a number of 12 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::link) struct Method(pub(in crate::link) u16);

impl Method {
    pub(in crate::link) const BINDING: Method = Method(0x001);
    pub(in crate::link) const ALLOCATE: Method = Method(0x003);
    pub(in crate::link) const REFRESH: Method = Method(0x004);
    pub(in crate::link) const SEND: Method = Method(0x006);
    pub(in crate::link) const DATA: Method = Method(0x007);
    pub(in crate::link) const CREATE_PERMISSION: Method = Method(0x008);
    pub(in crate::link) const CHANNEL_BIND: Method = Method(0x009);
}

/// Types of attributes: RFC 8489, section 18.3; RFC 5780, section 7; RFC 8656, section 18.
pub(in crate::link) mod attribute {
    pub(in crate::link) const MAPPED_ADDRESS: u16 = 0x0001;
    pub(in crate::link) const CHANGE_REQUEST: u16 = 0x0003;
    pub(in crate::link) const USERNAME: u16 = 0x0006;
    pub(in crate::link) const MESSAGE_INTEGRITY: u16 = 0x0008;
    pub(in crate::link) const ERROR_CODE: u16 = 0x0009;
    pub(in crate::link) const UNKNOWN_ATTRIBUTES: u16 = 0x000a;
    pub(in crate::link) const CHANNEL_NUMBER: u16 = 0x000c;
    pub(in crate::link) const LIFETIME: u16 = 0x000d;
    pub(in crate::link) const XOR_PEER_ADDRESS: u16 = 0x0012;
    pub(in crate::link) const DATA: u16 = 0x0013;
    pub(in crate::link) const REALM: u16 = 0x0014;
    pub(in crate::link) const NONCE: u16 = 0x0015;
    pub(in crate::link) const XOR_RELAYED_ADDRESS: u16 = 0x0016;
    pub(in crate::link) const REQUESTED_ADDRESS_FAMILY: u16 = 0x0017;
    pub(in crate::link) const REQUESTED_TRANSPORT: u16 = 0x0019;
    pub(in crate::link) const MESSAGE_INTEGRITY_SHA256: u16 = 0x001c;
    pub(in crate::link) const PASSWORD_ALGORITHM: u16 = 0x001d;
    pub(in crate::link) const USERHASH: u16 = 0x001e;
    pub(in crate::link) const XOR_MAPPED_ADDRESS: u16 = 0x0020;
    pub(in crate::link) const FINGERPRINT: u16 = 0x8028;
    pub(in crate::link) const OTHER_ADDRESS: u16 = 0x802c;

    /// SOURCE-ADDRESS, CHANGED-ADDRESS and REFLECTED-FROM of RFC 3489, which old servers still add.
    const CLASSIC: [u16; 3] = [0x0004, 0x0005, 0x000b];

    /// Attributes that must be understood, and are, or do no harm.
    pub(super) const KNOWN: [u16; 20] = [
        CLASSIC[0],
        CLASSIC[1],
        CLASSIC[2],
        MAPPED_ADDRESS,
        USERNAME,
        MESSAGE_INTEGRITY,
        ERROR_CODE,
        UNKNOWN_ATTRIBUTES,
        CHANNEL_NUMBER,
        LIFETIME,
        XOR_PEER_ADDRESS,
        DATA,
        REALM,
        NONCE,
        XOR_RELAYED_ADDRESS,
        REQUESTED_ADDRESS_FAMILY,
        MESSAGE_INTEGRITY_SHA256,
        XOR_MAPPED_ADDRESS,
        PASSWORD_ALGORITHM,
        USERHASH,
    ];
}

/// Why octets are no STUN message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::link) enum Malformed {
    /// The first two bits are set, the cookie is another, or the header is not complete: another protocol.
    NotStun,
    /// The header names another length than the datagram has, or one that is not a multiple of four.
    Length,
    /// An attribute is longer than the message.
    Attribute,
    /// FINGERPRINT is not the last attribute, or is wrong.
    Fingerprint,
}

/// A message that was received, or written by [`Builder`].
#[derive(Clone, Copy, Debug)]
pub(in crate::link) struct Message<'a> {
    class: Class,
    method: Method,
    octets: &'a [u8],
}

impl<'a> Message<'a> {
    /// From a whole datagram.
    ///
    /// # Errors
    /// Says what is wrong with it.
    pub(in crate::link) fn decode(octets: &'a [u8]) -> Result<Message<'a>, Malformed> {
        let Some((header, attributes)) = octets.split_first_chunk::<HEADER_LENGTH>() else {
            return Err(Malformed::NotStun);
        };
        let [t0, t1, l0, l1, cookie @ ..] = header;
        if t0 & 0xc0 != 0 || !cookie.starts_with(&MAGIC_COOKIE) {
            return Err(Malformed::NotStun);
        }
        let length = usize::from(u16::from_be_bytes([*l0, *l1]));
        if length != attributes.len() || !length.is_multiple_of(4) {
            return Err(Malformed::Length);
        }
        let (class, method) = split_type(u16::from_be_bytes([*t0, *t1]));
        let message = Message { class, method, octets };
        message.check_attributes()?;
        Ok(message)
    }

    fn check_attributes(&self) -> Result<(), Malformed> {
        let mut rest = &self.octets[HEADER_LENGTH..];
        while !rest.is_empty() {
            let start = self.octets.len() - rest.len();
            let (kind, value, after) = split_attribute(rest).ok_or(Malformed::Attribute)?;
            if kind == attribute::FINGERPRINT {
                let right = integrity::fingerprint(&self.octets[..start]);
                let genuine = after.is_empty() && value == right;
                return if genuine { Ok(()) } else { Err(Malformed::Fingerprint) };
            }
            rest = after;
        }
        Ok(())
    }

    pub(in crate::link) fn class(&self) -> Class {
        self.class
    }

    pub(in crate::link) fn method(&self) -> Method {
        self.method
    }

    pub(in crate::link) fn id(&self) -> TransactionId {
        let mut id = TransactionId::default();
        id.copy_from_slice(&self.octets[8..HEADER_LENGTH]);
        id
    }

    /// The value of the first attribute of a type; what stands behind the integrity does not count.
    pub(in crate::link) fn attribute(&self, kind: u16) -> Option<&'a [u8]> {
        self.attributes().find(|(of, _)| *of == kind).map(|(_, value)| value)
    }

    /// Where in the message the value of an attribute is.
    pub(in crate::link) fn attribute_range(&self, kind: u16) -> Option<Range<usize>> {
        let value = self.attribute(kind)?;
        let start = value.as_ptr().addr() - self.octets.as_ptr().addr();
        Some(start..start + value.len())
    }

    /// An attribute that is an address, plain as in OTHER-ADDRESS.
    pub(in crate::link) fn address(&self, kind: u16) -> Option<SocketAddr> {
        address::decode(self.attribute(kind)?)
    }

    /// An attribute that is an address hidden from meddling NATs, as in XOR-MAPPED-ADDRESS.
    pub(in crate::link) fn xor_address(&self, kind: u16) -> Option<SocketAddr> {
        address::decode_xor(self.attribute(kind)?, &self.id())
    }

    /// Where the server saw the request come from.
    pub(in crate::link) fn mapped_address(&self) -> Option<SocketAddr> {
        self.xor_address(attribute::XOR_MAPPED_ADDRESS)
            .or_else(|| self.address(attribute::MAPPED_ADDRESS))
    }

    /// An attribute that is a number of 32 bits.
    pub(in crate::link) fn number(&self, kind: u16) -> Option<u32> {
        Some(u32::from_be_bytes(self.attribute(kind)?.try_into().ok()?))
    }

    /// The number of ERROR-CODE, 300 to 699 (section 14.8).
    pub(in crate::link) fn error_code(&self) -> Option<u16> {
        let [_, _, class, number, ..] = self.attribute(attribute::ERROR_CODE)? else { return None };
        let (class, number) = (u16::from(class & 7), u16::from(*number));
        ((3..=6).contains(&class) && number < 100).then_some(class * 100 + number)
    }

    /// Whether there is an attribute that must be understood and is not: the message is of no use then.
    pub(in crate::link) fn is_beyond_us(&self) -> bool {
        self.attributes()
            .any(|(kind, _)| kind < FIRST_OPTIONAL && !attribute::KNOWN.contains(&kind))
    }

    /// Whether MESSAGE-INTEGRITY is there and made with this key, compared in constant time.
    pub(in crate::link) fn is_authentic(&self, key: &IntegrityKey) -> bool {
        let mut rest = &self.octets[HEADER_LENGTH..];
        while let Some((kind, value, after)) = split_attribute(rest) {
            if kind == attribute::MESSAGE_INTEGRITY {
                let start = self.octets.len() - rest.len();
                return key.verify(&self.octets[..start], value);
            }
            rest = after;
        }
        false
    }

    fn attributes(&self) -> impl Iterator<Item = (u16, &'a [u8])> + use<'a> {
        let mut rest = Some(&self.octets[HEADER_LENGTH..]);
        std::iter::from_fn(move || {
            let (kind, value, after) = split_attribute(rest?)?;
            // section 14.5: what follows is not protected
            rest = (kind != attribute::MESSAGE_INTEGRITY).then_some(after);
            Some((kind, value))
        })
    }
}

/// Type, value and what follows.
fn split_attribute(octets: &[u8]) -> Option<(u16, &[u8], &[u8])> {
    let (&[t0, t1, l0, l1], rest) = octets.split_first_chunk::<ATTRIBUTE_HEADER>()?;
    let length = usize::from(u16::from_be_bytes([l0, l1]));
    let value = rest.get(..length)?;
    let after = rest.get(length.next_multiple_of(4)..)?;
    Some((u16::from_be_bytes([t0, t1]), value, after))
}

/// The bits of class and method are interleaved (section 5, figure 3).
fn split_type(octets: u16) -> (Class, Method) {
    let class = match (octets & 0x0100 != 0, octets & 0x0010 != 0) {
        (false, false) => Class::Request,
        (false, true) => Class::Indication,
        (true, false) => Class::Success,
        (true, true) => Class::Error,
    };
    let method = octets & 0x000f | (octets & 0x00e0) >> 1 | (octets & 0x3e00) >> 2;
    (class, Method(method))
}

fn join_type(class: Class, Method(method): Method) -> u16 {
    let class = match class {
        Class::Request => 0,
        Class::Indication => 0x0010,
        Class::Success => 0x0100,
        Class::Error => 0x0110,
    };
    method & 0x000f | (method & 0x0070) << 1 | (method & 0x0f80) << 2 | class
}

/// Writes a message, attribute by attribute.
#[derive(Debug)]
pub(in crate::link) struct Builder {
    octets: Vec<u8>,
    id: TransactionId,
}

impl Builder {
    pub(in crate::link) fn new(class: Class, method: Method, id: TransactionId) -> Builder {
        let mut octets = Vec::with_capacity(128);
        octets.extend(join_type(class, method).to_be_bytes());
        octets.extend([0, 0]);
        octets.extend(MAGIC_COOKIE);
        octets.extend(id);
        Builder { octets, id }
    }

    /// Adds an attribute of at most 65531 octets; more is left out, and the message is refused.
    pub(in crate::link) fn attribute(mut self, kind: u16, value: &[u8]) -> Builder {
        let length = u16::try_from(value.len()).unwrap_or_default();
        let value = &value[..usize::from(length)];
        self.octets.extend(kind.to_be_bytes());
        self.octets.extend(length.to_be_bytes());
        self.octets.extend(value);
        self.octets.resize(self.octets.len().next_multiple_of(4), 0);
        self.set_length(0);
        self
    }

    pub(in crate::link) fn xor_address(self, kind: u16, of: SocketAddr) -> Builder {
        let value = address::encode_xor(of, &self.id);
        self.attribute(kind, &value)
    }

    /// Ends what is protected by the key.
    pub(in crate::link) fn integrity(self, key: &IntegrityKey) -> Builder {
        let tag = key.sign(&self.octets);
        self.attribute(attribute::MESSAGE_INTEGRITY, &tag)
    }

    /// Ends the message with a checksum that tells it from other protocols' on the same port, as answers
    /// may have it.
    #[cfg(test)]
    pub(in crate::link) fn fingerprint(self) -> Builder {
        let checksum = integrity::fingerprint(&self.octets);
        self.attribute(attribute::FINGERPRINT, &checksum)
    }

    pub(in crate::link) fn finish(self) -> Vec<u8> {
        self.octets
    }

    fn set_length(&mut self, more: usize) {
        let length = integrity::length_with(&self.octets, more);
        self.octets[2..4].copy_from_slice(&length);
    }
}

#[cfg(test)]
mod tests;
