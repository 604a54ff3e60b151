//! The link as QUIC's socket.

use std::{
    fmt,
    future::Future,
    io::{self, IoSliceMut},
    net::{SocketAddr, UdpSocket},
    pin::Pin,
    sync::{Arc, atomic::Ordering::Relaxed},
    task::{Context, Poll},
};

use quinn::{
    AsyncUdpSocket, UdpPoller,
    udp::{RecvMeta, Transmit},
};

use super::host::Link;
use crate::runtime::{Readiness, lock};

/// Receive errors in a row (such as ICMP unreachable) after which a socket waits for its next turn.
const MAX_RECEIVE_ERRORS: u32 = 8;

/// QUIC makes its receive buffers for so many datagrams of at most 1472 octets. The kernel joins 64
/// datagrams or 65535 octets, whichever is less, so this is enough and saves a third of the memory.
const MAX_RECEIVE_SEGMENTS: usize = 65535usize.div_ceil(1472);

/// Of the 32 buffers that QUIC offers for one read, so many are used. Each takes a run of datagrams, 65 kB; memory of
/// one that has ever been used stays, and after a while of load all 32 have been, 2 MB. Four of them hold a millisecond
/// of 2 Gbit/s, and QUIC reads again at once.
const RECEIVE_RUNS: usize = 4;

impl AsyncUdpSocket for Link {
    fn create_io_poller(self: Arc<Self>) -> Pin<Box<dyn UdpPoller>> {
        Box::pin(WritePoller { link: self, waiting: None })
    }

    /// Trouble with a path is this layer's business: every error but "would block" is like a lost
    /// packet. An error given to QUIC would end the connection.
    fn try_send(&self, transmit: &Transmit<'_>) -> io::Result<()> {
        let Some(way) = self.route(transmit) else { return Ok(()) };
        let Some(destination) = way.direct() else { return self.send_indirectly(way, transmit) };
        let stride = transmit.segment_size.unwrap_or(transmit.contents.len());
        self.send_run(destination, transmit.contents, stride, transmit.ecn)
    }

    /// Errors are swallowed here too: one given to QUIC would end the endpoint.
    fn poll_recv(
        &self,
        cx: &mut Context<'_>,
        buffers: &mut [IoSliceMut<'_>],
        metas: &mut [RecvMeta],
    ) -> Poll<io::Result<usize>> {
        let runs = buffers.len().min(RECEIVE_RUNS);
        let buffers = &mut buffers[..runs];
        {
            let mut receiver = lock(&self.receiver);
            if !receiver.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
                *receiver = Some(cx.waker().clone());
            }
        }
        let waited = self.take_aside(buffers, metas);
        if waited > 0 {
            return Poll::Ready(Ok(waited));
        }
        // each socket must be asked until it would block, or its readiness is never registered; a
        // busy one is asked last the next time
        let sockets = self.sockets();
        let first = self.turn.fetch_add(1, Relaxed);
        let teredo_first = first.is_multiple_of(2);
        if teredo_first && let Poll::Ready(kept) = self.poll_teredo(cx, buffers, metas) {
            return Poll::Ready(Ok(kept));
        }
        for at in 0..sockets.len() {
            let socket = &sockets[first.wrapping_add(at) % sockets.len()];
            let mut errors = 0;
            while errors < MAX_RECEIVE_ERRORS {
                match socket.receive(buffers, metas) {
                    Ok(count) => {
                        let kept = self.sort(buffers, metas, count);
                        if kept > 0 {
                            return Poll::Ready(Ok(kept));
                        }
                    }
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                        if socket.poll_readable(cx).is_pending() {
                            break;
                        }
                    }
                    Err(_) => errors += 1,
                }
            }
            if errors == MAX_RECEIVE_ERRORS {
                cx.waker().wake_by_ref(); // not registered: come back soon
            }
        }
        if teredo_first { Poll::Pending } else { self.poll_teredo(cx, buffers, metas).map(Ok) }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.own_address())
    }

    /// The smallest of all sockets, because QUIC fills a batch before its path is known.
    fn max_transmit_segments(&self) -> usize {
        self.sockets().iter().map(|socket| socket.max_transmit_segments()).min().unwrap_or(1)
    }

    fn max_receive_segments(&self) -> usize {
        let most = self.sockets().iter().map(|socket| socket.max_receive_segments()).max();
        most.unwrap_or(1).min(MAX_RECEIVE_SEGMENTS)
    }

    fn may_fragment(&self) -> bool {
        self.sockets().iter().any(|socket| socket.may_fragment())
    }
}

/// Waits until the socket that was full can send again.
struct WritePoller {
    link: Arc<Link>,
    waiting: Option<Pin<Box<Readiness<UdpSocket>>>>,
}

impl UdpPoller for WritePoller {
    fn poll_writable(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut waiting = match self.waiting.take() {
            Some(waiting) => waiting,
            None => {
                let Some(socket) = lock(&self.link.blocked).clone() else {
                    return Poll::Ready(Ok(()));
                };
                Box::pin(socket.writable())
            }
        };
        if waiting.as_mut().poll(cx).is_pending() {
            self.waiting = Some(waiting);
            return Poll::Pending;
        }
        Poll::Ready(Ok(()))
    }
}

impl fmt::Debug for WritePoller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WritePoller")
    }
}
