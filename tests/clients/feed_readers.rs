//! feedparser and podcastparser, which many podcast programs are built on.

use std::{fs, path::Path};

use crate::form::{self, Form};
use testbed::people::{Neighbours, succeed};
use testbed::programs::{self, have_python};

/// File, title, time of publication (as the file says it), seconds, type.
type Episode = (&'static str, &'static str, Option<&'static str>, &'static str, &'static str);

const EPISODES: [Episode; 3] = [
    ("A first episode.m4a", "A first episode", Some("1795305600"), "9", "audio/mp4"),
    ("season 2/soup & bread.mp3", "Soup & <bread>", Some("1772582400"), "2", "audio/mpeg"),
    ("clip #1.mp4", "Soup & <bread>", Some("1773014400"), "2", "video/mp4"),
];

const PHOTOS: [Episode; 2] = [
    ("dawn.jpg", "dawn", None, "-", "image/jpeg"),
    ("a photo.jpg", "Sea & sky", None, "-", "image/jpeg"),
];

/// What a reader found in one entry, and what its enclosure's URL gave.
#[derive(Debug, PartialEq)]
struct Entry {
    title: String,
    guid: String,
    published: String,
    duration: String,
    url: String,
    length: String,
    media_type: String,
    fetched: [String; 4],
}

fn fill(folder: &Path) {
    let source = Path::new(env!("CARGO_MANIFEST_DIR"));
    fs::create_dir(folder.join("season 2")).unwrap();
    for (from, to) in [
        ("src/cli/demo/sample/episode.m4a", "A first episode.m4a"),
        ("tests/media/episode.mp3", "season 2/soup & bread.mp3"),
        ("tests/media/clip.mp4", "clip #1.mp4"),
        ("src/cli/demo/sample/dawn.jpg", "dawn.jpg"),
        ("tests/media/photo.jpg", "a photo.jpg"),
    ] {
        fs::copy(source.join(from), folder.join(to)).unwrap();
    }
}

#[test]
fn feedparser_finds_every_episode() {
    if have_python("feedparser") {
        let neighbours = Neighbours::start(fill);
        check(&neighbours, "feedparser", "/feed.xml", &EPISODES);
        check(&neighbours, "feedparser", "/photos.xml", &PHOTOS);
    }
}

#[test]
fn podcastparser_finds_every_episode() {
    if have_python("podcastparser") {
        check(&Neighbours::start(fill), "podcastparser", "/feed.xml", &EPISODES);
    }
}

fn check(neighbours: &Neighbours, reader: &str, feed: &str, expected: &[Episode]) {
    let mut guids = Vec::new();
    for form in Form::ALL {
        let entries = read(neighbours, form, reader, feed);
        assert_eq!(entries.len(), expected.len(), "{entries:?}");
        for (file, title, published, duration, media_type) in expected {
            let entry = entries
                .iter()
                .find(|entry| entry.title == *title && entry.media_type == *media_type);
            let entry = entry.unwrap_or_else(|| panic!("no {title:?} in {entries:?}"));
            let content = fs::read(neighbours.folder.join(file)).unwrap();
            let length = content.len().to_string();
            let base = form.url(neighbours, 1000, "/");
            assert!(entry.url.starts_with(&base), "{entry:?}");
            assert!(published.is_none_or(|time| entry.published == time), "{entry:?}");
            assert_eq!(entry.duration, *duration, "{entry:?}");
            assert_eq!(entry.length, length, "{entry:?}");
            let start: String = content[..16].iter().map(|octet| format!("{octet:02x}")).collect();
            assert_eq!(entry.fetched, [length, (*media_type).to_owned(), "206".to_owned(), start]);
        }
        guids.push(entries.into_iter().map(|entry| entry.guid).collect::<Vec<_>>());
    }
    assert!(guids.iter().all(|of_form| *of_form == guids[0]), "{guids:?}");
}

fn read(neighbours: &Neighbours, form: Form, reader: &str, feed: &str) -> Vec<Entry> {
    let mut python = form::bare(&programs::python());
    if form != Form::Path {
        // as a proxy the daemon also finds the names that Python cannot resolve
        python.env("http_proxy", format!("http://{}", neighbours.proxy()));
    }
    python
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients/read_feed.py"))
        .args([reader, &form.url(neighbours, 1000, feed)]);
    let output = String::from_utf8(succeed(&mut python)).unwrap();
    output.lines().map(entry).collect()
}

fn entry(line: &str) -> Entry {
    let fields: Vec<String> = line.split('\t').map(str::to_owned).collect();
    let [title, guid, published, duration, url, length, media_type, fetched @ ..]: [String; 11] =
        fields.try_into().unwrap_or_else(|_| panic!("{line:?}"));
    Entry { title, guid, published, duration, url, length, media_type, fetched }
}
