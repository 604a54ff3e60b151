//! What lofty makes of the same octets. It panics on some damaged files, so it sees whole ones
//! only.

use std::io::Cursor;

use lofty::{
    config::ParseOptions,
    file::{AudioFile, TaggedFile, TaggedFileExt},
    picture::PictureType,
    probe::Probe,
    tag::{Accessor, ItemKey, Tag},
};

use crate::identity::CivilTime;
use crate::serve::feed::{
    tag_date::TagDate,
    tags::{MAX_DESCRIPTION, MAX_LINE, Tags, clean},
};

/// Where a description may stand, the most telling first.
const DESCRIPTIONS: [ItemKey; 5] = [
    ItemKey::PodcastDescription,
    ItemKey::Description,
    ItemKey::Comment,
    ItemKey::UnsyncLyrics,
    ItemKey::Lyrics,
];

pub(super) fn tags(octets: &[u8], modified: CivilTime) -> Tags {
    let file = parse(octets);
    let duration = Some(file.properties().duration()).filter(|duration| !duration.is_zero());
    let mut tags = Tags { duration, ..Tags::default() };
    let own = file.primary_tag_type();
    let mut found: Vec<&Tag> = file.tags().iter().collect();
    found.sort_by_key(|tag| tag.tag_type() != own);
    for tag in found {
        fill(&mut tags, tag, modified);
    }
    tags
}

pub(super) fn cover(octets: &[u8]) -> Option<Vec<u8>> {
    let file = parse(octets);
    let pictures = || file.tags().iter().flat_map(|tag| tag.pictures());
    let front = pictures().find(|picture| picture.pic_type() == PictureType::CoverFront);
    front.or_else(|| pictures().next()).map(|picture| picture.data().to_vec())
}

fn parse(octets: &[u8]) -> TaggedFile {
    let probe = Probe::new(Cursor::new(octets)).options(ParseOptions::new());
    probe.guess_file_type().unwrap().read().unwrap()
}

fn fill(tags: &mut Tags, tag: &Tag, modified: CivilTime) {
    let line = |text: &str| clean(text, MAX_LINE, false);
    let first = |keys: &[ItemKey], max, lines| {
        keys.iter().find_map(|key| clean(tag.get_string(*key)?, max, lines))
    };
    let artist = || line(&tag.artist()?);
    tags.title = tags.title.take().or_else(|| line(&tag.title()?));
    tags.artist = tags.artist.take().or_else(artist);
    tags.artist = tags.artist.take().or_else(|| first(&[ItemKey::AlbumArtist], MAX_LINE, false));
    tags.album = tags.album.take().or_else(|| line(&tag.album()?));
    let description = || first(&DESCRIPTIONS, MAX_DESCRIPTION, true);
    tags.description = tags.description.take().or_else(description);
    tags.track = tags.track.or_else(|| tag.track());
    tags.disk = tags.disk.or_else(|| tag.disk());
    tags.date = tags.date.or_else(|| {
        let date = tag.date()?;
        let clock = |part: Option<u8>, unit| part.map_or(0, |n| i64::from(n) * unit);
        let time = clock(date.hour, 3600) + clock(date.minute, 60) + clock(date.second, 1);
        TagDate { year: date.year, month: date.month, day: date.day, time }.resolve(modified)
    });
}
