//! What a shared folder is to visitors: its files, and the feeds made from them.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use hyper::http::request::Parts;

use super::feed::{FeedKind, Feeds, Owner};
use super::folder::{Folder, FolderError};
use super::path::RequestPath;
use crate::runtime::http::{BoxFuture, Handler, Request, Response};
use crate::runtime::unblock;

/// A folder with its feeds. A file that has the name of a feed stands in its place.
#[derive(Debug)]
pub struct Site {
    folder: Arc<Folder>,
    feeds: Feeds,
}

/// Asks for the picture inside of a file.
const COVER: &str = "cover";

impl Site {
    /// Serves a folder; `owner` stands in its feeds.
    ///
    /// # Errors
    /// When it is no folder that can be read.
    pub fn open(root: &Path, owner: Owner) -> Result<Site, FolderError> {
        let folder = Folder::open(root)?;
        let feeds = Feeds::new(folder.root().to_owned(), owner);
        Ok(Site { folder: Arc::new(folder), feeds })
    }

    /// What the request asks for besides files and listings.
    async fn made(&self, head: &Parts) -> Option<Made> {
        let path = RequestPath::parse(head.uri.path()).ok()?;
        let kind = FeedKind::ALL.into_iter().find(|kind| {
            path.segments.len() == 1 && path.segments[0].to_str() == Some(kind.file_name())
        });
        if kind.is_none() && head.uri.query() != Some(COVER) {
            return None;
        }
        let folder = self.folder.clone();
        let file = unblock(move || folder.file(&path.segments)).await;
        match (kind, file) {
            (Some(kind), None) => Some(Made::Feed(kind)),
            (None, Some(file)) => Some(Made::Cover(file)),
            _ => None,
        }
    }
}

/// Something made from files.
enum Made {
    Feed(FeedKind),
    /// The picture inside of this file.
    Cover(PathBuf),
}

impl Handler for Site {
    fn handle(self: Arc<Self>, request: Request) -> BoxFuture<Response> {
        Box::pin(async move {
            let (head, body) = request.into_parts();
            match self.made(&head).await {
                Some(Made::Feed(kind)) => self.feeds.handle(kind, &head).await,
                Some(Made::Cover(file)) => self.feeds.cover(&file, &head).await,
                None => self.folder.clone().handle(Request::from_parts(head, body)).await,
            }
        })
    }
}
