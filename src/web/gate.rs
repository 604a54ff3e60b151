//! The cross-site gate: what web pages may not do through the daemon, and where navigations go.
//!
//! Every page that a browser shows can send requests to localhost. A program that is no browser sends
//! neither `Sec-Fetch-Site` nor `Origin` and passes; a page says who it is, and may only act on its own
//! origin. Fetch Metadata is not sent everywhere (not for the proxy form, not with WebSocket), so the
//! `Origin` decides where it is missing.

use hyper::{
    HeaderMap, Method,
    header::{ACCEPT, HeaderName, HeaderValue, ORIGIN, UPGRADE, USER_AGENT},
};

use crate::identity::AccessForm;

use super::failure::Failure;
use super::target::Access;

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const SEC_FETCH_MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");
const SEC_FETCH_DEST: HeaderName = HeaderName::from_static("sec-fetch-dest");
/// Between the two daemons, and for the service.
const P2P_SITE: HeaderName = HeaderName::from_static("p2p-site");
const SERVICE_WORKER: HeaderName = HeaderName::from_static("service-worker");

/// Lets a request for a peer's service pass, and says what kind of page sent it: the service decides what
/// pages of other sites may do, see [`check_site`].
///
/// # Errors
/// When a service worker would take over the origin that all peers share in the path form.
pub(super) fn check(headers: &HeaderMap, access: &Access) -> Result<Site, Failure> {
    if access.form == AccessForm::Path
        && headers.get(SERVICE_WORKER).is_some_and(|value| value == "script")
    {
        return Err(Failure::ServiceWorkerRefused);
    }
    Ok(site(headers, &access.origin()))
}

/// Lets a request pass that a page of this kind sent in a visitor's name.
///
/// # Errors
/// When a page of another site would change something or open a socket.
pub(super) fn check_site(site: Site, method: &Method, headers: &HeaderMap) -> Result<(), Failure> {
    let reads = is_safe(method) && !headers.contains_key(UPGRADE);
    if reads || site.is_trusted() { Ok(()) } else { Err(foreign(headers)) }
}

/// Lets a request for the daemon's own interface pass: besides its own pages and programs only somebody
/// who follows a link to it.
///
/// # Errors
/// For every other request of a page.
pub(super) fn check_api(
    method: &Method,
    headers: &HeaderMap,
    authority: &str,
) -> Result<(), Failure> {
    let link = matches!(*method, Method::GET | Method::HEAD)
        && is(headers, &SEC_FETCH_MODE, "navigate")
        && is(headers, &SEC_FETCH_DEST, "document");
    let trusted = site(headers, &format!("http://{authority}")).is_trusted();
    if link || trusted { Ok(()) } else { Err(foreign(headers)) }
}

/// Whether a person opens a page in the path form, where the page would share its origin with those of
/// all other peers; it belongs under an origin of its own.
pub(super) fn is_navigation(method: &Method, headers: &HeaderMap) -> bool {
    if !matches!(*method, Method::GET | Method::HEAD) {
        return false;
    }
    if headers.contains_key(SEC_FETCH_MODE) {
        return is(headers, &SEC_FETCH_MODE, "navigate");
    }
    // text/html alone could be a tool that cannot resolve names under localhost
    let text = |name| headers.get(name).map_or(&b""[..], HeaderValue::as_bytes);
    text(USER_AGENT).starts_with(b"Mozilla/")
        && text(ACCEPT)
            .split(|b| *b == b',')
            .any(|media| media.trim_ascii().starts_with(b"text/html"))
}

/// Who sent a request, as far as its fields tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Site {
    /// A program, or a person who typed the address.
    None,
    /// A page of the service itself.
    Own,
    /// Any other page.
    Other,
}

impl Site {
    /// What the visitor's daemon told the serving one.
    pub(super) fn told(headers: &HeaderMap) -> Site {
        match headers.get(P2P_SITE).map(HeaderValue::as_bytes) {
            None => Site::None,
            Some(b"same-origin") => Site::Own,
            Some(_) => Site::Other,
        }
    }

    /// Tells it on, in the words of Fetch Metadata.
    pub(super) fn tell(self, headers: &mut HeaderMap) {
        let word = match self {
            Site::None => return,
            Site::Own => "same-origin",
            Site::Other => "cross-site",
        };
        headers.insert(P2P_SITE, HeaderValue::from_static(word));
    }

    /// Whether it may act in the person's name here.
    fn is_trusted(self) -> bool {
        self != Site::Other
    }
}

fn site(headers: &HeaderMap, own: &str) -> Site {
    if let Some(value) = headers.get(SEC_FETCH_SITE) {
        return match value.as_bytes() {
            b"none" => Site::None,
            b"same-origin" => Site::Own,
            _ => Site::Other,
        };
    }
    let mut origins = headers.get_all(ORIGIN).iter();
    match (origins.next(), origins.next()) {
        (None, _) => Site::None,
        (Some(origin), None) if origin.as_bytes().eq_ignore_ascii_case(own.as_bytes()) => Site::Own,
        _ => Site::Other,
    }
}

fn foreign(headers: &HeaderMap) -> Failure {
    let origin = match headers.get(ORIGIN).map(HeaderValue::to_str) {
        Some(Ok("null")) | Some(Err(_)) => "a page without an origin".into(),
        Some(Ok(origin)) => origin.chars().take(120).collect(),
        None => "a page of another site".into(),
    };
    Failure::CrossSite { origin }
}

/// RFC 9110, 9.2.1; a method that is not known may do anything.
fn is_safe(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS | Method::TRACE)
}

fn is(headers: &HeaderMap, name: &HeaderName, wanted: &str) -> bool {
    headers.get(name).is_some_and(|value| value == wanted)
}

#[cfg(test)]
mod tests {
    use crate::identity::Destination;

    use super::*;

    type Lines = &'static [(&'static str, &'static str)];

    fn headers(lines: Lines) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        headers
    }

    fn access(form: AccessForm) -> Access {
        let destination =
            Destination::from_proxy_host("alice.at.example.com:1000").unwrap().unwrap();
        let authority = match form {
            AccessForm::Proxy => "alice.at.example.com:1000",
            AccessForm::Path => "localhost:5050",
            AccessForm::OwnOrigin => "1000-alice-at-example-com.localhost:5050",
        };
        let path = "/".parse().unwrap();
        Access { destination, form, authority: authority.into(), path }
    }

    #[test]
    fn what_acts_must_come_from_the_own_origin() {
        use AccessForm::*;
        const OWN: (&str, &str) = ("origin", "http://1000-alice-at-example-com.localhost:5050");
        const OTHER: (&str, &str) = ("origin", "http://1000-bob-at-example-com.localhost:5050");
        const WEBSOCKET: (&str, &str) = ("upgrade", "websocket");
        let table: [(&str, AccessForm, Lines, bool); 20] = [
            ("GET", OwnOrigin, &[("sec-fetch-site", "cross-site")], true),
            ("OPTIONS", OwnOrigin, &[OTHER], true),
            ("POST", OwnOrigin, &[], true),
            ("POST", OwnOrigin, &[OWN], true),
            ("POST", OwnOrigin, &[OTHER], false),
            ("POST", OwnOrigin, &[OWN, OTHER], false),
            ("POST", OwnOrigin, &[("origin", "null")], false),
            ("POST", OwnOrigin, &[("origin", "http://1000-alice-at-example-com.localhost")], false),
            ("POST", OwnOrigin, &[("sec-fetch-site", "same-origin"), OWN], true),
            ("POST", OwnOrigin, &[("sec-fetch-site", "none")], true),
            ("POST", OwnOrigin, &[("sec-fetch-site", "same-site"), OWN], false),
            ("POST", OwnOrigin, &[("sec-fetch-site", "cross-site")], false),
            ("POST", OwnOrigin, &[("sec-fetch-site", "whatever")], false),
            ("DELETE", Path, &[("sec-fetch-site", "cross-site")], false),
            ("BREW", Path, &[("origin", "http://evil.example")], false),
            ("PATCH", Proxy, &[("origin", "http://alice.at.example.com:1000")], true),
            ("PATCH", Proxy, &[("origin", "http://example.com")], false),
            ("GET", OwnOrigin, &[WEBSOCKET, OWN], true),
            ("GET", OwnOrigin, &[WEBSOCKET, OTHER], false),
            ("GET", Proxy, &[WEBSOCKET], true),
        ];
        for (method, form, lines, passes) in table {
            let (method_, headers_) = (method.parse().unwrap(), headers(lines));
            let mut told = HeaderMap::new();
            check(&headers_, &access(form)).unwrap().tell(&mut told);
            let result = check_site(Site::told(&told), &method_, &headers_);
            assert_eq!(result.is_ok(), passes, "{method} {form:?} {lines:?}");
        }
    }

    #[test]
    fn service_workers_need_an_origin_of_their_own() {
        let worker = headers(&[("service-worker", "script"), ("sec-fetch-site", "same-origin")]);
        let refused = check(&worker, &access(AccessForm::Path));
        assert_eq!(refused, Err(Failure::ServiceWorkerRefused));
        assert_eq!(check(&worker, &access(AccessForm::OwnOrigin)), Ok(Site::Own));
    }

    #[test]
    fn navigations_are_told_from_tools() {
        const BROWSER: (&str, &str) = ("user-agent", "Mozilla/5.0 (X11)");
        let table: [(Lines, bool); 7] = [
            (&[("sec-fetch-mode", "navigate")], true),
            (&[("sec-fetch-mode", "cors"), BROWSER, ("accept", "text/html")], false),
            (&[BROWSER, ("accept", "application/xml, text/html;q=0.9")], true),
            (&[BROWSER, ("accept", "*/*")], false),
            (&[("user-agent", "curl/8.5"), ("accept", "*/*")], false),
            (&[("user-agent", "Wget/1.21"), ("accept", "text/html")], false),
            (&[], false),
        ];
        for (lines, navigates) in table {
            assert_eq!(is_navigation(&Method::GET, &headers(lines)), navigates, "{lines:?}");
        }
        assert!(!is_navigation(&Method::POST, &headers(&[("sec-fetch-mode", "navigate")])));
    }
}
