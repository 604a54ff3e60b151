//! Gathers the addresses of this host that its interfaces do not show (RFC 8445, section 5.1.1): those
//! that others see, those that the router has mapped, and those that TURN servers lend; sans-IO.
//!
//! The host drives it like the path agent: datagrams and time in; datagrams, the next time and candidates
//! out.

use std::{net::SocketAddr, time::Instant};

use super::{
    drbg::Drbg,
    stun::{Mapping, Observer, StunClient, Transmit},
};

/// Where an address of this host comes from, in the order in which it should be tried (RFC 8445,
/// section 5.1.2.2, with mapped ones between).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum GatheredKind {
    /// The router sends everything that comes there to this host.
    Mapped,
    /// Others see it; whether it lets them in is up to the NAT.
    Reflexive,
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
    mapped: Vec<SocketAddr>,
    changed: bool,
}

impl Gathering {
    /// `seed` must be unpredictable octets.
    pub(super) fn new(seed: [u8; 32]) -> Gathering {
        let (drbg, stun) = (Drbg::new(seed), StunClient::new());
        Gathering { drbg, stun, mapped: Vec::new(), changed: false }
    }

    /// The STUN servers to ask from now on.
    pub(super) fn set_servers(&mut self, servers: &[SocketAddr], now: Instant) {
        self.stun.set_servers(servers, now);
    }

    /// Whether the servers should be looked for: addresses are needed, and no server has answered.
    pub(super) fn lacks_servers(&self) -> bool {
        self.stun.lacks_servers()
    }

    /// Whether others dial this host.
    pub(super) fn set_serving(&mut self, serving: bool, now: Instant) {
        self.stun.set_serving(serving, now);
    }

    /// Somebody is being dialled, who may want to know our addresses.
    pub(super) fn touch(&mut self, now: Instant) {
        self.stun.touch(now);
    }

    /// The interfaces or the network behind them have changed; `own` are the addresses of the sockets.
    pub(super) fn handle_network_change(&mut self, own: &[SocketAddr], now: Instant) {
        self.changed |= !self.stun.candidates(now).is_empty();
        self.stun.handle_network_change(own, now);
    }

    /// The addresses that the router has mapped to our sockets, all of them.
    pub(super) fn set_mapped(&mut self, mapped: Vec<SocketAddr>) {
        self.changed |= self.mapped != mapped;
        self.mapped = mapped;
    }

    /// Takes a datagram of STUN.
    pub(super) fn handle_datagram(&mut self, from: SocketAddr, datagram: &[u8], now: Instant) {
        self.changed |= self.stun.handle_datagram(from, datagram, now);
    }

    /// A peer or a server says at which address of ours it sees us.
    pub(super) fn handle_observed(
        &mut self,
        observer: Observer,
        address: SocketAddr,
        now: Instant,
    ) {
        self.changed |= self.stun.handle_observed(observer, address, now);
    }

    pub(super) fn handle_timeout(&mut self, now: Instant) {
        self.changed |= self.stun.handle_timeout(&mut self.drbg, now);
    }

    pub(super) fn poll_transmit(&mut self, now: Instant) -> Option<Transmit> {
        self.stun.poll_transmit(now)
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.stun.poll_timeout()
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
        for (kind, address) in mapped.chain(reflexive) {
            if candidates.iter().all(|known| known.address != address) {
                candidates.push(Gathered { kind, address });
            }
        }
        candidates
    }

    /// How the NAT of IPv4 chooses ports, as far as observers agree: what the agent tells peers.
    pub(super) fn mapping(&self) -> Option<Mapping> {
        self.stun.mapping()
    }
}
