//! What of a file a GET or HEAD request gets: all, parts, or a word that its own copy is good.

use std::{
    ffi::OsStr,
    ops::Range,
    os::unix::fs::FileExt,
    time::{Duration, UNIX_EPOCH},
};

use hyper::{
    Method, StatusCode,
    header::{
        ACCEPT_RANGES, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG, HeaderMap,
        HeaderName, HeaderValue, LAST_MODIFIED, RANGE,
    },
    http::request::Parts,
};

use super::body::{self, Section};
use super::conditional::{self, Verdict};
use super::etag::Validators;
use super::folder::OpenFile;
use super::media_type;
use super::problem::Problem;
use super::range::{self, Selection};
use crate::runtime::http::{self, Response};
use crate::runtime::{clock, random};

/// Answers with a file. Blocks for the first read.
pub(super) fn of_file(open: OpenFile, name: &OsStr, head: &Parts) -> Response {
    let validators = Validators::of_file(&open.metadata, clock::wall());
    if let Some(response) = precondition(&validators, head) {
        return response;
    }
    let length = open.metadata.len();
    let media_type = media_type_of(&open, name);
    let mut response = match selection(&validators, head, length) {
        Selection::Whole => {
            let mut response = response_of(StatusCode::OK, media_type);
            send(&mut response, open, head, vec![Section::Region(0..length)]);
            response
        }
        Selection::Unsatisfiable => return unsatisfiable(&validators, head, length),
        Selection::Parts(parts) => match <[Range<u64>; 1]>::try_from(parts) {
            Ok([part]) => {
                let mut response = response_of(StatusCode::PARTIAL_CONTENT, media_type);
                set(&mut response, CONTENT_RANGE, &content_range(&part, length));
                send(&mut response, open, head, vec![Section::Region(part)]);
                response
            }
            Err(parts) => {
                let boundary = format!("{:016x}", random::number());
                let multipart = format!("multipart/byteranges; boundary={boundary}");
                let mut response = response_of(StatusCode::PARTIAL_CONTENT, &multipart);
                let sections = multipart_sections(parts, length, media_type, &boundary);
                send(&mut response, open, head, sections);
                response
            }
        },
    };
    set_validators(response.headers_mut(), &validators);
    response.headers_mut().insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    response
}

/// Answers with octets that were made for this request.
pub(super) fn of_content(
    content: Vec<u8>,
    media_type: &str,
    validators: &Validators,
    head: &Parts,
) -> Response {
    if let Some(response) = precondition(validators, head) {
        return response;
    }
    let mut response = response_of(StatusCode::OK, media_type);
    response.headers_mut().insert(CONTENT_LENGTH, content.len().into());
    if head.method != Method::HEAD {
        *response.body_mut() = http::full(content);
    }
    set_validators(response.headers_mut(), validators);
    response
}

/// The answer of preconditions that forbid a full one.
fn precondition(validators: &Validators, head: &Parts) -> Option<Response> {
    let mut response = match conditional::evaluate(&head.headers, validators) {
        Verdict::Proceed => return None,
        Verdict::NotModified => {
            let mut response = Response::new(http::empty());
            *response.status_mut() = StatusCode::NOT_MODIFIED;
            response
        }
        Verdict::Failed => Problem::Changed.response(head),
    };
    set_validators(response.headers_mut(), validators);
    Some(response)
}

/// The `Range` field of a GET request, where its validators still hold.
fn selection(validators: &Validators, head: &Parts, length: u64) -> Selection {
    let mut values = head.headers.get_all(RANGE).iter();
    match (values.next().map(HeaderValue::to_str), values.next()) {
        (Some(Ok(value)), None)
            if head.method == Method::GET
                && conditional::range_counts(&head.headers, validators) =>
        {
            range::select(value, length)
        }
        _ => Selection::Whole,
    }
}

fn unsatisfiable(validators: &Validators, head: &Parts, length: u64) -> Response {
    let mut response = Problem::OutsideOfFile { length }.response(head);
    set(&mut response, CONTENT_RANGE, &format!("bytes */{length}"));
    set_validators(response.headers_mut(), validators);
    response
}

/// The parts of a multipart body (RFC 9110, section 14.6), each after its head.
fn multipart_sections(
    parts: Vec<Range<u64>>,
    length: u64,
    media_type: &str,
    boundary: &str,
) -> Vec<Section> {
    let mut sections = Vec::with_capacity(2 * parts.len() + 1);
    for part in parts {
        let range = content_range(&part, length);
        let head = format!(
            "\r\n--{boundary}\r\nContent-Type: {media_type}\r\nContent-Range: {range}\r\n\r\n"
        );
        sections.push(Section::Text(head.into()));
        sections.push(Section::Region(part));
    }
    sections.push(Section::Text(format!("\r\n--{boundary}--\r\n").into()));
    sections
}

fn content_range(part: &Range<u64>, length: u64) -> String {
    format!("bytes {}-{}/{length}", part.start, part.end - 1)
}

fn media_type_of(open: &OpenFile, name: &OsStr) -> &'static str {
    media_type::by_name(name).unwrap_or_else(|| {
        let mut head = [0; media_type::SNIFFED];
        let count = open.file.read_at(&mut head, 0).unwrap_or(0);
        media_type::sniff(name, &head[..count])
    })
}

fn response_of(status: StatusCode, media_type: &str) -> Response {
    let mut response = Response::new(http::empty());
    *response.status_mut() = status;
    set(&mut response, CONTENT_TYPE, media_type);
    response
}

fn send(response: &mut Response, open: OpenFile, head: &Parts, sections: Vec<Section>) {
    response.headers_mut().insert(CONTENT_LENGTH, body::length(&sections).into());
    if head.method != Method::HEAD {
        *response.body_mut() = body::from_file(open.file, sections);
    }
}

/// The fields by which a client can ask again whether its copy is good, which it always shall.
fn set_validators(fields: &mut HeaderMap, validators: &Validators) {
    let tag = HeaderValue::try_from(validators.tag.to_string());
    fields.extend(tag.ok().map(|tag| (ETAG, tag)));
    if let Some(modified) = validators.modified {
        let date = httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(modified));
        fields.extend(HeaderValue::try_from(date).ok().map(|date| (LAST_MODIFIED, date)));
    }
    fields.insert(CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
}

fn set(response: &mut Response, name: HeaderName, value: &str) {
    // only digits, boundaries and types of the table come here
    response.headers_mut().extend(HeaderValue::try_from(value).ok().map(|value| (name, value)));
}
