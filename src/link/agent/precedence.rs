//! What a probe draws gives way to what the handshake behind it draws.
//!
//! Who dials sends the first packet of a handshake right behind the probe, and often a request in it. On the line of a
//! home the answer to the probe and the triggered probe would hold up the response by several milliseconds, and nothing
//! needs them first: the NATs are open, since the probe came in, and the dialler takes packets of QUIC from where it
//! sends its own. So a probe says that a handshake follows, and what it draws waits until a packet of QUIC has gone to
//! its sender.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use crate::identity::Hit;

use super::{Agent, Transmit};
use crate::link::{seal, sealing::Sealing, way::Way};

/// What a response takes whose service is at hand. Nobody waits longer for an answer that tells how far it is.
const PATIENCE: Duration = Duration::from_millis(20);
/// Peers that are answered later at a time; others are answered at once.
const MAX_DEFERRED: usize = 64;

/// What waits for a packet of QUIC to the same peer.
pub(super) struct Deferred {
    hit: Hit,
    due: Instant,
    transmits: VecDeque<Transmit>,
}

impl<S: Sealing> Agent<S> {
    /// Keeps back what goes one way to a peer, of all that was added since there were so many transmits.
    pub(super) fn defer(&mut self, hit: Hit, way: Way, since: usize, now: Instant) {
        let waits = self.deferred.iter().any(|deferred| deferred.hit == hit);
        if waits || self.deferred.len() >= MAX_DEFERRED {
            return;
        }
        let drawn = self.transmits.split_off(since).into_iter();
        let (transmits, others) = drawn.partition(|transmit| transmit.to == way);
        self.transmits.extend::<VecDeque<_>>(others);
        self.deferred.push(Deferred { hit, due: now + PATIENCE, transmits });
    }

    /// A packet of QUIC goes to a peer now: what waited for that is due behind it. True if there is any.
    pub(in crate::link) fn precede(&mut self, hit: Hit, now: Instant) -> bool {
        let deferred = self.deferred.iter_mut().find(|deferred| deferred.hit == hit);
        deferred.map(|deferred| deferred.due = now).is_some()
    }

    /// Sends what has waited for long enough.
    pub(super) fn serve_deferred(&mut self, now: Instant) {
        for deferred in self.deferred.extract_if(.., |deferred| deferred.due <= now) {
            for transmit in deferred.transmits {
                let id = seal::message_id(&transmit.datagram);
                if let Some(pending) = id.and_then(|id| self.pending.get_mut(&id)) {
                    pending.sent = now; // it is not the way that has taken so long
                }
                self.transmits.push_back(transmit);
            }
        }
    }

    /// When something has waited for long enough.
    pub(super) fn deferred_due(&self) -> Option<Instant> {
        self.deferred.iter().map(|deferred| deferred.due).min()
    }
}
