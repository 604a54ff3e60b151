//! What a camera writes into a picture (Exif 2.3): which way up it is, and a small version of it.
//!
//! Pictures are not decoded. Where one was taken is nobody's business here.

use std::{
    fs::File,
    io::{BufRead, Seek},
};

use exif::{Exif, In, Tag};

use super::bounded;

/// Octets of a file that may be read; what the camera writes comes first in it.
pub(super) const LIMIT: u64 = 512 << 10;

/// All that a camera has written into a file. None where there is nothing or nothing to understand.
pub(super) fn notes(file: &File) -> Option<Exif> {
    read(&mut bounded::from_start(file, LIMIT)?)
}

/// How the camera was held, 1 to 8; 1 is upright.
pub(super) fn orientation(notes: &Exif) -> u8 {
    let value = notes.get_field(Tag::Orientation, In::PRIMARY);
    let value = value.and_then(|field| u8::try_from(field.value.get_uint(0)?).ok());
    value.filter(|value| (1..=8).contains(value)).unwrap_or(1)
}

/// The small JPEG that a camera has put into a picture (section 4.5.5). That one does not say which way
/// up it is, so the orientation of the picture is written into it.
pub(super) fn thumbnail(file: &File) -> Option<Vec<u8>> {
    let notes = notes(file)?;
    let number = |tag| notes.get_field(tag, In::THUMBNAIL)?.value.get_uint(0);
    let start = usize::try_from(number(Tag::JPEGInterchangeFormat)?).ok()?;
    let length = usize::try_from(number(Tag::JPEGInterchangeFormatLength)?).ok()?;
    let thumbnail = notes.buf().get(start..start.checked_add(length)?)?;
    turned(thumbnail, orientation(&notes))
}

fn read(file: &mut (impl BufRead + Seek)) -> Option<Exif> {
    exif::Reader::new()
        .continue_on_error(true)
        .read_from_container(file)
        .or_else(|error| error.distill_partial_result(|_| ()))
        .ok()
}

/// The JPEG with an Exif segment that says nothing but its orientation. None if it is no JPEG.
fn turned(jpeg: &[u8], orientation: u8) -> Option<Vec<u8>> {
    let rest = jpeg.strip_prefix(b"\xFF\xD8").filter(|rest| rest.starts_with(b"\xFF"))?;
    let turned = [
        &b"\xFF\xD8"[..],                  // start of image
        b"\xFF\xE1\0\x22Exif\0\0",         // APP1 of 34 octets
        b"MM\0\x2A\0\0\0\x08",             // TIFF, big-endian, first directory at 8
        b"\0\x01\x01\x12\0\x03\0\0\0\x01", // one field: orientation, one short
        &[0, orientation, 0, 0],
        &[0; 4], // no further directory
        rest,
    ];
    Some(turned.concat())
}

/// A JPEG with an Exif thumbnail, as cameras make them.
#[cfg(test)]
pub(super) fn photo(thumbnail: &[u8], orientation: u8) -> Vec<u8> {
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

#[cfg(test)]
mod tests {
    use std::io::{Cursor, Write};

    use super::*;

    const SMALL: &[u8] = b"\xFF\xD8\xFF\xDBsmall\xFF\xD9";

    fn thumbnail_in(content: &[u8]) -> Option<Vec<u8>> {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(content).unwrap();
        thumbnail(&file)
    }

    #[test]
    fn takes_the_embedded_thumbnail_and_turns_it() {
        let thumbnail = thumbnail_in(&photo(SMALL, 6)).unwrap();
        assert!(thumbnail.ends_with(&SMALL[2..]));
        let exif = read(&mut Cursor::new(&thumbnail)).unwrap();
        assert_eq!((exif.fields().len(), orientation(&exif)), (1, 6));
    }

    #[test]
    fn an_orientation_that_is_none_is_upright() {
        for odd in [0, 9, 255] {
            let thumbnail = thumbnail_in(&photo(SMALL, odd)).unwrap();
            assert_eq!(orientation(&read(&mut Cursor::new(&thumbnail)).unwrap()), 1);
        }
    }

    #[test]
    fn broken_pictures_have_none() {
        let good = photo(SMALL, 1);
        assert!(thumbnail_in(&good).is_some());
        assert!(thumbnail_in(&photo(b"not a jpeg", 1)).is_none());
        assert!(thumbnail_in(b"").is_none());
        for end in 0..good.len() {
            thumbnail_in(&good[..end]);
        }
        for at in 0..good.len() {
            let mut broken = good.clone();
            broken[at] ^= 0xFF;
            thumbnail_in(&broken);
        }
    }
}
