//! One allocation on a TURN server (RFC 8656), sans-IO.
//!
//! ```text
//! Idle ── needed ──> Allocating ── 401: who are you? ──> Allocating ──> Allocated ──> refreshed …
//!   <── not needed, lifetime zero ────────────────────────────────────────  │
//! Refused, for five minutes  <── an error, or silence ──────────────────────┘
//! ```
//!
//! Sending to a peer for the first time asks the server for a permission and for a channel, and does
//! not wait for them: the datagram goes behind the question, as an indication.

use std::{
    net::{IpAddr, SocketAddr},
    ops::Range,
    time::{Duration, Instant},
};

use zeroize::Zeroizing;

use super::{
    channel::{Channels, REBIND, channel_data},
    server::TurnServer,
};
use crate::link::drbg::Drbg;
use crate::link::stun::{
    Builder, Class, IntegrityKey, Message, Method, Patience, Transactions, Transmit, attribute,
};

/// REQUESTED-TRANSPORT: UDP (section 18.7).
const UDP: [u8; 4] = [17, 0, 0, 0];
/// Between two datagrams that keep our NAT's mapping to the server.
const KEEP_ALIVE: Duration = Duration::from_secs(25);
/// After a refusal or silence.
const RETRY: Duration = Duration::from_secs(5 * 60);
/// Times that a server may ask who we are before it is believed not to know us.
const MAX_CHALLENGES: u32 = 3;
/// How long a dial keeps an allocation that nobody else needs.
const PASSING_NEED: Duration = Duration::from_secs(120);
/// What is believed of a server about the life of an allocation.
const LIFETIMES: (u32, u32) = (60, 3600);

const UNAUTHENTICATED: u16 = 401;
const STALE_NONCE: u16 = 438;
/// Realms and nonces are at most so long (RFC 8489, sections 14.9 and 14.10).
const MAX_CHALLENGE: usize = 763;

/// Why the allocation is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Need {
    Idle,
    Until(Instant),
    Lasting,
}

/// What a request is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Purpose {
    Allocate,
    Refresh,
    Release,
    Permit(IpAddr),
    Bind { channel: u16, peer: SocketAddr },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Idle,
    Allocating,
    Allocated { relayed: SocketAddr, refresh: Instant, keep_alive: Instant },
    Refused { retry: Instant },
}

/// What the server has asked of us.
#[derive(Debug)]
struct Challenge {
    realm: Vec<u8>,
    nonce: Vec<u8>,
    key: IntegrityKey,
}

/// The client of one server.
#[derive(Debug)]
pub(in crate::link) struct TurnClient {
    server: SocketAddr,
    user: String,
    password: Zeroizing<String>,
    need: Need,
    state: State,
    challenge: Option<Challenge>,
    /// In a row.
    challenges: u32,
    transactions: Transactions<Purpose>,
    channels: Channels,
    /// Datagrams that are sent once.
    indications: Vec<Vec<u8>>,
}

impl TurnClient {
    /// A client that waits until it is needed; `server` is the address of `account`'s server.
    pub(in crate::link) fn new(server: SocketAddr, account: &TurnServer) -> TurnClient {
        TurnClient {
            server,
            user: account.user.clone(),
            password: account.password.clone(),
            need: Need::Idle,
            state: State::Idle,
            challenge: None,
            challenges: 0,
            transactions: Transactions::default(),
            channels: Channels::default(),
            indications: Vec::new(),
        }
    }

    pub(in crate::link) fn server(&self) -> SocketAddr {
        self.server
    }

    /// The address that the server lends.
    pub(in crate::link) fn relayed(&self) -> Option<SocketAddr> {
        match self.state {
            State::Allocated { relayed, .. } => Some(relayed),
            _ => None,
        }
    }

    /// Whether others dial this host.
    pub(in crate::link) fn set_serving(&mut self, serving: bool, now: Instant) {
        if serving {
            self.need = Need::Lasting;
        } else if self.need == Need::Lasting {
            self.need = Need::Until(now + PASSING_NEED);
        }
    }

    /// Somebody is being dialled, or sent to.
    pub(in crate::link) fn touch(&mut self, now: Instant) {
        if self.need != Need::Lasting {
            self.need = Need::Until(now + PASSING_NEED);
        }
    }

    /// This host is elsewhere: the server takes it for somebody else.
    pub(in crate::link) fn handle_network_change(&mut self) {
        self.forget(State::Idle);
    }

    /// Whose data a datagram of the server carries, and where it is; None if it is the server's own.
    pub(in crate::link) fn data(&self, datagram: &[u8]) -> Option<(SocketAddr, Range<usize>)> {
        self.relayed()?;
        self.channels.data(datagram)
    }

    /// Wraps data for a peer, as it goes to the server; None while there is no allocation.
    pub(in crate::link) fn wrap(
        &mut self,
        peer: SocketAddr,
        data: &[u8],
        drbg: &mut Drbg,
        now: Instant,
    ) -> Option<Vec<u8>> {
        let relayed = self.relayed()?;
        if relayed.is_ipv4() != peer.is_ipv4() {
            return None;
        }
        self.touch(now);
        let permitted = self.channels.has(peer.ip());
        let (channel, new) = self.channels.open(peer, now);
        if new {
            if !permitted {
                self.ask(Purpose::Permit(peer.ip()), drbg, now);
            }
            self.ask(Purpose::Bind { channel: channel.number, peer }, drbg, now);
        }
        if channel.bound {
            return channel_data(channel.number, data);
        }
        let send = Builder::new(Class::Indication, Method::SEND, drbg.transaction_id());
        Some(
            send.xor_address(attribute::XOR_PEER_ADDRESS, peer)
                .attribute(attribute::DATA, data)
                .finish(),
        )
    }

    /// Takes a datagram of the server that carries no data. Gives the address at which the server sees
    /// this host, if it says so.
    pub(in crate::link) fn handle_datagram(
        &mut self,
        datagram: &[u8],
        drbg: &mut Drbg,
        now: Instant,
    ) -> Option<SocketAddr> {
        let message = Message::decode(datagram).ok()?;
        let code = message.error_code();
        let challenged = matches!(code, Some(UNAUTHENTICATED | STALE_NONCE));
        if !challenged && !self.is_genuine(&message) {
            return None;
        }
        let purpose = self.transactions.handle_answer(self.server, &message)?.purpose;
        match message.class() {
            Class::Success if !message.is_beyond_us() => {
                self.challenges = 0;
                self.handle_success(purpose, &message, now)
            }
            _ if challenged => {
                self.handle_challenge(purpose, &message, drbg, now);
                None
            }
            _ => {
                let code = code.unwrap_or_default();
                log::debug!("TURN server {}: error {code} for {purpose:?}", self.server);
                self.handle_failure(purpose, now);
                None
            }
        }
    }

    pub(in crate::link) fn handle_timeout(&mut self, drbg: &mut Drbg, now: Instant) {
        while let Some(purpose) = self.transactions.poll_given_up(now) {
            self.handle_failure(purpose, now);
        }
        if matches!(self.need, Need::Until(end) if end <= now) {
            self.need = Need::Idle;
        }
        match self.state {
            State::Allocated { .. } if self.need == Need::Idle => {
                self.forget(State::Idle);
                self.ask(Purpose::Release, drbg, now);
            }
            State::Allocated { relayed, refresh, keep_alive } => {
                self.maintain(relayed, refresh, keep_alive, drbg, now);
            }
            State::Idle if self.need != Need::Idle => self.allocate(drbg, now),
            State::Refused { retry } if self.need != Need::Idle && retry <= now => {
                self.allocate(drbg, now);
            }
            _ => {}
        }
    }

    pub(in crate::link) fn poll_transmit(&mut self, now: Instant) -> Option<Transmit> {
        let once = |datagram| Transmit { to: self.server, datagram };
        self.transactions.poll_transmit(now).or_else(|| self.indications.pop().map(once))
    }

    pub(in crate::link) fn poll_timeout(&self) -> Option<Instant> {
        let end = match self.need {
            Need::Until(end) => Some(end),
            _ => None,
        };
        let own = match self.state {
            State::Allocated { refresh, keep_alive, .. } => Some(refresh.min(keep_alive)),
            State::Refused { retry } if self.need != Need::Idle => Some(retry),
            _ => None,
        };
        let channels = self.relayed().and_then(|_| self.channels.poll_timeout());
        [self.transactions.poll_timeout(), end, own, channels].into_iter().flatten().min()
    }

    fn allocate(&mut self, drbg: &mut Drbg, now: Instant) {
        self.state = State::Allocating;
        self.challenges = 0;
        self.ask(Purpose::Allocate, drbg, now);
    }

    fn maintain(
        &mut self,
        relayed: SocketAddr,
        refresh: Instant,
        keep_alive: Instant,
        drbg: &mut Drbg,
        now: Instant,
    ) {
        let asked = |purpose| self.transactions.purposes().any(|open| *open == purpose);
        if refresh <= now && !asked(Purpose::Refresh) {
            let refresh = now + RETRY; // until the answer says better
            self.state = State::Allocated { relayed, refresh, keep_alive };
            self.ask(Purpose::Refresh, drbg, now);
        } else if keep_alive <= now {
            let keep_alive = now + KEEP_ALIVE;
            self.state = State::Allocated { relayed, refresh, keep_alive };
            let id = drbg.transaction_id();
            self.indications.push(Builder::new(Class::Indication, Method::BINDING, id).finish());
        }
        while let Some(channel) = self.channels.poll_rebind(now) {
            let peer = channel.peer;
            self.ask(Purpose::Bind { channel: channel.number, peer }, drbg, now);
        }
    }

    /// An answer counts only under our key, once there is one.
    fn is_genuine(&self, message: &Message<'_>) -> bool {
        self.challenge.as_ref().is_none_or(|challenge| message.is_authentic(&challenge.key))
    }

    fn handle_success(
        &mut self,
        purpose: Purpose,
        message: &Message<'_>,
        now: Instant,
    ) -> Option<SocketAddr> {
        let (least, most) = LIFETIMES;
        let lifetime = message.number(attribute::LIFETIME).unwrap_or(least).clamp(least, most);
        let refresh = now + Duration::from_secs(lifetime.into()) / 2;
        match purpose {
            Purpose::Allocate => {
                let relayed = message.xor_address(attribute::XOR_RELAYED_ADDRESS);
                let Some(relayed) = relayed else {
                    self.forget(State::Refused { retry: now + RETRY });
                    return None;
                };
                self.state = State::Allocated { relayed, refresh, keep_alive: now + KEEP_ALIVE };
                return message.mapped_address();
            }
            Purpose::Refresh => {
                if let State::Allocated { relayed, keep_alive, .. } = self.state {
                    self.state = State::Allocated { relayed, refresh, keep_alive };
                }
            }
            Purpose::Bind { channel, peer } => {
                if let Some(open) = self.channels.find(channel)
                    && open.peer == peer
                {
                    open.bound = true;
                    open.rebind = Some(now + REBIND);
                }
            }
            Purpose::Release | Purpose::Permit(_) => {}
        }
        None
    }

    fn handle_challenge(
        &mut self,
        purpose: Purpose,
        message: &Message<'_>,
        drbg: &mut Drbg,
        now: Instant,
    ) {
        self.challenges += 1;
        let value = |kind| message.attribute(kind).filter(|value| value.len() <= MAX_CHALLENGE);
        let known = self.challenge.as_ref().map(|challenge| challenge.realm.clone());
        let realm = value(attribute::REALM).map(<[u8]>::to_vec).or(known);
        let (Some(realm), Some(nonce)) = (realm, value(attribute::NONCE)) else {
            return self.handle_failure(purpose, now);
        };
        if self.challenges > MAX_CHALLENGES {
            log::warn!("the TURN server {} does not know user {}", self.server, self.user);
            return self.handle_failure(purpose, now);
        }
        let key = IntegrityKey::long_term(&self.user, &realm, &self.password);
        self.challenge = Some(Challenge { realm, nonce: nonce.to_vec(), key });
        self.ask(purpose, drbg, now);
    }

    fn handle_failure(&mut self, purpose: Purpose, now: Instant) {
        match purpose {
            Purpose::Allocate | Purpose::Refresh => {
                self.forget(State::Refused { retry: now + RETRY });
            }
            Purpose::Bind { channel, .. } => {
                // indications do as well
                if let Some(open) = self.channels.find(channel) {
                    open.bound = false;
                    open.rebind = Some(now + REBIND);
                }
            }
            Purpose::Release | Purpose::Permit(_) => {}
        }
    }

    fn forget(&mut self, state: State) {
        self.state = state;
        self.transactions.clear();
        self.channels = Channels::default();
    }

    fn ask(&mut self, purpose: Purpose, drbg: &mut Drbg, now: Instant) {
        let id = drbg.transaction_id();
        let request = |method| Builder::new(Class::Request, method, id);
        let request = match purpose {
            Purpose::Allocate => {
                request(Method::ALLOCATE).attribute(attribute::REQUESTED_TRANSPORT, &UDP)
            }
            Purpose::Refresh => request(Method::REFRESH),
            Purpose::Release => {
                request(Method::REFRESH).attribute(attribute::LIFETIME, &0u32.to_be_bytes())
            }
            Purpose::Permit(peer) => request(Method::CREATE_PERMISSION)
                .xor_address(attribute::XOR_PEER_ADDRESS, SocketAddr::new(peer, 0)),
            Purpose::Bind { channel, peer } => {
                let [c0, c1] = channel.to_be_bytes();
                request(Method::CHANNEL_BIND)
                    .attribute(attribute::CHANNEL_NUMBER, &[c0, c1, 0, 0])
                    .xor_address(attribute::XOR_PEER_ADDRESS, peer)
            }
        };
        let request = match &self.challenge {
            None => request,
            Some(Challenge { realm, nonce, key }) => request
                .attribute(attribute::USERNAME, self.user.as_bytes())
                .attribute(attribute::REALM, realm)
                .attribute(attribute::NONCE, nonce)
                .integrity(key),
        };
        let patience = Patience::STANDARD;
        self.transactions.start(self.server, (id, request.finish()), purpose, patience, now);
    }
}

#[cfg(test)]
mod tests;
