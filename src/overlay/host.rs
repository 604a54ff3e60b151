//! The host that a URL names: on this machine, on its network, or in the Internet at large.

use std::net::IpAddr;

use hyper::Uri;

use super::address_error::AddressError;
use crate::runtime::ip::is_global;

/// What kind of host a URL names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Host {
    /// On this machine.
    pub(super) loopback: bool,
    /// On this machine or its network, as far as the spelling tells.
    pub(super) nearby: bool,
}

/// The host of a URL of http or https. In `sample` the gaps of `url` are filled.
///
/// # Errors
/// When it is no such URL, names no host or a port that is none, or holds credentials or a fragment.
pub(super) fn check_url(url: &str, sample: &str) -> Result<Host, AddressError> {
    if url.is_empty() {
        return Err(AddressError::NoUrl);
    }
    if let Some(bad) = url.chars().find(|c| !c.is_ascii_graphic()) {
        return Err(AddressError::Character(bad));
    }
    if url.contains('#') {
        return Err(AddressError::Fragment);
    }
    let uri: Uri = sample.parse().map_err(|_| AddressError::NotAUrl(url.into()))?;
    if !matches!(uri.scheme_str(), Some("http" | "https")) {
        return Err(AddressError::Scheme);
    }
    let authority = uri.authority().ok_or(AddressError::NoHost)?;
    if authority.as_str().contains('@') {
        return Err(AddressError::Credentials);
    }
    let host = authority.host();
    if host.is_empty() {
        return Err(AddressError::NoHost);
    }
    // a password with a slash, which ends the authority, must not go on as a port and a path
    if authority.as_str().len() > host.len() && authority.port_u16().is_none_or(|port| port == 0) {
        return Err(AddressError::Port);
    }
    Ok(Host { loopback: is_loopback(host), nearby: is_nearby(host) })
}

/// Whether a host is this machine: a literal address, or a name that never leaves it (RFC 6761, 6.3).
pub(super) fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    bare == "localhost"
        || bare.ends_with(".localhost")
        || bare.parse().is_ok_and(|address: IpAddr| address.is_loopback())
}

/// Whether a host is no public one: a name that only this network knows, or an address in it.
pub(super) fn is_nearby(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']').trim_end_matches('.');
    match bare.parse() {
        Ok(address) => !is_global(address),
        Err(_) => {
            let last = bare.rsplit('.').next().unwrap_or_default().to_ascii_lowercase();
            let local = ["localhost", "local", "internal", "lan", "home", "arpa"];
            // resolvers read 0x7f.1 and 2130706433 as addresses too
            !bare.contains('.')
                || local.contains(&&*last)
                || last.starts_with(|c: char| c.is_ascii_digit())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_is_recognised() {
        for (host, loopback) in [
            ("127.0.0.1", true),
            ("[::1]", true),
            ("localhost", true),
            ("a.localhost", true),
            ("localhost.example.com", false),
            ("192.0.2.1", false),
        ] {
            assert_eq!(is_loopback(host), loopback, "{host}");
        }
    }

    #[test]
    fn what_is_near_is_told_from_what_is_public() {
        for near in [
            "localhost",
            "printer",
            "nas.local",
            "router.lan.",
            "127.0.0.1",
            "192.168.0.1",
            "0x7f.1",
            "2130706433",
            "[::1]",
            "[::ffff:10.0.0.1]",
        ] {
            assert!(is_nearby(near), "{near}");
        }
        for public in ["example.com", "9.9.9.9", "[2001:db8::1]"] {
            assert!(!is_nearby(public), "{public}");
        }
    }
}
