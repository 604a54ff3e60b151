//! EXIF and size of pictures. Where a photograph was taken is never read.

use std::fs::File;

use exif::{In, Tag, Value};

use crate::identity::CivilTime;
use crate::serve::{bounded, camera};

use super::{
    tag_date::TagDate,
    tags::{MAX_LINE, Tags, clean},
};

/// The tags of a picture that was last written at `modified`.
pub(super) fn tags(file: &File, modified: CivilTime) -> Tags {
    let exif = camera::notes(file);
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
        size: size(file).map(|(width, height)| match exif.as_ref().map(camera::orientation) {
            Some(5..=8) => (height, width),
            _ => (width, height),
        }),
        ..Tags::default()
    }
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

fn size(file: &File) -> Option<(u32, u32)> {
    let size = imagesize::reader_size(bounded::from_start(file, camera::LIMIT)?).ok()?;
    Some((size.width.try_into().ok()?, size.height.try_into().ok()?))
}
