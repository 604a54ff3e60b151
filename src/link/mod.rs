//! The host identity layer: QUIC talks to keys, this finds and keeps the way to them.
//!
//! QUIC sees one virtual IPv6 address per peer, its host identity tag (RFC 7343). Below, [`Link`] is a
//! set of real UDP sockets with a path agent that finds out by sealed probes which address of the
//! peer works, in the manner of ICE (RFC 8445) and HIP (RFC 7401, RFC 8046). Either end may change its
//! address; a connection notices nothing but another delay.
//!
//! | file | concept |
//! |---|---|
//! | `agent` | the protocol of probes, sans-IO |
//! | `peer`, `candidate` | what it knows of a peer, of a way to it |
//! | `way` | how a datagram gets to a peer |
//! | `seal`, `observed` | how control datagrams are sealed; what an answer says |
//! | `limit` | how much work strangers may cause |
//! | `early` | a request beside the first packet of a handshake |
//! | `datagram`, `filter` | control datagrams beside QUIC on one port |
//! | `held` | packets that wait for a path |
//! | `host`, `socket`, `udp` | the edge: sockets, timer, QUIC's view |
//! | `locators` | the addresses to publish |
//!
//! It does not encrypt what QUIC sends, and it decides about nobody's access: a peer that can probe
//! has proved a key, nothing else. Rendezvous and relays are not here; they add a kind of candidate
//! and control datagrams of their own (see `datagram`).

mod agent;
mod candidate;
mod datagram;
mod drbg;
mod early;
mod filter;
mod held;
mod host;
mod limit;
mod locators;
mod no_path;
mod observed;
mod peer;
mod seal;
mod socket;
mod udp;
mod way;

pub use agent::Strangers;
pub use early::EarlyRequest;
pub use host::{Hold, Link, Reached};
pub use no_path::NoPath;
pub use way::{RelayId, Way};
