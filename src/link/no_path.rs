//! Why a peer cannot be reached.

use std::fmt;

use crate::registration::Rendezvous;

use super::{agent::DialError, rendezvous::RefusalReason, way::Way};

/// Why there is no path to a peer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoPath {
    /// No candidate answered in five seconds.
    Unreachable {
        /// Which ways were tried; empty if none is known.
        tried: Vec<Way>,
        /// What rendezvous said that would not help.
        refusals: Vec<RelayRefusal>,
    },
    /// The key is this host's own.
    Oneself,
    /// The key is not one that anybody can own.
    Key,
    /// So many peers are connected that there is no place for another.
    TooManyPeers,
}

/// A rendezvous that does not carry, and what it says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RelayRefusal {
    /// Which.
    pub rendezvous: Rendezvous,
    /// Why.
    pub reason: RefusalReason,
}

impl fmt::Display for RelayRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the rendezvous {} says: {}", self.rendezvous.address, self.reason)
    }
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
            NoPath::Unreachable { tried, refusals } => {
                match tried.len() {
                    0 => f.write_str("no address of the peer is known")?,
                    count => write!(f, "none of {count} ways to the peer works")?,
                }
                refusals.iter().try_for_each(|refusal| write!(f, "; {refusal}"))
            }
            NoPath::Oneself => f.write_str("the peer is this very identity"),
            NoPath::Key => f.write_str("the peer's key is not valid"),
            NoPath::TooManyPeers => f.write_str("too many peers are connected"),
        }
    }
}

impl std::error::Error for NoPath {}
