//! The client of all candidates: HTTP/1.1 over a socket, read with a large buffer and thrown away.

use std::{
    io::{self, Read, Write},
    net::{SocketAddr, TcpStream},
    sync::Arc,
    time::{Duration, Instant},
};

use p2p::runtime::clock;
use rustls::{ClientConnection, StreamOwned, pki_types::ServerName};

use crate::bare::tls::{Shows, client};

/// Nothing here takes so long.
const PATIENCE: Duration = Duration::from_secs(120);

/// Octets read at a time.
const BUFFER: usize = 256 * 1024;

/// An origin, and how to ask it.
#[derive(Clone, Debug)]
pub(crate) struct Origin {
    pub(crate) address: SocketAddr,
    /// What stands before the path: empty, or scheme and authority for a proxy.
    pub(crate) prefix: String,
    pub(crate) tls: bool,
}

/// A connection that is kept alive.
pub(crate) struct Reader {
    stream: Box<dyn Stream>,
    prefix: String,
    buffer: Vec<u8>,
}

trait Stream: Read + Write + Send {}

impl<T: Read + Write + Send> Stream for T {}

/// What came of a request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fetched {
    pub(crate) length: u64,
    pub(crate) first_byte: Instant,
}

impl Reader {
    pub(crate) fn connect(origin: &Origin) -> Reader {
        let socket = TcpStream::connect(origin.address).expect("the server listens");
        socket.set_nodelay(true).expect("a TCP option");
        socket.set_read_timeout(Some(PATIENCE)).expect("a TCP option");
        let stream: Box<dyn Stream> = if origin.tls {
            let name = ServerName::try_from("localhost").expect("a name");
            let config = Arc::new(client(Shows::Certificate));
            let connection = ClientConnection::new(config, name).expect("TLS");
            Box::new(StreamOwned::new(connection, socket))
        } else {
            Box::new(socket)
        };
        Reader { stream, prefix: origin.prefix.clone(), buffer: vec![0; BUFFER] }
    }

    /// Reads all of one response, which must be good.
    pub(crate) fn fetch(&mut self, path: &str) -> Fetched {
        self.try_fetch(path).unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    fn try_fetch(&mut self, path: &str) -> io::Result<Fetched> {
        let Reader { stream, prefix, buffer } = self;
        let request = format!("GET {prefix}{path} HTTP/1.1\r\nHost: localhost\r\n\r\n");
        stream.write_all(request.as_bytes())?;
        stream.flush()?;
        let mut filled = 0;
        let mut first_byte = None;
        let end = loop {
            let count = stream.read(&mut buffer[filled..])?;
            if count == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            first_byte.get_or_insert_with(clock::now);
            filled += count;
            if let Some(at) = buffer[..filled].windows(4).position(|four| four == b"\r\n\r\n") {
                break at + 4;
            }
        };
        let length = content_length(&buffer[..end])?;
        let mut left = length.saturating_sub((filled - end) as u64);
        while left > 0 {
            let room = buffer.len().min(left.try_into().unwrap_or(usize::MAX));
            let count = stream.read(&mut buffer[..room])?;
            if count == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            left -= count as u64;
        }
        Ok(Fetched { length, first_byte: first_byte.unwrap_or_else(clock::now) })
    }
}

fn content_length(head: &[u8]) -> io::Result<u64> {
    let head = String::from_utf8_lossy(head).to_ascii_lowercase();
    let length =
        head.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok());
    match length {
        Some(length) if head.starts_with("http/1.1 200 ") => Ok(length),
        _ => Err(io::Error::other(head)),
    }
}
