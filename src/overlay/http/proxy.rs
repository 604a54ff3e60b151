//! The HTTP proxy that the environment names, as many programs read it: `ALL_PROXY`, `HTTPS_PROXY`, `HTTP_PROXY` and
//! `NO_PROXY`, in capitals or not.

use std::{env, net::IpAddr};

use data_encoding::BASE64;
use hyper::{Uri, header::HeaderValue};
use percent_encoding::percent_decode_str;

/// The first of these that names a proxy which can be used is that for all requests.
const VARIABLES: [&str; 6] =
    ["ALL_PROXY", "all_proxy", "HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"];
/// The first of these that is set tells which hosts are asked without it.
const EXCEPTIONS: [&str; 2] = ["NO_PROXY", "no_proxy"];

/// A proxy that speaks HTTP.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Proxy {
    /// Whether it is asked over TLS.
    pub(super) tls: bool,
    pub(super) host: String,
    pub(super) port: u16,
    /// What opens it.
    pub(super) authorization: Option<HeaderValue>,
    exceptions: Vec<String>,
}

impl Proxy {
    /// That of this program's environment.
    pub(super) fn of_environment() -> Option<Proxy> {
        Proxy::find(|name| env::var(name).ok())
    }

    /// That of an environment with these variables.
    pub(super) fn find(variable: impl Fn(&str) -> Option<String>) -> Option<Proxy> {
        let exceptions = EXCEPTIONS.iter().find_map(|name| variable(name)).unwrap_or_default();
        let proxies = VARIABLES.iter().filter_map(|name| variable(name));
        proxies.filter_map(|url| Proxy::parse(&url, &exceptions)).next()
    }

    /// Reads `http://user:password@host:port`, of which only the host is needed.
    fn parse(url: &str, exceptions: &str) -> Option<Proxy> {
        let uri: Uri = url.trim().parse().ok()?;
        let tls = match uri.scheme_str() {
            None | Some("http") => false,
            Some("https") => true,
            Some(_) => return None,
        };
        let authority = uri.authority()?;
        let credentials = authority.as_str().rsplit_once('@').map(|(credentials, _)| credentials);
        let authorization = match credentials {
            None => None,
            Some(credentials) => Some(basic(credentials)?),
        };
        let host = bare(authority.host()).to_owned();
        let port = authority.port_u16().unwrap_or(if tls { 443 } else { 80 });
        let exceptions = exceptions.split(',').map(|text| text.trim().to_ascii_lowercase());
        let exceptions = exceptions.filter(|text| !text.is_empty()).collect();
        (!host.is_empty()).then_some(Proxy { tls, host, port, authorization, exceptions })
    }

    /// Whether it is asked for this host, which is spelled without brackets.
    pub(super) fn stands_before(&self, host: &str) -> bool {
        let host = host.to_ascii_lowercase();
        !self.exceptions.iter().any(|exception| matches(exception, &host))
    }
}

/// An exception is a host with those below it, a beginning (`10.` or `10.*`), an ending (`.example.com` or
/// `*.example.com`), a network (`10.0.0.0/8`), or `*`.
fn matches(exception: &str, host: &str) -> bool {
    if let Some(ending) = exception.strip_prefix('*') {
        return host.ends_with(ending);
    }
    if let Some(beginning) = exception.strip_suffix('*') {
        return host.starts_with(beginning);
    }
    if let Some((network, bits)) = exception.split_once('/') {
        return contains(network, bits, host).unwrap_or(false);
    }
    let is_below = |parent| host.strip_suffix(parent).is_some_and(|below| below.ends_with('.'));
    (exception.starts_with('.') && host.ends_with(exception))
        || (exception.ends_with('.') && host.starts_with(exception))
        || bare(exception) == host
        || is_below(exception)
}

/// Whether a network holds an address, if these are ones.
fn contains(network: &str, bits: &str, host: &str) -> Option<bool> {
    let bits: u32 = bits.parse().ok()?;
    let differs = match (bare(network).parse().ok()?, host.parse().ok()?) {
        (IpAddr::V4(network), IpAddr::V4(host)) => {
            (network.to_bits() ^ host.to_bits()).leading_zeros() < bits
        }
        (IpAddr::V6(network), IpAddr::V6(host)) => {
            (network.to_bits() ^ host.to_bits()).leading_zeros() < bits
        }
        _ => true,
    };
    Some(!differs)
}

/// Credentials of a URL as a header field has them (RFC 7617).
fn basic(credentials: &str) -> Option<HeaderValue> {
    let (user, password) = credentials.split_once(':').unwrap_or((credentials, ""));
    let decode = |text| percent_decode_str(text).decode_utf8().ok();
    let pair = format!("{}:{}", decode(user)?, decode(password)?);
    let mut value =
        HeaderValue::from_str(&format!("Basic {}", BASE64.encode(pair.as_bytes()))).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// A host without the brackets around an address of IPv6.
pub(super) fn bare(host: &str) -> &str {
    host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxy(variables: &[(&str, &str)]) -> Option<Proxy> {
        Proxy::find(|name| {
            let found = variables.iter().find(|(other, _)| *other == name)?;
            Some(found.1.to_owned())
        })
    }

    #[test]
    fn the_first_that_can_be_used_counts() {
        let chosen = |variables| proxy(variables).map(|proxy| (proxy.tls, proxy.host, proxy.port));
        let http = |host: &str, port| Some((false, host.to_owned(), port));
        assert_eq!(chosen(&[]), None);
        assert_eq!(chosen(&[("ALL_PROXY", "")]), None);
        assert_eq!(chosen(&[("http_proxy", "a.example")]), http("a.example", 80));
        assert_eq!(chosen(&[("HTTP_PROXY", "http://a:3128/")]), http("a", 3128));
        assert_eq!(
            chosen(&[("HTTPS_PROXY", "http://[::1]:1"), ("HTTP_PROXY", "b")]),
            http("::1", 1)
        );
        assert_eq!(chosen(&[("ALL_PROXY", "socks5://a:1"), ("http_proxy", "b:2")]), http("b", 2));
        assert_eq!(chosen(&[("all_proxy", "https://a")]), Some((true, "a".into(), 443)));
    }

    #[test]
    fn credentials_are_decoded_once_and_do_not_show() {
        let proxy = proxy(&[("http_proxy", "http://al%20ice:p%40s@b:1")]).unwrap();
        assert_eq!(proxy.host, "b");
        assert_eq!(proxy.authorization.as_ref().unwrap(), "Basic YWwgaWNlOnBAcw==");
        assert!(!format!("{proxy:?}").contains("YWwgaWNl"), "{proxy:?}");
    }

    #[test]
    fn some_hosts_are_asked_without_it() {
        let exceptions = "localhost, 10.*,.example.com,*.example.org,192.168.,[::1],c.example,172.16.0.0/12,fd00::/8,";
        let proxy = proxy(&[("http_proxy", "a"), ("no_proxy", exceptions)]).unwrap();
        for host in
            ["LocalHost", "10.1.2.3", "b.example.com", "b.Example.ORG", "192.168.1.1", "::1"]
                .into_iter()
                .chain(["c.example", "b.c.example", "172.31.0.1", "fd12::1"])
        {
            assert!(!proxy.stands_before(host), "{host}");
        }
        for host in ["example.com", "alocalhost", "110.1.2.3", "example.org", "::2", "a"]
            .into_iter()
            .chain(["bc.example", "172.32.0.1", "fc00::1", "172.16.0.1.example"])
        {
            assert!(proxy.stands_before(host), "{host}");
        }
    }

    #[test]
    fn all_hosts_may_be_asked_without_it() {
        let proxy = proxy(&[("http_proxy", "a"), ("NO_PROXY", "*"), ("no_proxy", "b")]).unwrap();
        assert!(!proxy.stands_before("c.example"));
    }
}
