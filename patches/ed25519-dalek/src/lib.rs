//! The part of ed25519-dalek that the crate mainline uses, on top of ed25519-compact: one implementation of Ed25519
//! (RFC 8032) in the program instead of two, and one opinion about which signatures are good. `[patch.crates-io]` puts
//! it in the place of the crate whose name it bears; without that, all works with the original.

use ed25519_compact as ed25519;

/// An error of the key or the signature; which, the caller knows.
pub type SignatureError = ed25519::Error;

/// What signs.
pub trait Signer<S> {
    /// The signature of `message`.
    fn sign(&self, message: &[u8]) -> S;
}

/// What tells good signatures from bad ones.
pub trait Verifier<S> {
    /// An error unless `signature` is one of `message`.
    fn verify(&self, message: &[u8], signature: &S) -> Result<(), SignatureError>;
}

/// A signature, which may be a bad one.
#[derive(Clone, Copy, Debug)]
pub struct Signature([u8; 64]);

impl Signature {
    /// The signature of exactly 64 octets, else an error.
    pub fn from_slice(octets: &[u8]) -> Result<Signature, SignatureError> {
        octets.try_into().map(Signature).map_err(|_| SignatureError::InvalidSignature)
    }

    /// As it is sent.
    pub fn to_bytes(&self) -> [u8; 64] {
        self.0
    }
}

impl From<Signature> for [u8; 64] {
    fn from(signature: Signature) -> [u8; 64] {
        signature.0
    }
}

/// A key that signs.
#[derive(Clone)]
pub struct SigningKey(ed25519::KeyPair);

impl SigningKey {
    /// The key that a secret seed gives.
    pub fn from_bytes(seed: &[u8; 32]) -> SigningKey {
        SigningKey(ed25519::KeyPair::from_seed(ed25519::Seed::new(*seed)))
    }

    /// The public half.
    pub fn verifying_key(&self) -> VerifyingKey {
        VerifyingKey(self.0.pk)
    }
}

impl Signer<Signature> for SigningKey {
    fn sign(&self, message: &[u8]) -> Signature {
        Signature(*self.0.sk.sign(message, None))
    }
}

/// A public key, which may be a bad one: nothing is a good signature of such.
#[derive(Clone, Copy, Debug)]
pub struct VerifyingKey(ed25519::PublicKey);

impl VerifyingKey {
    /// As it is sent.
    pub fn to_bytes(&self) -> [u8; 32] {
        *self.0
    }
}

impl TryFrom<&[u8]> for VerifyingKey {
    type Error = SignatureError;

    fn try_from(octets: &[u8]) -> Result<VerifyingKey, SignatureError> {
        ed25519::PublicKey::from_slice(octets).map(VerifyingKey)
    }
}

impl Verifier<Signature> for VerifyingKey {
    fn verify(&self, message: &[u8], signature: &Signature) -> Result<(), SignatureError> {
        self.0.verify(message, &ed25519::Signature::new(signature.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_signed_is_verified_and_nothing_else() {
        let signer = SigningKey::from_bytes(&[7; 32]);
        let key = VerifyingKey::try_from(&signer.verifying_key().to_bytes()[..]).unwrap();
        let signature = signer.sign(b"said");
        let octets: [u8; 64] = signature.into();
        assert_eq!(octets, signature.to_bytes());
        assert!(key.verify(b"said", &Signature::from_slice(&octets).unwrap()).is_ok());
        assert!(key.verify(b"sad", &signature).is_err());
        for at in 0..64 {
            let mut bad = octets;
            bad[at] ^= 1;
            assert!(key.verify(b"said", &Signature(bad)).is_err(), "octet {at}");
        }
    }

    #[test]
    fn wrong_lengths_are_refused() {
        assert!(Signature::from_slice(&[0; 63]).is_err());
        assert!(VerifyingKey::try_from(&[0; 31][..]).is_err());
    }

    #[test]
    fn rfc_8032_7_1_test_1() {
        let seed = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60";
        let public = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";
        let octets = |hex: &str| -> Vec<u8> {
            (0..hex.len())
                .step_by(2)
                .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap())
                .collect()
        };
        let signer = SigningKey::from_bytes(&octets(seed).try_into().unwrap());
        assert_eq!(signer.verifying_key().to_bytes()[..], octets(public));
        assert_eq!(signer.sign(b"").to_bytes()[..4], octets("e5564300"));
    }
}
