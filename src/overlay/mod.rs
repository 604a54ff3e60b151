//! Storage that others run, in which registration packets lie under slots.
//!
//! An overlay is never trusted. It may lose packets, keep old ones, hand out foreign ones or nothing at
//! all, and it sees who asks for what; it cannot forge a packet, because every packet is signed. Which of
//! the packets found is the right one is decided above, by [`crate::registration`] and [`crate::trust`].
//!
//! | address | overlay |
//! |---|---|
//! | `lan` | [`lan`]: whoever is on the same link answers for itself; nothing to configure |
//! | `store:https://…` | [`store`]: a server that keeps packets, ours or a script at a web host |

mod address;
mod error;
pub mod lan;

mod public_only;
mod rate;
pub mod store;
mod well_known;

use std::{fmt::Debug, sync::Arc, time::Duration};

pub use address::{AddressError, OverlayAddress};
pub use error::OverlayError;
pub use rate::Rate;
pub use well_known::WellKnown;

use crate::identity::{KeyPair, PublicKey, Slot};
use crate::registration::{Call, Packet, Registration};
use crate::runtime::http::BoxFuture;
use crate::trust::SignedRevocations;

/// The most packets that one slot of one overlay can give.
pub const MAX_CANDIDATES: usize = 8;

/// Storage for packets. Every operation ends within a few seconds, one way or the other.
pub trait Overlay: Debug + Send + Sync {
    /// The packets that lie under a slot: at most [`MAX_CANDIDATES`], each at most
    /// [`Packet::MAX_LENGTH`] octets, all of them possibly hostile. None is no error.
    fn get(&self, slot: Slot) -> BoxFuture<Result<Vec<Vec<u8>>, OverlayError>>;

    /// Puts a packet under a slot for `ttl`, in the place of the one this identity has there.
    /// The overlay may shorten or lengthen the time.
    fn put(&self, slot: Slot, packet: &[u8], ttl: Duration) -> BoxFuture<Result<(), OverlayError>>;

    /// Takes away what this identity has put under a slot. Nothing there is no error.
    fn remove(&self, slot: Slot) -> BoxFuture<Result<(), OverlayError>>;

    /// This host is in another network: what was kept of the old one is worth nothing.
    fn handle_network_change(&self) {}

    /// How the configuration spells this overlay; for messages.
    fn address(&self) -> &str;

    /// What may be expected of it.
    fn abilities(&self) -> Abilities;

    /// The way for calls, if this overlay can hold an answer back until there is one.
    fn calls(&self) -> Option<&dyn Calls> {
        None
    }
}

/// An overlay that passes calls to people who wait for them.
pub trait Calls: Send + Sync {
    /// Leaves a call for the owner of a slot of calls. It lies there for a minute or less.
    fn call(&self, slot: Slot, call: &Call) -> BoxFuture<Result<(), OverlayError>>;

    /// Waits for calls under a slot that came after number `seen`; None for all that lie there. Ends after
    /// some minutes at the latest, with no calls if there were none.
    fn wait(&self, slot: Slot, seen: Option<u64>) -> BoxFuture<Result<Heard, OverlayError>>;
}

/// What came of waiting for calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heard {
    /// At most [`MAX_CANDIDATES`], all of them possibly hostile.
    pub calls: Vec<Call>,
    /// What to wait behind the next time.
    pub seen: u64,
}

/// What an overlay can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Abilities {
    /// Packets stay available while their writer is not running.
    pub keeps: bool,
    /// It can be written, not only read.
    pub put: bool,
    /// It reaches beyond the link.
    pub remote: bool,
}

/// Makes the client of an overlay. This opens no connection yet and cannot fail.
///
/// The secrets that keep others from this identity's places are derived from its key.
pub fn open(address: &OverlayAddress, identity: &KeyPair) -> Arc<dyn Overlay> {
    match address {
        OverlayAddress::Lan => Arc::new(lan::Lan::new(lan::PORT)),
        OverlayAddress::Store(url) => Arc::new(store::Client::new(url, identity)),
    }
}

/// The same for an overlay that somebody else named: it is only read, and addresses of this machine or its
/// network are refused, whatever name leads to them.
pub fn open_foreign(address: &OverlayAddress, nobody: &KeyPair) -> Arc<dyn Overlay> {
    match address {
        OverlayAddress::Lan => open(address, nobody),
        OverlayAddress::Store(url) => Arc::new(store::Client::foreign(url, nobody)),
    }
}

/// Refuses to send what no overlay takes.
fn check_length(packet: &[u8]) -> Result<(), OverlayError> {
    if packet.is_empty() || packet.len() > Packet::MAX_LENGTH {
        return Err(OverlayError::TooLarge);
    }
    Ok(())
}

/// A signed statement that readers look for in its slot: a registration, or a revocation list.
struct Statement {
    /// Who signed it.
    author: PublicKey,
    /// Of two of one author the higher counts.
    sequence: u64,
}

impl Statement {
    /// Reads and checks one; None for octets that nobody looks for in this slot.
    fn read(octets: &[u8], slot: Slot) -> Option<Statement> {
        if let Ok(packet) = Packet::decode(octets) {
            let Registration { key, name, sequence, .. } = packet.registration();
            let of_name = name.as_ref().map(Slot::of_name);
            let fits = slot == Slot::of_key(key) || Some(slot) == of_name;
            return fits.then(|| Statement { author: *key, sequence: sequence.as_micros() });
        }
        let list = SignedRevocations::decode(octets).ok()?;
        let (author, sequence) = (list.key().key, list.list().number.into());
        (slot == Slot::of_revocations(&author)).then_some(Statement { author, sequence })
    }
}
