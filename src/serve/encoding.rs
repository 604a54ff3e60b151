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
use crate::runtime::preference;

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
    let accepts = |coding| preference(fields, ACCEPT_ENCODING, coding).is_some();
    let mut accepted = CODINGS.into_iter().filter(|(coding, _)| accepts(coding));
    accepted.find_map(|(coding, end)| Some((coding, beside(end)?)))
}
