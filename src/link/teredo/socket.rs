//! The edge of the Teredo client: one UDP socket of its own and a task that reads it and keeps time.

use std::{
    collections::VecDeque,
    io::{self, IoSliceMut},
    net::{IpAddr, Ipv4Addr, SocketAddr, ToSocketAddrs, UdpSocket},
    sync::{Arc, Mutex, MutexGuard, Weak},
    task::{Context, Poll, Waker},
    time::{Duration, Instant},
};

use event_listener::Event as Signal;
use futures_lite::future;
use quinn::udp::{RecvMeta, Transmit};
#[cfg(target_os = "linux")]
use rustix::net::sockopt::{Ipv4PathMtuDiscovery, set_ip_mtu_discover};

use crate::runtime::{Async, clock, lock, random, spawn, unblock};

use super::{
    address::SERVER_PORT,
    client::{Delivery, Event, Teredo},
    state::TeredoState,
};

/// The largest datagram with all its headers and trailers is shorter.
const MAX_DATAGRAM: usize = 2048;
/// Datagrams read before other tasks have their turn.
const MAX_BATCH: usize = 64;
/// Inner datagrams that wait for QUIC: further ones are lost, as in a kernel's buffer.
const MAX_INBOX: usize = 256;

/// How long until the names of silent servers are looked up again.
const LOOK_UP_AGAIN: Duration = Duration::from_secs(300);
/// The same while no name could be looked up, as before the network is there.
const LOOK_UP_SOON: Duration = Duration::from_secs(30);

/// A socket for Teredo addresses.
pub(in crate::link) struct TeredoSocket {
    io: Arc<Async<UdpSocket>>,
    state: Mutex<State>,
    /// Wakes the task.
    signal: Arc<Signal>,
    /// Told when [`TeredoSocket::state`] is another.
    changed: Arc<Signal>,
}

struct State {
    client: Teredo,
    /// By name; none while this host only reaches others.
    servers: Vec<String>,
    inbox: VecDeque<Delivery>,
    reader: Option<Waker>,
    /// When the task wakes up by itself.
    armed: Option<Instant>,
}

impl TeredoSocket {
    /// Opens the socket; nothing is sent before it is asked for. `port` is that of the inner
    /// datagrams; `changed` is told of every other state.
    pub(in crate::link) fn start(port: u16, changed: Arc<Signal>) -> io::Result<Arc<TeredoSocket>> {
        let any = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
        let io = Arc::new(Async::<UdpSocket>::bind(any)?);
        keep_whole(io.get_ref());
        let signal = Arc::new(Signal::new());
        let socket = Arc::new(TeredoSocket {
            io: io.clone(),
            state: Mutex::new(State {
                client: Teredo::new(port, random::bytes(), clock::now()),
                servers: Vec::new(),
                inbox: VecDeque::new(),
                reader: None,
                armed: None,
            }),
            signal: signal.clone(),
            changed,
        });
        spawn(drive(Arc::downgrade(&socket), io, signal)).detach();
        Ok(socket)
    }

    /// From now on this host is reachable through one of the servers, given by name or address;
    /// without any it only reaches others.
    pub(in crate::link) fn serve(self: &Arc<TeredoSocket>, servers: Vec<String>) {
        if self.lock().servers == servers {
            return;
        }
        self.lock().servers.clone_from(&servers);
        self.with_client(|client, now| {
            client.set_servers(Vec::new());
            client.keep(!servers.is_empty(), now);
        });
        if !servers.is_empty() {
            spawn(look_up(Arc::downgrade(self), servers)).detach();
        }
    }

    /// This host has moved to another network.
    pub(in crate::link) fn restart(&self) {
        self.with_client(Teredo::restart);
    }

    /// Whether this host is to be reached over Teredo.
    pub(in crate::link) fn is_serving(&self) -> bool {
        !self.lock().servers.is_empty()
    }

    pub(in crate::link) fn state(&self) -> TeredoState {
        self.lock().client.state(clock::now())
    }

    /// Sends a datagram, or a run of equally long ones, to a Teredo address. What does not fit, or
    /// finds no way in time, is lost.
    pub(in crate::link) fn send(&self, transmit: &Transmit<'_>) {
        let SocketAddr::V6(to) = transmit.destination else { return };
        let length = transmit.segment_size.unwrap_or(transmit.contents.len()).max(1);
        self.with_client(|client, now| {
            for payload in transmit.contents.chunks(length) {
                client.send(to, payload, now);
            }
        });
    }

    /// Whether packets to a peer may be longer than those of Teredo.
    pub(in crate::link) fn takes_long(&self, to: SocketAddr) -> bool {
        let SocketAddr::V6(to) = to else { return false };
        self.lock().client.takes_long(to, clock::now())
    }

    /// Sends a control datagram.
    pub(in crate::link) fn send_control(&self, to: SocketAddr, datagram: &[u8]) {
        if let SocketAddr::V6(to) = to {
            self.with_client(|client, now| client.send(to, datagram, now));
        }
    }

    /// The inner datagrams that came in, each as an entry of its own.
    pub(in crate::link) fn poll_receive(
        &self,
        cx: &mut Context<'_>,
        buffers: &mut [IoSliceMut<'_>],
        metas: &mut [RecvMeta],
    ) -> Poll<usize> {
        let mut state = self.lock();
        let mut count = 0;
        for (buffer, meta) in buffers.iter_mut().zip(metas) {
            let Some(Delivery { from, payload }) = state.inbox.pop_front() else { break };
            let length = payload.len().min(buffer.len());
            buffer[..length].copy_from_slice(&payload[..length]);
            let (addr, len, stride) = (SocketAddr::V6(from), length, length);
            *meta = RecvMeta { addr, len, stride, ecn: None, dst_ip: None };
            count += 1;
        }
        if count > 0 {
            return Poll::Ready(count);
        }
        state.reader = Some(cx.waker().clone());
        Poll::Pending
    }

    /// Reads what the kernel has, within reason.
    fn receive(&self, buffer: &mut [u8]) {
        self.with_client(|client, now| {
            for _ in 0..MAX_BATCH {
                match self.io.get_ref().recv_from(buffer) {
                    Ok((length, SocketAddr::V4(from))) => {
                        client.handle_datagram(from, &buffer[..length], now);
                    }
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                    Ok(_) | Err(_) => {} // such as "connection refused", of an earlier datagram
                }
            }
        });
    }

    /// Lets the client work, then sends and tells what came out of it.
    fn with_client(&self, work: impl FnOnce(&mut Teredo, Instant)) {
        let now = clock::now();
        let mut state = self.lock();
        work(&mut state.client, now);
        while let Some(transmit) = state.client.poll_transmit() {
            // what does not fit now is lost, as datagrams may be
            let _ = self.io.get_ref().send_to(&transmit.datagram, transmit.to);
        }
        while let Some(event) = state.client.poll_event() {
            match event {
                Event::State(teredo) => {
                    log::info!("teredo: {teredo}");
                    self.changed.notify(usize::MAX);
                }
                Event::SilentPeer(peer) => log::debug!("teredo: {peer} does not answer"),
            }
        }
        let mut arrived = false;
        while let Some(delivery) = state.client.poll_delivery() {
            if state.inbox.len() < MAX_INBOX {
                state.inbox.push_back(delivery);
                arrived = true;
            }
        }
        if let Some(reader) = state.reader.take_if(|_| arrived) {
            reader.wake();
        }
        let due = state.client.poll_timeout(now);
        if due.is_some_and(|due| state.armed.is_none_or(|armed| due < armed)) {
            state.armed = due;
            self.signal.notify(1);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}

impl Drop for TeredoSocket {
    fn drop(&mut self) {
        self.signal.notify(usize::MAX); // its task ends
    }
}

/// No router cuts what is too long: it is lost, so that QUIC finds out how long its packets may be.
#[cfg(target_os = "linux")]
fn keep_whole(socket: &UdpSocket) {
    // best effort: what is cut arrives as well, only later
    let _ = set_ip_mtu_discover(socket, Ipv4PathMtuDiscovery::PROBE);
}

/// The system decides what becomes of what is too long.
#[cfg(not(target_os = "linux"))]
fn keep_whole(_: &UdpSocket) {}

/// Reads the socket and keeps the client's time.
async fn drive(socket: Weak<TeredoSocket>, io: Arc<Async<UdpSocket>>, signal: Arc<Signal>) {
    let mut buffer = vec![0; MAX_DATAGRAM];
    loop {
        let listener = signal.listen();
        let Some(strong) = socket.upgrade() else { return };
        strong.with_client(Teredo::handle_timeout);
        let due = {
            let mut state = strong.lock();
            state.armed = state.client.poll_timeout(clock::now());
            state.armed
        };
        drop(strong);
        let readable = async { io.readable().await.is_ok() };
        let due = async {
            future::or(listener, clock::sleep_until(due)).await;
            false
        };
        if future::or(readable, due).await {
            let Some(strong) = socket.upgrade() else { return };
            strong.receive(&mut buffer);
        }
    }
}

/// Finds the addresses of the servers, and again while they are silent: they may have moved.
async fn look_up(socket: Weak<TeredoSocket>, names: Vec<String>) {
    loop {
        let asked = names.clone();
        let found = unblock(move || asked.iter().flat_map(|name| addresses(name)).collect()).await;
        let found: Vec<Ipv4Addr> = found;
        let pause = if found.is_empty() { LOOK_UP_SOON } else { LOOK_UP_AGAIN };
        let Some(strong) = socket.upgrade() else { return };
        if strong.lock().servers != names {
            return; // another task does this for other servers
        }
        if !matches!(strong.state(), TeredoState::Qualified { .. }) {
            strong.with_client(|client, now| {
                client.set_servers(found);
                client.handle_timeout(now);
            });
        }
        drop(strong);
        clock::sleep(pause).await;
    }
}

fn addresses(name: &str) -> Vec<Ipv4Addr> {
    let Ok(found) = (name, SERVER_PORT).to_socket_addrs() else { return Vec::new() };
    let v4 = |address: SocketAddr| match address.ip() {
        IpAddr::V4(v4) => Some(v4),
        IpAddr::V6(_) => None,
    };
    found.filter_map(v4).collect()
}
