//! A TURN server and the account on it.

use std::fmt;

use zeroize::Zeroizing;

use crate::link::stun::ServerAddress;

/// Longer names and passwords are refused: RFC 8489 allows 509 octets of a user name.
const MAX_LENGTH: usize = 508;

/// Where a TURN server is, and who we are there.
#[derive(Clone)]
pub struct TurnServer {
    /// Its address.
    pub address: ServerAddress,
    pub(super) user: String,
    pub(super) password: Zeroizing<String>,
}

impl TurnServer {
    /// Parses `turn:user:password@host:port`; the port is 3478 if left out. The user name has no colon.
    pub fn parse(text: &str) -> Option<TurnServer> {
        let (account, address) = text.strip_prefix("turn:")?.rsplit_once('@')?;
        let (user, password) = account.split_once(':')?;
        let fits = |text: &str| {
            !text.is_empty() && text.len() <= MAX_LENGTH && !text.chars().any(char::is_control)
        };
        (fits(user) && fits(password)).then_some(())?;
        let (user, password) = (user.to_owned(), Zeroizing::new(password.to_owned()));
        Some(TurnServer { address: ServerAddress::parse(address)?, user, password })
    }
}

impl PartialEq for TurnServer {
    fn eq(&self, other: &TurnServer) -> bool {
        let passwords = (self.password.as_bytes(), other.password.as_bytes());
        self.address == other.address
            && self.user == other.user
            && ring::digest::digest(&ring::digest::SHA256, passwords.0).as_ref()
                == ring::digest::digest(&ring::digest::SHA256, passwords.1).as_ref()
    }
}

/// Without the password.
impl fmt::Debug for TurnServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TurnServer({}@{})", self.user, self.address)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_people_write() {
        let server = TurnServer::parse("turn:alice:p@ss:word@turn.example.org:3479").unwrap();
        assert_eq!(server.address.to_string(), "turn.example.org:3479");
        assert_eq!((server.user.as_str(), server.password.as_str()), ("alice", "p@ss:word"));
        assert_eq!(format!("{server:?}"), "TurnServer(alice@turn.example.org:3479)");
        for text in ["", "turn:", "turn:alice@host", "turn::p@host", "turn:a:@host", "a:b@host"] {
            assert_eq!(TurnServer::parse(text), None, "{text}");
        }
    }
}
