//! QUIC (RFC 9000) between keys, over the [`crate::link`].
//!
//! Both ends of a connection prove an Ed25519 key (TLS 1.3 with raw public keys, RFC 7250); there are
//! no certificates and no names. All requests to a peer share one connection, each on a stream of its
//! own, which begins with a short [`Preface`] and then carries HTTP/1.1 or the octets of a tunnel.
//!
//! | file | concept |
//! |---|---|
//! | `endpoint` | [`Transport`]: open, accept, shut down |
//! | `dialling`, `accepting` | how connections begin, on this side and on the other |
//! | `shared`, `accepted` | what they have in common, and the streams that peers open over them |
//! | `pool`, `connection` | one connection per peer, who uses it, when it ends |
//! | `stream` | [`Stream`]: what hyper and tunnels read and write |
//! | `early`, `early_answer` | a request beside the handshake, and its answer before there is a connection |
//! | `connected` | [`ConnectedPeer`]: how a connection does |
//! | `preface`, `refusal` | how a stream begins, and how it is refused |
//! | `admission` | how many handshakes others may begin |
//! | `tls`, `config`, `runtime` | what QUIC is made of |
//! | `congestion`, `tolerant`, `throughput` | how much may be in flight on each path |
//!
//! It finds nobody: where a peer may be is told by the caller. It decides about nobody's access: it
//! says whose key a visitor has proved.

mod accepted;
mod accepting;
mod admission;
mod config;
mod congestion;
mod connected;
mod connection;
mod dialling;
mod early;
mod early_answer;
mod endpoint;
mod error;
mod pool;
mod preface;
mod refusal;
mod runtime;
mod shared;
mod stream;
mod throughput;
mod tls;
mod tolerant;

pub use accepted::Accepted;
pub use config::Lifetimes;
pub use connected::ConnectedPeer;
pub use endpoint::{Opened, Transport};
pub use error::ConnectError;
pub use pool::ConnectTimings;
pub use preface::{Preface, StreamKind};
pub use refusal::Refusal;
pub use stream::Stream;
