//! HTTP stores, interface `p2pstore/1`: a client, and the server behind `p2p store`.
//!
//! A slot is at a URL that ends in (or somewhere holds) its 40 hexadecimal digits.
//!
//! | request | fields | answer |
//! |---|---|---|
//! | `GET` | | 200 and up to 8 times (length u16, packet), latest expiry first; 404 |
//! | `PUT`, `POST` | `P2P-TTL` in seconds, `P2P-Secret` | 204; 401 no secret; 413 length; 507 no place |
//! | `DELETE` | `P2P-Secret` | 204; 404 |
//! | `GET` | `P2P-Wait` in seconds, `P2P-Seen` | calls behind that number: 200 at once, or 204 when the time is over; both with `P2P-Seen` |
//! | any | | 400 no slot; 405 method; 429 too often; 503 the disk takes too long |
//!
//! A place is (slot, hash of the secret): writers can neither replace nor remove each other's packets.
//! This server also verifies what it stores: 422 for a packet that is not signed or not of this slot, 409
//! for one that is older than what its signer has there. Scripts at web hosts need not.
//!
//! A body that is a call ([`crate::registration::Call`]) lies for a minute, whatever `P2P-TTL` says, and is
//! given to those only who wait for calls. Scripts cannot hold an answer back and pass no calls.
//!
//! What fits is asked, left and put by datagrams to the same address and port first, in one round trip (see
//! `datagram`).

mod answering;
mod asking;
mod calls;
mod client;
mod commit;
pub mod datagram;
pub mod framing;
mod journal;
mod places;
mod record;
mod request;
mod server;
mod url;
mod verifying;

use std::time::Duration;

use hyper::header::HeaderName;

pub use client::Client;
pub use places::Capacity;
pub use server::{Store, StoreError, StoreOptions};
pub use url::StoreUrl;

/// What clients send the time to live in, whole seconds.
pub const TTL_FIELD: HeaderName = HeaderName::from_static("p2p-ttl");
/// What clients send the secret of their place in.
pub const SECRET_FIELD: HeaderName = HeaderName::from_static("p2p-secret");
/// For how many seconds a reader waits for calls.
pub const WAIT_FIELD: HeaderName = HeaderName::from_static("p2p-wait");
/// The number of the newest call that the store had when it answered.
pub const SEEN_FIELD: HeaderName = HeaderName::from_static("p2p-seen");
/// A store holds an answer back for this time at most. NATs forget a silent TCP connection no sooner than
/// after two hours (RFC 5382, REQ-5), bad ones after five minutes.
pub const MAX_WAIT: Duration = Duration::from_secs(240);
/// A packet lives at least this long.
pub const MIN_TTL: Duration = Duration::from_secs(60);
/// A packet lives at most this long.
pub const MAX_TTL: Duration = Duration::from_secs(7 * 86_400);
/// How long a packet lives whose writer does not say.
pub const DEFAULT_TTL: Duration = Duration::from_secs(3600);
/// The shortest secret in octets.
pub const MIN_SECRET_LENGTH: usize = 16;
