//! Who gets what was received: the agent, the rendezvous protocol, QUIC, or another host.

use std::{net::SocketAddr, ops::Range, time::Instant};

use quinn::udp::EcnCodepoint;

use crate::identity::Hit;
use crate::registration::inquiry::INQUIRY;
use crate::runtime::clock;

use super::{
    agent::Agent,
    aside::Aside,
    candidate::ASSUMED_ROUND_TRIP,
    datagram::{EARLY, Kind},
    early::{Early, Received},
    filter::{DatagramRun, Sorter},
    gathering::Gathering,
    host::{Link, virtual_address},
    introducing::Introducing,
    relaying::Relaying,
    rendezvous::{self, Carrier, Channel, Header, Peer},
    selected_path::SelectedPaths,
    way::{RelayId, Way},
};

/// The state of a link while something received is sorted.
pub(super) struct Sorting<'a> {
    pub(super) link: &'a Link,
    pub(super) agent: &'a mut Agent,
    pub(super) relaying: &'a mut Relaying,
    pub(super) early: &'a mut Early,
    pub(super) aside: &'a mut Aside,
    pub(super) gathering: &'a mut Gathering,
    pub(super) introducing: &'a mut Introducing,
    pub(super) selected: &'a mut SelectedPaths,
    pub(super) now: Instant,
    /// Whether something may have come out of it.
    pub(super) worked: bool,
}

impl Sorting<'_> {
    /// Takes one datagram that came over a TCP connection with a rendezvous.
    pub(super) fn take(&mut self, from: Carrier, datagram: &mut [u8]) {
        match Kind::of(datagram) {
            Kind::Control => self.relaying.handle_datagram(from, datagram, self.now),
            Kind::Carry => {
                let Some(to) = Header::parse(datagram) else { return };
                let stride = datagram.len();
                let run = DatagramRun { octets: datagram, stride, ecn: None };
                self.relaying.carry(self.link, from, to, run, self.now);
            }
            Kind::Carried => {
                let Some((sender, header)) = Header::parse(datagram) else { return };
                let Some(relay) = self.relaying.client.carried(from, self.now) else { return };
                let hit = match sender {
                    Peer::Tag(hit) => Some(hit),
                    Peer::Channel(channel) => self.peer(relay, channel),
                };
                let Some(hit) = hit else { return };
                self.take_carried(Way::Relayed { relay, hit }, &datagram[header..]);
            }
            Kind::Stun | Kind::QuicLong | Kind::QuicShort | Kind::Unknown => {}
        }
    }

    /// Whether a packet only tells of a time when its sender slept.
    fn is_belated(&mut self, hit: Hit, octets: usize) -> bool {
        let in_doubt = || {
            let paths = self.agent.is_suspect(hit).then(|| self.agent.paths(self.now));
            let path = paths?.into_iter().find(|path| path.peer == hit && !path.spare);
            Some(path.and_then(|path| path.round_trip).unwrap_or(ASSUMED_ROUND_TRIP))
        };
        self.selected.hear(hit, octets, in_doubt, self.now)
    }

    fn take_carried(&mut self, way: Way, datagram: &[u8]) {
        match Kind::of(datagram) {
            Kind::Control => self.control(way, datagram),
            kind @ (Kind::QuicLong | Kind::QuicShort) => {
                let Some(sender) = self.sender(way, kind, datagram.len()) else { return };
                if kind == Kind::QuicLong {
                    self.handshake(datagram);
                }
                self.set_aside(sender, datagram, None);
            }
            Kind::Carry | Kind::Carried | Kind::Stun | Kind::Unknown => {}
        }
    }
}

impl Sorter for Sorting<'_> {
    fn is_turn_server(&mut self, from: SocketAddr) -> bool {
        self.gathering.is_turn_server(from)
    }

    fn turn_data(&mut self, from: SocketAddr, datagram: &[u8]) -> Option<(Way, Range<usize>)> {
        self.gathering.turn_data(from, datagram)
    }

    fn control(&mut self, from: Way, datagram: &[u8]) {
        if Kind::of(datagram) == Kind::Stun {
            if let Some(server) = from.direct() {
                self.gathering.handle_datagram(server, datagram, self.now);
                self.worked = true;
            }
            return;
        }
        if datagram.first() == Some(&EARLY) {
            // nobody is heard who has not proved a key by a probe first
            if let Some(hit) = self.agent.handshake_source(from, datagram.len(), self.now)
                && self.agent.admits(from, datagram, self.now)
            {
                let received = self.early.handle_datagram(hit, datagram, self.now);
                if let Some(Received::Enclosing(packet)) = received {
                    self.set_aside(virtual_address(hit), &packet, None);
                }
            }
            return;
        }
        if datagram.first() == Some(&INQUIRY) {
            if let Way::Direct(address) = from {
                let times = (self.now, clock::wall());
                let answer = self.introducing.answer(address, datagram, times);
                answer.inspect(|answer| self.link.send_directly(address, answer, None));
            }
            return;
        }
        match from {
            Way::Direct(address) if rendezvous::speaks(datagram) => {
                self.relaying.handle_datagram(Carrier::Udp(address), datagram, self.now);
            }
            // what is refused costs no look at all timers
            _ if !self.agent.handle_datagram(from, datagram, self.now) => return,
            _ => {}
        }
        self.worked = true;
    }

    fn handshake(&mut self, datagram: &[u8]) {
        self.early.see(datagram, self.now);
    }

    fn sender(&mut self, from: Way, kind: Kind, octets: usize) -> Option<SocketAddr> {
        let source = match kind {
            Kind::QuicLong => self.agent.handshake_source(from, octets, self.now),
            _ => self.agent.source(from, octets, self.now),
        };
        if let Some(hit) = source {
            let belated = kind == Kind::QuicShort && self.is_belated(hit, octets);
            return (!belated).then(|| virtual_address(hit));
        }
        let answerable = kind == Kind::QuicShort && self.agent.admits_unknown(from, self.now);
        from.direct().filter(|_| answerable)
    }

    fn relay(&mut self, from: SocketAddr) -> Option<RelayId> {
        self.relaying.client.carried(Carrier::Udp(from), self.now)
    }

    fn peer(&mut self, relay: RelayId, channel: Channel) -> Option<Hit> {
        let peer = self.relaying.client.peer(relay, channel, self.now);
        self.worked |= peer.is_none(); // it says HELLO
        peer
    }

    fn carry(&mut self, from: SocketAddr, to: (Peer, usize), run: DatagramRun<'_>) {
        self.relaying.carry(self.link, Carrier::Udp(from), to, run, self.now);
        self.worked = true;
    }

    fn set_aside(&mut self, sender: SocketAddr, packet: &[u8], ecn: Option<EcnCodepoint>) {
        self.aside.push(sender, packet, ecn);
    }
}
