//! An HTTP server that runs at home: the same octets for whoever comes through `p2p` and for whoever comes by
//! plain TCP.

use std::{
    io::{self, BufRead, BufReader, Write},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    sync::{Arc, LazyLock, Mutex},
    thread,
};

use crate::people::noise;
use netlab::Lab;

/// The usual port of an origin.
pub const PORT: u16 = 8080;

/// A response of [`SMALL_LENGTH`] octets.
pub const SMALL: &str = "/small";

/// Head and body, as the paper's and everybody's figures for it have been measured.
pub const SMALL_LENGTH: usize = 338;

/// Octets of its body.
pub const SMALL_BODY: u64 = 272;

/// What repeats in a long body; a prime length, so that no shift goes unseen.
static NOISE: LazyLock<Vec<u8>> = LazyLock::new(|| noise(1_000_003));

/// It answers `/small` and `/noise/LENGTH`, with ranges that have no end, until the laboratory ends.
pub struct Origin {
    /// Heads of all requests.
    requests: Arc<Mutex<Vec<String>>>,
}

impl Origin {
    /// Listens on all addresses of a node, at [`PORT`].
    pub fn start(lab: &Lab, node: &str) -> Origin {
        Origin::start_at(lab, node, PORT, |_| {})
    }

    /// Listens at another port. `prepare` sees every connection first.
    pub fn start_at(lab: &Lab, node: &str, port: u16, prepare: fn(&TcpStream)) -> Origin {
        let any = SocketAddr::from((Ipv4Addr::UNSPECIFIED, port));
        let listener = lab.enter(node, || TcpListener::bind(any)).unwrap();
        let requests = Arc::<Mutex<Vec<String>>>::default();
        let seen = requests.clone();
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let seen = seen.clone();
                prepare(&stream);
                thread::spawn(move || serve(&stream, &seen));
            }
        });
        Origin { requests }
    }

    /// How many requests have come.
    pub fn requests(&self) -> usize {
        self.requests.lock().unwrap().len()
    }
}

/// The path of a body of so many octets.
pub fn long(length: u64) -> String {
    format!("/noise/{length}")
}

/// Whether these octets stand at this place of every long body.
pub fn is_right(at: u64, mut octets: &[u8]) -> bool {
    let mut at = (at % NOISE.len() as u64) as usize;
    while !octets.is_empty() {
        let length = octets.len().min(NOISE.len() - at);
        if octets[..length] != NOISE[at..at + length] {
            return false;
        }
        octets = &octets[length..];
        at = 0;
    }
    true
}

fn serve(stream: &TcpStream, seen: &Mutex<Vec<String>>) {
    let _ = stream.set_nodelay(true);
    let mut reader = BufReader::new(stream);
    while let Ok(Some(head)) = read_head(&mut reader) {
        seen.lock().unwrap().push(head.clone());
        if answer(stream, &head).is_err() {
            return;
        }
    }
}

/// None at the end of the connection.
fn read_head(reader: &mut BufReader<&TcpStream>) -> io::Result<Option<String>> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head)? == 0 {
            return Ok(None);
        }
    }
    Ok(Some(head))
}

fn answer(mut stream: &TcpStream, head: &str) -> io::Result<()> {
    let path = head.split(' ').nth(1).unwrap_or_default();
    if path == SMALL {
        return stream.write_all(&small());
    }
    let Some(length) = path.strip_prefix("/noise/").and_then(|length| length.parse::<u64>().ok())
    else {
        return stream.write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
    };
    let first = head.lines().find_map(|line| {
        line.to_ascii_lowercase().strip_prefix("range: bytes=")?.strip_suffix('-')?.parse().ok()
    });
    let (status, range, first) = match first {
        Some(first) if first < length => (
            "206 Partial Content",
            format!("Content-Range: bytes {first}-{}/{length}\r\n", length - 1),
            first,
        ),
        _ => ("200 OK", String::new(), 0),
    };
    let left = length - first;
    write!(
        stream,
        "HTTP/1.1 {status}\r\nContent-Type: application/octet-stream\r\nContent-Length: {left}\r\n{range}\
         Accept-Ranges: bytes\r\nETag: \"{length}\"\r\n\r\n"
    )?;
    let mut at = first;
    while at < length {
        let start = (at % NOISE.len() as u64) as usize;
        let end = NOISE.len().min(start + (length - at).min(64 * 1024) as usize);
        stream.write_all(&NOISE[start..end])?;
        at += (end - start) as u64;
    }
    Ok(())
}

fn small() -> Vec<u8> {
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {SMALL_BODY}\r\n\r\n"
    );
    let mut response = head.into_bytes();
    response.resize(response.len() + SMALL_BODY as usize, b'x');
    assert_eq!(response.len(), SMALL_LENGTH);
    response
}
