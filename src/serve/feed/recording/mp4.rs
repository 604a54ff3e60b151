//! MP4 and QuickTime (ISO/IEC 14496-12): boxes in boxes, each with its length and a name of four
//! octets.
//!
//! What matters is in `moov`, in front of the media or behind it: the playing time in
//! `trak.mdia.mdhd` of the track with sound, else in `mvhd`, and the tag in `udta.meta.ilst`, whose
//! items iTunes has named. Items of names in clear text (`----`) say nothing that feeds have a
//! place for.

use std::ops::Range;

use super::{
    found::{Found, OTHER},
    source::{Octets, Source},
    tag::{Key, Tag},
    text::{utf8, utf16},
};

/// Octets of a box's length and name, and of a text that are looked at.
const HEADER: u64 = 8;
const MAX_TEXT: u64 = 64 << 10;
/// Octets of the two headers that have the playing time.
const MAX_TIMES: u64 = 32;

/// The types of `data` that are text (QuickTime File Format, "Well-known types").
const UTF8: u64 = 1;
const UTF16: u64 = 2;

const ITEMS: [(&[u8; 4], Key); 9] = [
    (b"\xA9nam", Key::Title),
    (b"\xA9ART", Key::Artist),
    (b"aART", Key::AlbumArtist),
    (b"\xA9alb", Key::Album),
    (b"ldes", Key::PodcastDescription),
    (b"desc", Key::Description),
    (b"\xA9cmt", Key::Comment),
    (b"\xA9lyr", Key::Lyrics),
    (b"\xA9day", Key::Date),
];

/// Reads a file.
pub(super) fn read(source: &mut Source<'_>, found: &mut Found) -> Option<()> {
    let mut tag = Tag::default();
    let whole = 0..source.length();
    let moov = child(source, whole, b"moov")?;
    let _ = movie(source, moov, &mut tag, found);
    found.tags.push(tag);
    Some(())
}

fn movie(
    source: &mut Source<'_>,
    moov: Range<u64>,
    tag: &mut Tag,
    found: &mut Found,
) -> Option<()> {
    let mut has_sound = false;
    let mut boxes = Boxes(moov);
    while let Some((name, content)) = boxes.next(source) {
        match &name {
            b"mvhd" if !has_sound => lasts(source, &content, found),
            b"trak" if !has_sound => {
                has_sound =
                    sound(source, content).map(|mdhd| lasts(source, &mdhd, found)).is_some();
            }
            b"udta" => {
                if let Some(items) = items(source, content) {
                    let _ = list(source, items, tag, found);
                }
            }
            _ => {}
        }
    }
    Some(())
}

/// The header of a track's media, if that is sound.
fn sound(source: &mut Source<'_>, trak: Range<u64>) -> Option<Range<u64>> {
    let mdia = child(source, trak, b"mdia")?;
    let hdlr = child(source, mdia.clone(), b"hdlr")?;
    source.seek(hdlr.start)?;
    let handler = source.array::<12>()?;
    if handler.ends_with(b"soun") { child(source, mdia, b"mdhd") } else { None }
}

/// Takes the playing time of `mvhd` or `mdhd`, which begin alike: when made and changed, units per
/// second and their number, in the later version with more octets.
fn lasts(source: &mut Source<'_>, header: &Range<u64>, found: &mut Found) {
    let mut read = || {
        source.seek(header.start)?;
        let octets = source.octets((header.end - header.start).min(MAX_TIMES))?;
        let mut octets = Octets(&octets);
        let width = if octets.big(4)? >> 24 == 1 { 8 } else { 4 };
        let _made_and_changed = octets.take(2 * width)?;
        let (rate, units) = (octets.big(4)?, octets.big(width)?);
        // all ones mean that nobody knows
        let unknown = if width == 8 { u64::MAX } else { u32::MAX.into() };
        (units != unknown).then(|| found.lasts(units, rate))
    };
    let _ = read();
}

/// The list of items in `udta`.
fn items(source: &mut Source<'_>, udta: Range<u64>) -> Option<Range<u64>> {
    let mut meta = child(source, udta, b"meta")?;
    source.seek(meta.start)?;
    // QuickTime has it without version and flags
    let begin = source.array::<8>()?;
    if !begin.ends_with(b"hdlr") && !begin.ends_with(b"ilst") {
        meta.start += 4;
    }
    child(source, meta, b"ilst")
}

fn list(source: &mut Source<'_>, ilst: Range<u64>, tag: &mut Tag, found: &mut Found) -> Option<()> {
    let mut items = Boxes(ilst);
    while let Some((name, item)) = items.next(source) {
        let key = ITEMS.iter().find(|(item, _)| **item == name).map(|(_, key)| *key);
        if key.is_none() && ![*b"covr", *b"trkn", *b"disk"].contains(&name) {
            continue;
        }
        let mut values = Boxes(item);
        while let Some((_, mut value)) = values.next(source).filter(|(name, _)| name == b"data") {
            source.seek(value.start)?;
            let Some(head) = source.array::<8>() else { break };
            value.start += 8;
            // the type, and a locale
            let kind = Octets(&head).big(4)?;
            let length = value.end.saturating_sub(value.start);
            if name == *b"covr" {
                if found.wants_picture(length) {
                    let picture = source.octets(length)?;
                    let length = picture.len();
                    found.picture(OTHER, picture, length);
                }
                continue;
            }
            let content = source.up_to(length.min(MAX_TEXT));
            match (key, kind) {
                (Some(key), UTF8) => tag.add(key, utf8(&content).unwrap_or_default()),
                (Some(key), UTF16) => tag.add(key, &utf16(&content, true)),
                (None, 0) => {
                    let mut numbers = Octets(&content);
                    let number = numbers.big(4).filter(|number| *number > 0);
                    let key = if name == *b"trkn" { Key::Track } else { Key::Disk };
                    tag.number(key, number.and_then(|number| u32::try_from(number & 0xFFFF).ok()));
                }
                _ => {}
            }
        }
    }
    Some(())
}

/// The content of the first box of that name.
fn child(source: &mut Source<'_>, within: Range<u64>, name: &[u8; 4]) -> Option<Range<u64>> {
    let mut boxes = Boxes(within);
    while let Some((found, content)) = boxes.next(source) {
        if found == *name {
            return Some(content);
        }
    }
    None
}

/// Boxes one after the other in a part of the file; each is behind the one before, so that they
/// end.
struct Boxes(Range<u64>);

impl Boxes {
    /// Name and content of the next one. None at the end, and for what cannot be a box.
    fn next(&mut self, source: &mut Source<'_>) -> Option<([u8; 4], Range<u64>)> {
        let Range { start, end } = self.0;
        source.seek(start)?;
        let [a, b, c, d, name @ ..] = source.array::<{ HEADER as usize }>()?;
        let mut content = start + HEADER;
        let next = match u32::from_be_bytes([a, b, c, d]) {
            // to the end
            0 => end,
            1 => {
                content += 8;
                start.checked_add(u64::from_be_bytes(source.array()?))?
            }
            length => start + u64::from(length),
        };
        // the last box of a file that is cut off is there in part
        let next = next.min(end);
        let named = name.iter().all(|octet| matches!(octet, b' '..=b'~' | 0xA9));
        if next < content || !named {
            self.0.start = end;
            return None;
        }
        self.0.start = next;
        Some((name, content..next))
    }
}
