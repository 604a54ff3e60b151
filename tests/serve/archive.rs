//! A folder as a zip archive.

use std::{fs, io::Read, os::unix::fs::symlink};

use http_body_util::BodyExt;
use hyper::Method;
use p2p::runtime::block_on;

use crate::site::{Site, pattern};

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
    let named = site.get("/?zip");
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
