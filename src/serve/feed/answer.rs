//! Answers with an entity tag: whole, without body, or "not modified".

use hyper::{
    Method, StatusCode,
    header::{self, HeaderMap, HeaderValue},
    http::request::Parts,
};
use ring::digest::{SHA256, digest};

use crate::runtime::http::{self, Response};

use super::base_url::VARY;

/// A document that depends on what the request says about the access form.
#[derive(Debug)]
pub(super) struct Document {
    /// Its `Content-Type`.
    pub content_type: &'static str,
    /// Its octets.
    pub content: Vec<u8>,
}

impl Document {
    /// Answers a GET or HEAD, conditionally if it asks so (RFC 9110, section 13).
    pub(super) fn answer(self, request: &Parts) -> Response {
        let tag = entity_tag(&self.content);
        let unchanged = is_known(&request.headers, &tag);
        let length = self.content.len();
        let has_body = !unchanged && request.method != Method::HEAD;
        let body = if has_body { http::full(self.content) } else { http::empty() };
        let mut response = Response::new(body);
        let headers = response.headers_mut();
        let tag = HeaderValue::from_str(&tag).expect("hexadecimal digits are plain");
        headers.insert(header::ETAG, tag);
        headers.insert(header::VARY, HeaderValue::from_static(VARY));
        // private: it is made for this visitor; no-cache: a new file must show at once
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
        if unchanged {
            *response.status_mut() = StatusCode::NOT_MODIFIED;
            return response;
        }
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(self.content_type));
        headers.insert(header::CONTENT_LENGTH, length.into());
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        response
    }
}

/// An answer that only says why there is nothing.
pub(super) fn refusal(status: StatusCode, reason: &'static str) -> Response {
    let mut response = Response::new(http::full(reason));
    *response.status_mut() = status;
    let plain = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, plain);
    if status == StatusCode::METHOD_NOT_ALLOWED {
        response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
    }
    response
}

/// Strong, since it is made of the octets themselves.
fn entity_tag(content: &[u8]) -> String {
    let hash = digest(&SHA256, content);
    format!("\"{}\"", data_encoding::HEXLOWER.encode(&hash.as_ref()[..16]))
}

/// Whether `If-None-Match` names the tag.
fn is_known(headers: &HeaderMap, tag: &str) -> bool {
    let fields = headers.get_all(header::IF_NONE_MATCH).iter();
    let mut listed =
        fields.filter_map(|field| field.to_str().ok()).flat_map(|text| text.split(','));
    listed.any(|one| ["*", tag].contains(&one.trim().trim_start_matches("W/")))
}
