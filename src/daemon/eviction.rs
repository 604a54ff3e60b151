//! Ends what is under way with peers when the ground for it is gone: a certificate was revoked or has expired, a
//! contact was removed, a service is for others now.
//!
//! Every request is decided about when it comes. This is for what goes on for longer, such as a download or a
//! socket: when books or rules change, the connection with a peer who would be let in no more is closed with the
//! reason.

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use futures_lite::future;

use super::answer::Answering;
use super::finder::Finder;
use super::grounds::Grounds;
use crate::identity::{Name, PublicKey, ServicePort};
use crate::runtime::clock;
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
        grounds.more_than(0).await; // a daemon without company sleeps
        let crowd = grounds.more_than(MANY);
        future::or(crowd, clock::sleep_about(INTERVAL, SLACK)).await;
        let Some(eviction) = eviction.upgrade() else { return };
        eviction.judge();
        drop(eviction);
        if grounds.count() > MANY {
            clock::sleep(PAUSE).await;
        }
    }
}
