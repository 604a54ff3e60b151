//! Unpredictable octets from one seed, so that the path agent needs no operating system.

use std::fmt;

use ring::hmac;

/// A deterministic generator: HMAC-SHA256 of a counter under the seed. Whoever does not know the
/// seed cannot tell its output from random; a simulation that does can repeat a run.
pub(super) struct Drbg {
    key: hmac::Key,
    count: u64,
}

impl Drbg {
    pub(super) fn new(seed: [u8; 32]) -> Drbg {
        Drbg { key: hmac::Key::new(hmac::HMAC_SHA256, &seed), count: 0 }
    }

    pub(super) fn next(&mut self) -> [u8; 32] {
        self.count += 1;
        let mut octets = [0; 32];
        octets.copy_from_slice(hmac::sign(&self.key, &self.count.to_be_bytes()).as_ref());
        octets
    }

    /// An id for a STUN transaction (RFC 8489, section 5).
    pub(super) fn transaction_id(&mut self) -> [u8; 12] {
        let mut id = [0; 12];
        id.copy_from_slice(&self.next()[..12]);
        id
    }
}

impl fmt::Debug for Drbg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Drbg")
    }
}
