//! Pictures: those inside media files, and the one that stands for a feed.

use crate::serve::media_type::{self, Kind};

use super::{answer::Document, catalog::Catalog, media::Medium, tags::embedded_picture};

/// What a feed without any picture shows: 1400 pixels square, as podcast directories want it.
const DEFAULT_COVER: &[u8] = include_bytes!("cover.png");
/// How many of the newest recordings are searched for a picture.
const SEARCHED: usize = 20;

/// The picture of a feed whose folder has no `cover.jpg`: that in the newest recording which has one.
pub(super) fn of_catalog(catalog: &Catalog) -> Document {
    let recordings =
        catalog.entries.iter().filter(|entry| entry.media.medium != Medium::Photo).take(SEARCHED);
    let mut pictures = recordings.filter_map(|entry| {
        let known = entry.fingerprint(&catalog.root)?;
        let path = catalog.root.join(&entry.path);
        known.has_picture.then(|| embedded_picture(&path, entry.media)).flatten()
    });
    pictures
        .find_map(picture)
        .unwrap_or_else(|| Document { content_type: "image/png", content: DEFAULT_COVER.into() })
}

/// A picture as a document; None for what no browser shows or what could be more than a picture.
pub(super) fn picture(content: Vec<u8>) -> Option<Document> {
    // what the tag says about it may be wrong
    let content_type = media_type::by_signature(&content)?;
    if media_type::kind(content_type) != Kind::Picture {
        return None;
    }
    Some(Document { content_type, content })
}
