//! Tags, playing time and cover of audio and video.

use std::{
    fs::File,
    io::{Read, Seek},
    panic::{self, AssertUnwindSafe},
    time::Duration,
};

use lofty::{
    aac::AacFile,
    config::ParseOptions,
    file::{AudioFile, FileType, TaggedFile, TaggedFileExt},
    flac::FlacFile,
    iff::{aiff::AiffFile, wav::WavFile},
    mp4::Mp4File,
    mpeg::MpegFile,
    ogg::{OpusFile, VorbisFile},
    picture::{Picture, PictureType},
    probe::Probe,
    tag::{Accessor, ItemKey, Tag},
};

use crate::identity::CivilTime;
use crate::serve::bounded;

use super::{
    opus,
    tag_date::TagDate,
    tags::{MAX_DESCRIPTION, MAX_LINE, Tags, clean},
};

/// Octets of a file that may be read for its tags; covers are larger than all else.
const LIMIT: u64 = 24 << 20;
/// Octets of a cover; those that podcast directories take have some 500,000.
const MAX_COVER: usize = 4 << 20;

/// The tags of a recording that was last written at `modified`.
pub(super) fn tags(file: &File, modified: CivilTime) -> Tags {
    // what has odd properties may still have tags
    let mut options = ParseOptions::new().read_cover_art(false);
    let parsed = parse(file, options).or_else(|| parse(file, options.read_properties(false)));
    let Some(parsed) = parsed else { return Tags::default() };
    let duration = match parsed.file_type() {
        FileType::Opus => {
            bounded::from_start(file, LIMIT).and_then(|mut it| opus::duration(&mut it))
        }
        _ => Some(parsed.properties().duration()),
    };
    let duration = duration.filter(|duration| *duration > Duration::ZERO);
    let mut tags = Tags { duration, ..Tags::default() };
    // the format's own tag first; an ID3v1 at the end is cut to 30 characters
    let own = parsed.primary_tag_type();
    let mut found: Vec<&Tag> = parsed.tags().iter().collect();
    found.sort_by_key(|tag| tag.tag_type() != own);
    for tag in found {
        tags.fill(tag, modified);
    }
    tags
}

/// The front cover, else any picture in the tags.
pub(super) fn cover(file: &File) -> Option<Vec<u8>> {
    let parsed = parse(file, ParseOptions::new().read_properties(false))?;
    let small = |picture: &&Picture| picture.data().len() <= MAX_COVER;
    let pictures = || parsed.tags().iter().flat_map(|tag| tag.pictures()).filter(small);
    let front = pictures().find(|picture| picture.pic_type() == PictureType::CoverFront);
    Some(front.or_else(|| pictures().next())?.data().to_vec())
}

impl Tags {
    /// Takes from `tag` what is missing.
    fn fill(&mut self, tag: &Tag, modified: CivilTime) {
        let line = |text: &str| clean(text, MAX_LINE, false);
        let first = |keys: &[ItemKey], max, lines| {
            keys.iter().find_map(|key| clean(tag.get_string(*key)?, max, lines))
        };
        self.title = self.title.take().or_else(|| line(&tag.title()?));
        self.artist = self.artist.take().or_else(|| line(&tag.artist()?));
        self.artist =
            self.artist.take().or_else(|| first(&[ItemKey::AlbumArtist], MAX_LINE, false));
        self.album = self.album.take().or_else(|| line(&tag.album()?));
        self.description =
            self.description.take().or_else(|| first(&DESCRIPTIONS, MAX_DESCRIPTION, true));
        self.track = self.track.or_else(|| tag.track());
        self.disk = self.disk.or_else(|| tag.disk());
        self.date = self.date.or_else(|| {
            let date = tag.date()?;
            let clock = |part: Option<u8>, unit| part.map_or(0, |n| i64::from(n) * unit);
            let time = clock(date.hour, 3600) + clock(date.minute, 60) + clock(date.second, 1);

            TagDate { year: date.year, month: date.month, day: date.day, time }.resolve(modified)
        });
    }
}

/// Where a description may stand, the most telling first.
const DESCRIPTIONS: [ItemKey; 5] = [
    ItemKey::PodcastDescription,
    ItemKey::Description,
    ItemKey::Comment,
    ItemKey::UnsyncLyrics,
    ItemKey::Lyrics,
];

/// What lofty makes of a file. The content tells better than the name of which kind it is, but kinds
/// that no name of [`MediaType`](super::media::MediaType) stands for are left alone: each parser is one
/// more that a stranger's file can reach, and makes the program larger.
fn parse(file: &File, mut options: ParseOptions) -> Option<TaggedFile> {
    let probe = Probe::new(bounded::from_start(file, LIMIT)?).guess_file_type().ok()?;
    let kind = probe.file_type()?;
    let mut file = probe.into_inner();
    let parse = || match kind {
        FileType::Aac => parse_as::<AacFile>(&mut file, options),
        FileType::Aiff => parse_as::<AiffFile>(&mut file, options),
        FileType::Flac => parse_as::<FlacFile>(&mut file, options),
        FileType::Mp4 => parse_as::<Mp4File>(&mut file, options),
        FileType::Mpeg => parse_as::<MpegFile>(&mut file, options),
        FileType::Opus => parse_as::<OpusFile>(&mut file, options.read_properties(false)),
        FileType::Vorbis => parse_as::<VorbisFile>(&mut file, options),
        FileType::Wav => parse_as::<WavFile>(&mut file, options),
        _ => None,
    };
    // where panics unwind, a defect of the parser costs the tags of one file
    panic::catch_unwind(AssertUnwindSafe(parse)).ok()?
}

fn parse_as<F: AudioFile>(
    file: &mut (impl Read + Seek),
    options: ParseOptions,
) -> Option<TaggedFile> {
    F::read_from(file, options).ok().map(Into::into)
}
