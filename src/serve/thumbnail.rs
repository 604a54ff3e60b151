//! Small versions of pictures, without decoding any.
//!
//! `?thumb` on a JPEG answers with the thumbnail that its camera embedded (Exif 2.3, section 4.5.5). That
//! one does not say which way up it is, so the picture's orientation is written into it. A small picture
//! is its own thumbnail; a large one without an embedded thumbnail is sent whole up to a limit, and
//! beyond that a drawing stands for it.

use std::{
    ffi::OsStr,
    fs::File,
    io::{BufReader, Read},
};

use hyper::http::request::Parts;

use super::etag::Validators;
use super::folder::OpenFile;
use super::listing::Query;
use super::media_type;
use super::representation;
use crate::runtime::clock;
use crate::runtime::http::Response;

/// Pictures of at most this many octets are shown in listings as they are.
pub(super) const LARGEST_WHOLE: u64 = 4_000_000;
/// Pictures of at most this many octets look better as they are than as their thumbnails.
const SMALL: u64 = 200_000;
/// The metadata of a picture lie within this many octets from its beginning.
const HEAD: u64 = 256 * 1024;

/// A picture of a picture, for those too large to be shown.
const DRAWING: &str = include_str!("page/picture.svg");

/// Whether the thumbnail of a file is asked for rather than the file.
pub(super) fn wanted(head: &Parts) -> bool {
    head.uri.query().is_some_and(|query| Query::parse(query).thumb)
}

/// Answers with the thumbnail of a JPEG, and with any other file as it is. Blocks.
pub(super) fn respond(open: OpenFile, name: &OsStr, head: &Parts) -> Response {
    let length = open.metadata.len();
    if media_type::by_name(name) != Some("image/jpeg") || length <= SMALL {
        return representation::of_file(open, name, head);
    }
    let mut validators = Validators::of_file(&open.metadata, clock::wall());
    validators.tag = validators.tag.derived("thumb");
    match embedded(&open.file) {
        Some(thumbnail) => representation::of_content(thumbnail, "image/jpeg", &validators, head),
        None if length <= LARGEST_WHOLE => representation::of_file(open, name, head),
        None => representation::of_content(DRAWING.into(), "image/svg+xml", &validators, head),
    }
}

/// The thumbnail that a JPEG carries, turned as the JPEG is.
fn embedded(file: &File) -> Option<Vec<u8>> {
    let attributes = exif::get_exif_attr_from_jpeg(&mut BufReader::new(file.take(HEAD))).ok()?;
    let exif = exif::Reader::new().read_raw(attributes).ok()?;
    let number = |tag, ifd| exif.get_field(tag, ifd)?.value.get_uint(0);
    let start = number(exif::Tag::JPEGInterchangeFormat, exif::In::THUMBNAIL)?;
    let length = number(exif::Tag::JPEGInterchangeFormatLength, exif::In::THUMBNAIL)?;
    let start = usize::try_from(start).ok()?;
    let end = start.checked_add(usize::try_from(length).ok()?)?;
    let thumbnail = exif.buf().get(start..end)?;
    let orientation = number(exif::Tag::Orientation, exif::In::PRIMARY).unwrap_or(1);
    turned(thumbnail, u8::try_from(orientation).ok().filter(|it| (1..=8).contains(it)).unwrap_or(1))
}

/// The JPEG with an Exif segment that says nothing but its orientation. None if it is no JPEG.
fn turned(jpeg: &[u8], orientation: u8) -> Option<Vec<u8>> {
    let rest = jpeg.strip_prefix(b"\xFF\xD8").filter(|rest| rest.starts_with(b"\xFF"))?;
    let mut turned = Vec::with_capacity(jpeg.len() + 38);
    turned.extend(b"\xFF\xD8"); // start of image
    turned.extend(b"\xFF\xE1\0\x22Exif\0\0"); // APP1 of 34 octets
    turned.extend(b"MM\0\x2A\0\0\0\x08"); // TIFF, big-endian, first directory at 8
    turned.extend(b"\0\x01\x01\x12\0\x03\0\0\0\x01"); // one field: orientation, one short
    turned.extend([0, orientation, 0, 0]);
    turned.extend([0; 4]); // no further directory
    turned.extend(rest);
    Some(turned)
}

#[cfg(test)]
mod tests {
    use std::{
        fs,
        io::{Seek, Write},
    };

    use http_body_util::BodyExt;
    use hyper::Request;
    use hyper::header::{CONTENT_TYPE, ETAG, IF_NONE_MATCH};

    use super::*;
    use crate::runtime::block_on;
    use crate::serve::folder::{Folder, Node};

    /// A JPEG with an Exif thumbnail, as cameras make them; `orientation` as in Exif.
    fn photo(thumbnail: &[u8], orientation: u8) -> Vec<u8> {
        let mut tiff = b"MM\0\x2A\0\0\0\x08".to_vec();
        tiff.extend(b"\0\x01\x01\x12\0\x03\0\0\0\x01");
        tiff.extend([0, orientation, 0, 0, 0, 0, 0, 26]);
        tiff.extend(b"\0\x02\x02\x01\0\x04\0\0\0\x01\0\0\0\x38\x02\x02\0\x04\0\0\0\x01");
        tiff.extend(u32::try_from(thumbnail.len()).unwrap().to_be_bytes());
        tiff.extend([0; 4]);
        assert_eq!(tiff.len(), 0x38);
        tiff.extend(thumbnail);
        let mut jpeg = b"\xFF\xD8\xFF\xE1".to_vec();
        jpeg.extend(u16::try_from(tiff.len() + 8).unwrap().to_be_bytes());
        jpeg.extend(b"Exif\0\0");
        jpeg.extend(&tiff);
        jpeg.extend(b"\xFF\xDA\0\x02scan data\xFF\xD9");
        jpeg
    }

    fn embedded_in(content: &[u8]) -> Option<Vec<u8>> {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(content).unwrap();
        file.rewind().unwrap();
        embedded(&file)
    }

    #[test]
    fn takes_the_embedded_thumbnail_and_turns_it() {
        let small = b"\xFF\xD8\xFF\xDBsmall\xFF\xD9";
        let thumbnail = embedded_in(&photo(small, 6)).unwrap();
        assert!(thumbnail.ends_with(&small[2..]));
        let mut reader = BufReader::new(std::io::Cursor::new(&thumbnail));
        let exif = exif::Reader::new().read_from_container(&mut reader).unwrap();
        let orientation = exif.get_field(exif::Tag::Orientation, exif::In::PRIMARY).unwrap();
        assert_eq!(orientation.value.get_uint(0), Some(6));
    }

    #[test]
    fn a_large_picture_answers_with_its_thumbnail() {
        let small = b"\xFF\xD8\xFF\xDBsmall\xFF\xD9";
        let mut picture = photo(small, 3);
        picture.resize(SMALL as usize + 1, 0);
        let temp = tempfile::tempdir().unwrap();
        fs::write(temp.path().join("a.jpg"), &picture).unwrap();
        let folder = Folder::open(temp.path()).unwrap();
        let ask = |request: hyper::http::request::Builder| {
            let Ok(Node::File(open)) = folder.find(&["a.jpg".into()]) else {
                panic!("it is there")
            };
            let (head, ()) = request.uri("/a.jpg?thumb").body(()).unwrap().into_parts();
            assert!(wanted(&head));
            respond(open, OsStr::new("a.jpg"), &head)
        };
        let thumbnail = ask(Request::builder());
        assert_eq!(thumbnail.headers()[CONTENT_TYPE], "image/jpeg");
        let tag = thumbnail.headers()[ETAG].clone();
        let content = block_on(thumbnail.into_body().collect()).unwrap().to_bytes();
        assert!(content.len() < 100 && content.ends_with(&small[2..]));
        assert_eq!(ask(Request::builder().header(IF_NONE_MATCH, tag)).status(), 304);
    }

    #[test]
    fn broken_pictures_have_none() {
        let good = photo(b"\xFF\xD8\xFF\xDBsmall\xFF\xD9", 1);
        assert!(embedded_in(&good).is_some());
        assert!(embedded_in(&photo(b"not a jpeg", 1)).is_none());
        assert!(embedded_in(b"").is_none());
        for end in 0..good.len() {
            embedded_in(&good[..end]);
        }
        for at in 0..good.len() {
            let mut broken = good.clone();
            broken[at] ^= 0xFF;
            embedded_in(&broken);
        }
    }
}
