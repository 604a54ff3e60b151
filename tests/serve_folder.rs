//! A shared folder as HTTP sees it: every probe by which file servers were compared, and what real
//! folders hold.

use std::{
    ffi::{OsStr, OsString},
    fs::{self, File},
    io::Read,
    os::unix::{
        ffi::{OsStrExt, OsStringExt},
        fs::{PermissionsExt, symlink},
    },
    path::Path,
    sync::Arc,
    time::{Duration, UNIX_EPOCH},
};

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::{HeaderMap, Method, Request, StatusCode};
use p2p::runtime::{
    block_on,
    http::{self, Handler, Response},
};
use p2p::serve::Folder;
use tempfile::TempDir;

/// A folder on disk and the site that it makes.
struct Site {
    folder: TempDir,
    handler: Arc<Folder>,
}

struct Answer {
    status: StatusCode,
    fields: HeaderMap,
    content: Bytes,
}

impl Site {
    fn new() -> Site {
        let folder = tempfile::tempdir().unwrap();
        let handler = Arc::new(Folder::open(folder.path()).unwrap());
        Site { folder, handler }
    }

    /// The sources of this package. Unlike files that a test has just written, `/lib.rs` has rested
    /// long enough for a strong tag.
    fn resting() -> Site {
        let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        Site { handler: Arc::new(Folder::open(&sources).unwrap()), ..Site::new() }
    }

    fn with(files: &[(&str, &[u8])]) -> Site {
        let site = Site::new();
        for (name, content) in files {
            site.write(name, content);
        }
        site
    }

    fn write(&self, name: &str, content: &[u8]) {
        let path = self.folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    fn respond(&self, method: Method, target: &str, fields: &[(&str, &str)]) -> Response {
        let mut request = Request::builder().method(method).uri(target);
        for (name, value) in fields {
            request = request.header(*name, *value);
        }
        block_on(self.handler.clone().handle(request.body(http::empty()).unwrap()))
    }

    fn ask(&self, method: Method, target: &str, fields: &[(&str, &str)]) -> Answer {
        let (head, body) = self.respond(method, target, fields).into_parts();
        let content = block_on(body.collect()).unwrap().to_bytes();
        Answer { status: head.status, fields: head.headers, content }
    }

    fn get(&self, target: &str) -> Answer {
        self.ask(Method::GET, target, &[])
    }

    fn get_with(&self, target: &str, fields: &[(&str, &str)]) -> Answer {
        self.ask(Method::GET, target, fields)
    }
}

impl Answer {
    fn field(&self, name: &str) -> &str {
        self.fields.get(name).map_or("", |value| value.to_str().unwrap())
    }

    fn text(&self) -> &str {
        std::str::from_utf8(&self.content).unwrap()
    }

    /// The targets of all links of a page.
    fn links(&self) -> Vec<String> {
        let hrefs = self.text().split(" href=\"").skip(1);
        let links = hrefs.map(|rest| rest.split('"').next().unwrap().replace("&amp;", "&"));
        links.filter(|link| !link.starts_with('#')).collect()
    }
}

fn pattern(length: usize) -> Vec<u8> {
    (0..length).map(|i| (i / 251 + i) as u8).collect()
}

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
fn climbing_is_refused() {
    let site = Site::with(&[("f", b"x")]);
    for target in [
        "/../etc/passwd",
        "/%2e%2e/etc/passwd",
        "/..%2fetc/passwd",
        "/sub/../../etc/passwd",
        "/..%5cx",
        "/%2E%2e%2F",
        "/a%00b",
        "/%zz",
        "/..",
    ] {
        assert_eq!(site.get(target).status, 400, "{target}");
    }
    for target in ["//etc/passwd", "/f/", "/f/x", "//"] {
        assert_eq!(site.get(target).status, 404, "{target}");
    }
}

#[test]
fn links_out_of_the_folder_are_not_there() {
    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("secret"), "secret").unwrap();
    let site = Site::with(&[("sub/f", b"inside")]);
    let root = site.folder.path();
    symlink(outside.path().join("secret"), root.join("out.txt")).unwrap();
    symlink(outside.path(), root.join("outdir")).unwrap();
    symlink("sub/f", root.join("in.txt")).unwrap();
    symlink("sub", root.join("indir")).unwrap();
    for target in ["/out.txt", "/outdir", "/outdir/", "/outdir/secret"] {
        assert_eq!(site.get(target).status, 404, "{target}");
    }
    assert_eq!(site.get("/in.txt").text(), "inside");
    assert_eq!(site.get("/indir/f").text(), "inside");
    let listing = site.get("/?json");
    assert!(!listing.text().contains("\"out"), "{}", listing.text());
    assert!(listing.text().contains("\"href\":\"indir/\",\"type\":\"folder\""));
    assert!(listing.text().contains("\"href\":\"in.txt\",\"type\":\"file\",\"size\":6"));
    assert!(!names_in_zip(&site.get("/?zip").content).iter().any(|name| name.contains("out")));
}

#[test]
fn hidden_files_are_neither_shown_nor_given() {
    let site = Site::with(&[(".env", b"x"), (".git/config", b"x"), ("a", b"x")]);
    for target in ["/.env", "/.git/config", "/.git/", "/%2egit/config"] {
        assert_eq!(site.get(target).status, 404, "{target}");
    }
    for target in ["/", "/?json"] {
        let listing = site.get(target);
        assert!(!listing.text().contains(".env") && !listing.text().contains(".git"));
    }
    assert_eq!(names_in_zip(&site.get("/?zip").content), ["a"]);
}

#[test]
fn a_folder_without_slash_leads_to_itself_relatively() {
    let site = Site::with(&[("sub/f", b"x"), ("a/b:c d/f", b"x")]);
    for (target, location) in
        [("/sub", "sub/"), ("/sub?sort=size", "sub/?sort=size"), ("/a/b%3Ac%20d", "b%3Ac%20d/")]
    {
        let answer = site.get(target);
        assert_eq!((answer.status.as_u16(), answer.field("location")), (308, location));
    }
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
fn no_browser_guesses_and_generated_pages_are_fenced_in() {
    let site = Site::with(&[("a.txt", b"x"), ("sub/x.jpg", b"x")]);
    for target in ["/a.txt", "/", "/none", "/sub", "/?zip", "/?json", "/%2e%2e/"] {
        assert_eq!(site.get(target).field("x-content-type-options"), "nosniff", "{target}");
    }
    for target in ["/", "/none"] {
        let answer = site.get_with(target, &[("accept", "text/html")]);
        let policy = answer.field("content-security-policy");
        assert!(policy.starts_with("default-src 'none'; style-src 'sha256-"), "{policy}");
        assert!(policy.contains("img-src 'self'; media-src 'self'"));
        assert_eq!(answer.field("vary"), "Accept");
    }
}

#[test]
fn refusals_speak_to_browsers_and_to_programs() {
    let site = Site::new();
    let page = site.get_with("/none", &[("accept", "text/html,*/*;q=0.8")]);
    assert_eq!(page.field("content-type"), "text/html; charset=utf-8");
    assert!(page.text().contains("There is no file or folder of this name."));
    let text = site.get("/none");
    assert_eq!(text.field("content-type"), "text/plain; charset=utf-8");
    assert!(text.text().starts_with("404 Nothing here: There is no file"), "{}", text.text());
}

#[test]
fn a_closed_file_is_forbidden_and_a_pipe_is_not_there() {
    let site = Site::with(&[("closed", b"x")]);
    let path = site.folder.path().join("closed");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o000)).unwrap();
    if File::open(&path).is_err() {
        assert_eq!(site.get("/closed").status, 403); // root may read everything
    }
    let socket = site.folder.path().join("socket");
    let _listener = std::os::unix::net::UnixListener::bind(socket).unwrap();
    assert_eq!(site.get("/socket").status, 404);
    assert!(!site.get("/?json").text().contains("socket"));
    let pipe = site.folder.path().join("pipe");
    rustix::fs::mknodat(
        rustix::fs::CWD,
        &pipe,
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::from_raw_mode(0o600),
        0,
    )
    .unwrap();
    assert_eq!(site.get("/pipe").status, 404);
}

const AWKWARD: [&[u8]; 16] = [
    b"plain",
    b"with space",
    b"quote\"s and 'more'",
    b"new\nline",
    b"tab\there",
    b"hash#tag",
    b"100%25 sure",
    b"100% sure",
    b"what?really",
    b"a&b=c;d,e+f",
    b"<script>alert(1)</script>".split_at(25).0,
    b"back\\slash",
    "emoji \u{1F600} \u{202E}txt".as_bytes(),
    b"latin1 \xE9\xFF\xFE",
    b"javascript:alert(1)",
    b"{{main}} [x](y)",
];

#[test]
fn awkward_names_survive_from_listing_to_download() {
    let site = Site::new();
    let mut made = 0;
    for (index, name) in AWKWARD.iter().enumerate() {
        let name =
            OsString::from_vec(name.iter().map(|o| if *o == b'/' { b'|' } else { *o }).collect());
        for path in
            [site.folder.path().join(&name), site.folder.path().join("dir").join(&name).join(&name)]
        {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, format!("content {index}")).unwrap();
            made += 1;
        }
    }
    let page = site.get("/");
    assert!(!page.text().contains("<script") && !page.text().contains("%FF<"));
    let mut found = 0;
    for link in page.links().iter().filter(|link| !link.starts_with('?')) {
        assert!(!link.starts_with('/') && !link.contains("//") && !link.contains(':'), "{link}");
        if link != "dir/" {
            assert!(site.get(&format!("/{link}")).text().starts_with("content "), "{link}");
            found += 1;
        }
    }
    for link in site
        .get("/dir/")
        .links()
        .iter()
        .filter(|link| link.ends_with('/') && !link.starts_with(".."))
    {
        let listing = site.get(&format!("/dir/{link}"));
        let file = listing.links().into_iter().find(|link| !link.starts_with(['?', '.'])).unwrap();
        assert!(site.get(&format!("/dir/{link}{file}")).text().starts_with("content "), "{link}");
        found += 1;
        let redirect = site.get(&format!("/dir/{}", link.trim_end_matches('/')));
        assert_eq!(redirect.field("location"), link);
    }
    assert_eq!(found, made);
    let archive = site.get("/dir/?zip").content;
    assert_eq!(
        names_in_zip(&archive).iter().filter(|name| !name.ends_with('/')).count(),
        AWKWARD.len()
    );
}

#[test]
fn every_link_of_every_listing_is_relative() {
    let site = Site::with(&[("a/b/c/x.jpg", b"x"), ("a/b/c/y.mp3", b"x"), ("a/b/c/z.mp4", b"x")]);
    let page = site.get_with("/a/b/c/", &[("host", "alice.at.example.com:1000")]);
    for link in page.links() {
        assert!(!link.starts_with('/') && !link.contains(':'), "{link}");
    }
    let text = page.text();
    for part in [
        "<a href=\"../../../\"><bdi>alice@example.com</bdi></a>",
        "<a href=\"../../\"><bdi>a</bdi></a>",
        "<a href=\"../\"><bdi>b</bdi></a>",
        "<h1><bdi>c</bdi></h1>",
        "<img src=\"x.jpg?thumb\" alt=\"\" loading=\"lazy\"",
        "<audio controls preload=\"none\" src=\"y.mp3\" aria-label=\"y.mp3\">",
        "<video controls preload=\"metadata\" src=\"z.mp4\" ",
    ] {
        assert!(text.contains(part), "{part}");
    }
}

#[test]
fn listings_announce_feeds_of_the_shared_folder_only() {
    let site = Site::with(&[("a.mp3", b"x"), ("sub/a.mp3", b"x"), ("sub/a.jpg", b"x")]);
    let feed =
        "<link rel=\"alternate\" type=\"application/rss+xml\" title=\"Podcast\" href=\"feed.xml\">";
    let root = site.get("/");
    assert!(root.text().contains(feed));
    assert!(root.text().contains("application/feed+json"));
    assert!(!root.text().contains("photos.xml"));
    assert!(!site.get("/sub/").text().contains("rel=\"alternate\""));
    site.write("b.png", b"x");
    assert!(site.get("/").text().contains("href=\"photos.xml\""));
}

#[test]
fn listings_sort_with_folders_first() {
    let site = Site::with(&[
        ("z/f", b"x"),
        ("b.txt", &pattern(10)),
        ("A.txt", &pattern(30)),
        ("c10", &pattern(20)),
        ("c9", b""),
    ]);
    for (index, name) in ["c9", "A.txt", "c10", "b.txt"].iter().enumerate() {
        let file = File::options().write(true).open(site.folder.path().join(name)).unwrap();
        file.set_modified(UNIX_EPOCH + Duration::from_secs(1_000_000_000 + index as u64)).unwrap();
    }
    let order = |query: &str| {
        let page = site.get(&format!("/?{query}"));
        let links = page.links();
        links.into_iter().filter(|link| !link.starts_with('?')).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(order(""), "z/ A.txt b.txt c9 c10");
    assert_eq!(order("sort=name&order=desc"), "z/ c10 c9 b.txt A.txt");
    assert_eq!(order("sort=size"), "z/ A.txt c10 b.txt c9");
    assert_eq!(order("sort=size&order=asc"), "z/ c9 b.txt c10 A.txt");
    assert_eq!(order("sort=time"), "z/ b.txt c10 A.txt c9");
    assert_eq!(order("sort=evil"), "z/ A.txt b.txt c9 c10");
    let page = site.get("/?sort=size");
    assert!(page.text().contains("aria-sort=\"descending\"><a href=\"?sort=size&amp;order=asc\""));
    assert!(
        page.text().contains("<time datetime=\"2001-09-09T01:46:40Z\">9 Sep 2001, 01:46</time>")
    );
}

#[test]
fn json_by_query_or_by_accept() {
    let site = Site::with(&[("sub/a b.mp3", &pattern(1234)), ("sub/d/f", b"x")]);
    let by_query = site.get("/sub/?json");
    let by_accept = site.get_with("/sub/", &[("accept", "application/json")]);
    assert_eq!(by_query.content, by_accept.content);
    assert_eq!(by_query.field("content-type"), "application/json");
    let text = by_query.text();
    assert!(text.starts_with(
        "{\"path\":\"/sub/\",\"folders\":1,\"files\":1,\"left_out\":0,\"page\":1,\"pages\":1,"
    ));
    assert!(text.contains("{\"name\":\"a b.mp3\",\"href\":\"a%20b.mp3\",\"type\":\"file\",\"size\":1234,\"modified\":\"20"));
    let tag = by_query.field("etag");
    assert_eq!(site.get_with("/sub/?json", &[("if-none-match", tag)]).status, 304);
    let page = site.get_with("/sub/", &[("accept", "text/html,application/json")]);
    assert_eq!(page.field("content-type"), "text/html; charset=utf-8");
}

#[test]
fn an_empty_folder_says_so() {
    let site = Site::new();
    let page = site.get("/");
    assert!(page.text().contains("This folder is empty."));
    assert!(!page.text().contains("?zip"));
    assert!(names_in_zip(&site.get("/?zip").content).is_empty());
}

#[test]
fn pictures_make_a_grid() {
    let site = Site::with(&[
        ("1.jpg", b"x"),
        ("2.png", b"x"),
        ("3.webp", b"x"),
        ("4.mp4", b"x"),
        ("notes.txt", b"x"),
    ]);
    let page = site.get("/");
    let (rows, grid) = page.text().split_once("<ul class=\"gallery\">").unwrap();
    assert!(rows.contains("notes.txt") && !rows.contains("1.jpg"));
    assert!(grid.contains("<img src=\"1.jpg?thumb\"") && grid.contains("<img src=\"2.png\""));
    assert!(grid.contains("<video controls"));
    let huge = File::create(site.folder.path().join("5.png")).unwrap();
    huge.set_len(50_000_000).unwrap();
    assert!(!site.get("/").text().contains("<img src=\"5.png\""));
}

#[test]
fn thumbnails_never_cost_a_huge_picture() {
    let site = Site::with(&[
        ("small.jpg", &pattern(1000)),
        ("middle.jpg", &pattern(1_000_000)),
        ("a.txt", b"text"),
    ]);
    let huge = File::create(site.folder.path().join("huge.jpg")).unwrap();
    huge.set_len(50_000_000).unwrap();
    assert_eq!(site.get("/small.jpg?thumb").content.len(), 1000);
    assert_eq!(site.get("/middle.jpg?thumb").content.len(), 1_000_000);
    let drawing = site.get("/huge.jpg?thumb");
    assert_eq!(drawing.field("content-type"), "image/svg+xml");
    assert!(drawing.content.len() < 2000);
    assert_eq!(site.get("/a.txt?thumb").text(), "text");
}

#[test]
fn a_folder_of_20000_files_lists_in_pages() {
    let site = Site::new();
    for number in 0..20_000 {
        File::create(site.folder.path().join(format!("file {number}.txt"))).unwrap();
    }
    fs::create_dir(site.folder.path().join("folder")).unwrap();
    let mut target = "/".to_owned();
    let mut seen = Vec::new();
    let mut pages = 0;
    loop {
        let page = site.get(&target);
        assert!(page.content.len() < 300_000);
        assert!(page.text().contains("1 folder, 20\u{202F}000 files"));
        seen.extend(page.links().into_iter().filter(|link| !link.starts_with('?')));
        pages += 1;
        let Some(link) = page.text().split("<a rel=\"next\" href=\"").nth(1) else { break };
        target = format!("/{}", link.split('"').next().unwrap().replace("&amp;", "&"));
    }
    assert_eq!(pages, 41);
    assert_eq!(seen.len(), 20_001);
    assert_eq!((seen[0].as_str(), seen[3].as_str()), ("folder/", "file%202.txt"));
    assert_eq!(seen[20_000], "file%2019999.txt");
    assert!(site.get("/?page=41").text().contains("rel=\"prev\""));
    let beyond = site.get("/?page=4000000000&json");
    assert!(beyond.text().contains("\"page\":41,\"pages\":41"));
}

#[test]
fn an_archive_holds_every_file() {
    let large = pattern(3_000_000);
    let site = Site::with(&[
        ("sub/a.txt", b"text"),
        ("sub/deep/er/b.bin", &large),
        ("sub/empty.txt", b""),
        ("sub/\u{e9}.txt", b"accent"),
        ("other.txt", b"not this"),
    ]);
    fs::create_dir(site.folder.path().join("sub/hollow")).unwrap();
    symlink(".", site.folder.path().join("sub/loop")).unwrap();
    let answer = site.get("/sub/?zip");
    assert_eq!(answer.field("content-type"), "application/zip");
    assert_eq!(
        answer.field("content-disposition"),
        "attachment; filename=\"sub.zip\"; filename*=UTF-8''sub.zip"
    );
    let mut archive = zip::ZipArchive::new(std::io::Cursor::new(answer.content)).unwrap();
    let mut names: Vec<_> = archive.file_names().map(|name| name.unwrap().into_owned()).collect();
    names.sort();
    assert_eq!(
        names,
        ["a.txt", "deep/", "deep/er/", "deep/er/b.bin", "empty.txt", "hollow/", "\u{e9}.txt"]
    );
    for (name, wanted) in [
        ("a.txt", &b"text"[..]),
        ("deep/er/b.bin", &large),
        ("empty.txt", b""),
        ("\u{e9}.txt", b"accent"),
    ] {
        let mut content = Vec::new();
        archive.by_name(name).unwrap().read_to_end(&mut content).unwrap();
        assert!(content == wanted, "{name}");
    }
    let named = site.get_with("/?zip", &[("host", "alice.at.example.com:1000")]);
    assert!(named.field("content-disposition").contains("filename=\"alice@example.com.zip\""));
}

#[test]
fn archives_are_limited_and_end_when_the_client_goes() {
    let site = Site::with(&[("large", &pattern(4_000_000))]);
    let mut open: Vec<_> = (0..8).map(|_| site.respond(Method::GET, "/?zip", &[])).collect();
    assert!(open.iter().all(|response| response.status() == 200));
    let busy = site.get("/?zip");
    assert_eq!((busy.status.as_u16(), busy.field("retry-after")), (503, "30"));
    let first = block_on(open[0].body_mut().frame()).unwrap().unwrap();
    assert!(first.into_data().unwrap().starts_with(b"PK\x03\x04"));
    drop(open);
    // each thread notices by itself; the test waits for the permit that comes back
    while site.respond(Method::GET, "/?zip", &[]).status() != 200 {
        std::thread::yield_now();
    }
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

#[test]
fn changes_show_at_once() {
    let site = Site::new();
    site.write("first", b"1");
    assert!(site.get("/").text().contains("first"));
    site.write("second", b"2");
    assert!(site.get("/").text().contains("second"));
    fs::remove_file(site.folder.path().join("first")).unwrap();
    assert!(!site.get("/").text().contains("first"));
    fs::remove_dir_all(site.folder.path()).unwrap();
    assert_eq!(site.get("/").status, 404);
}

fn names_in_zip(content: &[u8]) -> Vec<String> {
    let archive = zip::ZipArchive::new(std::io::Cursor::new(content)).unwrap();
    archive.file_names().map(|name| name.unwrap().into_owned()).collect()
}

#[test]
fn names_that_are_no_text_reach_the_disk_exactly() {
    let site = Site::new();
    let name = OsStr::from_bytes(b"\xFF\xFE caf\xE9.txt");
    fs::write(site.folder.path().join(Path::new(name)), "exact").unwrap();
    assert_eq!(site.get("/%FF%FE%20caf%E9.txt").text(), "exact");
    assert!(site.get("/?json").text().contains("\"href\":\"%FF%FE%20caf%E9.txt\""));
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
