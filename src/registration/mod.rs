//! Registrations: the signed packet, when to publish it, and which of several to believe.
//!
//! Sans-IO: time and randomness are arguments. Storing and fetching is the business of
//! [`crate::overlay`]; whether a key belongs to a name, of [`crate::trust`].

mod packet;
mod wire;

pub use packet::{EncodeError, Packet, PacketError, Registration, Rendezvous};
