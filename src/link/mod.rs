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
//! | `peer`, `candidate`, `path`, `volley` | what it knows of a peer, of a way to it, of the one in use; guessed ports |
//! | `locator_set` | what an UPDATE says |
//! | `way` | how a datagram gets to a peer |
//! | `seal`, `sealing`, `observed` | how control datagrams are sealed; what an answer says |
//! | `limit` | how much work strangers may cause |
//! | `early`, `initial` | a request with the first packet of a handshake |
//! | `datagram`, `filter`, `sorting`, `aside` | control datagrams beside QUIC on one port, and who gets them |
//! | [`rendezvous`], `relaying`, `lending`, `refusals` | hosts that introduce others and carry for them; the link's part in it |
//! | `held` | packets that wait for a path |
//! | `host`, `sending`, `socket`, `udp` | the edge: sockets, timer, QUIC's view |
//! | `outside` | whom the link asks about itself |
//! | `locators`, `exclusions` | the addresses of interfaces to publish, and those that are not |
//! | `places` | where a peer may be found |
//! | `introducing` | what is told to those whom an announced address led here |
//! | `gathering` | addresses that no interface has: from [`stun`], [`portmap`], [`turn`], Teredo |
//! | `teredo` | a way between NATs through existing Teredo servers |
//! | `mobility`, `network` | moves of this host to another network |
//! | `selected_path` | which path is in use, for those above |
//!
//! It does not encrypt what QUIC sends, and it decides about nobody's access: a peer that can probe
//! has proved a key, nothing else.

mod agent;
mod aside;
mod candidate;
mod datagram;
mod drbg;
mod early;
mod exclusions;
mod filter;
mod gathering;
mod held;
mod host;
mod initial;
mod introducing;
mod lending;
mod limit;
mod locator_set;
mod locators;
mod mobility;
mod network;
mod no_path;
mod observed;
mod outside;
mod path;
mod peer;
mod places;
pub mod portmap;
mod refusals;
mod relaying;
pub mod rendezvous;
mod seal;
mod sealing;
mod selected_path;
mod sending;
mod socket;
mod sorting;
pub mod stun;
mod teredo;
pub mod turn;
mod udp;
mod volley;
mod way;

pub use agent::{LocalCandidate, PathReport, Strangers};
pub use candidate::CandidateKind;
pub use early::EarlyRequest;
pub use exclusions::{Exclusion, ExclusionError};
pub use gathering::{Gathered, GatheredKind};
pub use host::{Hold, Link, Reached};
pub use locator_set::NatMapping;
pub use locators::preferred_sources;
pub use no_path::{NoPath, RelayRefusal};
pub use places::Places;
pub use selected_path::SelectedPath;
pub use teredo::{TeredoProof, TeredoSetting, TeredoSettingError, TeredoState};
pub use way::{RelayId, Way};
