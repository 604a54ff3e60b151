//! What is gathered of a file while it is read.

use std::time::Duration;

use super::tag::Tag;

/// Octets of a cover; those that podcast directories take have some 500,000.
const MAX_COVER: usize = 4 << 20;
/// Octets around a picture that tell what it is.
const AROUND: u64 = 64 << 10;

/// Which picture is the front cover, in all formats that number them.
const FRONT: u64 = 3;
/// What a picture is whose format does not tell.
pub(super) const OTHER: u64 = 0;

/// What has been found in a file, and what is looked for.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// The playing time.
    pub(super) duration: Option<Duration>,
    /// All tags, the one that belongs to the format first.
    pub(super) tags: Vec<Tag>,
    /// The front cover, else any picture.
    pub(super) cover: Option<Vec<u8>>,
    wants_cover: bool,
    is_front: bool,
}

impl Found {
    /// Nothing so far; pictures are passed over unless `wants_cover`.
    pub(super) fn new(wants_cover: bool) -> Found {
        Found { wants_cover, ..Found::default() }
    }

    /// Whether a picture is worth reading that takes so many octets with what is around it.
    pub(super) fn wants_picture(&self, length: u64) -> bool {
        self.wants_cover && !self.is_front && length <= MAX_COVER as u64 + AROUND
    }

    /// Takes a picture of that kind, the last octets of `content`, if none is better.
    pub(super) fn picture(&mut self, kind: u64, mut content: Vec<u8>, length: usize) {
        let is_front = kind == FRONT;
        let better = !self.is_front && (is_front || self.cover.is_none());
        if self.wants_cover && better && (1..=MAX_COVER).contains(&length) {
            content.drain(..content.len().saturating_sub(length));
            content.shrink_to_fit();
            (self.cover, self.is_front) = (Some(content), is_front);
        }
    }

    /// Takes the playing time of so many units of which each second has `rate`, in milliseconds.
    pub(super) fn lasts(&mut self, units: u64, rate: u64) {
        let rounded = units.checked_mul(1000).and_then(|units| units.checked_add(rate / 2));
        let milliseconds = rounded.and_then(|units| units.checked_div(rate));
        self.duration = milliseconds.map(Duration::from_millis);
    }
}
