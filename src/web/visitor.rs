//! Who asks a service for something.

use crate::identity::{Name, PublicKey};

/// The authenticated peer that sends requests.
#[derive(Debug, Clone)]
pub struct Visitor {
    /// Its name, when it has shown one that holds.
    pub name: Option<Name>,
    /// The key that the link has authenticated.
    pub key: PublicKey,
    /// Why the name is believed, in one word.
    pub trust: &'static str,
}
