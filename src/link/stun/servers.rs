//! The STUN servers to ask, by name.

use std::{
    fmt,
    net::{SocketAddr, ToSocketAddrs},
};

use crate::runtime::unblock;

/// The port of STUN and TURN (RFC 8489, section 18.6).
const DEFAULT_PORT: u16 = 3478;
/// More than a server answers.
pub(super) const MAX_ANSWER: usize = 1500;
/// The longest name of a host (RFC 1035).
const MAX_HOST: usize = 253;

/// Public servers for everybody, of operators who have nothing to do with each other.
pub const DEFAULT_SERVERS: [&str; 4] = [
    "stun.cloudflare.com:3478",
    "stun.l.google.com:19302",
    "stun.nextcloud.com:443",
    "stun.sipgate.net:3478",
];

/// Where a server is: a host name or address, and a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerAddress {
    host: String,
    port: u16,
}

impl ServerAddress {
    /// Parses `host`, `host:port`, `192.0.2.1:port` or `[2001:db8::1]:port`; the port is 3478 if left out.
    pub fn parse(text: &str) -> Option<ServerAddress> {
        let (host, port) = match text.strip_prefix('[') {
            Some(rest) => {
                rest.split_once(']').map(|(host, port)| (host, port.strip_prefix(':')))?
            }
            None => match text.split_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (text, None),
            },
        };
        let port = port.map_or(Some(DEFAULT_PORT), |port| port.parse().ok().filter(|p| *p != 0))?;
        let is_name = |c: char| c.is_ascii_alphanumeric() || "-._:".contains(c);
        let plain = !host.is_empty() && host.len() <= MAX_HOST && host.chars().all(is_name);
        plain.then(|| ServerAddress { host: host.to_owned(), port })
    }

    /// Asks the system's resolver, in the background.
    pub async fn resolve(&self) -> Vec<SocketAddr> {
        let (host, port) = (self.host.clone(), self.port);
        unblock(move || {
            let found = (host.as_str(), port).to_socket_addrs();
            found.map(Iterator::collect).unwrap_or_default()
        })
        .await
    }
}

/// One address of each IP version for each server, in their order.
pub(in crate::link) async fn resolve_all(servers: &[ServerAddress]) -> Vec<SocketAddr> {
    let mut addresses = Vec::new();
    for server in servers {
        let found = server.resolve().await;
        for is_ipv4 in [true, false] {
            addresses.extend(found.iter().find(|address| address.is_ipv4() == is_ipv4));
        }
    }
    addresses
}

impl fmt::Display for ServerAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::block_on;

    #[test]
    fn reads_names_and_addresses() {
        for (text, printed) in [
            ("stun.example.org", "stun.example.org:3478"),
            ("stun.example.org:19302", "stun.example.org:19302"),
            ("192.0.2.1", "192.0.2.1:3478"),
            ("[2001:db8::1]:5", "[2001:db8::1]:5"),
            ("[2001:db8::1]", "[2001:db8::1]:3478"),
        ] {
            assert_eq!(ServerAddress::parse(text).unwrap().to_string(), printed);
        }
        for text in ["", ":1", "a:0", "a:b", "a:65536", "a b", "[::1", "a/b", "http://a"] {
            assert_eq!(ServerAddress::parse(text), None, "{text}");
        }
        assert!(DEFAULT_SERVERS.iter().all(|text| ServerAddress::parse(text).is_some()));
    }

    #[test]
    fn addresses_need_no_resolver() {
        let servers = ["192.0.2.1:7", "[2001:db8::1]:8"].map(|t| ServerAddress::parse(t).unwrap());
        let found = block_on(resolve_all(&servers));
        let texts: Vec<String> = found.iter().map(ToString::to_string).collect();
        assert_eq!(texts, ["192.0.2.1:7", "[2001:db8::1]:8"]);
    }
}
