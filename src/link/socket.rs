//! Real UDP sockets of this host.

use std::{
    io::{self, IoSliceMut},
    net::{SocketAddr, UdpSocket},
    sync::Arc,
    task::{Context, Poll},
};

use quinn::udp::{RecvMeta, Transmit, UdpSocketState};
use socket2::{Domain, Protocol, Socket, Type};

use crate::runtime::{Async, Readiness};

/// Kernel buffers, in octets. The usual 200 kB hold 4 ms of a Gbit/s, less than the executor may be
/// busy with other work; the kernel grants what its limits allow.
const BUFFER: usize = 2 * 1024 * 1024;

/// What Linux sets where nobody asks for something else.
const DEFAULT_TTL: u32 = 64;

/// A bound socket with what the kernel offers for QUIC: segmentation offload in both directions,
/// congestion marks, no fragmentation. It closes when the last reference goes.
#[derive(Debug)]
pub(super) struct RealSocket {
    io: Arc<Async<UdpSocket>>,
    state: UdpSocketState,
    address: SocketAddr,
    /// Hops of a usual datagram.
    ttl: u32,
}

impl RealSocket {
    /// An IPv6 socket takes IPv6 only, so that both families can have the same port.
    pub(super) fn bind(address: SocketAddr) -> io::Result<Arc<RealSocket>> {
        let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
        if address.is_ipv6() {
            socket.set_only_v6(true)?;
        }
        // best effort: more than the limit is not granted, less is no reason to fail
        let _ = socket.set_recv_buffer_size(BUFFER);
        let _ = socket.set_send_buffer_size(BUFFER);
        socket.bind(&address.into())?;
        let socket = UdpSocket::from(socket);
        let state = UdpSocketState::new((&socket).into())?;
        let address = socket.local_addr()?;
        let ttl = socket.ttl().unwrap_or(DEFAULT_TTL); // not known for IPv6, nor needed
        Ok(Arc::new(RealSocket { state, io: Arc::new(Async::new(socket)?), address, ttl }))
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// How well this socket suits a destination; None if it cannot send there.
    pub(super) fn suits(&self, to: SocketAddr) -> Option<Suitability> {
        let own = self.address.ip();
        if own.is_ipv4() != to.is_ipv4() {
            None
        } else if own.is_unspecified() || own == to.ip() {
            Some(Suitability::Surely)
        } else {
            let same_side = own.is_loopback() == to.ip().is_loopback();
            same_side.then_some(Suitability::Probably)
        }
    }

    pub(super) fn send(&self, transmit: &Transmit<'_>) -> io::Result<()> {
        self.state.try_send((&*self.io).into(), transmit)
    }

    /// A control datagram that does not fit now is as good as lost, and may be. `ttl` is how many hops
    /// it may travel in an IPv4 network, if not as many as usual.
    pub(super) fn send_control(&self, to: SocketAddr, datagram: &[u8], ttl: Option<u8>) {
        let transmit = Transmit {
            destination: to,
            ecn: None,
            contents: datagram,
            segment_size: None,
            src_ip: None,
        };
        let near = ttl.filter(|ttl| self.io.get_ref().set_ttl(u32::from(*ttl)).is_ok());
        let _ = self.send(&transmit);
        if near.is_some() {
            let _ = self.io.get_ref().set_ttl(self.ttl); // it was possible a moment ago
        }
    }

    pub(super) fn receive(
        &self,
        buffers: &mut [IoSliceMut<'_>],
        metas: &mut [RecvMeta],
    ) -> io::Result<usize> {
        self.state.recv((&*self.io).into(), buffers, metas)
    }

    pub(super) fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.io.poll_readable(cx)
    }

    /// A future of its own for each waiting task.
    pub(super) fn writable(&self) -> Readiness<UdpSocket> {
        self.io.clone().writable_owned()
    }

    pub(super) fn max_transmit_segments(&self) -> usize {
        self.state.max_gso_segments()
    }

    pub(super) fn max_receive_segments(&self) -> usize {
        self.state.gro_segments()
    }

    pub(super) fn may_fragment(&self) -> bool {
        self.state.may_fragment()
    }
}

/// See [`RealSocket::suits`]; the better one is the greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Suitability {
    /// Bound to one address of this host.
    Probably,
    /// Bound to all addresses, or to the destination.
    Surely,
}
