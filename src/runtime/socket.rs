//! Connections of the operating system, TCP and Unix, as hyper wants them.

use std::{
    cell::RefCell,
    future::Future,
    io::{self, IoSlice, Read, Write},
    net::{Shutdown, TcpStream},
    os::{fd::AsFd, unix::net::UnixStream},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use hyper::rt::ReadBufCursor;
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
        SocketIo { socket: Arc::new(socket), stall, stalled: None }
    }

    /// Stays with whoever gives the connection away, to end it when it is no longer used.
    pub fn closer(&self) -> Closer {
        Closer(self.socket.clone())
    }
}

impl SocketIo<UnixStream> {
    /// Wraps a connection; a write that makes no progress for `stall` fails with `TimedOut`.
    pub fn unix(socket: Async<UnixStream>, stall: Duration) -> UnixIo {
        SocketIo { socket: Arc::new(socket), stall, stalled: None }
    }
}

impl<S: AsFd> SocketIo<S>
where
    for<'a> &'a S: Read + Write,
{
    fn poll_send(
        &mut self,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        loop {
            match (&mut self.socket.get_ref()).write_vectored(slices) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                result => {
                    self.stalled = None;
                    return Poll::Ready(result);
                }
            }
            if self.socket.poll_writable(cx)?.is_pending() {
                let timer = self.stalled.get_or_insert_with(|| Timer::after(self.stall));
                ready!(Pin::new(timer).poll(cx));
                return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
            }
        }
    }

    fn poll_receive(
        &mut self,
        cx: &mut Context<'_>,
        mut receive: impl FnMut(&mut &S) -> io::Result<usize>,
    ) -> Poll<io::Result<usize>> {
        loop {
            match receive(&mut self.socket.get_ref()) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                result => return Poll::Ready(result),
            }
            ready!(self.socket.poll_readable(cx))?;
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

impl<S: AsFd + Unpin> hyper::rt::Read for SocketIo<S>
where
    for<'a> &'a S: Read + Write,
{
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let room = buffer.remaining().min(READ_SIZE);
        self.poll_receive(cx, |socket| {
            SCRATCH.with_borrow_mut(|scratch| {
                let count = socket.read(&mut scratch[..room])?;
                buffer.put_slice(&scratch[..count]);
                Ok(count)
            })
        })
        .map_ok(|_| ())
    }
}

impl<S: AsFd + Unpin> hyper::rt::Write for SocketIo<S>
where
    for<'a> &'a S: Read + Write,
{
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
