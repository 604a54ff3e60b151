//! TCP connections as hyper wants them.

use std::{
    cell::RefCell,
    future::Future,
    io::{self, IoSlice, Read, Write},
    net::{Shutdown, TcpStream},
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use async_io::{Async, Timer};
use futures_lite::{AsyncRead, AsyncWrite};
use hyper::rt::ReadBufCursor;

/// How much one read takes from the kernel at most.
const READ_SIZE: usize = 64 * 1024;

thread_local! {
    /// Reads go through here, because hyper's buffer is not initialised and clearing it for each read
    /// costs more than this copy.
    static SCRATCH: RefCell<Box<[u8]>> = RefCell::new(vec![0; READ_SIZE].into_boxed_slice());
}

/// A TCP connection for hyper and for tunnels. A peer that takes nothing for too long is cut off.
#[derive(Debug)]
pub struct TcpIo {
    socket: Async<TcpStream>,
    stall: Duration,
    /// Runs while a write waits.
    stalled: Option<Timer>,
}

impl TcpIo {
    /// Wraps a connection; a write that makes no progress for `stall` fails with `TimedOut`.
    pub fn new(socket: Async<TcpStream>, stall: Duration) -> TcpIo {
        // small writes are whole messages here; a refusal only costs delay
        let _ = socket.get_ref().set_nodelay(true);
        TcpIo { socket, stall, stalled: None }
    }

    fn poll_write_with(
        &mut self,
        cx: &mut Context<'_>,
        mut write: impl FnMut(&mut &TcpStream) -> io::Result<usize>,
    ) -> Poll<io::Result<usize>> {
        loop {
            match write(&mut self.socket.get_ref()) {
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

    fn poll_read_with(
        &mut self,
        cx: &mut Context<'_>,
        mut read: impl FnMut(&mut &TcpStream) -> io::Result<usize>,
    ) -> Poll<io::Result<usize>> {
        loop {
            match read(&mut self.socket.get_ref()) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                result => return Poll::Ready(result),
            }
            ready!(self.socket.poll_readable(cx))?;
        }
    }

    fn poll_shut(&self) -> Poll<io::Result<()>> {
        // only flushing would leave the other side waiting for the end
        match self.socket.get_ref().shutdown(Shutdown::Write) {
            Err(error) if error.kind() != io::ErrorKind::NotConnected => Poll::Ready(Err(error)),
            _ => Poll::Ready(Ok(())),
        }
    }
}

impl hyper::rt::Read for TcpIo {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let room = buffer.remaining().min(READ_SIZE);
        self.poll_read_with(cx, |socket| {
            SCRATCH.with_borrow_mut(|scratch| {
                let count = socket.read(&mut scratch[..room])?;
                buffer.put_slice(&scratch[..count]);
                Ok(count)
            })
        })
        .map_ok(|_| ())
    }
}

impl hyper::rt::Write for TcpIo {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_with(cx, |socket| socket.write(bytes))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_with(cx, |socket| socket.write_vectored(slices))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_shut()
    }
}

impl AsyncRead for TcpIo {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_read_with(cx, |socket| socket.read(buffer))
    }
}

impl AsyncWrite for TcpIo {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_with(cx, |socket| socket.write(bytes))
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_shut()
    }
}
