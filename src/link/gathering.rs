//! Gathers the addresses of this host that its interfaces do not show (RFC 8445, section 5.1.1): those
//! that others see, those that the router has mapped, and those that TURN servers lend; sans-IO.
//!
//! The host drives it like the path agent: datagrams and time in; datagrams, the next time and candidates
//! out.

use std::{net::SocketAddr, ops::Range, time::Instant};

use super::{
    drbg::Drbg,
    stun::{Mapping, Observer, StunClient, Transmit},
    turn::{TurnClient, TurnServer},
    way::Way,
};

/// TURN servers that are used; who has accounts on more names the best first.
const MAX_TURN_SERVERS: usize = 4;

/// Where an address of this host comes from, in the order in which it should be tried (RFC 8445,
/// section 5.1.2.2, with mapped ones between).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum GatheredKind {
    /// The router sends everything that comes there to this host.
    Mapped,
    /// Others see it; whether it lets them in is up to the NAT.
    Reflexive,
    /// A TURN server lends it; only those get through to whom this host has sent something.
    Relayed {
        /// Which one.
        server: u16,
    },
    /// A Teredo server introduces who comes there.
    Teredo,
}

/// An address of this host that no interface has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gathered {
    /// Where it comes from.
    pub kind: GatheredKind,
    /// What to offer to peers.
    pub address: SocketAddr,
}

/// Everything that gathers addresses.
#[derive(Debug)]
pub(super) struct Gathering {
    drbg: Drbg,
    stun: StunClient,
    /// [`Way::Turn`] counts them.
    turn: Vec<TurnClient>,
    /// Accounts that there are, whether their servers are found or not.
    turn_accounts: usize,
    serving: bool,
    mapped: Vec<SocketAddr>,
    changed: bool,
}

impl Gathering {
    /// `seed` must be unpredictable octets.
    pub(super) fn new(seed: [u8; 32]) -> Gathering {
        let (drbg, stun) = (Drbg::new(seed), StunClient::new());
        let (turn, mapped) = (Vec::new(), Vec::new());
        Gathering { drbg, stun, turn, turn_accounts: 0, serving: false, mapped, changed: false }
    }

    /// The STUN servers to ask from now on.
    pub(super) fn set_servers(&mut self, servers: &[SocketAddr], now: Instant) {
        self.stun.set_servers(servers, now);
    }

    /// Whether the servers should be looked for: addresses are needed, and no server has answered.
    pub(super) fn lacks_servers(&self) -> bool {
        let lacks_turn = self.turn.len() < self.turn_accounts.min(MAX_TURN_SERVERS);
        self.stun.is_needed() && (lacks_turn || self.stun.lacks_servers())
    }

    /// So many accounts will be given with [`Gathering::set_turn`] when their servers are found.
    pub(super) fn expect_turn(&mut self, accounts: usize) {
        self.turn_accounts = accounts;
    }

    /// The accounts on TURN servers, with the addresses of those that were found.
    pub(super) fn set_turn(&mut self, servers: &[(SocketAddr, &TurnServer)], now: Instant) {
        let known = |address: &SocketAddr| self.turn.iter().any(|turn| turn.server() == *address);
        let new: Vec<_> = servers.iter().filter(|(address, _)| !known(address)).collect();
        for (address, account) in new.into_iter().take(MAX_TURN_SERVERS - self.turn.len()) {
            let mut client = TurnClient::new(*address, account);
            client.set_serving(self.serving, now);
            if self.stun.is_needed() {
                client.touch(now);
            }
            self.turn.push(client);
        }
    }

    /// Whether others dial this host.
    pub(super) fn set_serving(&mut self, serving: bool, now: Instant) {
        self.serving = serving;
        self.stun.set_serving(serving, now);
        self.turn.iter_mut().for_each(|turn| turn.set_serving(serving, now));
    }

    /// Somebody is being dialled, who may want to know our addresses.
    pub(super) fn touch(&mut self, now: Instant) {
        self.stun.touch(now);
        self.turn.iter_mut().for_each(|turn| turn.touch(now));
    }

    /// The interfaces or the network behind them have changed; `own` are the addresses of the sockets.
    pub(super) fn handle_network_change(&mut self, own: &[SocketAddr], now: Instant) {
        self.changed |= !self.stun.candidates(now).is_empty();
        self.stun.handle_network_change(own, now);
        self.turn.iter_mut().for_each(TurnClient::handle_network_change);
    }

    /// The addresses that the router has mapped to our sockets, all of them.
    pub(super) fn set_mapped(&mut self, mapped: Vec<SocketAddr>) {
        self.changed |= self.mapped != mapped;
        self.mapped = mapped;
    }

    /// Takes a datagram of STUN.
    pub(super) fn handle_datagram(&mut self, from: SocketAddr, datagram: &[u8], now: Instant) {
        self.changed |= self.stun.handle_datagram(from, datagram, now);
        let Some(turn) = self.turn.iter_mut().find(|turn| turn.server() == from) else { return };
        let before = turn.relayed();
        let seen = turn.handle_datagram(datagram, &mut self.drbg, now);
        self.changed |= turn.relayed() != before;
        if let Some(address) = seen {
            self.handle_observed(Observer::Server(from), address, now, now);
        }
    }

    /// Whether a TURN server of ours is at this address.
    pub(super) fn is_turn_server(&self, from: SocketAddr) -> bool {
        self.turn.iter().any(|turn| turn.server() == from)
    }

    /// From where a datagram of a TURN server brings data, and where in it they are.
    pub(super) fn turn_data(
        &self,
        from: SocketAddr,
        datagram: &[u8],
    ) -> Option<(Way, Range<usize>)> {
        let at = self.turn.iter().position(|turn| turn.server() == from)?;
        let (peer, range) = self.turn[at].data(datagram)?;
        Some((Way::Turn { server: u16::try_from(at).ok()?, peer }, range))
    }

    /// Wraps data for a peer behind a TURN server, and says where to send them; what is to be
    /// transmitted beside goes first.
    pub(super) fn wrap(
        &mut self,
        server: u16,
        peer: SocketAddr,
        data: &[u8],
        now: Instant,
    ) -> Option<Transmit> {
        let turn = self.turn.get_mut(usize::from(server))?;
        let datagram = turn.wrap(peer, data, &mut self.drbg, now)?;
        Some(Transmit { to: turn.server(), datagram })
    }

    /// The ways through TURN servers to an address of a peer.
    pub(super) fn turn_ways(&self, peer: SocketAddr) -> impl Iterator<Item = Way> {
        let suits = move |relayed: SocketAddr| relayed.is_ipv4() == peer.is_ipv4();
        let servers = (0u16..).zip(&self.turn);
        servers
            .filter(move |(_, turn)| turn.relayed().is_some_and(suits))
            .map(move |(server, _)| Way::Turn { server, peer })
    }

    /// A peer or a server says from which address of ours it has seen a datagram that left at `sent`.
    pub(super) fn handle_observed(
        &mut self,
        observer: Observer,
        address: SocketAddr,
        sent: Instant,
        now: Instant,
    ) {
        self.changed |= self.stun.handle_observed(observer, address, sent, now);
    }

    pub(super) fn handle_timeout(&mut self, now: Instant) {
        self.changed |= self.stun.handle_timeout(&mut self.drbg, now);
        for turn in &mut self.turn {
            let before = turn.relayed();
            turn.handle_timeout(&mut self.drbg, now);
            self.changed |= turn.relayed() != before;
        }
    }

    pub(super) fn poll_transmit(&mut self, now: Instant) -> Option<Transmit> {
        let turn =
            |turns: &mut Vec<TurnClient>| turns.iter_mut().find_map(|turn| turn.poll_transmit(now));
        self.stun.poll_transmit(now).or_else(|| turn(&mut self.turn))
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        let turn = self.turn.iter().filter_map(TurnClient::poll_timeout);
        turn.chain(self.stun.poll_timeout()).min()
    }

    /// Whether the candidates are others than when this was last asked.
    pub(super) fn poll_changed(&mut self) -> bool {
        std::mem::take(&mut self.changed)
    }

    /// What to offer to peers beside the addresses of interfaces, the best first, each once.
    pub(super) fn candidates(&self, now: Instant) -> Vec<Gathered> {
        let mapped = self.mapped.iter().map(|address| (GatheredKind::Mapped, *address));
        let reflexive = self.stun.candidates(now);
        let reflexive = reflexive.into_iter().map(|address| (GatheredKind::Reflexive, address));
        let mut candidates: Vec<Gathered> = Vec::new();
        let turn = (0u16..).zip(&self.turn);
        let relayed = turn
            .filter_map(|(server, turn)| Some((GatheredKind::Relayed { server }, turn.relayed()?)));
        for (kind, address) in mapped.chain(reflexive).chain(relayed) {
            if candidates.iter().all(|known| known.address != address) {
                candidates.push(Gathered { kind, address });
            }
        }
        candidates
    }

    /// Who can be asked at once how something looks from outside, in IPv4.
    pub(super) fn stun_servers(&self) -> Vec<SocketAddr> {
        self.stun.answering()
    }

    /// How the NAT of IPv4 chooses ports, as far as observers agree: what the agent tells peers.
    pub(super) fn mapping(&self) -> Option<Mapping> {
        self.stun.mapping()
    }
}
