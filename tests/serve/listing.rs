//! What a folder without an index shows.

use std::{
    fs::{self, File},
    time::{Duration, UNIX_EPOCH},
};

use crate::site::{Site, names_in_zip, pattern};

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
fn every_link_of_every_listing_is_relative() {
    let site = Site::with(&[("a/b/c/x.jpg", b"x"), ("a/b/c/y.mp3", b"x"), ("a/b/c/z.mp4", b"x")]);
    let page = site.get("/a/b/c/");
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
fn the_first_listing_announces_the_feeds_that_have_items() {
    let site = Site::with(&[("sub/deep/a.mp3", b"x"), ("favicon.ico", b"x")]);
    let feed =
        "<link rel=\"alternate\" type=\"application/rss+xml\" title=\"Podcast\" href=\"feed.xml\">";
    let announced = |site: &Site| {
        let page = site.get("/");
        let (head, _) = page.text().split_once("</head>").unwrap();
        assert_eq!(head.contains(feed), page.links().contains(&"feed.xml".to_owned()));
        let feeds = head.split("rel=\"alternate\"").skip(1);
        let hrefs =
            feeds.map(|link| link.split("href=\"").nth(1).unwrap().split('"').next().unwrap());
        hrefs.map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(announced(&site), ["feed.xml", "feed.json"]);
    assert!(!site.get("/sub/deep/").text().contains("rel=\"alternate\""));
    site.write("sub/b.png", b"x");
    assert_eq!(announced(&site), ["feed.xml", "photos.xml", "feed.json"]);
    for feed in announced(&site) {
        let answer = site.get_with(&format!("/{feed}"), &[("host", "h")]);
        assert!(answer.text().contains("sub/"), "{feed}");
    }
    fs::remove_dir_all(site.folder.path().join("sub")).unwrap();
    assert!(announced(&site).is_empty());
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
