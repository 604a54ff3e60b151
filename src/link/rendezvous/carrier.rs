//! What brings datagrams to a rendezvous and back.

use std::net::SocketAddr;

/// One end of what two hosts exchange datagrams over; a plain value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in crate::link) enum Carrier {
    /// An address of the other end.
    Udp(SocketAddr),
    /// A TCP connection, see `stream`.
    Tcp {
        /// Which one; the number is used once.
        connection: u64,
        /// The other end.
        address: SocketAddr,
    },
}

impl Carrier {
    pub(in crate::link) fn address(&self) -> SocketAddr {
        match self {
            Carrier::Udp(address) | Carrier::Tcp { address, .. } => *address,
        }
    }

    /// A connection cannot be opened under a forged address.
    pub(super) fn proves_address(&self) -> bool {
        matches!(self, Carrier::Tcp { .. })
    }
}

/// A datagram on its way out.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::link) struct Transmit {
    pub(in crate::link) to: Carrier,
    pub(in crate::link) datagram: Vec<u8>,
}
