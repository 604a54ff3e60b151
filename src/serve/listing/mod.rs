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
    header::{CONTENT_SECURITY_POLICY, HOST, HeaderValue, VARY},
    http::request::Parts,
};

use self::order::{Direction, Key};
use self::scan::Scan;
use super::directory::Directory;
use super::etag::{EntityTag, Validators};
use super::folder::Folder;
use super::page;
use super::path::RequestPath;
use super::problem::Problem;
use super::representation;
use crate::identity::Destination;
use crate::runtime::http::Response;

/// What the query of a target may ask of a folder or a file. Anything else in it is ignored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Query {
    /// `zip`: the folder as an archive.
    pub(super) zip: bool,
    /// `thumb`: a small version of a picture.
    pub(super) thumb: bool,
    /// `json`: the listing for programs.
    json: bool,
    /// `sort=name|size|time`.
    key: Key,
    /// `order=asc|desc`.
    direction: Option<Direction>,
    /// `page=N`, from 1.
    page: usize,
}

/// Entries on one page.
const PAGE: usize = 500;

impl Query {
    /// Reads what is known and skips the rest.
    pub(super) fn parse(query: &str) -> Query {
        let mut known = Query { page: 1, ..Query::default() };
        for field in query.split('&') {
            match field.split_once('=').unwrap_or((field, "")) {
                ("zip", _) => known.zip = true,
                ("thumb", _) => known.thumb = true,
                ("json", _) => known.json = true,
                ("sort", "name") => known.key = Key::Name,
                ("sort", "size") => known.key = Key::Size,
                ("sort", "time") => known.key = Key::Time,
                ("order", "asc") => known.direction = Some(Direction::Ascending),
                ("order", "desc") => known.direction = Some(Direction::Descending),
                ("page", number) => known.page = number.parse().unwrap_or(1).max(1),
                _ => {}
            }
        }
        known
    }

    fn direction(&self) -> Direction {
        self.direction.unwrap_or(self.key.natural_direction())
    }
}

/// Answers with the listing of a folder. Blocks for as long as reading the folder takes.
///
/// # Errors
/// When the folder cannot be read.
pub(super) fn respond(
    folder: &Folder,
    directory: &Directory,
    path: &RequestPath,
    query: &Query,
    head: &Parts,
) -> Result<Response, Problem> {
    let scan = Scan::of(folder, directory, path).map_err(|_| Problem::Failed)?;
    let listing = Listing::new(scan, directory, path, query, owner(head));
    let (media_type, content) = if query.json || page::prefers_json(&head.headers) {
        ("application/json", json::render(&listing))
    } else {
        (page::HTML, html::render(&listing))
    };
    let content = content.into_bytes();
    let validators = Validators { tag: EntityTag::of_content(&content), modified: None };
    let mut response = representation::of_content(content, media_type, &validators, head);
    response.headers_mut().insert(CONTENT_SECURITY_POLICY, page::policy());
    response.headers_mut().insert(VARY, HeaderValue::from_static("Accept"));
    Ok(response)
}

/// Whose site this is, by the name under which it was asked for.
pub(super) fn owner(head: &Parts) -> Option<String> {
    let host = head.headers.get(HOST)?.to_str().ok()?;
    Some(Destination::from_proxy_host(host).ok()??.name.as_str().to_owned())
}

/// One page of a folder.
struct Listing {
    scan: Scan,
    path: RequestPath,
    owner: Option<String>,
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
        owner: Option<String>,
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
        Listing { scan, path: path.clone(), owner, key, direction, page, pages }
    }

    /// The query of another page of the same order.
    fn link_to(&self, page: usize) -> String {
        format!("?sort={}&order={}&page={page}", self.key, self.direction)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_queries_leniently() {
        let query = Query::parse("sort=size&order=asc&page=3&json&x=y");
        assert_eq!(query.key, Key::Size);
        assert_eq!(query.direction(), Direction::Ascending);
        assert_eq!(query.page, 3);
        assert!(query.json && !query.zip && !query.thumb);
        for odd in ["", "page=0", "page=-1", "page=x", "sort=evil", "order=", "&&=&"] {
            assert_eq!(Query::parse(odd), Query { page: 1, ..Query::default() }, "{odd}");
        }
        assert_eq!(Query::parse("sort=time").direction(), Direction::Descending);
        assert_eq!(Query::parse("page=99999999999999999999").page, 1);
    }
}
