//! A folder on disk, and the questions that tests put to it.

use std::{fs, path::Path, sync::Arc};

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::{HeaderMap, Method, Request, StatusCode};
use p2p::identity::{Name, ServicePort};
use p2p::runtime::block_on;
use p2p::runtime::http::{self, Handler, Response};
use p2p::serve::{self, Owner};
use tempfile::TempDir;

/// A folder on disk and the site that it makes.
pub(crate) struct Site {
    pub(crate) folder: TempDir,
    pub(crate) handler: Arc<serve::Site>,
}

pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) fields: HeaderMap,
    pub(crate) content: Bytes,
}

impl Site {
    pub(crate) fn new() -> Site {
        let folder = tempfile::tempdir().unwrap();
        let handler = open(folder.path());
        Site { folder, handler }
    }

    /// The sources of this package. Unlike files that a test has just written, `/lib.rs` has rested
    /// long enough for a strong tag.
    pub(crate) fn resting() -> Site {
        let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        Site { handler: open(&sources), ..Site::new() }
    }

    pub(crate) fn with(files: &[(&str, &[u8])]) -> Site {
        let site = Site::new();
        for (name, content) in files {
            site.write(name, content);
        }
        site
    }

    pub(crate) fn write(&self, name: &str, content: &[u8]) {
        let path = self.folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    pub(crate) fn respond(
        &self,
        method: Method,
        target: &str,
        fields: &[(&str, &str)],
    ) -> Response {
        let mut request = Request::builder().method(method).uri(target);
        for (name, value) in fields {
            request = request.header(*name, *value);
        }
        block_on(self.handler.clone().handle(request.body(http::empty()).unwrap()))
    }

    pub(crate) fn ask(&self, method: Method, target: &str, fields: &[(&str, &str)]) -> Answer {
        let (head, body) = self.respond(method, target, fields).into_parts();
        let content = block_on(body.collect()).unwrap().to_bytes();
        Answer { status: head.status, fields: head.headers, content }
    }

    pub(crate) fn get(&self, target: &str) -> Answer {
        self.ask(Method::GET, target, &[])
    }

    pub(crate) fn get_with(&self, target: &str, fields: &[(&str, &str)]) -> Answer {
        self.ask(Method::GET, target, fields)
    }
}

fn open(root: &Path) -> Arc<serve::Site> {
    let name = Name::parse("alice@example.com").ok();
    let owner = Owner { name, port: ServicePort::HTTP };
    Arc::new(serve::Site::open(root, owner).unwrap())
}

impl Answer {
    pub(crate) fn field(&self, name: &str) -> &str {
        self.fields.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.content).unwrap()
    }

    /// The targets of all links of a page.
    pub(crate) fn links(&self) -> Vec<String> {
        let hrefs = self.text().split(" href=\"").skip(1);
        let links = hrefs.map(|rest| rest.split('"').next().unwrap().replace("&amp;", "&"));
        links.filter(|link| !link.starts_with('#')).collect()
    }
}

pub(crate) fn pattern(length: usize) -> Vec<u8> {
    (0..length).map(|i| (i / 251 + i) as u8).collect()
}

/// The names of an archive, as a program that opens it sees them.
pub(crate) fn names_in_zip(content: &[u8]) -> Vec<String> {
    let archive = zip::ZipArchive::new(std::io::Cursor::new(content)).unwrap();
    archive.file_names().map(|name| name.unwrap().into_owned()).collect()
}
