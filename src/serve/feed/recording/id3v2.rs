//! ID3v2 tags of versions 2.2, 2.3 and 2.4 (the informal standards "ID3 tag version 2", "2.3.0" and
//! "2.4.0"), in front of a file or in a chunk of it.
//!
//! A tag is a header and frames, each with a name and a length. Lengths of 2.4 have seven bits in
//! each octet. So that no decoder takes them for audio, tags may be unsynchronised: a zero stands
//! behind each octet of ones; before 2.4 in the whole tag, since then in single frames. Compressed
//! and encrypted frames are passed over.

use std::io::Cursor;

use super::{
    found::Found,
    source::{Octets, Source, big},
    tag::{Key, Tag},
    text::Encoding,
};

/// Begins every tag.
pub(super) const MARK: &[u8; 3] = b"ID3";
/// Octets of the header, and of the footer where there is one.
const HEADER: u64 = 10;
/// Octets of a frame with text that are looked at.
const MAX_TEXT: u64 = 64 << 10;
/// Octets of an unsynchronised tag, which is read as a whole.
const MAX_UNSYNCHRONISED: u64 = 6 << 20;

/// Frames by their names since 2.3 and in 2.2.
const TEXTS: [(&[u8], &[u8], Key); 9] = [
    (b"TIT2", b"TT2", Key::Title),
    (b"TPE1", b"TP1", Key::Artist),
    (b"TPE2", b"TP2", Key::AlbumArtist),
    (b"TALB", b"TAL", Key::Album),
    (b"TDES", b"TDS", Key::PodcastDescription),
    (b"COMM", b"COM", Key::Comment),
    (b"USLT", b"ULT", Key::UnsyncLyrics),
    (b"TRCK", b"TRK", Key::Track),
    (b"TPOS", b"TPA", Key::Disk),
];

/// Bits of the second octet with what a frame is; in front of its content stands more for each.
struct Flags {
    grouped: bool,
    has_length: bool,
    unsynchronised: bool,
    unreadable: bool,
}

impl Flags {
    fn of(version: u8, octet: u8) -> Flags {
        let has = |bits| octet & bits != 0;
        let (grouped, unreadable) = if version == 4 { (0x40, 0x0C) } else { (0x20, 0xC0) };
        Flags {
            grouped: version > 2 && has(grouped),
            has_length: version == 4 && has(0x01),
            unsynchronised: version == 4 && has(0x02),
            unreadable: version > 2 && has(unreadable),
        }
    }
}

/// The parts of a date that tags before 2.4 have in frames of their own.
#[derive(Default)]
struct Moment {
    year: String,
    /// Day and month.
    date: String,
    /// Hour and minute.
    time: String,
}

/// Reads the tag at this place, of which nothing lies behind `limit`, and goes to its end. None, and nowhere, if there
/// is none.
pub(super) fn read(
    source: &mut Source<'_>,
    limit: u64,
    tag: &mut Tag,
    found: &mut Found,
) -> Option<()> {
    let start = source.at();
    let Some(header) = source.array::<{ HEADER as usize }>().filter(|it| it.starts_with(MARK))
    else {
        source.seek(start)?;
        return None;
    };
    let [_, _, _, version, _, flags, size @ ..] = header;
    let end = (start + HEADER + seven_bits(&size)).min(limit);
    match version {
        // the flag that means an extended header later on says that all is compressed
        2 if flags & 0x40 != 0 => {}
        2 | 3 if flags & 0x80 != 0 => {
            let tag_octets = source.up_to(end.saturating_sub(source.at()).min(MAX_UNSYNCHRONISED));
            let mut inner = Cursor::new(synchronised(tag_octets));
            let mut inner = Source::new(&mut inner)?;
            let end = inner.length();
            frames(&mut inner, end, (version, flags), tag, found);
        }
        2..=4 => {
            frames(source, end, (version, flags), tag, found);
        }
        _ => {}
    }
    let footer = if version == 4 && flags & 0x10 != 0 { HEADER } else { 0 };
    source.seek((end + footer).min(limit))
}

/// Reads what follows the header up to `end`, or until it makes no sense.
fn frames(
    source: &mut Source<'_>,
    end: u64,
    (version, flags): (u8, u8),
    tag: &mut Tag,
    found: &mut Found,
) -> Option<()> {
    if version > 2 && flags & 0x40 != 0 {
        let size = source.array::<4>()?;
        // 2.4 counts the number itself
        let rest = if version == 4 { seven_bits(&size).checked_sub(4)? } else { big(&size) };
        source.skip(rest)?;
    }
    let mut moment = Moment::default();
    let (name, header) = if version == 2 { (3, 6) } else { (4, HEADER) };
    while source.at() + header < end {
        let octets = source.octets(header)?;
        let mut octets = Octets(&octets);
        let name = octets.take(name)?;
        if name.starts_with(b"\0") {
            break; // padding
        }
        let size = match version {
            2 => octets.big(3)?,
            3 => octets.big(4)?,
            _ => seven_bits(octets.take(4)?),
        };
        let mut flags_of_frame = Flags::of(version, octets.big(2).unwrap_or(0) as u8);
        flags_of_frame.unsynchronised |= version == 4 && flags & 0x80 != 0;
        let next = source.at().checked_add(size)?.min(end);
        // 2.2 names in a tag of 2.3 have three letters too
        let name = name.strip_suffix(b"\0").unwrap_or(name);
        if let Some(content) = content(source, next, name, &flags_of_frame, found) {
            frame(name, version, content, &mut moment, tag, found);
        }
        source.seek(next)?;
    }
    moment.tell(tag);
    Some(())
}

/// The content of a frame up to `next`, if it is one of those that matter.
fn content(
    source: &mut Source<'_>,
    next: u64,
    name: &[u8],
    flags: &Flags,
    found: &Found,
) -> Option<Vec<u8>> {
    let size = next - source.at();
    let size = match name {
        b"APIC" | b"PIC" => found.wants_picture(size).then_some(size)?,
        [b'T', ..] | b"COMM" | b"COM" | b"USLT" | b"ULT" => size.min(MAX_TEXT),
        _ => return None,
    };
    if flags.unreadable {
        return None;
    }
    let before = u64::from(flags.grouped) + if flags.has_length { 4 } else { 0 };
    source.skip(before)?;
    let content = source.octets(size.checked_sub(before)?)?;
    Some(if flags.unsynchronised { synchronised(content) } else { content })
}

fn frame(
    name: &[u8],
    version: u8,
    content: Vec<u8>,
    moment: &mut Moment,
    tag: &mut Tag,
    found: &mut Found,
) -> Option<()> {
    let (first, rest) = content.split_first()?;
    let encoding = Encoding::of(*first)?;
    match name {
        b"APIC" | b"PIC" => {
            let (_format, rest) = match version {
                2 => rest.split_at_checked(3)?,
                _ => Encoding::Latin1.split(rest),
            };
            let (kind, rest) = rest.split_first()?;
            let (_description, picture) = encoding.split(rest);
            let (kind, length) = (u64::from(*kind), picture.len());
            found.picture(kind, content, length);
        }
        b"COMM" | b"COM" | b"USLT" | b"ULT" => {
            let (_language, rest) = rest.split_at_checked(3)?;
            let (description, text) = encoding.split(rest);
            // iTunes keeps the loudness there, and where a title begins without a gap
            if !encoding.decode(description, b"").starts_with("iTun") {
                tag.add(key(name)?, &encoding.decode(text, description));
            }
        }
        b"TXXX" | b"TXX" => {
            let (description, text) = encoding.split(rest);
            let name = encoding.decode(description, b"").to_ascii_uppercase();
            let key = match &*name {
                "ALBUMARTIST" | "ALBUM ARTIST" => Key::AlbumArtist,
                name => key(name.as_bytes())?,
            };
            tag.add(key, &encoding.decode(text, description));
        }
        _ => {
            let text = encoding.decode(rest, b"");
            match name {
                b"TDRC" => tag.add(Key::Date, &text),
                b"TDRL" | b"TDR" => tag.add(Key::Year, &text),
                b"TYER" | b"TYE" => moment.year = text,
                b"TDAT" | b"TDA" => moment.date = text,
                b"TIME" | b"TIM" => moment.time = text,
                // of frames that should be there once, the last counts
                _ => tag.set(key(name)?, &text),
            }
        }
    }
    Some(())
}

fn key(name: &[u8]) -> Option<Key> {
    TEXTS.iter().find(|(long, short, _)| [*long, short].contains(&name)).map(|(.., key)| *key)
}

impl Moment {
    /// Makes one date of them: `2026`, `2211` and `0725` are 2026-11-22T07:25.
    fn tell(&self, tag: &mut Tag) {
        if !self.year.is_empty() {
            let (day, month) = self.date.split_at_checked(2).unwrap_or_default();
            let (hour, minute) = self.time.split_at_checked(2).unwrap_or_default();
            // where a part is missing, the date ends
            let date = [&self.year, "-", month, "-", day, "T", hour, ":", minute];
            tag.add(Key::Date, &date.concat().replace('\0', ""));
        }
    }
}

/// A number with seven bits in each octet.
fn seven_bits(octets: &[u8]) -> u64 {
    octets.iter().fold(0, |number, octet| number << 7 | u64::from(octet & 0x7F))
}

/// Without the zeros behind octets of ones.
fn synchronised(mut octets: Vec<u8>) -> Vec<u8> {
    let mut before = 0;
    octets.retain(|octet| {
        let inserted = before == 0xFF && *octet == 0;
        before = *octet;
        !inserted
    });
    octets
}

/// Whether these octets begin a tag, and how many it has without its footer.
pub(super) fn length(header: &[u8]) -> Option<u64> {
    let size = header.strip_prefix(MARK)?.get(3..7)?;
    Some(HEADER + seven_bits(size))
}
