//! Small versions of pictures, without decoding any.
//!
//! `?thumb` on a JPEG answers with the thumbnail that its camera embedded. A small picture is its own
//! thumbnail; a large one without an embedded thumbnail is sent whole up to a limit, and beyond that a
//! drawing stands for it.

use std::ffi::OsStr;

use hyper::http::request::Parts;

use super::camera;
use super::etag::Validators;
use super::folder::OpenFile;
use super::media_type;
use super::representation;
use crate::runtime::clock;
use crate::runtime::http::Response;

/// Pictures of at most this many octets are shown in listings as they are.
pub(super) const LARGEST_WHOLE: u64 = 4_000_000;
/// Pictures of at most this many octets look better as they are than as their thumbnails.
const SMALL: u64 = 200_000;

/// A picture of a picture, for those too large to be shown.
const DRAWING: &str = include_str!("page/picture.svg");

/// Answers with the thumbnail of a JPEG, and with any other file as it is. Blocks.
pub(super) fn respond(open: OpenFile, name: &OsStr, head: &Parts) -> Response {
    let length = open.metadata.len();
    if media_type::by_name(name) != Some("image/jpeg") || length <= SMALL {
        return representation::of_file(open, name, head);
    }
    let mut validators = Validators::of_file(&open.metadata, clock::wall());
    validators.tag = validators.tag.derived("thumb");
    match camera::thumbnail(&open.file) {
        Some(thumbnail) => representation::of_content(thumbnail, "image/jpeg", &validators, head),
        None if length <= LARGEST_WHOLE => representation::of_file(open, name, head),
        None => representation::of_content(DRAWING.into(), "image/svg+xml", &validators, head),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use http_body_util::BodyExt;
    use hyper::Request;
    use hyper::header::{CONTENT_TYPE, ETAG, IF_NONE_MATCH};

    use super::*;
    use crate::runtime::block_on;
    use crate::serve::folder::Folder;

    #[test]
    fn a_large_picture_answers_with_its_thumbnail() {
        let small = b"\xFF\xD8\xFF\xDBsmall\xFF\xD9";
        let mut picture = camera::photo(small, 3);
        picture.resize(SMALL as usize + 1, 0);
        let temp = tempfile::tempdir().unwrap();
        fs::write(temp.path().join("a.jpg"), &picture).unwrap();
        let folder = Folder::open(temp.path()).unwrap();
        let ask = |request: hyper::http::request::Builder| {
            let open = folder.file("a.jpg").unwrap();
            let (head, ()) = request.uri("/a.jpg?thumb").body(()).unwrap().into_parts();
            respond(open, OsStr::new("a.jpg"), &head)
        };
        let thumbnail = ask(Request::builder());
        assert_eq!(thumbnail.headers()[CONTENT_TYPE], "image/jpeg");
        let tag = thumbnail.headers()[ETAG].clone();
        let content = block_on(thumbnail.into_body().collect()).unwrap().to_bytes();
        assert!(content.len() < 100 && content.ends_with(&small[2..]));
        assert_eq!(ask(Request::builder().header(IF_NONE_MATCH, tag)).status(), 304);
    }
}
