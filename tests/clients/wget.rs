//! wget mirrors a tree with the most awkward names through its listings.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    fs,
    os::unix::ffi::OsStringExt,
    path::{Path, PathBuf},
};

use crate::form::Form;
use testbed::people::{Neighbours, noise, succeed};
use testbed::programs::have;

/// Paths of files. None holds `%41` or the like, which wget decodes twice when it names its copy.
const NAMES: [&str; 19] = [
    "plain.txt",
    "with space.txt",
    " leading and trailing ",
    "what?.txt",
    "number #1.mp3",
    "100%.txt",
    "\"quoted\" and 'quoted'.txt",
    "a&b;c=d.txt",
    "&amp; <b>bold<b>.txt",
    "plus+plus.txt",
    "~tilde",
    "grüße/żółć/日本語.txt",
    "party 🎉/👩‍👩‍👧.txt",
    "back\\slash.txt",
    "colon: first.txt",
    "$(touch x) `y` {z} [w] |v^.txt",
    "deep/a/b/c/d/e/f/g/h/i/j.txt",
    "line\nbreak.txt",
    "no extension",
];

#[test]
fn wget_mirrors_awkward_names() {
    if !have("wget") {
        return;
    }
    let neighbours = Neighbours::start(|folder| {
        for (number, name) in NAMES.iter().enumerate() {
            write(&folder.join(name), &noise(1000 + number));
        }
        let not_utf8 = OsString::from_vec(b"latin \xe9.txt".to_vec());
        write(&folder.join(not_utf8), b"not utf-8");
        write(&folder.join("empty"), b"");
    });
    let originals = tree(&neighbours.folder, &neighbours.folder);
    assert_eq!(originals.len(), NAMES.len() + 2);
    for form in Form::WITHOUT_RESOLVER {
        let mirror = neighbours.root.path().join(format!("mirror-{form:?}"));
        let cut = if form == Form::Path { "2" } else { "0" }; // alice@example.com/1000
        let mut wget = form.program(&neighbours, "wget");
        wget.args([
            "--no-config",
            "--no-verbose",
            "--mirror",
            "--no-parent",
            "--execute",
            "robots=off",
        ])
        .args(["--no-host-directories", "--cut-dirs", cut])
        .arg("--restrict-file-names=nocontrol")
        // listings in another order, and archives
        .arg("--reject-regex=[?]")
        .arg("--directory-prefix")
        .arg(&mirror)
        .arg(form.url(&neighbours, 1000, "/"));
        succeed(&mut wget);
        let mut copies = tree(&mirror, &mirror);
        copies.retain(|path, _| !is_page(path));
        let names = |files: &BTreeMap<PathBuf, Vec<u8>>| files.keys().cloned().collect::<Vec<_>>();
        assert_eq!(names(&copies), names(&originals), "{form:?}");
        assert!(copies == originals, "{form:?}");
    }
}

/// Whether it is what a folder adds to its files.
fn is_page(path: &Path) -> bool {
    ["index.html", "feed.xml", "feed.json"].iter().any(|name| path.ends_with(name))
}

fn write(path: &Path, content: &[u8]) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, content).unwrap();
}

/// All files below a folder, by their path in `root`.
fn tree(root: &Path, folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.append(&mut tree(root, &path));
        } else {
            files.insert(path.strip_prefix(root).unwrap().into(), fs::read(&path).unwrap());
        }
    }
    files
}
