//! A browser that only reads: HTTP/1.1 over one TCP connection in a node, with the time of every octet.

use std::{
    io::{self, Read, Write},
    net::{SocketAddr, TcpStream},
    time::{Duration, Instant},
};

use netlab::Lab;
use p2p::runtime::clock;

use super::{
    PROXY,
    origin::{SMALL_LENGTH, is_right},
};

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
    /// When the request was sent (and the connection opened for the first one).
    pub start: Instant,
    /// When the first octet of the response came.
    pub first_byte: Instant,
    /// Octets of the body up to a time, read by read.
    pub progress: Vec<(Instant, u64)>,
    /// Octets of the body.
    pub length: u64,
    /// Whether a long body holds what it should.
    pub right: bool,
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
        let mut response =
            Response { start, first_byte, progress: Vec::new(), length: 0, right: true };
        response.take(&std::mem::take(&mut self.buffer));
        let mut buffer = vec![0; 64 * 1024];
        while response.length < length && response.total() < time {
            match self.stream.read(&mut buffer)? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                count => response.take(&buffer[..count]),
            }
        }
        Ok(response)
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
        self.first_byte - self.start
    }

    /// From the request to the last octet.
    pub fn total(&self) -> Duration {
        self.progress.last().map_or(self.first_byte, |last| last.0) - self.start
    }

    /// The longest time in which nothing came, of those that end after `from`.
    pub fn longest_gap(&self, from: Instant) -> Duration {
        let pairs = self.progress.windows(2);
        let gaps = pairs.filter(|pair| pair[1].0 > from).map(|pair| pair[1].0 - pair[0].0);
        gaps.max().unwrap_or_default()
    }

    /// When the first octet came after the longest of those gaps.
    pub fn resumed(&self, from: Instant) -> Instant {
        let pairs = self.progress.windows(2).filter(|pair| pair[1].0 > from);
        pairs.max_by_key(|pair| pair[1].0 - pair[0].0).map_or(from, |pair| pair[1].0)
    }

    /// Octets of the body that came in a stretch of time.
    pub fn octets_between(&self, from: Instant, to: Instant) -> u64 {
        let until = |end: Instant| {
            let index = self.progress.partition_point(|(at, _)| *at <= end);
            index.checked_sub(1).map_or(0, |index| self.progress[index].1)
        };
        until(to) - until(from)
    }

    fn take(&mut self, octets: &[u8]) {
        // a short body is no noise
        self.right &= self.length + octets.len() as u64 <= SMALL_LENGTH as u64
            || is_right(self.length, octets);
        self.length += octets.len() as u64;
        self.progress.push((clock::now(), self.length));
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
