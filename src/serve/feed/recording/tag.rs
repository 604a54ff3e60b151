//! What one tag says, by the meaning of its items rather than the names that its format has for
//! them.

use crate::identity::CivilTime;

use super::super::{
    tag_date::TagDate,
    tags::{MAX_DESCRIPTION, MAX_LINE, Tags, clean},
};

/// What an item of a tag is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Key {
    /// Of the track or episode.
    Title,
    /// Of the track.
    Artist,
    /// Who it is filed under, where no artist is told.
    AlbumArtist,
    /// Or series.
    Album,
    /// Made for podcast programs.
    PodcastDescription,
    /// What Vorbis comments and iTunes call so.
    Description,
    /// A remark of anybody.
    Comment,
    /// Words without their times.
    UnsyncLyrics,
    /// Words.
    Lyrics,
    /// When it was recorded.
    Date,
    /// A year or another date, where no date is told.
    Year,
    /// Number of the track, maybe with `/` and how many there are.
    Track,
    /// Number of the disk, likewise.
    Disk,
}

/// Keys whose items are texts; the others are numbers.
const TEXTS: usize = Key::Year as usize + 1;

/// Where a description may stand, the most telling first.
const DESCRIPTIONS: [Key; 5] =
    [Key::PodcastDescription, Key::Description, Key::Comment, Key::UnsyncLyrics, Key::Lyrics];

/// The items of a tag, each cleaned and of bounded length.
#[derive(Debug, Default)]
pub(super) struct Tag {
    texts: [Option<Box<str>>; TEXTS],
    track: Option<u32>,
    disk: Option<u32>,
}

impl Tag {
    /// Takes an item unless there was one before.
    pub(super) fn add(&mut self, key: Key, text: &str) {
        if self.texts.get(key as usize).is_none_or(Option::is_none) {
            self.set(key, text);
        }
    }

    /// Takes an item in place of any before. One that says nothing is left out.
    pub(super) fn set(&mut self, key: Key, text: &str) {
        if let Some(place) = self.texts.get_mut(key as usize) {
            let describes = DESCRIPTIONS.contains(&key);
            let max = if describes { MAX_DESCRIPTION } else { MAX_LINE };
            // items of more than one value have this between them
            let mut values = text.split('\0').filter_map(|value| clean(value, max, describes));
            *place = values.next().or_else(|| place.take());
        } else {
            let first = text.split(['/', '\0']).next().unwrap_or_default();
            self.number(key, first.trim().parse().ok());
        }
    }

    /// Takes the number of a track or disk.
    pub(super) fn number(&mut self, key: Key, number: Option<u32>) {
        let place = if key == Key::Track { &mut self.track } else { &mut self.disk };
        *place = number.or(*place);
    }

    /// Fills into `tags` what they miss; of dates with only a year it is `modified` if it may be.
    pub(super) fn fill(mut self, tags: &mut Tags, modified: CivilTime) {
        let mut first = |place: &mut Option<Box<str>>, keys: &[Key]| {
            let mut found = keys.iter().filter_map(|key| self.texts.get_mut(*key as usize)?.take());
            *place = place.take().or_else(|| found.next());
        };
        first(&mut tags.title, &[Key::Title]);
        first(&mut tags.artist, &[Key::Artist, Key::AlbumArtist]);
        first(&mut tags.album, &[Key::Album]);
        first(&mut tags.description, &DESCRIPTIONS);
        tags.track = tags.track.or(self.track);
        tags.disk = tags.disk.or(self.disk);
        let date = |key| TagDate::parse(self.texts.get(key as usize)?.as_ref()?)?.resolve(modified);
        tags.date = tags.date.or_else(|| date(Key::Date)).or_else(|| date(Key::Year));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(tags: impl IntoIterator<Item = Tag>) -> Tags {
        let mut all = Tags::default();
        tags.into_iter().for_each(|tag| tag.fill(&mut all, CivilTime::from_unix(0)));
        all
    }

    #[test]
    fn the_first_tag_that_says_something_counts() {
        let mut own = Tag::default();
        own.add(Key::Title, " \u{7} ");
        own.add(Key::Title, "own");
        own.add(Key::Title, "second");
        own.set(Key::AlbumArtist, "Bob");
        own.set(Key::AlbumArtist, "\0");
        own.add(Key::Lyrics, "la\r\nla");
        own.add(Key::Track, " 7 / 12");
        own.add(Key::Disk, "two");
        let mut other = Tag::default();
        other.add(Key::Title, "other");
        other.add(Key::Artist, "Alice");
        other.add(Key::Comment, "well");
        other.add(Key::Disk, "2");
        other.add(Key::Year, "1999");
        let tags = filled([own, other]);
        assert_eq!(tags.title.as_deref(), Some("own"));
        assert_eq!(tags.artist.as_deref(), Some("Bob"));
        assert_eq!(tags.description.as_deref(), Some("la\nla"));
        assert_eq!((tags.track, tags.disk), (Some(7), Some(2)));
        assert_eq!(tags.date.unwrap().to_string(), "1999-01-01T00:00:00Z");
    }

    #[test]
    fn of_several_values_the_first_that_says_something_counts() {
        let mut tag = Tag::default();
        tag.set(Key::Artist, "\0Alice\0Bob");
        tag.set(Key::Track, "3\x004");
        let tags = filled([tag]);
        assert_eq!((tags.artist.as_deref(), tags.track), (Some("Alice"), Some(3)));
    }
}
