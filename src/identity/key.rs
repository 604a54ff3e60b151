//! Ed25519 key pairs (RFC 8032), public keys and the short form that people compare.

use std::{fmt, str::FromStr};

use data_encoding::BASE32_NOPAD_NOCASE;
use ed25519_compact as ed25519;
use ring::digest::{SHA256, digest};
use zeroize::Zeroizing;

use super::Hit;

/// The 32 secret octets from which a key pair is made; zeroed when dropped.
pub type Seed = Zeroizing<[u8; 32]>;

/// The order of the group, in the octets of a signature: a scalar that is not below it is a second form of another.
const ORDER: [u8; 32] = [
    0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
];

/// 64 octets of Ed25519 signature.
pub type Signature = [u8; 64];

/// An Ed25519 public key: the host identity of RFC 7401.
///
/// Not every value is a point of the curve; [`PublicKey::verify`] refuses those that are not, and
/// those of small order.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PublicKey(pub [u8; 32]);

impl PublicKey {
    /// The key's octets.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The tag by which the host identity layer knows this key.
    pub fn hit(&self) -> Hit {
        Hit::of(self)
    }

    /// What people compare by voice or eye.
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of(self)
    }

    /// Checks a signature over exactly `message`.
    ///
    /// # Errors
    /// When the signature is another message's or key's, is malleable, or the key is not usable.
    pub fn verify(&self, message: &[u8], signature: &Signature) -> Result<(), SignatureError> {
        ed25519::PublicKey::new(self.0)
            .verify(message, &ed25519::Signature::new(*signature))
            .map_err(|_| SignatureError)
    }

    /// What is wrong with a signature that [`PublicKey::verify`] refuses.
    pub fn fault_of(&self, signature: &Signature) -> SignatureFault {
        let scalar = signature[32..].iter().rev();
        if !self.is_usable() {
            SignatureFault::WeakKey
        } else if scalar.ge(ORDER.iter().rev()) {
            SignatureFault::Malleable
        } else {
            SignatureFault::Mismatch
        }
    }

    /// Whether the key is a point with which only its owner can sign.
    pub fn is_usable(&self) -> bool {
        self.to_x25519().is_ok()
    }

    /// The same key for Diffie–Hellman (RFC 7748, birationally mapped).
    ///
    /// # Errors
    /// When the key is not a usable point.
    pub fn to_x25519(&self) -> Result<ed25519::x25519::PublicKey, SignatureError> {
        ed25519::x25519::PublicKey::from_ed25519(&ed25519::PublicKey::new(self.0))
            .map_err(|_| SignatureError)
    }
}

impl fmt::Display for PublicKey {
    /// 52 characters of lower-case base32 (RFC 4648, no padding).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&BASE32_NOPAD_NOCASE.encode(&self.0).to_ascii_lowercase())
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({})", self.fingerprint())
    }
}

impl FromStr for PublicKey {
    type Err = SignatureError;

    fn from_str(text: &str) -> Result<PublicKey, SignatureError> {
        let octets = BASE32_NOPAD_NOCASE.decode(text.as_bytes()).map_err(|_| SignatureError)?;
        octets.try_into().map(PublicKey).map_err(|_| SignatureError)
    }
}

/// The short printed form of a public key: 120 bits of its SHA-256 in six groups of four.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint([u8; 15]);

impl Fingerprint {
    fn of(key: &PublicKey) -> Fingerprint {
        let hash = digest(&SHA256, &key.0);
        let mut short = [0; 15];
        short.copy_from_slice(&hash.as_ref()[..15]);
        Fingerprint(short)
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = BASE32_NOPAD_NOCASE.encode(&self.0).to_ascii_lowercase();
        for (i, c) in text.chars().enumerate() {
            if i > 0 && i % 4 == 0 {
                f.write_str("-")?;
            }
            write!(f, "{c}")?;
        }
        Ok(())
    }
}

impl FromStr for Fingerprint {
    type Err = SignatureError;

    /// Reads exactly the printed form.
    fn from_str(text: &str) -> Result<Fingerprint, SignatureError> {
        let octets = BASE32_NOPAD_NOCASE.decode(text.replace('-', "").as_bytes());
        let octets = octets.map_err(|_| SignatureError)?.try_into().map_err(|_| SignatureError)?;
        let read = Fingerprint(octets);
        if read.to_string() == text { Ok(read) } else { Err(SignatureError) }
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A key pair. Its secret half is wiped when it is dropped and never printed.
#[derive(Clone)]
pub struct KeyPair {
    pub(super) pair: ed25519::KeyPair,
}

impl KeyPair {
    /// The pair that belongs to a seed.
    ///
    /// # Panics
    /// For a seed of zeros, which no source of randomness gives.
    pub fn from_seed(seed: &Seed) -> KeyPair {
        KeyPair { pair: ed25519::KeyPair::from_seed(ed25519::Seed::new(**seed)) }
    }

    /// The public half.
    pub fn public(&self) -> PublicKey {
        PublicKey(*self.pair.pk)
    }

    /// The seed, for storing the key or handing it to TLS.
    pub fn seed(&self) -> Seed {
        Zeroizing::new(*self.pair.sk.seed())
    }

    /// Signs `message`; deterministic as in RFC 8032.
    pub fn sign(&self, message: &[u8]) -> Signature {
        *self.pair.sk.sign(message, None)
    }

    /// The secret half for Diffie–Hellman, matching [`PublicKey::to_x25519`].
    ///
    /// # Errors
    /// Never for a pair made by [`KeyPair::from_seed`].
    pub fn to_x25519(&self) -> Result<ed25519::x25519::SecretKey, SignatureError> {
        ed25519::x25519::SecretKey::from_ed25519(&self.pair.sk).map_err(|_| SignatureError)
    }
}

impl fmt::Debug for KeyPair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyPair({})", self.public().fingerprint())
    }
}

/// A key or signature that is malformed or does not fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SignatureError;

impl fmt::Display for SignatureError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the key or its signature is not valid")
    }
}

impl std::error::Error for SignatureError {}

/// What is wrong with a signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignatureFault {
    /// The key is of small order or no point at all: anybody can make signatures that lenient programs take.
    WeakKey,
    /// It is not in the one form that counts; somebody else than the signer may have made it from another.
    Malleable,
    /// It is of another message or key.
    Mismatch,
}

#[cfg(test)]
mod tests {
    use data_encoding::HEXLOWER;
    use proptest::prelude::*;

    use super::*;

    fn octets<const N: usize>(hex: &str) -> [u8; N] {
        HEXLOWER.decode(hex.as_bytes()).unwrap().try_into().unwrap()
    }

    fn pair(seed: u8) -> KeyPair {
        KeyPair::from_seed(&Seed::new([seed; 32]))
    }

    /// RFC 8032, section 7.1, test 2.
    #[test]
    fn signs_as_the_standard_does() {
        let seed = "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb";
        let key = "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c";
        let signature = "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da\
                         085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00";
        let pair = KeyPair::from_seed(&Seed::new(octets(seed)));
        assert_eq!(pair.public().as_bytes(), &octets::<32>(key));
        assert_eq!(pair.sign(&[0x72]), octets::<64>(signature));
        assert_eq!(*pair.seed(), octets::<32>(seed));
    }

    #[test]
    fn a_signature_fits_one_message_and_one_key() {
        let signature = pair(1).sign(b"text");
        assert_eq!(pair(1).public().verify(b"text", &signature), Ok(()));
        assert_eq!(pair(1).public().verify(b"texT", &signature), Err(SignatureError));
        assert_eq!(pair(2).public().verify(b"text", &signature), Err(SignatureError));
        assert_eq!(pair(2).public().fault_of(&signature), SignatureFault::Mismatch);
        // the same scalar plus the group's order, which lenient verifiers take
        let mut malleable = signature;
        let mut carry = 0;
        for (octet, add) in malleable[32..].iter_mut().zip(ORDER) {
            let sum = u16::from(*octet) + u16::from(add) + carry;
            *octet = sum as u8;
            carry = sum >> 8;
        }
        assert_eq!(pair(1).public().verify(b"text", &malleable), Err(SignatureError));
        assert_eq!(pair(1).public().fault_of(&malleable), SignatureFault::Malleable);
    }

    #[test]
    fn both_sides_agree_on_a_secret() {
        let secret = |mine: &KeyPair, theirs: PublicKey| {
            *theirs.to_x25519().unwrap().dh(&mine.to_x25519().unwrap()).unwrap()
        };
        let (alice, bob) = (pair(1), pair(2));
        assert_eq!(secret(&alice, bob.public()), secret(&bob, alice.public()));
        assert_ne!(secret(&alice, bob.public()), secret(&alice, alice.public()));
    }

    #[test]
    fn keys_of_small_order_are_not_usable() {
        let mut neutral = [0; 32];
        neutral[0] = 1;
        let of_order_8 = "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05";
        for weak in [neutral, [0; 32], octets(of_order_8)] {
            assert!(PublicKey(weak).to_x25519().is_err(), "{weak:?}");
            let signature = [&neutral[..], &[0; 32]].concat().try_into().unwrap();
            assert_eq!(PublicKey(weak).verify(b"anything", &signature), Err(SignatureError));
            assert_eq!(PublicKey(weak).fault_of(&signature), SignatureFault::WeakKey);
        }
    }

    #[test]
    fn fingerprints_are_six_groups_of_four() {
        let print = pair(1).public().fingerprint().to_string();
        let groups: Vec<&str> = print.split('-').collect();
        assert_eq!(groups.len(), 6);
        assert!(groups.iter().all(|group| group.len() == 4), "{print}");
        assert_ne!(print, pair(2).public().fingerprint().to_string());
        assert_eq!(print.parse(), Ok(pair(1).public().fingerprint()));
        for bad in [&print[1..], &print.to_uppercase(), &print.replace('-', ""), "", "a-b"] {
            assert_eq!(bad.parse::<Fingerprint>(), Err(SignatureError), "{bad}");
        }
        assert_eq!(format!("{:?}", pair(1)), format!("KeyPair({print})"));
    }

    proptest! {
        #[test]
        fn keys_come_back_from_text(key in any::<[u8; 32]>(), more in "[a-z2-7=]{1,3}") {
            let text = PublicKey(key).to_string();
            prop_assert_eq!(text.parse(), Ok(PublicKey(key)));
            prop_assert_eq!(text.to_uppercase().parse(), Ok(PublicKey(key)));
            prop_assert_eq!(format!("{text}{more}").parse::<PublicKey>(), Err(SignatureError));
            prop_assert_eq!(text[1..].parse::<PublicKey>(), Err(SignatureError));
        }
    }
}
