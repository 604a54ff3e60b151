//! A contact: a name whose key this person has accepted, and on what ground.

use std::{fmt, str::FromStr};

use crate::identity::{Name, PublicKey, Timestamp};

/// A name, the key that belongs to it, and how this person knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contact {
    /// Whose contact it is.
    pub name: Name,
    /// The key that belongs to the name.
    pub key: PublicKey,
    /// On what ground.
    pub binding: Binding,
    /// Since when, in whole seconds in the text form.
    pub since: Timestamp,
}

/// On what ground a key is taken for a name's, the strongest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Binding {
    /// The person has compared or typed the key.
    Pinned,
    /// An authority that the person trusts for this name has certified it.
    Certified,
    /// The web site of the name's domain says so.
    Domain,
    /// It was the first key that claimed the name.
    FirstUse,
}

impl Binding {
    /// Every binding, the strongest first.
    pub const ALL: [Binding; 4] =
        [Binding::Pinned, Binding::Certified, Binding::Domain, Binding::FirstUse];

    /// Whether this is the better ground of two different ones.
    pub fn is_stronger_than(self, other: Binding) -> bool {
        let rank = |binding| Binding::ALL.iter().position(|b| *b == binding);
        rank(self) < rank(other)
    }

    /// The word for it in files, headers and commands.
    pub fn as_str(self) -> &'static str {
        match self {
            Binding::Pinned => "pinned",
            Binding::Certified => "certified",
            Binding::Domain => "domain",
            Binding::FirstUse => "first-use",
        }
    }
}

impl fmt::Display for Binding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Binding {
    type Err = ();

    fn from_str(text: &str) -> Result<Binding, ()> {
        Binding::ALL.into_iter().find(|binding| binding.as_str() == text).ok_or(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bindings_have_an_order_of_strength() {
        for (i, one) in Binding::ALL.into_iter().enumerate() {
            for (j, other) in Binding::ALL.into_iter().enumerate() {
                assert_eq!(one.is_stronger_than(other), i < j, "{one} {other}");
            }
            assert_eq!(one.to_string().parse(), Ok(one));
        }
        assert_eq!("Pinned".parse::<Binding>(), Err(()));
    }
}
