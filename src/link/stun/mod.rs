//! How this host looks from outside: STUN (RFC 8489) on the link's own sockets, and what kind of NAT is
//! between (RFC 5780).
//!
//! A client asks servers in the Internet from which address and port its datagrams come, on the very
//! sockets that QUIC uses, because a NAT maps each socket for itself. The first two bits of a STUN
//! message are zero, so that it is told from QUIC by its first octet.
//!
//! | file | concept |
//! |---|---|
//! | `message`, `address`, `integrity` | STUN messages as octets; TURN speaks them too |
//! | `transaction` | requests that wait for their answers |
//! | `client` | whom to ask, and when |
//! | `reflexive` | what all observers together say |
//! | `behaviour`, `discovery` | the kind of NAT: protocol, and the socket for it |
//! | `scout` | which port comes next |
//! | `servers` | names of servers |
//!
//! It answers no STUN requests, and it makes no NAT do anything: see `portmap` and `turn` for that.

mod address;
mod behaviour;
mod client;
mod discovery;
mod integrity;
mod message;
mod reflexive;
mod scout;
mod servers;
mod transaction;

pub use behaviour::{Filtering, NatBehaviour};
pub(super) use client::StunClient;
pub use discovery::discover;
pub(super) use integrity::IntegrityKey;
pub(super) use message::{Builder, Class, Message, Method, attribute};
pub use reflexive::{Mapping, Observer};
pub(super) use scout::scout;
pub(super) use servers::resolve_all;
pub use servers::{DEFAULT_SERVERS, ServerAddress};
pub(super) use transaction::{Patience, Transactions, Transmit};
