//! A folder as a web site: files with everything HTTP knows about them, listings, archives, feeds.
//!
//! [`Site`] answers requests as any [`Handler`](crate::runtime::http::Handler) does; who may send them and
//! how they arrive is the business of the layers around it. It only ever reads.
//!
//! A request travels down this list:
//!
//! | module | asks |
//! |---|---|
//! | `site`, `respond` | which method, file or folder, and what of it |
//! | `path`, `query` | which name below the folder the target means, and what is wanted of it |
//! | `folder`, `directory` | what lies there, opened so that nothing outside can be reached |
//! | `encoding` | whether its owner has put a compressed version beside it |
//! | `representation` | what of a file to send: validators (`etag`), preconditions (`conditional`), `range` |
//! | `body` | how its octets get out: in pieces, read ahead by one, never the whole file |
//! | `listing`, `zip`, `feed` | what is generated from a folder |
//! | `thumbnail`, `feed::cover`, `camera` | which small picture stands for a file |
//! | `page`, `problem` | how generated pages and refusals look |
//!
//! Every link in a generated page is relative, so that a folder works under any path prefix.

mod body;
mod bounded;
mod camera;
mod conditional;
mod directory;
mod encoding;
mod etag;
mod feed;
mod folder;
mod listing;
mod media_type;
mod page;
mod path;
mod problem;
mod query;
mod range;
mod representation;
mod respond;
mod site;
mod thumbnail;
mod zip;

pub use feed::Owner;
pub use folder::FolderError;
pub use site::Site;
