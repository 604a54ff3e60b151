//! Rendezvous and relay: a node with a public address that introduces two hosts and, for whom its
//! owner allows it, carries their traffic.
//!
//! A host registers at a rendezvous and names it in its registration packet. A caller says HELLO there
//! and sends its first packets to the host in the same flight, so that no round trip is spent: this is
//! the paper's "forwarding the initial connection packet" and HIP's rendezvous service (RFC 8004), with
//! a relay (as TURN, RFC 8656) that is addressed by host identity tags instead of ports.
//!
//! ```text
//! caller                      rendezvous                     registered host
//!   |--- HELLO (call) ------------>|                               |
//!   |--- CARRY(host, probe) ------>|--- CARRIED(caller, probe) --->|
//!   |--- CARRY(host, Initial) ---->|--- CARRIED(caller, Initial)-->|
//!   |<-- WELCOME (token) ----------|<-- CARRY(caller, answer) -----|
//!   |<-- CARRIED(host, answer) ----|                               |
//!   |--- KEEP (token) ------------>|  the caller's address is proved
//! ```
//!
//! | first octet | name | direction | octets that follow |
//! |---|---|---|---|
//! | 0x28 | HELLO | to the rendezvous | a sealed [`message::Hello`] (see `seal`): proves the client's key, shows its certificates |
//! | 0x28 | KEEP | to the rendezvous | token (16): proves the address, keeps session and NAT mapping |
//! | 0x29 | WELCOME | from it | a sealed [`message::Welcome`]: lifetime, rights, token, observed address |
//! | 0x29 | KEPT | from it | mark (8), lifetime in seconds (2) |
//! | 0x2a | CARRY | to it | tag of the receiver (16), datagram |
//! | 0x30 – 0x37 | CARRY | to it | channel of the receiver (2), datagram |
//! | 0x2b | REFUSED | from it | [`RefusalReason`] (1), mark (8), tag of the receiver (16, only for a CARRY) |
//! | 0x2d | CARRIED | from it | tag of the sender (16), datagram |
//! | 0x38 – 0x3f | CARRIED | from it | channel of the sender (2), datagram |
//!
//! CARRY and CARRIED differ in their first octet, because two hosts may be each other's rendezvous at
//! one pair of addresses. The *mark* is the first half of the token, or for a HELLO the identifier of
//! the sealed message: who is not on the way cannot forge it. A *channel* is a number of 19 bits, three of them in the
//! first octet, that both ends have for a peer: see `channels`.
//!
//! *Return routability:* until a client has shown its token, at most three times the octets that came
//! from its address go there, and a registration does not move to it: what is for a client that may have
//! moved goes to both places as far as those octets reach. *Soft state:* a session ends when
//! its client is silent; a rendezvous that has forgotten one says so, and the client says HELLO again.
//!
//! The rendezvous sees tags, sizes and times, nothing else: what it carries is sealed or QUIC. Anybody
//! may be introduced to a registered host with the octets of an [introduction](Rules::introduction);
//! more is carried only where one of the two is somebody whom the owner allows.
//!
//! | file | concept |
//! |---|---|
//! | `message`, `refusal`, `header` | what is on the wire |
//! | `channels` | short numbers for peers, at both ends |
//! | `carrier` | what brings it |
//! | `server`, `forwarding`, `session`, `rules`, `introductions`, `meter` | the rendezvous, sans-IO |
//! | `saved` | registrations on disk |
//! | `client`, `relay` | who uses it, sans-IO |
//! | `stream`, `frames` | TCP where UDP does not pass |

mod carrier;
mod channels;
mod client;
mod forwarding;
mod frames;
mod header;
mod introductions;
mod message;
mod meter;
mod refusal;
mod relay;
mod rules;
mod saved;
mod server;
mod session;
mod stream;
#[cfg(test)]
mod tests;

pub use client::Registration;
pub use meter::OctetRate;
pub use refusal::RefusalReason;
pub use rules::{Group, Members, Rules};
pub use server::Counts;

pub(super) use carrier::Carrier;
pub(super) use channels::Channel;
pub(super) use client::{Client, Event, MAX_OWN};
pub(super) use forwarding::{Forward, Run};
#[cfg(test)]
pub(super) use header::{CARRY_HEADER, Direction};
pub(super) use header::{Header, Peer};
pub(super) use message::{is_for_server, speaks};
pub(super) use server::{MAX_SAVED, Server};
pub(super) use stream::{Accept, Outbox, Upgrades, connect, exchange, limits};
