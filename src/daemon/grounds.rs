//! On what ground peers have what is under way with them, and what becomes of it when the ground is gone: a
//! certificate was revoked or has expired, a contact was removed, a service is for others now.
//!
//! Every request is decided about when it comes. This is for what goes on for longer, such as a download or a
//! socket: when books or rules change, the connection with a peer who would be let in no more is closed with the
//! reason.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Arc, Mutex, MutexGuard, Weak},
    time::Duration,
};

use event_listener::Event;
use futures_lite::future;

use super::answer::Answering;
use super::finder::Finder;
use crate::identity::{Name, PublicKey, ServicePort};
use crate::runtime::{clock, lock};
use crate::transport::{Refusal, Transport};

/// How often everybody is judged again although nobody has said that something changed: time itself ends
/// certificates, and people edit files. The commands that change books say so.
const INTERVAL: Duration = Duration::from_secs(60);
/// It comes with the next sign of life of a connection.
const SLACK: Duration = Duration::from_secs(15);
/// The least between two looks at a crowd.
const PAUSE: Duration = Duration::from_secs(2);
/// So many peers are remembered before those that are gone are forgotten.
const MANY: usize = 512;

/// What connected peers were let in to, and as whom they were called.
#[derive(Debug, Default)]
pub(super) struct Grounds {
    peers: Mutex<HashMap<PublicKey, Ground>>,
    added: Event,
}

#[derive(Clone, Debug, Default)]
struct Ground {
    /// What the peer has shown as a visitor.
    shown: Vec<Vec<u8>>,
    /// To which services it was let in.
    visited: BTreeSet<ServicePort>,
    /// As whose it was called, and what it had shown in its packet.
    called: HashMap<Name, Vec<Vec<u8>>>,
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
    fn keep(&self, connected: &[PublicKey]) {
        self.peers().retain(|peer, _| connected.contains(peer));
    }

    fn peers(&self) -> MutexGuard<'_, HashMap<PublicKey, Ground>> {
        lock(&self.peers)
    }

    /// Waits until the peers are such.
    async fn until(&self, such: impl Fn(&HashMap<PublicKey, Ground>) -> bool) {
        loop {
            let added = self.added.listen();
            if such(&self.peers()) {
                return;
            }
            added.await;
        }
    }

    fn all(&self) -> Vec<(PublicKey, Ground)> {
        self.peers().iter().map(|(peer, ground)| (*peer, ground.clone())).collect()
    }
}

/// Judges peers again, and ends what is under way with those who are let in no more.
#[derive(Debug)]
pub(super) struct Eviction {
    pub(super) grounds: Arc<Grounds>,
    pub(super) transport: Arc<Transport>,
    pub(super) answering: Arc<Answering>,
    pub(super) finder: Arc<Finder>,
}

impl Eviction {
    /// Judges all connected peers by what is known now.
    pub(super) fn judge(&self) {
        self.forget_absent();
        for (peer, ground) in self.grounds.all() {
            let shown = &ground.shown;
            let goes = |port: &ServicePort| self.answering.would_refuse(peer, shown, *port);
            let is_other =
                |(name, shown): (&Name, &Vec<Vec<u8>>)| self.finder.would_refuse(name, peer, shown);
            if ground.visited.iter().any(goes) || ground.called.iter().any(is_other) {
                log::warn!(
                    "ending the connection with {}: {}",
                    peer.fingerprint(),
                    Refusal::Revoked
                );
                self.transport.close(&peer, Refusal::Revoked);
            }
        }
    }

    fn forget_absent(&self) {
        let connected: Vec<PublicKey> =
            self.transport.peers().into_iter().map(|peer| peer.key).collect();
        self.grounds.keep(&connected);
    }
}

/// Judges everybody now and then, as long as the eviction exists.
pub(super) async fn follow(eviction: Weak<Eviction>) {
    let Some(grounds) = eviction.upgrade().map(|eviction| eviction.grounds.clone()) else { return };
    loop {
        grounds.until(|peers| !peers.is_empty()).await; // a daemon without company sleeps
        let crowd = grounds.until(|peers| peers.len() > MANY);
        future::or(crowd, clock::sleep_about(INTERVAL, SLACK)).await;
        let Some(eviction) = eviction.upgrade() else { return };
        eviction.judge();
        drop(eviction);
        if grounds.peers().len() > MANY {
            clock::sleep(PAUSE).await;
        }
    }
}
