//! Why a peer cannot be reached.

use std::fmt;

use super::{agent::DialError, way::Way};

/// Why there is no path to a peer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoPath {
    /// No candidate answered in five seconds.
    Unreachable {
        /// Which ways were tried; empty if none is known.
        tried: Vec<Way>,
    },
    /// The key is this host's own.
    Oneself,
    /// The key is not one that anybody can own.
    Key,
    /// So many peers are connected that there is no place for another.
    TooManyPeers,
}

impl From<DialError> for NoPath {
    fn from(error: DialError) -> NoPath {
        match error {
            DialError::Oneself => NoPath::Oneself,
            DialError::Key => NoPath::Key,
            DialError::TooManyPeers => NoPath::TooManyPeers,
        }
    }
}

impl fmt::Display for NoPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NoPath::Unreachable { tried } if tried.is_empty() => {
                f.write_str("no address of the peer is known")
            }
            NoPath::Unreachable { tried } => {
                write!(f, "none of {} addresses of the peer answered", tried.len())
            }
            NoPath::Oneself => f.write_str("the peer is this very identity"),
            NoPath::Key => f.write_str("the peer's key is not valid"),
            NoPath::TooManyPeers => f.write_str("too many peers are connected"),
        }
    }
}

impl std::error::Error for NoPath {}
