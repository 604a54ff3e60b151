//! Whether a key belongs to a name, and whom to let in.
//!
//! ```text
//! claims (keys with certificates, and who said so) ──┐
//! Contacts ── Authorities ── FirstUse ── domain ─────┴──> decide ──> Decision, with its reason
//! key and certificates of a visitor ──> recognise ──> Visitor ──> AccessList ──> Admission
//! ```
//!
//! No IO and no clock. What is claimed comes out of overlays that nobody trusts; a packet proves that
//! its key signed it, never that the key is Alice's.

mod access;
mod authorities;
mod authority;
mod certificate;
mod contact;
mod contacts;
mod decision;
mod first_use;
mod ledger;
mod membership;
mod pattern;
mod recognition;
mod revocations;
mod safety_phrase;
mod succession;

use std::time::Duration;

pub use access::{AccessError, AccessList, Admission, Rule};
pub use authorities::{Authorities, AuthoritiesError, Certified, Defect, Shown, Unfit};
pub use authority::{Authority, AuthorityName};
pub use certificate::{Certificate, CertificateError, CompactCertificate, SignedCertificate};
pub use contact::{Binding, Contact};
pub use contacts::{Contacts, ContactsError, KeyChanged, LineError};
pub use decision::{Claim, Claimed, Decision, Ground, Knowledge, Refused, Standing, decide, judge};
pub use first_use::FirstUse;
pub use ledger::{Issued, Ledger, LedgerError};
pub use membership::{NoMember, is_member};
pub use pattern::Pattern;
pub use recognition::{KnownAs, Visitor, recognise};
pub use revocations::{Revocations, RevocationsError, SignedRevocations};
pub use safety_phrase::SafetyPhrase;
pub use succession::Successor;

/// By how much two honest clocks may differ.
pub const CLOCK_SKEW: Duration = Duration::from_secs(300);
