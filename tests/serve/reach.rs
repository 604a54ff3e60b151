//! Which names reach something, and that nothing outside of the folder is reached.

use std::{
    ffi::{OsStr, OsString},
    fs::{self, File},
    os::unix::{
        ffi::{OsStrExt, OsStringExt},
        fs::{PermissionsExt, symlink},
    },
    path::Path,
};

use crate::site::{Site, names_in_zip};

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
fn names_that_are_no_text_reach_the_disk_exactly() {
    let site = Site::new();
    let name = OsStr::from_bytes(b"\xFF\xFE caf\xE9.txt");
    fs::write(site.folder.path().join(Path::new(name)), "exact").unwrap();
    assert_eq!(site.get("/%FF%FE%20caf%E9.txt").text(), "exact");
    assert!(site.get("/?json").text().contains("\"href\":\"%FF%FE%20caf%E9.txt\""));
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
fn refusals_speak_to_browsers_and_to_programs() {
    let site = Site::new();
    let page = site.get_with("/none", &[("accept", "text/html,*/*;q=0.8")]);
    assert_eq!(page.field("content-type"), "text/html; charset=utf-8");
    assert!(page.text().contains("There is no file or folder of this name."));
    let text = site.get("/none");
    assert_eq!(text.field("content-type"), "text/plain; charset=utf-8");
    assert!(text.text().starts_with("404 Nothing here: There is no file"), "{}", text.text());
}
