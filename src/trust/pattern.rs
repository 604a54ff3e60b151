//! Patterns of names: for whom an authority is trusted.

use std::{fmt, str::FromStr};

use crate::identity::{Name, NameError};

/// Which names are meant. Domains are compared exactly: one does not include those below it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Pattern {
    /// `any-name`: whoever it is.
    AnyName,
    /// `*@example.com`: everybody at the domain.
    Domain(Box<str>),
    /// `bob@example.com`: this name.
    Name(Name),
}

const ANY_NAME: &str = "any-name";

impl Pattern {
    /// Reads a pattern; a bare domain means everybody there.
    ///
    /// # Errors
    /// Says what is wrong with name or domain. A star alone is refused: who means any name says so.
    pub fn parse(text: &str) -> Result<Pattern, NameError> {
        if text == ANY_NAME {
            return Ok(Pattern::AnyName);
        }
        let domain = text.strip_prefix("*@").or_else(|| (!text.contains('@')).then_some(text));
        match domain {
            // the rules for domains are those of names
            Some(domain) => {
                let name = Name::parse(&format!("a@{domain}"))?;
                Ok(Pattern::Domain(name.domain().into()))
            }
            None => Name::parse(text).map(Pattern::Name),
        }
    }

    /// Whether a name is meant.
    pub fn matches(&self, name: &Name) -> bool {
        match self {
            Pattern::AnyName => true,
            Pattern::Domain(domain) => **domain == *name.domain(),
            Pattern::Name(own) => own == name,
        }
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Pattern::AnyName => f.write_str(ANY_NAME),
            Pattern::Domain(domain) => write!(f, "*@{domain}"),
            Pattern::Name(name) => name.fmt(f),
        }
    }
}

impl FromStr for Pattern {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Pattern, NameError> {
        Pattern::parse(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_mean_exactly_what_they_say() {
        let name = |text| Name::parse(text).unwrap();
        for (pattern, meant, not) in [
            ("example.com", "bob@example.com", "bob@sub.example.com"),
            ("*@Example.com", "bob@example.com", "bob@xexample.com"),
            ("bob@example.com", "bob@example.com", "alice@example.com"),
            ("localhost", "bob@localhost", "bob@host"),
        ] {
            let read = Pattern::parse(pattern).unwrap();
            assert!(read.matches(&name(meant)), "{pattern}");
            assert!(!read.matches(&name(not)), "{pattern}");
            assert_eq!(read.to_string().parse(), Ok(read.clone()));
        }
        assert!(Pattern::parse("any-name").unwrap().matches(&name("x@y")));
        for bad in ["*", "*@*", "*@*.com", "a*@example.com", "", "@example.com", "*@"] {
            assert!(Pattern::parse(bad).is_err(), "{bad}");
        }
    }
}
