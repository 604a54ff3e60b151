//! The link's part in rendezvous: sends what is carried, and hands over what the state machines say.

mod streams;

use std::{collections::HashMap, io, net::SocketAddr, sync::Arc, time::Instant};

use event_listener::EventListener;
use quinn::udp::{EcnCodepoint, Transmit};

use crate::identity::{Hit, KeyPair, PublicKey, SignatureError};
use crate::registration::Rendezvous;
use crate::runtime::{clock, random, spawn};

use super::{
    filter::DatagramRun,
    host::{Link, State},
    no_path::{NoPath, RelayRefusal},
    refusals::Refusals,
    rendezvous::{
        self, Carrier, Client, Event, Forward, Header, MAX_OWN, Outbox, Peer, RefusalReason,
        Registration, Run, Server,
    },
    stun::Observer,
    way::{RelayId, Way},
};

/// What a link knows of rendezvous.
pub(super) struct Relaying {
    pub(super) client: Client,
    /// If this host is one.
    pub(super) server: Option<Server>,
    streams: HashMap<u64, Arc<Outbox>>,
    next_stream: u64,
    /// Where datagrams get their headers.
    wrapped: Vec<u8>,
    pub(super) refusals: Refusals,
}

impl Relaying {
    /// # Errors
    /// Never for a pair made from a seed.
    pub(super) fn new(keys: &KeyPair) -> Result<Relaying, SignatureError> {
        Ok(Relaying {
            client: Client::new(keys, random::bytes())?,
            server: None,
            streams: HashMap::new(),
            next_stream: 0,
            wrapped: Vec::new(),
            refusals: Refusals::default(),
        })
    }

    /// Sends a datagram or a run of them through a relay to a peer. A HELLO goes first where one is due.
    ///
    /// # Errors
    /// `WouldBlock` when the socket is full; everything else is like a lost datagram.
    pub(super) fn send(
        &mut self,
        link: &Link,
        (relay, hit): (RelayId, Hit),
        transmit: &Transmit<'_>,
        now: Instant,
    ) -> io::Result<()> {
        let Some((carrier, header)) = self.client.carry(relay, hit, now) else { return Ok(()) };
        self.flush_client(link);
        let stride = transmit.segment_size.unwrap_or(transmit.contents.len()).max(1);
        let datagrams = transmit.contents.chunks(stride);
        self.send_wrapped(link, carrier, (header, stride), datagrams, transmit.ecn)
    }

    /// Sends datagrams, of which all but the last have the same length, each behind a header.
    fn send_wrapped<'a>(
        &mut self,
        link: &Link,
        to: Carrier,
        (header, stride): (Header, usize),
        datagrams: impl Iterator<Item = &'a [u8]>,
        ecn: Option<EcnCodepoint>,
    ) -> io::Result<()> {
        let mut wrapped = std::mem::take(&mut self.wrapped);
        wrapped.clear();
        for datagram in datagrams {
            wrapped.extend_from_slice(header.as_ref());
            wrapped.extend_from_slice(datagram);
        }
        let sent = self.send_run(link, to, &wrapped, stride + header.as_ref().len(), ecn);
        self.wrapped = wrapped;
        sent
    }

    /// Sends equally long datagrams, the last of which may be shorter.
    fn send_run(
        &self,
        link: &Link,
        to: Carrier,
        run: &[u8],
        stride: usize,
        ecn: Option<EcnCodepoint>,
    ) -> io::Result<()> {
        match to {
            Carrier::Udp(destination) => link.send_run(destination, run, stride, ecn),
            Carrier::Tcp { connection, .. } => {
                if let Some(outbox) = self.streams.get(&connection) {
                    run.chunks(stride).for_each(|datagram| outbox.push(datagram));
                }
                Ok(())
            }
        }
    }

    /// Sends a datagram of the protocol itself.
    fn send_one(&self, link: &Link, to: Carrier, datagram: &[u8]) {
        let _ = self.send_run(link, to, datagram, datagram.len().max(1), None); // lost, as datagrams may be
    }

    fn flush_client(&mut self, link: &Link) {
        while let Some(transmit) = self.client.poll_transmit() {
            self.send_one(link, transmit.to, &transmit.datagram);
        }
    }

    fn flush_server(&mut self, link: &Link) {
        let Some(server) = &mut self.server else { return };
        let mut transmits = Vec::new();
        while let Some(transmit) = server.poll_transmit() {
            transmits.push(transmit);
        }
        for transmit in transmits {
            self.send_one(link, transmit.to, &transmit.datagram);
        }
    }

    /// Carries a run, whose datagrams begin with headers so long, to its receiver if this host is a rendezvous for
    /// both.
    pub(super) fn carry(
        &mut self,
        link: &Link,
        from: Carrier,
        (to, header): (Peer, usize),
        run: DatagramRun<'_>,
        now: Instant,
    ) {
        let DatagramRun { octets, stride, ecn } = run;
        let Some(server) = &mut self.server else { return };
        let what = Run { octets: octets.len(), stride, header };
        let Some(forward) = server.forward(from, to, what, now) else { return };
        let Forward { to, header: new, also, tag, congested } = forward;
        // only what says that it can be marked
        let ecn = ecn.map(|own| if congested { EcnCodepoint::Ce } else { own });
        let inner = stride.saturating_sub(header);
        if let Some((also, length)) = also {
            let count = length.div_ceil(inner + tag.as_ref().len());
            let datagrams = octets.chunks(stride).take(count).map(|datagram| &datagram[header..]);
            let _ = self.send_wrapped(link, also, (tag, inner), datagrams, ecn);
        }
        // a full socket loses it, as a router does
        let _ = if new.as_ref().len() == header {
            for datagram in octets.chunks_mut(stride) {
                datagram[..header].copy_from_slice(new.as_ref());
            }
            self.send_run(link, to, octets, stride, ecn)
        } else {
            let datagrams = octets.chunks(stride).map(|datagram| &datagram[header..]);
            self.send_wrapped(link, to, (new, inner), datagrams, ecn)
        };
    }

    /// Takes a datagram of the protocol itself.
    pub(super) fn handle_datagram(&mut self, from: Carrier, datagram: &[u8], now: Instant) {
        if rendezvous::is_for_server(datagram) {
            if let Some(server) = &mut self.server {
                server.handle_datagram(from, datagram, now, clock::wall());
            }
        } else {
            self.client.handle_datagram(from, datagram, now);
        }
    }

    pub(super) fn handle_timeout(&mut self, now: Instant) {
        self.client.handle_timeout(now);
        if let Some(server) = &mut self.server {
            server.handle_timeout(now);
        }
    }

    pub(super) fn poll_timeout(&self, now: Instant) -> Option<Instant> {
        let server = self.server.as_ref().and_then(Server::poll_timeout);
        self.client.poll_timeout(now).into_iter().chain(server).min()
    }

    /// The ways to a peer that is registered at these rendezvous, of which the first three count.
    pub(super) fn ways(
        &mut self,
        own: &Link,
        hit: Hit,
        nodes: &[Rendezvous],
        now: Instant,
    ) -> Vec<Way> {
        let mut ways = Vec::new();
        for node in nodes.iter().take(MAX_OWN) {
            if node.key == own.key() {
                // this host is the rendezvous: it knows where the peer is
                let place = self.server.as_ref().and_then(|server| server.place_of(hit, now));
                if let Some(Carrier::Udp(address)) = place {
                    ways.push(Way::Direct(address));
                }
            } else if let Some(relay) = self.client.relay(*node, now) {
                ways.push(Way::Relayed { relay, hit });
            }
        }
        ways
    }

    pub(super) fn add_stream(&mut self, address: SocketAddr) -> (Carrier, Arc<Outbox>) {
        let outbox = Arc::<Outbox>::default();
        let carrier = Carrier::Tcp { connection: self.next_stream, address };
        self.streams.insert(self.next_stream, outbox.clone());
        self.next_stream += 1;
        (carrier, outbox)
    }

    fn remove_stream(&mut self, carrier: Carrier) {
        if let Carrier::Tcp { connection, .. } = carrier {
            self.streams.remove(&connection);
        }
    }

    fn close_stream(&mut self, carrier: Carrier) {
        if let Carrier::Tcp { connection, .. } = carrier
            && let Some(outbox) = self.streams.remove(&connection)
        {
            outbox.close();
        }
    }
}

impl Drop for Relaying {
    fn drop(&mut self) {
        self.streams.values().for_each(|outbox| outbox.close()); // their tasks end
    }
}

impl Link {
    /// Registers at these rendezvous, at most three, from now on and at no others.
    pub fn set_rendezvous(&self, nodes: &[Rendezvous]) {
        self.with_state(|state, now| state.relaying.client.set_own(nodes, now));
    }

    /// Shows these certificates to rendezvous from now on.
    pub fn show_certificates(&self, certificates: Vec<Vec<u8>>) {
        self.with_state(|state, now| {
            state.relaying.client.set_certificates(certificates, now);
        });
    }

    /// The rendezvous at which this host is registered: what to publish.
    pub fn accepted_rendezvous(&self) -> Vec<Rendezvous> {
        self.state().relaying.client.accepted()
    }

    /// The rendezvous of this host, and how it stands with each.
    pub fn registrations(&self) -> Vec<(Rendezvous, Registration)> {
        self.state().relaying.client.registrations()
    }

    /// What rendezvous have lately refused to carry to a peer.
    pub fn relay_refusals(&self, hit: Hit) -> Vec<RelayRefusal> {
        self.state().relaying.refusals.of(hit, clock::now())
    }

    /// Ends when a rendezvous does not carry to a peer and there is no other way.
    pub async fn hopeless(&self, peer: &PublicKey) -> NoPath {
        let hit = peer.hit();
        loop {
            let refused = self.refused.listen();
            {
                let state = self.state();
                let refusals = state.relaying.refusals.of(hit, clock::now());
                if !refusals.is_empty() && state.agent.is_hopeless(hit) {
                    return NoPath::Unreachable { tried: Vec::new(), refusals };
                }
            }
            refused.await;
        }
    }

    /// Ends when what is sent to a peer through a rendezvous has been refused for some time, and there is
    /// still no other way: the two were introduced, and could not meet.
    pub async fn starved(&self, peer: &PublicKey) {
        let hit = peer.hit();
        loop {
            let refused = self.refused.listen();
            {
                let state = self.state();
                let is_refused = |way| matches!(way, Way::Relayed { .. }); // a TURN server is not
                if state.agent.path(hit).is_none_or(is_refused)
                    && state.relaying.refusals.starves(hit, clock::now())
                {
                    return;
                }
            }
            refused.await;
        }
    }

    /// Ends when what is to be published of this host has changed.
    pub fn changed(&self) -> EventListener {
        self.changes.listen()
    }

    /// Sends what rendezvous want sent, and tells what they have found out.
    pub(super) fn flush_relaying(&self, state: &mut State, now: Instant) {
        state.relaying.flush_client(self);
        state.relaying.flush_server(self);
        if state.relaying.server.as_mut().is_some_and(Server::take_changed) {
            self.saving.notify(usize::MAX);
        }
        while let Some(event) = state.relaying.client.poll_event() {
            match event {
                Event::Registration => {
                    self.changes.notify(usize::MAX);
                }
                Event::Observed { by, chosen, address, sent } => {
                    let observer = if chosen { Observer::Server(by) } else { Observer::Peer(by) };
                    state.gathering.handle_observed(observer, address, sent, now);
                }
                Event::RoundTrip { relay, round_trip } => {
                    state.agent.set_relay_round_trip(relay, round_trip);
                }
                Event::Refused { relay, callee, reason } => {
                    let Some(rendezvous) = state.relaying.client.node(relay) else { continue };
                    let refusal = RelayRefusal { rendezvous, reason };
                    if state.relaying.refusals.note(callee, refusal, now) {
                        log::warn!("{refusal}");
                    }
                    // anything else passes: too much at once, or in a minute
                    let unknown = reason == RefusalReason::UnknownCallee;
                    if let Some(hit) = callee.filter(|_| unknown) {
                        state.agent.handle_refused(Way::Relayed { relay, hit }, now);
                    }
                    if let Some(hit) = callee.filter(|_| reason == RefusalReason::Quota) {
                        state.agent.handle_exhausted(Way::Relayed { relay, hit }, now);
                    }
                    self.refused.notify(usize::MAX);
                }
                Event::Forgotten { relay } => state.agent.forget_relay(relay, now),
                Event::OpenStream { relay, address } => {
                    spawn(streams::open(self.weak.clone(), relay, address)).detach();
                }
                Event::CloseStream { carrier } => state.relaying.close_stream(carrier),
            }
        }
    }
}
