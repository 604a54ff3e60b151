//! On what ground peers have what is under way with them: what they have shown, what they were let in to, and as
//! whom they were called. What becomes of it when the ground is gone is the business of the `eviction`.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Mutex, MutexGuard},
};

use event_listener::Event;

use crate::identity::{Name, PublicKey, ServicePort};
use crate::runtime::lock;

/// What connected peers were let in to, and as whom they were called.
#[derive(Debug, Default)]
pub(super) struct Grounds {
    peers: Mutex<HashMap<PublicKey, Ground>>,
    added: Event,
}

/// That of one peer.
#[derive(Clone, Debug, Default)]
pub(super) struct Ground {
    /// What the peer has shown as a visitor.
    pub(super) shown: Vec<Vec<u8>>,
    /// To which services it was let in.
    pub(super) visited: BTreeSet<ServicePort>,
    /// As whose it was called, and what it had shown in its packet.
    pub(super) called: HashMap<Name, Vec<Vec<u8>>>,
}

impl Grounds {
    /// A visitor was let in. True if nothing was known of the peer.
    pub(super) fn visit(&self, peer: PublicKey, shown: &[Vec<u8>], port: ServicePort) -> bool {
        self.note(peer, |ground| {
            ground.shown = shown.to_vec();
            ground.visited.insert(port);
        })
    }

    /// A peer was called. True if nothing was known of it.
    pub(super) fn call(&self, peer: PublicKey, name: &Name, shown: &[Vec<u8>]) -> bool {
        self.note(peer, |ground| {
            ground.called.insert(name.clone(), shown.to_vec());
        })
    }

    fn note(&self, peer: PublicKey, change: impl FnOnce(&mut Ground)) -> bool {
        let mut peers = self.peers();
        let is_new = !peers.contains_key(&peer);
        change(peers.entry(peer).or_default());
        if is_new {
            self.added.notify(usize::MAX);
        }
        is_new
    }

    /// Forgets those that are gone.
    pub(super) fn keep(&self, connected: &[PublicKey]) {
        self.peers().retain(|peer, _| connected.contains(peer));
    }

    /// How many peers are remembered.
    pub(super) fn count(&self) -> usize {
        self.peers().len()
    }

    /// Waits until more than so many peers are remembered.
    pub(super) async fn more_than(&self, count: usize) {
        loop {
            let added = self.added.listen();
            if self.count() > count {
                return;
            }
            added.await;
        }
    }

    /// Each peer with its ground.
    pub(super) fn all(&self) -> Vec<(PublicKey, Ground)> {
        self.peers().iter().map(|(peer, ground)| (*peer, ground.clone())).collect()
    }

    fn peers(&self) -> MutexGuard<'_, HashMap<PublicKey, Ground>> {
        lock(&self.peers)
    }
}
