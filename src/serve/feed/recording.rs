//! Tags, playing time and cover of audio and video.
//!
//! Files come from anywhere and may be damaged. Each kind has a reader of its own, which takes what
//! it finds until something makes no sense. None of them can panic, reads a whole file, or takes
//! memory for octets that a file only claims to have.

mod ape;
mod flac;
mod found;
mod id3v1;
mod id3v2;
mod iff;
mod mp4;
mod mpeg;
mod ogg;
mod source;
mod tag;
#[cfg(test)]
mod tests;
mod text;
mod vorbis_comment;

use std::fs::File;

use crate::identity::CivilTime;
use crate::serve::bounded;

use found::Found;
use ogg::Codec;
use source::{ReadSeek, Source};

use super::tags::Tags;

/// Octets of a file that may be read for its tags; covers are larger than all else.
const LIMIT: u64 = 24 << 20;
/// Octets that tell of which kind a file is.
const BEGINNING: u64 = 4 << 10;

/// The tags of a recording that was last written at `modified`.
pub(super) fn tags(file: &File, modified: CivilTime) -> Tags {
    let found = bounded::from_start(file, LIMIT).map(|mut file| read(&mut file, Found::new(false)));
    found.map(|found| filled(found, modified)).unwrap_or_default()
}

/// The front cover, else any picture in the tags.
pub(super) fn cover(file: &File) -> Option<Vec<u8>> {
    read(&mut bounded::from_start(file, LIMIT)?, Found::new(true)).cover
}

fn filled(found: Found, modified: CivilTime) -> Tags {
    let duration = found.duration.filter(|duration| !duration.is_zero());
    let mut tags = Tags { duration, ..Tags::default() };
    for tag in found.tags {
        tag.fill(&mut tags, modified);
    }
    tags
}

/// Reads a file of any kind into what was found so far.
fn read(file: &mut dyn ReadSeek, mut found: Found) -> Found {
    let _ = Source::new(file).and_then(|mut source| {
        let kind = Kind::of(&mut source)?;
        source.seek(0)?;
        match kind {
            Kind::Aiff => iff::aiff(&mut source, &mut found),
            Kind::Flac => flac::read(&mut source, &mut found),
            Kind::Mp4 => mp4::read(&mut source, &mut found),
            Kind::Mpeg => mpeg::read(&mut source, &mut found),
            Kind::Ogg(codec) => ogg::read(codec, &mut source, &mut found),
            Kind::Wav => iff::wav(&mut source, &mut found),
        }
    });
    found
}

/// The kinds of files that have a reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Aiff,
    Flac,
    Mp4,
    /// And AAC, which looks alike.
    Mpeg,
    Ogg(Codec),
    Wav,
}

impl Kind {
    /// The content tells it better than the name.
    fn of(source: &mut Source<'_>) -> Option<Kind> {
        let beginning = source.up_to(BEGINNING);
        if let Some(length) = id3v2::length(&beginning) {
            let behind = source.seek(length).and_then(|()| source.array::<4>());
            return match behind.as_ref() {
                Some(flac::MARK) => Some(Kind::Flac),
                // of Monkey's Audio and Musepack
                Some([b'M', b'A', b'C', _] | [b'M', b'P', b'+', _] | b"MPCK") => None,
                _ => Some(Kind::Mpeg),
            };
        }
        let mark = |at: usize| beginning.get(at..)?.first_chunk::<4>();
        match (mark(0)?, mark(4), mark(8)) {
            (flac::MARK, ..) => Some(Kind::Flac),
            (b"FORM", _, Some(b"AIFF" | b"AIFC")) => Some(Kind::Aiff),
            (b"RIFF", _, Some(b"WAVE")) => Some(Kind::Wav),
            (b"OggS", ..) => Codec::of(&beginning).map(Kind::Ogg),
            (_, Some(b"ftyp"), _) => Some(Kind::Mp4),
            ([0xFF, 0xE0..=0xFF, ..], ..) => Some(Kind::Mpeg),
            _ => mpeg::is_behind_junk(&beginning).then_some(Kind::Mpeg),
        }
    }
}
