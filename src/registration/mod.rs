//! Registrations: the signed packet, when to publish it, and which of several to believe.
//!
//! Sans-IO: time and randomness are arguments. Storing and fetching is the business of
//! [`crate::overlay`]; whether a key belongs to a name, of [`crate::trust`].

mod back_off;
mod cache;
mod call;
mod error;
mod floors;
pub mod inquiry;
mod jitter;
mod packet;
pub mod presence;
mod publisher;
mod rendezvous;
mod resolver;
mod score;
mod token_bucket;
mod wire;

pub use back_off::BackOff;
pub use cache::{Cache, Cached, NEGATIVE_LIFETIME, REFRESH_AFTER};
pub use call::Call;
pub use error::{EncodeError, PacketError};
pub use floors::{Floors, FloorsError};
pub use packet::{Packet, Registration};
pub use publisher::{Publication, Publisher, Whereabouts};
pub use rendezvous::{Rendezvous, RendezvousError};
pub use resolver::{Lookup, MAX_CLOCK_SKEW, Outcome, Patience, Refusal, Report, Said, Wanted};
pub use score::{Rollback, Score};
