//! Validators (RFC 9110, section 8.8): how a client's copy of a file is told from the present one.
//!
//! The entity tag is made of device, inode, size, mtime and ctime with nanoseconds. No program can set
//! the ctime, so content that is rewritten under an old mtime gets a new tag. Clocks of file systems
//! tick, though: a file written twice within one tick keeps its times. A tag is therefore *weak* until
//! the last change lies [`SETTLED`] back, and strong from then on; the opaque part stays the same, so
//! that a copy fetched early is still found fresh by `If-None-Match`.

use std::{fmt, fs::Metadata, os::unix::fs::MetadataExt, time::Duration};

use data_encoding::HEXLOWER;
use ring::digest::{SHA256, digest};

use crate::identity::{CivilTime, Timestamp};

/// The coarsest tick of a common file system: FAT's two seconds.
const SETTLED: Duration = Duration::from_secs(2);

/// An entity tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct EntityTag {
    weak: bool,
    opaque: String,
}

/// What the present state of a file or page is recognised by.
#[derive(Clone, Debug)]
pub(super) struct Validators {
    /// Changes with the content.
    pub(super) tag: EntityTag,
    /// Whole seconds since 1970 of the last change; None where that is unknown or ahead of the clock.
    pub(super) modified: Option<u64>,
}

impl EntityTag {
    /// A strong tag over rendered octets.
    fn of_content(content: &[u8]) -> EntityTag {
        let hash = digest(&SHA256, content);
        EntityTag { weak: false, opaque: HEXLOWER.encode(&hash.as_ref()[..12]) }
    }

    /// The tag of something derived from the tagged thing alone.
    pub(super) fn derived(&self, what: &str) -> EntityTag {
        EntityTag { weak: self.weak, opaque: format!("{}-{what}", self.opaque) }
    }

    /// Reads one tag and gives what follows it.
    pub(super) fn parse(text: &str) -> Option<(EntityTag, &str)> {
        let (weak, quoted) = match text.strip_prefix("W/") {
            Some(quoted) => (true, quoted),
            None => (false, text),
        };
        let (opaque, rest) = quoted.strip_prefix('"')?.split_once('"')?;
        Some((EntityTag { weak, opaque: opaque.to_owned() }, rest))
    }

    /// Whether the tag stands for the same octets, not only for the same meaning.
    pub(super) fn is_strong(&self) -> bool {
        !self.weak
    }

    /// The same octets for sure (section 8.8.3.2).
    pub(super) fn matches_strongly(&self, other: &EntityTag) -> bool {
        !self.weak && !other.weak && self.opaque == other.opaque
    }

    /// As good as the same (section 8.8.3.2).
    pub(super) fn matches_weakly(&self, other: &EntityTag) -> bool {
        self.opaque == other.opaque
    }
}

impl fmt::Display for EntityTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let prefix = if self.weak { "W/" } else { "" };
        write!(f, "{prefix}\"{}\"", self.opaque)
    }
}

impl Validators {
    /// The validators of octets that were made for a request.
    pub(super) fn of_content(content: &[u8]) -> Validators {
        Validators { tag: EntityTag::of_content(content), modified: None }
    }

    /// The validators of a file at the time `now`.
    pub(super) fn of_file(metadata: &Metadata, now: Timestamp) -> Validators {
        let state = format!(
            "{:x}-{:x}-{:x}-{:x}.{:x}-{:x}.{:x}",
            metadata.dev(),
            metadata.ino(),
            metadata.size(),
            metadata.mtime(),
            metadata.mtime_nsec(),
            metadata.ctime(),
            metadata.ctime_nsec(),
        );
        let changed = Timestamp::from_secs(u64::try_from(metadata.ctime()).unwrap_or(0));
        // the second is what `changed` leaves off
        let weak = now.since(changed) < SETTLED + Duration::from_secs(1);
        // HTTP dates have four digits for the year
        let modified = Some(metadata.mtime()).filter(|secs| *secs <= CivilTime::LAST_UNIX);
        let modified = modified.and_then(|secs| u64::try_from(secs).ok());
        let modified = modified.filter(|secs| *secs <= now.as_secs());
        // hashed, because inode numbers are nobody's business
        Validators { tag: EntityTag { weak, ..EntityTag::of_content(state.as_bytes()) }, modified }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::runtime::clock;

    #[test]
    fn a_fresh_file_has_a_weak_tag_that_becomes_strong() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        fs::write(&path, "1").unwrap();
        let metadata = fs::metadata(&path).unwrap();
        let now = clock::wall();
        let fresh = Validators::of_file(&metadata, now).tag;
        let later = Validators::of_file(&metadata, now.saturating_add(Duration::from_secs(4))).tag;
        assert!(!fresh.is_strong() && later.is_strong());
        assert!(fresh.matches_weakly(&later) && !fresh.matches_strongly(&later));
        assert!(later.matches_strongly(&later.clone()));
    }

    #[test]
    fn a_restored_mtime_does_not_hide_a_change() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        fs::write(&path, "1").unwrap();
        let before = fs::metadata(&path).unwrap();
        // the ctime moves with the clock's tick: write until it has
        let after = loop {
            fs::write(&path, "2").unwrap();
            fs::File::open(&path).unwrap().set_modified(before.modified().unwrap()).unwrap();
            let after = fs::metadata(&path).unwrap();
            if (after.ctime(), after.ctime_nsec()) != (before.ctime(), before.ctime_nsec()) {
                break after;
            }
        };
        assert_eq!(before.modified().unwrap(), after.modified().unwrap());
        let now = clock::wall();
        let (before, after) = (Validators::of_file(&before, now), Validators::of_file(&after, now));
        assert!(!before.tag.matches_weakly(&after.tag));
    }

    #[test]
    fn a_date_ahead_of_the_clock_is_withheld() {
        let folder = tempfile::tempdir().unwrap();
        let file = fs::File::create(folder.path().join("a")).unwrap();
        let metadata = file.metadata().unwrap();
        let past = Timestamp::from_secs(1_000_000);
        assert_eq!(Validators::of_file(&metadata, past).modified, None);
        assert!(Validators::of_file(&metadata, clock::wall()).modified.is_some());
    }

    #[test]
    fn tags_are_read_as_written() {
        let (tag, rest) = EntityTag::parse("W/\"a,b\" , \"c\"").unwrap();
        assert_eq!((tag.to_string().as_str(), rest), ("W/\"a,b\"", " , \"c\""));
        assert!(EntityTag::parse("\"open").is_none());
        assert!(EntityTag::parse("bare").is_none());
    }
}
