//! What people are told about paths.

use std::time::{Duration, Instant};

use crate::identity::Hit;

use super::Agent;
use crate::link::{
    candidate::{Candidate, CandidateKind},
    peer::Peer,
    sealing::Sealing,
    way::Way,
};

/// A path to a peer, in use or ready for it.
#[derive(Clone, Debug, PartialEq)]
pub struct PathReport {
    /// Whose.
    pub peer: Hit,
    /// How datagrams get there.
    pub way: Way,
    /// Where the candidate comes from.
    pub kind: CandidateKind,
    /// How long probes take; None while none was answered.
    pub round_trip: Option<Duration>,
    /// The share of probes or their answers that were lost lately, 0 to 1.
    pub loss: f32,
    /// It is kept in case the path in use fails.
    pub spare: bool,
    /// How long it has been in use; None for a spare.
    pub age: Option<Duration>,
    /// It did not answer, and others are being tried.
    pub suspect: bool,
}

impl<S: Sealing> Agent<S> {
    /// The paths to all peers that somebody here is connected to, and their spares.
    pub(in crate::link) fn paths(&self, now: Instant) -> Vec<PathReport> {
        let connected = self.peers.iter().filter(|(_, peer)| peer.is_wanted());
        connected.flat_map(|(hit, peer)| report(*hit, peer, now)).collect()
    }
}

fn report<R>(hit: Hit, peer: &Peer<R>, now: Instant) -> Vec<PathReport> {
    let entry = |candidate: &Candidate, since: Option<Instant>| PathReport {
        peer: hit,
        way: candidate.way,
        kind: candidate.kind,
        round_trip: candidate.round_trip,
        loss: candidate.loss(),
        spare: since.is_none(),
        age: since.map(|since| now.saturating_duration_since(since)),
        suspect: since.is_some() && peer.is_suspect(),
    };
    let since = peer.path.as_ref().map(|path| path.since);
    let path = peer.current().map(|candidate| entry(candidate, since));
    path.into_iter().chain(peer.spare(now).map(|candidate| entry(candidate, None))).collect()
}
