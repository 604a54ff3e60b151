//! Whom a service lets in.

use std::{fmt, str::FromStr};

use super::{authority::AuthorityName, contact::Binding, recognition::Visitor};
use crate::identity::Name;

/// One rule of an [`AccessList`].
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rule {
    /// `public`: everybody.
    Public,
    /// `contacts`: whoever is in the contact book by more than a first meeting that nobody confirmed.
    Contacts,
    /// `bob@example.com`: who is known by this name, on whatever ground.
    Name(Name),
    /// `*@example.com`: who is known by a name at this domain, by more than a first meeting.
    Domain(Box<str>),
    /// `authority:club`: whom this authority certifies now.
    Authority(AuthorityName),
}

/// Whom a service lets in: whoever fits one of the rules.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct AccessList {
    rules: Vec<Rule>,
}

/// What becomes of a visitor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Admission {
    /// Let in.
    Admitted,
    /// A contact, told that the service is not for him.
    Refused,
    /// A stranger, to whom the service does not exist.
    Hidden,
}

impl Rule {
    /// Reads a rule.
    ///
    /// # Errors
    /// Says what rules there are.
    pub fn parse(text: &str) -> Result<Rule, AccessError> {
        let unknown = || AccessError::Rule(text.chars().take(300).collect());
        match text {
            "public" => return Ok(Rule::Public),
            "contacts" => return Ok(Rule::Contacts),
            _ => {}
        }
        if let Some(name) = text.strip_prefix("authority:") {
            return AuthorityName::parse(name).map(Rule::Authority).ok_or_else(unknown);
        }
        if let Some(domain) = text.strip_prefix("*@") {
            // the rules for domains are those of names
            let name = Name::parse(&format!("a@{domain}")).map_err(|_| unknown())?;
            return Ok(Rule::Domain(name.domain().into()));
        }
        Name::parse(text).map(Rule::Name).map_err(|_| unknown())
    }

    fn fits(&self, visitor: &Visitor) -> bool {
        let mut names = visitor.known_as.iter();
        match self {
            Rule::Public => true,
            Rule::Contacts => {
                names.any(|known| known.is_contact && known.binding != Binding::FirstUse)
            }
            Rule::Name(name) => names.any(|known| known.name == *name),
            Rule::Domain(domain) => names.any(|known| {
                known.name.domain() == &**domain && known.binding != Binding::FirstUse
            }),
            Rule::Authority(authority) => names.any(|known| known.authorities.contains(authority)),
        }
    }
}

impl AccessList {
    /// How many rules a list has at most.
    pub const MAX_RULES: usize = 256;

    /// Everybody.
    pub fn public() -> AccessList {
        AccessList { rules: vec![Rule::Public] }
    }

    /// A list of rules.
    ///
    /// # Errors
    /// When there is none, or there are too many.
    pub fn new(rules: Vec<Rule>) -> Result<AccessList, AccessError> {
        if rules.is_empty() || rules.len() > AccessList::MAX_RULES {
            return Err(AccessError::Count);
        }
        Ok(AccessList { rules })
    }

    /// Reads rules with commas or spaces between.
    ///
    /// # Errors
    /// Says which is none.
    pub fn parse(text: &str) -> Result<AccessList, AccessError> {
        let words = text.split([',', ' ']).filter(|word| !word.is_empty());
        AccessList::new(words.map(Rule::parse).collect::<Result<_, _>>()?)
    }

    /// What becomes of a visitor.
    pub fn admits(&self, visitor: &Visitor) -> Admission {
        if self.rules.iter().any(|rule| rule.fits(visitor)) {
            Admission::Admitted
        } else if visitor.is_contact() {
            Admission::Refused
        } else {
            Admission::Hidden
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Rule::Public => f.write_str("public"),
            Rule::Contacts => f.write_str("contacts"),
            Rule::Name(name) => name.fmt(f),
            Rule::Domain(domain) => write!(f, "*@{domain}"),
            Rule::Authority(name) => write!(f, "authority:{name}"),
        }
    }
}

impl FromStr for Rule {
    type Err = AccessError;

    fn from_str(text: &str) -> Result<Rule, AccessError> {
        Rule::parse(text)
    }
}

impl fmt::Display for AccessList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, rule) in self.rules.iter().enumerate() {
            if index > 0 {
                f.write_str(",")?;
            }
            rule.fmt(f)?;
        }
        Ok(())
    }
}

/// Why something is no access list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AccessError {
    /// This is no rule.
    Rule(String),
    /// There is no rule, or more than [`AccessList::MAX_RULES`].
    Count,
}

impl fmt::Display for AccessError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AccessError::Rule(text) => {
                write!(f, "{text:?} is none of public, contacts, a name, *@DOMAIN, authority:NAME")
            }
            AccessError::Count => write!(f, "1 to {} rules say who may", AccessList::MAX_RULES),
        }
    }
}

impl std::error::Error for AccessError {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::PublicKey;
    use crate::trust::KnownAs;

    fn visitor(known: &[(&str, Binding, bool, Option<&str>)]) -> Visitor {
        let known_as = known.iter().map(|(name, binding, is_contact, authority)| KnownAs {
            name: Name::parse(name).unwrap(),
            binding: *binding,
            is_contact: *is_contact,
            authorities: authority.iter().filter_map(|name| AuthorityName::parse(name)).collect(),
        });
        Visitor { key: PublicKey([1; 32]), known_as: known_as.collect() }
    }

    #[test]
    fn rules_let_in_whom_they_name() {
        use Admission::*;
        let stranger = visitor(&[]);
        let pinned = visitor(&[("bob@example.com", Binding::Pinned, true, None)]);
        let met = visitor(&[("bob@example.com", Binding::FirstUse, true, None)]);
        let member = visitor(&[("bob@example.com", Binding::Certified, false, Some("club"))]);
        let both = visitor(&[
            ("rob@example.org", Binding::Pinned, true, None),
            ("bob@example.com", Binding::Certified, true, Some("club")),
        ]);
        for (rules, expected) in [
            ("public", [Admitted, Admitted, Admitted, Admitted, Admitted]),
            ("contacts", [Hidden, Admitted, Refused, Hidden, Admitted]),
            ("bob@example.com", [Hidden, Admitted, Admitted, Admitted, Admitted]),
            ("carol@example.com", [Hidden, Refused, Refused, Hidden, Refused]),
            ("*@example.com", [Hidden, Admitted, Refused, Admitted, Admitted]),
            ("*@sub.example.com", [Hidden, Refused, Refused, Hidden, Refused]),
            ("authority:club", [Hidden, Refused, Refused, Admitted, Admitted]),
            ("authority:other", [Hidden, Refused, Refused, Hidden, Refused]),
            ("carol@example.com, rob@example.org", [Hidden, Refused, Refused, Hidden, Admitted]),
        ] {
            let list = AccessList::parse(rules).unwrap();
            let all = [&stranger, &pinned, &met, &member, &both];
            assert_eq!(all.map(|visitor| list.admits(visitor)), expected, "{rules}");
            assert_eq!(AccessList::parse(&list.to_string()), Ok(list.clone()));
        }
    }

    #[test]
    fn what_is_no_rule_is_told() {
        for bad in ["everybody", "*", "*@", "authority:", "authority:a b", "@example.com", "PUBLIC"]
        {
            assert!(Rule::parse(bad).is_err(), "{bad}");
        }
        assert_eq!(AccessList::parse(" , "), Err(AccessError::Count));
        let error = AccessList::parse("contacts,friends").unwrap_err();
        assert!(error.to_string().starts_with("\"friends\" is none of public, "), "{error}");
    }
}
