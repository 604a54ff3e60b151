//! What others ask of a link about one peer: a path there, a handshake beside it, and how it stands.

use std::{
    net::SocketAddr,
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Duration,
};

use event_listener::EventListener;
use futures_lite::future;

use super::super::{
    agent::{DialError, LocalCandidate, PathReport},
    early::EarlyRequest,
    locator_set::NatMapping,
    no_path::NoPath,
    places::Places,
    teredo::is_teredo,
    way::Way,
};
use super::{Link, State, virtual_address};
use crate::identity::{Hit, PublicKey};
use crate::runtime::{clock, ip::is_global};

/// A path, or why there is none.
pub(super) type DialOutcome = Result<Reached, NoPath>;

/// A path to a peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reached {
    /// How its packets go.
    pub way: Way,
    /// How long the probe took that proved it.
    pub round_trip: Duration,
}

impl State {
    /// How to try to reach a peer at these addresses.
    fn ways(&self, locators: &[SocketAddr]) -> Vec<Way> {
        let direct = locators.iter().map(|locator| Way::Direct(*locator));
        let global = locators.iter().filter(|locator| is_global(locator.ip()));
        direct.chain(global.flat_map(|locator| self.gathering.turn_ways(*locator))).collect()
    }
}

impl Link {
    /// Finds a path to a peer: asks all locators at once, and through all rendezvous, and takes the first
    /// that answers.
    ///
    /// # Errors
    /// [`NoPath`] says why there is none; silence takes five seconds.
    pub async fn reach(
        &self,
        peer: PublicKey,
        places: impl Into<Places>,
    ) -> Result<Reached, NoPath> {
        let Places { locators, rendezvous } = places.into();
        let (sender, answer) = async_channel::bounded(1);
        self.with_state(|state, now| {
            let mut ways = state.ways(&locators);
            ways.extend(state.relaying.ways(self, peer.hit(), &rendezvous, now));
            let hit = state.agent.dial(peer, &ways, now)?;
            state.gathering.touch(now);
            state.dials.entry(hit).or_default().push(sender);
            Ok::<_, DialError>(())
        })?;
        let more_ways = async {
            loop {
                self.gathered().await;
                // a TURN server may lend an address now; the ways that are tried go on
                self.with_state(|state, now| {
                    if state.dials.contains_key(&peer.hit()) {
                        let _ = state.agent.dial(peer, &state.ways(&locators), now);
                    }
                });
            }
        };
        let gone = NoPath::Unreachable { tried: Vec::new(), refusals: Vec::new() };
        future::or(answer.recv(), more_ways).await.unwrap_or(Err(gone)) // the link is gone
    }

    /// What QUIC calls a peer.
    pub fn virtual_address(peer: &PublicKey) -> SocketAddr {
        virtual_address(peer.hit())
    }

    /// Whether a handshake with a peer that is being looked for may begin before [`Link::reach`] is done.
    pub fn ventures(&self, peer: &PublicKey) -> bool {
        self.state().agent.ventures(peer.hit())
    }

    /// Sends a request beside the next handshake with a peer, so that the peer can answer before the
    /// handshake is complete. It may be repeated by the network, so it must have no effect. False if it
    /// does not fit.
    pub fn offer_early(&self, peer: PublicKey, request: &[u8]) -> bool {
        self.state().early.offer(peer, request, clock::now())
    }

    /// Undoes [`Link::offer_early`]: the handshake is over.
    pub fn withdraw_early(&self, peer: &PublicKey) {
        self.state().early.withdraw(peer.hit());
    }

    /// The request that a peer sent beside a handshake, once. `connection_id` is the one to which the
    /// handshake's first packet was addressed. The handshake has yet to prove the sender.
    pub fn take_early(&self, connection_id: &[u8]) -> Option<EarlyRequest> {
        self.state().early.take(connection_id, clock::now())
    }

    /// Whether the way to a peer may carry longer packets than every way does. Those of Teredo may not, but such as go
    /// without its headers.
    pub fn may_carry_long(&self, hit: Hit) -> bool {
        let way = self.state().agent.likely_path(hit);
        let address = way.and_then(|way| way.direct()).filter(|address| is_teredo(address.ip()));
        let Some(address) = address else { return true };
        self.teredo_for(address).is_some_and(|teredo| teredo.takes_long(address))
    }

    /// The way in use for a peer.
    pub fn path(&self, peer: &PublicKey) -> Option<Way> {
        self.state().agent.path(peer.hit())
    }

    /// Whether a peer has ever answered here. It need not have for a relay to be used.
    pub fn has_answered(&self, peer: &PublicKey) -> bool {
        self.state().agent.has_answered(peer.hit())
    }

    /// The paths to all connected peers, and their spares.
    pub fn paths(&self) -> Vec<PathReport> {
        self.with_state(|state, now| state.agent.paths(now))
    }

    /// Where this host may be reached from now on, and how its NAT gives out ports. Connected peers are
    /// told if it is news.
    pub(in crate::link) fn set_local_candidates(
        &self,
        candidates: &[LocalCandidate],
        nat: NatMapping,
    ) {
        self.with_state(|state, now| state.agent.set_local_candidates(candidates, nat, now));
    }

    /// Waits until packets that were sent in vain may get through, to whomever: a path is another, or works
    /// again.
    pub fn recovered(&self) -> EventListener {
        self.recovered.listen()
    }

    /// A connection with this peer was lost without a word; the next [`Link::reach`] asks whether it is
    /// still there.
    pub fn connection_lost(&self, peer: &PublicKey) {
        self.with_state(|state, now| state.agent.handle_connection_lost(peer.hit(), now));
    }

    /// Peers with a connection and without a path that is known to work.
    pub fn suspects(&self) -> Vec<PublicKey> {
        self.with_state(|state, _| state.agent.suspects())
    }

    /// Whether packets for a peer may be going nowhere.
    pub fn is_suspect(&self, peer: &PublicKey) -> bool {
        self.with_state(|state, _| state.agent.is_suspect(peer.hit()))
    }

    /// A sealed message for a peer that is being looked for, to be carried there by an overlay: it tells
    /// where this host is, so that both ends may begin to punch. None if nobody looks for the peer.
    pub fn call_message(&self, peer: &PublicKey) -> Option<Vec<u8>> {
        self.with_state(|state, now| state.agent.call_message(peer.hit(), now))
    }

    /// Takes a message that a peer's [`Link::call_message`] gave.
    pub fn handle_call(&self, message: &[u8]) {
        self.with_state(|state, now| state.agent.handle_call(message, now));
    }

    /// Watches the path to a peer for as long as the result is kept: while a connection exists.
    pub fn hold(self: &Arc<Link>, peer: &PublicKey) -> Hold {
        let hit = peer.hit();
        self.with_state(|state, _| state.agent.hold(hit));
        self.mobility.holds.fetch_add(1, Relaxed);
        Hold { link: self.clone(), hit }
    }
}

/// See [`Link::hold`].
#[derive(Debug)]
pub struct Hold {
    link: Arc<Link>,
    hit: Hit,
}

impl Drop for Hold {
    fn drop(&mut self) {
        let hit = self.hit;
        self.link.mobility.holds.fetch_sub(1, Relaxed);
        self.link.with_state(|state, now| state.agent.release(hit, now));
    }
}
