//! HTTP/1.1 connections: the one server loop and the one client that all parts use.
//!
//! A listener takes a bounded number of connections; each has a limit on the size of a request head and
//! on the time it may take, and one that takes nothing of its answer is cut off. What a request means is
//! the business of the [`Handler`].

mod client;
mod timer;

use std::{
    collections::HashMap,
    convert::Infallible,
    error::Error,
    future::Future,
    net::{IpAddr, SocketAddr, TcpListener},
    pin::Pin,
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use http_body_util::{BodyExt, Empty, Full, combinators::UnsyncBoxBody};
use hyper::{body::Incoming, server, service::service_fn};

pub use client::{Sender, request_over};

use timer::ConnectionTimer;

use super::{Async, TcpIo, clock, ip::network_of, lock, spawn};

/// Any error that ends a body.
pub type BoxError = Box<dyn Error + Send + Sync>;
/// A body that streams, in either direction.
pub type Body = UnsyncBoxBody<Bytes, BoxError>;
/// A request as handlers get it.
pub type Request = hyper::Request<Body>;
/// A response as handlers give it.
pub type Response = hyper::Response<Body>;
/// A future that can be kept in a box and moved between tasks.
pub type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// A stream of octets in both directions, as hyper reads and writes it. What speaks HTTP takes any kind of it behind
/// a pointer: the parsers are long, and there once.
pub trait Io: hyper::rt::Read + hyper::rt::Write + Send + Unpin {}

impl<T: hyper::rt::Read + hyper::rt::Write + Send + Unpin> Io for T {}

/// Something that answers HTTP requests.
pub trait Handler: Send + Sync + 'static {
    /// Answers one request. It has no way to fail: errors are responses too.
    fn handle(self: Arc<Self>, request: Request) -> BoxFuture<Response>;
}

/// A body without octets.
pub fn empty() -> Body {
    Empty::new().map_err(never).boxed_unsync()
}

/// A body that is at hand.
pub fn full(content: impl Into<Bytes>) -> Body {
    Full::new(content.into()).map_err(never).boxed_unsync()
}

/// A body that comes from the network.
pub fn incoming(body: Incoming) -> Body {
    body.map_err(BoxError::from).boxed_unsync()
}

/// All of a small body; None when it is longer than `limit` octets, breaks off, or is not complete within `time`.
pub async fn collect<B>(mut body: B, limit: usize, time: Duration) -> Option<Vec<u8>>
where
    B: hyper::body::Body<Data = Bytes> + Unpin,
{
    let collecting = async {
        let mut content = Vec::new();
        while let Some(frame) = body.frame().await {
            let data = frame.ok()?.into_data().unwrap_or_default();
            if content.len() + data.len() > limit {
                return None;
            }
            content.extend_from_slice(&data);
        }
        Some(content)
    };
    clock::timeout(time, collecting).await.flatten()
}

fn never(never: Infallible) -> BoxError {
    match never {}
}

/// Who sent a request: an extension of every request that came through [`serve`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Client(pub SocketAddr);

/// What one connection may ask for.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Octets of a request head, in which are at most 100 fields.
    pub head_size: usize,
    /// Time until a whole request head is there, which is also how long a connection may idle.
    pub head_time: Duration,
    /// Time in which the client must take some of its response.
    pub stall: Duration,
    /// Connections of one listener at a time.
    pub connections: usize,
    /// Connections of one client network (see [`network_of`]) at a time.
    pub connections_per_client: usize,
    /// Whether a client that has ended its side still waits for its answer, as on a QUIC stream. Else that
    /// is its hanging up, and what works for it is dropped.
    pub half_close: bool,
    /// Whether more requests may follow the first one. Else the connection ends with its response, for which
    /// no `Date` is made up: it travels on, and whoever passes it to a client adds one (RFC 9110, 6.6.1).
    pub keep_alive: bool,
    /// Whether requests keep the case in which the names of their fields were written, for who passes them on.
    pub field_case: bool,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            head_size: 48 * 1024,
            head_time: Duration::from_secs(30),
            stall: Duration::from_secs(60),
            connections: 512,
            connections_per_client: 512,
            half_close: true,
            keep_alive: true,
            field_case: true,
        }
    }
}

/// Accepts connections for ever and gives their requests to `handler`, each with its [`Client`].
pub async fn serve(listener: Async<TcpListener>, limits: Limits, handler: Arc<dyn Handler>) {
    let open = Arc::new(Open::default());
    loop {
        let Ok((socket, address)) = listener.accept().await else {
            // out of descriptors, most likely: let some connections end
            clock::sleep(Duration::from_millis(100)).await;
            continue;
        };
        let Some(permit) = Permit::take(&open, network_of(address.ip()), &limits) else {
            continue; // closing tells enough; an answer would cost what is scarce
        };
        let handler = Arc::new(ForClient { client: Client(address), handler: handler.clone() });
        let io = TcpIo::new(socket, limits.stall);
        let closer = io.closer();
        spawn(async move {
            let _permit = permit;
            let _ = serve_connection(Box::new(io), limits, handler).await;
            closer.close().await;
        })
        .detach();
    }
}

/// Tells the handler of one connection who is at its other end.
struct ForClient {
    client: Client,
    handler: Arc<dyn Handler>,
}

impl Handler for ForClient {
    fn handle(self: Arc<Self>, mut request: Request) -> BoxFuture<Response> {
        request.extensions_mut().insert(self.client);
        self.handler.clone().handle(request)
    }
}

/// The open connections of a listener, by client network.
#[derive(Default)]
struct Open(Mutex<HashMap<IpAddr, usize>>);

/// Counts an open connection until it is dropped.
struct Permit {
    open: Arc<Open>,
    client: IpAddr,
}

impl Permit {
    fn take(open: &Arc<Open>, client: IpAddr, limits: &Limits) -> Option<Permit> {
        let mut clients = lock(&open.0);
        let own = clients.get(&client).copied().unwrap_or(0);
        // the table has at most `connections` entries, few enough to add up
        let all: usize = clients.values().sum();
        if own >= limits.connections_per_client || all >= limits.connections {
            return None;
        }
        clients.insert(client, own + 1);
        Some(Permit { open: open.clone(), client })
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut clients = lock(&self.open.0);
        if let Some(count) = clients.get_mut(&self.client) {
            *count -= 1;
            if *count == 0 {
                clients.remove(&self.client);
            }
        }
    }
}

/// Serves the requests of one connection, upgrades included.
///
/// # Errors
/// When the client breaks the protocol, is too slow or goes away.
pub async fn serve_connection(
    io: Box<dyn Io>,
    limits: Limits,
    handler: Arc<dyn Handler>,
) -> hyper::Result<()> {
    let service = service_fn(move |request: hyper::Request<Incoming>| {
        let answer = handler.clone().handle(request.map(incoming));
        async move { Ok::<_, Infallible>(answer.await) }
    });
    server::conn::http1::Builder::new()
        .timer(ConnectionTimer::default())
        .header_read_timeout(limits.head_time)
        .max_buf_size(limits.head_size.max(8192))
        .half_close(limits.half_close)
        .keep_alive(limits.keep_alive)
        .auto_date_header(limits.keep_alive)
        .preserve_header_case(limits.field_case)
        .serve_connection(io, service)
        .with_upgrades()
        .await
}

#[cfg(test)]
mod tests {
    use std::{
        io::{Read, Write},
        net::TcpStream,
    };

    use futures_lite::{StreamExt, stream};
    use http_body_util::StreamBody;
    use hyper::body::Frame;

    use super::*;
    use crate::runtime::{block_on, unblock};

    /// Answers without reading the request.
    struct Refuse;

    impl Handler for Refuse {
        fn handle(self: Arc<Self>, _request: Request) -> BoxFuture<Response> {
            Box::pin(async { hyper::Response::new(full("too large")) })
        }
    }

    #[test]
    fn a_small_body_is_collected_and_no_other() {
        const LONG: Duration = Duration::from_secs(60);
        let collect = |body: Body, limit, time| block_on(collect(body, limit, time));
        assert_eq!(collect(full("text"), 4, LONG).as_deref(), Some(&b"text"[..]));
        assert_eq!(collect(full("text"), 3, LONG), None);
        let begins = || stream::once(Ok::<_, BoxError>(Frame::data(Bytes::from("te"))));
        let breaks_off = begins().chain(stream::once(Err("broken".into())));
        assert_eq!(collect(StreamBody::new(breaks_off).boxed_unsync(), 4, LONG), None);
        let falls_silent = begins().chain(stream::pending());
        let short = Duration::from_millis(10);
        assert_eq!(collect(StreamBody::new(falls_silent).boxed_unsync(), 4, short), None);
    }

    #[test]
    fn a_client_that_still_uploads_is_not_reset() {
        let listener = Async::new(TcpListener::bind("127.0.0.1:0").unwrap()).unwrap();
        let address = listener.get_ref().local_addr().unwrap();
        let upload = unblock(move || {
            let mut client = TcpStream::connect(address)?;
            let head = "PUT / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10000000\r\n\r\n";
            client.write_all(head.as_bytes())?;
            client.write_all(&[0; 100_000])?;
            let mut answer = String::new();
            client.read_to_string(&mut answer)?;
            client.write_all(&[0; 8_000_000])?;
            Ok::<_, std::io::Error>(answer)
        });
        let answer = block_on(async {
            spawn(serve(listener, Limits::default(), Arc::new(Refuse))).detach();
            upload.await
        });
        let answer = answer.unwrap();
        assert!(
            answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with("too large"),
            "{answer}"
        );
    }
}
