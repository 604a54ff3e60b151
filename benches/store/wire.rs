//! A client of HTTP/1.1 that keeps its connection and costs little.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpStream},
};

use socket2::{Domain, Socket, Type};

/// A put.
pub(crate) struct Request<'a> {
    pub(crate) path: &'a str,
    /// Header fields, each with its line's end.
    pub(crate) fields: &'a str,
    pub(crate) body: &'a [u8],
}

/// How many hosts the clients are spread over.
const HOSTS: usize = 64;

/// One connection.
pub(crate) struct Connection(BufReader<TcpStream>);

impl Connection {
    /// Connects as one of several hosts: a server takes so many connections of one and no more.
    pub(crate) fn open(address: SocketAddr, host: usize) -> Connection {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
        let host = SocketAddr::from(([127, 0, 1, (1 + host % HOSTS) as u8], 0));
        socket.bind(&host.into()).expect("all of 127 is this machine");
        socket.connect(&address.into()).expect("the server listens");
        socket.set_tcp_nodelay(true).expect("a socket");
        Connection(BufReader::new(socket.into()))
    }

    /// Sends a packet and gives the status.
    pub(crate) fn put(&mut self, request: &Request<'_>) -> u16 {
        let Request { path, fields, body } = request;
        let length = body.len();
        let head = format!(
            "PUT /{path} HTTP/1.1\r\nhost: store\r\n{fields}content-length: {length}\r\n\r\n"
        );
        self.exchange(&[head.as_bytes(), body].concat())
    }

    /// Asks for a slot and gives the status.
    pub(crate) fn get(&mut self, path: &str) -> u16 {
        self.exchange(format!("GET /{path} HTTP/1.1\r\nhost: store\r\n\r\n").as_bytes())
    }

    fn exchange(&mut self, request: &[u8]) -> u16 {
        self.0.get_mut().write_all(request).expect("the server reads");
        let (mut status, mut length) = (0, 0);
        loop {
            let mut line = String::new();
            self.0.read_line(&mut line).expect("the server answers");
            let line = line.trim_end().to_ascii_lowercase();
            if line.is_empty() {
                break;
            } else if let Some(rest) = line.strip_prefix("http/1.1 ") {
                status = rest.get(..3).and_then(|code| code.parse().ok()).unwrap_or(0);
            } else if let Some(value) = line.strip_prefix("content-length:") {
                length = value.trim().parse().unwrap_or(0);
            }
        }
        let mut body = vec![0; length];
        self.0.read_exact(&mut body).expect("the whole answer");
        status
    }
}
