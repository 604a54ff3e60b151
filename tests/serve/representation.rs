//! What of a file a request gets: ranges, preconditions, methods, types, and what happens to a transfer
//! when the file changes.

use std::{
    fs::{self, File},
    time::UNIX_EPOCH,
};

use http_body_util::BodyExt;
use hyper::Method;
use p2p::runtime::block_on;

use crate::site::{Site, pattern};

#[test]
fn ranges_of_bytes() {
    let content = pattern(1000);
    let site = Site::with(&[("f.bin", &content)]);
    for (range, wanted, field) in [
        ("bytes=0-9", 0..10, "bytes 0-9/1000"),
        ("bytes=-5", 995..1000, "bytes 995-999/1000"),
        ("bytes=990-", 990..1000, "bytes 990-999/1000"),
        ("bytes=990-2000", 990..1000, "bytes 990-999/1000"),
        ("bytes=0-4,5-9", 0..10, "bytes 0-9/1000"),
    ] {
        let answer = site.get_with("/f.bin", &[("range", range)]);
        assert_eq!(answer.status, 206, "{range}");
        assert_eq!(answer.field("content-range"), field);
        assert_eq!(answer.field("content-length"), wanted.len().to_string());
        assert_eq!(answer.content, content[wanted]);
    }
    for range in ["bytes=9-0", "lines=1-2", "bytes=x", "bytes=0-1,x"] {
        let answer = site.get_with("/f.bin", &[("range", range)]);
        assert_eq!((answer.status.as_u16(), answer.content.len()), (200, 1000), "{range}");
    }
    assert_eq!(site.get("/f.bin").field("accept-ranges"), "bytes");
}

#[test]
fn a_range_beyond_the_end() {
    let site = Site::with(&[("f.bin", &pattern(1000)), ("empty", b"")]);
    for (target, length) in [("/f.bin", 1000), ("/empty", 0)] {
        let answer = site.get_with(target, &[("range", "bytes=1000-")]);
        assert_eq!(answer.status, 416);
        assert_eq!(answer.field("content-range"), format!("bytes */{length}"));
    }
}

#[test]
fn several_ranges_are_a_multipart() {
    let content = pattern(700_000);
    let site = Site::with(&[("f.mp3", &content)]);
    let answer =
        site.get_with("/f.mp3", &[("range", "bytes=0-9,1000-1499,1200-1999,300000-650000,-3")]);
    assert_eq!(answer.status, 206);
    assert_eq!(answer.field("content-length"), answer.content.len().to_string());
    assert!(!answer.fields.contains_key("content-range"));
    let boundary =
        answer.field("content-type").strip_prefix("multipart/byteranges; boundary=").unwrap();
    let mut wanted = Vec::new();
    for part in [0..10, 1000..2000, 300_000..650_001, 699_997..700_000] {
        wanted.extend(
            format!(
                "\r\n--{boundary}\r\nContent-Type: audio/mpeg\r\nContent-Range: bytes {}-{}/700000\r\n\r\n",
                part.start,
                part.end - 1
            )
            .bytes(),
        );
        wanted.extend(&content[part]);
    }
    wanted.extend(format!("\r\n--{boundary}--\r\n").bytes());
    assert!(answer.content == wanted);
    let many: Vec<_> = (0..17).map(|i| format!("{}-{}", i * 1000, i * 1000)).collect();
    let answer = site.get_with("/f.mp3", &[("range", &format!("bytes={}", many.join(",")))]);
    assert_eq!((answer.status.as_u16(), answer.content.len()), (200, 700_000));
}

#[test]
fn a_stale_if_range_gets_the_whole() {
    let site = Site::resting();
    let whole = site.get("/lib.rs");
    let (tag, date) = (whole.field("etag"), whole.field("last-modified"));
    let ranged = |validator: &str| {
        site.get_with("/lib.rs", &[("range", "bytes=10-19"), ("if-range", validator)])
    };
    for fresh in [tag, date] {
        let part = ranged(fresh);
        assert_eq!(part.status, 206, "{fresh}");
        assert_eq!(part.content, whole.content[10..20]);
    }
    let weak = format!("W/{tag}");
    for stale in ["\"stale\"", &weak, "Sun, 06 Nov 1994 08:49:37 GMT", "nonsense"] {
        let all = ranged(stale);
        assert_eq!(all.status, 200, "{stale}");
        assert_eq!(all.content, whole.content);
    }
    // a download that is resumed after the file was replaced starts again
    let site = Site::with(&[("f", &pattern(1000))]);
    let tag = site.get("/f").field("etag").trim_start_matches("W/").to_owned();
    site.write("f", &pattern(999));
    let answer = site.get_with("/f", &[("range", "bytes=10-19"), ("if-range", &tag)]);
    assert_eq!((answer.status.as_u16(), answer.content.len()), (200, 999));
}

#[test]
fn tags_are_strong_and_change_with_the_content() {
    let site = Site::resting();
    let tag = site.get("/lib.rs").field("etag").to_owned();
    assert!(tag.starts_with('"') && tag.ends_with('"'), "{tag}");
    assert_eq!(site.get("/lib.rs").field("etag"), tag);
    let site = Site::with(&[("f", b"one")]);
    let tag = site.get("/f").field("etag").to_owned();
    assert!(tag.starts_with("W/"), "written a moment ago: {tag}");
    site.write("f", b"three");
    assert_ne!(site.get("/f").field("etag"), tag);
}

#[test]
fn preconditions() {
    let site = Site::resting();
    let whole = site.get("/lib.rs");
    let (tag, date) = (whole.field("etag"), whole.field("last-modified"));
    let past = "Sun, 06 Nov 1994 08:49:37 GMT";
    for (name, value, status) in [
        ("if-none-match", tag, 304),
        ("if-none-match", "\"other\"", 200),
        ("if-none-match", "*", 304),
        ("if-modified-since", date, 304),
        ("if-modified-since", past, 200),
        ("if-match", tag, 200),
        ("if-match", "\"wrong\"", 412),
        ("if-unmodified-since", date, 200),
        ("if-unmodified-since", past, 412),
    ] {
        for method in [Method::GET, Method::HEAD] {
            let answer = site.ask(method, "/lib.rs", &[(name, value)]);
            assert_eq!(answer.status, status, "{name}: {value}");
            if status == 304 {
                assert!(answer.content.is_empty());
                assert_eq!(answer.field("etag"), tag);
                assert_eq!(answer.field("last-modified"), date);
                assert_eq!(answer.field("cache-control"), "private, no-cache");
            }
        }
    }
    // a precondition outweighs a range, also one that cannot be satisfied
    let answer = site.get_with("/lib.rs", &[("range", "bytes=9999999-"), ("if-none-match", tag)]);
    assert_eq!(answer.status, 304);
}

#[test]
fn methods() {
    let site = Site::with(&[("f", b"content")]);
    for target in ["/f", "/", "/none"] {
        let answer = site.ask(Method::OPTIONS, target, &[]);
        assert_eq!((answer.status.as_u16(), answer.field("allow")), (204, "GET, HEAD, OPTIONS"));
        for method in [Method::POST, Method::PUT, Method::DELETE, Method::PATCH, Method::TRACE] {
            let answer = site.ask(method, target, &[]);
            assert_eq!(
                (answer.status.as_u16(), answer.field("allow")),
                (405, "GET, HEAD, OPTIONS")
            );
        }
    }
    let odd = site.ask(Method::from_bytes(b"BREW").unwrap(), "/f", &[]);
    assert_eq!(odd.status, 405);
}

#[test]
fn head_is_get_without_the_content() {
    let site = Site::with(&[
        ("f.txt", b"content"),
        ("sub/x.jpg", &pattern(300_000)),
        ("page/index.html", b"<p>"),
    ]);
    for target in [
        "/f.txt",
        "/",
        "/sub/",
        "/sub",
        "/page/",
        "/none",
        "/%2e%2e/",
        "/?json",
        "/sub/?zip",
        "/sub/x.jpg?thumb",
    ] {
        for fields in [
            &[][..],
            &[("accept", "text/html")],
            &[("if-none-match", "*")],
            &[("if-match", "\"x\"")],
        ] {
            let get = site.ask(Method::GET, target, fields);
            let head = site.ask(Method::HEAD, target, fields);
            assert_eq!(head.status, get.status, "{target}");
            assert!(head.content.is_empty());
            assert_eq!(head.fields, get.fields, "{target}");
            if get.status == 200 && !target.ends_with("?zip") {
                assert_eq!(get.field("content-length"), get.content.len().to_string());
            }
        }
    }
    // ranges are a matter of GET alone
    let head = site.ask(Method::HEAD, "/f.txt", &[("range", "bytes=0-1")]);
    assert_eq!((head.status.as_u16(), head.field("content-length")), (200, "7"));
}

#[test]
fn an_index_stands_for_its_folder() {
    let site =
        Site::with(&[("index.html", b"<h1>Home</h1>"), ("f", b"x"), ("sub/index.html/f", b"x")]);
    for target in ["/", "/?zip", "/?json", "/?sort=size"] {
        let answer = site.get(target);
        assert_eq!(answer.text(), "<h1>Home</h1>", "{target}");
        assert_eq!(answer.field("content-type"), "text/html; charset=utf-8");
        assert!(
            answer.fields.contains_key("etag")
                && !answer.fields.contains_key("content-security-policy")
        );
    }
    assert!(site.get("/sub/").links().contains(&"index.html/".to_owned()));
}

#[test]
fn types() {
    let site = Site::with(&[
        ("a.m4a", b"x"),
        ("a.html", b"x"),
        ("a.txt", b"x"),
        ("photo", b"\xFF\xD8\xFF\xE0"),
        ("README", b"hello"),
        ("a.unknown", b"hello"),
        ("A.JPG", b"x"),
    ]);
    for (target, media_type) in [
        ("/a.m4a", "audio/mp4"),
        ("/a.html", "text/html; charset=utf-8"),
        ("/a.txt", "text/plain; charset=utf-8"),
        ("/photo", "image/jpeg"),
        ("/README", "text/plain; charset=utf-8"),
        ("/a.unknown", "application/octet-stream"),
        ("/A.JPG", "image/jpeg"),
    ] {
        assert_eq!(site.get(target).field("content-type"), media_type, "{target}");
    }
}

#[test]
fn compressed_versions_beside_a_file() {
    let site = Site::with(&[
        ("style.css", b"body { color: black }"),
        ("style.css.gz", b"gzipped"),
        ("style.css.br", b"brotli"),
        ("photo.jpg", b"photo"),
        ("photo.jpg.gz", b"never"),
        ("old.css", b"content"),
        ("old.css.gz", b"outdated"),
        ("index.html", b"<p>"),
        ("index.html.gz", b"page"),
    ]);
    let outdated = File::options().write(true).open(site.folder.path().join("old.css.gz")).unwrap();
    outdated.set_modified(UNIX_EPOCH).unwrap();
    for (target, accept, coding, content) in [
        ("/style.css", "gzip, deflate, br, zstd", "br", "brotli"),
        ("/style.css", "gzip, deflate", "gzip", "gzipped"),
        ("/style.css", "identity", "", "body { color: black }"),
        ("/photo.jpg", "gzip", "", "photo"),
        ("/old.css", "gzip", "", "content"),
        ("/", "gzip", "gzip", "page"),
        ("/style.css.gz", "gzip", "", "gzipped"),
    ] {
        let answer = site.get_with(target, &[("accept-encoding", accept)]);
        assert_eq!(
            (answer.field("content-encoding"), answer.text()),
            (coding, content),
            "{target}"
        );
    }
    let plain = site.get("/style.css");
    let small = site.get_with("/style.css", &[("accept-encoding", "gzip")]);
    assert_eq!(small.field("content-type"), "text/css; charset=utf-8");
    assert_eq!((plain.field("vary"), small.field("vary")), ("Accept-Encoding", "Accept-Encoding"));
    assert_ne!(plain.field("etag"), small.field("etag"));
    let part = site.get_with("/style.css", &[("accept-encoding", "gzip"), ("range", "bytes=0-3")]);
    assert_eq!((part.field("content-range"), part.text()), ("bytes 0-3/7", "gzip"));
}

#[test]
fn a_file_that_shrinks_while_it_is_sent_ends_in_an_error() {
    let site = Site::with(&[("f", &pattern(3_000_000))]);
    let mut response = site.respond(Method::GET, "/f", &[]);
    block_on(response.body_mut().frame()).unwrap().unwrap();
    File::options().write(true).open(site.folder.path().join("f")).unwrap().set_len(10).unwrap();
    let error = block_on(response.into_body().collect()).unwrap_err();
    assert_eq!(error.to_string(), "the file became shorter while it was sent");
}

#[test]
fn a_deleted_file_is_still_sent_whole() {
    let content = pattern(2_000_000);
    let site = Site::with(&[("f", &content)]);
    let response = site.respond(Method::GET, "/f", &[]);
    fs::remove_file(site.folder.path().join("f")).unwrap();
    assert!(block_on(response.into_body().collect()).unwrap().to_bytes() == content);
    assert_eq!(site.get("/f").status, 404);
}
