//! For whom ports are, as a text that people may edit too:
//!
//! ```text
//! # port  who  may pages of other sites act
//! 1000 contacts,bob@example.com cross-site
//! ```

use std::fmt;

use super::registry::Access;
use crate::identity::{ServicePort, SortedMap};
use crate::trust::{AccessError, AccessList};

/// For whom each port is of which somebody has said so.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccessRules(SortedMap<ServicePort, Access>);

const HEADER: &str = "# port  who  may pages of other sites act\n";
const CROSS_SITE: &str = "cross-site";

impl AccessRules {
    /// The longest text in octets.
    pub const MAX_TEXT: usize = 1 << 20;

    /// What is said of a port.
    pub fn get(&self, port: ServicePort) -> Option<&Access> {
        self.0.get(&port)
    }

    /// Says for whom a port is, in place of what was said before.
    ///
    /// # Errors
    /// When the text would be longer than is read; nothing has changed then.
    pub fn set(&mut self, port: ServicePort, access: Access) -> Result<(), AccessRulesError> {
        let mut changed = self.clone();
        changed.0.insert(port, access);
        if changed.to_text().len() > AccessRules::MAX_TEXT {
            return Err(AccessRulesError::Full);
        }
        *self = changed;
        Ok(())
    }

    /// Forgets what was said of a port.
    pub fn remove(&mut self, port: ServicePort) {
        self.0.remove(&port);
    }

    /// Reads the text form.
    ///
    /// # Errors
    /// Says which line is no rule.
    pub fn parse(text: &str) -> Result<AccessRules, AccessRulesError> {
        if text.len() > AccessRules::MAX_TEXT {
            return Err(AccessRulesError::Full);
        }
        let mut rules = AccessRules::default();
        for (index, line) in text.lines().enumerate() {
            if line.trim().is_empty() || line.starts_with('#') {
                continue;
            }
            let at = || AccessRulesError::Line(index + 1);
            let fields: Vec<&str> = line.split_ascii_whitespace().collect();
            let (port, who, cross_site) = match fields[..] {
                [port, who] => (port, who, false),
                [port, who, CROSS_SITE] => (port, who, true),
                _ => return Err(at()),
            };
            let port = ServicePort::parse(port).ok_or_else(at)?;
            let list = AccessList::parse(who)
                .map_err(|error| AccessRulesError::Who { line: index + 1, error })?;
            if rules.0.insert(port, Access { list, cross_site }).is_some() {
                return Err(at());
            }
        }
        Ok(rules)
    }

    /// The text form.
    pub fn to_text(&self) -> String {
        let mut text = HEADER.to_owned();
        for (port, Access { list, cross_site }) in self.0.iter() {
            let more = if *cross_site { format!(" {CROSS_SITE}") } else { String::new() };
            text.push_str(&format!("{port} {list}{more}\n"));
        }
        text
    }
}

/// Why a text holds no rules, or cannot be added to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AccessRulesError {
    /// A line, counted from 1, is not a port and whom it is for, or the second about its port.
    Line(usize),
    /// A line names somebody whom no rule can name.
    Who {
        /// Counted from 1.
        line: usize,
        /// What is wrong.
        error: AccessError,
    },
    /// The text is longer than is read, or would be.
    Full,
}

impl fmt::Display for AccessRulesError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AccessRulesError::Line(number) => {
                write!(f, "line {number}: a rule is a port, who may use it, and perhaps cross-site")
            }
            AccessRulesError::Who { line, error } => write!(f, "line {line}: {error}"),
            AccessRulesError::Full => f.write_str("there is no room for more rules"),
        }
    }
}

impl std::error::Error for AccessRulesError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_rule_is_told_by_its_line() {
        for (text, problem) in [
            ("80\n", "line 1: a rule is a port, who may use it, and perhaps cross-site"),
            ("# fine\n80 contacts x\n", "line 2: a rule is a port"),
            ("80 contacts\n80 public\n", "line 2: a rule is a port"),
            ("0 contacts\n", "line 1: a rule is a port"),
            ("80 friends\n", "line 1: \"friends\" is none of public"),
        ] {
            let error = AccessRules::parse(text).unwrap_err().to_string();
            assert!(error.contains(problem), "{error}");
        }
    }

    #[test]
    fn there_is_an_end_to_rules() {
        let long = format!("{}@example.com", "x".repeat(60));
        let list = AccessList::parse(&vec![long; AccessList::MAX_RULES].join(",")).unwrap();
        let access = Access { list, cross_site: true };
        let mut rules = AccessRules::default();
        let set = (1..=u16::MAX).filter_map(ServicePort::new).find_map(|port| {
            let before = rules.clone();
            rules.set(port, access.clone()).err().map(|error| (error, before))
        });
        let (error, before) = set.unwrap();
        assert_eq!((error, &rules), (AccessRulesError::Full, &before));
        assert_eq!(AccessRules::parse(&rules.to_text()), Ok(rules));
        assert_eq!(
            AccessRules::parse(&"#".repeat(AccessRules::MAX_TEXT + 1)),
            Err(AccessRulesError::Full)
        );
    }
}
