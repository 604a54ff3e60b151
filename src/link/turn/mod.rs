//! A relay that exists already: TURN (RFC 8656), where somebody has an account on one.
//!
//! The server lends this host an address in the Internet. What peers send there arrives over the link's
//! own socket, and what is sent to a peer through the server leaves from there; the peer needs to know
//! nothing of TURN. Sealed probes and QUIC travel through it like over any path, so the server sees
//! nothing but addresses and times.
//!
//! | file | concept |
//! |---|---|
//! | `client` | one allocation: authentication, refreshing, permissions, channels |
//! | `channel` | what goes to one peer, and the framing of data |
//! | `server` | a server and its account, as people write it |

mod channel;
mod client;
mod server;

pub(super) use client::TurnClient;
pub use server::TurnServer;
