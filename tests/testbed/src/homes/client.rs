//! A browser that only reads: HTTP/1.1 over one TCP connection in a node, with the time of every octet.

use std::{
    io::{self, Read, Write},
    net::{SocketAddr, TcpStream},
    time::{Duration, Instant},
};

use netlab::Lab;
use p2p::runtime::clock;

use super::{PROXY, origin::write_noise, transfer::Transfer};

/// Nothing here takes so long.
const PATIENCE: Duration = Duration::from_secs(60);

/// How long the requests of all figures here are, without what a proxy needs.
pub const REQUEST_LENGTH: usize = 238;

/// What stands in every `Host`, so that all requests have the same length.
const HOST: &str = "alice.at.example.com:1000";

/// A connection that is kept alive.
pub struct Client {
    stream: TcpStream,
    /// What stands before the path.
    prefix: &'static str,
    /// Octets of the next response, read too early.
    buffer: Vec<u8>,
}

/// A response, as it came.
#[derive(Clone, Debug)]
pub struct Response {
    /// When the first octet of the response came.
    pub first_byte: Instant,
    /// Its body, which started with the request (and the connection for the first one).
    pub body: Transfer,
}

impl Client {
    /// To bob's proxy, which is where `node` is.
    pub fn proxied(lab: &Lab, node: &str) -> io::Result<Client> {
        Client::connect(lab, node, PROXY.parse().unwrap(), "http://alice.at.example.com:1000")
    }

    /// To an origin.
    pub fn plain(lab: &Lab, node: &str, origin: SocketAddr) -> io::Result<Client> {
        Client::connect(lab, node, origin, "")
    }

    fn connect(
        lab: &Lab,
        node: &str,
        address: SocketAddr,
        prefix: &'static str,
    ) -> io::Result<Client> {
        let stream = lab.enter(node, || TcpStream::connect_timeout(&address, PATIENCE))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        Ok(Client { stream, prefix, buffer: Vec::new() })
    }

    /// Waits no longer than this for anything.
    pub fn set_patience(&self, patience: Duration) {
        self.stream.set_read_timeout(Some(patience)).unwrap();
    }

    /// Reads a whole response.
    ///
    /// # Errors
    /// When it is none with status 200, ends early, or does not go on.
    pub fn get(&mut self, path: &str) -> io::Result<Response> {
        self.get_for(path, Duration::MAX)
    }

    /// Reads a response for so long at most; the connection is of no use after that.
    ///
    /// # Errors
    /// As for a whole one.
    pub fn get_for(&mut self, path: &str, time: Duration) -> io::Result<Response> {
        let start = clock::now();
        self.stream.write_all(request(self.prefix, path).as_bytes())?;
        let head = self.read_head()?;
        let first_byte = clock::now();
        let length = content_length(&head)?;
        let mut response = Response { first_byte, body: Transfer::new(start) };
        let body = &mut response.body;
        body.take(&std::mem::take(&mut self.buffer));
        let mut buffer = vec![0; 64 * 1024];
        while body.length < length && body.total() < time {
            match self.stream.read(&mut buffer)? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                count => body.take(&buffer[..count]),
            }
        }
        Ok(response)
    }

    /// Sends a long body; what came of it the origin knows.
    ///
    /// # Errors
    /// When it is not taken, or the response has another status than 200.
    pub fn post(&mut self, path: &str, length: u64) -> io::Result<()> {
        let prefix = self.prefix;
        let head = format!(
            "POST {prefix}{path} HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: {length}\r\n\r\n"
        );
        self.stream.write_all(head.as_bytes())?;
        write_noise(&self.stream, 0, length)?;
        content_length(&self.read_head()?).map(|_| ())
    }

    /// Leaves what follows the head in the buffer.
    fn read_head(&mut self) -> io::Result<String> {
        let mut octets = [0; 4096];
        loop {
            if let Some(end) = self.buffer.windows(4).position(|four| four == b"\r\n\r\n") {
                let rest = self.buffer.split_off(end + 4);
                let head = std::mem::replace(&mut self.buffer, rest);
                return Ok(String::from_utf8_lossy(&head).into_owned());
            }
            match self.stream.read(&mut octets)? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                count => self.buffer.extend_from_slice(&octets[..count]),
            }
        }
    }
}

impl Response {
    /// From the request to the first octet.
    pub fn to_first_byte(&self) -> Duration {
        self.first_byte - self.body.start
    }
}

/// A request of [`REQUEST_LENGTH`] octets when the prefix is left out.
fn request(prefix: &str, path: &str) -> String {
    let head =
        format!("GET {prefix}{path} HTTP/1.1\r\nHost: {HOST}\r\nAccept: */*\r\nUser-Agent: ");
    let rest = "\r\n\r\n";
    let padding = (REQUEST_LENGTH + prefix.len()).saturating_sub(head.len() + rest.len());
    format!("{head}{}{rest}", "x".repeat(padding))
}

fn content_length(head: &str) -> io::Result<u64> {
    let fields = head.to_ascii_lowercase();
    let length =
        fields.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok());
    match length {
        Some(length) if head.starts_with("HTTP/1.1 200 ") => Ok(length),
        _ => Err(io::Error::other(head.to_owned())),
    }
}
