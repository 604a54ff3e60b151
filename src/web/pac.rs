//! Proxy settings for browsers: only addresses of peers go through the daemon.

use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue, X_CONTENT_TYPE_OPTIONS};

use crate::runtime::http::{self, Response};

/// The automatic configuration for a daemon at `port`.
///
/// There is no `DIRECT` for peers: without the daemon, the address would go to the name servers of a
/// domain that the name only borrows.
pub(super) fn proxy_pac(port: u16) -> Response {
    let script = format!(
        "function FindProxyForURL(url, host) {{\n  \
           if (/.\\.at\\../i.test(host)) return \"PROXY 127.0.0.1:{port}\";\n  \
           return \"DIRECT\";\n\
         }}\n"
    );
    let mut response = Response::new(http::full(script));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-ns-proxy-autoconfig"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}
