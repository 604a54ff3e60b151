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

use super::Failure;
use super::target::Access;

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const SEC_FETCH_MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");
const SEC_FETCH_DEST: HeaderName = HeaderName::from_static("sec-fetch-dest");
const SERVICE_WORKER: HeaderName = HeaderName::from_static("service-worker");

/// Lets a request for a peer's service pass.
///
/// # Errors
/// When a page of another origin would change something or open a socket, or when a service worker
/// would take over the origin that all peers share in the path form.
pub(super) fn check(method: &Method, headers: &HeaderMap, access: &Access) -> Result<(), Failure> {
    if access.form == AccessForm::Path
        && headers.get(SERVICE_WORKER).is_some_and(|value| value == "script")
    {
        return Err(Failure::ServiceWorkerRefused);
    }
    let reads = is_safe(method) && !headers.contains_key(UPGRADE);
    if reads || site(headers, &access.origin()).is_own() { Ok(()) } else { Err(foreign(headers)) }
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
    let own = site(headers, &format!("http://{authority}")).is_own();
    if link || own { Ok(()) } else { Err(foreign(headers)) }
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
enum Site {
    /// A program, or a person who typed the address.
    None,
    Own,
    Other,
}

impl Site {
    fn is_own(self) -> bool {
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
