//! EXIF and size of pictures. Where a photograph was taken is never read.

use std::{
    io::{BufRead, Seek},
    path::Path,
};

use exif::{Exif, In, Tag, Value};

use crate::identity::CivilTime;

use super::{
    tag_date::TagDate,
    tags::{MAX_LINE, Tags, clean, open},
};

/// Octets of a file that may be read; EXIF comes first in it.
const LIMIT: u64 = 512 << 10;

/// The tags of a picture that was last written at `modified`.
pub(super) fn tags(path: &Path, modified: CivilTime) -> Tags {
    let exif = open(path, LIMIT).and_then(|mut file| exif(&mut file));
    let text = |tag| match &exif.as_ref()?.get_field(tag, In::PRIMARY)?.value {
        Value::Ascii(lines) => lines.first().map(Vec::as_slice),
        _ => None,
    };
    let line = |tag| clean(&String::from_utf8_lossy(text(tag)?), MAX_LINE, false);
    let taken = text(Tag::DateTimeOriginal).or_else(|| text(Tag::DateTime));
    Tags {
        title: line(Tag::ImageDescription),
        artist: line(Tag::Artist),
        date: taken.and_then(|taken| date(taken, text(Tag::OffsetTimeOriginal), modified)),
        size: size(path).map(|(width, height)| match exif.as_ref().map(orientation) {
            Some(5..=8) => (height, width),
            _ => (width, height),
        }),
        ..Tags::default()
    }
}

/// The small preview that cameras put in, turned as the picture is.
pub(super) fn thumbnail(path: &Path) -> Option<Vec<u8>> {
    let exif = exif(&mut open(path, LIMIT)?)?;
    let place = |tag| exif.get_field(tag, In::THUMBNAIL)?.value.get_uint(0);
    let start = place(Tag::JPEGInterchangeFormat)? as usize;
    let length = place(Tag::JPEGInterchangeFormatLength)? as usize;
    let jpeg = exif.buf().get(start..start.checked_add(length)?)?;
    let content = jpeg.strip_prefix(&JPEG_START)?;
    Some([&JPEG_START, &*orientation_segment(orientation(&exif)), content].concat())
}

/// Begins every JPEG file.
const JPEG_START: [u8; 2] = [0xff, 0xd8];

/// A JPEG segment with EXIF in which nothing but the orientation stands; previews have none of their own.
fn orientation_segment(orientation: u8) -> Vec<u8> {
    [
        &b"\xff\xe1\x00\x22Exif\0\0"[..],
        b"MM\x00\x2a\x00\x00\x00\x08", // a TIFF file whose directory follows at once
        b"\x00\x01\x01\x12\x00\x03\x00\x00\x00\x01", // one field: tag 0x0112, one SHORT
        &[0, orientation, 0, 0],
        &[0; 4], // no other directory
    ]
    .concat()
}

/// How the camera was held, 1 to 8; 1 is upright.
fn orientation(exif: &Exif) -> u8 {
    let value =
        exif.get_field(Tag::Orientation, In::PRIMARY).and_then(|field| field.value.get_uint(0));
    value
        .and_then(|value| value.try_into().ok())
        .filter(|value| (1..=8).contains(value))
        .unwrap_or(1)
}

/// `2026:11:22 07:25:16` and `+02:00`; UTC where the camera does not tell its zone.
fn date(taken: &[u8], zone: Option<&[u8]>, modified: CivilTime) -> Option<CivilTime> {
    let mut date = exif::DateTime::from_ascii(taken).ok()?;
    if let Some(zone) = zone {
        let _ = date.parse_offset(zone);
    }
    let [hour, minute, second] = [date.hour, date.minute, date.second].map(i64::from);
    let time = hour * 3600 + (minute - date.offset.map_or(0, i64::from)) * 60 + second;
    let (month, day) = (Some(date.month), Some(date.day));
    TagDate { year: date.year, month, day, time }.resolve(modified)
}

fn exif(file: &mut (impl BufRead + Seek)) -> Option<Exif> {
    exif::Reader::new()
        .continue_on_error(true)
        .read_from_container(file)
        .or_else(|error| error.distill_partial_result(|_| ()))
        .ok()
}

fn size(path: &Path) -> Option<(u32, u32)> {
    let size = imagesize::reader_size(open(path, LIMIT)?).ok()?;
    Some((size.width.try_into().ok()?, size.height.try_into().ok()?))
}
