//! The safety phrase: words that two people see only if each has the other's true key, to compare by voice.
//!
//! Eight words of 256 are 64 bits of scrypt over both keys in order. Whoever wants to stand between the two
//! has to find two keys of his own that make the same phrase, which by the birthday bound takes 2³² keys;
//! scrypt with 32 MiB makes each of them cost a tenth of a second.

use std::{fmt, sync::LazyLock};

use crate::identity::PublicKey;

/// What two people compare.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SafetyPhrase([u8; 8]);

/// Short English words that are hard to mistake for each other.
static WORDS: LazyLock<Vec<&str>> =
    LazyLock::new(|| include_str!("safety_words.txt").split_whitespace().collect());

const DOMAIN: &[u8] = b"p2p safety phrase v1\0";

impl SafetyPhrase {
    /// The phrase of two people; the same for both of them. Takes a tenth of a second and 32 MiB.
    pub fn of(one: &PublicKey, other: &PublicKey) -> SafetyPhrase {
        let mut keys = [one, other];
        keys.sort();
        let both = [&keys[0].as_bytes()[..], keys[1].as_bytes()].concat();
        let params = scrypt::Params::new(15, 8, 1, 32).expect("these are allowed");
        let mut phrase = [0; 8];
        scrypt::scrypt(&both, DOMAIN, &params, &mut phrase).expect("the length is allowed");
        SafetyPhrase(phrase)
    }
}

impl fmt::Display for SafetyPhrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, octet) in self.0.iter().enumerate() {
            let space = if index > 0 { " " } else { "" };
            write!(f, "{space}{}", WORDS[usize::from(*octet)])?;
        }
        Ok(())
    }
}

impl fmt::Debug for SafetyPhrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_see_the_same_and_others_something_else() {
        let key = |n| PublicKey([n; 32]);
        let phrase = SafetyPhrase::of(&key(1), &key(2));
        assert_eq!(phrase, SafetyPhrase::of(&key(2), &key(1)));
        assert_ne!(phrase, SafetyPhrase::of(&key(1), &key(3)));
        assert_eq!(phrase.to_string().split(' ').count(), 8);
    }

    #[test]
    fn there_are_256_different_words() {
        let words: std::collections::BTreeSet<&str> = WORDS.iter().copied().collect();
        assert_eq!((WORDS.len(), words.len()), (256, 256));
        assert!(words.iter().all(|word| word.bytes().all(|b| b.is_ascii_lowercase())));
        assert!(words.iter().all(|word| (3..=9).contains(&word.len())));
    }
}
