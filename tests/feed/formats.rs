//! What is in the feeds: every tag that readers need, from real media files, well-formed with any name.

use std::{ffi::OsStr, os::unix::ffi::OsStrExt};

use nanoserde::DeJson;
use p2p::serve::Owner;
use percent_encoding::percent_decode_str;

use crate::radio::{Element, Folder, PATH_FORM, PROXY_FORM, alice};

/// What the gateway says of a request in the form with an origin of its own.
const OWN_ORIGIN: &[(&str, &str)] = &[
    ("host", "alice.at.example.com:1000"),
    ("x-forwarded-host", "1000-alice-at-example-com.localhost:5050"),
    ("x-forwarded-proto", "http"),
];
const RECORDINGS: [&str; 6] =
    ["episode.mp3", "episode.m4a", "episode.flac", "episode.opus", "episode.ogg", "clip.mp4"];

#[test]
fn the_podcast_has_all_that_directories_require() {
    let folder = Folder::with(&["episode.mp3"]);
    folder
        .write("feed.txt", b"Tom & Alice's <radio>\ncategory: Arts > Food\n\nSoup & such.\nBread.");
    let channel = folder.channel("/feed.xml", PATH_FORM);
    let base = "http://localhost:5050/alice@example.com/1000/";
    assert_eq!(channel.text("title"), "Tom & Alice's <radio>");
    assert_eq!(channel.text("description"), "<p>Soup &amp; such.<br>\nBread.</p>");
    assert_eq!(channel.text("link"), base);
    assert_eq!(channel.text("language"), "en");
    assert_eq!(channel.text("itunes:author"), "alice@example.com");
    assert_eq!(channel.text("itunes:explicit"), "false");
    assert_eq!(channel.text("itunes:type"), "episodic");
    assert_eq!(channel.child("itunes:image").attribute("href"), format!("{base}feed-cover"));
    assert_eq!(channel.child("image").text("url"), format!("{base}feed-cover"));
    let category = channel.child("itunes:category");
    assert_eq!(category.attribute("text"), "Arts");
    assert_eq!(category.child("itunes:category").attribute("text"), "Food");
    assert_eq!(channel.text("itunes:block"), "Yes");
    assert_eq!(channel.text("podcast:block"), "yes");
    assert_eq!(channel.text("podcast:locked"), "yes");
    assert_eq!(channel.text("podcast:medium"), "podcast");
    // uuid.uuid5(namespace, "alice.at.example.com:1000/feed.xml")
    assert_eq!(channel.text("podcast:guid"), "2cd83b28-4eef-510c-9283-271f7ac62474");
    assert_eq!(channel.link("self"), Some(&*format!("{base}feed.xml")));
    assert_eq!(channel.link("next"), None);
}

#[test]
fn recordings_of_all_formats_tell_their_tags() {
    let folder = Folder::with(&RECORDINGS);
    let channel = folder.channel("/feed.xml", PROXY_FORM);
    let items: Vec<_> = channel.all("item").collect();
    assert_eq!(items.len(), RECORDINGS.len());
    // their dates rise in the order of the list, and the newest comes first
    for ((item, file), day) in items.iter().rev().zip(RECORDINGS).zip(4..) {
        assert_eq!(item.text("title"), "Soup & <bread>", "{file}");
        assert_eq!(item.text("itunes:author"), "Alice Ähm", "{file}");
        assert_eq!(item.text("description"), "Slowly", "{file}");
        assert_eq!(item.text("itunes:episode"), "7", "{file}");
        assert_eq!(item.text("podcast:episode"), "7", "{file}");
        assert_eq!(item.text("itunes:season"), "2", "{file}");
        assert_eq!(item.text("itunes:explicit"), "false", "{file}");
        assert_eq!(item.text("itunes:duration"), "2", "{file}");
        let date = item.text("pubDate");
        assert!(date.ends_with(&format!(", {day:02} Mar 2026 00:00:00 +0000")), "{file}: {date}");
        let enclosure = item.child("enclosure");
        let url = format!("http://alice.at.example.com:1000/{file}");
        assert_eq!(enclosure.attribute("url"), url);
        let size = std::fs::metadata(folder.path(file)).unwrap().len();
        assert_eq!(enclosure.attribute("length"), size.to_string());
        let guid = item.child("guid");
        assert_eq!(guid.attribute("isPermaLink"), "false");
        assert!(guid.content.starts_with("tag:alice@example.com,2026:sha256/"), "{}", guid.content);
        let has_cover = ["episode.mp3", "episode.m4a", "episode.flac"].contains(&file);
        let cover = item.all("itunes:image").next().map(|image| image.attribute("href").to_owned());
        assert_eq!(cover, has_cover.then(|| format!("{url}?cover")), "{file}");
    }
    let types = items.iter().rev().map(|item| item.child("enclosure").attribute("type"));
    let expected = ["audio/mpeg", "audio/mp4", "audio/flac", "audio/ogg", "audio/ogg", "video/mp4"];
    assert!(types.eq(expected));
    assert!(
        std::collections::HashSet::<_>::from_iter(items.iter().map(|item| item.text("guid"))).len()
            == items.len()
    );
}

#[test]
fn a_recording_without_tags_has_its_name_and_time() {
    let folder = Folder::new();
    folder.add("jingle.wav", "jingle of the day.wav");
    folder.date("jingle of the day.wav", 1_700_000_000);
    let channel = folder.channel("/feed.xml", PROXY_FORM);
    let item = channel.child("item");
    assert_eq!(item.text("title"), "jingle of the day");
    assert_eq!(item.text("pubDate"), "Tue, 14 Nov 2023 22:13:20 +0000");
    // it lasts 0.3 s, which is not nothing
    assert_eq!(item.text("itunes:duration"), "1");
    assert_eq!(item.all("description").count() + item.all("itunes:episode").count(), 0);
}

#[test]
fn a_folder_of_films_is_a_video_podcast() {
    let folder = Folder::with(&["clip.mp4"]);
    assert_eq!(folder.channel("/feed.xml", PROXY_FORM).text("podcast:medium"), "video");
}

#[test]
fn subtitles_and_chapters_beside_a_recording_belong_to_it() {
    let folder = Folder::new();
    folder.add("episode.mp3", "a b/one.mp3");
    for name in ["a b/one.vtt", "a b/one.srt", "a b/one.chapters.json", "a b/two.vtt", "one.vtt"] {
        folder.write(name, b"x");
    }
    let channel = folder.channel("/feed.xml", PROXY_FORM);
    let item = channel.child("item");
    let transcripts: Vec<_> = item
        .all("podcast:transcript")
        .map(|transcript| (transcript.attribute("url"), transcript.attribute("type")))
        .collect();
    let base = "http://alice.at.example.com:1000/a%20b";
    let (vtt, srt) = (format!("{base}/one.vtt"), format!("{base}/one.srt"));
    assert_eq!(transcripts, [(&*vtt, "text/vtt"), (&*srt, "application/x-subrip")]);
    let chapters = item.child("podcast:chapters");
    assert_eq!(chapters.attribute("url"), format!("{base}/one.chapters.json"));
    assert_eq!(chapters.attribute("type"), "application/json+chapters");
}

#[test]
fn photographs_have_what_photo_readers_want_and_no_place() {
    let folder = Folder::with(&["photo.jpg", "plain.png", "cover.jpg", "episode.mp3"]);
    folder.date("plain.png", 1_600_000_000);
    let answer = folder.get("/photos.xml", PATH_FORM);
    let text = String::from_utf8(answer.body.clone()).unwrap();
    for word in ["60.1", "24.9", "GPS", "geo:", "georss"] {
        assert!(!text.contains(word), "{word} in {text}");
    }
    let channel = Element::parse(&answer.body).child("channel").clone();
    let base = "http://localhost:5050/alice@example.com/1000/";
    assert_eq!(channel.child("image").text("url"), format!("{base}cover.jpg"));
    assert_eq!(channel.link("self"), Some(&*format!("{base}photos.xml")));
    let items: Vec<_> = channel.all("item").collect();
    let [photo, plain] = items.as_slice() else { panic!("{} items", items.len()) };

    assert_eq!(photo.text("title"), "Sea & sky");
    assert_eq!(photo.text("dc:creator"), "Alice");
    // 08:09:10 two hours east of Greenwich
    assert_eq!(photo.text("pubDate"), "Sat, 07 Jun 2025 06:09:10 +0000");
    let url = format!("{base}photo.jpg");
    assert_eq!(photo.text("link"), url);
    assert_eq!(photo.child("enclosure").attribute("url"), url);
    assert_eq!(photo.child("enclosure").attribute("type"), "image/jpeg");
    let content = photo.child("media:content");
    let attributes =
        ["url", "type", "medium", "width", "height"].map(|name| content.attribute(name));
    // it lies on its side: 48 times 32 in the file
    assert_eq!(attributes, [&*url, "image/jpeg", "image", "32", "48"]);
    assert_eq!(content.attribute("fileSize"), photo.child("enclosure").attribute("length"));
    assert_eq!(content.text("media:title"), "Sea & sky");
    assert_eq!(content.child("media:thumbnail").attribute("url"), format!("{url}?cover"));

    assert_eq!(plain.text("title"), "plain");
    let content = plain.child("media:content");
    assert_eq!((content.attribute("width"), content.attribute("height")), ("40", "30"));
    assert_eq!(content.child("media:thumbnail").attribute("url"), format!("{base}plain.png"));
}

#[derive(DeJson)]
struct JsonFeed {
    version: String,
    title: String,
    home_page_url: String,
    feed_url: String,
    icon: String,
    items: Vec<JsonItem>,
}

#[derive(DeJson)]
struct JsonItem {
    id: String,
    url: String,
    title: String,
    content_text: String,
    image: Option<String>,
    date_published: String,
    attachments: Vec<JsonAttachment>,
}

#[derive(DeJson)]
struct JsonAttachment {
    url: String,
    mime_type: String,
    size_in_bytes: u64,
    duration_in_seconds: Option<u64>,
}

#[test]
fn the_json_feed_has_everything() {
    let folder = Folder::with(&["episode.mp3", "photo.jpg"]);
    folder.write("feed.txt", b"\"Quoted\\\" radio");
    let answer = folder.get("/feed.json", OWN_ORIGIN);
    assert_eq!(answer.header("content-type"), "application/feed+json");
    let feed: JsonFeed = DeJson::deserialize_json(str::from_utf8(&answer.body).unwrap()).unwrap();
    let base = "http://1000-alice-at-example-com.localhost:5050/";
    assert_eq!(feed.version, "https://jsonfeed.org/version/1.1");
    assert_eq!(feed.title, "\"Quoted\\\" radio");
    assert_eq!((&*feed.home_page_url, feed.feed_url), (base, format!("{base}feed.json")));
    assert_eq!(feed.icon, format!("{base}feed-cover"));
    let [episode, photo] = feed.items.as_slice() else { panic!("{} items", feed.items.len()) };
    assert_eq!((&*episode.title, &*episode.content_text), ("Soup & <bread>", "Slowly"));
    assert_eq!(episode.date_published, "2026-03-04T00:00:00Z");
    assert_eq!(episode.image, Some(format!("{base}episode.mp3?cover")));
    let channel = folder.channel("/feed.xml", PROXY_FORM);
    assert_eq!(episode.id, channel.child("item").text("guid"));
    let [attachment] = episode.attachments.as_slice() else { panic!("one attachment") };
    assert_eq!((&attachment.url, &*attachment.mime_type), (&episode.url, "audio/mpeg"));
    let size = std::fs::metadata(folder.path("episode.mp3")).unwrap().len();
    assert_eq!(attachment.size_in_bytes, size);
    assert_eq!(attachment.duration_in_seconds, Some(2));
    assert_eq!((&*photo.title, photo.attachments[0].duration_in_seconds), ("Sea & sky", None));
}

#[test]
fn awkward_names_survive() {
    let folder = Folder::new();
    let names: [&[u8]; 10] = [
        b"two words.mp3",
        b"#1? 100%.mp3",
        b"'single' \"double\" <tag> & more.mp3",
        b"new\nline\r.mp3",
        b"bell\x07escape\x1b.mp3",
        "\u{1f399} h\u{e4}ppy.mp3".as_bytes(),
        b"latin \xe4\xff.mp3",
        b"100%25.mp3",
        b"sub folder/a;b=c,d:e@f+g.mp3",
        b"..mp3.mp3x.mp3",
    ];
    for name in names {
        // all different, since the same recording twice is told apart by a number
        folder.write(OsStr::from_bytes(name), name);
    }
    let channel = folder.channel("/feed.xml", PATH_FORM);
    let base = "http://localhost:5050/alice@example.com/1000/";
    let mut seen: Vec<Vec<u8>> = channel
        .all("item")
        .map(|item| {
            let url = item.child("enclosure").attribute("url");
            assert!(url.is_ascii() && !url.contains([' ', '"', '<', '\n']), "{url}");
            percent_decode_str(url.strip_prefix(base).unwrap()).collect()
        })
        .collect();
    seen.sort();
    // a name that begins with a dot is hidden
    let mut expected: Vec<Vec<u8>> = names[..9].iter().map(|name| name.to_vec()).collect();
    expected.sort();
    assert_eq!(seen, expected);
    let titles = folder.titles();
    assert!(titles.contains(&"'single' \"double\" <tag> & more".to_owned()), "{titles:?}");
    assert!(titles.contains(&"bell escape".to_owned()), "{titles:?}");
    let json = folder.get("/feed.json", PATH_FORM);
    let feed: JsonFeed = DeJson::deserialize_json(str::from_utf8(&json.body).unwrap()).unwrap();
    assert_eq!(feed.items.len(), 9);
}

#[test]
fn the_same_recording_twice_is_two_items() {
    let folder = Folder::with(&["episode.mp3"]);
    folder.add("episode.mp3", "copy.mp3");
    let channel = folder.channel("/feed.xml", PROXY_FORM);
    let [one, two] = [0, 1].map(|n| channel.all("item").nth(n).unwrap().text("guid"));
    assert_eq!(two, format!("{one}/1"));
}

#[test]
fn each_access_form_gets_its_own_urls_and_the_same_identities() {
    let folder = Folder::with(&["episode.mp3", "photo.jpg"]);
    let forms = [
        (PROXY_FORM, "http://alice.at.example.com:1000/"),
        (PATH_FORM, "http://localhost:5050/alice@example.com/1000/"),
        (OWN_ORIGIN, "http://1000-alice-at-example-com.localhost:5050/"),
    ];
    for feed in ["feed.xml", "photos.xml"] {
        let mut identities = Vec::new();
        for (headers, base) in forms {
            let answer = folder.get(&format!("/{feed}"), headers);
            let channel = Element::parse(&answer.body).child("channel").clone();
            let item = channel.child("item");
            assert!(item.child("enclosure").attribute("url").starts_with(base));
            assert_eq!(channel.link("self"), Some(&*format!("{base}{feed}")));
            let podcast = channel.all("podcast:guid").next().map(|guid| guid.content.clone());
            identities.push((item.text("guid").to_owned(), podcast));
            let text = String::from_utf8(answer.body).unwrap();
            let others = forms.iter().filter(|(_, other)| *other != base);
            assert!(others.clone().count() == 2);
            for (_, other) in others {
                assert!(!text.contains(other), "{other} in the feed for {base}");
            }
        }
        assert!(identities.iter().all(|identity| *identity == identities[0]), "{identities:?}");
    }
}

#[test]
fn a_nameless_owner_has_feeds_too() {
    let owner = Owner { name: None, ..alice() };
    let folder = Folder::with(&["episode.mp3"]).owned_by(owner);
    let channel = folder.channel("/feed.xml", &[("host", "localhost:5050")]);
    assert!(channel.child("item").text("guid").starts_with("tag:p2p.invalid,2026:"));
    assert_eq!(channel.all("podcast:guid").count(), 0);
}
