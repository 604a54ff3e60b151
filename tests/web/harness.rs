//! A proxy and a gateway on loopback TCP, what alice serves there, and a client that sends and sees raw octets.

mod client;
mod service;

use std::{
    error::Error,
    future::poll_fn,
    io::{self, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll},
    thread,
    time::Duration,
};

use bytes::Bytes;
use hyper::rt::{Read, ReadBuf, ReadBufCursor};
use p2p::identity::{Destination, KeyPair, Name, Seed, ServicePort};
use p2p::runtime::Async;
use p2p::runtime::http::{self, BoxFuture, Handler, Io, Limits};
use p2p::runtime::{self, TcpIo};
use p2p::web::{Failure, Gateway, Peers, Proxy, Pseudonym, Served, Settings, TerseReader, Visitor};

pub(crate) use client::{Answer, Client};
use service::Service;

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

impl Read for Refused {
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        _: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Poll::Ready(Err(io::Error::other("refused")))
    }
}

impl hyper::rt::Write for Refused {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, _: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(Err(io::Error::other("refused")))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
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

    /// What a visitor is answered who speaks to the gateway without a proxy, octet by octet.
    pub(crate) fn visit(&self, request: &str) -> String {
        runtime::block_on(async {
            let socket = Async::<TcpStream>::connect(self.gateway).await.unwrap();
            socket.get_ref().write_all(request.as_bytes()).unwrap(); // it fits into the buffer
            let mut io = TerseReader::new(TcpIo::new(socket, PATIENCE));
            let mut answer = Vec::new();
            loop {
                let mut room = [0; 1024];
                let mut piece = ReadBuf::new(&mut room);
                poll_fn(|cx| Pin::new(&mut io).poll_read(cx, piece.unfilled())).await.unwrap();
                if piece.filled().is_empty() {
                    return String::from_utf8(answer).unwrap();
                }
                answer.extend_from_slice(piece.filled());
            }
        })
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
