//! Those who put and get, over HTTP or by datagrams.
//!
//! All of them run on one thread that waits for all sockets at once: 256 threads would queue for the processor, and
//! their queue would be measured with the server's.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream, UdpSocket},
    time::Duration,
};

use p2p::identity::Slot;
use p2p::runtime::{Async, clock};
use testbed::overlays::person::Person;
use testbed::overlays::wire;

/// Somebody with a packet.
pub(crate) enum Client {
    OverHttp(OverHttp),
    ByDatagrams(ByDatagrams),
}

impl Client {
    /// Puts a packet.
    ///
    /// # Panics
    /// When it is refused.
    pub(crate) async fn put(&mut self, packet: &[u8]) {
        match self {
            Client::OverHttp(client) => client.put(packet).await,
            Client::ByDatagrams(client) => assert!(client.fills(packet).await, "it is taken"),
        }
    }

    /// Asks for it.
    ///
    /// # Panics
    /// When it is not there.
    pub(crate) async fn get(&mut self) {
        match self {
            Client::OverHttp(client) => client.get().await,
            Client::ByDatagrams(client) => client.get().await,
        }
    }
}

/// A connection that stays open.
pub(crate) struct OverHttp {
    socket: Async<TcpStream>,
    path: String,
    /// Header fields of a put, each with its line's end.
    fields: String,
    answer: Vec<u8>,
}

impl OverHttp {
    /// As one of several hosts.
    pub(crate) fn open(server: SocketAddr, host: usize, path: String, fields: String) -> OverHttp {
        let socket = Async::new(wire::connect(server, host)).expect("a socket");
        OverHttp { socket, path, fields, answer: Vec::new() }
    }

    async fn put(&mut self, body: &[u8]) {
        let OverHttp { path, fields, .. } = self;
        let length = body.len();
        let head = format!(
            "PUT /{path} HTTP/1.1\r\nhost: store\r\n{fields}content-length: {length}\r\n\r\n"
        );
        self.exchange(&[head.as_bytes(), body].concat()).await;
    }

    async fn get(&mut self) {
        let request = format!("GET /{} HTTP/1.1\r\nhost: store\r\n\r\n", self.path);
        self.exchange(request.as_bytes()).await;
    }

    async fn exchange(&mut self, request: &[u8]) {
        let sent = self.socket.write_with(|mut socket| socket.write(request)).await;
        assert_eq!(sent.expect("it is sent"), request.len(), "a request fits the socket");
        self.answer.clear();
        let mut buffer = [0; 4096];
        loop {
            let read = self.socket.read_with(|mut socket| socket.read(&mut buffer)).await;
            let read = read.expect("the server answers");
            assert_ne!(read, 0, "the server ends the connection");
            self.answer.extend_from_slice(&buffer[..read]);
            if let Some(status) = status(&self.answer) {
                assert!(status < 300, "status {status}");
                return;
            }
        }
    }
}

/// The status of an answer that is there with all of its body.
fn status(answer: &[u8]) -> Option<u16> {
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n")?;
    let head = std::str::from_utf8(&answer[..end]).expect("a head in ASCII");
    let mut lines = head.split("\r\n");
    let status = lines.next()?.get(9..12)?.parse().ok();
    let length = lines.filter_map(|line| line.split_once(": ")).find_map(|(name, value)| {
        name.eq_ignore_ascii_case("content-length").then(|| value.parse().expect("a number"))
    });
    (answer.len() >= end + 4 + length.unwrap_or(0)).then_some(status?)
}

/// A datagram that was lost is sent again after this time.
const AGAIN: Duration = Duration::from_millis(200);
/// As many as connections come from.
const HOSTS: usize = 64;
const PUT: u8 = 5;
const TOKEN: u8 = 6;
const DONE: u8 = 7;
const ASK: u8 = 8;
const FOUND: u8 = 2;

/// The datagrams of `p2pstore/1`, with a token.
pub(crate) struct ByDatagrams {
    socket: Async<UdpSocket>,
    token: [u8; 8],
    slot: Slot,
    answer: Vec<u8>,
    /// Questions so far: an answer to an earlier one may come late, to what was sent again.
    asked: u64,
}

impl ByDatagrams {
    /// As one of several hosts.
    pub(crate) async fn open(store: SocketAddr, host: usize, person: &Person) -> ByDatagrams {
        let host = SocketAddr::from(([127, 0, 1, (1 + host % HOSTS) as u8], 0));
        let socket = UdpSocket::bind(host).expect("all of 127 is this machine");
        socket.connect(store).expect("an address");
        let socket = Async::new(socket).expect("a socket");
        let slot = Slot::of_key(&person.keys.public());
        let answer = vec![0; 1200];
        let mut client = ByDatagrams { socket, token: [0; 8], slot, answer, asked: 0 };
        let said = client.exchange(PUT, TOKEN, &[&[0; 8]]).await;
        client.token = client.answer[..said].try_into().expect("a token");
        client
    }

    /// Whether a packet is taken, for the places of its key and its name.
    pub(crate) async fn fills(&mut self, packet: &[u8]) -> bool {
        let token = self.token;
        let content: [&[u8]; 4] = [&token, &3600_u32.to_be_bytes(), &[7; 64], packet];
        self.exchange(PUT, DONE, &content).await;
        self.answer[0] == 0
    }

    async fn get(&mut self) {
        let (token, slot) = (self.token, self.slot);
        let length = self.exchange(ASK, FOUND, &[&slot.0, &token]).await;
        assert!(length > 64, "more than nothing is found");
    }

    /// Asks until an answer of this kind comes; gives the length of what it holds.
    async fn exchange(&mut self, kind: u8, expected: u8, content: &[&[u8]]) -> usize {
        self.asked += 1;
        let id = self.asked.to_be_bytes();
        let head = |kind: u8| [b"p2pd", &[kind][..], &id].concat();
        let question = [head(kind), content.concat()].concat();
        loop {
            self.socket.send(&question).await.expect("it is sent");
            let answer = clock::timeout(AGAIN, self.socket.recv(&mut self.answer)).await;
            let Some(Ok(length)) = answer else { continue };
            if self.answer[..length].starts_with(&head(expected)) {
                self.answer.drain(..13);
                self.answer.resize(1200, 0);
                return length - 13;
            }
        }
    }
}
