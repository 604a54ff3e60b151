//! What is in the folder: its media with their tags, newest first, as of one walk through it.
//!
//! Each walk looks at every file (name, size, time, inode) but reads only those that it does not know,
//! so that a new, changed, renamed or removed file shows at once and nothing is read twice.

use std::{
    cmp::Reverse,
    collections::{HashMap, HashSet},
    ops::ControlFlow,
    path::{Path, PathBuf},
    sync::{Arc, OnceLock},
};

use crate::identity::CivilTime;
use crate::serve::directory::FileState;
use crate::serve::folder::{Folder, OpenFile, Unavailable};

use super::{
    about::About,
    fingerprint::Fingerprint,
    media::{MediaType, Medium},
    photograph, recording,
    tags::Tags,
    walk::walk,
};

/// One state of the folder.
#[derive(Debug, Default)]
pub(super) struct Catalog {
    /// What the owner says about it.
    pub about: About,
    /// Its media, newest first.
    pub entries: Vec<Entry>,
    /// The picture that stands for all of it, if there is one in the folder.
    pub cover: Option<PathBuf>,
    /// How many files had to be read for this state.
    pub read: usize,
    sidecars: HashSet<PathBuf>,
}

/// One media file.
#[derive(Debug)]
pub(super) struct Entry {
    /// Where it lies below the folder.
    pub path: Box<Path>,
    /// What it is.
    pub media: MediaType,
    /// Which state of which file it is.
    pub state: FileState,
    /// What is in it.
    pub content: Arc<Content>,
}

/// What was read from a file; renaming changes nothing of it.
#[derive(Debug, Default)]
pub(super) struct Content {
    /// What the file says about itself.
    pub tags: Tags,
    fingerprint: OnceLock<Fingerprint>,
}

/// How many names are looked at, all in all.
const MAX_NAMES: usize = 200_000;
/// Files beside a recording that belong to it, by what replaces its extension.
const SIDECARS: [&str; 3] = ["vtt", "srt", "chapters.json"];
/// Pictures that stand for a folder; the first there is, is taken.
const COVERS: [&str; 6] =
    ["cover.jpg", "cover.jpeg", "cover.png", "folder.jpg", "folder.jpeg", "folder.png"];

impl Catalog {
    /// Walks through the folder; `before` is an earlier state whose knowledge is used again.
    ///
    /// # Errors
    /// When the folder itself cannot be read. What cannot be read below it is left out.
    pub(super) fn scan(folder: &Folder, before: &Catalog) -> Result<Catalog, Unavailable> {
        let known: HashMap<FileState, &Arc<Content>> =
            before.entries.iter().map(|entry| (entry.state, &entry.content)).collect();
        let mut catalog = Catalog { about: About::read(folder), ..Catalog::default() };
        let mut best_cover = COVERS.len();
        walk(folder, MAX_NAMES, role, |path, state, role| {
            match role {
                Role::Cover(rank) if rank < best_cover && path.components().count() == 1 => {
                    best_cover = rank;
                    catalog.cover = Some(path);
                }
                Role::Cover(_) => {}
                Role::Sidecar => {
                    catalog.sidecars.insert(path);
                }
                Role::Item(media) => {
                    let content = known.get(&state).map(|content| Arc::clone(content));
                    let content = content.unwrap_or_else(|| {
                        catalog.read += 1;
                        Arc::new(Content::read(folder, &path, media, state))
                    });
                    catalog.entries.push(Entry { path: path.into(), media, state, content });
                }
            }
            ControlFlow::Continue(())
        })?;
        catalog.entries.shrink_to_fit();
        catalog.entries.sort_by(|a, b| a.order().cmp(&b.order()));
        Ok(catalog)
    }

    /// The file beside `entry` with another extension, if there is one.
    pub(super) fn sidecar(&self, entry: &Entry, extension: &str) -> Option<PathBuf> {
        Some(entry.path.with_extension(extension)).filter(|path| self.sidecars.contains(path))
    }
}

impl Entry {
    /// When it was published: what its tags say, else when it was last written.
    pub(super) fn date(&self) -> CivilTime {
        self.content.tags.date.unwrap_or_else(|| CivilTime::from_unix(self.state.modified()))
    }

    /// What tells this file from others; reads a part of it once. None when it cannot be read.
    pub(super) fn fingerprint(&self, folder: &Folder) -> Option<Fingerprint> {
        if let Some(known) = self.content.fingerprint.get() {
            return Some(*known);
        }
        let open = folder.file(&self.path).ok()?;
        let taken = Fingerprint::take(&open.file, self.media, self.state.size).ok()?;
        Some(*self.content.fingerprint.get_or_init(|| taken))
    }

    /// Newest first; later tracks first where an album has one date; then by name.
    fn order(&self) -> impl Ord {
        (Reverse(self.date()), Reverse(self.content.tags.track), self.path.as_os_str())
    }
}

impl Content {
    fn read(folder: &Folder, path: &Path, media: MediaType, state: FileState) -> Content {
        let modified = CivilTime::from_unix(state.modified());
        let read = |open: OpenFile| match media.medium {
            Medium::Audio | Medium::Video => recording::tags(&open.file, modified),
            Medium::Photo => photograph::tags(&open.file, modified),
        };
        let tags = folder.file(path).map(read).unwrap_or_default();
        Content { tags, fingerprint: OnceLock::new() }
    }
}

/// What a file is in a folder with feeds.
enum Role {
    /// A picture that stands for its folder, and how much it is preferred.
    Cover(usize),
    /// An item.
    Item(MediaType),
    /// Something that belongs to an item.
    Sidecar,
}

fn role(path: &Path) -> Option<Role> {
    let name = path.file_name()?;
    if let Some(media) = MediaType::of(path) {
        let cover = COVERS.iter().position(|cover| name.eq_ignore_ascii_case(cover));
        return Some(cover.map_or(Role::Item(media), Role::Cover));
    }
    let name = name.to_str()?;
    let belongs = |end: &&str| name.strip_suffix(*end).is_some_and(|stem| stem.ends_with('.'));
    SIDECARS.iter().any(belongs).then_some(Role::Sidecar)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn of_twenty_thousand_files_only_the_unknown_are_read() {
        let temp = tempfile::tempdir().unwrap();
        let folder = Folder::open(temp.path()).unwrap();
        let path = |n: usize| temp.path().join(format!("{:03}/{n}.mp3", n % 200));
        for n in 0..20_000 {
            if n < 200 {
                fs::create_dir(path(n).parent().unwrap()).unwrap();
            }
            fs::write(path(n), n.to_string()).unwrap();
        }
        let scan = |before: &Catalog| Catalog::scan(&folder, before).unwrap();
        let first = scan(&Catalog::default());
        assert_eq!((first.entries.len(), first.read), (20_000, 20_000));
        let second = scan(&first);
        assert_eq!((second.entries.len(), second.read), (20_000, 0));

        fs::write(path(7), "seven").unwrap();
        fs::rename(path(8), path(8).with_file_name("eight.mp3")).unwrap();
        fs::remove_file(path(9)).unwrap();
        fs::write(path(20_000), "one more").unwrap();
        let third = scan(&second);
        assert_eq!((third.entries.len(), third.read), (20_000, 2));
        assert!(third.entries.iter().any(|entry| entry.path.ends_with("eight.mp3")));
    }

    #[test]
    fn the_newest_comes_first_and_the_last_track_of_an_album() {
        let entry = |name: &str, secs, track| {
            let tags = Tags { date: Some(CivilTime::from_unix(secs)), track, ..Tags::default() };
            let content = Content { tags, ..Content::default() }.into();
            let path: Box<Path> = Path::new(name).into();
            let media = MediaType::of(&path).unwrap();
            Entry { path, media, state: FileState::default(), content }
        };
        let mut entries = [
            entry("b.mp3", 5, None),
            entry("track 1.mp3", 7, Some(1)),
            entry("a.mp3", 5, None),
            entry("old.mp3", -5, Some(9)),
            entry("track 2.mp3", 7, Some(2)),
        ];
        entries.sort_by(|a, b| a.order().cmp(&b.order()));
        let names = entries.map(|entry| entry.path.display().to_string());
        assert_eq!(names, ["track 2.mp3", "track 1.mp3", "a.mp3", "b.mp3", "old.mp3"]);
    }
}
