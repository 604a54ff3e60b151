//! URLs of devices in the local network: `http`, an IPv4 address, a port and a path.

use std::{
    fmt,
    net::{Ipv4Addr, SocketAddrV4},
};

/// Longer ones are refused.
const MAX_PATH: usize = 1024;

/// Where a device has a document or takes actions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::link::portmap) struct Url {
    pub(in crate::link::portmap) host: SocketAddrV4,
    /// Begins with a slash, printable ASCII without spaces.
    pub(in crate::link::portmap) path: String,
}

impl Url {
    /// An absolute URL; None if it is not of this kind.
    pub(super) fn parse(text: &str) -> Option<Url> {
        let (scheme, rest) = text.split_at_checked("http://".len())?;
        if !scheme.eq_ignore_ascii_case("http://") {
            return None;
        }
        let (authority, path) = match rest.find('/') {
            Some(slash) => rest.split_at(slash),
            None => (rest, "/"),
        };
        let (ip, port) = authority.split_once(':').unwrap_or((authority, "80"));
        let ip: Ipv4Addr = ip.parse().ok()?;
        let port = port.parse().ok().filter(|port| *port != 0)?;
        is_path(path).then(|| Url { host: SocketAddrV4::new(ip, port), path: path.to_owned() })
    }

    /// A URL as it stands in a document from here: absolute, or a path. Another host is refused.
    pub(super) fn join(&self, text: &str) -> Option<Url> {
        let joined = match Url::parse(text) {
            Some(url) => url,
            None if text.contains("://") => return None,
            None => {
                let path = if text.starts_with('/') {
                    text.to_owned()
                } else {
                    let folder = self.path.rfind('/').map_or("/", |at| &self.path[..=at]);
                    format!("{folder}{text}")
                };
                Url { host: self.host, path: is_path(&path).then_some(path)? }
            }
        };
        (joined.host.ip() == self.host.ip()).then_some(joined)
    }
}

fn is_path(text: &str) -> bool {
    text.len() <= MAX_PATH && text.bytes().all(|octet| octet.is_ascii_graphic())
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "http://{}{}", self.host, self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_of_devices_are_read() {
        for (text, printed) in [
            ("http://192.168.1.1:5000/root.xml", "http://192.168.1.1:5000/root.xml"),
            ("HTTP://192.168.1.1", "http://192.168.1.1:80/"),
        ] {
            assert_eq!(Url::parse(text).unwrap().to_string(), printed);
        }
        for text in [
            "",
            "https://192.168.1.1/",
            "http://router/",
            "http://[fe80::1]/",
            "http://192.168.1.1:0/",
            "http://192.168.1.1/a b",
            "http://192.168.1.1/\r\nHost: x",
            "http://user@192.168.1.1/",
        ] {
            assert_eq!(Url::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_document_points_to_its_own_host_only() {
        let base = Url::parse("http://192.168.1.1:5000/igd/root.xml").unwrap();
        let joined = |text| base.join(text).map(|url| url.to_string());
        assert_eq!(joined("/ctl").unwrap(), "http://192.168.1.1:5000/ctl");
        assert_eq!(joined("ctl").unwrap(), "http://192.168.1.1:5000/igd/ctl");
        assert_eq!(joined("http://192.168.1.1:49000/x").unwrap(), "http://192.168.1.1:49000/x");
        assert_eq!(joined("http://192.168.1.2:49000/x"), None);
        assert_eq!(joined("ftp://192.168.1.1/x"), None);
        assert_eq!(joined("a b"), None);
    }
}
