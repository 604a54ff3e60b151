//! What `p2p allow` has said, kept in the file `access`, so that it holds whichever command is the daemon next;
//! see [`AccessRules`].
//!
//! What a command says when it is started counts more: it takes the place of the line of its port.

use super::{Book, BookError, Pages};
use crate::daemon::home::Home;
use crate::identity::ServicePort;
use crate::service::{Access, AccessRules, AccessRulesError};

/// For whom a registration wants its service to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AccessWish {
    /// For these; what was said of the port before counts no more.
    Said(Access),
    /// For those of whom was said so last, or for these if nothing was.
    Kept(Access),
}

/// Whom ports were opened to by a command of its own.
#[derive(Debug)]
pub struct AccessBook {
    book: Book<AccessRules>,
}

/// Why it cannot be used or changed.
pub type AccessBookError = BookError<AccessRulesError>;

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
                Ok(rules.get(port).unwrap_or(access).clone())
            }
        }
    }

    /// Keeps what is said of a port.
    ///
    /// # Errors
    /// When there is no room, or the file cannot be written.
    pub fn keep(&self, port: ServicePort, access: &Access) -> Result<(), AccessBookError> {
        self.book.change(|rules| rules.set(port, access.clone()))
    }

    /// Forgets what was said of a port.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn forget(&self, port: ServicePort) -> Result<(), AccessBookError> {
        if self.book.pages()?.get(port).is_none() {
            return Ok(());
        }
        self.book.change(|rules| {
            rules.remove(port);
            Ok(())
        })
    }
}

impl Pages for AccessRules {
    const MAX_TEXT: usize = AccessRules::MAX_TEXT;
    type Error = AccessRulesError;

    fn read(text: &str) -> Result<AccessRules, AccessRulesError> {
        AccessRules::parse(text)
    }

    fn write(&self) -> String {
        self.to_text()
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use crate::trust::AccessList;

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
        for text in ["80\n", "80 friends\n", "80 contacts\n80 public\n"] {
            fs::write(home.path("access"), text).unwrap();
            let error = book.decide(port(80), &AccessWish::Kept(Access::default())).unwrap_err();
            assert!(error.to_string().contains("line "), "{error}");
        }
    }
}
