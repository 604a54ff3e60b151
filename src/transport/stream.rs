//! One bidirectional QUIC stream as hyper and tunnels want it.

use std::{
    future::Future,
    io::{self, IoSlice},
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll, Waker, ready},
};

use bytes::{Buf, Bytes};
use futures_lite::{AsyncRead, AsyncWrite};
use hyper::rt::ReadBufCursor;
use quinn::{ReadError, RecvStream, SendStream, VarInt, WriteError};

use super::connection::StreamGuard;
use super::early_answer::{EarlyAnswer, End};
use super::refusal::{CANCELLED, Refusal};

/// Packets' worth of data taken from QUIC at once: one lock for up to 20 kB.
const CHUNKS: usize = 16;

/// A stream between this host and a peer.
///
/// A request that travels before the handshake is complete has half a stream: at one end it is there
/// before the stream is, at the other it has been sent already.
///
/// Shutting it down ends its sending half cleanly. Dropping it before that resets the half, and
/// dropping it before the end of what comes stops that half, so that the other side never takes a
/// part for the whole. Where it is known beforehand that a request is all there is to say, the preface, the
/// request and the end of the half travel in one packet.
#[derive(Debug)]
pub struct Stream {
    /// None where the request was sent early: what is written was said already.
    send: Option<SendStream>,
    /// What is written as long as the connection for it is not accepted.
    answer: Option<Arc<EarlyAnswer>>,
    /// Octets of the preface that go before the first that are written.
    preface: Bytes,
    /// Whether the half ends with the first flush.
    says_one_thing: bool,
    /// None where the request came early: it is in `chunks`.
    receive: Option<RecvStream>,
    /// Taken from QUIC and not yet asked for: `chunks[next..count]`.
    chunks: [Bytes; CHUNKS],
    next: usize,
    count: usize,
    /// False as long as an answer would come before its request was written, which HTTP clients do not
    /// expect.
    is_asked: bool,
    /// Who reads nevertheless.
    hasty: Option<Waker>,
    send_ended: bool,
    receive_ended: bool,
    _guard: Option<StreamGuard>,
}

impl Stream {
    pub(super) fn new(send: SendStream, receive: RecvStream, guard: StreamGuard) -> Stream {
        Stream::of_halves(Some(send), Some(receive), Some(guard))
    }

    /// For a request that is written whole before the first flush, and nothing after it.
    pub(super) fn for_one_request(
        preface: Bytes,
        send: SendStream,
        receive: RecvStream,
        guard: StreamGuard,
    ) -> Stream {
        let mut stream = Stream::new(send, receive, guard);
        stream.preface = preface;
        stream.says_one_thing = true;
        stream
    }

    /// The answer to a request that was sent early.
    pub(super) fn asked_early(receive: RecvStream, guard: StreamGuard) -> Stream {
        let mut stream = Stream::of_halves(None, Some(receive), Some(guard));
        stream.is_asked = false;
        stream
    }

    /// A request that came early, and where its answer goes.
    pub(super) fn heard_early(request: Bytes, answer: Arc<EarlyAnswer>) -> Stream {
        let mut stream = Stream::of_halves(None, None, None);
        stream.answer = Some(answer);
        stream.send_ended = false;
        stream.chunks[0] = request;
        stream.count = 1;
        stream
    }

    fn of_halves(
        send: Option<SendStream>,
        receive: Option<RecvStream>,
        guard: Option<StreamGuard>,
    ) -> Stream {
        Stream {
            send_ended: send.is_none(),
            receive_ended: receive.is_none(),
            send,
            answer: None,
            preface: Bytes::new(),
            says_one_thing: false,
            receive,
            chunks: [const { Bytes::new() }; CHUNKS],
            next: 0,
            count: 0,
            is_asked: true,
            hasty: None,
            _guard: guard,
        }
    }

    /// What comes from the peer, before anybody has read from the stream.
    pub(super) fn receiver(&mut self) -> Option<&mut RecvStream> {
        self.receive.as_mut()
    }

    /// Ends both halves with a code that the other side can tell from an accident.
    pub(super) fn refuse(mut self, refusal: Refusal) {
        self.abandon(refusal.code());
    }

    fn abandon(&mut self, code: VarInt) {
        let ended = self.send_ended;
        if let Some(answer) = self.waiting_answer().filter(|_| !ended) {
            answer.end(End::Reset(code));
        }
        // an error only says that the half was closed already
        if let Some(send) = self.send.as_mut().filter(|_| !ended) {
            let _ = send.reset(code);
        }
        if !self.has_heard_all()
            && let Some(receive) = &mut self.receive
        {
            let _ = receive.stop(code);
        }
        self.send_ended = true;
        self.receive_ended = true;
    }

    /// Whether everything has been read: the end may have come unnoticed by a reader who knew the length.
    fn has_heard_all(&mut self) -> bool {
        let mut nobody = Context::from_waker(Waker::noop());
        let Some(receive) = self.receive.as_mut().filter(|_| !self.receive_ended) else {
            return true;
        };
        matches!(
            pin!(receive.read_chunks(&mut [Bytes::new()])).poll(&mut nobody),
            Poll::Ready(Ok(None))
        )
    }

    /// Hands `take` what has come, chunk by chunk, until it takes less than a whole one; it says how
    /// many octets it took. At the end of the stream it gets nothing.
    fn poll_fill(
        &mut self,
        cx: &mut Context<'_>,
        mut take: impl FnMut(&[u8]) -> usize,
    ) -> Poll<io::Result<()>> {
        if !self.is_asked {
            self.hasty = Some(cx.waker().clone());
            return Poll::Pending;
        }
        if self.next == self.count {
            let Some(receive) = self.receive.as_mut().filter(|_| !self.receive_ended) else {
                return Poll::Ready(Ok(()));
            };
            let read = pin!(receive.read_chunks(&mut self.chunks)).poll(cx);
            let Some(count) = ready!(read).map_err(read_error)? else {
                self.receive_ended = true;
                return Poll::Ready(Ok(()));
            };
            (self.next, self.count) = (0, count);
        }
        while self.next < self.count {
            let chunk = &mut self.chunks[self.next];
            let taken = take(chunk);
            if taken < chunk.len() {
                chunk.advance(taken);
                break;
            }
            *chunk = Bytes::new(); // or its packet stays in memory
            self.next += 1;
        }
        Poll::Ready(Ok(()))
    }

    /// Where an early answer waits for its connection; the stream takes over as soon as there is one.
    fn waiting_answer(&mut self) -> Option<&EarlyAnswer> {
        if let Some((send, guard)) = self.answer.as_ref().and_then(|answer| answer.take_stream()) {
            (self.send, self._guard) = (Some(send), Some(guard));
            self.answer = None;
        }
        self.answer.as_deref()
    }

    fn poll_send(&mut self, cx: &mut Context<'_>, octets: &[u8]) -> Poll<io::Result<usize>> {
        if let Some(answer) = self.waiting_answer() {
            return answer.poll_write(cx, octets);
        }
        match &mut self.send {
            Some(send) => {
                while !self.preface.is_empty() {
                    let sent = Pin::new(&mut *send).poll_write(cx, &self.preface);
                    self.preface.advance(ready!(sent).map_err(write_error)?);
                }
                Pin::new(send).poll_write(cx, octets).map_err(write_error)
            }
            None => {
                self.is_asked = true;
                self.hasty.take().into_iter().for_each(Waker::wake);
                Poll::Ready(Ok(octets.len()))
            }
        }
    }

    fn flush(&mut self) -> Poll<io::Result<()>> {
        if let Some(answer) = self.waiting_answer() {
            answer.flush();
        }
        if self.says_one_thing && self.preface.is_empty() {
            self.finish()
        } else {
            Poll::Ready(Ok(()))
        }
    }

    fn finish(&mut self) -> Poll<io::Result<()>> {
        if let Some(answer) = self.waiting_answer() {
            answer.end(End::Finished);
            self.send_ended = true;
        }
        if let Some(send) = self.send.as_mut().filter(|_| !self.send_ended) {
            // an error only says that it was closed already
            let _ = send.finish();
            self.send_ended = true;
        }
        Poll::Ready(Ok(()))
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.abandon(CANCELLED);
    }
}

impl hyper::rt::Read for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        if buffer.remaining() == 0 {
            return Poll::Ready(Ok(()));
        }
        self.poll_fill(cx, |chunk| {
            let length = chunk.len().min(buffer.remaining());
            buffer.put_slice(&chunk[..length]);
            length
        })
    }
}

impl hyper::rt::Write for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        octets: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_send(cx, octets)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let mut written = 0;
        for slice in slices.iter().filter(|slice| !slice.is_empty()) {
            match self.poll_send(cx, slice) {
                Poll::Ready(Ok(count)) => {
                    written += count;
                    if count < slice.len() {
                        break;
                    }
                }
                // what was taken counts; the error will come again
                _ if written > 0 => break,
                other => return other,
            }
        }
        Poll::Ready(Ok(written))
    }

    /// Without this hyper copies head and body into one buffer first.
    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.flush()
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.finish()
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        if buffer.is_empty() {
            return Poll::Ready(Ok(0));
        }
        let mut filled = 0;
        let result = self.poll_fill(cx, |chunk| {
            let length = chunk.len().min(buffer.len() - filled);
            buffer[filled..filled + length].copy_from_slice(&chunk[..length]);
            filled += length;
            length
        });
        result.map_ok(|()| filled)
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        octets: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_send(cx, octets)
    }

    fn poll_flush(mut self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.flush()
    }

    fn poll_close(mut self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.finish()
    }
}

fn read_error(error: ReadError) -> io::Error {
    match error {
        ReadError::Reset(code) => broken_off(code),
        ReadError::ConnectionLost(error) => connection_lost(error),
        other => io::Error::new(io::ErrorKind::NotConnected, other),
    }
}

fn write_error(error: WriteError) -> io::Error {
    match error {
        WriteError::Stopped(code) => broken_off(code),
        WriteError::ConnectionLost(error) => connection_lost(error),
        other => io::Error::new(io::ErrorKind::NotConnected, other),
    }
}

fn broken_off(code: VarInt) -> io::Error {
    match Refusal::from_code(code) {
        Some(refusal) => refusal.into(),
        None => io::Error::new(io::ErrorKind::ConnectionReset, "the peer broke off"),
    }
}

fn connection_lost(error: quinn::ConnectionError) -> io::Error {
    if let quinn::ConnectionError::ApplicationClosed(close) = &error
        && let Some(refusal) = Refusal::from_code(close.error_code)
    {
        return refusal.into();
    }
    let kind = match error {
        quinn::ConnectionError::TimedOut => io::ErrorKind::TimedOut,
        quinn::ConnectionError::LocallyClosed => io::ErrorKind::ConnectionAborted,
        _ => io::ErrorKind::ConnectionReset,
    };
    io::Error::new(kind, error)
}
