//! A handshake on a way that is not proved yet, so that nobody waits a round trip for the proof.
//!
//! Who dials sends the first packets of QUIC to the most promising address of the peer right behind the
//! first probe. Who was dialled answers them to where that probe came from, within three times of what came
//! from there (RFC 9000, section 8.1). The proof follows by the probes; it decides about all that comes later.
//!
//! Nothing is lost when the venture fails: the handshake begins again on the way that is proved.

use std::net::IpAddr;

use crate::identity::Hit;

use super::Agent;
use crate::link::{
    candidate::{Candidate, CandidateKind},
    peer::Peer,
    sealing::Sealing,
    way::Way,
};
use crate::runtime::ip::is_global;

/// What one dial may send so: the first packet of a handshake and its repetitions after a second.
const VENTURES: u8 = 3;

impl<S: Sealing> Agent<S> {
    /// Where a packet of QUIC for a peer may go as long as no way is proved.
    pub(in crate::link) fn venture(&mut self, hit: Hit, octets: usize) -> Option<Way> {
        let peer = self.peers.get_mut(&hit)?;
        if peer.path.is_some() {
            return None;
        }
        let way = match peer.dial {
            Some(_) => peer.promising.filter(|_| peer.ventures > 0)?,
            None => peer.knocked?,
        };
        peer.ventures = peer.ventures.saturating_sub(1);
        if !peer.spend(way, octets) {
            return None;
        }
        if peer.candidate(way).is_some() {
            // what answers it may come before the answer to the probe
            self.by_way.entry(way).or_insert(hit);
        }
        Some(way)
    }

    /// Whether a handshake may begin.
    pub(in crate::link) fn ventures(&self, hit: Hit) -> bool {
        let peer = self.peers.get(&hit).filter(|peer| peer.path.is_none() && peer.dial.is_some());
        peer.is_some_and(|peer| peer.promising.is_some() && peer.ventures > 0)
    }

    /// Chooses where the handshakes of a dial may go before their way is proved.
    pub(super) fn look_for_venture(&mut self, hit: Hit) -> Option<Way> {
        let has_ipv6 = self.local.iter().any(|own| own.address.is_ipv6());
        let peer = self.peers.get_mut(&hit)?;
        let published = peer.candidates.iter().filter(|c| c.kind != CandidateKind::PeerReflexive);
        let listed: Vec<(IpAddr, &Candidate)> =
            published.filter_map(|c| Some((c.way.direct()?.ip(), c))).collect();
        // what may be reached from everywhere, and so from here
        let native = |ip: &IpAddr, c: &Candidate| {
            !c.is_teredo() && is_global(*ip) && (ip.is_ipv4() || has_ipv6)
        };
        // the Teredo client asks its peers in over IPv4; that takes time, which others get first
        let only_teredo = !listed.iter().any(|(ip, c)| native(ip, c));
        let promising = |(ip, c): &&(IpAddr, &Candidate)| {
            if c.is_teredo() { only_teredo } else { native(ip, c) }
        };
        // of equals the first is the best to its owner
        let best = listed.iter().rev().filter(promising).map(|(_, c)| c);
        let best = best.max_by_key(|candidate| candidate.priority());
        peer.promising = best.map(|candidate| candidate.way);
        peer.ventures = VENTURES;
        peer.promising
    }
}

impl<R> Peer<R> {
    /// Whether the first packet of a handshake is about to go this way.
    pub(super) fn ventures_next(&self, way: Way) -> bool {
        let begins = self.dial.is_some() && self.path.is_none() && self.ventures == VENTURES;
        begins && self.promising == Some(way)
    }

    /// A genuine message came this way.
    pub(super) fn knocked_at(&mut self, way: Way) {
        if self.path.is_none() && way.direct().is_some() {
            self.knocked = Some(way);
        }
    }
}
