//! What leaves the link: packets of QUIC and control datagrams, each by its way.
//!
//! Which way that is the path agent knows; a socket, a relay, a TURN server or the Teredo client takes it
//! from there.

use std::{io, net::SocketAddr, slice::Chunks, sync::Arc, time::Instant};

use quinn::udp::{EcnCodepoint, Transmit};

use crate::identity::Hit;
use crate::runtime::{clock, lock, random};

use super::{
    agent::Transmit as Control,
    host::{Link, State},
    socket::RealSocket,
    stun, teredo,
    way::Way,
};

impl Link {
    /// The way of a QUIC packet. Without a proved one a handshake may venture out; anything else is kept for a
    /// moment.
    pub(super) fn route(&self, transmit: &Transmit<'_>) -> Option<Way> {
        let SocketAddr::V6(to) = transmit.destination else {
            return Some(Way::Direct(transmit.destination));
        };
        let Some(hit) = Hit::from_ipv6(*to.ip()) else {
            // a stateless reset to nobody we know; see `admits_unknown`
            return Some(Way::Direct(SocketAddr::new(to.ip().to_canonical(), to.port())));
        };
        let now = clock::now();
        let mut state = self.state();
        let run = transmit.segment_size.is_some_and(|one| one < transmit.contents.len());
        if !state.agent.is_worth(hit, transmit.contents.len(), run, now) {
            return None; // it counts as lost
        }
        let venture = state.agent.venture(hit, transmit.contents.len());
        if let Some(way) = venture {
            state.selected.move_to(hit, way);
        }
        let way = venture.or_else(|| state.agent.route(hit, now));
        if state.agent.has_output() {
            self.flush(&mut state);
        }
        if state.agent.precede(hit, now) {
            self.arm(&mut state, now); // the driver gets its turn when this packet is out
        }
        if let Some(way) = way {
            if state.early.wants(hit) && self.accompany(&mut state, hit, way, transmit, now) {
                return None; // it is under way
            }
            return Some(way);
        }
        state.held.keep(hit, transmit, now);
        None
    }

    /// Sends the early request that belongs to a handshake's first packet. True if the packet is in it.
    fn accompany(
        &self,
        state: &mut State,
        hit: Hit,
        way: Way,
        transmit: &Transmit<'_>,
        now: Instant,
    ) -> bool {
        // relays need no proof of an address, and over Teredo every octet is a detour
        let full = way.direct().is_some_and(|address| !teredo::is_teredo(address.ip()));
        let mut enclosed = true;
        for datagram in datagrams(transmit) {
            let early = state.early.accompany(hit, datagram, full, random::bytes(), now);
            enclosed &= early.as_ref().is_some_and(|early| early.encloses);
            if let Some(early) = early {
                let _ = self.send(state, way, &single(&early.datagram), now); // lost, as datagrams may be
            }
        }
        enclosed
    }

    /// Sends a packet of QUIC through a relay or a TURN server.
    pub(super) fn send_indirectly(&self, way: Way, transmit: &Transmit<'_>) -> io::Result<()> {
        let now = clock::now();
        let mut state = self.state();
        let sent = self.send(&mut state, way, transmit, now);
        self.flush(&mut state);
        sent
    }

    /// Sends a datagram or a run of them to a peer.
    ///
    /// # Errors
    /// `WouldBlock` when the socket is full; everything else is like a lost datagram.
    pub(super) fn send(
        &self,
        state: &mut State,
        way: Way,
        transmit: &Transmit<'_>,
        now: Instant,
    ) -> io::Result<()> {
        match way {
            Way::Direct(to) => {
                let stride = transmit.segment_size.unwrap_or(transmit.contents.len());
                self.send_run(to, transmit.contents, stride, transmit.ecn)
            }
            Way::Relayed { relay, hit } => state.relaying.send(self, (relay, hit), transmit, now),
            Way::Turn { server, peer } => {
                self.send_by_turn(state, server, peer, transmit, now);
                Ok(())
            }
        }
    }

    /// A control datagram that does not fit now is as good as lost, and may be.
    pub(super) fn send_control(&self, state: &mut State, transmit: &Control, now: Instant) {
        let Control { to, datagram, ttl } = transmit;
        match to.direct() {
            Some(address) => self.send_directly(address, datagram, *ttl),
            None => {
                let _ = self.send(state, *to, &single(datagram), now);
            }
        }
    }

    /// The same to an address.
    pub(super) fn send_directly(&self, address: SocketAddr, datagram: &[u8], ttl: Option<u8>) {
        if let Some(teredo) = self.teredo_for(address) {
            teredo.send_control(address, datagram);
        } else if let Some(socket) = self.socket_for(address) {
            socket.send_control(address, datagram, ttl);
        }
    }

    /// Sends equally long datagrams to an address, the last of which may be shorter, as the kernel likes
    /// them best.
    ///
    /// # Errors
    /// `WouldBlock` when the socket is full, which is noted for the one who asks when it is not;
    /// everything else is like a lost datagram.
    pub(super) fn send_run(
        &self,
        destination: SocketAddr,
        run: &[u8],
        stride: usize,
        ecn: Option<EcnCodepoint>,
    ) -> io::Result<()> {
        let stride = stride.max(1);
        if let Some(teredo) = self.teredo_for(destination) {
            let segment_size = (run.len() > stride).then_some(stride);
            teredo.send(&Transmit { destination, ecn, contents: run, segment_size, src_ip: None });
            return Ok(());
        }
        let Some(socket) = self.socket_for(destination) else { return Ok(()) };
        for contents in run.chunks(stride * socket.max_transmit_segments().max(1)) {
            let segment_size = (contents.len() > stride).then_some(stride);
            let transmit = Transmit { destination, ecn, contents, segment_size, src_ip: None };
            match socket.send(&transmit) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    *lock(&self.blocked) = Some(socket);
                    return Err(error);
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// What does not fit now is as good as lost, and may be.
    fn send_by_turn(
        &self,
        state: &mut State,
        server: u16,
        peer: SocketAddr,
        transmit: &Transmit<'_>,
        now: Instant,
    ) {
        for datagram in datagrams(transmit) {
            let wrapped = state.gathering.wrap(server, peer, datagram, now);
            let Some(stun::Transmit { to, datagram }) = wrapped else { return };
            self.flush_gathering(state, now); // the server must hear of the peer first
            if let Some(socket) = self.socket_for(to) {
                socket.send_control(to, &datagram, None);
            }
        }
    }

    /// The socket for a destination: the one that suits best, among equals the newest.
    pub(super) fn socket_for(&self, to: SocketAddr) -> Option<Arc<RealSocket>> {
        let sockets = self.sockets();
        // `max_by_key` takes the last of equals, the newest is first
        sockets
            .iter()
            .rev()
            .max_by_key(|socket| socket.suits(to))
            .filter(|s| s.suits(to).is_some())
            .cloned()
    }
}

/// The datagrams that are sent at once.
fn datagrams<'a>(transmit: &Transmit<'a>) -> Chunks<'a, u8> {
    transmit.contents.chunks(transmit.segment_size.unwrap_or(transmit.contents.len()).max(1))
}

/// One datagram; where it goes is said beside it.
fn single(contents: &[u8]) -> Transmit<'_> {
    let destination = SocketAddr::from(([0, 0, 0, 0], 0));
    Transmit { destination, ecn: None, contents, segment_size: None, src_ip: None }
}
