//! Asks the router for a mapping by PCP (RFC 6887) and NAT-PMP (RFC 6886), and keeps it; sans-IO.
//!
//! Both protocols share a port, and routers that know only the older one say so. A mapping is asked for
//! with PCP, beside a harmless question in NAT-PMP; once PCP is refused, or only the harmless question is
//! answered, NAT-PMP asks for the mapping.
//!
//! A mapping is renewed at half of its life. Every minute the router is asked for its epoch, which goes
//! back when it has restarted and lost its mappings: two small datagrams in the local network.

use std::{
    collections::VecDeque,
    net::{Ipv4Addr, SocketAddrV4},
    time::{Duration, Instant},
};

use super::{
    nat_pmp::{self, Content},
    pcp::{self, MapRequest, MapResponse, Nonce},
};

/// What we ask for; a router that fails to be told of our end forgets us after that.
const LIFETIME: u32 = 7200;
/// What we believe of a router's answer at most.
const MAX_LIFETIME: Duration = Duration::from_secs(86_400);
/// And at least, so that nobody makes us ask without a pause.
const MIN_LIFETIME: Duration = Duration::from_secs(120);
/// Until the first repetition; it doubles (RFC 6886, section 3.1; the 3 s of PCP are for routers far away).
const FIRST_TIMEOUT: Duration = Duration::from_millis(250);
/// Requests until a router counts as silent: after 7.75 s.
const MAX_REQUESTS: u32 = 5;
/// Requests for the end of a mapping: a person waits for it.
const MAX_FAREWELLS: u32 = 3;
/// Between two questions for the epoch.
const EPOCH_CHECK: Duration = Duration::from_secs(60);

/// A protocol that the router speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Protocol {
    Pcp,
    NatPmp,
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Event {
    /// The router sends here what comes to this address.
    Mapped(SocketAddrV4),
    /// It does not, or not any more.
    Lost,
    /// The mapping has been taken away, or the router does not care.
    Withdrawn,
}

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Purpose {
    Map,
    Epoch,
    Withdraw,
}

/// A question that is repeated until it is answered.
#[derive(Debug)]
struct Exchange {
    purpose: Purpose,
    due: Instant,
    sent: u32,
}

#[derive(Clone, Copy, Debug)]
struct Mapping {
    external: SocketAddrV4,
    protocol: Protocol,
    renew: Instant,
}

/// The epoch of a router, and when it was heard.
#[derive(Clone, Copy, Debug)]
struct Epoch {
    seconds: u32,
    heard: Instant,
}

/// One mapping of one port by one router.
#[derive(Debug)]
pub(super) struct GatewayClient {
    nonce: Nonce,
    client: Ipv4Addr,
    port: u16,
    exchange: Option<Exchange>,
    mapping: Option<Mapping>,
    epoch: Option<Epoch>,
    pcp_refused: bool,
    /// What NAT-PMP calls the public address.
    external_address: Option<Ipv4Addr>,
    next_check: Option<Instant>,
    /// The router answers questions for its epoch.
    checkable: bool,
    transmits: VecDeque<Vec<u8>>,
    events: VecDeque<Event>,
}

impl GatewayClient {
    /// Begins to ask. `nonce` must be unpredictable; `client` is the address from which the router sees
    /// us.
    pub(super) fn new(client: SocketAddrV4, nonce: Nonce, now: Instant) -> GatewayClient {
        let mut gateway = GatewayClient {
            nonce,
            client: *client.ip(),
            port: client.port(),
            exchange: None,
            mapping: None,
            epoch: None,
            pcp_refused: false,
            external_address: None,
            next_check: None,
            checkable: true,
            transmits: VecDeque::new(),
            events: VecDeque::new(),
        };
        gateway.begin(Purpose::Map, now);
        gateway
    }

    /// Takes the mapping away; [`Event::Withdrawn`] follows.
    pub(super) fn withdraw(&mut self, now: Instant) {
        self.exchange = None;
        match self.mapping {
            Some(_) => self.begin(Purpose::Withdraw, now),
            None => self.events.push_back(Event::Withdrawn),
        }
    }

    /// Takes a datagram from the router's port.
    pub(super) fn handle_datagram(&mut self, datagram: &[u8], now: Instant) {
        if let Some(response) = MapResponse::decode(datagram) {
            self.handle_pcp(&response, now);
        } else if let Some(epoch) = pcp::announced_epoch(datagram) {
            let restarted = self.note_epoch(epoch, now);
            if self.purpose() == Some(Purpose::Epoch) {
                self.end_check(restarted, now);
            }
        } else if pcp::refusal(datagram).is_some() {
            self.refuse_pcp();
        } else if let Some(response) = nat_pmp::Response::decode(datagram) {
            self.handle_nat_pmp(&response, now);
        }
    }

    pub(super) fn handle_timeout(&mut self, now: Instant) {
        if let Some(exchange) = &self.exchange
            && exchange.due <= now
        {
            self.repeat(now);
        }
        if self.exchange.is_none()
            && let Some(mapping) = self.mapping
        {
            if mapping.renew <= now {
                self.begin(Purpose::Map, now);
            } else if self.next_check.is_some_and(|check| check <= now) {
                self.begin(Purpose::Epoch, now);
            }
        }
    }

    pub(super) fn poll_transmit(&mut self) -> Option<Vec<u8>> {
        self.transmits.pop_front()
    }

    pub(super) fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        match &self.exchange {
            Some(exchange) => Some(exchange.due),
            None => {
                let renew = self.mapping.map(|mapping| mapping.renew);
                [renew, self.next_check].into_iter().flatten().min()
            }
        }
    }

    fn begin(&mut self, purpose: Purpose, now: Instant) {
        self.exchange = Some(Exchange { purpose, due: now + FIRST_TIMEOUT, sent: 1 });
        self.send(purpose);
    }

    fn repeat(&mut self, now: Instant) {
        let Some(exchange) = &mut self.exchange else { return };
        let purpose = exchange.purpose;
        let most = if purpose == Purpose::Withdraw { MAX_FAREWELLS } else { MAX_REQUESTS };
        if exchange.sent < most {
            exchange.due = now + FIRST_TIMEOUT * 2u32.pow(exchange.sent);
            exchange.sent += 1;
            self.send(purpose);
            return;
        }
        self.exchange = None;
        match (purpose, self.mapping) {
            (Purpose::Withdraw, _) => {
                self.mapping = None;
                self.events.push_back(Event::Withdrawn);
            }
            // it does not answer such questions, or it is gone
            (Purpose::Epoch, Some(_)) => {
                self.checkable = false;
                self.next_check = None;
                self.begin(Purpose::Map, now);
            }
            _ => self.lose(),
        }
    }

    fn lose(&mut self) {
        self.exchange = None;
        self.mapping = None;
        self.next_check = None;
        self.events.push_back(Event::Lost);
    }

    fn send(&mut self, purpose: Purpose) {
        let protocol = self.mapping.map(|mapping| mapping.protocol);
        match (purpose, protocol) {
            (Purpose::Epoch, Some(Protocol::Pcp)) => {
                self.transmits.push_back(pcp::announce_request(self.client));
            }
            (Purpose::Epoch, _) => self.transmits.push_back(nat_pmp::ADDRESS_REQUEST.to_vec()),
            (Purpose::Map, Some(Protocol::Pcp)) => self.send_pcp(LIFETIME),
            (Purpose::Withdraw, Some(Protocol::Pcp)) => self.send_pcp(0),
            (Purpose::Map, Some(Protocol::NatPmp)) => self.send_nat_pmp(),
            (Purpose::Withdraw, _) => {
                self.transmits.push_back(nat_pmp::map_request(self.port, 0, 0));
            }
            (Purpose::Map, None) => {
                if !self.pcp_refused {
                    self.send_pcp(LIFETIME);
                }
                // silence to PCP and an answer to the other: an old router that is not polite
                match self.external_address {
                    Some(_) => self.send_nat_pmp(),
                    None => self.transmits.push_back(nat_pmp::ADDRESS_REQUEST.to_vec()),
                }
            }
        }
    }

    fn send_pcp(&mut self, lifetime: u32) {
        let external_port = self.mapping.map_or(self.port, |mapping| mapping.external.port());
        let (nonce, client, internal_port) = (self.nonce, self.client, self.port);
        let request = MapRequest { nonce, client, internal_port, external_port, lifetime };
        self.transmits.push_back(request.encode());
    }

    fn send_nat_pmp(&mut self) {
        let external_port = self.mapping.map_or(self.port, |mapping| mapping.external.port());
        self.transmits.push_back(nat_pmp::map_request(self.port, external_port, LIFETIME));
    }

    fn handle_pcp(&mut self, response: &MapResponse, now: Instant) {
        if response.nonce != self.nonce || response.internal_port != self.port {
            return;
        }
        self.note_epoch(response.epoch, now);
        if response.result != 0 {
            self.refuse_pcp();
            return;
        }
        let external = SocketAddrV4::new(response.external_address, response.external_port);
        self.succeed(Protocol::Pcp, external, response.lifetime, now);
    }

    fn refuse_pcp(&mut self) {
        if self.purpose() != Some(Purpose::Map) || self.pcp_refused {
            return;
        }
        self.pcp_refused = true;
        if let Some(mapping) = &mut self.mapping {
            mapping.protocol = Protocol::NatPmp; // the router has been replaced, or has changed its mind
        }
        if self.external_address.is_some() {
            self.send_nat_pmp();
        }
    }

    fn handle_nat_pmp(&mut self, response: &nat_pmp::Response, now: Instant) {
        let restarted = self.note_epoch(response.epoch, now);
        match response.content {
            Content::Refusal => {} // after the last repetition it is silence
            Content::Address(address) => self.handle_address(address, restarted, now),
            Content::Mapping { internal_port, external_port, lifetime } => {
                if internal_port != self.port {
                    return;
                }
                if let Some(address) = self.external_address {
                    let external = SocketAddrV4::new(address, external_port);
                    self.succeed(Protocol::NatPmp, external, lifetime, now);
                }
            }
        }
    }

    fn handle_address(&mut self, address: Ipv4Addr, restarted: bool, now: Instant) {
        let known = self.external_address.replace(address);
        let moved = self.mapping.is_some_and(|mapping| *mapping.external.ip() != address);
        match self.purpose() {
            Some(Purpose::Epoch) => self.end_check(restarted || moved, now),
            Some(Purpose::Map) if known.is_none() && self.pcp_refused => self.send_nat_pmp(),
            _ => {}
        }
    }

    fn end_check(&mut self, lost: bool, now: Instant) {
        self.exchange = None;
        self.next_check = Some(now + EPOCH_CHECK);
        if lost {
            self.begin(Purpose::Map, now);
        }
    }

    /// Remembers the epoch; true if the router has lost its mappings since the last one (RFC 6887,
    /// section 8.5).
    fn note_epoch(&mut self, seconds: u32, now: Instant) -> bool {
        let Some(last) = self.epoch.replace(Epoch { seconds, heard: now }) else { return false };
        if seconds.saturating_add(1) < last.seconds {
            return true;
        }
        let server = u64::from(seconds.saturating_sub(last.seconds));
        let client = now.saturating_duration_since(last.heard).as_secs();
        client + 2 < server - server / 16 || server + 2 < client - client / 16
    }

    fn succeed(&mut self, protocol: Protocol, external: SocketAddrV4, lifetime: u32, now: Instant) {
        match self.purpose() {
            Some(Purpose::Withdraw) if lifetime == 0 => {
                self.exchange = None;
                self.mapping = None;
                self.next_check = None;
                self.events.push_back(Event::Withdrawn);
                return;
            }
            Some(Purpose::Map) if lifetime != 0 && is_somewhere(external) => {}
            _ => return, // late, or nobody asked
        }
        let lifetime = Duration::from_secs(lifetime.into()).clamp(MIN_LIFETIME, MAX_LIFETIME);
        let known = self.mapping.map(|mapping| mapping.external);
        self.mapping = Some(Mapping { external, protocol, renew: now + lifetime / 2 });
        self.exchange = None;
        self.next_check = self.checkable.then(|| now + EPOCH_CHECK);
        if known != Some(external) {
            self.events.push_back(Event::Mapped(external));
        }
    }

    fn purpose(&self) -> Option<Purpose> {
        self.exchange.as_ref().map(|exchange| exchange.purpose)
    }
}

fn is_somewhere(external: SocketAddrV4) -> bool {
    external.port() != 0 && !external.ip().is_unspecified()
}

#[cfg(test)]
mod tests;
