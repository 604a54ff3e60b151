//! A reader: where to look for somebody who may be there for contacts only, and what is found there.

use std::fmt;

use super::day::Day;
use super::sealed::{self, SealedError, Unsealed};
use super::secrets::{GroupSecret, PairSecret};
use crate::identity::{Blind, KeyPair, PublicKey, SignatureError, Timestamp};
use crate::registration::packet::Packet;
use crate::trust::CLOCK_SKEW;

/// What an invitation says.
#[derive(Clone, Debug)]
pub enum Opened {
    /// The secret that leads to the publisher, and when it was said: of several the last one counts.
    Invitation(GroupSecret, Timestamp),
    /// He has gone.
    Gone(Packet),
}

/// Looks for one publisher in the name of this identity.
pub struct Seeker {
    publisher: PublicKey,
    pair: PairSecret,
}

impl Seeker {
    /// Who looks for the owner of a key.
    ///
    /// # Errors
    /// When the key is not a usable point.
    pub fn new(own: &KeyPair, publisher: &PublicKey) -> Result<Seeker, SignatureError> {
        let pair = PairSecret::with_publisher(own, publisher)?;
        Ok(Seeker { publisher: *publisher, pair })
    }

    /// The keys under which the invitation may lie: today's, and around midnight another day's.
    pub fn invitations(&self, wall: Timestamp) -> Vec<PublicKey> {
        self.places(wall, |day| self.pair.invitation(day))
    }

    /// The keys under which the presence may lie that an invitation leads to.
    pub fn presences(&self, secret: &GroupSecret, wall: Timestamp) -> Vec<PublicKey> {
        self.places(wall, |day| secret.presence(day))
    }

    /// Reads what lay under the key of an invitation.
    ///
    /// # Errors
    /// Says why it does not count.
    pub fn open_invitation(&self, place: &PublicKey, bytes: &[u8]) -> Result<Opened, SealedError> {
        match sealed::open(bytes, place, &self.publisher, &self.pair)? {
            Unsealed::Invitation(secret, said) => Ok(Opened::Invitation(secret, said)),
            Unsealed::Registration(packet) if packet.registration().is_withdrawal() => {
                Ok(Opened::Gone(packet))
            }
            Unsealed::Registration(_) => Err(SealedError::Kind(0)),
        }
    }

    /// Reads what lay under the key of a presence: a packet as if it had been found in the open.
    ///
    /// # Errors
    /// Says why it does not count.
    pub fn open_presence(&self, place: &PublicKey, bytes: &[u8]) -> Result<Packet, SealedError> {
        match sealed::open(bytes, place, &self.publisher, &self.pair)? {
            Unsealed::Registration(packet) => Ok(packet),
            Unsealed::Invitation(..) => Err(SealedError::Kind(1)),
        }
    }

    fn places(&self, wall: Timestamp, blind: impl Fn(Day) -> Blind) -> Vec<PublicKey> {
        let days = Day::around(wall, CLOCK_SKEW);
        days.into_iter().filter_map(|day| self.publisher.blinded(&blind(day)).ok()).collect()
    }
}

impl fmt::Debug for Seeker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Seeker({})", self.publisher.fingerprint())
    }
}
