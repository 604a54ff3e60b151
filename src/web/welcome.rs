//! The front page of the daemon's own host: what this is, and the three ways in.

use crate::runtime::html::{self, Part};
use crate::runtime::http::{self, Response};

use super::page;

const TEMPLATE: &str = include_str!("welcome.html");

/// The page for a client that sees the daemon at `authority`, such as `localhost:5050`.
pub(super) fn welcome(authority: &str) -> Response {
    let end = authority.rfind(']').map_or(0, |end| end + 1);
    let port = authority[end..].find(':').map_or("", |at| &authority[end + at..]);
    let body = page::document("p2p", &html::fill(TEMPLATE, &[("port", Part::Text(port))]));
    let mut response = Response::new(http::full(body));
    page::protect(response.headers_mut(), html::MEDIA_TYPE);
    response
}
