//! What the daemon changes in a peer's response for the browser's sake.
//!
//! A peer's page is a stranger's page on this machine's own address: it may not switch off what keeps
//! it apart from other peers and from programs on this machine.

use hyper::{
    HeaderMap,
    header::{CONTENT_SECURITY_POLICY, HeaderName, HeaderValue, STRICT_TRANSPORT_SECURITY},
};

use crate::identity::AccessForm;

/// Fields whose effect would go beyond the one service: on other peers' pages, on other programs of
/// this machine, or on the domain that a name only borrows.
const REMOVED: [HeaderName; 9] = [
    STRICT_TRANSPORT_SECURITY,
    HeaderName::from_static("service-worker-allowed"),
    HeaderName::from_static("clear-site-data"),
    HeaderName::from_static("alt-svc"),
    HeaderName::from_static("public-key-pins"),
    HeaderName::from_static("public-key-pins-report-only"),
    HeaderName::from_static("access-control-allow-private-network"),
    HeaderName::from_static("access-control-allow-local-network"),
    HeaderName::from_static("access-control-allow-loopback-network"),
];
/// The page is treated like one from the Internet: it does not reach other addresses of this machine.
const PUBLIC: HeaderValue = HeaderValue::from_static("treat-as-public-address");
/// Where all peers share one origin, a page gets none at all.
const PUBLIC_SANDBOXED: HeaderValue = HeaderValue::from_static(
    "treat-as-public-address; sandbox allow-scripts allow-forms allow-popups",
);
/// The same for an origin on this machine, where a public page has no WebSocket to its own service:
/// Chromium's local network access does not see that `ws:` and `http:` are one origin there. So the
/// page may load from its own origin and from what has a certificate, but not from other `http:`.
const OWN_AND_HTTPS: HeaderValue = HeaderValue::from_static(
    "default-src 'self' https: wss: data: blob: 'unsafe-inline' 'unsafe-eval'; \
     form-action 'self' https:",
);

/// Removes what a peer may not say and adds a policy to its own, which stays in force.
pub(super) fn apply(headers: &mut HeaderMap, form: AccessForm) {
    for name in &REMOVED {
        headers.remove(name);
    }
    let policy = match form {
        AccessForm::Proxy => PUBLIC,
        AccessForm::Path => PUBLIC_SANDBOXED,
        AccessForm::OwnOrigin => OWN_AND_HTTPS,
    };
    headers.append(CONTENT_SECURITY_POLICY, policy);
}

/// Removes what browsers ask about private networks: the answer is not the peer's to give.
pub(super) fn apply_to_request(headers: &mut HeaderMap) {
    headers.remove("access-control-request-private-network");
    headers.remove("access-control-request-local-network");
    headers.remove("access-control-request-loopback-network");
}
