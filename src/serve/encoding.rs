//! Compressed versions of a file that its owner has put beside it: `style.css.br` for `style.css`.
//!
//! Site generators make them, and they cost nothing to send. Such a version is another representation
//! of the same thing (RFC 9110, section 8.4): it has its own tag and its own ranges. One that is older
//! than the file is not used. Nothing is compressed while it is sent.

use std::{
    ffi::{OsStr, OsString},
    os::unix::fs::MetadataExt,
};

use hyper::{
    header::{ACCEPT_ENCODING, CONTENT_ENCODING, HeaderMap, HeaderValue, VARY},
    http::request::Parts,
};

use super::folder::{Folder, Node, OpenFile};
use super::media_type;
use super::path::RequestPath;
use super::representation;
use crate::runtime::http::Response;

/// Codings with the ends of their file names; the smallest result first.
const CODINGS: [(&str, &str); 3] = [("br", ".br"), ("zstd", ".zst"), ("gzip", ".gz")];

/// Answers with a file, or with a compressed version of it that the client takes. Blocks.
pub(super) fn respond(
    folder: &Folder,
    path: &RequestPath,
    open: OpenFile,
    head: &Parts,
) -> Response {
    let name = path.name().unwrap_or_default();
    if !media_type::by_name(name).is_some_and(media_type::is_compressible) {
        return representation::of_file(open, name, head);
    }
    let mut response = match compressed(folder, path, name, &open, &head.headers) {
        Some((coding, smaller)) => {
            let mut response = representation::of_file(smaller, name, head);
            if response.status().is_success() {
                response.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static(coding));
            }
            response
        }
        None => representation::of_file(open, name, head),
    };
    response.headers_mut().append(VARY, HeaderValue::from_static("Accept-Encoding"));
    response
}

fn compressed(
    folder: &Folder,
    path: &RequestPath,
    name: &OsStr,
    open: &OpenFile,
    fields: &HeaderMap,
) -> Option<(&'static str, OpenFile)> {
    let beside = |end: &str| {
        let mut segments = path.segments.clone();
        *segments.last_mut()? = [name, OsStr::new(end)].into_iter().collect::<OsString>();
        match folder.find(&segments).ok()? {
            Node::File(smaller) if smaller.metadata.mtime() >= open.metadata.mtime() => {
                Some(smaller)
            }
            _ => None,
        }
    };
    let accepted = CODINGS.into_iter().filter(|(coding, _)| accepts(fields, coding));
    accepted.into_iter().find_map(|(coding, end)| Some((coding, beside(end)?)))
}

/// Whether `Accept-Encoding` names a coding with a weight above zero. A wildcard is not taken up: who
/// sends one wants to see what comes.
fn accepts(fields: &HeaderMap, coding: &str) -> bool {
    let values = fields.get_all(ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|item| {
        let (name, weight) = item.split_once(';').unwrap_or((item, "q=1"));
        let weight = weight.trim().trim_start_matches(['q', 'Q']).trim_start_matches('=');
        name.trim().eq_ignore_ascii_case(coding)
            && weight.parse().is_ok_and(|weight: f32| weight > 0.0)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_accept_encoding() {
        let accepts = |value: &'static str, coding| {
            accepts(
                &HeaderMap::from_iter([(ACCEPT_ENCODING, HeaderValue::from_static(value))]),
                coding,
            )
        };
        assert!(accepts("gzip, deflate, br", "br"));
        assert!(accepts("GZIP;q=0.5", "gzip"));
        assert!(!accepts("gzip;q=0, br", "gzip"));
        assert!(!accepts("identity, *", "gzip"));
        assert!(!accepts("gzip;q=x", "gzip"));
    }
}
