//! The head of a response, in fewer octets on a stream between two peers: what most responses say in the same words
//! is said by number, as HTTP/2 and HTTP/3 do, and a field that says what the end of the stream says too is left out.
//! It is no compression of what a service says in its own words, and no body is touched.
//!
//! A small response has some 40 octets less for it, on top of its status line: a cell or two of ATM, and as many
//! milliseconds on an ADSL line.

mod head;
mod static_table;

use std::{
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::{Buf, Bytes};
use hyper::rt::{Read, ReadBuf, ReadBufCursor, Write};

use head::Expander;

/// What is read at once of a head. Most are shorter, and the body that comes with it is there too.
const PIECE: usize = 1024;

/// The answering end of a stream: shortens the first head that is written.
pub(super) struct TerseWriter<I> {
    io: I,
    has_begun: bool,
    /// What is left of the head, which counts as written.
    head: Bytes,
}

impl<I> TerseWriter<I> {
    pub(super) fn new(io: I) -> TerseWriter<I> {
        TerseWriter { io, has_begun: false, head: Bytes::new() }
    }
}

impl<I: Write + Unpin> TerseWriter<I> {
    fn poll_head(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.head.is_empty() {
            match ready!(Pin::new(&mut self.io).poll_write(cx, &self.head))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                count => self.head.advance(count),
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl<I: Write + Unpin> Write for TerseWriter<I> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        octets: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[IoSlice::new(octets)])
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_head(cx))?;
        let first = slices.iter().find(|slice| !slice.is_empty()).filter(|_| !self.has_begun);
        let Some(first) = first else {
            return Pin::new(&mut self.io).poll_write_vectored(cx, slices);
        };
        self.has_begun = true;
        self.head = shortened(first);
        if let Poll::Ready(Err(error)) = self.poll_head(cx) {
            return Poll::Ready(Err(error));
        }
        Poll::Ready(Ok(first.len()))
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_head(cx))?;
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_head(cx))?;
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

impl<I: Read + Unpin> Read for TerseWriter<I> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(cx, buffer)
    }
}

/// The asking end of a stream: what comes of a response begins with its head as it was written.
pub struct TerseReader<I> {
    io: I,
    expander: Expander,
    /// What has been made of octets that came, and not yet been read.
    whole: Bytes,
}

impl<I> TerseReader<I> {
    /// Reads the one response that comes over `io`.
    pub fn new(io: I) -> TerseReader<I> {
        TerseReader { io, expander: Expander::default(), whole: Bytes::new() }
    }
}

impl<I: Read + Unpin> TerseReader<I> {
    /// Reads on in a head. Nothing is there afterwards at the end of the stream only.
    fn poll_whole(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut piece = [0; PIECE];
        let mut whole = Vec::new();
        while whole.is_empty() {
            let mut read = ReadBuf::new(&mut piece);
            ready!(Pin::new(&mut self.io).poll_read(cx, read.unfilled()))?;
            if read.filled().is_empty() {
                break;
            }
            self.expander.expand(read.filled(), &mut whole);
        }
        self.whole = whole.into();
        Poll::Ready(Ok(()))
    }
}

impl<I: Read + Unpin> Read for TerseReader<I> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        if self.whole.is_empty() {
            if self.expander.is_past() {
                return Pin::new(&mut self.io).poll_read(cx, buffer);
            }
            ready!(self.poll_whole(cx))?;
        }
        let count = self.whole.len().min(buffer.remaining());
        buffer.put_slice(&self.whole.split_to(count));
        Poll::Ready(Ok(()))
    }
}

impl<I: Write + Unpin> Write for TerseReader<I> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        octets: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, octets)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

/// The first that is written of a response; hyper writes a head at once.
fn shortened(octets: &[u8]) -> Bytes {
    match head::shorten(octets) {
        Some((shorter, length)) => [&shorter, &octets[length..]].concat().into(),
        None => Bytes::copy_from_slice(octets),
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use super::*;

    /// Takes and gives few octets at a time.
    #[derive(Default)]
    struct Pipe {
        octets: Vec<u8>,
        at_once: usize,
    }

    impl Write for Pipe {
        fn poll_write(
            mut self: Pin<&mut Self>,
            _cx: &mut Context<'_>,
            octets: &[u8],
        ) -> Poll<io::Result<usize>> {
            let count = octets.len().min(self.at_once);
            self.octets.extend_from_slice(&octets[..count]);
            Poll::Ready(Ok(count))
        }

        fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    impl Read for Pipe {
        fn poll_read(
            mut self: Pin<&mut Self>,
            _cx: &mut Context<'_>,
            mut buffer: ReadBufCursor<'_>,
        ) -> Poll<io::Result<()>> {
            let count = self.octets.len().min(self.at_once).min(buffer.remaining());
            buffer.put_slice(&self.octets.drain(..count).collect::<Vec<_>>());
            Poll::Ready(Ok(()))
        }
    }

    /// What goes over the stream, and what comes out of it, for what is written bit by bit.
    fn through(written: &[&[u8]], at_once: usize) -> (Vec<u8>, Vec<u8>) {
        let cx = &mut Context::from_waker(Waker::noop());
        let mut writer = TerseWriter::new(Pipe { at_once, ..Pipe::default() });
        for octets in written {
            let mut left = *octets;
            while !left.is_empty() {
                let slices = [IoSlice::new(&[]), IoSlice::new(left)];
                match Pin::new(&mut writer).poll_write_vectored(cx, &slices) {
                    Poll::Ready(Ok(count)) => left = &left[count..],
                    other => panic!("{other:?}"),
                }
            }
        }
        assert!(Pin::new(&mut writer).poll_shutdown(cx).is_ready());
        let carried = writer.io.octets.clone();
        let (mut reader, mut read) = (TerseReader::new(writer.io), Vec::new());
        loop {
            let mut space = [0; 7];
            let mut buffer = ReadBuf::new(&mut space);
            assert!(Pin::new(&mut reader).poll_read(cx, buffer.unfilled()).is_ready());
            if buffer.filled().is_empty() {
                return (carried, read);
            }
            read.extend_from_slice(buffer.filled());
        }
    }

    #[test]
    fn a_usual_response_is_shorter_on_its_way() {
        let whole = b"HTTP/1.1 200 OK\r\nA: b\r\nConnection: close\r\nC: d\r\n\r\n";
        let body = b"HTTP/1.1 200 OK\r\n\r\nconnection: close\r\n";
        for at_once in [1, 3, 1000] {
            let (carried, read) = through(&[whole, body], at_once);
            assert_eq!(carried, [&b"\x01A: b\nC: d\n\n"[..], body].concat());
            assert_eq!(read, [&b"HTTP/1.1 200 OK\r\nA: b\r\nC: d\r\n\r\n"[..], body].concat());
        }
        let bare = b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n";
        assert_eq!(through(&[bare], 9).1, b"HTTP/1.1 200 OK\r\n\r\n");
    }

    #[test]
    fn other_responses_pass_as_they_are() {
        let others: [&[u8]; 4] = [
            b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nconnection: close\r\n\r\n",
            b"HTTP/1.1 418 I'm a teapot\r\nconnection: close\r\n\r\n",
            b"HTTP/1.1 200 Fine\r\n\r\n",
            b"",
        ];
        for other in others {
            let (carried, read) = through(&[other], 5);
            assert_eq!((&carried[..], &read[..]), (other, other));
        }
        // a body is none of our business, wherever it begins
        let (_, read) = through(&[b"HTTP/1.1 200 OK\r\n\r\n\r\nconnection: close\r\n"], 100);
        assert_eq!(read, b"HTTP/1.1 200 OK\r\n\r\n\r\nconnection: close\r\n");
    }
}
