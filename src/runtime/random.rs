//! Randomness from the operating system.

use ring::rand::{SecureRandom, SystemRandom};

/// Unpredictable octets, for keys and nonces.
///
/// # Panics
/// When the operating system has no source of randomness: no key could be trusted then.
pub fn bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    SystemRandom::new().fill(&mut bytes).expect("the operating system gives random numbers");
    bytes
}

/// An unpredictable number, for identifiers and jitter.
pub fn number() -> u64 {
    u64::from_ne_bytes(bytes())
}
