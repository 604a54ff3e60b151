//! Vorbis comments (Vorbis I, 5), which FLAC and all formats in Ogg have: lines like `TITLE=Soup`,
//! each with its length in front. Pictures are lines too, of the structure that FLAC has for them
//! (RFC 9639, 8.8), in Base64.

use std::io::Read;

use data_encoding::BASE64;

use super::{
    found::{Found, OTHER},
    source::{Octets, little},
    tag::{Key, Tag},
    text::utf8,
};

/// Octets of a line of text that are looked at.
const MAX_TEXT: u64 = 64 << 10;
/// Octets at the beginning of a line that tell which it is.
const BEGINNING: u64 = 32;

const LINES: [(&str, Key); 13] = [
    ("TITLE", Key::Title),
    ("ARTIST", Key::Artist),
    ("ALBUMARTIST", Key::AlbumArtist),
    ("ALBUM ARTIST", Key::AlbumArtist),
    ("ALBUM", Key::Album),
    ("DESCRIPTION", Key::Description),
    ("COMMENT", Key::Comment),
    ("UNSYNCEDLYRICS", Key::UnsyncLyrics),
    ("LYRICS", Key::Lyrics),
    ("DATE", Key::Date),
    ("YEAR", Key::Year),
    ("TRACKNUMBER", Key::Track),
    ("DISCNUMBER", Key::Disk),
];

/// Reads all lines, or those before the first that is damaged.
pub(super) fn read(octets: &mut dyn Read, found: &mut Found) -> Tag {
    let mut tag = Tag::default();
    let _ = lines(octets, &mut tag, found);
    tag
}

fn lines(octets: &mut dyn Read, tag: &mut Tag, found: &mut Found) -> Option<()> {
    let vendor = number(octets)?;
    pass(octets, vendor)?;
    for _ in 0..number(octets)? {
        let length = number(octets)?;
        let mut line = some(octets, length.min(BEGINNING))?;
        let rest = length - line.len() as u64;
        let Some(equals) = line.iter().position(|octet| *octet == b'=') else {
            pass(octets, rest)?;
            continue;
        };
        let name = String::from_utf8_lossy(line.get(..equals)?).to_ascii_uppercase();
        let is_picture = ["METADATA_BLOCK_PICTURE", "COVERART"].contains(&&*name);
        let key = LINES.iter().find(|(line, _)| *line == name).map(|(_, key)| *key);
        let wanted = match key {
            Some(_) => MAX_TEXT,
            // four characters for three octets
            None if is_picture && found.wants_picture(rest / 4 * 3) => rest,
            None => 0,
        };
        let taken = rest.min(wanted);
        line.append(&mut some(octets, taken)?);
        pass(octets, rest - taken)?;
        let value = line.get(equals + 1..)?;
        match key {
            // of numbers the last counts
            Some(key @ (Key::Track | Key::Disk)) => utf8(value).map(|text| tag.set(key, text)),
            Some(key) => utf8(value).map(|text| tag.add(key, text)),
            None if wanted == 0 => None,
            None => BASE64.decode(value).ok().and_then(|content| match &*name {
                "COVERART" => {
                    let length = content.len();
                    found.picture(OTHER, content, length);
                    None
                }
                _ => picture(content, found),
            }),
        };
    }
    Some(())
}

/// Takes a picture of FLAC's structure.
pub(super) fn picture(mut content: Vec<u8>, found: &mut Found) -> Option<()> {
    let mut octets = Octets(&content);
    let kind = octets.big(4)?;
    for _media_type_and_description in 0..2 {
        let length = octets.big(4)?;
        octets.take(length.try_into().ok()?)?;
    }
    let _width_height_depth_colours = octets.take(16)?;
    let length = usize::try_from(octets.big(4)?).ok()?;
    let behind = octets.0.len().checked_sub(length)?;
    content.truncate(content.len() - behind);
    found.picture(kind, content, length);
    Some(())
}

fn number(octets: &mut dyn Read) -> Option<u64> {
    some(octets, 4).map(|number| little(&number))
}

/// So many octets, if there are.
fn some(octets: &mut dyn Read, count: u64) -> Option<Vec<u8>> {
    let mut taken = Vec::new();
    octets.take(count).read_to_end(&mut taken).ok()?;
    (taken.len() as u64 == count).then_some(taken)
}

/// Leaves out so many octets.
fn pass(octets: &mut dyn Read, mut count: u64) -> Option<()> {
    while count > 0 {
        let passed = some(octets, count.min(MAX_TEXT))?;
        count -= passed.len() as u64;
    }
    Some(())
}
