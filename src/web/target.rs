//! What a request is for: the request target and `Host` read as one of the access forms.
//!
//! Only hosts that nobody else can own are answered, so that a web site whose name is pointed at this
//! machine (DNS rebinding) gets nothing: `localhost`, loopback addresses, one label under `localhost`;
//! and the names of peers where the client uses the daemon as its proxy. RFC 9112, 3.2.

use std::net::{Ipv4Addr, Ipv6Addr};

use hyper::{HeaderMap, Method, Uri, header::HOST, http::uri::PathAndQuery};

use crate::identity::{AccessForm, Destination, OriginLabel, ServicePort};

use super::failure::Failure;

/// The longest request target in octets.
const MAX_TARGET: usize = 8 * 1024;
/// The one label that is the daemon's own.
const API_LABEL: &str = "p2p";

/// What a request is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Target {
    /// A service of a peer.
    Peer(Access),
    /// A tunnel to a service of a peer (CONNECT).
    Tunnel(Destination),
    /// The daemon's own interface.
    Api,
    /// The proxy settings for browsers.
    Pac,
    /// The page that tells how to use this.
    Welcome,
    /// A path on the daemon's host that names no peer.
    Nothing,
    /// `OPTIONS *` for the daemon itself.
    Daemon,
}

/// How a client addresses a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Access {
    pub(super) destination: Destination,
    pub(super) form: AccessForm,
    /// Host and port as the client sees them, in lower case: `localhost:5050`.
    pub(super) authority: String,
    /// What the service is asked for, octet by octet as the client sent it.
    pub(super) path: PathAndQuery,
}

impl Access {
    /// What the client puts before the path of the service.
    pub(super) fn prefix(&self) -> String {
        match self.form {
            AccessForm::Path => self.destination.path_prefix(),
            AccessForm::Proxy | AccessForm::OwnOrigin => String::new(),
        }
    }

    /// The origin to which the client thinks it speaks (RFC 6454).
    pub(super) fn origin(&self) -> String {
        format!("http://{}", self.authority)
    }
}

/// Reads what a request is for. `port` is the daemon's own TCP port and `known` gives the destination
/// of a hash label.
///
/// # Errors
/// In plain words, for everything that is not allowed or not well-formed.
pub(super) fn classify(
    method: &Method,
    uri: &Uri,
    headers: &HeaderMap,
    port: u16,
    known: &dyn Fn(&str) -> Option<Destination>,
) -> Result<Target, Failure> {
    if uri.path_and_query().is_some_and(|path| path.as_str().len() > MAX_TARGET) {
        return Err(Failure::TargetTooLong { limit: MAX_TARGET });
    }
    if method == Method::CONNECT {
        return tunnel(uri);
    }
    match (uri.scheme_str(), uri.authority()) {
        (Some("http"), Some(authority)) => {
            let (host, named) = split(authority.as_str())?;
            if let Some(peer) = peer(authority.as_str())? {
                let authority = peer.proxy_host();
                let path = path_of(uri)?;
                let form = AccessForm::Proxy;
                return Ok(Target::Peer(Access { destination: peer, form, authority, path }));
            }
            match Local::read(&host) {
                // other local servers are not reached through here
                Some(local) if named.map_or(80, ServicePort::get) == port => {
                    local.target(method, uri, authority.as_str(), known)
                }
                _ => Err(Failure::ForeignHost { host: authority.to_string() }),
            }
        }
        (Some(scheme), _) => {
            Err(malformed(format!("\"{scheme}:\" is not spoken here, only \"http:\"")))
        }
        (None, Some(_)) => Err(malformed("the request target is not an address")),
        (None, None) => {
            let authority = host_field(headers)?;
            let (host, _) = split(authority)?;
            match Local::read(&host) {
                Some(local) => local.target(method, uri, authority, known),
                None => Err(Failure::HostRefused { host: authority.into() }),
            }
        }
    }
}

/// Reads a request inside a tunnel to `destination`: origin-form, and no other host.
///
/// # Errors
/// When it is for something else or not well-formed.
pub(super) fn classify_inside(
    destination: &Destination,
    uri: &Uri,
    headers: &HeaderMap,
) -> Result<Access, Failure> {
    if uri.authority().is_some() {
        return Err(malformed("inside a tunnel the request target begins with a slash"));
    }
    let host = host_field(headers)?;
    split(host)?;
    if peer(host)?.as_ref() != Some(destination) {
        return Err(malformed(format!("this tunnel leads to {destination}, not to \"{host}\"")));
    }
    Ok(Access {
        destination: destination.clone(),
        form: AccessForm::Proxy,
        authority: destination.proxy_host(),
        path: path_of(uri)?,
    })
}

/// A host that is this machine's own.
#[derive(Debug, PartialEq, Eq)]
enum Local<'a> {
    Loopback,
    Label(&'a str),
}

impl Local<'_> {
    fn read(host: &str) -> Option<Local<'_>> {
        if let Some(label) = host.strip_suffix(".localhost") {
            let single = !label.is_empty() && !label.contains('.');
            return single.then_some(Local::Label(label));
        }
        let literal = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        let loopback = host == "localhost"
            || host.parse::<Ipv4Addr>().is_ok_and(|ip| ip.is_loopback())
            || literal.is_some_and(|ip| ip.parse::<Ipv6Addr>().is_ok_and(|ip| ip.is_loopback()));
        loopback.then_some(Local::Loopback)
    }

    fn target(
        self,
        method: &Method,
        uri: &Uri,
        authority: &str,
        known: &dyn Fn(&str) -> Option<Destination>,
    ) -> Result<Target, Failure> {
        let authority = authority.to_ascii_lowercase();
        match self {
            Local::Label(API_LABEL) => Ok(Target::Api),
            Local::Label(label) => {
                let destination = match OriginLabel::parse(label) {
                    Some(OriginLabel::Plain(destination)) => destination,
                    Some(OriginLabel::Hash(hash)) => known(&hash).ok_or(Failure::LabelUnknown)?,
                    None => {
                        let reason = format!(
                            "\"{label}.localhost\" is not the address of a service, such as \
                             1000-alice-at-example-com.localhost"
                        );
                        return Err(malformed(reason));
                    }
                };
                let form = AccessForm::OwnOrigin;
                Ok(Target::Peer(Access { destination, form, authority, path: path_of(uri)? }))
            }
            Local::Loopback => on_daemon(method, uri, authority),
        }
    }
}

/// A target on the daemon's plain host: the path form, or one of its few own pages.
fn on_daemon(method: &Method, uri: &Uri, authority: String) -> Result<Target, Failure> {
    if method == Method::OPTIONS && uri.path() == "*" {
        return Ok(Target::Daemon);
    }
    let all = uri.path_and_query().map_or("/", PathAndQuery::as_str);
    let path = uri.path();
    let Some((destination, rest)) = Destination::from_path(path).map_err(malformed)? else {
        return Ok(match path {
            "/" => Target::Welcome,
            "/proxy.pac" => Target::Pac,
            _ => Target::Nothing,
        });
    };
    let rest = &all[path.len() - rest.len()..];
    let path = match rest.as_bytes().first() {
        Some(b'/') => PathAndQuery::try_from(rest),
        _ => PathAndQuery::try_from(format!("/{rest}")),
    };
    let path = path.map_err(|_| malformed("the path holds characters that it cannot"))?;
    Ok(Target::Peer(Access { destination, form: AccessForm::Path, authority, path }))
}

fn tunnel(uri: &Uri) -> Result<Target, Failure> {
    let (None, Some(authority)) = (uri.scheme(), uri.authority()) else {
        return Err(malformed("CONNECT takes a host and a port, nothing else"));
    };
    let (_, port) = split(authority.as_str())?;
    let Some(port) = port else {
        return Err(malformed("CONNECT takes a host and a port"));
    };
    let Some(destination) = peer(authority.as_str())? else {
        return Err(Failure::ForeignHost { host: authority.to_string() });
    };
    if port.get() == 443 {
        return Err(Failure::TlsRefused { destination });
    }
    Ok(Target::Tunnel(destination))
}

/// The one `Host` of a request in origin-form.
fn host_field(headers: &HeaderMap) -> Result<&str, Failure> {
    let mut hosts = headers.get_all(HOST).iter();
    match (hosts.next(), hosts.next()) {
        (Some(host), None) => {
            host.to_str().map_err(|_| malformed("the Host field holds characters that it cannot"))
        }
        (None, _) => Err(malformed("the Host field is missing")),
        (Some(_), Some(_)) => Err(malformed("the Host field stands there more than once")),
    }
}

/// Host in lower case, and port.
fn split(authority: &str) -> Result<(String, Option<ServicePort>), Failure> {
    if authority.contains('@') {
        return Err(malformed(format!(
            "\"{}\" has a name before the host; write alice.at.example.com for alice@example.com",
            authority.chars().take(80).collect::<String>()
        )));
    }
    let colon = match authority.rfind(']') {
        Some(end) => authority[end..].find(':').map(|at| end + at),
        None => authority.find(':'),
    };
    let (host, port) = match colon {
        None => (authority, None),
        Some(at) => {
            let port = ServicePort::parse(&authority[at + 1..])
                .ok_or_else(|| malformed("the port must be a number from 1 to 65535"))?;
            (&authority[..at], Some(port))
        }
    };
    let of_host = |b: u8| b.is_ascii_alphanumeric() || b"-._+[:]".contains(&b);
    if host.is_empty() || !host.bytes().all(of_host) {
        return Err(malformed("the host is empty or holds characters that it cannot"));
    }
    Ok((host.to_ascii_lowercase(), port))
}

fn peer(authority: &str) -> Result<Option<Destination>, Failure> {
    Destination::from_proxy_host(authority).map_err(malformed)
}

fn path_of(uri: &Uri) -> Result<PathAndQuery, Failure> {
    match uri.path_and_query() {
        None => Ok(PathAndQuery::from_static("/")),
        // "?a" as in http://host?a; its display has the slash
        Some(path) if path.as_str().starts_with('?') => PathAndQuery::try_from(path.to_string())
            .map_err(|_| malformed("the path holds characters that it cannot")),
        Some(path) => Ok(path.clone()),
    }
}

fn malformed(reason: impl ToString) -> Failure {
    Failure::Malformed { reason: reason.to_string() }
}

#[cfg(test)]
mod tests;
