//! Rendezvous as packets and settings name them.

use std::{fmt, net::SocketAddr, str::FromStr};

use super::packet::Registration;
use crate::identity::PublicKey;

/// A node with a public address that introduces peers to each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Rendezvous {
    /// Its key, so that nobody else can play its part.
    pub key: PublicKey,
    /// Where it listens.
    pub address: SocketAddr,
}

impl fmt::Display for Rendezvous {
    /// `KEY@ADDRESS`, the key in base32.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.key, self.address)
    }
}

impl FromStr for Rendezvous {
    type Err = RendezvousError;

    fn from_str(text: &str) -> Result<Rendezvous, RendezvousError> {
        let (key, address) = text.split_once('@').ok_or(RendezvousError)?;
        let key = key.parse().map_err(|_| RendezvousError)?;
        let address = address.parse().map_err(|_| RendezvousError)?;
        let node = Rendezvous { key, address };
        if Registration::can_carry(address) { Ok(node) } else { Err(RendezvousError) }
    }
}

/// A text that names no rendezvous, or one that nobody can reach.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RendezvousError;

impl fmt::Display for RendezvousError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("is not a key and an address like KEY@192.0.2.1:5050")
    }
}

impl std::error::Error for RendezvousError {}
