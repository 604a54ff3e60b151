//! A folder with feeds, requests to it, and its answers as trees of XML.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, UNIX_EPOCH},
};

use http_body_util::BodyExt;
use hyper::{HeaderMap, Request, StatusCode};
use p2p::{
    identity::{Name, ServicePort},
    runtime::{
        block_on,
        http::{self, Handler},
    },
    serve::{Owner, Site},
};
use quick_xml::{
    Reader, XmlVersion,
    events::{BytesStart, Event},
};

/// What the gateway says of a request in path form.
pub(crate) const PATH_FORM: &[(&str, &str)] = &[
    ("host", "alice.at.example.com:1000"),
    ("x-forwarded-host", "localhost:5050"),
    ("x-forwarded-proto", "http"),
    ("x-forwarded-prefix", "/alice@example.com/1000"),
];
/// The proxy form.
pub(crate) const PROXY_FORM: &[(&str, &str)] = &[("host", "alice.at.example.com:1000")];

/// A folder that alice serves.
pub(crate) struct Folder {
    directory: tempfile::TempDir,
    pub(crate) site: Arc<Site>,
}

/// An answer with its body at hand.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Folder {
    pub(crate) fn new() -> Folder {
        let directory = tempfile::Builder::new().prefix("radio").tempdir().unwrap();
        Folder::of(directory, alice())
    }

    fn of(directory: tempfile::TempDir, owner: Owner) -> Folder {
        let site = Arc::new(Site::open(directory.path(), owner).unwrap());
        Folder { directory, site }
    }

    /// The same folder, served by somebody else.
    pub(crate) fn owned_by(self, owner: Owner) -> Folder {
        Folder::of(self.directory, owner)
    }

    /// A folder with copies of some files of `tests/media`.
    pub(crate) fn with(media: &[&str]) -> Folder {
        let folder = Folder::new();
        for name in media {
            folder.add(name, name);
        }
        folder
    }

    pub(crate) fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Copies a file of `tests/media` to `name`.
    pub(crate) fn add(&self, media: &str, name: impl AsRef<Path>) {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/media").join(media);
        self.write(name, &fs::read(source).unwrap());
    }

    pub(crate) fn write(&self, name: impl AsRef<Path>, content: &[u8]) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    /// Says that a file was last written so long after 1970.
    pub(crate) fn date(&self, name: impl AsRef<Path>, secs: u64) {
        let file = File::options().append(true).open(self.path(name)).unwrap();
        file.set_modified(UNIX_EPOCH + Duration::from_secs(secs)).unwrap();
    }

    pub(crate) fn get(&self, target: &str, headers: &[(&str, &str)]) -> Answer {
        self.request("GET", target, headers)
    }

    pub(crate) fn request(&self, method: &str, target: &str, headers: &[(&str, &str)]) -> Answer {
        block_on(ask(self.site.clone(), method, target, headers))
    }

    /// The channel of an RSS feed that must be there.
    pub(crate) fn channel(&self, target: &str, headers: &[(&str, &str)]) -> Element {
        let answer = self.get(target, headers);
        assert_eq!(answer.status, StatusCode::OK, "{}", String::from_utf8_lossy(&answer.body));
        let rss = Element::parse(&answer.body);
        assert_eq!((rss.name.as_str(), rss.attribute("version")), ("rss", "2.0"));
        rss.child("channel").clone()
    }

    /// The titles in `feed.xml`, in order.
    pub(crate) fn titles(&self) -> Vec<String> {
        let channel = self.channel("/feed.xml", PROXY_FORM);
        channel.all("item").map(|item| item.text("title").to_owned()).collect()
    }
}

pub(crate) fn alice() -> Owner {
    let name = Name::parse("alice@example.com").unwrap();
    Owner { name: Some(name), port: ServicePort::new(1000).unwrap() }
}

/// Asks a site and waits for the whole answer.
pub(crate) async fn ask(
    site: Arc<Site>,
    method: &str,
    target: &str,
    headers: &[(&str, &str)],
) -> Answer {
    let mut request = Request::builder().method(method).uri(target);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let (head, body) = site.handle(request.body(http::empty()).unwrap()).await.into_parts();
    let body = body.collect().await.unwrap().to_bytes().to_vec();
    Answer { status: head.status, headers: head.headers, body }
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

/// An element of an XML document.
#[derive(Clone, Debug, Default)]
pub(crate) struct Element {
    pub(crate) name: String,
    pub(crate) attributes: Vec<(String, String)>,
    pub(crate) content: String,
    pub(crate) children: Vec<Element>,
}

impl Element {
    /// Reads a document; panics where it is not well-formed or has a second root.
    pub(crate) fn parse(document: &[u8]) -> Element {
        let mut reader = Reader::from_reader(document);
        let mut open = vec![Element::default()];
        loop {
            match reader.read_event().unwrap() {
                Event::Start(start) => open.push(Element::of(&start)),
                Event::Empty(start) => open.last_mut().unwrap().children.push(Element::of(&start)),
                Event::End(_) => {
                    let done = open.pop().unwrap();
                    open.last_mut().unwrap().children.push(done);
                }
                Event::Text(text) => open.last_mut().unwrap().content += &text.xml10_content(),
                Event::GeneralRef(entity) => {
                    let name = entity.xml10_content();
                    let known = quick_xml::escape::resolve_xml_entity(&name).unwrap();
                    open.last_mut().unwrap().content += known;
                }
                Event::Eof => break,
                _ => {}
            }
        }
        let [root] = open.as_slice() else { panic!("an element is not closed") };
        assert_eq!(root.children.len(), 1);
        root.children[0].clone()
    }

    fn of(start: &BytesStart<'_>) -> Element {
        let attributes = start.attributes().map(|attribute| {
            let attribute = attribute.unwrap();
            let value = attribute.normalized_value(XmlVersion::Implicit1_0).unwrap().into_owned();
            (attribute.key.as_ref().to_owned(), value)
        });
        let attributes = attributes.collect();
        Element { name: start.name().as_ref().to_owned(), attributes, ..Element::default() }
    }

    pub(crate) fn all<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a Element> {
        self.children.iter().filter(move |child| child.name == name)
    }

    /// The one child of this name.
    pub(crate) fn child(&self, name: &str) -> &Element {
        let mut all = self.all(name);
        let child = all.next().unwrap_or_else(|| panic!("no {name} in {self:#?}"));
        assert!(all.next().is_none(), "two {name}");
        child
    }

    pub(crate) fn text(&self, name: &str) -> &str {
        &self.child(name).content
    }

    pub(crate) fn attribute(&self, name: &str) -> &str {
        let mut found = self.attributes.iter().filter(|(key, _)| key == name);
        &found.next().unwrap_or_else(|| panic!("no {name} in {self:#?}")).1
    }

    /// The child link with this relation, if there is one.
    pub(crate) fn link(&self, relation: &str) -> Option<&str> {
        let mut links = self.all("atom:link").filter(|link| link.attribute("rel") == relation);
        links.next().map(|link| link.attribute("href"))
    }
}
