//! What the client sends: solicitations, bubbles, and datagrams with or without headers.

use std::{
    net::{Ipv6Addr, SocketAddrV4, SocketAddrV6},
    time::{Duration, Instant},
};

use super::super::{
    address::{SERVER_PORT, TeredoAddress},
    bare,
    encapsulation::with_nonce,
    ipv6,
    peers::Due,
    qualification::Action,
    state::{TeredoProof, TeredoState},
};
use super::{Event, Phase, Teredo, Transmit};
use crate::link::limit::Rate;

/// Bubbles that answer bubbles, for all peers together: 3.4 kB a second at worst.
const REPLIES: Rate = Rate { interval: Duration::from_millis(20), burst: 64 };

/// A direct packet follows the bubble through the server by no more than this.
const MAX_STAGGER: Duration = Duration::from_millis(400);

impl Teredo {
    pub(super) fn reply(
        &mut self,
        own: TeredoAddress,
        peer: Ipv6Addr,
        to: SocketAddrV4,
        now: Instant,
    ) {
        if self.replies.take(&REPLIES, now) {
            let datagram = ipv6::bubble(own.to_ipv6(), peer);
            self.transmits.push_back(Transmit { to, datagram });
        }
    }

    pub(super) fn act(&mut self, action: Action) {
        match action {
            Action::Solicit(to, nonce) => {
                let datagram = with_nonce(nonce, &ipv6::router_solicitation());
                self.transmits.push_back(Transmit { to, datagram });
            }
            Action::Echo => {
                let Phase::Active(qualification) = &self.phase else { return };
                let Some(own) = qualification.address() else { return };
                self.bubble_through_server(own.to_ipv6(), own);
            }
        }
    }

    pub(super) fn send_bubbles(&mut self, now: Instant) {
        let Phase::Active(qualification) = &self.phase else { return };
        let own = qualification.address();
        let introduces = qualification.introduces();
        let from = own.map_or(self.anonymous, TeredoAddress::to_ipv6);
        let mut due = Vec::new();
        self.peers.handle_timeout(own.map(|_| self.stagger()), now, &mut due);
        for due in due {
            match due {
                Due::Introduction(peer) => self.bubble_through_server(from, peer),
                Due::Direct(peer) => {
                    let ventured = self.peers.venture(peer);
                    if ventured.is_empty() {
                        let datagram = ipv6::bubble(from, peer.to_ipv6());
                        self.transmits.push_back(Transmit { to: peer.mapped, datagram });
                    }
                    for datagram in ventured {
                        self.transmit(peer, datagram.to, &datagram.payload, now);
                    }
                }
                Due::Repetition(peer) => {
                    for datagram in self.peers.repeat(peer) {
                        self.transmit(peer, datagram.to, &datagram.payload, now);
                    }
                }
                Due::Silent(peer) => {
                    self.silent_peers += 1;
                    self.events.push_back(Event::SilentPeer(peer.mapped));
                }
            }
        }
        let nothing_passed = self.proof == TeredoProof::Advertised && introduces == Some(false);
        if nothing_passed && self.silent_peers > 0 {
            self.fail(TeredoState::PassesNothing, now);
        }
    }

    /// How long after the bubble through the server a packet goes straight to the peer.
    pub(super) fn stagger(&self) -> Duration {
        let Phase::Active(qualification) = &self.phase else { return MAX_STAGGER };
        qualification.round_trip().min(MAX_STAGGER)
    }

    fn bubble_through_server(&mut self, from: Ipv6Addr, peer: TeredoAddress) {
        let datagram = ipv6::bubble(from, peer.to_ipv6());
        let to = SocketAddrV4::new(peer.server, SERVER_PORT);
        self.transmits.push_back(Transmit { to, datagram });
    }

    /// Sends a datagram straight to a peer, bare where that is enough.
    pub(super) fn transmit(
        &mut self,
        peer: TeredoAddress,
        to: SocketAddrV6,
        payload: &[u8],
        now: Instant,
    ) {
        let Some(from) = self.own_address() else { return };
        let bare = bare::strip(payload).filter(|_| self.peers.takes_bare(peer, to, now));
        let datagram =
            bare.unwrap_or_else(|| ipv6::udp(from, to, self.peers.flow(peer, now), payload));
        self.transmits.push_back(Transmit { to: peer.mapped, datagram });
    }
}
