//! Secrets that are known by their hash.

use ring::digest::{SHA256, digest};

/// SHA-256 of a secret with enough random bits: that a hash is compared, or looked up, tells nothing about the secret
/// by the time it takes.
pub type SecretHash = [u8; 32];

/// That of a secret.
pub fn secret_hash(secret: &str) -> SecretHash {
    let mut hash = SecretHash::default();
    hash.copy_from_slice(digest(&SHA256, secret.as_bytes()).as_ref());
    hash
}
