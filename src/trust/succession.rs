//! Succession: a person says in advance which key follows the present one, without showing it.
//!
//! The commitment is the slot of the next key, a 160-bit hash of it. It travels in registration packets
//! among the certificates, told from them by its first octet. A contact who has seen it follows to the
//! next key without a question; the first commitment seen counts, so that a thief of the present key
//! cannot name another heir.

use std::fmt;

use crate::identity::{PublicKey, Slot};

/// Which key follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Successor(Slot);

/// Certificates begin with 1.
const KIND: u8 = 2;

impl Successor {
    /// The commitment to a key.
    pub fn of(next: &PublicKey) -> Successor {
        Successor(Slot::of_key(next))
    }

    /// Whether it is this key that was meant.
    pub fn is(&self, key: &PublicKey) -> bool {
        self.0 == Slot::of_key(key)
    }

    /// The form in packets.
    pub fn to_statement(self) -> Vec<u8> {
        [&[KIND], &self.0.0[..]].concat()
    }

    /// The commitment among the statements of a packet.
    pub fn among(statements: &[Vec<u8>]) -> Option<Successor> {
        let read = |statement: &Vec<u8>| {
            let slot = statement.strip_prefix(&[KIND])?;
            Some(Successor(Slot(slot.try_into().ok()?)))
        };
        statements.iter().find_map(read)
    }

    /// Reads the printed form.
    pub fn parse(text: &str) -> Option<Successor> {
        Slot::from_hex(text).map(Successor)
    }
}

impl fmt::Display for Successor {
    /// 40 hexadecimal digits.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_commitment_fits_one_key() {
        let (next, other) = (PublicKey([1; 32]), PublicKey([2; 32]));
        let successor = Successor::of(&next);
        assert!(successor.is(&next) && !successor.is(&other));
        assert_eq!(Successor::parse(&successor.to_string()), Some(successor));
        let statements = [vec![1, 2, 3], vec![KIND, 0], successor.to_statement()];
        assert_eq!(Successor::among(&statements), Some(successor));
        assert_eq!(Successor::among(&statements[..2]), None);
    }
}
