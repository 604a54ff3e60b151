//! What a shared folder is to visitors: its files, and what is made from them.

use std::{path::Path, sync::Arc};

use async_lock::Semaphore;
use hyper::header::{HeaderValue, X_CONTENT_TYPE_OPTIONS};

use super::feed::{Feeds, Owner};
use super::folder::{Folder, FolderError};
use super::respond::respond;
use crate::runtime::http::{BoxFuture, Handler, Request, Response};

/// A folder that is shared as a web site with feeds. It is only ever read.
#[derive(Debug)]
pub struct Site {
    pub(super) folder: Arc<Folder>,
    pub(super) feeds: Feeds,
    /// Listings that are made at a time; each holds the names of a whole folder.
    pub(super) listings: Arc<Semaphore>,
    /// Archives that are sent at a time; each keeps a thread.
    pub(super) archives: Arc<Semaphore>,
}

const LISTINGS: usize = 2;
const ARCHIVES: usize = 8;

impl Site {
    /// Serves the folder at `root`; `owner` stands in its feeds. What is in it is looked up at each
    /// request. Blocks for a moment.
    ///
    /// # Errors
    /// When there is no readable folder at that path.
    pub fn open(root: &Path, owner: Owner) -> Result<Site, FolderError> {
        let folder = Arc::new(Folder::open(root)?);
        Ok(Site {
            feeds: Feeds::new(folder.clone(), owner),
            folder,
            listings: Arc::new(Semaphore::new(LISTINGS)),
            archives: Arc::new(Semaphore::new(ARCHIVES)),
        })
    }
}

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
