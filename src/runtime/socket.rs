//! Connections of the operating system, TCP and Unix, as hyper wants them.

use std::{
    cell::RefCell,
    future::Future,
    io::{self, IoSlice, Read},
    net::{Shutdown, TcpStream},
    os::{fd::AsFd, unix::net::UnixStream},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use hyper::rt::ReadBufCursor;
use rustix::{
    io::Errno,
    net::{RecvFlags, SendAncillaryBuffer, SendFlags, recv, sendmsg},
};
use socket2::SockRef;

use super::{
    clock,
    events::{Async, Timer},
};

/// How much one read takes from the kernel at most.
const READ_SIZE: usize = 64 * 1024;
/// How long the other side may go on sending after the end was sent to it.
const LINGER: Duration = Duration::from_secs(5);

thread_local! {
    /// Reads go through here, because hyper's buffer is not initialised and clearing it for each read
    /// costs more than this copy.
    static SCRATCH: RefCell<Box<[u8]>> = RefCell::new(vec![0; READ_SIZE].into_boxed_slice());
}

/// A connection for hyper and for tunnels. A peer that takes nothing for too long is cut off.
#[derive(Debug)]
pub struct SocketIo<S> {
    socket: Arc<Async<S>>,
    /// The last read left nothing: the next one waits for news before it asks the kernel again.
    is_drained: bool,
    stall: Duration,
    /// Runs while a write waits.
    stalled: Option<Timer>,
}

/// A TCP connection.
pub type TcpIo = SocketIo<TcpStream>;
/// A connection of a Unix socket.
pub type UnixIo = SocketIo<UnixStream>;

impl SocketIo<TcpStream> {
    /// Wraps a connection; a write that makes no progress for `stall` fails with `TimedOut`.
    pub fn new(socket: Async<TcpStream>, stall: Duration) -> TcpIo {
        // small writes are whole messages here; a refusal only costs delay
        let _ = socket.get_ref().set_nodelay(true);
        SocketIo { socket: Arc::new(socket), is_drained: false, stall, stalled: None }
    }

    /// Stays with whoever gives the connection away, to end it when it is no longer used.
    pub fn closer(&self) -> Closer {
        Closer(self.socket.clone())
    }
}

impl SocketIo<UnixStream> {
    /// Wraps a connection; a write that makes no progress for `stall` fails with `TimedOut`.
    pub fn unix(socket: Async<UnixStream>, stall: Duration) -> UnixIo {
        SocketIo { socket: Arc::new(socket), is_drained: false, stall, stalled: None }
    }
}

impl<S: AsFd> SocketIo<S> {
    fn poll_send(
        &mut self,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        loop {
            let nothing = &mut SendAncillaryBuffer::default();
            match sendmsg(&self.socket, slices, nothing, SendFlags::empty()) {
                Err(Errno::AGAIN) => {}
                Err(Errno::INTR) => continue,
                result => {
                    self.stalled = None;
                    return Poll::Ready(Ok(result?));
                }
            }
            if self.socket.poll_writable(cx)?.is_pending() {
                let timer = self.stalled.get_or_insert_with(|| Timer::after(self.stall));
                ready!(Pin::new(timer).poll(cx));
                // whoever writes once more has as long again, and no timer that never rings
                self.stalled = None;
                return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
            }
        }
    }

    fn poll_finish(&self) -> Poll<io::Result<()>> {
        // only flushing would leave the other side waiting for the end
        match SockRef::from(self.socket.get_ref()).shutdown(Shutdown::Write) {
            Err(error) if error.kind() != io::ErrorKind::NotConnected => Poll::Ready(Err(error)),
            _ => Poll::Ready(Ok(())),
        }
    }
}

impl<S: AsFd + Unpin> hyper::rt::Read for SocketIo<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let room = buffer.remaining().min(READ_SIZE);
        loop {
            if self.is_drained {
                ready!(self.socket.poll_readable(cx))?;
            }
            let read = SCRATCH.with_borrow_mut(|scratch| {
                let count = recv(&self.socket, &mut scratch[..room], RecvFlags::empty())?.0;
                buffer.put_slice(&scratch[..count]);
                Ok(count)
            });
            // a stream that gives less than it was asked for has no more (epoll(7)), or its end is next, and is told
            self.is_drained = matches!(read, Ok(1..) | Err(Errno::AGAIN)) && read != Ok(room);
            match read {
                Err(Errno::AGAIN | Errno::INTR) => {}
                result => return Poll::Ready(result.map(drop).map_err(Into::into)),
            }
        }
    }
}

impl<S: AsFd + Unpin> hyper::rt::Write for SocketIo<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_send(cx, &[IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.poll_send(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_finish()
    }
}

/// Ends a connection so that the last that was sent is read: RFC 9112, 9.6.
///
/// A client that still uploads when it is refused has sent what nobody reads. Closing then resets the
/// connection, and the client fails to send before it sees the answer.
#[derive(Debug)]
pub struct Closer(Arc<Async<TcpStream>>);

impl Closer {
    /// Sends the end and takes what still comes, for a few seconds at most. Does nothing while the
    /// connection is in use, as after an upgrade.
    pub async fn close(self) {
        let Some(socket) = Arc::into_inner(self.0) else { return };
        let _ = socket.get_ref().shutdown(Shutdown::Write); // it may be gone already
        let rest = async {
            while socket.readable().await.is_ok() {
                let read = SCRATCH.with_borrow_mut(|scratch| socket.get_ref().read(scratch));
                match read {
                    Ok(0) => break,
                    Ok(_) => {}
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(_) => break,
                }
            }
        };
        clock::timeout(LINGER, rest).await;
    }
}

#[cfg(test)]
mod tests {
    use std::{future::poll_fn, io::Write as _};

    use futures_lite::future::poll_once;
    use hyper::rt::{Read as _, ReadBuf, Write as _};

    use super::*;
    use crate::runtime::block_on;

    /// What one read gives that has room for four octets.
    async fn read(io: &mut UnixIo) -> Vec<u8> {
        let mut octets = [0; 4];
        let mut buffer = ReadBuf::new(&mut octets);
        poll_fn(|cx| Pin::new(&mut *io).poll_read(cx, buffer.unfilled())).await.unwrap();
        buffer.filled().to_vec()
    }

    #[test]
    fn a_stalled_write_fails_each_time() {
        let (near, _far) = UnixStream::pair().unwrap();
        let mut io = SocketIo::unix(Async::new(near).unwrap(), Duration::ZERO);
        let mut fill = || loop {
            let write = poll_fn(|cx| Pin::new(&mut io).poll_write(cx, &[0; READ_SIZE]));
            let written =
                block_on(clock::timeout(LINGER, write)).expect("it does not wait for ever");
            if let Err(error) = written {
                return error.kind();
            }
        };
        assert_eq!([fill(), fill()], [io::ErrorKind::TimedOut; 2]);
    }

    #[test]
    fn after_less_than_there_was_room_for_all_that_follows_is_read() {
        let (near, mut far) = UnixStream::pair().unwrap();
        let mut io = SocketIo::unix(Async::new(near).unwrap(), LINGER);
        let reads = async {
            far.write_all(b"one").unwrap();
            assert_eq!(read(&mut io).await, b"one");
            assert!(poll_once(read(&mut io)).await.is_none(), "there is no more");
            far.write_all(b"two, three").unwrap();
            for part in [&b"two,"[..], b" thr", b"ee"] {
                assert_eq!(read(&mut io).await, part);
            }
            // the end comes before anybody waits for it
            far.write_all(b"end").unwrap();
            drop(far);
            assert_eq!(read(&mut io).await, b"end");
            assert!(read(&mut io).await.is_empty());
            assert!(read(&mut io).await.is_empty(), "the end stays");
        };
        block_on(clock::timeout(LINGER, reads)).expect("no news is missed");
    }
}
