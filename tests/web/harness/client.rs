//! A client that sends and sees raw octets.

use std::{
    io::{self, BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpStream},
};

use super::PATIENCE;

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
    pub(super) fn connect(address: SocketAddr) -> Client {
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
