//! APEv2 tags at the end of MPEG audio ("APE Tags Specification", version 2.0, and 1.0 alike):
//! items, and a footer of 32 octets that tells how many. Pictures in them are passed over.

use super::{
    source::{Octets, Source},
    tag::{Key, Tag},
    text::utf8,
};

/// Octets of the footer.
const FOOTER: u64 = 32;
/// Octets of an item that tell which it is: its length, flags, and a name of at most 255.
const BEGINNING: u64 = 4 + 4 + 255 + 1;
/// Octets of a text that are looked at.
const MAX_TEXT: u64 = 64 << 10;
/// Items that are looked at.
const MAX_ITEMS: u64 = 1000;

const ITEMS: [(&str, Key); 12] = [
    ("title", Key::Title),
    ("artist", Key::Artist),
    ("album artist", Key::AlbumArtist),
    ("albumartist", Key::AlbumArtist),
    ("album", Key::Album),
    ("comment", Key::Comment),
    ("unsyncedlyrics", Key::UnsyncLyrics),
    ("lyrics", Key::Lyrics),
    ("year", Key::Date),
    ("track", Key::Track),
    ("disc", Key::Disk),
    ("disk", Key::Disk),
];

/// The tag that ends at `end`, and where it begins.
pub(super) fn read(source: &mut Source<'_>, end: u64) -> Option<(Tag, u64)> {
    source.seek(end.checked_sub(FOOTER)?)?;
    let footer = source.array::<{ FOOTER as usize }>()?;
    let mut footer = Octets(footer.strip_prefix(b"APETAGEX")?);
    let _version = footer.little(4)?;
    let start = end.checked_sub(footer.little(4)?)?;
    let count = footer.little(4)?;
    let has_header = footer.little(4)? >> 31 == 1;
    source.seek(start)?;
    let mut tag = Tag::default();
    for _ in 0..count.min(MAX_ITEMS) {
        if item(source, end - FOOTER, &mut tag).is_none() {
            break;
        }
    }
    Some((tag, if has_header { start.saturating_sub(FOOTER) } else { start }))
}

fn item(source: &mut Source<'_>, end: u64, tag: &mut Tag) -> Option<()> {
    let start = source.at();
    let octets = source.up_to(end.checked_sub(start)?.min(BEGINNING));
    let mut octets = Octets(&octets);
    let size = octets.little(4)?;
    let is_text = octets.little(4)? >> 1 & 3 == 0;
    let length = octets.0.iter().position(|octet| *octet == 0)?;
    let name = octets.take(length)?;
    source.seek(start + 4 + 4 + length as u64 + 1)?;
    let next = source.at() + size;
    let key = ITEMS.iter().find(|(item, _)| name.eq_ignore_ascii_case(item.as_bytes()));
    if let Some((_, key)) = key.filter(|_| is_text) {
        tag.set(*key, utf8(&source.up_to(size.min(MAX_TEXT))).unwrap_or_default());
    }
    source.seek(next)
}
