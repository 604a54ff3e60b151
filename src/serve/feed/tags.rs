//! What a media file says about itself: tags of audio and video, EXIF of photographs.
//!
//! Nothing here fails: a file that cannot be understood has no tags. Only so much of a file is read, and
//! only so much text is kept of it. Where a photograph was taken is never read.

use std::{
    fs::File,
    io::{BufRead, BufReader, Seek},
    panic::{self, AssertUnwindSafe},
    path::Path,
    time::Duration,
};

use exif::{Exif, In, Tag as ExifTag, Value};
use lofty::{
    config::ParseOptions,
    file::{AudioFile, FileType, TaggedFile, TaggedFileExt},
    picture::PictureType,
    probe::Probe,
    tag::{Accessor, ItemKey, Tag},
};

use super::{
    bounded::Bounded,
    date::{Date, TagDate},
    media::{MediaType, Medium},
    opus,
};

/// The tags that feeds have a place for; all texts are trimmed and of bounded length.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Tags {
    pub title: Option<Box<str>>,
    pub artist: Option<Box<str>>,
    pub album: Option<Box<str>>,
    /// Description, else comment, else lyrics.
    pub description: Option<Box<str>>,
    /// When it was published or taken.
    pub date: Option<Date>,
    /// The playing time.
    pub duration: Option<Duration>,
    /// The number of the track or episode.
    pub track: Option<u32>,
    /// The number of the disk or season.
    pub disk: Option<u32>,
    /// Width and height as it is to be looked at, in pixels.
    pub size: Option<(u32, u32)>,
}

/// Octets of an audio or video file that may be read for its tags; covers are larger than all else.
const AUDIO_LIMIT: u64 = 24 << 20;
/// Octets of a photograph that may be read; EXIF comes first in it.
const PHOTO_LIMIT: u64 = 512 << 10;
/// Octets of a title, artist or album.
const MAX_LINE: usize = 255;
/// Octets of a description; 20,000 files of them must fit in memory.
const MAX_DESCRIPTION: usize = 1000;

impl Tags {
    /// Reads the tags of a file that was last written at `modified`.
    pub(super) fn read(path: &Path, media: MediaType, modified: Date) -> Tags {
        match media.medium {
            Medium::Audio | Medium::Video => of_audio(path, modified),
            Medium::Photo => of_photo(path, modified),
        }
    }
}

/// The picture inside a file: the front cover of a recording, the thumbnail of a photograph.
pub(super) fn embedded_picture(path: &Path, media: MediaType) -> Option<Vec<u8>> {
    match media.medium {
        Medium::Audio | Medium::Video => {
            let file = parse(path, ParseOptions::new().read_properties(false))?;
            let pictures = || file.tags().iter().flat_map(|tag| tag.pictures());
            let front = pictures().find(|p| p.pic_type() == PictureType::CoverFront);
            Some(front.or_else(|| pictures().next())?.data().to_vec())
        }
        Medium::Photo => {
            let exif = exif(&mut open(path, PHOTO_LIMIT)?)?;
            let place = |tag| exif.get_field(tag, In::THUMBNAIL)?.value.get_uint(0);
            let start = place(ExifTag::JPEGInterchangeFormat)? as usize;
            let length = place(ExifTag::JPEGInterchangeFormatLength)? as usize;
            Some(exif.buf().get(start..start.checked_add(length)?)?.to_vec())
        }
    }
}

fn of_audio(path: &Path, modified: Date) -> Tags {
    // what has odd properties may still have tags
    let mut options = ParseOptions::new().read_cover_art(false);
    let file = parse(path, options).or_else(|| parse(path, options.read_properties(false)));
    let Some(file) = file else { return Tags::default() };
    let duration = match file.file_type() {
        FileType::Opus => open(path, AUDIO_LIMIT).and_then(|mut file| opus::duration(&mut file)),
        _ => Some(file.properties().duration()),
    };
    let duration = duration.filter(|duration| *duration > Duration::ZERO);
    let mut tags = Tags { duration, ..Tags::default() };
    // the format's own tag first; an ID3v1 at the end is cut to 30 characters
    let own = file.primary_tag_type();
    let mut found: Vec<&Tag> = file.tags().iter().collect();
    found.sort_by_key(|tag| tag.tag_type() != own);
    for tag in found {
        tags.fill(tag, modified);
    }
    tags
}

impl Tags {
    /// Takes from `tag` what is missing.
    fn fill(&mut self, tag: &Tag, modified: Date) {
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
            let year = i64::from(date.year);
            TagDate { year, month: date.month, day: date.day, time }.resolve(modified)
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

fn of_photo(path: &Path, modified: Date) -> Tags {
    let mut tags = Tags::default();
    let Some(mut file) = open(path, PHOTO_LIMIT) else { return tags };
    let exif = exif(&mut file);
    let field = |tag| exif.as_ref()?.get_field(tag, In::PRIMARY).map(|field| &field.value);
    let text = |tag| match field(tag)? {
        Value::Ascii(lines) => lines.first().map(Vec::as_slice),
        _ => None,
    };
    let turned = field(ExifTag::Orientation).and_then(|value| value.get_uint(0));
    tags.size = size(path).map(|(width, height)| match turned {
        Some(5..=8) => (height, width),
        _ => (width, height),
    });
    tags.title = text(ExifTag::ImageDescription)
        .and_then(|text| clean(&String::from_utf8_lossy(text), MAX_LINE, false));
    tags.artist = text(ExifTag::Artist)
        .and_then(|text| clean(&String::from_utf8_lossy(text), MAX_LINE, false));
    tags.date = text(ExifTag::DateTimeOriginal)
        .or_else(|| text(ExifTag::DateTime))
        .and_then(|taken| exif_date(taken, text(ExifTag::OffsetTimeOriginal), modified));
    tags
}

/// `2026:11:22 07:25:16` and `+02:00`; UTC where the camera does not tell its zone.
fn exif_date(taken: &[u8], zone: Option<&[u8]>, modified: Date) -> Option<Date> {
    let mut date = exif::DateTime::from_ascii(taken).ok()?;
    if let Some(zone) = zone {
        let _ = date.parse_offset(zone);
    }
    let [hour, minute, second] = [date.hour, date.minute, date.second].map(i64::from);
    let time = hour * 3600 + (minute - date.offset.map_or(0, i64::from)) * 60 + second;
    let (month, day) = (Some(date.month), Some(date.day));
    TagDate { year: date.year.into(), month, day, time }.resolve(modified)
}

fn exif(file: &mut (impl BufRead + Seek)) -> Option<Exif> {
    exif::Reader::new()
        .continue_on_error(true)
        .read_from_container(file)
        .or_else(|error| error.distill_partial_result(|_| ()))
        .ok()
}

fn size(path: &Path) -> Option<(u32, u32)> {
    let size = imagesize::reader_size(open(path, PHOTO_LIMIT)?).ok()?;
    Some((size.width.try_into().ok()?, size.height.try_into().ok()?))
}

/// What lofty makes of a file. The content tells better than the name of which kind it is, but kinds
/// that no name stands for are left alone: each parser is one more that a stranger's file can reach.
fn parse(path: &Path, mut options: ParseOptions) -> Option<TaggedFile> {
    let probe = Probe::new(open(path, AUDIO_LIMIT)?).guess_file_type().ok()?;
    let kind = probe.file_type().filter(|kind| KINDS.contains(kind))?;
    if kind == FileType::Opus {
        options.read_properties(false);
    }
    let probe = probe.options(options);
    // where panics unwind, a defect of the parser costs the tags of one file
    panic::catch_unwind(AssertUnwindSafe(|| probe.read().ok())).ok()?
}

/// The kinds of file whose names [`MediaType`] knows.
const KINDS: [FileType; 8] = [
    FileType::Aac,
    FileType::Aiff,
    FileType::Flac,
    FileType::Mp4,
    FileType::Mpeg,
    FileType::Opus,
    FileType::Vorbis,
    FileType::Wav,
];

fn open(path: &Path, limit: u64) -> Option<BufReader<Bounded<File>>> {
    Some(BufReader::new(Bounded::new(File::open(path).ok()?, limit)))
}

/// Text from a file: without control characters, in one line unless `lines`, at most `max` octets.
pub(super) fn clean(text: &str, max: usize, lines: bool) -> Option<Box<str>> {
    let text: String = text
        .replace("\r\n", "\n")
        .chars()
        .map(|c| if c == '\r' { '\n' } else { c })
        .map(|c| if c.is_control() && !(lines && c == '\n') { ' ' } else { c })
        .collect();
    let text = text.trim();
    let end = (0..=max.min(text.len())).rfind(|end| text.is_char_boundary(*end));
    let text = text[..end.unwrap_or(0)].trim_end();
    (!text.is_empty()).then(|| text.into())
}
