//! The link of this host: real sockets and the path agent behind one socket for QUIC.

use std::{
    collections::HashMap,
    fmt,
    io::{self, IoSliceMut},
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, Weak, atomic::AtomicUsize},
    task::Waker,
    time::{Duration, Instant},
};

use event_listener::Event as Signal;
use futures_lite::future;
use quinn::udp::{RecvMeta, Transmit};

use crate::identity::{Hit, KeyPair, PublicKey};
use crate::runtime::{clock, random, spawn};

use super::{
    agent::{Agent, DialError, Event, Strangers},
    datagram::{EARLY, Kind},
    early::{Early, EarlyRequest},
    filter::{Sorter, filter},
    held::HeldDatagrams,
    locators,
    no_path::NoPath,
    seal::Own,
    socket::RealSocket,
    way::Way,
};

/// The port of every virtual address; QUIC refuses port 0.
pub(super) const VIRTUAL_PORT: u16 = 1;

/// Addresses that peers have seen us at; more than one per family and network hints at a NAT that
/// changes its mind.
const MAX_OBSERVED: usize = 4;

/// The host identity layer under QUIC: QUIC packets go to host identity tags, this finds the way.
///
/// Control datagrams are read when QUIC reads, so a link works as long as an endpoint uses it.
pub struct Link {
    key: PublicKey,
    /// Newest first.
    sockets: RwLock<Arc<[Arc<RealSocket>]>>,
    state: Mutex<State>,
    /// Wakes the task that keeps the agent's time.
    driver: Arc<Signal>,
    /// QUIC's receive task: it must ask a new socket once, or nobody listens to it.
    pub(super) receiver: Mutex<Option<Waker>>,
    /// The socket whose buffer was full at the latest attempt. The task that met it asks for it
    /// before any other task runs.
    pub(super) blocked: Mutex<Option<Arc<RealSocket>>>,
    /// Which socket is read first.
    pub(super) turn: AtomicUsize,
}

struct State {
    agent: Agent,
    early: Early,
    /// When the driver wakes up by itself.
    armed: Option<Instant>,
    dials: HashMap<Hit, Vec<async_channel::Sender<DialOutcome>>>,
    held: HeldDatagrams,
    observed: Vec<SocketAddr>,
}

/// A path, or the ways that were tried in vain.
type DialOutcome = Result<Reached, Vec<Way>>;

/// A path to a peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reached {
    /// What QUIC calls the peer.
    pub virtual_address: SocketAddr,
    /// How its packets go.
    pub way: Way,
    /// How long the probe took that proved it.
    pub round_trip: Duration,
}

impl Link {
    /// Binds a socket to each of `addresses` and starts the task that keeps the time.
    ///
    /// # Errors
    /// When an address cannot be bound.
    pub fn bind(
        keys: &KeyPair,
        addresses: &[SocketAddr],
        strangers: Strangers,
    ) -> io::Result<Arc<Link>> {
        let sockets =
            addresses.iter().map(|a| RealSocket::bind(*a)).collect::<io::Result<Vec<_>>>()?;
        let agent =
            Agent::new(keys, strangers, random::bytes(), clock::now()).map_err(io::Error::other)?;
        let early = Early::new(Own::new(keys).map_err(io::Error::other)?);
        let driver = Arc::new(Signal::new());
        let link = Arc::new(Link {
            key: keys.public(),
            sockets: RwLock::new(sockets.into()),
            state: Mutex::new(State {
                agent,
                early,
                armed: None,
                dials: HashMap::new(),
                held: HeldDatagrams::default(),
                observed: Vec::new(),
            }),
            driver: driver.clone(),
            receiver: Mutex::default(),
            blocked: Mutex::default(),
            turn: AtomicUsize::new(0),
        });
        spawn(drive(Arc::downgrade(&link), driver)).detach();
        Ok(link)
    }

    /// The key that this host is known by.
    pub fn key(&self) -> PublicKey {
        self.key
    }

    /// From now on, who may begin.
    pub fn set_strangers(&self, strangers: Strangers) {
        self.state().agent.set_strangers(strangers);
    }

    /// Adds a socket and prefers it to the others that suit a destination; gives its real address.
    ///
    /// # Errors
    /// When the address cannot be bound.
    pub fn add_socket(&self, address: SocketAddr) -> io::Result<SocketAddr> {
        let socket = RealSocket::bind(address)?;
        let address = socket.address();
        self.change_sockets(|sockets| sockets.insert(0, socket));
        if let Some(waker) = lock(&self.receiver).take() {
            waker.wake();
        }
        Ok(address)
    }

    /// Stops using the socket bound to `address`.
    pub fn remove_socket(&self, address: SocketAddr) {
        self.change_sockets(|sockets| sockets.retain(|socket| socket.address() != address));
    }

    fn change_sockets(&self, change: impl FnOnce(&mut Vec<Arc<RealSocket>>)) {
        let mut sockets = self.sockets.write().unwrap_or_else(PoisonError::into_inner);
        let mut list = sockets.to_vec();
        change(&mut list);
        *sockets = list.into();
    }

    pub(super) fn sockets(&self) -> Arc<[Arc<RealSocket>]> {
        self.sockets.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The addresses of the sockets, wildcards included.
    pub fn bound_addresses(&self) -> Vec<SocketAddr> {
        self.sockets().iter().map(|socket| socket.address()).collect()
    }

    /// Where this host can be reached as far as it can see itself, the widest scope first: what to
    /// publish. Link-local addresses and bridges of containers are left out.
    pub fn local_locators(&self) -> Vec<SocketAddr> {
        locators::locators(&self.bound_addresses(), &locators::interface_addresses())
    }

    /// The latest addresses at which peers claim to see this host.
    pub fn observed_addresses(&self) -> Vec<SocketAddr> {
        self.state().observed.clone()
    }

    /// Finds a path to a peer: asks all locators at once, and takes the first that answers.
    ///
    /// # Errors
    /// [`NoPath`] says why there is none; silence takes five seconds.
    pub async fn reach(&self, peer: PublicKey, locators: &[SocketAddr]) -> Result<Reached, NoPath> {
        let (sender, answer) = async_channel::bounded(1);
        self.with_agent(|state, now| {
            let ways: Vec<Way> = locators.iter().map(|locator| Way::Direct(*locator)).collect();
            let hit = state.agent.dial(peer, &ways, now)?;
            state.dials.entry(hit).or_default().push(sender);
            Ok::<_, DialError>(())
        })?;
        match answer.recv().await {
            Ok(Ok(reached)) => Ok(reached),
            Ok(Err(tried)) => Err(NoPath::Unreachable { tried }),
            Err(_) => Err(NoPath::Unreachable { tried: Vec::new() }), // the link is gone
        }
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

    /// The way in use for a peer.
    pub fn path(&self, peer: &PublicKey) -> Option<Way> {
        self.state().agent.path(peer.hit())
    }

    /// Watches the path to a peer for as long as the result is kept: while a connection exists.
    pub fn hold(self: &Arc<Link>, peer: &PublicKey) -> Hold {
        let hit = peer.hit();
        self.with_agent(|state, _| state.agent.hold(hit));
        Hold { link: self.clone(), hit }
    }

    /// Lets the agent work, then sends and tells what came out of it.
    fn with_agent<T>(&self, work: impl FnOnce(&mut State, Instant) -> T) -> T {
        let now = clock::now();
        let mut state = self.state();
        let result = work(&mut state, now);
        self.flush(&mut state);
        result
    }

    fn flush(&self, state: &mut State) {
        while let Some(event) = state.agent.poll_event() {
            self.handle_event(state, event);
        }
        while let Some(transmit) = state.agent.poll_transmit() {
            if let Some(to) = transmit.to.direct()
                && let Some(socket) = self.socket_for(to)
            {
                socket.send_control(to, &transmit.datagram);
            }
        }
        let due = state.agent.poll_timeout();
        if due.is_some_and(|due| state.armed.is_none_or(|armed| due < armed)) {
            state.armed = due;
            self.driver.notify(1);
        }
    }

    fn handle_event(&self, state: &mut State, event: Event) {
        match event {
            Event::Reached { hit, way, round_trip } => {
                let virtual_address = virtual_address(hit);
                let reached = Reached { virtual_address, way, round_trip };
                for dial in state.dials.remove(&hit).unwrap_or_default() {
                    let _ = dial.try_send(Ok(reached)); // whoever asked may be gone
                }
            }
            Event::Unreachable { hit, tried } => {
                state.held.take(hit);
                for dial in state.dials.remove(&hit).unwrap_or_default() {
                    let _ = dial.try_send(Err(tried.clone()));
                }
            }
            Event::Moved { hit, way } => {
                let Some(to) = way.direct() else { return };
                let Some(socket) = self.socket_for(to) else { return };
                for held in state.held.take(hit) {
                    let _ = socket.send(&held.transmit(to)); // lost, as datagrams may be
                }
            }
            Event::Observed(address) => {
                state.observed.retain(|known| *known != address);
                state.observed.insert(0, address);
                state.observed.truncate(MAX_OBSERVED);
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

    /// The way of a QUIC packet. Without a proved one the packet is kept for a moment.
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
        let way = state.agent.route(hit, now);
        if state.agent.has_output() {
            self.flush(&mut state);
        }
        if let Some(way) = way {
            if state.early.wants(hit) {
                self.accompany(&state, hit, way, transmit, now);
            }
            return Some(way);
        }
        state.held.keep(hit, transmit, now);
        None
    }

    /// Sends the early request that belongs to a handshake's first packet right before it.
    fn accompany(&self, state: &State, hit: Hit, way: Way, transmit: &Transmit<'_>, now: Instant) {
        let segment = transmit.segment_size.unwrap_or(transmit.contents.len()).max(1);
        for datagram in transmit.contents.chunks(segment) {
            let early = state.early.accompany(hit, datagram, random::bytes(), now);
            if let (Some(early), Some(to)) = (early, way.direct())
                && let Some(socket) = self.socket_for(to)
            {
                socket.send_control(to, &early);
            }
        }
    }

    /// Sorts a receive batch; gives the number of entries left for QUIC.
    pub(super) fn sort(
        &self,
        buffers: &mut [IoSliceMut<'_>],
        metas: &mut [RecvMeta],
        count: usize,
    ) -> usize {
        let now = clock::now();
        let mut state = self.state();
        let State { agent, early, .. } = &mut *state;
        let mut sorting = Sorting { agent, early, now, worked: false };
        let kept = filter(&mut sorting, buffers, metas, count);
        if sorting.worked {
            self.flush(&mut state);
        }
        kept
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    pub(super) fn own_address(&self) -> SocketAddr {
        virtual_address(self.key.hit())
    }
}

/// Nothing here leaves broken state behind when it panics.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn virtual_address(hit: Hit) -> SocketAddr {
    (hit.to_ipv6(), VIRTUAL_PORT).into()
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Link({})", self.key.fingerprint())
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.driver.notify(1); // its task ends
    }
}

/// Keeps the agent's time, and sleeps while there is nothing to wait for.
async fn drive(link: Weak<Link>, signal: Arc<Signal>) {
    loop {
        let listener = signal.listen();
        let Some(strong) = link.upgrade() else { return };
        let armed = strong.with_agent(|state, now| {
            state.agent.handle_timeout(now);
            state.armed = state.agent.poll_timeout();
            state.armed
        });
        drop(strong);
        future::or(listener, clock::sleep_until(armed)).await;
    }
}

/// The agent while a receive batch is sorted.
struct Sorting<'a> {
    agent: &'a mut Agent,
    early: &'a mut Early,
    now: Instant,
    worked: bool,
}

impl Sorter for Sorting<'_> {
    fn control(&mut self, from: Way, datagram: &[u8]) {
        if datagram.first() == Some(&EARLY) {
            // nobody is heard who has not proved a key by a probe first
            if let Some(hit) = self.agent.source(from, self.now)
                && self.agent.admits(from, self.now)
            {
                self.early.handle_datagram(hit, datagram, self.now);
            }
            return;
        }
        self.agent.handle_datagram(from, datagram, self.now);
        self.worked = true;
    }

    fn handshake(&mut self, datagram: &[u8]) {
        self.early.see(datagram, self.now);
    }

    fn sender(&mut self, from: Way, kind: Kind) -> Option<SocketAddr> {
        if let Some(hit) = self.agent.source(from, self.now) {
            return Some(virtual_address(hit));
        }
        let answerable = kind == Kind::QuicShort && self.agent.admits_unknown(from, self.now);
        from.direct().filter(|_| answerable)
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
        self.link.with_agent(|state, now| state.agent.release(hit, now));
    }
}
