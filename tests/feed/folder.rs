//! How the feeds follow the folder, and how they answer requests.

use std::{fs, io::Cursor, os::unix::fs::symlink};

use hyper::StatusCode;
use p2p::runtime::{block_on, spawn};

use crate::radio::{Element, Folder, PATH_FORM, PROXY_FORM, ask};

#[test]
fn what_happens_in_the_folder_is_in_the_feed_at_once() {
    let folder = Folder::with(&["episode.mp3"]);
    assert_eq!(folder.titles(), ["Soup & <bread>"]);

    folder.write("sub/new.mp3", b"new");
    folder.date("sub/new.mp3", 1_790_000_000);
    assert_eq!(folder.titles(), ["new", "Soup & <bread>"]);

    folder.write("sub/new.mp3", b"longer than before");
    let channel = folder.channel("/feed.xml", PROXY_FORM);
    assert_eq!(channel.all("item").next().unwrap().child("enclosure").attribute("length"), "18");

    // the same size, only another time
    folder.add("episode.m4a", "episode.mp3");
    let size = fs::metadata(folder.path("episode.mp3")).unwrap().len();
    folder.write("sub/new.mp3", &vec![b'x'; size as usize]);
    folder.date("sub/new.mp3", 1_700_000_000);
    assert_eq!(folder.titles(), ["Soup & <bread>", "new"]);
    folder.add("episode.m4a", "sub/new.mp3");
    assert_eq!(folder.titles(), ["Soup & <bread>", "Soup & <bread>"]);

    fs::remove_file(folder.path("episode.mp3")).unwrap();
    fs::rename(folder.path("sub"), folder.path(".hidden")).unwrap();
    assert_eq!(folder.titles(), [""; 0]);
}

#[test]
fn a_new_name_makes_no_new_episode() {
    let folder = Folder::with(&["episode.mp3"]);
    let guid = |folder: &Folder| {
        let channel = folder.channel("/feed.xml", PROXY_FORM);
        channel.child("item").text("guid").to_owned()
    };
    let before = guid(&folder);
    fs::create_dir(folder.path("archive")).unwrap();
    fs::rename(folder.path("episode.mp3"), folder.path("archive/7.mp3")).unwrap();
    assert_eq!(guid(&folder), before);
    // also when nothing is remembered
    let copy = Folder::new();
    copy.add("episode.mp3", "other.mp3");
    assert_eq!(guid(&copy), before);
    // other content is another episode
    folder.add("episode.m4a", "archive/7.mp3");
    assert_ne!(guid(&folder), before);
}

#[test]
fn nothing_hidden_linked_out_or_empty_is_in_a_feed() {
    let outside = Folder::with(&["episode.mp3"]);
    let folder = Folder::new();
    folder.write(".hidden.mp3", b"x");
    folder.write(".git/x.mp3", b"x");
    folder.write("empty.mp3", b"");
    folder.write("text.txt", b"x");
    fs::create_dir(folder.path("folder.mp3")).unwrap();
    symlink(outside.path("episode.mp3"), folder.path("out.mp3")).unwrap();
    symlink(outside.path(""), folder.path("outside")).unwrap();
    symlink(folder.path("nowhere"), folder.path("broken.mp3")).unwrap();
    symlink(folder.path(""), folder.path("loop")).unwrap();
    assert_eq!(folder.titles(), [""; 0]);
    folder.write("inside.mp3", b"x");
    symlink("inside.mp3", folder.path("link.mp3")).unwrap();
    // who may write here has made this on purpose, and the site serves it too
    symlink(".hidden.mp3", folder.path("shown.mp3")).unwrap();
    assert_eq!(folder.titles(), ["inside", "link", "shown"]);
}

#[test]
fn folders_deeper_than_any_person_makes_are_left_out() {
    let folder = Folder::new();
    folder.write("d/".repeat(15) + "deep.mp3", b"x");
    folder.write("d/".repeat(40) + "too deep.mp3", b"y");
    assert_eq!(folder.titles(), ["deep"]);
}

#[test]
fn damaged_files_break_nothing() {
    let folder = Folder::new();
    for media in
        ["episode.mp3", "episode.m4a", "episode.flac", "episode.opus", "photo.jpg", "clip.mp4"]
    {
        folder.add(media, media);
        let whole = fs::read(folder.path(media)).unwrap();
        let (stem, extension) = media.split_once('.').unwrap();
        for step in 0..40 {
            let mut damaged = whole.clone();
            // a byte in the first kilobyte, where the structure is; then the end cut off
            damaged[step * 23 % 1024.min(whole.len())] ^= 0xff;
            folder.write(format!("{stem}-{extension}-{step}-bit.{extension}"), &damaged);
            let cut = &whole[..1 + step * whole.len() / 40];
            folder.write(format!("{stem}-{extension}-{step}-cut.{extension}"), cut);
        }
    }
    folder.write("zeroes.mp3", &[0; 100_000]);
    folder.write("ones.m4a", &[0xff; 100_000]);
    folder.write("endless.m4a", b"\0\0\0\x08moov".repeat(10_000).as_slice());
    let all = folder.channel("/feed.xml", PROXY_FORM).all("item").count();
    assert_eq!(all, 5 * 81 + 3);
    assert_eq!(folder.channel("/photos.xml", PROXY_FORM).all("item").count(), 81);
}

#[test]
fn an_opus_file_of_no_channels_still_has_its_tags() {
    let folder = Folder::with(&["episode.opus"]);
    let mut file = fs::read(folder.path("episode.opus")).unwrap();
    let head = file.windows(8).position(|bytes| bytes == b"OpusHead").unwrap();
    file[head + 9] = 0;
    folder.write("episode.opus", &file);
    let channel = folder.channel("/feed.xml", PROXY_FORM);
    assert_eq!(channel.child("item").text("title"), "Soup & <bread>");
    assert_eq!(channel.child("item").text("itunes:duration"), "2");
}

#[test]
fn many_files_come_in_pages() {
    let folder = Folder::new();
    for number in 1..=2500 {
        let name = format!("{number:04}.mp3");
        folder.write(&name, name.as_bytes());
        folder.date(&name, 1_700_000_000 + number);
    }
    let base = "http://localhost:5050/alice@example.com/1000/feed.xml";
    let mut url = Some("/feed.xml".to_owned());
    let mut titles = Vec::new();
    let mut pages = 0;
    while let Some(target) = url {
        let channel = folder.channel(&target, PATH_FORM);
        pages += 1;
        assert_eq!(channel.link("first"), Some(base));
        assert_eq!(channel.link("last"), Some(&*format!("{base}?page=3")));
        assert_eq!(channel.link("previous").is_some(), pages > 1);
        titles.extend(channel.all("item").map(|item| item.text("title").to_owned()));
        url = channel.link("next").map(|next| next.replace(base, "/feed.xml"));
    }
    assert_eq!(pages, 3);
    assert!(titles.into_iter().eq((1..=2500).rev().map(|n| format!("{n:04}"))));

    let json = String::from_utf8(folder.get("/feed.json?page=2", PATH_FORM).body).unwrap();
    assert!(json.contains("1000/feed.json?page=3\""), "{json}");
    for target in ["?page=0", "?page=4", "?page=-1", "?page=x", "?page=99999999999999999999"] {
        let answer = folder.get(&format!("/feed.xml{target}"), PATH_FORM);
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{target}");
    }
    assert_eq!(folder.get("/feed.xml?utm=1", PATH_FORM).status, StatusCode::OK);
}

#[test]
fn an_unchanged_feed_is_not_sent_again() {
    let folder = Folder::with(&["episode.mp3"]);
    for target in ["/feed.xml", "/photos.xml", "/feed.json", "/feed-cover"] {
        let first = folder.get(target, PATH_FORM);
        let tag = first.header("etag").to_owned();
        assert_eq!(first.header("cache-control"), "private, no-cache");
        let by_form = first.header("vary").contains("X-Forwarded-Prefix");
        assert_eq!(by_form, target != "/feed-cover");
        assert_eq!(first.header("x-content-type-options"), "nosniff");
        for value in [tag.clone(), format!("W/{tag}"), format!("\"x\", {tag}"), "*".into()] {
            let again = folder.get(target, &[PATH_FORM, &[("if-none-match", &value)]].concat());
            assert_eq!(again.status, StatusCode::NOT_MODIFIED, "{value}");
            assert!(again.body.is_empty());
            assert_eq!(again.header("etag"), tag);
        }
        let stale = folder.get(target, &[PATH_FORM, &[("if-none-match", "\"x\"")]].concat());
        assert_eq!((stale.status, &stale.body), (StatusCode::OK, &first.body));
        let head = folder.request("HEAD", target, PATH_FORM);
        assert!(head.status == StatusCode::OK && head.body.is_empty());
        for field in ["etag", "content-type", "content-length"] {
            assert_eq!(head.header(field), first.header(field), "{field}");
        }
        assert_eq!(first.header("content-length"), first.body.len().to_string());
        let post = folder.request("POST", target, PATH_FORM);
        assert_eq!(
            (post.status, post.header("allow")),
            (StatusCode::METHOD_NOT_ALLOWED, "GET, HEAD, OPTIONS")
        );
    }
    let tag = |folder: &Folder, form| folder.get("/feed.xml", form).header("etag").to_owned();
    let before = tag(&folder, PATH_FORM);
    assert_ne!(before, tag(&folder, PROXY_FORM));
    folder.write("new.mp3", b"x");
    assert_ne!(before, tag(&folder, PATH_FORM));
}

#[test]
fn hostile_fields_reach_no_feed() {
    let folder = Folder::with(&["episode.mp3"]);
    let plain = folder.get("/feed.xml", PROXY_FORM).body;
    for (name, value) in [
        ("x-forwarded-host", "evil.test\"><script>"),
        ("x-forwarded-host", "evil.test/path"),
        ("x-forwarded-prefix", "/evil"),
        ("x-forwarded-proto", "javascript"),
        ("forwarded", "host=evil.test"),
    ] {
        let fields = [PROXY_FORM, &[(name, value)]].concat();
        assert_eq!(folder.get("/feed.xml", &fields).body, plain, "{name}: {value}");
    }
    for host in ["evil.test\"", "a b", "user@evil.test", ""] {
        let answer = folder.get("/feed.xml", &[("host", host)]);
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{host}");
    }
}

#[test]
fn pictures_come_from_the_folder_or_the_newest_recording() {
    let folder = Folder::with(&["jingle.wav"]);
    let standard = folder.get("/feed-cover", PROXY_FORM);
    assert_eq!(standard.header("content-type"), "image/png");
    let size = imagesize::blob_size(&standard.body).unwrap();
    assert_eq!((size.width, size.height), (1400, 1400));

    folder.add("episode.flac", "episode.flac");
    let cover = folder.get("/feed-cover", PROXY_FORM);
    assert_eq!(cover.header("content-type"), "image/jpeg");
    let size = imagesize::blob_size(&cover.body).unwrap();
    assert_eq!((size.width, size.height), (64, 64));

    folder.add("plain.png", "Folder.png");
    folder.add("cover.jpg", "sub/cover.jpg");
    let image = |folder: &Folder| {
        let channel = folder.channel("/feed.xml", PROXY_FORM);
        channel.child("itunes:image").attribute("href").to_owned()
    };
    assert_eq!(image(&folder), "http://alice.at.example.com:1000/Folder.png");
    folder.add("cover.jpg", "cover.jpg");
    assert_eq!(image(&folder), "http://alice.at.example.com:1000/cover.jpg");
}

#[test]
fn the_picture_in_a_file_can_be_had_alone() {
    let files =
        ["episode.mp3", "episode.m4a", "episode.flac", "photo.jpg", "jingle.wav", "make.sh"];
    let folder = Folder::with(&files);
    let cover = |name: &str, method: &str| folder.request(method, &format!("/{name}?cover"), &[]);
    for (name, width) in
        [("episode.mp3", 64), ("episode.m4a", 64), ("episode.flac", 64), ("photo.jpg", 16)]
    {
        let picture = cover(name, "GET");
        assert_eq!(picture.header("content-type"), "image/jpeg", "{name}");
        assert_eq!(imagesize::blob_size(&picture.body).unwrap().width, width, "{name}");
        assert!(cover(name, "HEAD").body.is_empty());
        let known = [("if-none-match", picture.header("etag"))];
        let again = folder.get(&format!("/{name}?cover"), &known);
        assert_eq!(again.status, StatusCode::NOT_MODIFIED);
    }
    let preview = cover("photo.jpg", "GET").body;
    let exif = exif::Reader::new().read_from_container(&mut Cursor::new(preview)).unwrap();
    let field = exif.get_field(exif::Tag::Orientation, exif::In::PRIMARY).unwrap();
    assert_eq!((exif.fields().len(), field.value.get_uint(0)), (1, Some(6)));
    for name in ["jingle.wav", "make.sh", "nothing.mp3"] {
        assert_eq!(cover(name, "GET").status, StatusCode::NOT_FOUND, "{name}");
    }
    assert_eq!(cover("episode.mp3", "PUT").status, StatusCode::METHOD_NOT_ALLOWED);
}

#[test]
fn a_picture_that_is_none_is_not_passed_on() {
    let folder = Folder::with(&["episode.mp3"]);
    let mut file = fs::read(folder.path("episode.mp3")).unwrap();
    let start = file.windows(3).position(|bytes| bytes == [0xff, 0xd8, 0xff]).unwrap();
    file[start..start + 8].copy_from_slice(b"<script>");
    folder.write("episode.mp3", &file);
    assert_eq!(folder.get("/episode.mp3?cover", &[]).status, StatusCode::NOT_FOUND);
}

#[test]
fn the_picture_in_a_file_elsewhere_cannot_be_had() {
    let outside = Folder::with(&["episode.mp3"]);
    let folder = Folder::new();
    symlink(outside.path("episode.mp3"), folder.path("out.mp3")).unwrap();
    symlink(outside.path(""), folder.path("outside")).unwrap();
    for target in ["/out.mp3?cover", "/outside/episode.mp3?cover"] {
        assert_eq!(folder.get(target, &[]).status, StatusCode::NOT_FOUND);
    }
}

#[test]
fn a_file_with_the_name_of_a_feed_stands_in_its_place() {
    let folder = Folder::with(&["episode.mp3"]);
    folder.write("feed.xml", b"<my/>");
    assert_eq!(folder.get("/feed.xml", PROXY_FORM).body, b"<my/>");
    fs::remove_file(folder.path("feed.xml")).unwrap();
    assert_eq!(folder.titles().len(), 1);
}

#[test]
fn a_folder_that_is_gone_is_told_and_may_come_back() {
    let folder = Folder::with(&["episode.mp3"]);
    fs::rename(folder.path(""), folder.path("").with_extension("away")).unwrap();
    let answer = folder.get("/feed.xml", PROXY_FORM);
    assert_eq!(answer.status, StatusCode::INTERNAL_SERVER_ERROR);
    fs::rename(folder.path("").with_extension("away"), folder.path("")).unwrap();
    assert_eq!(folder.titles().len(), 1);
}

#[test]
fn requests_at_the_same_time_are_all_answered() {
    let folder = Folder::with(&["episode.mp3", "photo.jpg"]);
    let bodies: Vec<StatusCode> = block_on(async {
        let visit = |_| {
            let site = folder.site.clone();
            spawn(async move { ask(site, "GET", "/feed.xml", PROXY_FORM).await.status })
        };
        let tasks: Vec<_> = (0..50).map(visit).collect();
        let mut answers = Vec::new();
        for task in tasks {
            answers.push(task.await);
        }
        answers
    });
    assert_eq!(bodies, [StatusCode::OK; 50]);
}

#[test]
fn an_empty_folder_has_an_empty_feed() {
    let folder = Folder::new();
    let channel: Element = folder.channel("/feed.xml", PROXY_FORM);
    assert_eq!(channel.all("item").count(), 0);
    assert!(channel.text("title").starts_with("radio"));
    assert_eq!(channel.text("description"), "Files shared by alice@example.com");
}
