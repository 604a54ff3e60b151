//! A bound on all that a server sends at one request, whatever it is.
//!
//! The head of an answer is bounded, and so is its body; but before a head any number of interim ones may come (RFC
//! 9110, 15.2), and any number of chunks and records of TLS with little in them. Who has enough of these at hand would
//! keep the thread busy on which all else waits.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use hyper::rt::{Read, ReadBuf, ReadBufCursor, Write};

use crate::runtime::TcpIo;

/// Three times the longest body that is read, which is OpenDHT's: as many octets may go to what is around it.
const LIMIT: usize = 3 * 64 * 1024;
/// As much is read at once. Answers are short.
const READ_SIZE: usize = 4096;

/// A connection that breaks when more comes before something is sent again.
pub(super) struct Trickle {
    io: TcpIo,
    left: usize,
}

impl Trickle {
    pub(super) fn new(io: TcpIo) -> Trickle {
        Trickle { io, left: LIMIT }
    }
}

impl Read for Trickle {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let mut octets = [0; READ_SIZE];
        let room = buffer.remaining().min(READ_SIZE);
        let mut read = ReadBuf::new(&mut octets[..room]);
        ready!(Pin::new(&mut self.io).poll_read(cx, read.unfilled()))?;
        let Some(left) = self.left.checked_sub(read.filled().len()) else {
            return Poll::Ready(Err(io::ErrorKind::InvalidData.into()));
        };
        self.left = left;
        buffer.put_slice(read.filled());
        Poll::Ready(Ok(()))
    }
}

impl Write for Trickle {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        octets: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.left = LIMIT;
        Pin::new(&mut self.io).poll_write(cx, octets)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}
