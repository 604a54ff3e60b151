//! Who somebody is, and when: names, key pairs, times and the values derived from them.
//!
//! Pure values: nothing here reads a clock, a socket or a file. Where a key lies on disk and who may
//! use a name is decided in higher layers.

mod access_form;
mod blinded;
mod civil_time;
mod default_name;
mod hit;
mod key;
mod key_file;
mod name;
mod share_link;
mod signature_file;
mod slot;
mod sorted_map;
mod span;
mod timestamp;
mod unset_clock;

pub use access_form::{AccessForm, Destination, DestinationError, OriginLabel, ServicePort};
pub use blinded::{Blind, BlindedKeyPair};
pub use civil_time::CivilTime;
pub use hit::Hit;
pub use key::{Fingerprint, KeyPair, PublicKey, Seed, Signature, SignatureError, SignatureFault};
pub use key_file::{KeyFileError, KeyId, Lock, MAX_KEY_FILE, PublicKeyFile, SecretKeyFile};
pub use name::{Name, NameError};
pub use share_link::{ShareLink, ShareLinkError};
pub use signature_file::{MAX_SIGNATURE_FILE, SignatureFile, SignatureFileError};
pub use slot::Slot;
pub use sorted_map::SortedMap;
pub use span::{milliseconds, roughly};
pub use timestamp::Timestamp;
pub use unset_clock::unset_clock;
