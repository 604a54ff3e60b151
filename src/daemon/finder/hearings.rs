//! What was claimed of names when they were last looked up: the decision about a name can be made again from it
//! at any time, and says what it says everywhere.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard},
};

use crate::identity::{Name, PublicKey, Timestamp};
use crate::runtime::lock;
use crate::trust::Claim;

/// So many names are remembered; the one that was heard of longest ago makes room.
const CAPACITY: usize = 512;
/// So many keys of one name: more than anybody compares.
const MAX_CLAIMS: usize = 32;

/// What was claimed of names.
#[derive(Debug, Default)]
pub(super) struct Hearings {
    by_name: Mutex<BTreeMap<Name, Hearing>>,
}

/// What was claimed of one name.
#[derive(Clone, Debug, Default)]
pub(super) struct Hearing {
    /// The keys that claim it.
    pub(super) claims: Vec<Claim>,
    /// The key for which the web site of the domain vouches.
    pub(super) vouched: Option<PublicKey>,
    /// When.
    pub(super) at: Timestamp,
}

impl Hearings {
    /// Takes note of what was claimed.
    pub(super) fn note(&self, name: &Name, mut hearing: Hearing) {
        hearing.claims.truncate(MAX_CLAIMS);
        let mut by_name = self.lock();
        if !by_name.contains_key(name) && by_name.len() >= CAPACITY {
            let oldest = by_name.iter().min_by_key(|(_, hearing)| hearing.at);
            if let Some(oldest) = oldest.map(|(name, _)| name.clone()) {
                by_name.remove(&oldest);
            }
        }
        by_name.insert(name.clone(), hearing);
    }

    /// What was claimed of a name.
    pub(super) fn of(&self, name: &Name) -> Option<Hearing> {
        self.lock().get(name).cloned()
    }

    /// The names of which something was claimed.
    pub(super) fn names(&self) -> Vec<Name> {
        self.lock().keys().cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Name, Hearing>> {
        lock(&self.by_name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_makes_room() {
        let hearings = Hearings::default();
        let name = |number: usize| Name::parse(&format!("u{number}@example.com")).unwrap();
        let heard = |at| Hearing { at: Timestamp::from_secs(at), ..Hearing::default() };
        for number in 0..CAPACITY {
            hearings.note(&name(number), heard(1_000 + number as u64));
        }
        hearings.note(&name(0), heard(9_000));
        hearings.note(&name(CAPACITY), heard(9_001));
        assert_eq!(hearings.names().len(), CAPACITY);
        assert!(hearings.of(&name(1)).is_none());
        assert_eq!(hearings.of(&name(0)).unwrap().at, Timestamp::from_secs(9_000));
    }
}
