//! A proxy and a gateway on loopback TCP, and a client that sends and sees raw octets.

use std::{
    error::Error,
    io::{self, BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

use bytes::Bytes;
use http_body_util::{BodyExt, StreamBody};
use hyper::{StatusCode, body::Frame, header::HeaderValue};
use p2p::identity::{Destination, KeyPair, Name, Seed, ServicePort};
use p2p::runtime::Async;
use p2p::runtime::http::{self, BoxError, BoxFuture, Handler, Io, Limits, Request, Response};
use p2p::runtime::{self, TcpIo};
use p2p::web::{Failure, Gateway, Peers, Proxy, Pseudonym, Served, Settings, Visitor};

/// Nothing here takes this long, unless it hangs.
const PATIENCE: Duration = Duration::from_secs(20);

/// The service at port 1000 of alice@example.com.
pub(crate) const ALICE: &str = "alice.at.example.com:1000";

pub(crate) fn alice(port: u16) -> Destination {
    let name = Name::parse("alice@example.com").unwrap();
    Destination { name, port: ServicePort::new(port).unwrap() }
}

/// A running daemon, both ends.
pub(crate) struct Daemon {
    pub(crate) address: SocketAddr,
    /// Where its streams arrive.
    pub(crate) gateway: SocketAddr,
    /// Lets the event stream go on.
    pub(crate) events: async_channel::Sender<Bytes>,
}

/// What to change about a daemon.
pub(crate) struct Setup {
    pub(crate) settings: Box<dyn Fn(&mut Settings)>,
    pub(crate) limits: Limits,
    pub(crate) api: Option<Arc<dyn Handler>>,
    /// Answers what goes to port 2000, octet by octet.
    pub(crate) raw: fn(TcpStream),
}

impl Default for Setup {
    fn default() -> Setup {
        Setup { settings: Box::new(|_| {}), limits: Limits::default(), api: None, raw: |_| {} }
    }
}

impl Setup {
    pub(crate) fn start(self) -> Daemon {
        let (events, receiver) = async_channel::bounded(1);
        let gateway = listener();
        let gateway_address = gateway.get_ref().local_addr().unwrap();
        let raw = TcpListener::bind("127.0.0.1:0").unwrap();
        let raw_address = raw.local_addr().unwrap();
        thread::spawn(move || {
            for socket in raw.incoming() {
                (self.raw)(socket.unwrap());
            }
        });
        let own = listener();
        let address = own.get_ref().local_addr().unwrap();
        let mut settings = Settings::new(address.port(), Pseudonym::new([7; 16]));
        (self.settings)(&mut settings);
        let peers = Arc::new(Loopback {
            gateway: gateway_address,
            raw: raw_address,
            met: Mutex::new(vec![long_name()]),
        });
        let proxy = Proxy::new(peers, self.api, settings);
        let limits = self.limits;
        thread::spawn(move || {
            runtime::block_on(async move {
                runtime::spawn(serve_gateway(gateway, Arc::new(Service { events: receiver })))
                    .detach();
                http::serve(own, limits, proxy).await;
            });
        });
        Daemon { address, gateway: gateway_address, events }
    }
}

fn listener() -> Async<TcpListener> {
    Async::<TcpListener>::bind(([127, 0, 0, 1], 0)).unwrap()
}

async fn serve_gateway(listener: Async<TcpListener>, service: Arc<Service>) {
    let gateway = Gateway::new(Pseudonym::new([9; 16]), Limits::default());
    loop {
        let (socket, _) = listener.accept().await.unwrap();
        let (gateway, service) = (gateway.clone(), service.clone());
        runtime::spawn(async move {
            let io = Box::new(TcpIo::new(socket, PATIENCE));
            let key = KeyPair::from_seed(&Seed::new([1; 32])).public();
            let name = Some(Name::parse("bob@example.org").unwrap());
            let visitor = Visitor { name, key, trust: "pinned" };
            let (destination, handler) = (alice(1000), service);
            let served = Served { destination, handler, cross_site: false };
            let _ = gateway.serve_stream(io, visitor, served).await;
        })
        .detach();
    }
}

/// Alice has a service at 1000; at 2000 is whatever the test says; 3000 is not served, which shows late.
struct Loopback {
    gateway: SocketAddr,
    raw: SocketAddr,
    /// Destinations to whose labels people were sent.
    met: Mutex<Vec<Destination>>,
}

impl Peers for Loopback {
    fn open(
        &self,
        destination: &Destination,
        _early: Option<Bytes>,
    ) -> BoxFuture<Result<Box<dyn Io>, Failure>> {
        let destination = destination.clone();
        let address = if destination.port.get() == 1000 { self.gateway } else { self.raw };
        Box::pin(async move {
            if destination.name.as_str() != "alice@example.com" {
                return Err(Failure::NameUnknown { name: destination.name });
            }
            if destination.port.get() == 3000 {
                return Ok(Box::new(Refused) as Box<dyn Io>);
            }
            let socket = Async::<TcpStream>::connect(address).await.unwrap();
            Ok(Box::new(TcpIo::new(socket, PATIENCE)) as Box<dyn Io>)
        })
    }

    fn diagnose(
        &self,
        destination: &Destination,
        error: &(dyn Error + 'static),
    ) -> Option<Failure> {
        let mut cause = Some(error);
        while let Some(error) = cause {
            if error.downcast_ref::<io::Error>().is_some_and(|e| e.to_string() == "refused") {
                let served = Some(vec![ServicePort::new(1000).unwrap()]);
                return Some(Failure::PortNotServed { destination: destination.clone(), served });
            }
            cause = error.source();
        }
        None
    }

    fn ground(&self, name: &Name) -> Option<String> {
        Some(format!("{name} is a contact of the test"))
    }

    fn destination_of_label(&self, label: &str) -> Option<Destination> {
        self.met.lock().unwrap().iter().find(|met| met.origin_label() == label).cloned()
    }

    fn remember_label(&self, destination: &Destination) {
        self.met.lock().unwrap().push(destination.clone());
    }
}

/// A destination whose label is a hash.
pub(crate) fn long_name() -> Destination {
    let name =
        Name::parse("somebody-with-a-name-that-fits-no-label-of-sixty-three-octets@example.com")
            .unwrap();
    Destination { name, port: ServicePort::new(1000).unwrap() }
}

/// A stream that breaks at the first use.
struct Refused;

impl hyper::rt::Read for Refused {
    fn poll_read(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
        _: hyper::rt::ReadBufCursor<'_>,
    ) -> std::task::Poll<io::Result<()>> {
        std::task::Poll::Ready(Err(io::Error::other("refused")))
    }
}

impl hyper::rt::Write for Refused {
    fn poll_write(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
        _: &[u8],
    ) -> std::task::Poll<io::Result<usize>> {
        std::task::Poll::Ready(Err(io::Error::other("refused")))
    }

    fn poll_flush(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<io::Result<()>> {
        std::task::Poll::Ready(Ok(()))
    }

    fn poll_shutdown(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<io::Result<()>> {
        std::task::Poll::Ready(Ok(()))
    }
}

/// What alice serves.
struct Service {
    events: async_channel::Receiver<Bytes>,
}

impl Handler for Service {
    fn handle(self: Arc<Self>, mut request: Request) -> BoxFuture<Response> {
        Box::pin(async move {
            let path = request.uri().path().to_owned();
            match path.as_str() {
                "/" => Response::new(http::full("alice's page")),
                "/seen" => seen(&request),
                "/echo" => {
                    let mut response = Response::new(http::empty());
                    if let Some(trailer) = request.headers().get("trailer") {
                        response.headers_mut().insert("trailer", trailer.clone());
                    }
                    *response.body_mut() = request.into_body();
                    response
                }
                "/collect" => {
                    let body = request.into_body().collect().await.unwrap();
                    Response::new(http::full(body.to_bytes()))
                }
                "/part" => part(&request),
                "/events" => {
                    let frames =
                        futures_lite::stream::unfold(self.events.clone(), |events| async {
                            let event = events.recv().await.ok()?;
                            Some((Ok::<_, BoxError>(Frame::data(event)), events))
                        });
                    let mut response = Response::new(StreamBody::new(frames).boxed_unsync());
                    set(&mut response, "content-type", "text/event-stream");
                    response
                }
                "/refuse" => {
                    let mut response = Response::new(http::full("too large"));
                    *response.status_mut() = StatusCode::PAYLOAD_TOO_LARGE;
                    response
                }
                "/switch" => {
                    let protocol = request.headers().get("upgrade").cloned();
                    let upgraded = hyper::upgrade::on(&mut request);
                    runtime::spawn(async move {
                        let Ok(io) = upgraded.await else { return };
                        let _ = echo(io).await;
                    })
                    .detach();
                    let mut response = Response::new(http::empty());
                    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
                    set(&mut response, "connection", "upgrade");
                    response.headers_mut().insert("upgrade", protocol.unwrap());
                    response
                }
                "/fields" => {
                    // each line of the query is a field of the response
                    let mut response = Response::new(http::full("fields"));
                    let query = request.uri().query().unwrap_or_default().to_owned();
                    for field in query.split('|') {
                        let field =
                            percent_encoding::percent_decode_str(field).decode_utf8().unwrap();
                        let (name, value) = field.split_once(": ").unwrap();
                        response.headers_mut().append(
                            hyper::header::HeaderName::from_bytes(name.as_bytes()).unwrap(),
                            HeaderValue::from_str(value).unwrap(),
                        );
                    }
                    response
                }
                path => {
                    let mut response = Response::new(http::full(format!("no {path}")));
                    *response.status_mut() = StatusCode::NOT_FOUND;
                    response
                }
            }
        })
    }
}

/// Target and fields as the service sees them, sorted.
fn seen(request: &Request) -> Response {
    let mut lines: Vec<String> = request
        .headers()
        .iter()
        .map(|(name, value)| format!("{name}: {}\n", value.to_str().unwrap()))
        .collect();
    lines.sort();
    let text = format!("{} {}\n{}", request.method(), request.uri(), lines.concat());
    Response::new(http::full(text))
}

fn part(request: &Request) -> Response {
    let whole = b"0123456789";
    let range = request.headers().get("range").map(|range| range.to_str().unwrap().to_owned());
    let Some(range) = range else {
        let mut response = Response::new(http::full(&whole[..]));
        set(&mut response, "etag", "\"digits\"");
        return response;
    };
    let (from, to) = range.strip_prefix("bytes=").unwrap().split_once('-').unwrap();
    let (from, to): (usize, usize) = (from.parse().unwrap(), to.parse().unwrap());
    let mut response = Response::new(http::full(whole[from..=to].to_vec()));
    *response.status_mut() = StatusCode::PARTIAL_CONTENT;
    set(&mut response, "content-range", &format!("bytes {from}-{to}/10"));
    response
}

fn set(response: &mut Response, name: &'static str, value: &str) {
    response.headers_mut().insert(name, HeaderValue::from_str(value).unwrap());
}

/// Gives back what comes until the other side ends, then says goodbye.
async fn echo(io: hyper::upgrade::Upgraded) -> io::Result<()> {
    use std::{future::poll_fn, pin::Pin};

    use hyper::rt::{Read as _, ReadBuf, Write as _};

    let mut io = io;
    let mut buffer = [0; 1024];
    loop {
        let count = poll_fn(|cx| {
            let mut read = ReadBuf::new(&mut buffer);
            Pin::new(&mut io).poll_read(cx, read.unfilled()).map_ok(|()| read.filled().len())
        })
        .await?;
        let (answer, end) =
            if count == 0 { (&b"bye"[..], true) } else { (&buffer[..count], false) };
        poll_fn(|cx| Pin::new(&mut io).poll_write(cx, answer)).await?;
        poll_fn(|cx| Pin::new(&mut io).poll_flush(cx)).await?;
        if end {
            return poll_fn(|cx| Pin::new(&mut io).poll_shutdown(cx)).await;
        }
    }
}

impl Daemon {
    pub(crate) fn start() -> Daemon {
        Setup::default().start()
    }

    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }

    pub(crate) fn connect(&self) -> Client {
        Client::connect(self.address)
    }

    /// A visitor who speaks to the gateway without a proxy.
    pub(crate) fn visit(&self) -> Client {
        Client::connect(self.gateway)
    }

    /// Host and port as clients write it.
    pub(crate) fn host(&self) -> String {
        format!("localhost:{}", self.port())
    }

    /// One GET in origin-form on a connection of its own.
    pub(crate) fn get(&self, host: &str, path: &str, fields: &str) -> Answer {
        let mut client = self.connect();
        client.send(&format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n{fields}\r\n"));
        client.answer()
    }

    /// One GET as to a proxy.
    pub(crate) fn get_proxied(&self, url: &str, fields: &str) -> Answer {
        let mut client = self.connect();
        client.send(&format!("GET {url} HTTP/1.1\r\nHost: ignored\r\n{fields}\r\n"));
        client.answer()
    }

    /// The three ways to ask alice's port for `path`, and what has been seen through each.
    pub(crate) fn get_everywhere(&self, path: &str, fields: &str) -> [Answer; 3] {
        let label = format!("1000-alice-at-example-com.localhost:{}", self.port());
        [
            self.get_proxied(&format!("http://{ALICE}{path}"), fields),
            self.get(&self.host(), &format!("/alice@example.com/1000{path}"), fields),
            self.get(&label, path, fields),
        ]
    }
}

/// A client without manners.
pub(crate) struct Client {
    reader: BufReader<TcpStream>,
}

/// What came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
    /// Whether the body ended as its framing says.
    pub(crate) whole: bool,
}

impl Client {
    fn connect(address: SocketAddr) -> Client {
        let socket = TcpStream::connect(address).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        Client { reader: BufReader::new(socket) }
    }

    pub(crate) fn send(&mut self, text: &str) {
        self.send_octets(text.as_bytes());
    }

    pub(crate) fn send_octets(&mut self, octets: &[u8]) {
        // a daemon that has closed is what some tests look for
        let _ = self.reader.get_mut().write_all(octets);
    }

    pub(crate) fn end(&mut self) {
        let _ = self.reader.get_mut().shutdown(std::net::Shutdown::Write);
    }

    /// The octets up to the empty line; empty when the connection ends.
    pub(crate) fn head(&mut self) -> String {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            match self.reader.read_line(&mut head) {
                Ok(0) => break,
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::ConnectionReset => break,
                Err(error) => panic!("no head: {error}; so far {head:?}"),
            }
        }
        head
    }

    /// A whole response to a request that is not HEAD.
    pub(crate) fn answer(&mut self) -> Answer {
        let head = self.head();
        let status = head.get(9..12).and_then(|code| code.parse().ok()).unwrap_or(0);
        let mut answer = Answer { status, head, body: Vec::new(), whole: true };
        if let Some(length) = answer.field("content-length") {
            let mut limited = (&mut self.reader).take(length.parse().unwrap());
            let _ = limited.read_to_end(&mut answer.body);
            answer.whole = limited.limit() == 0;
        } else if answer.field("transfer-encoding").is_some() {
            answer.whole = self.chunks(&mut answer.body);
        } else if ![101, 204, 304].contains(&status) {
            let _ = self.reader.read_to_end(&mut answer.body);
        }
        answer
    }

    fn chunks(&mut self, body: &mut Vec<u8>) -> bool {
        while let Some(chunk) = self.chunk() {
            if chunk.is_empty() {
                // trailers and the empty line
                loop {
                    let mut line = Vec::new();
                    self.reader.read_until(b'\n', &mut line).unwrap();
                    if line == b"\r\n" {
                        return true;
                    }
                    body.extend(line);
                }
            }
            body.extend(chunk);
        }
        false
    }

    /// The next chunk of a body; None when the connection ends instead.
    pub(crate) fn chunk(&mut self) -> Option<Vec<u8>> {
        let mut size = String::new();
        self.reader.read_line(&mut size).ok()?;
        let size = usize::from_str_radix(size.trim(), 16).ok()?;
        let mut chunk = vec![0; size];
        self.reader.read_exact(&mut chunk).ok()?;
        if size > 0 {
            self.reader.read_exact(&mut [0; 2]).ok()?;
        }
        Some(chunk)
    }

    pub(crate) fn read(&mut self, count: usize) -> Vec<u8> {
        let mut octets = vec![0; count];
        self.reader.read_exact(&mut octets).unwrap();
        octets
    }

    /// Everything until the end of the connection.
    pub(crate) fn rest(&mut self) -> Vec<u8> {
        let mut octets = Vec::new();
        match self.reader.read_to_end(&mut octets) {
            Err(error) if error.kind() != io::ErrorKind::ConnectionReset => {
                panic!("the connection does not end: {error}; so far {octets:?}")
            }
            _ => octets,
        }
    }
}

impl Answer {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The first field of that name.
    pub(crate) fn field(&self, name: &str) -> Option<String> {
        self.fields(name).into_iter().next()
    }

    pub(crate) fn fields(&self, name: &str) -> Vec<String> {
        let lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.filter(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.to_owned()).collect()
    }
}
