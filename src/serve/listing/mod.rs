//! What a folder without an index shows: a page for people, JSON for programs.
//!
//! A listing is made anew for each request and is never longer than a page; of a folder with very many
//! files only so many names are kept in memory as [`scan`] says.

mod entry;
mod html;
mod json;
mod order;
mod quantity;
mod scan;

use hyper::{
    header::{CONTENT_SECURITY_POLICY, HeaderValue, VARY},
    http::request::Parts,
};

use self::scan::Scan;
use super::directory::Directory;
use super::etag::Validators;
use super::feed::{FeedKind, Feeds};
use super::folder::Folder;
use super::page;
use super::path::RequestPath;
use super::problem::Problem;
use super::query::{Direction, Key, Query};
use super::representation;
use crate::identity::Name;
use crate::runtime::html::MEDIA_TYPE;
use crate::runtime::http::Response;

/// Entries on one page.
const PAGE: usize = 500;

/// Answers with the listing of a folder. Blocks for as long as reading the folder takes.
///
/// # Errors
/// When the folder cannot be read.
pub(super) fn respond(
    folder: &Folder,
    feeds: &Feeds,
    directory: &Directory,
    path: &RequestPath,
    query: &Query,
    head: &Parts,
) -> Result<Response, Problem> {
    let scan = Scan::of(folder, directory, path).map_err(|_| Problem::Failed)?;
    let mut listing = Listing::new(scan, directory, path, query, feeds.owner());
    let (media_type, content) = if query.json || page::prefers_json(&head.headers) {
        ("application/json", json::render(&listing))
    } else {
        if path.segments.is_empty() {
            listing.feeds = feeds.offered();
        }
        (MEDIA_TYPE, html::render(&listing))
    };
    let content = content.into_bytes();
    let validators = Validators::of_content(&content);
    let mut response = representation::of_content(content, media_type, &validators, head);
    response.headers_mut().insert(CONTENT_SECURITY_POLICY, page::policy());
    response.headers_mut().insert(VARY, HeaderValue::from_static("Accept"));
    Ok(response)
}

/// One page of a folder.
struct Listing {
    scan: Scan,
    path: RequestPath,
    owner: Option<Name>,
    /// The feeds that the page announces: those of the shared folder, in its own listing.
    feeds: Vec<FeedKind>,
    key: Key,
    direction: Direction,
    /// From 1.
    page: usize,
    pages: usize,
}

impl Listing {
    /// Sorts a folder and leaves in `scan.entries` those of one page, with size and time.
    fn new(
        mut scan: Scan,
        directory: &Directory,
        path: &RequestPath,
        query: &Query,
        owner: Option<&Name>,
    ) -> Listing {
        let (key, direction) = (query.key, query.direction());
        if key != Key::Name {
            scan.measure(directory);
        }
        order::sort(&mut scan.entries, key, direction);
        let pages = scan.entries.len().div_ceil(PAGE).max(1);
        let page = query.page.min(pages);
        scan.entries.truncate(page * PAGE);
        scan.entries.drain(..(page - 1) * PAGE);
        scan.measure(directory);
        Listing {
            scan,
            path: path.clone(),
            owner: owner.cloned(),
            feeds: Vec::new(),
            key,
            direction,
            page,
            pages,
        }
    }

    /// The query of another page of the same order.
    fn link_to(&self, page: usize) -> String {
        format!("?sort={}&order={}&page={page}", self.key, self.direction)
    }
}
