//! A service's destination and the three ways in which a URL can spell it.
//!
//! | form | `alice@example.com`, port 1000 |
//! |---|---|
//! | proxy | `http://alice.at.example.com:1000/`, through the daemon as HTTP proxy |
//! | path | `http://localhost:5050/alice@example.com/1000/` |
//! | own origin | `http://1000-alice-at-example-com.localhost:5050/` |
//!
//! Each spelling can be read back; only a hash label needs a table of known destinations.

use std::{fmt, num::NonZeroU16};

use data_encoding::BASE32_NOPAD_NOCASE;
use ring::digest::{SHA256, digest};

use super::{Name, NameError};

/// The port of a service of an identity, 1 to 65535. It is no port of a machine.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServicePort(NonZeroU16);

impl ServicePort {
    /// The port that URLs leave out.
    pub const HTTP: ServicePort = ServicePort(NonZeroU16::new(80).expect("80 is not zero"));

    /// None for 0.
    pub const fn new(port: u16) -> Option<ServicePort> {
        match NonZeroU16::new(port) {
            Some(port) => Some(ServicePort(port)),
            None => None,
        }
    }

    /// Reads decimal digits, without sign and leading zeros.
    pub fn parse(text: &str) -> Option<ServicePort> {
        let digits = !text.starts_with('0') && text.bytes().all(|b| b.is_ascii_digit());
        if !digits { None } else { text.parse().ok().and_then(ServicePort::new) }
    }

    /// The number.
    pub fn get(self) -> u16 {
        self.0.get()
    }
}

impl fmt::Display for ServicePort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Debug for ServicePort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// A service as people address it: whose, and at which port.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Destination {
    /// Whose service it is.
    pub name: Name,
    /// At which port of that identity.
    pub port: ServicePort,
}

/// Which of the three spellings of a URL a client used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AccessForm {
    /// Absolute-form through the HTTP proxy.
    Proxy,
    /// Name and port as the first two segments of a path on localhost.
    Path,
    /// One label under `localhost`.
    OwnOrigin,
}

/// What one label under `localhost` says.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum OriginLabel {
    /// The destination itself.
    Plain(Destination),
    /// A hash; whose, only a table of known destinations can tell.
    Hash(Box<str>),
}

/// Begins every hash label. A plain label begins with a digit.
const HASH_PREFIX: &str = "h-";
/// The longest label (RFC 1035, 2.3.4).
const MAX_LABEL: usize = 63;
/// Stands for `@` where a host name is expected.
const AT: &str = ".at.";

impl Destination {
    /// Reads `alice.at.example.com:1000`; the first `.at.` counts, no port means 80.
    ///
    /// Ok(None) when the host has no `.at.` in it between two parts and so is no peer's.
    ///
    /// # Errors
    /// When it would be a peer's host but the name or the port is malformed.
    pub fn from_proxy_host(host: &str) -> Result<Option<Destination>, DestinationError> {
        let (host, port) = match host.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (host, None),
        };
        let lower = host.to_ascii_lowercase();
        let Some((user, domain)) = lower.split_once(AT) else { return Ok(None) };
        if user.is_empty() || domain.is_empty() {
            return Ok(None); // "www.example.at." is an ordinary host
        }
        let name = Name::parse(&format!("{user}@{domain}")).map_err(DestinationError::Name)?;
        let port = match port {
            None => ServicePort::HTTP,
            Some(port) => ServicePort::parse(port).ok_or(DestinationError::Port)?,
        };
        Ok(Some(Destination { name, port }))
    }

    /// The host and port of the proxy form; every service sees it as its `Host`.
    pub fn proxy_host(&self) -> String {
        let Destination { name, port } = self;
        if *port == ServicePort::HTTP {
            format!("{}{AT}{}", name.user(), name.domain())
        } else {
            format!("{}{AT}{}:{port}", name.user(), name.domain())
        }
    }

    /// Cuts `/alice@example.com/1000` off a path and gives the rest, which is empty or begins with
    /// a slash. `%40` is taken for `@`.
    ///
    /// Ok(None) when the first segment has no `@` and so names nobody.
    ///
    /// # Errors
    /// When the name or the port is malformed.
    pub fn from_path(path: &str) -> Result<Option<(Destination, &str)>, DestinationError> {
        let Some(rest) = path.strip_prefix('/') else { return Ok(None) };
        let (name, rest) = rest.split_once('/').unwrap_or((rest, ""));
        if !name.contains('@') && !name.contains("%40") {
            return Ok(None);
        }
        let name = Name::parse(&name.replacen("%40", "@", 1)).map_err(DestinationError::Name)?;
        let end = rest.find('/').unwrap_or(rest.len());
        let port = ServicePort::parse(&rest[..end]).ok_or(DestinationError::Port)?;
        Ok(Some((Destination { name, port }, &rest[end..])))
    }

    /// The beginning of a path in the path form, without a slash at its end.
    pub fn path_prefix(&self) -> String {
        format!("/{}/{}", self.name, self.port)
    }

    /// The label of the own-origin form: plain where it can be read back, else a hash.
    pub fn origin_label(&self) -> String {
        let host = format!("{}.{}{AT}{}", self.port, self.name.user(), self.name.domain());
        let plain = host.replace('-', "--").replace('.', "-");
        if is_label(&plain) && read_plain(&plain).as_ref() == Some(self) {
            return plain;
        }
        let hash = digest(&SHA256, format!("p2p origin {}:{}", self.name, self.port).as_bytes());
        let short = BASE32_NOPAD_NOCASE.encode(&hash.as_ref()[..20]).to_ascii_lowercase();
        format!("{HASH_PREFIX}{short}")
    }

    /// The URL of `path` (which begins with a slash) at this destination.
    ///
    /// `daemon` is host and port of the daemon, such as `localhost:5050`; the own-origin form uses
    /// its port only.
    pub fn url(&self, form: AccessForm, daemon: &str, path: &str) -> String {
        match form {
            AccessForm::Proxy => format!("http://{}{path}", self.proxy_host()),
            AccessForm::Path => format!("http://{daemon}{}{path}", self.path_prefix()),
            AccessForm::OwnOrigin => {
                let port = daemon.rsplit_once(':').and_then(|(_, port)| ServicePort::parse(port));
                let port = port.map_or(String::new(), |port| format!(":{port}"));
                format!("http://{}.localhost{port}{path}", self.origin_label())
            }
        }
    }
}

impl fmt::Display for Destination {
    /// `alice@example.com:1000`, as the command line takes it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.name, self.port)
    }
}

impl OriginLabel {
    /// Reads one label; None when it is neither kind.
    pub fn parse(label: &str) -> Option<OriginLabel> {
        if label.len() > MAX_LABEL {
            return None;
        }
        let label = label.to_ascii_lowercase();
        match label.strip_prefix(HASH_PREFIX) {
            Some(hash) => {
                let octets = BASE32_NOPAD_NOCASE.decode(hash.as_bytes()).ok()?;
                (octets.len() == 20).then(|| OriginLabel::Hash(label.into()))
            }
            None => {
                let destination = read_plain(&label)?;
                // one destination, one label: refuse other spellings of the same
                (destination.origin_label() == label).then_some(OriginLabel::Plain(destination))
            }
        }
    }

    /// What an address that stands in a browser or a program names, in any of the three forms; None when it is none
    /// of them.
    pub fn of_url(url: &str) -> Option<OriginLabel> {
        let rest = url.strip_prefix("http://")?;
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let host = authority.split(':').next().unwrap_or_default();
        if let Some(label) = host.strip_suffix(".localhost") {
            return OriginLabel::parse(label);
        }
        let by_host = Destination::from_proxy_host(authority).ok()?;
        let by_path = || Destination::from_path(path).ok().flatten().map(|(named, _)| named);
        by_host.or_else(by_path).map(OriginLabel::Plain)
    }
}

/// Whether every resolver takes it as one label; `+` and `_` are in names, not in host names.
fn is_label(text: &str) -> bool {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    text.len() <= MAX_LABEL && text.bytes().all(plain)
}

/// Undoes `-` to `--` and `.` to `-`.
fn read_plain(label: &str) -> Option<Destination> {
    let host = label.replace("--", "\0").replace('-', ".").replace('\0', "-");
    let (port, host) = host.split_once('.')?;
    let (user, domain) = host.split_once(AT)?;
    let name = Name::parse(&format!("{user}@{domain}")).ok()?;
    Some(Destination { name, port: ServicePort::parse(port)? })
}

/// What is wrong with something that should name a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DestinationError {
    /// The name in it.
    Name(NameError),
    /// The port in it is missing or not 1 to 65535.
    Port,
}

impl fmt::Display for DestinationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DestinationError::Name(error) => error.fmt(f),
            DestinationError::Port => f.write_str("the port must be a number from 1 to 65535"),
        }
    }
}

impl std::error::Error for DestinationError {}

#[cfg(test)]
mod tests;
