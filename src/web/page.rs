//! How the daemon's own pages look, and the fields that fence them in: nothing is loaded from anywhere.

use std::sync::LazyLock;

use hyper::{
    HeaderMap,
    header::{
        CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, HeaderValue,
        REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
    },
};

use crate::runtime::html;
use crate::runtime::http::{self, Response};

/// The one style of all pages; it stands inside of each, since an error page has no neighbours.
const STYLE: &str = concat!(include_str!("../palette.css"), include_str!("style.css"));
/// No other page may load or hold a window of what is for this person alone.
const CROSS_ORIGIN_RESOURCE_POLICY: HeaderName =
    HeaderName::from_static("cross-origin-resource-policy");
const CROSS_ORIGIN_OPENER_POLICY: HeaderName =
    HeaderName::from_static("cross-origin-opener-policy");
/// Where the form of a page may lead: back to its own origin, and from there to a peer's.
const FORM: &str = "form-action 'self' http://*.localhost:*";
/// Opens the document up to its title.
const HEAD: &str = "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
    <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
    <meta name=\"color-scheme\" content=\"light dark\">\n";

/// Allows the style by its hash, and nothing else.
static POLICY: LazyLock<HeaderValue> = LazyLock::new(|| {
    let policy = html::policy(STYLE, &["frame-ancestors 'none'"]);
    HeaderValue::try_from(policy).expect("base64 is printable")
});

/// The policy of a page with a form.
pub(super) fn form_policy() -> HeaderValue {
    static POLICY: LazyLock<HeaderValue> = LazyLock::new(|| {
        let policy = html::policy(STYLE, &["frame-ancestors 'none'", FORM]);
        HeaderValue::try_from(policy).expect("base64 is printable")
    });
    POLICY.clone()
}

/// A page of the daemon's own whose style goes beyond the common one.
pub fn own_page(title: &str, style: &str, main: &str) -> Response {
    let style = format!("{STYLE}{style}");
    let title = html::escape(title);
    let body =
        format!("{HEAD}<title>{title}</title>\n<style>{style}</style>\n<main>\n{main}</main>\n");
    let mut response = Response::new(http::full(body));
    let headers = response.headers_mut();
    protect(headers, html::MEDIA_TYPE);
    let policy = html::policy(&style, &["frame-ancestors 'none'"]);
    headers.insert(
        CONTENT_SECURITY_POLICY,
        HeaderValue::try_from(policy).expect("base64 is printable"),
    );
    headers.insert(CROSS_ORIGIN_RESOURCE_POLICY, HeaderValue::from_static("same-origin"));
    headers.insert(CROSS_ORIGIN_OPENER_POLICY, HeaderValue::from_static("same-origin"));
    response
}

/// A whole document with a title and the main part in HTML.
pub(super) fn document(title: &str, main: &str) -> String {
    let title = html::escape(title);
    format!("{HEAD}<title>{title}</title>\n<style>{STYLE}</style>\n<main>\n{main}</main>\n")
}

/// The fields that go with every answer of the daemon's own.
pub(super) fn protect(headers: &mut HeaderMap, content_type: &'static str) {
    let fields: [(HeaderName, HeaderValue); 6] = [
        (CONTENT_TYPE, HeaderValue::from_static(content_type)),
        (CONTENT_SECURITY_POLICY, POLICY.clone()),
        (X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
        (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
        (CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    headers.extend(fields);
}
