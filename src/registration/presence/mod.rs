//! Private presence: registrations that only contacts find and read.
//!
//! Whoever runs an overlay, and whoever knows a name and its key, shall learn from what lies there neither
//! whose it is nor where its owner is nor who may read it, and shall not be able to tell that what lies there
//! today is of the same person as yesterday's.
//!
//! **Where.** A place in an overlay is a key, as everywhere (a slot, or an item of BEP 44). Here it is the
//! owner's key *blinded* by a secret and the day ([`crate::identity::Blind`]): who has the secret computes the place,
//! only the owner can sign there, and without the secret two days' places have nothing in common. The
//! secret must not follow from public keys alone, or any stranger could compute the places of everybody
//! whose key he knows. Two people who have each other's keys share a secret already, by Diffie–Hellman of the
//! X25519 forms of their keys; but it is theirs alone, and a packet for each reader at each change of address
//! would be costly. So there are two kinds of places:
//!
//! - The *presence* of a group of up to eight readers lies under a secret of the group. It is written anew
//!   whenever something changes.
//! - An *invitation* for each reader lies under the secret of the pair and holds the group's. It is written once
//!   a day. A reader asks for it first, and not again as long as what it led to holds.
//!
//! The group's secret is a keyed hash of who is in the group. It needs no memory, and when somebody is
//! removed, the others get another one: the former reader knows neither the place nor a key to what lies
//! there. What was sealed before stays readable to him, as does everything that he has kept.
//!
//! **What.** Both kinds look the same, a registration packet of the blinded key that says nothing but when it was
//! signed, for how long it holds, and a sealed part:
//!
//! ```text
//! sealed part = 8 × (read key wrapped, 32 octets) ‖ ciphertext ‖ tag (16)
//! plaintext   = kind (1) ‖ length (2) ‖ content ‖ zeros
//! ```
//!
//! The read key is random and new in each packet: 16 octets, wrapped with its tag for each reader under a
//! key of the pair, this place and this sequence. Places without a reader hold random octets, and the order is
//! random too, so that nobody can count or name the readers. The content of kind 0 is the registration's
//! fields but for key and time to live; of kind 1, the group's secret. With the zeros a packet has 512 or 900
//! octets. All encryption is ChaCha20-Poly1305, every key is used once, all keys are derived by HMAC-SHA256.
//!
//! The sequence in the open is not the registration's: it is blurred by up to a second, lest equal numbers
//! link the places of a person. The one that counts is sealed.
//!
//! **When.** Days are of UTC. The owner writes tomorrow's places from an hour before midnight on and takes
//! yesterday's away an hour after, so that clocks may differ.
//!
//! **Who asks.** Whoever asks an overlay for somebody in the open and for a sealed place at the same time tells it
//! whose place that is; so a reader who has found somebody sealed stops asking in the open for some days.
//!
//! What it does not hide: that somebody at an address writes here, how much and when, and so about how many
//! contacts he has; and which addresses ask for the same places. Who steals the secret key of a
//! reader can read what was recorded for him.

mod board;
mod circle;
mod day;
mod sealed;
mod secrets;
mod seeker;

pub use board::{BLUR, Letters, PresenceBoard};
pub use circle::{GROUP_SIZE, MAX_READERS};
pub use day::Day;
pub use sealed::{SealedError, SealedPacket, sealed_length};
pub use secrets::GroupSecret;
pub use seeker::{Opened, Seeker};
