//! Feeds made from a folder and the tags of the media in it.
//!
//! | path | format | holds |
//! |---|---|---|
//! | `feed.xml` | RSS 2.0 with iTunes and Podcasting 2.0 tags | audio and video |
//! | `photos.xml` | RSS 2.0 with Media RSS | pictures |
//! | `feed.json` | JSON Feed 1.1 | all of them |
//! | `feed-cover` | JPEG or PNG | the picture of the feeds |
//!
//! Nothing is configured: titles, dates, durations and pictures come from the files' own tags, and where
//! these are silent from their names and the time of the last write. `feed.txt` beside the files may say
//! more: its first line is the title of the feeds; lines below it such as `author: Alice`,
//! `category: Arts > Food`, `language: en-gb` and `explicit: true` are settings; the rest is the
//! description. `cover.jpg`, `cover.png` or `folder.jpg` is the picture; `one.vtt`, `one.srt` and
//! `one.chapters.json` are subtitles and chapters of `one.mp3`.
//!
//! URLs are spelled as the client spells its own. The folder is looked through at each request, so that a
//! file is in the feed as soon as it is in the folder, but each file is read only once. An item stays the
//! same when its file is renamed or moved, not when its content or tags are changed.
//!
//! Serving the files themselves, and `feed.xml` where a file of that name exists, is the business of the
//! folder's handler.

mod about;
mod answer;
mod base_url;
mod bounded;
mod catalog;
mod cover;
mod date;
mod fingerprint;
mod guid;
mod json_feed;
mod media;
mod opus;
mod page;
mod photograph;
mod photos;
mod recording;
mod rss;
mod tags;
mod walk;
mod xml;

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Instant,
};

use async_lock::Mutex;
use hyper::{Method, StatusCode, http::request::Parts};

use crate::identity::{Name, ServicePort};
use crate::runtime::{clock, http::Response, unblock};

use answer::{Document, refusal};
use base_url::BaseUrl;
use catalog::Catalog;
use media::MediaType;
use page::{Page, Wanted};

/// The feeds of one folder. Clones share what they know of it.
#[derive(Clone, Debug)]
pub struct Feeds {
    folder: Arc<Path>,
    owner: Owner,
    page_size: usize,
    latest: Arc<Mutex<Latest>>,
}

/// Whose feeds they are: item and podcast identifiers depend on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// The name of the identity that serves the folder, if it has one.
    pub name: Option<Name>,
    /// The port at which it serves the folder.
    pub port: ServicePort,
}

/// What [`Feeds`] can answer with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FeedKind {
    /// Audio and video for podcast programs: RSS 2.0.
    Podcast,
    /// Pictures: RSS 2.0 with Media RSS.
    Photos,
    /// All media: JSON Feed 1.1.
    Json,
    /// The picture that stands for the feeds.
    Cover,
}

/// The last walk through the folder.
#[derive(Debug, Default)]
struct Latest {
    begun: Option<Instant>,
    catalog: Arc<Catalog>,
}

/// Items on a page where nothing else is said.
const PAGE_SIZE: usize = 1000;

impl Feeds {
    /// The feeds of `folder`. Nothing is read yet; [`Feeds::warm`] does so ahead of the first request.
    pub fn new(folder: PathBuf, owner: Owner) -> Feeds {
        Feeds { folder: folder.into(), owner, page_size: PAGE_SIZE, latest: Arc::default() }
    }

    /// Puts at most `size` items (at least one) on a page, instead of 1000.
    pub fn with_page_size(self, size: usize) -> Feeds {
        Feeds { page_size: size.max(1), ..self }
    }

    /// What stands at a path below the folder, with or without a slash before it.
    pub fn kind_of(path: &str) -> Option<FeedKind> {
        let name = path.strip_prefix('/').unwrap_or(path);
        FeedKind::ALL.into_iter().find(|kind| kind.file_name() == name)
    }

    /// Reads the tags of all files, which takes a while the first time when there are many.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub async fn warm(&self) -> io::Result<()> {
        self.catalog().await.map(drop)
    }

    /// Answers a request for a feed, with the URLs of the access form that the request came by.
    ///
    /// Knows `?page=2` and following, `If-None-Match` and HEAD.
    pub async fn handle(&self, kind: FeedKind, request: &Parts) -> Response {
        if let Some(refusal) = refused(&request.method) {
            return refusal;
        }
        let Some(base) = BaseUrl::of(&request.headers) else {
            return refusal(StatusCode::BAD_REQUEST, "the Host field is missing or malformed\n");
        };
        let Some(number) = page_number(request.uri.query()) else {
            return refusal(StatusCode::NOT_FOUND, "this feed has no such page\n");
        };
        let Ok(catalog) = self.catalog().await else {
            return refusal(StatusCode::INTERNAL_SERVER_ERROR, "the folder cannot be read\n");
        };
        let (owner, size) = (self.owner.clone(), self.page_size);
        let document = unblock(move || match kind {
            FeedKind::Cover => Some(cover::of_catalog(&catalog)),
            _ => render(&Page::of(&catalog, Wanted { kind, number, size }, &base, &owner)?),
        });
        match document.await {
            Some(document) => document.answer(request),
            None => refusal(StatusCode::NOT_FOUND, "this feed has no such page\n"),
        }
    }

    /// Answers a request for the picture inside `file`: the cover of a recording, the small preview of a
    /// photograph. The caller has made sure that this file may be served.
    pub async fn cover(&self, file: &Path, request: &Parts) -> Response {
        if let Some(refusal) = refused(&request.method) {
            return refusal;
        }
        let file = file.to_owned();
        let document =
            unblock(move || cover::picture(tags::embedded_picture(&file, MediaType::of(&file)?)?));
        match document.await {
            Some(document) => document.answer(request),
            None => refusal(StatusCode::NOT_FOUND, "there is no picture in this file\n"),
        }
    }

    /// The state of the folder at some moment after this call. Callers at the same time share one walk.
    async fn catalog(&self) -> io::Result<Arc<Catalog>> {
        let asked = clock::now();
        let mut latest = self.latest.lock_arc().await;
        if latest.begun.is_some_and(|begun| begun >= asked) {
            return Ok(latest.catalog.clone());
        }
        let folder = self.folder.clone();
        // the walk goes on and is kept when the visitor has lost patience with it
        unblock(move || {
            let begun = clock::now();
            latest.catalog = Arc::new(Catalog::scan(&folder, &latest.catalog)?);
            latest.begun = Some(begun);
            Ok(latest.catalog.clone())
        })
        .await
    }
}

impl FeedKind {
    /// All of them.
    pub const ALL: [FeedKind; 4] =
        [FeedKind::Podcast, FeedKind::Photos, FeedKind::Json, FeedKind::Cover];

    /// The name under which it stands in the folder.
    pub const fn file_name(self) -> &'static str {
        match self {
            FeedKind::Podcast => "feed.xml",
            FeedKind::Photos => "photos.xml",
            FeedKind::Json => "feed.json",
            FeedKind::Cover => "feed-cover",
        }
    }

    /// The type for `<link rel="alternate">`; None for what is no feed.
    pub const fn media_type(self) -> Option<&'static str> {
        match self {
            FeedKind::Podcast | FeedKind::Photos => Some("application/rss+xml"),
            FeedKind::Json => Some("application/feed+json"),
            FeedKind::Cover => None,
        }
    }
}

fn render(page: &Page<'_>) -> Option<Document> {
    let (content_type, content) = match page.kind {
        FeedKind::Podcast => ("application/rss+xml; charset=utf-8", rss::render(page)),
        FeedKind::Photos => ("application/rss+xml; charset=utf-8", photos::render(page)),
        FeedKind::Json => ("application/feed+json", json_feed::render(page)),
        FeedKind::Cover => return None,
    };
    Some(Document { content_type, content })
}

fn refused(method: &Method) -> Option<Response> {
    let allowed = [Method::GET, Method::HEAD].contains(method);
    (!allowed).then(|| refusal(StatusCode::METHOD_NOT_ALLOWED, "this can only be read\n"))
}

/// The number in `?page=2`, 1 without; None for what is no number.
fn page_number(query: Option<&str>) -> Option<usize> {
    let mut parts = query.unwrap_or_default().split('&');
    match parts.find_map(|part| part.strip_prefix("page=")) {
        None => Some(1),
        Some(digits) if digits.bytes().all(|b| b.is_ascii_digit()) => digits.parse().ok(),
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use futures_lite::future;

    use super::*;
    use crate::runtime::block_on;

    #[test]
    fn visitors_at_the_same_time_share_a_walk_and_later_ones_get_another() {
        let folder = tempfile::tempdir().unwrap();
        let owner = Owner { name: None, port: ServicePort::HTTP };
        let feeds = Feeds::new(folder.path().into(), owner);
        let (together, later) = block_on(async {
            // all of them ask before the first walk can begin
            let walking = feeds.latest.lock_arc().await;
            let mut visitors: Vec<_> = (0..100).map(|_| Box::pin(feeds.catalog())).collect();
            for visitor in &mut visitors {
                assert!(future::poll_once(visitor.as_mut()).await.is_none());
            }
            drop(walking);
            let mut together = Vec::new();
            for visitor in visitors {
                together.push(visitor.await.unwrap());
            }
            (together, feeds.catalog().await.unwrap())
        });
        let mut walks: Vec<_> = together.iter().map(Arc::as_ptr).collect();
        walks.dedup();
        assert_eq!(walks.len(), 1);
        assert!(!walks.contains(&Arc::as_ptr(&later)));
    }
}
