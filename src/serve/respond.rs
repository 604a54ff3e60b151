//! From a request to its response: which method, which file or folder, and what of it.

use std::{ffi::OsStr, sync::Arc};

use hyper::{
    Method, StatusCode,
    header::{ALLOW, HeaderValue, LOCATION, X_CONTENT_TYPE_OPTIONS},
    http::request::Parts,
};

use super::directory::Directory;
use super::encoding;
use super::feed::{Made, cover};
use super::folder::{Folder, Node, OpenFile, Unavailable};
use super::listing;
use super::path::{self, PathError, RequestPath};
use super::problem::{METHODS, Problem};
use super::query::Query;
use super::site::Site;
use super::thumbnail;
use super::zip;
use crate::runtime::http::{self, BoxFuture, Handler, Request, Response};
use crate::runtime::unblock;

/// Stands for its folder.
const INDEX: &str = "index.html";

impl Handler for Site {
    fn handle(self: Arc<Self>, request: Request) -> BoxFuture<Response> {
        let (head, _) = request.into_parts();
        Box::pin(async move {
            let head = Arc::new(head);
            let mut response = match respond(self, head.clone()).await {
                Ok(response) => response,
                Err(problem) => problem.response(&head),
            };
            let nosniff = HeaderValue::from_static("nosniff");
            response.headers_mut().insert(X_CONTENT_TYPE_OPTIONS, nosniff);
            response
        })
    }
}

/// What looking up a target leads to.
enum Found {
    /// The response is known.
    Response(Response),
    /// A folder without an index.
    Directory(Directory),
    /// A feed or its picture, where no file has its name.
    Made(Made),
}

async fn respond(site: Arc<Site>, head: Arc<Parts>) -> Result<Response, Problem> {
    match head.method {
        Method::GET | Method::HEAD => {}
        Method::OPTIONS => return Ok(options()),
        _ => return Err(Problem::BadMethod),
    }
    let path = RequestPath::parse(head.uri.path()).map_err(|error| match error {
        PathError::Malformed => Problem::BadTarget,
        PathError::Hidden => Problem::Missing,
    })?;
    let query = Query::parse(head.uri.query().unwrap_or(""));
    let permit = if query.cover { Some(site.covers.acquire_arc().await) } else { None };
    // one trip to another thread does for a file: opening, reading its head, deciding
    let found = unblock({
        let (site, head, path) = (site.clone(), head.clone(), path.clone());
        move || {
            let _permit = permit; // here, because this goes on when the client has gone
            look_up(&site.folder, &path, &query, &head)
        }
    });
    match found.await? {
        Found::Response(response) => Ok(response),
        Found::Made(made) => site.feeds.respond(made, &head).await,
        Found::Directory(_) if query.zip => {
            let permit = site.archives.try_acquire_arc().ok_or(Problem::Busy)?;
            Ok(zip::respond(site.folder.clone(), site.feeds.owner(), path, &head, permit))
        }
        Found::Directory(directory) => {
            let permit = site.listings.acquire_arc().await;
            unblock(move || {
                let _permit = permit;
                listing::respond(&site.folder, &site.feeds, &directory, &path, &query, &head)
            })
            .await
        }
    }
}

fn look_up(
    folder: &Folder,
    path: &RequestPath,
    query: &Query,
    head: &Parts,
) -> Result<Found, Problem> {
    let name = path.name().unwrap_or_default();
    match folder.find(&path.segments) {
        Err(Unavailable::Missing) => Made::at(path).map(Found::Made).ok_or(Problem::Missing),
        Err(why) => Err(why.into()),
        Ok(Node::File(_)) if path.slash => Err(Problem::Missing),
        Ok(Node::File(open)) => of_file(folder, path, open, query, head).map(Found::Response),
        Ok(Node::Directory(_)) if !path.slash => Ok(Found::Response(with_slash(name, head))),
        Ok(Node::Directory(directory)) if directory.has_file(INDEX) => {
            let mut path = path.clone();
            path.segments.push(INDEX.into());
            match folder.find(&path.segments)? {
                Node::File(open) => {
                    Ok(Found::Response(encoding::respond(folder, &path, open, head)))
                }
                Node::Directory(_) => Ok(Found::Directory(directory)),
            }
        }
        Ok(Node::Directory(directory)) => Ok(Found::Directory(directory)),
    }
}

fn of_file(
    folder: &Folder,
    path: &RequestPath,
    open: OpenFile,
    query: &Query,
    head: &Parts,
) -> Result<Response, Problem> {
    let name = path.name().unwrap_or_default();
    if query.cover {
        cover::respond(&open, name, head)
    } else if query.thumb {
        Ok(thumbnail::respond(open, name, head))
    } else {
        Ok(encoding::respond(folder, path, open, head))
    }
}

/// Leads from `…/sub` to `…/sub/`, so that relative links start in the folder. The target is relative
/// itself: what stands before this path on the client's side is not known here.
fn with_slash(name: &OsStr, head: &Parts) -> Response {
    let query = head.uri.query().map(|query| format!("?{query}")).unwrap_or_default();
    let location = format!("{}/{query}", path::encode(name));
    let mut response = Response::new(http::empty());
    *response.status_mut() = StatusCode::PERMANENT_REDIRECT;
    let location = HeaderValue::try_from(location).ok().map(|location| (LOCATION, location));
    response.headers_mut().extend(location);
    response
}

fn options() -> Response {
    let mut response = Response::new(http::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    response.headers_mut().insert(ALLOW, HeaderValue::from_static(METHODS));
    response
}
