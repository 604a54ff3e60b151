//! What belongs to one connection only, and the trace that a message leaves: RFC 9110, 7.6.

use data_encoding::HEXLOWER;
use hyper::{
    HeaderMap, Version,
    header::{
        CONNECTION, CONTENT_LENGTH, Entry, HeaderName, HeaderValue, MAX_FORWARDS,
        PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, TE, TRANSFER_ENCODING, UPGRADE, VIA,
    },
};
use ring::digest::{Context, SHA256};

use crate::identity::Destination;

use super::failure::Failure;

const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");
const PROXY_CONNECTION: HeaderName = HeaderName::from_static("proxy-connection");
const HTTP2_SETTINGS: HeaderName = HeaderName::from_static("http2-settings");
/// Fields of one hop, whether or not `Connection` names them.
const HOP_BY_HOP: [HeaderName; 9] = [
    CONNECTION,
    KEEP_ALIVE,
    PROXY_CONNECTION,
    PROXY_AUTHENTICATE,
    PROXY_AUTHORIZATION,
    TE,
    TRANSFER_ENCODING,
    UPGRADE,
    HTTP2_SETTINGS,
];
/// Without these a message would change its meaning.
const INDISPENSABLE: [&str; 3] = ["host", "content-length", "transfer-encoding"];

/// What a message keeps of its hop-by-hop fields.
#[derive(Debug, Default)]
pub(super) struct Kept {
    /// The protocol to which the connection is to be, or has been, switched.
    pub(super) upgrade: Option<HeaderValue>,
    trailers: bool,
}

/// Removes the fields of this hop and gives those that the next hop gets again.
///
/// # Errors
/// [`Failure::Malformed`] when `Connection` names a field that no message can lose.
pub(super) fn strip(headers: &mut HeaderMap) -> Result<Kept, Failure> {
    let mut kept = Kept::default();
    let mut upgrades = false;
    if headers.contains_key(CONNECTION) {
        let lines: Vec<HeaderValue> = headers.get_all(CONNECTION).iter().cloned().collect();
        for option in lines.iter().flat_map(members) {
            if INDISPENSABLE.iter().any(|name| option.eq_ignore_ascii_case(name.as_bytes())) {
                let reason = "the Connection field names one that every hop needs".into();
                return Err(Failure::Malformed { reason });
            }
            upgrades |= option.eq_ignore_ascii_case(b"upgrade");
            let Ok(name) = HeaderName::from_bytes(option) else { continue };
            if name != UPGRADE && name != TE {
                headers.remove(name);
            }
        }
    }
    if upgrades {
        // HTTP/2 and TLS would hide from this hop what they carry
        kept.upgrade = headers.get(UPGRADE).cloned().filter(|protocol| {
            !members(protocol).any(|name| {
                let family = name.split(|b| *b == b'/').next().unwrap_or_default();
                family.eq_ignore_ascii_case(b"h2c") || family.eq_ignore_ascii_case(b"tls")
            })
        });
    }
    kept.trailers = headers
        .get_all(TE)
        .iter()
        .any(|line| members(line).any(|coding| coding.eq_ignore_ascii_case(b"trailers")));
    if headers.contains_key(TRANSFER_ENCODING) {
        headers.remove(CONTENT_LENGTH); // it does not count beside chunks (RFC 9112, 6.3)
    }
    for name in &HOP_BY_HOP {
        headers.remove(name);
    }
    Ok(kept)
}

impl Kept {
    /// Puts the fields of the next hop of a request in place.
    pub(super) fn restore(self, headers: &mut HeaderMap) {
        let options = match (self.upgrade.is_some(), self.trailers) {
            (false, false) => return,
            (true, false) => "upgrade",
            (false, true) => "te",
            (true, true) => "upgrade, te",
        };
        headers.insert(CONNECTION, HeaderValue::from_static(options));
        if let Some(protocol) = self.upgrade {
            headers.insert(UPGRADE, protocol);
        }
        if self.trailers {
            headers.insert(TE, HeaderValue::from_static("trailers"));
        }
    }

    /// Puts back what a response that switches protocols (101) tells about it.
    pub(super) fn restore_switch(self, headers: &mut HeaderMap) {
        Kept { trailers: false, ..self }.restore(headers);
    }
}

/// What stands for a daemon in `Via`: another token towards each destination, always the same one. It
/// tells nobody who it is, and a request that meets its own token is in a loop.
#[derive(Clone)]
pub struct Pseudonym([u8; 16]);

impl Pseudonym {
    /// From octets that are secret and stay the same, at least while the daemon runs.
    pub fn new(secret: [u8; 16]) -> Pseudonym {
        Pseudonym(secret)
    }

    /// The token on the way to `destination`; proxy and gateway of one daemon are two stations.
    pub(super) fn token(&self, station: Station, destination: &Destination) -> Token {
        let mut context = Context::new(&SHA256);
        context.update(b"p2p via\0");
        context.update(&self.0);
        context.update(&[station as u8]);
        context.update(&destination.port.get().to_be_bytes());
        context.update(destination.name.as_str().as_bytes());
        let hash = context.finish();
        let short = HEXLOWER.encode(&hash.as_ref()[..4]);
        Token(format!("p2p-{short}"))
    }
}

/// Where in a daemon a message passes.
#[derive(Debug, Clone, Copy)]
pub(super) enum Station {
    Proxy = 1,
    Gateway = 2,
}

/// How one station calls itself in `Via`.
#[derive(Debug)]
pub(super) struct Token(String);

impl Token {
    /// Whether a message has passed here before.
    pub(super) fn is_in(&self, headers: &HeaderMap) -> bool {
        headers.get_all(VIA).iter().flat_map(members).any(|member| {
            let mut received_by =
                member.split(u8::is_ascii_whitespace).filter(|part| !part.is_empty());
            received_by.nth(1).is_some_and(|by| by.eq_ignore_ascii_case(self.0.as_bytes()))
        })
    }

    /// Notes that a message passes here, which was received in `version`.
    pub(super) fn append_to(&self, headers: &mut HeaderMap, version: Version) {
        let version = if version == Version::HTTP_10 { "1.0" } else { "1.1" };
        let value = HeaderValue::try_from(format!("{version} {}", self.0));
        headers.append(VIA, value.expect("a token is printable"));
    }
}

/// Counts down `Max-Forwards`; true when the request may go no further. Only for OPTIONS and TRACE.
///
/// # Errors
/// [`Failure::Malformed`] when it is not a number.
pub(super) fn is_last(headers: &mut HeaderMap) -> Result<bool, Failure> {
    let Entry::Occupied(mut field) = headers.entry(MAX_FORWARDS) else { return Ok(false) };
    let digits = field.get().to_str().ok().filter(|text| text.bytes().all(|b| b.is_ascii_digit()));
    let Some(left) = digits.and_then(|digits| digits.parse::<u32>().ok()) else {
        let reason = "the Max-Forwards field is not a number".into();
        return Err(Failure::Malformed { reason });
    };
    match left.checked_sub(1) {
        None => Ok(true),
        Some(left) => {
            field.insert(HeaderValue::from(left));
            Ok(false)
        }
    }
}

/// The members of a comma-separated list (RFC 9110, 5.6.1) without white space and empty ones.
fn members(line: &HeaderValue) -> impl Iterator<Item = &[u8]> {
    line.as_bytes().split(|b| *b == b',').map(<[u8]>::trim_ascii).filter(|part| !part.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(lines: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        headers
    }

    fn names(headers: &HeaderMap) -> Vec<&str> {
        let mut names: Vec<_> = headers.keys().map(HeaderName::as_str).collect();
        names.sort_unstable();
        names
    }

    #[test]
    fn fields_of_one_hop_go() {
        let mut all = headers(&[
            ("connection", "x-one, close"),
            ("connection", " X-Two ,,upgrade"),
            ("x-one", "1"),
            ("x-two", "2"),
            ("x-three", "3"),
            ("keep-alive", "timeout=5"),
            ("proxy-connection", "keep-alive"),
            ("proxy-authorization", "Basic x"),
            ("proxy-authenticate", "Basic"),
            ("te", "gzip, trailers"),
            ("transfer-encoding", "chunked"),
            ("upgrade", "websocket"),
            ("trailer", "x-sum"),
            ("host", "kept"),
        ]);
        let kept = strip(&mut all).unwrap();
        assert_eq!(names(&all), ["host", "trailer", "x-three"]);
        kept.restore(&mut all);
        assert_eq!(all["connection"], "upgrade, te");
        assert_eq!(all["upgrade"], "websocket");
        assert_eq!(all["te"], "trailers");
    }

    #[test]
    fn an_upgrade_must_be_named_and_visible() {
        let upgrade = |lines| strip(&mut headers(lines)).unwrap().upgrade;
        assert!(upgrade(&[("connection", "Upgrade"), ("upgrade", "websocket")]).is_some());
        assert!(upgrade(&[("upgrade", "websocket")]).is_none());
        assert!(upgrade(&[("connection", "upgrade"), ("upgrade", "h2c")]).is_none());
        assert!(upgrade(&[("connection", "upgrade"), ("upgrade", "x, TLS/1.2")]).is_none());
        assert!(upgrade(&[("connection", "upgrade")]).is_none());
    }

    #[test]
    fn indispensable_fields_cannot_be_named() {
        for option in ["host", "close, Content-Length", "TRANSFER-ENCODING"] {
            let mut headers = headers(&[("connection", option), ("host", "x")]);
            assert!(matches!(strip(&mut headers), Err(Failure::Malformed { .. })), "{option}");
        }
    }

    #[test]
    fn a_token_meets_itself_only() {
        let destination =
            |host| Destination::from_proxy_host(host).unwrap().expect("a peer's host");
        let (alice, other) = (destination("alice.at.x.org:1"), destination("alice.at.x.org:2"));
        let own = Pseudonym::new([1; 16]);
        let mut passed = headers(&[("via", "1.0 fred (a, b), 1.1 p.example.net")]);
        own.token(Station::Proxy, &alice).append_to(&mut passed, Version::HTTP_11);
        assert!(own.token(Station::Proxy, &alice).is_in(&passed));
        assert!(!own.token(Station::Gateway, &alice).is_in(&passed));
        assert!(!own.token(Station::Proxy, &other).is_in(&passed));
        assert!(!Pseudonym::new([2; 16]).token(Station::Proxy, &alice).is_in(&passed));
        assert_eq!(passed.get_all("via").iter().count(), 2);
    }

    #[test]
    fn max_forwards_is_a_number() {
        let count = |value| {
            let mut headers = headers(&[("max-forwards", value)]);
            is_last(&mut headers).map(|last| (last, headers["max-forwards"].clone()))
        };
        assert_eq!(count("0").unwrap(), (true, HeaderValue::from_static("0")));
        assert_eq!(count("10").unwrap(), (false, HeaderValue::from_static("9")));
        for wrong in ["", "+1", "-1", "1 2", "99999999999"] {
            assert!(count(wrong).is_err(), "{wrong:?}");
        }
        assert_eq!(is_last(&mut HeaderMap::new()), Ok(false));
    }
}
