//! A QUIC connection with a peer, and who uses it.

use std::{
    future::Future,
    pin::pin,
    sync::{Arc, Mutex, MutexGuard},
    task::{Context, Poll, Waker},
    time::{Duration, Instant},
};

use futures_lite::future;
use quinn::{ConnectionError, PathStats, ReadError, ReadExactError};

use crate::identity::PublicKey;
use crate::link::{Hold, Link};
use crate::runtime::{clock, lock, spawn};

use super::config::SEND_WINDOW;
use super::early;
use super::early_answer::EarlyAnswer;
use super::error::ConnectError;
use super::preface::Preface;
use super::refusal::{CANCELLED, Refusal};
use super::stream::Stream;

/// A request waits so long for a place among the peer's streams.
const STREAM_PATIENCE: Duration = Duration::from_secs(10);

/// An answer to an early request that has not begun by now comes no more.
const LATE: Duration = Duration::from_secs(10);

/// A connection whose other end has proved its key.
#[derive(Debug)]
pub(super) struct Connection {
    quic: quinn::Connection,
    peer: PublicKey,
    usage: Mutex<Usage>,
    /// The link watches the path meanwhile.
    _hold: Hold,
}

/// Who uses a connection.
#[derive(Clone, Copy, Debug)]
struct Usage {
    streams: usize,
    /// Since the last stream ended, or the connection began.
    idle_since: Instant,
}

impl Connection {
    pub(super) fn new(quic: quinn::Connection, peer: PublicKey, hold: Hold) -> Arc<Connection> {
        let usage = Mutex::new(Usage { streams: 0, idle_since: clock::now() });
        Arc::new(Connection { quic, peer, usage, _hold: hold })
    }

    pub(super) fn peer(&self) -> PublicKey {
        self.peer
    }

    /// False as soon as it is known that nothing can be sent any more.
    pub(super) fn is_alive(&self) -> bool {
        self.quic.close_reason().is_none()
    }

    /// Whether the other end has fallen silent, or has forgotten the connection.
    pub(super) fn was_lost(&self) -> bool {
        let reason = self.quic.close_reason();
        matches!(reason, Some(ConnectionError::Reset | ConnectionError::TimedOut))
    }

    /// What QUIC has counted.
    pub(super) fn path_stats(&self) -> PathStats {
        self.quic.stats().path
    }

    /// Streams open now.
    pub(super) fn streams(&self) -> usize {
        self.usage().streams
    }

    /// Since when nobody uses it.
    pub(super) fn idle_since(&self) -> Option<Instant> {
        let usage = self.usage();
        (usage.streams == 0).then_some(usage.idle_since)
    }

    /// Opens a stream and sends its preface, with the certificates that there are to show: together with what is
    /// written where that is one request, else at once.
    ///
    /// # Errors
    /// When the connection turns out to be dead, or the peer allows no more streams for too long.
    pub(super) async fn open(
        self: &Arc<Connection>,
        preface: Preface,
        certificates: &[Vec<u8>],
        one_request: bool,
    ) -> Result<Stream, ConnectError> {
        let guard = StreamGuard::new(self);
        let opening = clock::timeout(STREAM_PATIENCE, self.quic.open_bi()).await;
        let (mut send, receive) = opening.ok_or(ConnectError::TooManyStreams)??;
        let preface = preface.encode_with(certificates);
        if one_request {
            return Ok(Stream::for_one_request(preface.into(), send, receive, guard));
        }
        send.write_all(&preface).await.map_err(|error| match error {
            quinn::WriteError::ConnectionLost(error) => ConnectError::from(error),
            error => ConnectError::Lost(error.to_string().into()),
        })?;
        Ok(Stream::new(send, receive, guard))
    }

    /// The answer to a request that was sent beside the handshake, if the peer says within `patience` that it
    /// has taken it. An answer that comes later is stopped.
    ///
    /// # Errors
    /// When the peer has refused the request.
    pub(super) async fn early_answer(
        self: &Arc<Connection>,
        patience: Duration,
    ) -> Result<Option<Stream>, Refusal> {
        let guard = StreamGuard::new(self);
        let taken = async {
            let mut receive = self.quic.accept_uni().await.ok()?;
            let mut sign = early::SIGN;
            Some(match receive.read_exact(&mut sign).await {
                Err(ReadExactError::ReadError(ReadError::Reset(code))) => {
                    Refusal::from_code(code).map_or(Ok(None), Err)
                }
                Err(_) => Ok(None),
                Ok(()) => Ok(Some(Stream::asked_early(receive, guard))),
            })
        };
        if let Some(answer) = clock::timeout(patience, taken).await {
            return answer.unwrap_or(Ok(None));
        }
        let connection = self.clone();
        spawn(async move {
            if let Some(Ok(mut late)) = clock::timeout(LATE, connection.quic.accept_uni()).await {
                let _ = late.stop(CANCELLED); // an error only says that it has ended
            }
        })
        .detach();
        Ok(None)
    }

    /// Opens the stream for the answer to a request that came beside the handshake. It does not wait: the first
    /// stream of a connection can always be had.
    pub(super) fn answer_early(self: &Arc<Connection>, answer: &EarlyAnswer) {
        let guard = StreamGuard::new(self);
        let mut nobody = Context::from_waker(Waker::noop());
        match pin!(self.quic.open_uni()).poll(&mut nobody) {
            Poll::Ready(Ok(send)) => answer.send_on(send, guard),
            _ => answer.fail(),
        }
    }

    /// The next stream that the peer opens.
    ///
    /// # Errors
    /// When the connection has ended.
    pub(super) async fn accept(self: &Arc<Connection>) -> Result<Stream, ConnectionError> {
        let (send, receive) = self.quic.accept_bi().await?;
        Ok(Stream::new(send, receive, StreamGuard::new(self)))
    }

    /// Waits until the connection has ended, and ends it when nobody used it for `limit` or what is sent
    /// over it is refused on the way. Meanwhile it goes on as soon as its path does.
    pub(super) async fn watch(&self, limit: Duration, link: &Link) {
        let ended = async {
            self.quic.closed().await;
        };
        let unused = async {
            loop {
                let wake = self.idle_since().unwrap_or_else(clock::now) + limit;
                clock::sleep_until(Some(wake)).await;
                if self.idle_since().is_some_and(|since| clock::now() >= since + limit) {
                    return self.close_unused();
                }
            }
        };
        let starved = async {
            link.starved(&self.peer).await;
            self.refuse(Refusal::Starved);
        };
        let stalled = async {
            loop {
                link.recovered().await;
                // the same as before, but QUIC looks at once what it may send, and not when its timer says so
                self.quic.set_send_window(SEND_WINDOW);
            }
        };
        future::or(future::or(ended, stalled), future::or(unused, starved)).await;
    }

    /// Ends the connection because nobody uses it.
    pub(super) fn close_unused(&self) {
        self.quic.close(CANCELLED, b"unused");
    }

    /// Ends the connection with a reason for the other side.
    pub(super) fn refuse(&self, refusal: Refusal) {
        self.quic.close(refusal.code(), b"");
    }

    fn usage(&self) -> MutexGuard<'_, Usage> {
        lock(&self.usage)
    }
}

/// Counts a stream as long as it exists.
#[derive(Debug)]
pub(super) struct StreamGuard(Arc<Connection>);

impl StreamGuard {
    fn new(connection: &Arc<Connection>) -> StreamGuard {
        connection.usage().streams += 1;
        StreamGuard(connection.clone())
    }
}

impl Drop for StreamGuard {
    fn drop(&mut self) {
        let mut usage = self.0.usage();
        usage.streams -= 1;
        usage.idle_since = clock::now();
    }
}
