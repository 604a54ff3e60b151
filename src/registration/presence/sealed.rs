//! Sealed packets: what is published under a blinded key, written and opened. The format is in the parent's
//! head.

use std::{fmt, time::Duration};

use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use zeroize::Zeroizing;

use super::circle::GROUP_SIZE;
use super::secrets::{GroupSecret, Key, PairSecret, derive};
use crate::identity::{BlindedKeyPair, PublicKey, Timestamp};
use crate::registration::error::{EncodeError, PacketError};
use crate::registration::packet::{self, Packet, Registration};
use crate::registration::wire::{self, Fields};

/// A packet that is sealed to its readers, and the key pair that signed it: overlays that know signatures ask
/// for one more.
#[derive(Clone, Debug)]
pub struct SealedPacket {
    packet: Packet,
    keys: BlindedKeyPair,
}

impl SealedPacket {
    /// What lies in overlays: a registration of a blinded key that says nothing in the open.
    pub fn packet(&self) -> &Packet {
        &self.packet
    }

    /// The key pair under whose public half it lies.
    pub fn keys(&self) -> &BlindedKeyPair {
        &self.keys
    }
}

/// What is sealed.
pub(super) enum Content<'a> {
    /// Where the publisher is.
    Registration(&'a Registration),
    /// The secret that leads there.
    Invitation(&'a GroupSecret),
    /// Nothing: the publisher has gone. It is for nobody to open.
    Withdrawal,
}

/// What is found sealed.
pub(super) enum Unsealed {
    /// A packet that says where the publisher is, or that he has gone.
    Registration(Packet),
    /// The secret that leads there, and the sequence of the packet.
    Invitation(GroupSecret, Timestamp),
}

/// The lengths that packets are padded to, in octets.
const BUCKETS: [usize; 2] = [512, Packet::MAX_LENGTH];
const READ_KEY: usize = 16;
const TAG: usize = 16;
const WRAPPED: usize = READ_KEY + TAG;
const WRAPPINGS: usize = GROUP_SIZE * WRAPPED;
/// Kind and length before the content.
const HEAD: usize = 3;
/// All around the plaintext: magic and version, four fields' heads, three fields' values, and signature.
const OVERHEAD: usize = 5 + 4 * 3 + 32 + 8 + 4 + WRAPPINGS + TAG + packet::SIGNATURE_LENGTH;

/// The field that the sealed part stands in. Who only passes packets on skips it.
const SEALED: u8 = 129;
const REGISTRATION: u8 = 0;
const INVITATION: u8 = 1;

/// How long the packet would be that says a registration, in octets and before it is padded; it must not
/// be longer than [`Packet::MAX_LENGTH`].
pub fn sealed_length(registration: &Registration) -> usize {
    OVERHEAD + HEAD + packet::encode_sealed(registration).len()
}

/// Seals something to at most [`GROUP_SIZE`] readers. `seed` must be fresh random octets.
///
/// # Errors
/// When it breaks a rule of the format or is too long.
pub(super) fn seal(
    content: &Content<'_>,
    readers: &[&PairSecret],
    keys: &BlindedKeyPair,
    sequence: Timestamp,
    ttl: Duration,
    seed: &Key,
) -> Result<SealedPacket, EncodeError> {
    let (kind, content) = match content {
        Content::Registration(registration) => {
            packet::check(registration)?;
            (REGISTRATION, packet::encode_sealed(registration))
        }
        Content::Invitation(secret) => (INVITATION, secret.as_bytes().to_vec()),
        Content::Withdrawal => (REGISTRATION, Vec::new()),
    };
    pack(kind, &content, readers, keys, sequence, ttl, seed)
}

/// Fills content up, encrypts it, and signs it all.
fn pack(
    kind: u8,
    content: &[u8],
    readers: &[&PairSecret],
    keys: &BlindedKeyPair,
    sequence: Timestamp,
    ttl: Duration,
    seed: &Key,
) -> Result<SealedPacket, EncodeError> {
    let place = keys.public();
    let length = OVERHEAD + HEAD + content.len();
    let bucket = BUCKETS.into_iter().find(|bucket| length <= *bucket);
    let bucket = bucket.ok_or(EncodeError::TooLong(length))?;
    let mut plain = Zeroizing::new(vec![kind]);
    plain.extend_from_slice(&(content.len() as u16).to_be_bytes()); // fits a bucket
    plain.extend_from_slice(content);
    plain.resize(bucket - OVERHEAD, 0);

    let read_key = random(seed, 0);
    let read_key = &read_key[..READ_KEY];
    let mut sealed = wrappings(read_key, readers, &place, sequence, seed);
    sealed.extend(encrypt(&body_key(read_key, &place, sequence), &sealed, &plain));

    let mut bytes = Vec::with_capacity(bucket);
    bytes.extend_from_slice(packet::MAGIC);
    bytes.push(packet::VERSION);
    wire::push(&mut bytes, packet::KEY, place.as_bytes());
    wire::push(&mut bytes, packet::SEQUENCE, &sequence.as_micros().to_be_bytes());
    let seconds = u32::try_from(ttl.as_secs()).map_err(|_| EncodeError::Ttl(ttl))?;
    wire::push(&mut bytes, packet::TTL, &seconds.to_be_bytes());
    wire::push(&mut bytes, SEALED, &sealed);
    let signature = keys.sign(&packet::signed(&bytes));
    bytes.extend_from_slice(&signature);
    // whoever passes it on reads it so
    let packet = Packet::decode(&bytes).map_err(|_| EncodeError::Ttl(ttl))?;
    Ok(SealedPacket { packet, keys: keys.clone() })
}

/// Opens what lies in a place, where only `publisher` can have put it.
///
/// # Errors
/// See [`SealedError`]; no input panics.
pub(super) fn open(
    bytes: &[u8],
    place: &PublicKey,
    publisher: &PublicKey,
    pair: &PairSecret,
) -> Result<Unsealed, SealedError> {
    let outer = Packet::decode(bytes).map_err(SealedError::Packet)?;
    let Registration { key, sequence, ttl, .. } = *outer.registration();
    if key != *place {
        return Err(SealedError::Moved);
    }
    let sealed = sealed_part(bytes)?;
    if ttl.is_zero() {
        let gone = Registration { key: *publisher, ..outer.registration().clone() };
        return Ok(Unsealed::Registration(outer.unsealed(gone)));
    }
    let (wrapped, ciphertext) = sealed.split_at(WRAPPINGS);
    let wrapping = pair.wrapping(place, sequence);
    let mut keys = wrapped.chunks_exact(WRAPPED);
    let read_key = keys.find_map(|wrapped| decrypt(&wrapping, &[], wrapped));
    let read_key = read_key.ok_or(SealedError::NotForUs)?;
    let plain = decrypt(&body_key(&read_key, place, sequence), wrapped, ciphertext);
    let plain = plain.ok_or(SealedError::Damaged)?;
    let (kind, content) = unpad(&plain)?;
    match kind {
        REGISTRATION => {
            let registration = packet::decode_sealed(content, *publisher, ttl);
            let registration = registration.map_err(SealedError::Content)?;
            Ok(Unsealed::Registration(outer.unsealed(registration)))
        }
        INVITATION => {
            let secret = GroupSecret::read(content).ok_or(SealedError::Padding)?;
            Ok(Unsealed::Invitation(secret, sequence))
        }
        other => Err(SealedError::Kind(other)),
    }
}

/// The sealed part of a packet that is known to be well-formed otherwise.
fn sealed_part(bytes: &[u8]) -> Result<&[u8], SealedError> {
    let shape = || SealedError::Shape;
    if !BUCKETS.contains(&bytes.len()) {
        return Err(SealedError::Shape);
    }
    let head = packet::MAGIC.len() + 1;
    let fields = bytes.get(head..bytes.len() - packet::SIGNATURE_LENGTH).ok_or_else(shape)?;
    let fields: Result<Vec<_>, _> = Fields::new(fields).collect();
    let fields = fields.map_err(SealedError::Packet)?;
    let kinds: Vec<u8> = fields.iter().map(|field| field.kind).collect();
    match &fields[..] {
        [.., sealed] if kinds == [packet::KEY, packet::SEQUENCE, packet::TTL, SEALED] => {
            Ok(sealed.value)
        }
        _ => Err(SealedError::Shape),
    }
}

/// The read key for each reader, and random octets for those who are missing, in a random order.
fn wrappings(
    read_key: &[u8],
    readers: &[&PairSecret],
    place: &PublicKey,
    sequence: Timestamp,
    seed: &Key,
) -> Vec<u8> {
    let mut wrapped: Vec<Vec<u8>> = readers
        .iter()
        .take(GROUP_SIZE)
        .map(|reader| encrypt(&reader.wrapping(place, sequence), &[], read_key))
        .collect();
    for number in wrapped.len()..GROUP_SIZE {
        wrapped.push(random(seed, 1 + number as u8).to_vec());
    }
    let order = random(seed, u8::MAX);
    for last in (1..GROUP_SIZE).rev() {
        wrapped.swap(last, usize::from(order[last]) % (last + 1));
    }
    wrapped.concat()
}

fn random(seed: &Key, number: u8) -> Key {
    derive(&**seed, b"random\0", &[&[number]])
}

fn body_key(read_key: &[u8], place: &PublicKey, sequence: Timestamp) -> Key {
    derive(read_key, b"body\0", &[place.as_bytes(), &sequence.as_micros().to_be_bytes()])
}

fn aead(key: &Key) -> LessSafeKey {
    let key = UnboundKey::new(&CHACHA20_POLY1305, &**key).expect("32 octets are a key");
    LessSafeKey::new(key)
}

/// Every key is used once, so the nonce may be zero.
fn nonce() -> Nonce {
    Nonce::assume_unique_for_key([0; NONCE_LEN])
}

fn encrypt(key: &Key, beside: &[u8], plain: &[u8]) -> Vec<u8> {
    let mut octets = plain.to_vec();
    let sealed = aead(key).seal_in_place_append_tag(nonce(), Aad::from(beside), &mut octets);
    sealed.expect("a packet is not too long for the cipher");
    octets
}

fn decrypt(key: &Key, beside: &[u8], sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let mut octets = Zeroizing::new(sealed.to_vec());
    let length = aead(key).open_in_place(nonce(), Aad::from(beside), &mut octets).ok()?.len();
    octets.truncate(length);
    Some(octets)
}

/// Kind and content of a plaintext whose padding is as it must be.
fn unpad(plain: &[u8]) -> Result<(u8, &[u8]), SealedError> {
    let (&[kind, high, low], rest) = plain.split_first_chunk().ok_or(SealedError::Padding)?;
    let length = u16::from_be_bytes([high, low]).into();
    let (content, zeros) = rest.split_at_checked(length).ok_or(SealedError::Padding)?;
    let is_right = zeros.iter().all(|octet| *octet == 0);
    if is_right { Ok((kind, content)) } else { Err(SealedError::Padding) }
}

/// Why what lies in a blinded place does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SealedError {
    /// It is malformed, or not signed by the key in it.
    Packet(PacketError),
    /// It was signed for another place: another day, another group, or by somebody else.
    Moved,
    /// It is a packet in the open, or of a length that no sealed one has.
    Shape,
    /// It is sealed to others.
    NotForUs,
    /// The part for all readers cannot be opened with the key in it.
    Damaged,
    /// What it holds does not end as it must.
    Padding,
    /// It holds something of a kind that does not belong there, or is not known.
    Kind(u8),
    /// What it holds is no registration.
    Content(PacketError),
}

impl fmt::Display for SealedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SealedError::Packet(error) => error.fmt(f),
            SealedError::Moved => f.write_str("the sealed packet belongs to another place or day"),
            SealedError::Shape => f.write_str("this is no sealed packet"),
            SealedError::NotForUs => f.write_str("the packet is sealed to others"),
            SealedError::Damaged => f.write_str("the sealed packet's content cannot be opened"),
            SealedError::Padding => f.write_str("the sealed packet is filled up wrongly"),
            SealedError::Kind(kind) => {
                write!(f, "the sealed packet holds something else (kind {kind})")
            }
            SealedError::Content(error) => write!(f, "within the sealed packet: {error}"),
        }
    }
}

impl std::error::Error for SealedError {}

#[cfg(test)]
mod tests;
