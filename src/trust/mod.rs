//! Whether a key belongs to a name: the contacts a person has, and the decision about a claim.
//!
//! No IO and no clock. What is claimed comes out of overlays that nobody trusts; a packet proves that
//! its key signed it, never that the key is Alice's.

mod contact;
mod contacts;
mod decision;

pub use contact::{Binding, Contact};
pub use contacts::{Contacts, ContactsError, KeyChanged, LineError};
pub use decision::{Decision, FirstUse, decide};
