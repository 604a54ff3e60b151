//! What is made from the files of a folder, and where it stands.

use crate::serve::path::RequestPath;

use super::media::Medium;

/// What is made from the files of a folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::serve) enum Made {
    /// A feed.
    Feed(FeedKind),
    /// The picture that stands for the feeds.
    Cover,
}

/// A feed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::serve) enum FeedKind {
    /// Audio and video for podcast programs: RSS 2.0.
    Podcast,
    /// Pictures: RSS 2.0 with Media RSS.
    Photos,
    /// All media: JSON Feed 1.1.
    Json,
}

/// The name of the picture.
pub(super) const COVER: &str = "feed-cover";

impl Made {
    /// What stands at a path of the site.
    pub(in crate::serve) fn at(path: &RequestPath) -> Option<Made> {
        let [name] = &path.segments[..] else { return None };
        if path.slash {
            return None;
        }
        let feed = FeedKind::ALL.into_iter().find(|kind| name == kind.file_name());
        feed.map(Made::Feed).or_else(|| (name == COVER).then_some(Made::Cover))
    }
}

impl FeedKind {
    /// All of them.
    pub(super) const ALL: [FeedKind; 3] = [FeedKind::Podcast, FeedKind::Photos, FeedKind::Json];

    /// The name under which it stands in the folder.
    pub(in crate::serve) const fn file_name(self) -> &'static str {
        match self {
            FeedKind::Podcast => "feed.xml",
            FeedKind::Photos => "photos.xml",
            FeedKind::Json => "feed.json",
        }
    }

    /// What it is called in a listing.
    pub(in crate::serve) const fn title(self) -> &'static str {
        match self {
            FeedKind::Podcast => "Podcast",
            FeedKind::Photos => "Photo feed",
            FeedKind::Json => "JSON feed",
        }
    }

    /// The type for `<link rel="alternate">`.
    pub(in crate::serve) const fn media_type(self) -> &'static str {
        match self {
            FeedKind::Podcast | FeedKind::Photos => "application/rss+xml",
            FeedKind::Json => "application/feed+json",
        }
    }

    /// The `Content-Type`.
    pub(super) const fn content_type(self) -> &'static str {
        match self {
            FeedKind::Podcast | FeedKind::Photos => "application/rss+xml; charset=utf-8",
            FeedKind::Json => "application/feed+json",
        }
    }

    /// Whether files of this kind are in the feed.
    pub(super) fn takes(self, medium: Medium) -> bool {
        match self {
            FeedKind::Podcast => medium != Medium::Photo,
            FeedKind::Photos => medium == Medium::Photo,
            FeedKind::Json => true,
        }
    }
}
