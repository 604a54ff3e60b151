//! Names like `alice@example.com`: strict parsing of what people type and URLs carry.
//!
//! A name looks like a mail address and is compared octet by octet. It has one spelling: lower case,
//! ASCII. It is a claim until a key is bound to it, which is the business of [`crate::trust`].

use std::{fmt, str::FromStr};

/// A validated name, `user@domain`.
///
/// The user part is dot-separated parts of `a-z 0-9 - _ +`, none of them `at`, so that the form with
/// `.at.` for `@` can be read back. The domain is dot-separated DNS labels (RFC 1123).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name {
    text: Box<str>,
    at: u8,
}

impl Name {
    /// The longest name in octets; what a mail address may have (RFC 5321, 4.5.3.1.3).
    pub const MAX_LENGTH: usize = 254;
    /// The longest user part in octets (RFC 5321, 4.5.3.1.1).
    pub const MAX_USER_LENGTH: usize = 64;

    /// Reads a name; upper-case ASCII letters are taken as lower case, as URL parsers do.
    ///
    /// # Errors
    /// Says which rule the text breaks; see [`NameError`].
    pub fn parse(text: &str) -> Result<Name, NameError> {
        if text.len() > Name::MAX_LENGTH {
            return Err(NameError::TooLong);
        }
        let text = text.to_ascii_lowercase();
        let (user, domain) = text.split_once('@').ok_or(NameError::NoAt)?;
        check_user(user)?;
        check_domain(domain)?;
        let at = user.len() as u8; // at most 64
        Ok(Name { text: text.into(), at })
    }

    /// The whole name.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// What stands before the `@`.
    pub fn user(&self) -> &str {
        &self.text[..self.at.into()]
    }

    /// What stands behind the `@`.
    pub fn domain(&self) -> &str {
        &self.text[usize::from(self.at) + 1..]
    }
}

fn check_user(user: &str) -> Result<(), NameError> {
    if user.is_empty() {
        return Err(NameError::EmptyUser);
    }
    if user.len() > Name::MAX_USER_LENGTH {
        return Err(NameError::UserTooLong);
    }
    for part in user.split('.') {
        if part.is_empty() {
            return Err(NameError::EmptyPart);
        }
        if part == "at" {
            return Err(NameError::PartAt);
        }
        if let Some(bad) = part.chars().find(|c| !is_user_char(*c)) {
            return Err(NameError::UserCharacter(bad));
        }
    }
    Ok(())
}

fn check_domain(domain: &str) -> Result<(), NameError> {
    if domain.is_empty() {
        return Err(NameError::EmptyDomain);
    }
    for label in domain.split('.') {
        if label.is_empty() {
            return Err(NameError::EmptyPart);
        }
        if let Some(bad) = label.chars().find(|c| !is_label_char(*c)) {
            return Err(NameError::DomainCharacter(bad));
        }
        if label.len() > 63 || label.starts_with('-') || label.ends_with('-') {
            return Err(NameError::DomainLabel);
        }
    }
    Ok(())
}

fn is_user_char(c: char) -> bool {
    is_label_char(c) || c == '_' || c == '+'
}

fn is_label_char(c: char) -> bool {
    c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-'
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for Name {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Name, NameError> {
        Name::parse(text)
    }
}

/// Which rule a text breaks that should have been a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NameError {
    /// There is no `@` in it.
    NoAt,
    /// It is longer than [`Name::MAX_LENGTH`].
    TooLong,
    /// Nothing stands before the `@`.
    EmptyUser,
    /// The user part is longer than [`Name::MAX_USER_LENGTH`].
    UserTooLong,
    /// Nothing stands behind the `@`.
    EmptyDomain,
    /// Two dots follow each other, or one stands at an end.
    EmptyPart,
    /// A dot-separated part of the user is `at`, which stands for `@` in URLs.
    PartAt,
    /// The user part holds a character that names cannot have.
    UserCharacter(char),
    /// The domain holds a character that domains cannot have.
    DomainCharacter(char),
    /// A label of the domain is longer than 63 octets or has a hyphen at an end.
    DomainLabel,
}

impl fmt::Display for NameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NameError::NoAt => f.write_str("a name looks like alice@example.com"),
            NameError::TooLong => write!(f, "a name has at most {} characters", Name::MAX_LENGTH),
            NameError::EmptyUser => f.write_str("nothing stands before the @"),
            NameError::UserTooLong => {
                write!(f, "before the @ are at most {} characters", Name::MAX_USER_LENGTH)
            }
            NameError::EmptyDomain => f.write_str("nothing stands behind the @"),
            NameError::EmptyPart => f.write_str("a part between dots is empty"),
            NameError::PartAt => f.write_str("\".at.\" stands for the @ in web addresses"),
            NameError::UserCharacter(c) => {
                write!(f, "{c:?} cannot stand before the @ (a-z 0-9 . - _ + can)")
            }
            NameError::DomainCharacter(c) => {
                write!(f, "{c:?} cannot stand in the domain (a-z 0-9 . - can)")
            }
            NameError::DomainLabel => {
                f.write_str("a part of the domain is over 63 characters or has a hyphen at an end")
            }
        }
    }
}

impl std::error::Error for NameError {}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn splits_at_the_at() {
        let name = Name::parse("Alice.B+c_d@Example.COM").unwrap();
        assert_eq!(name.as_str(), "alice.b+c_d@example.com");
        assert_eq!((name.user(), name.domain()), ("alice.b+c_d", "example.com"));
    }

    #[test]
    fn says_which_rule_is_broken() {
        let long_label = format!("a@{}.com", "b".repeat(64));
        let long_user = format!("{}@example.com", "a".repeat(65));
        let long = format!("a@{}com", "b.".repeat(126));
        for (text, error) in [
            ("", NameError::NoAt),
            ("alice", NameError::NoAt),
            ("@example.com", NameError::EmptyUser),
            ("alice@", NameError::EmptyDomain),
            (".alice@example.com", NameError::EmptyPart),
            ("alice.@example.com", NameError::EmptyPart),
            ("a..b@example.com", NameError::EmptyPart),
            ("alice@example.com.", NameError::EmptyPart),
            ("alice@.com", NameError::EmptyPart),
            ("at@example.com", NameError::PartAt),
            ("alice.AT.work@example.com", NameError::PartAt),
            ("al ice@example.com", NameError::UserCharacter(' ')),
            ("al\nice@example.com", NameError::UserCharacter('\n')),
            ("zo\u{eb}@example.com", NameError::UserCharacter('\u{eb}')),
            ("alice@bob@example.com", NameError::DomainCharacter('@')),
            ("alice@exam_ple.com", NameError::DomainCharacter('_')),
            ("alice@127.0.0.1:80", NameError::DomainCharacter(':')),
            ("alice@-example.com", NameError::DomainLabel),
            ("alice@example-.com", NameError::DomainLabel),
            (&long_label, NameError::DomainLabel),
            (&long_user, NameError::UserTooLong),
            (&long, NameError::TooLong),
        ] {
            assert_eq!(Name::parse(text), Err(error), "{text:?}");
        }
    }

    #[test]
    fn the_longest_name_is_a_name() {
        let domain = [&"b".repeat(63)[..]; 3].join(".");
        let name = format!("{}@{}", "a".repeat(62), domain);
        assert_eq!(name.len(), Name::MAX_LENGTH);
        assert_eq!(Name::parse(&name).unwrap().domain(), domain);
        assert_eq!(Name::parse(&format!("a{name}")), Err(NameError::TooLong));
        let user = "a".repeat(64);
        assert_eq!(Name::parse(&format!("{user}@b")).unwrap().user(), user);
    }

    proptest! {
        #[test]
        fn has_one_spelling(text in "[A-Za-z0-9._+-]{1,12}@[A-Za-z0-9.-]{1,12}") {
            if let Ok(name) = Name::parse(&text) {
                prop_assert_eq!(name.as_str(), text.to_ascii_lowercase());
                prop_assert_eq!(Name::parse(&text.to_ascii_uppercase()), Ok(name.clone()));
                prop_assert_eq!(format!("{}@{}", name.user(), name.domain()), name.as_str());
                prop_assert!(name.user().split('.').all(|part| part != "at"));
            }
        }

        #[test]
        fn any_text_is_read_or_refused(text in "\\PC{0,300}") {
            if let Err(error) = Name::parse(&text) {
                prop_assert!(!error.to_string().ends_with('.'));
            }
        }
    }
}
