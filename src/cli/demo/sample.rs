//! The folder that alice shares when none is given: an episode, two pictures and a page.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// Path in the folder, and content.
const FILES: [(&str, &[u8]); 5] = [
    ("A first episode.m4a", include_bytes!("sample/episode.m4a")),
    ("dawn.jpg", include_bytes!("sample/dawn.jpg")),
    ("night.jpg", include_bytes!("sample/night.jpg")),
    ("feed.txt", include_bytes!("sample/feed.txt")),
    ("page/index.html", include_bytes!("sample/page.html")),
];

/// Makes the folder inside of `parent`.
pub(super) fn make(parent: &Path) -> io::Result<PathBuf> {
    let folder = parent.join("media");
    for (path, content) in FILES {
        let path = folder.join(path);
        fs::create_dir_all(path.parent().unwrap_or(&folder))?;
        fs::write(path, content)?;
    }
    Ok(folder)
}
