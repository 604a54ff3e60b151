//! A Teredo client (RFC 4380, RFC 5991) in user space: UDP between hosts behind NATs, introduced by
//! any existing Teredo server, which is stateless and never carries what they say.
//!
//! The address of a host says which server introduces it and how its NAT maps it, so a peer needs
//! nothing else to begin. Peers may be programs with this client or hosts with a Teredo interface
//! (as of `miredo`); both see IPv6 and UDP. It is not a network interface, speaks nothing but UDP,
//! and reaches Teredo addresses only: there are no relays to the IPv6 Internet in it.
//!
//! | file | concept |
//! |---|---|
//! | `address` | what a Teredo address says |
//! | `encapsulation`, `ipv6` | the packets |
//! | `bare` | packets without the headers that both ends know |
//! | `qualification` | the server's answers and what they say about the NAT |
//! | `peers` | who is heard, what waits, who gets bubbles |
//! | `client` | the protocol, sans-IO |
//! | `state` | how far it has come, in words |
//! | `setting` | which servers may be used |
//! | `socket`, `carrier` | the edge: one UDP socket and a task; how the link uses it |
//!
//! Against abuse (RFC 4380, section 7): a packet counts only if it comes from where its source
//! address says, or from the server with the matching origin; nothing is sent to private, local or
//! group addresses; bubbles and lists are bounded; an advertisement needs the nonce of its
//! solicitation, and a bubble that answers an anonymous one needs its unpredictable address. Nothing but bubbles and
//! solicitations goes to a server, which is somebody else's.

mod address;
mod bare;
mod carrier;
mod client;
mod encapsulation;
mod ipv6;
mod peers;
mod qualification;
mod setting;
mod socket;
mod state;

pub(super) use address::is_teredo;
pub use setting::{TeredoSetting, TeredoSettingError};
pub(super) use socket::TeredoSocket;
pub use state::{TeredoProof, TeredoState};
