//! What Teredo is worth on this network, in words for people.

use std::{fmt, net::SocketAddrV6};

/// How far the Teredo client has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TeredoState {
    /// Nothing needs it, so nothing is sent.
    Off,
    /// The server is being asked.
    Qualifying,
    /// Others can reach this host at the address.
    Qualified {
        /// The Teredo address, with the port that peers use.
        address: SocketAddrV6,
        /// What has shown that it works.
        proof: TeredoProof,
    },
    /// The NAT uses another port for each destination, so that no peer finds this host (RFC 4380,
    /// section 3.1).
    SymmetricNat,
    /// No server answers: none is there, or this network lets no UDP out.
    ServerSilent,
    /// The server gave an address, and then neither it nor a peer let anything through.
    PassesNothing,
}

/// What has shown that a Teredo address works, the weakest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TeredoProof {
    /// The server answers.
    Advertised,
    /// The server forwarded a bubble of this host to itself, as it would one of a peer.
    Introduced,
    /// A packet of a peer came in.
    Peer,
}

impl TeredoState {
    /// Whether it is not known yet what Teredo is worth here.
    pub(super) fn is_pending(&self) -> bool {
        matches!(self, TeredoState::Off | TeredoState::Qualifying)
    }
}

impl fmt::Display for TeredoState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TeredoState::Off => f.write_str("off"),
            TeredoState::Qualifying => f.write_str("asking the Teredo server for an address"),
            TeredoState::Qualified { address, proof } => write!(f, "{address} ({proof})"),
            TeredoState::SymmetricNat => f.write_str(
                "not possible: the router gives every destination another port (symmetric NAT)",
            ),
            TeredoState::ServerSilent => f.write_str("no Teredo server answers"),
            TeredoState::PassesNothing => {
                f.write_str("the Teredo server gave an address, but nothing passes through it")
            }
        }
    }
}

impl fmt::Display for TeredoProof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            TeredoProof::Advertised => "not tried yet",
            TeredoProof::Introduced => "the server introduces peers",
            TeredoProof::Peer => "packets of peers pass",
        })
    }
}
