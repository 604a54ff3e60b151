//! What can be told of a connection, for people who want to know how it does.

use std::time::Duration;

use crate::identity::PublicKey;
use crate::link::Way;

/// A peer with a connection, and how its packets fare.
#[derive(Clone, Debug, PartialEq)]
pub struct ConnectedPeer {
    /// Whose connection it is.
    pub key: PublicKey,
    /// How its packets go; None only if the link has just forgotten it.
    pub way: Option<Way>,
    /// Whether they may be going nowhere.
    pub suspect: bool,
    /// QUIC's smoothed round-trip time (RFC 9002, section 5.3).
    pub round_trip: Duration,
    /// Packets sent.
    pub sent: u64,
    /// Packets of those that were declared lost.
    pub lost: u64,
    /// Streams open in both directions.
    pub streams: usize,
}
