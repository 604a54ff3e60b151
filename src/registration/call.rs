//! Calls: "I want to talk to you, and this is where I am", sealed to one person and left in storage that
//! this person watches.
//!
//! ```text
//! magic "p2pc" ‖ version 1 ‖ sealed message
//! ```
//!
//! Storage carries a call for a minute and learns neither who calls nor from where. What is sealed, and
//! how, is the business of the host identity layer; here it is opaque.

use std::fmt;

/// A call on its way through an overlay.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Call {
    bytes: Box<[u8]>,
}

/// Begins every call: "p2p call".
const MAGIC: &[u8; 4] = b"p2pc";
const VERSION: u8 = 1;
const PREFIX_LENGTH: usize = MAGIC.len() + 1;

impl Call {
    /// The longest call in octets, with its five octets of magic and version.
    pub const MAX_LENGTH: usize = 600;

    /// Wraps a sealed message; None if it is empty or does not fit.
    pub fn new(sealed: &[u8]) -> Option<Call> {
        Call::decode(&[&MAGIC[..], &[VERSION], sealed].concat())
    }

    /// Reads what an overlay gave; None if it is no call.
    pub fn decode(bytes: &[u8]) -> Option<Call> {
        let right = bytes.starts_with(MAGIC)
            && bytes.get(MAGIC.len()) == Some(&VERSION)
            && (PREFIX_LENGTH + 1..=Call::MAX_LENGTH).contains(&bytes.len());
        right.then(|| Call { bytes: bytes.into() })
    }

    /// What overlays carry.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// What only the callee can open.
    pub fn sealed(&self) -> &[u8] {
        &self.bytes[PREFIX_LENGTH..]
    }
}

impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Call({} octets)", self.bytes.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrapped_comes_back() {
        let call = Call::new(b"sealed").unwrap();
        assert_eq!(call.as_bytes(), b"p2pc\x01sealed");
        assert_eq!(Call::decode(call.as_bytes()).unwrap().sealed(), b"sealed");
        assert!(Call::new(&[7; 595]).is_some());
    }

    #[test]
    fn anything_else_is_no_call() {
        for bytes in [&b""[..], b"p2pc", b"p2pc\x01", b"p2pc\x02sealed", b"p2pr\x01sealed"] {
            assert_eq!(Call::decode(bytes), None, "{bytes:?}");
        }
        assert_eq!(Call::new(&[7; 596]), None);
    }
}
