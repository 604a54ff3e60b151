//! What a shared folder is to visitors: its files, and what is made from them.

use std::{path::Path, sync::Arc};

use async_lock::Semaphore;

use super::feed::{Feeds, Owner};
use super::folder::{Folder, FolderError};

/// A folder that is shared as a web site with feeds. It is only ever read.
#[derive(Debug)]
pub struct Site {
    pub(super) folder: Arc<Folder>,
    pub(super) feeds: Feeds,
    /// Listings that are made at a time; each holds the names of a whole folder.
    pub(super) listings: Arc<Semaphore>,
    /// Pictures that are taken out of files at a time; the tags around them are in memory meanwhile.
    pub(super) covers: Arc<Semaphore>,
    /// Archives that are sent at a time; each keeps a thread.
    pub(super) archives: Arc<Semaphore>,
}

const LISTINGS: usize = 2;
const COVERS: usize = 4;
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
            covers: Arc::new(Semaphore::new(COVERS)),
            archives: Arc::new(Semaphore::new(ARCHIVES)),
        })
    }
}
