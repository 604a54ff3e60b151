//! What `p2p allow` has said, kept in the file `access`, so that it holds whichever command is the daemon next:
//!
//! ```text
//! # port  who  may pages of other sites act
//! 1000 contacts,bob@example.com cross-site
//! ```
//!
//! What a command says when it is started counts more: it takes the place of the line of its port.

use std::{collections::BTreeMap, fmt};

use super::book::{Book, BookError, Pages};
use super::home::Home;
use crate::identity::ServicePort;
use crate::service::Access;
use crate::trust::{AccessError, AccessList};

/// For whom a registration wants its service to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AccessWish {
    /// For these; what was said of the port before counts no more.
    Said(Access),
    /// For those of whom was said so last, or for these if nothing was.
    Kept(Access),
}

/// Whom ports were opened to while their services ran.
#[derive(Debug)]
pub struct AccessBook {
    book: Book<Rules>,
}

/// Why it cannot be used or changed.
pub type AccessBookError = BookError<RulesError>;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Rules(BTreeMap<ServicePort, Access>);

const HEADER: &str = "# port  who  may pages of other sites act\n";
const CROSS_SITE: &str = "cross-site";

impl AccessBook {
    /// The book of a home, which need not exist yet.
    pub fn new(home: &Home) -> AccessBook {
        AccessBook { book: Book::new(home, "access") }
    }

    /// For whom the service at a port is to be.
    ///
    /// # Errors
    /// When the file cannot be read: nobody is let in whom it may keep out.
    pub fn decide(&self, port: ServicePort, wish: &AccessWish) -> Result<Access, AccessBookError> {
        match wish {
            AccessWish::Said(access) => Ok(access.clone()),
            AccessWish::Kept(access) => {
                let rules = self.book.pages()?;
                Ok(rules.0.get(&port).unwrap_or(access).clone())
            }
        }
    }

    /// Keeps what is said of a port.
    ///
    /// # Errors
    /// When there is no room, or the file cannot be written.
    pub fn keep(&self, port: ServicePort, access: &Access) -> Result<(), AccessBookError> {
        self.book.change(|rules| {
            let mut changed = rules.clone();
            changed.0.insert(port, access.clone());
            if changed.write().len() > Rules::MAX_TEXT {
                return Err(RulesError::Full);
            }
            *rules = changed;
            Ok(())
        })
    }

    /// Forgets what was said of a port.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn forget(&self, port: ServicePort) -> Result<(), AccessBookError> {
        if !self.book.pages()?.0.contains_key(&port) {
            return Ok(());
        }
        self.book.change(|rules| {
            rules.0.remove(&port);
            Ok(())
        })
    }
}

impl Pages for Rules {
    const MAX_TEXT: usize = 1 << 20;
    type Error = RulesError;

    fn read(text: &str) -> Result<Rules, RulesError> {
        let mut rules = Rules::default();
        for (index, line) in text.lines().enumerate() {
            if line.trim().is_empty() || line.starts_with('#') {
                continue;
            }
            let at = || RulesError::Line(index + 1);
            let fields: Vec<&str> = line.split_ascii_whitespace().collect();
            let (port, who, cross_site) = match fields[..] {
                [port, who] => (port, who, false),
                [port, who, CROSS_SITE] => (port, who, true),
                _ => return Err(at()),
            };
            let port = ServicePort::parse(port).ok_or_else(at)?;
            let list = AccessList::parse(who)
                .map_err(|error| RulesError::Who { line: index + 1, error })?;
            if rules.0.insert(port, Access { list, cross_site }).is_some() {
                return Err(at());
            }
        }
        Ok(rules)
    }

    fn write(&self) -> String {
        let mut text = HEADER.to_owned();
        for (port, Access { list, cross_site }) in &self.0 {
            let more = if *cross_site { format!(" {CROSS_SITE}") } else { String::new() };
            text.push_str(&format!("{port} {list}{more}\n"));
        }
        text
    }
}

/// Why a text is not what `p2p allow` writes, or cannot be added to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RulesError {
    /// A line, counted from 1, is not a port and whom it is for, or the second about its port.
    Line(usize),
    /// A line names somebody whom no rule can name.
    Who {
        /// Counted from 1.
        line: usize,
        /// What is wrong.
        error: AccessError,
    },
    /// The text would be longer than is read.
    Full,
}

impl fmt::Display for RulesError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RulesError::Line(number) => {
                write!(f, "line {number}: a rule is a port, who may use it, and perhaps cross-site")
            }
            RulesError::Who { line, error } => write!(f, "line {line}: {error}"),
            RulesError::Full => f.write_str("there is no room for more rules"),
        }
    }
}

impl std::error::Error for RulesError {}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn access(list: &str, cross_site: bool) -> Access {
        Access { list: AccessList::parse(list).unwrap(), cross_site }
    }

    fn port(number: u16) -> ServicePort {
        ServicePort::new(number).unwrap()
    }

    #[test]
    fn what_was_said_last_counts_until_a_command_says_otherwise() {
        let root = tempfile::tempdir().unwrap();
        let home = Home::locate(Some(root.path())).unwrap();
        let book = AccessBook::new(&home);
        let (everybody, few) = (Access::default(), access("contacts,bob@example.com", true));
        let kept = AccessWish::Kept(everybody.clone());
        assert_eq!(book.decide(port(80), &kept).unwrap(), everybody);
        book.keep(port(80), &few).unwrap();
        book.keep(port(81), &access("authority:club", false)).unwrap();
        let again = AccessBook::new(&home);
        assert_eq!(again.decide(port(80), &kept).unwrap(), few);
        let said = AccessWish::Said(everybody.clone());
        assert_eq!(again.decide(port(80), &said).unwrap(), everybody);
        again.forget(port(80)).unwrap();
        assert_eq!(book.decide(port(80), &kept).unwrap(), everybody);
        assert_eq!(book.decide(port(81), &kept).unwrap(), access("authority:club", false));
    }

    #[test]
    fn a_damaged_file_opens_nothing() {
        let root = tempfile::tempdir().unwrap();
        let home = Home::locate(Some(root.path())).unwrap();
        let book = AccessBook::new(&home);
        for (text, problem) in [
            ("80\n", "line 1: a rule is a port, who may use it, and perhaps cross-site"),
            ("# fine\n80 contacts x\n", "line 2: a rule is a port"),
            ("80 contacts\n80 public\n", "line 2: a rule is a port"),
            ("0 contacts\n", "line 1: a rule is a port"),
            ("80 friends\n", "line 1: \"friends\" is none of public"),
        ] {
            fs::write(home.path("access"), text).unwrap();
            let wish = AccessWish::Kept(Access::default());
            let error = book.decide(port(80), &wish).unwrap_err().to_string();
            assert!(error.contains(problem), "{error}");
        }
    }
}
