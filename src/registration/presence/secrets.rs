//! The secrets of private presence: of a pair of people, and of a group of readers.

use std::fmt;

use ring::hmac;
use zeroize::Zeroizing;

use super::day::Day;
use crate::identity::{Blind, KeyPair, PublicKey, SignatureError, Timestamp};

/// 32 octets that are wiped when dropped.
pub(super) type Key = Zeroizing<[u8; 32]>;

const PAIR: &[u8] = b"p2p presence pair v1\0";
const GROUP: &[u8] = b"p2p presence group v1\0";

/// What a publisher and one of his readers share: the Diffie–Hellman of their keys, for this direction.
pub(super) struct PairSecret(Key);

impl PairSecret {
    /// The secret of this identity with somebody who may read what it publishes.
    ///
    /// # Errors
    /// When the reader's key is not a usable point.
    pub(super) fn with_reader(own: &KeyPair, reader: &PublicKey) -> Result<Self, SignatureError> {
        PairSecret::new(own, reader, &own.public(), reader)
    }

    /// The secret of this identity with somebody whom it reads.
    ///
    /// # Errors
    /// When the publisher's key is not a usable point.
    pub(super) fn with_publisher(
        own: &KeyPair,
        publisher: &PublicKey,
    ) -> Result<Self, SignatureError> {
        PairSecret::new(own, publisher, publisher, &own.public())
    }

    fn new(
        own: &KeyPair,
        other: &PublicKey,
        publisher: &PublicKey,
        reader: &PublicKey,
    ) -> Result<PairSecret, SignatureError> {
        let shared = other.to_x25519()?.dh(&own.to_x25519()?).map_err(|_| SignatureError)?;
        // extract and expand, as HKDF does (RFC 5869)
        let extracted = derive(PAIR, b"", &[&shared[..]]);
        let roles = [&publisher.as_bytes()[..], reader.as_bytes()];
        Ok(PairSecret(derive(&*extracted, PAIR, &roles)))
    }

    /// What turns the publisher's key into that of the reader's invitation.
    pub(super) fn invitation(&self, day: Day) -> Blind {
        derive(&*self.0, b"invitation\0", &[&day.to_be_bytes()])
    }

    /// What the read key of one packet is wrapped in.
    pub(super) fn wrapping(&self, place: &PublicKey, sequence: Timestamp) -> Key {
        derive(&*self.0, b"wrapping\0", &[place.as_bytes(), &sequence.as_micros().to_be_bytes()])
    }
}

/// What a publisher shares with a group of readers, and changes with the group.
#[derive(Clone, PartialEq, Eq)]
pub struct GroupSecret(Key);

impl GroupSecret {
    /// Its length in octets.
    pub(super) const LENGTH: usize = 32;

    /// The secret of exactly these readers.
    pub(super) fn of(own: &KeyPair, readers: &[PublicKey]) -> GroupSecret {
        let mut sorted: Vec<&[u8]> = readers.iter().map(|key| &key.as_bytes()[..]).collect();
        sorted.sort_unstable();
        GroupSecret(derive(&*own.seed(), GROUP, &sorted))
    }

    /// What an invitation holds; None for another length.
    pub(super) fn read(octets: &[u8]) -> Option<GroupSecret> {
        octets.try_into().ok().map(|octets| GroupSecret(Zeroizing::new(octets)))
    }

    pub(super) fn as_bytes(&self) -> &[u8; GroupSecret::LENGTH] {
        &self.0
    }

    /// What turns the publisher's key into that of the group's presence.
    pub(super) fn presence(&self, day: Day) -> Blind {
        derive(&*self.0, b"presence\0", &[&day.to_be_bytes()])
    }
}

impl fmt::Debug for GroupSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("GroupSecret")
    }
}

/// A pseudorandom function: HMAC-SHA256 over a label and parts, of which at most the last kind repeats and all
/// have fixed lengths.
pub(super) fn derive(key: &[u8], label: &[u8], parts: &[&[u8]]) -> Key {
    let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, key));
    context.update(label);
    parts.iter().for_each(|part| context.update(part));
    let mut derived = Key::default();
    derived.copy_from_slice(context.sign().as_ref());
    derived
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::Seed;

    fn pair(seed: u8) -> KeyPair {
        KeyPair::from_seed(&Seed::new([seed; 32]))
    }

    #[test]
    fn both_ends_know_the_secret_of_their_pair_and_nobody_else() {
        let (alice, bob, eve) = (pair(1), pair(2), pair(3));
        let hers = PairSecret::with_reader(&alice, &bob.public()).unwrap().0;
        let his = PairSecret::with_publisher(&bob, &alice.public()).unwrap().0;
        assert_eq!(hers, his);
        let other_direction = PairSecret::with_reader(&bob, &alice.public()).unwrap().0;
        assert_ne!(hers, other_direction, "what bob publishes lies elsewhere");
        for other in [&alice.public(), &bob.public()] {
            assert_ne!(PairSecret::with_publisher(&eve, other).unwrap().0, hers);
            assert_ne!(PairSecret::with_reader(&eve, other).unwrap().0, hers);
        }
        assert!(PairSecret::with_reader(&alice, &PublicKey([0; 32])).is_err());
    }

    #[test]
    fn the_secret_of_a_group_is_that_of_its_members_in_any_order() {
        let (alice, [bob, carol, dave]) = (pair(1), [2, 3, 4].map(|n| pair(n).public()));
        let secret = GroupSecret::of(&alice, &[bob, carol]);
        assert_eq!(secret, GroupSecret::of(&alice, &[carol, bob]));
        assert_ne!(secret, GroupSecret::of(&alice, &[carol]));
        assert_ne!(secret, GroupSecret::of(&alice, &[carol, dave]));
        assert_ne!(secret, GroupSecret::of(&pair(5), &[bob, carol]));
        assert_eq!(GroupSecret::read(secret.as_bytes()), Some(secret.clone()));
        assert_eq!(GroupSecret::read(&secret.as_bytes()[1..]), None);
        assert_eq!(format!("{secret:?}"), "GroupSecret");
    }

    #[test]
    fn days_have_nothing_in_common() {
        let today = Timestamp::from_secs(1_800_000_000);
        let days =
            [0, 86_400].map(|s| Day::of(today.saturating_add(std::time::Duration::from_secs(s))));
        let secret = GroupSecret::of(&pair(1), &[pair(2).public()]);
        assert_ne!(secret.presence(days[0]), secret.presence(days[1]));
        let pair = PairSecret::with_reader(&pair(1), &pair(2).public()).unwrap();
        assert_ne!(pair.invitation(days[0]), pair.invitation(days[1]));
        assert_ne!(pair.invitation(days[0]), secret.presence(days[0]));
    }
}
