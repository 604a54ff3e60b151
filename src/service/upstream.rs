//! Where an HTTP server on this machine is: what people type, and how to connect.

use std::{fmt, io, net::SocketAddr, net::TcpStream, time::Duration};

use hyper::{Uri, http::uri::PathAndQuery};

use crate::runtime::{Async, TcpIo, clock, unblock};

/// How long the application may take to accept a connection.
const CONNECT_TIME: Duration = Duration::from_secs(5);
/// How long it may take nothing of a request.
const STALL: Duration = Duration::from_secs(60);

/// An application behind an `http://` URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upstream {
    /// Host and port as given; resolved for each connection, since it may move.
    authority: String,
    /// What stands before every path; empty or `/base`, without a slash at its end.
    base: String,
}

impl Upstream {
    /// Reads what people type: a port of this machine, `host:port`, or a URL with an optional base path.
    ///
    /// # Errors
    /// When it is none of these, or its scheme is not `http`.
    pub fn parse(text: &str) -> Result<Upstream, UpstreamError> {
        if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) {
            let authority = format!("127.0.0.1:{}", port(text)?);
            return Ok(Upstream { authority, base: String::new() });
        }
        let with_scheme =
            if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
        let uri: Uri = with_scheme.parse().map_err(|_| UpstreamError::Url)?;
        match uri.scheme_str() {
            Some("http") => {}
            Some(other) => return Err(UpstreamError::Scheme(other.to_owned())),
            None => return Err(UpstreamError::Url),
        }
        let authority = uri.authority().ok_or(UpstreamError::Url)?;
        if authority.as_str().contains('@') || uri.query().is_some() {
            return Err(UpstreamError::Url);
        }
        let port = authority.port().map_or(Ok(80), |given| port(given.as_str()))?;
        let base = uri.path().trim_end_matches('/').to_owned();
        Ok(Upstream { authority: format!("{}:{port}", authority.host()), base })
    }

    /// Whether somebody accepts connections there.
    ///
    /// # Errors
    /// Why nobody does.
    pub async fn answers(&self) -> io::Result<()> {
        self.connect().await.map(drop)
    }

    /// A fresh connection.
    pub(super) async fn connect(&self) -> io::Result<TcpIo> {
        let authority = self.authority.clone();
        // a literal address resolves without asking anybody, and so without a thread
        let addresses = match authority.parse::<SocketAddr>() {
            Ok(address) => vec![address],
            Err(_) => unblock(move || resolve(&authority)).await?,
        };
        let mut last = io::ErrorKind::NotFound.into();
        for address in addresses {
            match clock::timeout(CONNECT_TIME, Async::<TcpStream>::connect(address)).await {
                Some(Ok(socket)) => return Ok(TcpIo::new(socket, STALL)),
                Some(Err(error)) => last = error,
                None => last = io::ErrorKind::TimedOut.into(),
            }
        }
        Err(last)
    }

    /// What to ask for instead of `uri`, if there is a base path.
    pub(super) fn with_base(&self, uri: &Uri) -> Option<Uri> {
        if self.base.is_empty() {
            return None;
        }
        let path = uri.path_and_query().map_or("/", PathAndQuery::as_str);
        format!("{}{path}", self.base).parse().ok()
    }
}

fn port(text: &str) -> Result<u16, UpstreamError> {
    text.parse().ok().filter(|port| *port > 0).ok_or(UpstreamError::Port)
}

fn resolve(authority: &str) -> io::Result<Vec<SocketAddr>> {
    std::net::ToSocketAddrs::to_socket_addrs(authority).map(Iterator::collect)
}

impl fmt::Display for Upstream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "http://{}{}", self.authority, self.base)
    }
}

/// What is wrong with the address of an application.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UpstreamError {
    /// The port is not a number from 1 to 65535.
    Port,
    /// The scheme is one that cannot be forwarded to.
    Scheme(String),
    /// It is no URL of host, port and base path.
    Url,
}

impl fmt::Display for UpstreamError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            UpstreamError::Port => f.write_str("the port must be a number from 1 to 65535"),
            UpstreamError::Scheme(scheme) => {
                write!(f, "{scheme}:// cannot be exposed, only http:// can")
            }
            UpstreamError::Url => {
                f.write_str("an application is given as 8080, host:8080 or http://host:8080/base")
            }
        }
    }
}

impl std::error::Error for UpstreamError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_people_type() {
        for (text, meant) in [
            ("8080", "http://127.0.0.1:8080"),
            ("localhost:8080", "http://localhost:8080"),
            ("http://127.0.0.1:8080/", "http://127.0.0.1:8080"),
            ("http://nas.local/photos/", "http://nas.local:80/photos"),
            ("http://[::1]:8080/a/b", "http://[::1]:8080/a/b"),
        ] {
            assert_eq!(Upstream::parse(text).unwrap().to_string(), meant, "{text}");
        }
    }

    #[test]
    fn refuses_what_cannot_be_forwarded_to() {
        let scheme = |s: &str| UpstreamError::Scheme(s.into());
        for (text, error) in [
            ("", UpstreamError::Url),
            ("0", UpstreamError::Port),
            ("65536", UpstreamError::Port),
            ("https://localhost", scheme("https")),
            ("ftp://localhost", scheme("ftp")),
            ("http://", UpstreamError::Url),
            ("http://user:pw@localhost:1", UpstreamError::Url),
            ("http://localhost:1/?q", UpstreamError::Url),
            ("local host", UpstreamError::Url),
        ] {
            assert_eq!(Upstream::parse(text), Err(error), "{text:?}");
        }
    }
}
