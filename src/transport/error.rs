//! Why there is no stream to a peer.

use std::fmt;

use quinn::{ConnectionError, TransportErrorCode};

use crate::link::{NoPath, RelayRefusal, Way};

use super::refusal::Refusal;
use super::tls::WRONG_KEY_ALERT;

/// Why a stream to a peer could not be opened. Nothing of the request was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConnectError {
    /// No candidate answered a probe within five seconds.
    Unreachable {
        /// Which ways were tried; empty if none is known.
        tried: Vec<Way>,
        /// What rendezvous said that would not help.
        refusals: Vec<RelayRefusal>,
    },
    /// The handshake did not end in time. If a candidate has answered, its way carries small packets only, or
    /// the peer is overloaded.
    HandshakeTimeout {
        /// Whether anything came from the peer; if not, a relay took what was sent to it.
        answered: bool,
    },
    /// Who answered could not prove to own the key.
    WrongKey,
    /// The wanted key is not one that anybody can own.
    InvalidKey,
    /// The wanted key is this host's own.
    Oneself,
    /// So many connections are in use that there is no place for another.
    TooManyConnections,
    /// As many streams to this peer are open as it allows, for longer than a request should wait.
    TooManyStreams,
    /// The peer does not want the connection.
    Refused(Refusal),
    /// The connection broke; the text says how.
    Lost(Box<str>),
    /// This host is shutting down.
    ShutDown,
}

impl From<NoPath> for ConnectError {
    fn from(error: NoPath) -> ConnectError {
        match error {
            NoPath::Unreachable { tried, refusals } => {
                ConnectError::Unreachable { tried, refusals }
            }
            NoPath::Oneself => ConnectError::Oneself,
            NoPath::Key => ConnectError::InvalidKey,
            NoPath::TooManyPeers => ConnectError::TooManyConnections,
        }
    }
}

impl From<ConnectionError> for ConnectError {
    fn from(error: ConnectionError) -> ConnectError {
        match error {
            ConnectionError::TransportError(error)
                if error.code == TransportErrorCode::crypto(WRONG_KEY_ALERT) =>
            {
                ConnectError::WrongKey
            }
            ConnectionError::TimedOut => ConnectError::HandshakeTimeout { answered: true },
            ConnectionError::LocallyClosed => ConnectError::ShutDown,
            ConnectionError::ApplicationClosed(ref close) => {
                match Refusal::from_code(close.error_code) {
                    Some(refusal) => ConnectError::Refused(refusal),
                    None => ConnectError::Lost(error.to_string().into()),
                }
            }
            ConnectionError::ConnectionClosed(ref close)
                if close.error_code == TransportErrorCode::CONNECTION_REFUSED =>
            {
                ConnectError::Refused(Refusal::Busy)
            }
            error => ConnectError::Lost(error.to_string().into()),
        }
    }
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ConnectError::Unreachable { tried, refusals } => {
                let (tried, refusals) = (tried.clone(), refusals.clone());
                NoPath::Unreachable { tried, refusals }.fmt(f)
            }
            ConnectError::HandshakeTimeout { answered: false } => {
                f.write_str("the peer did not answer through the relay")
            }
            ConnectError::HandshakeTimeout { answered: true } => {
                f.write_str("the peer answered, but no connection came about in time")
            }
            ConnectError::WrongKey => f.write_str("who answered does not own the peer's key"),
            ConnectError::InvalidKey => f.write_str("the peer's key is not valid"),
            ConnectError::Oneself => f.write_str("the peer is this very identity"),
            ConnectError::TooManyConnections => f.write_str("too many connections are in use"),
            ConnectError::TooManyStreams => {
                f.write_str("too many requests to the peer are in progress")
            }
            ConnectError::Refused(refusal) => refusal.fmt(f),
            ConnectError::Lost(how) => write!(f, "the connection broke: {how}"),
            ConnectError::ShutDown => f.write_str("this host is shutting down"),
        }
    }
}

impl std::error::Error for ConnectError {}
