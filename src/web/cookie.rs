//! Cookies in the three access forms: RFC 6265.
//!
//! The path form has none: cookies do not tell ports apart, so those of every other program on localhost
//! would go to peers. Elsewhere a cookie belongs to one host: with a `Domain`, a peer could reach into the
//! real web site at its domain.

use hyper::{
    HeaderMap,
    header::{COOKIE, Entry, HeaderValue, SET_COOKIE},
};

use crate::identity::AccessForm;

/// Removes the cookies of a request that are not meant for the peer.
pub(super) fn apply_to_request(headers: &mut HeaderMap, form: AccessForm) {
    if form == AccessForm::Path {
        headers.remove(COOKIE);
    }
}

/// Keeps the cookies that a response sets to the one host.
pub(super) fn apply(headers: &mut HeaderMap, form: AccessForm) {
    let Entry::Occupied(mut field) = headers.entry(SET_COOKIE) else { return };
    if form == AccessForm::Path {
        field.remove_entry_mult();
        return;
    }
    for value in field.iter_mut() {
        if let Some(narrower) = without_domain(value) {
            *value = narrower;
        }
    }
}

/// The same cookie without its `Domain`; None when it has none.
fn without_domain(cookie: &HeaderValue) -> Option<HeaderValue> {
    let is_domain = |attribute: &&[u8]| {
        let name = attribute.split(|b| *b == b'=').next().unwrap_or_default();
        name.trim_ascii().eq_ignore_ascii_case(b"domain")
    };
    let mut parts = cookie.as_bytes().split(|b| *b == b';');
    let pair = parts.next()?;
    let attributes: Vec<&[u8]> = parts.collect();
    if !attributes.iter().any(is_domain) {
        return None;
    }
    let mut kept = vec![pair];
    kept.extend(attributes.into_iter().filter(|attribute| !is_domain(attribute)));
    HeaderValue::from_bytes(&kept.join(&b';')).ok()
}
