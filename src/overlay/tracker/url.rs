//! How a tracker is spelled.

use crate::overlay::address_error::AddressError;
use crate::overlay::host::{Host, check_url};

/// Where a tracker is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TrackerUrl {
    spelling: Box<str>,
    protocol: Protocol,
    loopback: bool,
    nearby: bool,
}

/// How it is asked.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Protocol {
    /// By HTTP at this URL.
    Http(Box<str>),
    /// By UDP at this host and port.
    Udp(Box<str>),
}

impl TrackerUrl {
    /// As it was configured, with the kind in front.
    pub fn spelling(&self) -> &str {
        &self.spelling
    }

    /// Whether it is on this machine, where no proxy may stand in between.
    pub fn is_loopback(&self) -> bool {
        self.loopback
    }

    /// Whether it is on this machine or its network, as far as the spelling tells.
    pub(in crate::overlay) fn is_nearby(&self) -> bool {
        self.nearby
    }

    pub(super) fn protocol(&self) -> &Protocol {
        &self.protocol
    }

    /// Reads `udp://host:port`, with any path, or a URL of HTTP.
    pub(in crate::overlay) fn parse(spelling: &str, url: &str) -> Result<TrackerUrl, AddressError> {
        let over_udp = url.strip_prefix("udp://");
        let sample = over_udp.map_or_else(|| url.to_owned(), |rest| format!("http://{rest}"));
        let Host { loopback, nearby } = check_url(&sample, &sample)?;
        if url.contains(['{', '}']) {
            return Err(AddressError::Gap);
        }
        let protocol = match over_udp {
            None => Protocol::Http(url.into()),
            Some(rest) => {
                let authority = rest.split(['/', '?']).next().unwrap_or_default();
                let port = authority.rsplit_once(':').and_then(|(_, port)| port.parse().ok());
                if port.is_none_or(|port: u16| port == 0) {
                    return Err(AddressError::TrackerPort);
                }
                Protocol::Udp(authority.into())
            }
        };
        Ok(TrackerUrl { spelling: spelling.into(), protocol, loopback, nearby })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(url: &str) -> Result<Protocol, AddressError> {
        TrackerUrl::parse("", url).map(|url| url.protocol)
    }

    #[test]
    fn both_protocols_are_read() {
        let udp = |authority: &str| Ok(Protocol::Udp(authority.into()));
        assert_eq!(parse("udp://t.example:6969"), udp("t.example:6969"));
        assert_eq!(parse("udp://[2001:db8::1]:80/announce?a=b"), udp("[2001:db8::1]:80"));
        let http = "https://t.example/key/announce?a=b";
        assert_eq!(parse(http), Ok(Protocol::Http(http.into())));
    }

    #[test]
    fn what_is_no_tracker_is_refused() {
        for (url, error) in [
            ("", AddressError::NoUrl),
            ("udp://t.example", AddressError::TrackerPort),
            ("udp://t.example:0", AddressError::Port),
            ("udp://[2001:db8::1]/", AddressError::TrackerPort),
            ("udp://a:b@t.example:80", AddressError::Credentials),
            ("udp://:80", AddressError::NoHost),
            ("ftp://t.example/", AddressError::Scheme),
            ("http://t.example/{slot}", AddressError::Gap),
        ] {
            assert_eq!(parse(url), Err(error), "{url}");
        }
    }
}
