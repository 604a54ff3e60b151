//! Authorities: somebody's offline signing keys, and the names for which this person trusts them.
//!
//! An authority hands out a text that says what it is; it is not signed, because whoever adds it has to
//! know from whom it comes:
//!
//! ```text
//! p2p authority 1
//! name club
//! for *@example.com
//! key RWQ…(as in the public key file)
//! ```
//!
//! Several keys stand there while one takes over from the other.

use std::{fmt, str::FromStr};

use super::pattern::Pattern;
use crate::identity::{Name, PublicKeyFile, Timestamp};

/// What this person calls an authority: `club`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AuthorityName(Box<str>);

impl AuthorityName {
    /// The longest in octets.
    pub const MAX_LENGTH: usize = 32;

    /// Reads a name: letters, digits, dots and hyphens, and no name of a person.
    pub fn parse(text: &str) -> Option<AuthorityName> {
        let text = text.to_ascii_lowercase();
        let letters = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-.".contains(&b);
        let fits = !text.is_empty()
            && text.len() <= AuthorityName::MAX_LENGTH
            && text.bytes().all(letters)
            && text.as_bytes()[0].is_ascii_alphanumeric();
        fits.then(|| AuthorityName(text.into()))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for AuthorityName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for AuthorityName {
    type Err = ();

    fn from_str(text: &str) -> Result<AuthorityName, ()> {
        AuthorityName::parse(text).ok_or(())
    }
}

/// Somebody whose certificates count for certain names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authority {
    /// What it is called.
    pub name: AuthorityName,
    /// For which names it counts.
    pub patterns: Vec<Pattern>,
    /// Its keys: one, or more while one takes over from another.
    pub keys: Vec<PublicKeyFile>,
    /// Since when it is trusted, in whole seconds.
    pub since: Timestamp,
}

const HEADER: &str = "p2p authority 1";

impl Authority {
    /// How many keys one authority can have at a time.
    pub const MAX_KEYS: usize = 4;
    /// For how many patterns one can be trusted.
    pub const MAX_PATTERNS: usize = 16;
    /// The longest text in octets that is read.
    pub const MAX_TEXT: usize = 16 * 1024;

    /// Whether it counts for a name.
    pub fn is_for(&self, name: &Name) -> bool {
        self.patterns.iter().any(|pattern| pattern.matches(name))
    }

    /// The patterns, for people.
    pub fn patterns_text(&self) -> String {
        self.patterns.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
    }

    /// The text that it hands out.
    pub fn to_text(&self) -> String {
        let mut text = format!("{HEADER}\nname {}\n", self.name);
        for pattern in &self.patterns {
            text.push_str(&format!("for {pattern}\n"));
        }
        for key in &self.keys {
            text.push_str(&format!("key {}\n", key.to_line()));
        }
        text
    }

    /// Reads the text that an authority hands out. None for everything else.
    pub fn parse(text: &str, since: Timestamp) -> Option<Authority> {
        let mut lines = text.lines().map(str::trim_end).filter(|line| !line.is_empty());
        if text.len() > Authority::MAX_TEXT || lines.next()? != HEADER {
            return None;
        }
        let name = AuthorityName::parse(lines.next()?.strip_prefix("name ")?)?;
        let (mut patterns, mut keys) = (Vec::new(), Vec::new());
        for line in lines {
            match line.split_once(' ')? {
                ("for", pattern) => patterns.push(Pattern::parse(pattern).ok()?),
                ("key", key) => keys.push(PublicKeyFile::parse(key).ok()?),
                _ => return None,
            }
        }
        let authority = Authority { name, patterns, keys, since };
        authority.is_whole().then_some(authority)
    }

    /// Whether it has keys and patterns, and not too many, and none twice.
    pub(super) fn is_whole(&self) -> bool {
        let keys_differ = self.keys.iter().enumerate().all(|(index, key)| {
            self.keys[..index].iter().all(|other| other.id != key.id && other.key != key.key)
        });
        (1..=Authority::MAX_KEYS).contains(&self.keys.len())
            && (1..=Authority::MAX_PATTERNS).contains(&self.patterns.len())
            && keys_differ
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::PublicKey;

    #[test]
    fn the_text_comes_back() {
        let key = |n| PublicKeyFile::new(PublicKey([n; 32]));
        let authority = Authority {
            name: AuthorityName::parse("Club").unwrap(),
            patterns: vec![Pattern::parse("example.com").unwrap()],
            keys: vec![key(1), key(2)],
            since: Timestamp::default(),
        };
        let text = authority.to_text();
        assert_eq!(Authority::parse(&text, Timestamp::default()), Some(authority));
        for bad in [
            "",
            &text.replace("authority 1", "authority 2"),
            &text.replace("for ", "from "),
            &text.replace("for *@example.com\n", ""),
            &format!("{text}key {}\n", key(1).to_line()),
            &text.replace("name club", "name a b"),
        ] {
            assert_eq!(Authority::parse(bad, Timestamp::default()), None, "{bad}");
        }
        for bad in ["", "-a", "a b", "bob@example.com", "a:b", "a/b", &"a".repeat(33)] {
            assert_eq!(AuthorityName::parse(bad), None, "{bad}");
        }
    }
}
