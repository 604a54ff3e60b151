//! Blinded keys: key pairs made from an identity's and a secret, which nobody can link to the identity
//! without the secret.
//!
//! As in Tor's version 3 onion services (rend-spec-v3, appendix A.2) the secret becomes a scalar by which the
//! key is multiplied. Who has the public key and the secret computes the blinded public key; only who has
//! the secret key as well can sign. The signatures are plain Ed25519 (RFC 8032), so that whoever verifies
//! signatures takes them.

use std::fmt;

use ed25519_compact as ed25519;
use zeroize::Zeroizing;

use super::key::{KeyPair, PublicKey, Signature, SignatureError};

/// The secret that turns a key into another one; zeroed when dropped.
pub type Blind = Zeroizing<[u8; 32]>;

/// Tells these blinded keys from those of any other use.
const CONTEXT: &[u8] = b"p2p blinded key v1\0";

impl PublicKey {
    /// The key under which the owner of this one signs for those who know `blind`.
    ///
    /// # Errors
    /// When the key is not a point of the curve.
    pub fn blinded(&self, blind: &Blind) -> Result<PublicKey, SignatureError> {
        let key = ed25519::PublicKey::new(self.0);
        let blinded = key.blind(&ed25519::Blind::new(**blind), CONTEXT);
        blinded.map(|key| PublicKey(*key)).map_err(|_| SignatureError)
    }
}

impl KeyPair {
    /// The key pair that signs for those who know `blind`.
    pub fn blinded(&self, blind: &Blind) -> BlindedKeyPair {
        BlindedKeyPair { pair: self.pair.blind(&ed25519::Blind::new(**blind), CONTEXT) }
    }
}

/// A blinded key pair. Its secret half is wiped when it is dropped and never printed.
#[derive(Clone)]
pub struct BlindedKeyPair {
    pair: ed25519::BlindKeyPair,
}

impl BlindedKeyPair {
    /// The public half, as [`PublicKey::blinded`] gives it.
    pub fn public(&self) -> PublicKey {
        PublicKey(*self.pair.blind_pk)
    }

    /// Signs `message`; the signature verifies as any other of the public half.
    pub fn sign(&self, message: &[u8]) -> Signature {
        *self.pair.blind_sk.sign(message, None)
    }
}

impl fmt::Debug for BlindedKeyPair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BlindedKeyPair({})", self.public().fingerprint())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::Seed;

    fn pair(seed: u8) -> KeyPair {
        KeyPair::from_seed(&Seed::new([seed; 32]))
    }

    #[test]
    fn who_knows_the_secret_finds_the_key_and_cannot_sign() {
        let (alice, blind) = (pair(1), Blind::new([7; 32]));
        let blinded = alice.blinded(&blind);
        assert_eq!(alice.public().blinded(&blind), Ok(blinded.public()));
        assert_ne!(blinded.public(), alice.public());
        let signature = blinded.sign(b"text");
        assert_eq!(blinded.public().verify(b"text", &signature), Ok(()));
        assert_eq!(blinded.public().verify(b"texT", &signature), Err(SignatureError));
        assert_eq!(alice.public().verify(b"text", &signature), Err(SignatureError));
        // neither somebody else's key nor the secret itself makes signatures that fit
        let others = pair(2).blinded(&blind).sign(b"text");
        assert_eq!(blinded.public().verify(b"text", &others), Err(SignatureError));
    }

    #[test]
    fn another_secret_gives_another_key() {
        let keys = [7, 8].map(|n| pair(1).blinded(&Blind::new([n; 32])).public());
        assert_ne!(keys[0], keys[1]);
        let print = format!("{:?}", pair(1).blinded(&Blind::new([7; 32])));
        assert_eq!(print, format!("BlindedKeyPair({})", keys[0].fingerprint()));
    }

    #[test]
    fn what_is_no_point_cannot_be_blinded() {
        let nowhere = PublicKey([2; 32]);
        assert_eq!(nowhere.blinded(&Blind::new([7; 32])), Err(SignatureError));
    }
}
