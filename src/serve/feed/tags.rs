//! What a media file says about itself, as far as feeds have a place for it.
//!
//! Nothing here fails: a file that cannot be understood has no tags. Only so much of a file is read, and
//! only so much text is kept of it.

use std::time::Duration;

use crate::identity::CivilTime;

/// Tags; all texts are trimmed and of bounded length.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Tags {
    pub title: Option<Box<str>>,
    pub artist: Option<Box<str>>,
    pub album: Option<Box<str>>,
    /// Description, else comment, else lyrics.
    pub description: Option<Box<str>>,
    /// When it was published or taken.
    pub date: Option<CivilTime>,
    /// The playing time.
    pub duration: Option<Duration>,
    /// The number of the track or episode.
    pub track: Option<u32>,
    /// The number of the disk or season.
    pub disk: Option<u32>,
    /// Width and height as it is to be looked at, in pixels.
    pub size: Option<(u32, u32)>,
}

/// Octets of a title, artist or album.
pub(super) const MAX_LINE: usize = 255;
/// Octets of a description; those of 20,000 files must fit in memory.
pub(super) const MAX_DESCRIPTION: usize = 1000;

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
