//! Who may read: the contacts of a publisher, in groups.

use super::secrets::{GroupSecret, PairSecret};
use crate::identity::{KeyPair, PublicKey};

/// How many readers one sealed packet has room for.
pub const GROUP_SIZE: usize = 8;
/// How many readers there can be; each costs every overlay one more place a day.
pub const MAX_READERS: usize = 128;

/// The readers of a publisher.
#[derive(Default)]
pub(super) struct Circle {
    pub(super) keys: Vec<PublicKey>,
    pub(super) groups: Vec<Group>,
}

/// Up to [`GROUP_SIZE`] readers who find one packet.
pub(super) struct Group {
    pub(super) secret: GroupSecret,
    pub(super) readers: Vec<PairSecret>,
}

impl Circle {
    /// Puts readers into groups in the order given, so that one more changes the last group only. Those beyond
    /// [`MAX_READERS`] and keys that are none are left out.
    pub(super) fn new(own: &KeyPair, readers: &[PublicKey]) -> Circle {
        let mut keys: Vec<PublicKey> = Vec::new();
        for key in readers {
            if *key != own.public() && !keys.contains(key) && key.to_x25519().is_ok() {
                keys.push(*key);
            }
        }
        keys.truncate(MAX_READERS);
        let group = |keys: &[PublicKey]| {
            let readers = keys.iter().filter_map(|key| PairSecret::with_reader(own, key).ok());
            Group { secret: GroupSecret::of(own, keys), readers: readers.collect() }
        };
        let groups = keys.chunks(GROUP_SIZE).map(group).collect();
        Circle { keys, groups }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::Seed;

    fn pair(number: usize) -> KeyPair {
        let mut seed = [9; 32];
        seed[..8].copy_from_slice(&number.to_be_bytes());
        KeyPair::from_seed(&Seed::new(seed))
    }

    #[test]
    fn one_more_reader_changes_the_last_group_and_a_removed_one_his() {
        let own = pair(0);
        let mut readers: Vec<PublicKey> = (1..=10).map(|n| pair(n).public()).collect();
        let secrets = |readers: &[PublicKey]| -> Vec<GroupSecret> {
            Circle::new(&own, readers).groups.into_iter().map(|group| group.secret).collect()
        };
        let before = secrets(&readers);
        assert_eq!(before.len(), 2);
        readers.push(pair(11).public());
        let after = secrets(&readers);
        assert_eq!(after[0], before[0]);
        assert_ne!(after[1], before[1]);
        readers.remove(0);
        assert!(!secrets(&readers).contains(&before[0]));
    }

    #[test]
    fn who_cannot_read_has_no_place() {
        let own = pair(0);
        let readers = [own.public(), PublicKey([0; 32]), pair(1).public(), pair(1).public()];
        let circle = Circle::new(&own, &readers);
        assert_eq!(circle.keys, [pair(1).public()]);
        assert_eq!(circle.groups[0].readers.len(), 1);
        assert!(Circle::new(&own, &[]).groups.is_empty());
        let many: Vec<PublicKey> = (1..=MAX_READERS + 5).map(|n| pair(n).public()).collect();
        let circle = Circle::new(&own, &many);
        assert_eq!(circle.keys.len(), MAX_READERS);
        assert_eq!(circle.groups.len(), MAX_READERS / GROUP_SIZE);
    }
}
