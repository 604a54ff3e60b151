//! Registration packets: "this is my key, this is where I am", signed and expiring.
//!
//! ```text
//! magic "p2pr" ‖ version 1 ‖ fields ‖ Ed25519 signature (64 octets)
//! ```
//!
//! | type | field | value |
//! |---|---|---|
//! | 1 | key | 32 octets |
//! | 2 | sequence | microseconds since 1970, u64 |
//! | 3 | time to live | seconds, u32; 0 withdraws |
//! | 4 | name | ASCII; may be absent |
//! | 5 | locator, a list | IPv4 or IPv6 address and port: 6 or 18 octets |
//! | 6 | rendezvous, a list | key, then address and port: 38 or 50 octets |
//! | 128 | certificate or succession, a list | opaque here |
//! | 129 | sealed part | see [`super::presence`]; skipped here |
//!
//! Numbers are big-endian. A field of an unknown type below 128 changes what the packet means, so
//! the packet is refused; one of 128 and above is skipped. The signature covers a domain separator
//! and every octet before it, as received: a packet is passed on as it came and never encoded again.

mod fields;

use std::{collections::HashSet, fmt, hash::Hash, net::SocketAddr, sync::Arc, time::Duration};

use super::{
    error::{EncodeError, PacketError},
    rendezvous::Rendezvous,
};

pub(super) use fields::{KEY, SEQUENCE, TTL, decode_sealed, encode_sealed};

use crate::identity::{KeyPair, Name, PublicKey, Signature, SignatureFault, Timestamp};

/// What a packet says: who, until when, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registration {
    /// The name its owner claims, unless he chose to be found by key alone.
    pub name: Option<Name>,
    /// The key that signs.
    pub key: PublicKey,
    /// When it was signed. Of two packets of one key the higher counts.
    pub sequence: Timestamp,
    /// For how long after `sequence` it holds, in whole seconds; zero withdraws what was said before.
    pub ttl: Duration,
    /// Where the owner may be reached directly, best first.
    pub locators: Vec<SocketAddr>,
    /// Who introduces the owner, best first.
    pub rendezvous: Vec<Rendezvous>,
    /// Statements of authorities about name and key, and of the owner about the next key, not looked
    /// into here.
    pub certificates: Vec<Vec<u8>>,
}

/// A registration as its owner signed it. Its structure and its signature have been checked.
///
/// Whether it is expired, replayed or about the one who was asked for is another question; the
/// resolver answers it.
#[derive(Clone)]
pub struct Packet {
    bytes: Arc<[u8]>,
    registration: Arc<Registration>,
    /// The key that signed the octets: the registration's, or one blinded for those who may read it.
    signer: PublicKey,
}

/// Begins every packet: "p2p registration".
pub(super) const MAGIC: &[u8; 4] = b"p2pr";
pub(super) const VERSION: u8 = 1;
/// Precedes the signed octets, so that no other signature of the same key fits.
const DOMAIN: &[u8] = b"p2p registration packet v1\0";
pub(super) const SIGNATURE_LENGTH: usize = 64;

impl Registration {
    /// The longest time to live: a month, for a packet with rendezvous only on a web site.
    pub const MAX_TTL: Duration = Duration::from_secs(30 * 86_400);
    /// How many locators fit: an IPv4 and an IPv6 address on each of eight interfaces.
    pub const MAX_LOCATORS: usize = 16;
    /// How many rendezvous fit.
    pub const MAX_RENDEZVOUS: usize = 8;
    /// How many certificates fit.
    pub const MAX_CERTIFICATES: usize = 4;

    /// The instant at which it ends, by its owner's clock.
    pub fn expires(&self) -> Timestamp {
        self.sequence.saturating_add(self.ttl)
    }

    /// True if it takes back what was said before.
    pub fn is_withdrawal(&self) -> bool {
        self.ttl.is_zero()
    }

    /// Whether a packet may carry this address: a unicast address and port that mean the same
    /// everywhere, written in one way. Link-local IPv6 needs a scope, which only its own host knows.
    pub fn can_carry(address: SocketAddr) -> bool {
        let unicast = !address.ip().is_unspecified() && !address.ip().is_multicast();
        unicast
            && address.port() != 0
            && match address {
                SocketAddr::V4(v4) => !v4.ip().is_broadcast(),
                SocketAddr::V6(v6) => {
                    v6.ip().to_ipv4_mapped().is_none()
                        && !v6.ip().is_unicast_link_local()
                        && v6.scope_id() == 0
                        && v6.flowinfo() == 0
                }
            }
    }
}

impl Packet {
    /// The longest packet in octets: wrapped in a DNS record it still fits a pkarr relay, and a
    /// BEP 44 value of Mainline.
    pub const MAX_LENGTH: usize = 900;

    /// Writes and signs a registration.
    ///
    /// # Errors
    /// When the registration breaks a rule of the format or is too long; see [`EncodeError`].
    pub fn sign(registration: &Registration, key: &KeyPair) -> Result<Packet, EncodeError> {
        if registration.key != key.public() {
            return Err(EncodeError::OtherKey);
        }
        check(registration)?;
        let mut bytes = Vec::with_capacity(Packet::MAX_LENGTH);
        bytes.extend_from_slice(MAGIC);
        bytes.push(VERSION);
        fields::encode(registration, &mut bytes);
        if bytes.len() + SIGNATURE_LENGTH > Packet::MAX_LENGTH {
            return Err(EncodeError::TooLong(bytes.len() + SIGNATURE_LENGTH));
        }
        let signature = key.sign(&signed(&bytes));
        bytes.extend_from_slice(&signature);
        let registration = Arc::new(registration.clone());
        Ok(Packet { bytes: bytes.into(), registration, signer: key.public() })
    }

    /// Reads a packet: structure first, which is cheap, then the signature.
    ///
    /// # Errors
    /// See [`PacketError`]; no input panics.
    pub fn decode(bytes: &[u8]) -> Result<Packet, PacketError> {
        if bytes.len() > Packet::MAX_LENGTH {
            return Err(PacketError::TooLong);
        }
        let (content, signature) =
            bytes.split_last_chunk::<SIGNATURE_LENGTH>().ok_or(PacketError::Truncated)?;
        let registration = decode_content(content)?;
        verify(&registration.key, content, signature)?;
        let signer = registration.key;
        Ok(Packet { bytes: bytes.into(), registration: Arc::new(registration), signer })
    }

    /// This packet, whose sealed part says `registration`.
    pub(super) fn unsealed(&self, registration: Registration) -> Packet {
        Packet { registration: Arc::new(registration), ..self.clone() }
    }

    /// The packet as it was signed, for overlays.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// What it says.
    pub fn registration(&self) -> &Registration {
        &self.registration
    }

    /// The key under which it lies and for which calls are left: that of its owner, or a blinded one.
    pub fn signer(&self) -> PublicKey {
        self.signer
    }

    /// The instant at which it ends, by its owner's clock.
    pub fn expires(&self) -> Timestamp {
        self.registration.expires()
    }
}

impl PartialEq for Packet {
    fn eq(&self, other: &Packet) -> bool {
        self.bytes == other.bytes
    }
}

impl Eq for Packet {}

impl fmt::Debug for Packet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Packet").field(&self.registration).finish()
    }
}

/// What a signature covers.
pub(super) fn signed(content: &[u8]) -> Vec<u8> {
    [DOMAIN, content].concat()
}

fn verify(key: &PublicKey, content: &[u8], signature: &Signature) -> Result<(), PacketError> {
    key.verify(&signed(content), signature).map_err(|_| match key.fault_of(signature) {
        SignatureFault::WeakKey => PacketError::WeakKey,
        SignatureFault::Malleable => PacketError::Malleable,
        SignatureFault::Mismatch => PacketError::Signature,
    })
}

fn decode_content(content: &[u8]) -> Result<Registration, PacketError> {
    let rest = content.strip_prefix(MAGIC).ok_or(PacketError::Magic)?;
    let (version, payload) = rest.split_first().ok_or(PacketError::Truncated)?;
    if *version != VERSION {
        return Err(PacketError::Version(*version));
    }
    fields::decode(payload)
}

/// Whether a registration keeps the rules of the format.
pub(super) fn check(registration: &Registration) -> Result<(), EncodeError> {
    let Registration { ttl, locators, rendezvous, certificates, .. } = registration;
    if ttl.subsec_nanos() != 0 || *ttl > Registration::MAX_TTL {
        return Err(EncodeError::Ttl(*ttl));
    }
    let too_many = locators.len() > Registration::MAX_LOCATORS
        || rendezvous.len() > Registration::MAX_RENDEZVOUS
        || certificates.len() > Registration::MAX_CERTIFICATES;
    if too_many {
        return Err(EncodeError::TooMany);
    }
    let addresses = locators.iter().copied().chain(rendezvous.iter().map(|r| r.address));
    if let Some(bad) = addresses.into_iter().find(|a| !Registration::can_carry(*a)) {
        return Err(EncodeError::Address(bad));
    }
    if has_equal(locators) || has_equal(rendezvous) || has_equal(certificates) {
        return Err(EncodeError::Repeated);
    }
    if certificates.iter().any(Vec::is_empty) {
        return Err(EncodeError::EmptyCertificate);
    }
    Ok(())
}

fn has_equal<T: Eq + Hash>(list: &[T]) -> bool {
    let mut seen = HashSet::with_capacity(list.len());
    !list.iter().all(|item| seen.insert(item))
}

#[cfg(test)]
mod tests;
