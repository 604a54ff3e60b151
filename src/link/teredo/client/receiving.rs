//! What the client takes: advertisements and introductions of its server, and datagrams of peers.

use std::{
    net::{SocketAddrV4, SocketAddrV6},
    time::{Duration, Instant},
};

use super::super::{
    address::TeredoAddress, bare, encapsulation::Encapsulation, ipv6::Packet, peers::Sign,
    state::TeredoProof,
};
use super::{Delivery, Phase, Teredo};
use crate::runtime::ip::is_global_v4;

/// By so much an answer may be late: the line of a home is slow.
const ANSWER_DELAY: Duration = Duration::from_millis(50);

impl Teredo {
    /// Takes an outer datagram.
    pub(in crate::link::teredo) fn handle_datagram(
        &mut self,
        from: SocketAddrV4,
        datagram: &[u8],
        now: Instant,
    ) {
        if let Some(payload) = bare::restore(datagram) {
            let active = matches!(self.phase, Phase::Active(_));
            let source = active.then(|| self.peers.heard_bare(from, now)).flatten();
            self.deliveries.extend(source.map(|from| Delivery { from, payload }));
        } else if let Some(encapsulation) = Encapsulation::parse(datagram)
            && let Some(packet) = Packet::parse(encapsulation.packet)
        {
            self.handle_packet(from, &encapsulation, &packet, now);
            self.tell(now);
        }
    }

    fn handle_packet(
        &mut self,
        from: SocketAddrV4,
        encapsulation: &Encapsulation<'_>,
        packet: &Packet<'_>,
        now: Instant,
    ) -> Option<()> {
        let Phase::Active(qualification) = &mut self.phase else { return None };
        if let Some(server) = packet.advertised_server() {
            let mapped = encapsulation.origin?;
            if server == qualification.server() && is_global_v4(*mapped.ip()) && mapped.port() != 0
            {
                let nonce = encapsulation.nonce?;
                let drbg = &mut self.drbg;
                let outcome = qualification.handle_advertisement(from, nonce, mapped, drbg, now);
                self.follow(outcome, now);
            }
            return Some(());
        }
        let own = qualification.address()?;
        let is_server = qualification.is_server(from);
        let answers = packet.is_bubble() && packet.destination == self.anonymous && !is_server;
        if packet.destination != own.to_ipv6() && !answers {
            return None;
        }
        if is_server {
            return self.handle_introduction(own, encapsulation.origin?, packet, now);
        }
        let peer = TeredoAddress::parse(packet.source)?;
        if peer.mapped == from && peer.mapped != own.mapped {
            self.handle_direct(own, peer, packet, now)
        } else {
            None // whoever sent it is not who it says (RFC 4380, section 5.2.3)
        }
    }

    /// The server forwards the bubble of a peer that wants to talk: the answer opens our NAT for it.
    ///
    /// Some clients (miredo) send it from a link-local address that is a nonce in truth, and wait for an
    /// answer to it.
    fn handle_introduction(
        &mut self,
        own: TeredoAddress,
        origin: SocketAddrV4,
        packet: &Packet<'_>,
        now: Instant,
    ) -> Option<()> {
        let Phase::Active(qualification) = &mut self.phase else { return None };
        if !packet.is_bubble() || !is_global_v4(*origin.ip()) {
            return None;
        }
        let peer = TeredoAddress::parse(packet.source).filter(|peer| peer.mapped == origin);
        if peer == Some(own) {
            qualification.handle_echo();
            qualification.heard(&mut self.drbg, now);
            self.prove(TeredoProof::Introduced);
        } else if origin != own.mapped {
            let anonymous = packet.source.is_unicast_link_local();
            let welcome = peer.map_or(anonymous, |peer| self.peers.may_reply(peer, now));
            if welcome {
                self.reply(own, packet.source, origin, now);
            }
        }
        Some(())
    }

    /// A packet from where the address of its sender says.
    fn handle_direct(
        &mut self,
        own: TeredoAddress,
        peer: TeredoAddress,
        packet: &Packet<'_>,
        now: Instant,
    ) -> Option<()> {
        let sign = if packet.is_bubble() { Sign::Bubble } else { Sign::Datagram };
        let patience = self.stagger() + ANSWER_DELAY;
        let (waiting, first) = self.peers.heard(peer, sign, patience, now);
        self.prove(TeredoProof::Peer);
        if let Phase::Active(qualification) = &mut self.phase {
            qualification.believe(now);
        }
        let unanswered = first && waiting.is_empty() && packet.is_bubble();
        if unanswered && self.peers.may_reply(peer, now) {
            self.reply(own, packet.source, peer.mapped, now); // it came through, so its sender need not wait for the server
        }
        let datagram = packet.udp().filter(|datagram| datagram.destination_port == self.port);
        let from = |port| SocketAddrV6::new(packet.source, port, 0, 0);
        if let Some(from) = datagram.map(|datagram| from(datagram.source_port)) {
            self.peers.note(peer, from, packet.flow, now);
        }
        for datagram in waiting {
            self.transmit(peer, datagram.to, &datagram.payload, now);
        }
        let datagram = datagram?;
        let from = from(datagram.source_port);
        self.deliveries.push_back(Delivery { from, payload: datagram.payload.to_vec() });
        Some(())
    }
}
