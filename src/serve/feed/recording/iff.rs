//! WAV (RIFF, "Multimedia Programming Interface and Data Specifications 1.0") and AIFF ("Audio
//! Interchange File Format", 1.3, and AIFF-C): chunks, each with a name of four octets and its
//! length, padded to an even number.
//!
//! Both have texts of their own, and many programs add a chunk with an ID3v2 tag, which says more.

use super::{
    found::Found,
    id3v2,
    source::{Octets, Source, big, little},
    tag::{Key, Tag},
    text::utf8,
};

/// Octets of a file's header, and of a chunk's.
const FILE_HEADER: u64 = 12;
const HEADER: u64 = 8;
/// Octets of a chunk that are looked at.
const MAX_CHUNK: u64 = 64 << 10;

/// Formats in `fmt ` whose samples all have the same length: integers and floating point;
/// `EXTENSIBLE` tells which at another place.
const SAMPLES: [u64; 2] = [1, 3];
const EXTENSIBLE: u64 = 0xFFFE;
/// Where `EXTENSIBLE` tells the format.
const SUBFORMAT: usize = 24;

const INFO: [(&[u8; 4], Key); 7] = [
    (b"INAM", Key::Title),
    (b"IART", Key::Artist),
    (b"IPRD", Key::Album),
    (b"ICMT", Key::Comment),
    (b"ICRD", Key::Date),
    (b"IPRT", Key::Track),
    (b"ITRK", Key::Track),
];
const AIFF_TEXTS: [(&[u8; 4], Key); 3] =
    [(b"NAME", Key::Title), (b"AUTH", Key::Artist), (b"ANNO", Key::Comment)];

/// A number in the order of the file's octets.
type Number = fn(&[u8]) -> u64;

/// Reads a WAV file.
pub(super) fn wav(source: &mut Source<'_>, found: &mut Found) -> Option<()> {
    let (mut own, mut info) = (Tag::default(), Tag::default());
    let mut format = Format::default();
    let mut chunks = Chunks::new(source, FILE_HEADER, source.length(), little);
    while let Some((name, length)) = chunks.next() {
        let end = chunks.next.min(chunks.end);
        match &name {
            b"fmt " => format.take(&chunks.content(length)),
            b"fact" => format.samples = little(&chunks.source.up_to(length.min(4))),
            b"data" if format.length == 0 => format.length = length,
            b"id3 " | b"ID3 " => {
                let _ = id3v2::read(chunks.source, end, &mut own, found);
            }
            b"LIST" if chunks.source.array() == Some(*b"INFO") => {
                let start = chunks.source.at();
                let mut items = Chunks::new(chunks.source, start, end, little);
                while let Some((name, length)) = items.next() {
                    items.text(&INFO, name, length, &mut info);
                }
            }
            _ => {}
        }
    }
    found.tags.extend([own, info]);
    format.tell(found)
}

/// What `fmt `, `fact` and `data` tell.
#[derive(Debug, Default)]
struct Format {
    /// One of [`SAMPLES`] or a codec.
    format: u64,
    rate: u64,
    octets_per_second: u64,
    /// Octets of the samples of all channels at one time.
    octets_per_sample: u64,
    /// Samples of each channel, if the file has them counted.
    samples: u64,
    /// Octets of the sound.
    length: u64,
}

impl Format {
    fn take(&mut self, octets: &[u8]) {
        let number = |at: usize, count| octets.get(at..at + count).map_or(0, little);
        self.format = number(0, 2);
        if self.format == EXTENSIBLE {
            self.format = number(SUBFORMAT, 2);
        }
        self.rate = number(4, 4);
        self.octets_per_second = number(8, 4);
        self.octets_per_sample = number(12, 2);
    }

    fn tell(&self, found: &mut Found) -> Option<()> {
        let counted = if SAMPLES.contains(&self.format) {
            self.length.checked_div(self.octets_per_sample).unwrap_or(0)
        } else {
            self.samples
        };
        match counted {
            0 => found.lasts(self.length, self.octets_per_second),
            _ => found.lasts(counted, self.rate),
        }
        Some(())
    }
}

/// Reads an AIFF file.
pub(super) fn aiff(source: &mut Source<'_>, found: &mut Found) -> Option<()> {
    let (mut own, mut texts, mut comments) = (Tag::default(), Tag::default(), Tag::default());
    let mut chunks = Chunks::new(source, FILE_HEADER, source.length(), big);
    while let Some((name, length)) = chunks.next() {
        match &name {
            b"ID3 " | b"id3 " => {
                let end = chunks.next.min(chunks.end);
                let _ = id3v2::read(chunks.source, end, &mut own, found);
            }
            b"COMM" => {
                let _ = common(&chunks.content(length), found);
            }
            b"COMT" => {
                let _ = comment(&chunks.content(length), &mut comments);
            }
            _ => chunks.text(&AIFF_TEXTS, name, length, &mut texts),
        }
    }
    found.tags.extend([own, texts, comments]);
    Some(())
}

/// From `COMM`: channels, samples, bits of each, and their rate as a floating point number of 80
/// bits.
fn common(octets: &[u8], found: &mut Found) -> Option<()> {
    let mut octets = Octets(octets);
    let _channels = octets.take(2)?;
    let samples = octets.big(4)?;
    let _bits = octets.take(2)?;
    let exponent = octets.big(2)?.checked_sub(16_383).filter(|exponent| *exponent < 32)?;
    let rate = (octets.big(8)? >> (62 - exponent)).div_ceil(2);
    found.lasts(samples, rate);
    Some(())
}

/// The first comment of `COMT`, which has a time, a marker and a length.
fn comment(octets: &[u8], tag: &mut Tag) -> Option<()> {
    let mut octets = Octets(octets);
    let _count_time_and_marker = octets.take(2 + 4 + 2)?;
    let length = octets.big(2)?;
    tag.add(Key::Comment, utf8(octets.take(length as usize)?)?);
    Some(())
}

/// Chunks one after the other up to `end`.
struct Chunks<'a, 'b> {
    source: &'a mut Source<'b>,
    next: u64,
    end: u64,
    number: Number,
}

impl<'a, 'b> Chunks<'a, 'b> {
    fn new(source: &'a mut Source<'b>, next: u64, end: u64, number: Number) -> Chunks<'a, 'b> {
        Chunks { source, next, end, number }
    }

    /// Goes to the content of the next chunk; tells its name and how many octets of it there are.
    fn next(&mut self) -> Option<([u8; 4], u64)> {
        let start = self.next.checked_add(HEADER).filter(|start| *start <= self.end)?;
        self.source.seek(self.next)?;
        let [a, b, c, d, length @ ..] = self.source.array::<{ HEADER as usize }>()?;
        let length = (self.number)(&length);
        self.next = start + length + length % 2;
        Some(([a, b, c, d], length.min(self.end - start)))
    }

    fn content(&mut self, length: u64) -> Vec<u8> {
        self.source.up_to(length.min(MAX_CHUNK))
    }

    /// Takes the content if it is one of `texts`.
    fn text(&mut self, texts: &[(&[u8; 4], Key)], name: [u8; 4], length: u64, tag: &mut Tag) {
        if let Some((_, key)) = texts.iter().find(|(text, _)| **text == name) {
            tag.add(*key, utf8(&self.content(length)).unwrap_or_default());
        }
    }
}
