//! The link of this host: real sockets and the path agent behind one socket for QUIC.

mod dialling;
mod sockets;

use std::{
    collections::HashMap,
    fmt,
    io::{self, IoSliceMut},
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, OnceLock, RwLock, Weak, atomic::AtomicUsize},
    task::Waker,
    time::{Duration, Instant},
};

use event_listener::Event as Signal;
use futures_lite::future;
use quinn::udp::RecvMeta;

use crate::identity::{Hit, KeyPair, PublicKey};
use crate::registration::Packet;
use crate::runtime::{clock, lacks_family, lock, random, spawn};

use super::{
    agent::{Agent, Event, Strangers},
    aside::Aside,
    early::Early,
    filter::filter,
    gathering::Gathering,
    held::HeldDatagrams,
    introducing::Introducing,
    mobility::Mobility,
    no_path::NoPath,
    outside,
    relaying::Relaying,
    seal::Own,
    selected_path::SelectedPaths,
    socket::RealSocket,
    sorting::Sorting,
    stun::Observer,
    teredo::TeredoSocket,
};

pub use dialling::{Hold, Reached};

use dialling::DialOutcome;

/// While much is received, it is looked so seldom whether the driver may sleep for longer.
const REVIEW: Duration = Duration::from_secs(1);

/// The port of every virtual address; QUIC refuses port 0.
pub(super) const VIRTUAL_PORT: u16 = 1;

/// The host identity layer under QUIC: QUIC packets go to host identity tags, this finds the way.
///
/// Control datagrams are read when QUIC reads, so a link works as long as an endpoint uses it.
pub struct Link {
    key: PublicKey,
    pub(super) weak: Weak<Link>,
    /// Newest first.
    sockets: RwLock<Arc<[Arc<RealSocket>]>>,
    /// For Teredo addresses, unless this host has an interface for them.
    pub(super) teredo: OnceLock<Arc<TeredoSocket>>,
    state: Mutex<State>,
    /// Wakes the task that keeps the agent's time.
    driver: Arc<Signal>,
    /// What is to be published has changed.
    pub(super) changes: Signal,
    /// A rendezvous has refused something.
    pub(super) refused: Signal,
    /// What is on disk of a rendezvous is out of date.
    pub(super) saving: Signal,
    /// Wakes the task that looks for STUN servers.
    pub(super) servers_wanted: Arc<Signal>,
    /// Gathered addresses have changed.
    pub(super) gathered: Arc<Signal>,
    /// Packets that were sent in vain may get through: a path is another, or works again.
    recovered: Signal,
    /// The network has changed.
    pub(super) network: Signal,
    /// QUIC's receive task: it must ask a new socket once, or nobody listens to it.
    pub(super) receiver: Mutex<Option<Waker>>,
    /// The socket whose buffer was full at the latest attempt. The task that met it asks for it
    /// before any other task runs.
    pub(super) blocked: Mutex<Option<Arc<RealSocket>>>,
    /// Which socket is read first.
    pub(super) turn: AtomicUsize,
    /// How this host moves.
    pub(super) mobility: Mobility,
}

/// What changes under one lock.
pub(super) struct State {
    pub(super) agent: Agent,
    pub(super) relaying: Relaying,
    /// For those who keep something for each path.
    pub(super) selected: SelectedPaths,
    pub(super) early: Early,
    aside: Aside,
    /// When the driver wakes up by itself.
    armed: Option<Instant>,
    /// When it was looked for the last time whether it may sleep for longer.
    reviewed: Instant,
    dials: HashMap<Hit, Vec<async_channel::Sender<DialOutcome>>>,
    pub(super) held: HeldDatagrams,
    pub(super) gathering: Gathering,
    introducing: Introducing,
}

/// A socket at each address of a family that this machine has.
fn sockets_at(addresses: &[SocketAddr]) -> io::Result<Vec<Arc<RealSocket>>> {
    let mut sockets = Vec::new();
    let mut missing = None;
    for address in addresses {
        match RealSocket::bind(*address) {
            Ok(socket) => sockets.push(socket),
            Err(error) if lacks_family(&error) => {
                log::info!("no addresses of that kind on this machine: {address}");
                missing = Some(error);
            }
            Err(error) => return Err(error),
        }
    }
    missing.filter(|_| sockets.is_empty()).map_or(Ok(sockets), Err)
}

impl State {
    fn next_due(&self, now: Instant) -> Option<Instant> {
        let due = [self.agent.poll_timeout(), self.gathering.poll_timeout()];
        due.into_iter().flatten().chain(self.relaying.poll_timeout(now)).min()
    }
}

impl Link {
    /// Binds a socket to each of `addresses` and starts the task that keeps the time. Without IPv6 in the kernel, those
    /// of IPv4 are enough.
    ///
    /// # Errors
    /// When an address cannot be bound.
    pub fn bind(
        keys: &KeyPair,
        addresses: &[SocketAddr],
        strangers: Strangers,
    ) -> io::Result<Arc<Link>> {
        let sockets = sockets_at(addresses)?;
        let own = Own::new(keys).map_err(io::Error::other)?;
        let sequence = clock::wall().as_micros();
        let agent = Agent::new(own, strangers, random::bytes(), sequence, clock::now());
        let relaying = Relaying::new(keys).map_err(io::Error::other)?;
        let early = Early::new(Own::new(keys).map_err(io::Error::other)?);
        let driver = Arc::new(Signal::new());
        let link = Arc::new_cyclic(|weak| Link {
            key: keys.public(),
            weak: weak.clone(),
            sockets: RwLock::new(sockets.into()),
            teredo: OnceLock::new(),
            state: Mutex::new(State {
                agent,
                relaying,
                early,
                selected: SelectedPaths::default(),
                aside: Aside::default(),
                armed: None,
                reviewed: clock::now(),
                dials: HashMap::new(),
                held: HeldDatagrams::default(),
                gathering: Gathering::new(random::bytes()),
                introducing: Introducing::new(&random::bytes(), clock::now()),
            }),
            driver: driver.clone(),
            changes: Signal::new(),
            refused: Signal::new(),
            saving: Signal::new(),
            servers_wanted: Arc::default(),
            gathered: Arc::default(),
            recovered: Signal::new(),
            network: Signal::new(),
            receiver: Mutex::default(),
            blocked: Mutex::default(),
            turn: AtomicUsize::new(0),
            mobility: Mobility::default(),
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
        self.with_state(|state, now| {
            state.agent.set_strangers(strangers);
            state.gathering.set_serving(strangers == Strangers::Welcome, now);
        });
    }

    /// From now on, gives this packet to those whom its name led here through announced addresses. One that takes
    /// back what was said, or has no name, is given to nobody.
    pub fn introduce(&self, packet: &Packet) {
        self.state().introducing.introduce(packet);
    }

    /// Lets QUIC read.
    pub(super) fn wake_receiver(&self) {
        if let Some(waker) = lock(&self.receiver).take() {
            waker.wake();
        }
    }

    /// Lets the state machines work, then sends and tells what came out of it.
    pub(super) fn with_state<T>(&self, work: impl FnOnce(&mut State, Instant) -> T) -> T {
        let now = clock::now();
        let mut state = self.state();
        let result = work(&mut state, now);
        self.flush(&mut state);
        result
    }

    pub(super) fn flush(&self, state: &mut State) {
        let now = clock::now();
        loop {
            while let Some(event) = state.agent.poll_event() {
                self.handle_event(state, event, now);
            }
            while let Some(transmit) = state.agent.poll_transmit() {
                self.send_control(state, &transmit, now);
            }
            self.flush_relaying(state, now);
            if !state.agent.has_output() {
                break;
            }
        }
        self.flush_gathering(state, now);
        self.arm(state, now);
    }

    /// Lets the driver wake up when something is due, and not before, as long as somebody is awake anyway.
    pub(super) fn arm(&self, state: &mut State, now: Instant) {
        let due = state.next_due(now);
        let earlier = due.is_some_and(|due| state.armed.is_none_or(|armed| due < armed));
        let later = state.armed.is_some_and(|a| due.is_none_or(|due| due > a + REVIEW));
        if earlier || later {
            state.armed = due;
            self.driver.notify(1);
        }
    }

    pub(super) fn flush_gathering(&self, state: &mut State, now: Instant) {
        state.gathering.handle_timeout(now);
        while let Some(transmit) = state.gathering.poll_transmit(now) {
            if let Some(socket) = self.socket_for(transmit.to) {
                socket.send_control(transmit.to, &transmit.datagram, None);
            }
        }
        if state.gathering.lacks_servers() {
            self.servers_wanted.notify(1);
        }
        if state.gathering.poll_changed() {
            self.gathered.notify(usize::MAX);
        }
    }

    fn handle_event(&self, state: &mut State, event: Event, now: Instant) {
        match event {
            Event::Reached { hit, way, round_trip } => {
                let reached = Reached { way, round_trip };
                for dial in state.dials.remove(&hit).unwrap_or_default() {
                    let _ = dial.try_send(Ok(reached)); // whoever asked may be gone
                }
            }
            Event::Unreachable { hit, tried } => {
                state.held.take(hit);
                let refusals = state.relaying.refusals.of(hit, now);
                for dial in state.dials.remove(&hit).unwrap_or_default() {
                    let (tried, refusals) = (tried.clone(), refusals.clone());
                    let _ = dial.try_send(Err(NoPath::Unreachable { tried, refusals }));
                }
            }
            Event::Moved { hit, way } => {
                state.selected.move_to(hit, way);
                self.recover(state);
                for held in state.held.take(hit) {
                    let _ = self.send(state, way, &held.transmit(self.own_address()), now); // lost, as datagrams may be
                }
            }
            Event::Recovered => self.recover(state),
            Event::Scout => {
                let (link, servers) = (self.weak.clone(), state.gathering.stun_servers());
                spawn(outside::scout(link, servers)).detach();
            }
            Event::Observed { from, address } => {
                if let Some(peer) = from.direct() {
                    state.gathering.handle_observed(Observer::Peer(peer), address, now, now);
                }
            }
        }
    }

    /// A path is another, or works again.
    fn recover(&self, state: &mut State) {
        state.selected.resume(|hit| !state.agent.is_suspect(hit));
        self.recovered.notify(usize::MAX);
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
        let mut sorting = self.sorting(&mut state, now);
        let kept = filter(&mut sorting, buffers, metas, count);
        if sorting.worked {
            self.flush(&mut state);
        } else if now.saturating_duration_since(state.reviewed) >= REVIEW {
            // what was heard puts off the question whether anything is heard
            state.reviewed = now;
            self.arm(&mut state, now);
        }
        if kept > 0 { kept } else { state.aside.take(buffers, metas) }
    }

    pub(super) fn sorting<'a>(&'a self, state: &'a mut State, now: Instant) -> Sorting<'a> {
        let State { agent, relaying, early, aside, gathering, introducing, selected, .. } = state;
        Sorting {
            link: self,
            agent,
            relaying,
            early,
            aside,
            gathering,
            introducing,
            selected,
            now,
            worked: false,
        }
    }

    /// What was set aside for QUIC; gives the number of entries.
    pub(super) fn take_aside(
        &self,
        buffers: &mut [IoSliceMut<'_>],
        metas: &mut [RecvMeta],
    ) -> usize {
        let mut state = self.state();
        if state.aside.is_empty() { 0 } else { state.aside.take(buffers, metas) }
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    pub(super) fn own_address(&self) -> SocketAddr {
        virtual_address(self.key.hit())
    }
}

pub(super) fn virtual_address(hit: Hit) -> SocketAddr {
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
        self.saving.notify(1); // and so do these
        self.servers_wanted.notify(1);
        self.gathered.notify(usize::MAX);
    }
}

/// Keeps the agent's time, and sleeps while there is nothing to wait for.
async fn drive(link: Weak<Link>, signal: Arc<Signal>) {
    loop {
        let listener = signal.listen();
        let Some(strong) = link.upgrade() else { return };
        let armed = strong.with_state(|state, now| {
            state.agent.handle_timeout(now);
            state.relaying.handle_timeout(now);
            state.gathering.handle_timeout(now);
            state.armed = state.next_due(now);
            state.armed
        });
        if !strong.suspects().is_empty() {
            strong.suspicion();
        }
        drop(strong);
        future::or(listener, clock::sleep_until(armed)).await;
    }
}
