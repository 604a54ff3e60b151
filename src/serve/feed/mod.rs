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
//! A file that has the name of a feed is served in its place.

mod about;
mod base_url;
mod catalog;
pub(super) mod cover;
mod fingerprint;
mod guid;
mod json_feed;
mod made;
mod media;
mod page;
mod photograph;
mod photos;
mod picture;
mod recording;
mod rss;
mod tag_date;
mod tags;
mod walk;
mod xml;

pub use guid::Owner;
pub(super) use made::{FeedKind, Made};

use std::{
    ops::ControlFlow,
    sync::{Arc, Mutex, MutexGuard},
    time::Instant,
};

use async_lock::{Mutex as AsyncMutex, Semaphore};
use hyper::{
    header::{HeaderValue, VARY},
    http::request::Parts,
};

use crate::identity::Name;
use crate::runtime::{clock, http::Response, lock, unblock};

use super::etag::Validators;
use super::folder::{Folder, Unavailable};
use super::problem::Problem;
use super::representation;
use base_url::BaseUrl;
use catalog::Catalog;
use media::MediaType;
use page::{Page, Wanted};
use picture::Picture;
use walk::{Extent, walk};

/// The feeds of one folder.
#[derive(Debug)]
pub(super) struct Feeds {
    folder: Arc<Folder>,
    owner: Owner,
    latest: Arc<Mutex<Latest>>,
    /// Held by the one who walks.
    turn: Arc<AsyncMutex<()>>,
    /// Documents that are put together at a time; each is in memory as a whole.
    documents: Arc<Semaphore>,
}

/// The last walk through the folder.
#[derive(Clone, Debug, Default)]
struct Latest {
    begun: Option<Instant>,
    catalog: Arc<Catalog>,
}

/// Items on a page.
const PAGE_SIZE: usize = 1000;
const DOCUMENTS: usize = 4;
/// Names that a glance looks at.
const GLANCE: usize = 2000;

impl Feeds {
    /// The feeds of `folder`. Nothing is read yet.
    pub(super) fn new(folder: Arc<Folder>, owner: Owner) -> Feeds {
        Feeds {
            folder,
            owner,
            latest: Arc::default(),
            turn: Arc::default(),
            documents: Arc::new(Semaphore::new(DOCUMENTS)),
        }
    }

    /// The name of the identity that serves the folder.
    pub(super) fn owner(&self) -> Option<&Name> {
        self.owner.name.as_ref()
    }

    /// Answers a GET or HEAD request, with the URLs of the access form that it came by. Knows `?page=2`
    /// and following.
    ///
    /// # Errors
    /// When there is no such page, the request names no host, or the folder cannot be read.
    pub(super) async fn respond(&self, made: Made, head: &Parts) -> Result<Response, Problem> {
        match made {
            Made::Feed(kind) => self.feed(kind, head).await,
            Made::Cover => self.cover(head).await,
        }
    }

    async fn feed(&self, kind: FeedKind, head: &Parts) -> Result<Response, Problem> {
        let base = BaseUrl::of(&head.headers).ok_or(Problem::BadHost)?;
        let number = page_number(head.uri.query()).ok_or(Problem::NoSuchPage)?;
        let catalog = self.catalog().await?;
        let (owner, folder) = (self.owner.clone(), self.folder.clone());
        let permit = self.documents.acquire_arc().await;
        let rendered = unblock(move || {
            let _permit = permit;
            let wanted = Wanted { kind, number, size: PAGE_SIZE };
            Some(render(&Page::of(&catalog, &folder, wanted, &base, &owner)?))
        });
        let content = rendered.await.ok_or(Problem::NoSuchPage)?;
        let mut response = of_content(content, kind.content_type(), head);
        response.headers_mut().insert(VARY, HeaderValue::from_static(base_url::VARY));
        Ok(response)
    }

    async fn cover(&self, head: &Parts) -> Result<Response, Problem> {
        let catalog = self.catalog().await?;
        let folder = self.folder.clone();
        let permit = self.documents.acquire_arc().await;
        let picture = unblock(move || {
            let _permit = permit;
            cover::of_catalog(&catalog, &folder)
        });
        let Picture { mime, content } = picture.await;
        Ok(of_content(content, mime, head))
    }

    /// The feeds that have items, found by a glance at the names near the top; where these are not all,
    /// what is known from the last request for a feed counts as well. Blocks for as long as the glance
    /// takes.
    pub(super) fn offered(&self) -> Vec<FeedKind> {
        let (mut podcast, mut photos) = (false, false);
        let glance = walk(&self.folder, GLANCE, MediaType::of, |_, _, media| {
            podcast |= FeedKind::Podcast.takes(media.medium);
            photos |= FeedKind::Photos.takes(media.medium);
            if podcast && photos { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        if glance.is_ok_and(|extent| extent == Extent::Part) {
            let known = self.latest().catalog.clone();
            let any = |kind: FeedKind| known.entries.iter().any(|it| kind.takes(it.media.medium));
            podcast |= any(FeedKind::Podcast);
            photos |= any(FeedKind::Photos);
        }
        let offered = [
            (FeedKind::Podcast, podcast),
            (FeedKind::Photos, photos),
            (FeedKind::Json, podcast || photos),
        ];
        offered.into_iter().filter(|(_, any)| *any).map(|(kind, _)| kind).collect()
    }

    /// The state of the folder at some moment after this call. Callers at the same time share one walk.
    async fn catalog(&self) -> Result<Arc<Catalog>, Problem> {
        let asked = clock::now();
        let turn = self.turn.lock_arc().await;
        let before = self.latest().clone();
        if before.begun.is_some_and(|begun| begun >= asked) {
            return Ok(before.catalog);
        }
        let (folder, latest) = (self.folder.clone(), self.latest.clone());
        // the walk goes on and is kept when the visitor has lost patience with it
        unblock(move || {
            let _turn = turn;
            let begun = Some(clock::now());
            let catalog = Arc::new(Catalog::scan(&folder, &before.catalog)?);
            *lock(&latest) = Latest { begun, catalog: catalog.clone() };
            Ok(catalog)
        })
        .await
        // a folder that is away for a moment must not read as a feed that is gone
        .map_err(|_: Unavailable| Problem::Failed)
    }

    fn latest(&self) -> MutexGuard<'_, Latest> {
        lock(&self.latest)
    }
}

fn render(page: &Page<'_>) -> Vec<u8> {
    match page.kind {
        FeedKind::Podcast => rss::render(page),
        FeedKind::Photos => photos::render(page),
        FeedKind::Json => json_feed::render(page),
    }
}

fn of_content(content: Vec<u8>, content_type: &str, head: &Parts) -> Response {
    let validators = Validators::of_content(&content);
    representation::of_content(content, content_type, &validators, head)
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
mod tests;
