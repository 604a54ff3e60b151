//! The TCP connection between a client and a rendezvous, for networks where UDP does not pass.
//!
//! It begins as a request of HTTP/1.1 with `Upgrade: p2p` (RFC 9110, section 7.8), so that it passes
//! proxies and a web server can stand before it at port 443; then datagrams follow as [`frames`]. It is
//! not encrypted by itself: what travels here is sealed or QUIC.
//!
//! A rendezvous is looked for at the port that it has for UDP, and a moment later at 443 as well, which
//! is all that some networks let pass.
//!
//! What a slow reader does not take in time is lost, as datagrams may be; one that takes nothing at all is
//! cut off.

use std::{
    future::poll_fn,
    io,
    net::{SocketAddr, TcpStream},
    pin::{Pin, pin},
    sync::{
        Arc, Mutex, MutexGuard, Weak,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    task::Poll,
    time::Duration,
};

use event_listener::Event;
use futures_lite::future;
use hyper::{
    StatusCode,
    header::{CONNECTION, HOST, HeaderValue, UPGRADE},
    rt::{Read, ReadBuf, Write},
    upgrade::{self, Upgraded},
};

use crate::runtime::{
    Async, TcpIo, clock,
    http::{self, BoxFuture, Client, Handler, Limits, Request, Response},
    lock, spawn,
};

use super::frames::{self, Frames};

/// Octets that wait to be written: 100 ms at 10 Mbit/s. More would only add delay.
const MAX_WAITING: usize = 128 * 1024;
/// A connection that says nothing for so long is dead: five KEEPs are missing.
const IDLE: Duration = Duration::from_secs(125);
/// One that takes nothing for so long is cut off.
const STALL: Duration = Duration::from_secs(10);
/// Until a connection stands and has switched to frames.
const CONNECT_TIME: Duration = Duration::from_secs(10);
/// What networks let pass that let nothing else pass.
const WEB_PORT: u16 = 443;
/// How long it is left to the rendezvous' own port to be faster, as in RFC 8305, section 5.
const HEAD_START: Duration = Duration::from_millis(250);
const PROTOCOL: HeaderValue = HeaderValue::from_static("p2p");

/// Datagrams on their way into a connection.
#[derive(Debug, Default)]
pub(in crate::link) struct Outbox {
    waiting: Mutex<Vec<u8>>,
    ready: Event,
    closed: AtomicBool,
}

impl Outbox {
    /// Sends a datagram, or loses it when too many wait.
    pub(in crate::link) fn push(&self, datagram: &[u8]) {
        let mut waiting = self.waiting();
        if waiting.len() + datagram.len() <= MAX_WAITING {
            frames::push(&mut waiting, datagram);
            drop(waiting);
            self.ready.notify(1);
        }
    }

    /// Ends the connection.
    pub(in crate::link) fn close(&self) {
        self.closed.store(true, Relaxed);
        self.ready.notify(1);
    }

    /// Moves what waits into an empty vector; false when the connection shall end.
    async fn take(&self, octets: &mut Vec<u8>) -> bool {
        loop {
            let ready = self.ready.listen();
            if self.closed.load(Relaxed) {
                return false;
            }
            std::mem::swap(&mut *self.waiting(), octets);
            if !octets.is_empty() {
                return true;
            }
            ready.await;
        }
    }

    fn waiting(&self) -> MutexGuard<'_, Vec<u8>> {
        lock(&self.waiting)
    }
}

/// Exchanges datagrams until the connection ends, one way or another. `receive` gets each that comes, and
/// may write into it.
pub(in crate::link) async fn exchange(
    io: Upgraded,
    outbox: Arc<Outbox>,
    receive: impl FnMut(&mut [u8]),
) {
    let io = Shared(Mutex::new(io));
    let _ = future::or(io.receive(receive), io.send(&outbox)).await; // why it ends is of no interest
}

/// Both directions use a stream in turn, never at once: they are polled by one task.
struct Shared<I>(Mutex<I>);

impl<I: Read + Write + Unpin> Shared<I> {
    fn with<R>(&self, poll: impl FnOnce(Pin<&mut I>) -> R) -> R {
        poll(Pin::new(&mut *lock(&self.0)))
    }

    async fn receive(&self, mut receive: impl FnMut(&mut [u8])) -> io::Result<()> {
        let mut frames = Frames::new();
        loop {
            let read = poll_fn(|cx| {
                let mut read = ReadBuf::new(frames.room());
                self.with(|io| io.poll_read(cx, read.unfilled())).map_ok(|()| read.filled().len())
            });
            let count = clock::timeout(IDLE, read).await.ok_or(io::ErrorKind::TimedOut)??;
            if count == 0 {
                return Ok(());
            }
            frames.received(count);
            while let Some(datagram) = frames.next().map_err(|_| io::ErrorKind::InvalidData)? {
                receive(datagram);
            }
            future::yield_now().await; // others live on this thread too
        }
    }

    async fn send(&self, outbox: &Outbox) -> io::Result<()> {
        let mut octets = Vec::new();
        while outbox.take(&mut octets).await {
            let mut rest = &octets[..];
            while !rest.is_empty() {
                let written = poll_fn(|cx| self.with(|io| io.poll_write(cx, rest))).await?;
                if written == 0 {
                    return Err(io::ErrorKind::WriteZero.into());
                }
                rest = &rest[written..];
            }
            poll_fn(|cx| self.with(|io| io.poll_flush(cx))).await?;
            octets.clear();
        }
        Ok(())
    }
}

/// Opens a connection to a rendezvous, at its own port or the one of the web.
///
/// # Errors
/// When nobody answers there in time, or it is no rendezvous.
pub(in crate::link) async fn connect(address: SocketAddr) -> io::Result<Upgraded> {
    let web = async {
        clock::sleep(HEAD_START).await;
        upgrade_at(SocketAddr::new(address.ip(), WEB_PORT)).await
    };
    let opening = async {
        match address.port() {
            WEB_PORT => upgrade_at(address).await,
            _ => first_success(upgrade_at(address), web).await,
        }
    };
    clock::timeout(CONNECT_TIME, opening).await.unwrap_or(Err(io::ErrorKind::TimedOut.into()))
}

async fn upgrade_at(address: SocketAddr) -> io::Result<Upgraded> {
    let socket = Async::<TcpStream>::connect(address).await?;
    let mut request = Request::new(http::empty());
    *request.uri_mut() = hyper::Uri::from_static("/p2p");
    let host = HeaderValue::from_str(&address.to_string()).map_err(io::Error::other)?;
    let headers = request.headers_mut();
    headers.insert(HOST, host);
    headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(UPGRADE, PROTOCOL);
    let response = http::request_over(Box::new(TcpIo::new(socket, STALL)), request);
    let response = response.await.map_err(io::Error::other)?;
    if response.status() != StatusCode::SWITCHING_PROTOCOLS {
        return Err(io::ErrorKind::ConnectionRefused.into());
    }
    upgrade::on(response).await.map_err(io::Error::other)
}

/// What succeeds first; when neither does, the error of the first.
async fn first_success<T>(
    first: impl Future<Output = io::Result<T>>,
    second: impl Future<Output = io::Result<T>>,
) -> io::Result<T> {
    let (mut first, mut second) = (pin!(first), pin!(second));
    let (mut failed, mut second_failed) = (None, false);
    poll_fn(|cx| {
        if failed.is_none()
            && let Poll::Ready(ended) = first.as_mut().poll(cx)
        {
            match ended {
                Ok(value) => return Poll::Ready(Ok(value)),
                Err(error) => failed = Some(error),
            }
        }
        if !second_failed && let Poll::Ready(ended) = second.as_mut().poll(cx) {
            match ended {
                Ok(value) => return Poll::Ready(Ok(value)),
                Err(_) => second_failed = true,
            }
        }
        match failed.take_if(|_| second_failed) {
            Some(error) => Poll::Ready(Err(error)),
            None => Poll::Pending,
        }
    })
    .await
}

/// Who takes connections.
pub(in crate::link) trait Accept: Send + Sync + 'static {
    /// Serves one until it ends.
    fn serve(self: Arc<Self>, io: Upgraded, client: SocketAddr) -> BoxFuture<()>;
}

/// What a listener for clients allows.
pub(in crate::link) fn limits() -> Limits {
    Limits {
        head_size: 8 * 1024,
        head_time: CONNECT_TIME,
        stall: STALL,
        connections: 512,
        connections_per_client: 64,
        half_close: false,
        keep_alive: true,
        field_case: false,
    }
}

/// Answers the requests with which connections begin.
pub(in crate::link) struct Upgrades<A>(pub(in crate::link) Weak<A>);

impl<A: Accept> Handler for Upgrades<A> {
    fn handle(self: Arc<Self>, mut request: Request) -> BoxFuture<Response> {
        let mut response = Response::new(http::empty());
        let wanted = request.headers().get(UPGRADE) == Some(&PROTOCOL);
        let client = request.extensions().get::<Client>().copied();
        let headers = response.headers_mut();
        headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
        headers.insert(UPGRADE, PROTOCOL);
        match (wanted, client, self.0.upgrade()) {
            (true, Some(Client(client)), Some(acceptor)) => {
                let upgrade = upgrade::on(&mut request);
                spawn(async move {
                    if let Some(Ok(io)) = clock::timeout(CONNECT_TIME, upgrade).await {
                        acceptor.serve(io, client).await;
                    }
                })
                .detach();
                *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
            }
            _ => *response.status_mut() = StatusCode::UPGRADE_REQUIRED,
        }
        Box::pin(async { response })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::block_on;

    async fn after(turns: u32, result: Result<u32, &str>) -> io::Result<u32> {
        for _ in 0..turns {
            future::yield_now().await;
        }
        result.map_err(|text| io::Error::other(text.to_owned()))
    }

    #[test]
    fn one_success_is_enough() {
        let race = |a, b| block_on(first_success(a, b)).map_err(|error| error.to_string());
        assert_eq!(race(after(2, Ok(1)), after(1, Ok(2))), Ok(2));
        assert_eq!(race(after(2, Ok(1)), after(1, Err("second"))), Ok(1));
        assert_eq!(race(after(1, Err("first")), after(3, Ok(2))), Ok(2));
        assert_eq!(race(after(3, Err("first")), after(1, Err("second"))), Err("first".into()));
        assert_eq!(race(after(1, Err("first")), after(3, Err("second"))), Err("first".into()));
    }
}
