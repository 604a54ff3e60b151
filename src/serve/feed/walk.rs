//! The walk through a folder: every file that may be served, none that may not.

use std::{
    ffi::OsStr,
    fs::{self, DirEntry, Metadata},
    io,
    os::unix::{ffi::OsStrExt, fs::MetadataExt},
    path::{Path, PathBuf},
};

use crate::identity::CivilTime;

/// Which state of which file: it changes when the content does, and stays when the file is renamed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct FileId {
    device: u64,
    inode: u64,
    /// Octets in the file.
    pub size: u64,
    modified: (i64, i64),
}

/// How deep folders may lie in each other.
const MAX_DEPTH: usize = 16;
/// How many files are looked at, all in all.
const MAX_FILES: usize = 200_000;

impl FileId {
    fn of(metadata: &Metadata) -> FileId {
        FileId {
            device: metadata.dev(),
            inode: metadata.ino(),
            size: metadata.len(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
        }
    }

    /// When the file was last written.
    pub(super) fn modified(&self) -> CivilTime {
        CivilTime::from_unix(self.modified.0)
    }
}

/// Gives `visit` each file under `root` that has a role by its name, with its path below `root`.
///
/// Left out are empty files, everything whose name begins with a dot, and symbolic links to folders or
/// to places that the walk itself would not reach. Folders that cannot be read are passed over.
///
/// # Errors
/// When `root` cannot be read.
pub(super) fn walk<Role>(
    root: &Path,
    role: impl Fn(&Path) -> Option<Role>,
    mut visit: impl FnMut(PathBuf, FileId, Role),
) -> io::Result<()> {
    let canonical = root.canonicalize()?;
    let mut looked_at = 0;
    let mut todo = vec![PathBuf::new()];
    while let Some(folder) = todo.pop() {
        let entries = match fs::read_dir(root.join(&folder)) {
            Ok(entries) => entries,
            Err(error) if folder.as_os_str().is_empty() => return Err(error),
            Err(_) => continue,
        };
        let deep = folder.components().count() >= MAX_DEPTH;
        for entry in entries.flatten() {
            looked_at += 1;
            if looked_at > MAX_FILES {
                return Ok(());
            }
            let name = entry.file_name();
            let Ok(kind) = entry.file_type() else { continue };
            if is_hidden(&name) {
                continue;
            }
            let path = folder.join(name);
            if kind.is_dir() {
                todo.extend((!deep).then_some(path));
            } else if let Some(role) = role(&path)
                && let Some(metadata) = look(&entry, kind.is_symlink(), &canonical)
                && metadata.len() > 0
            {
                visit(path, FileId::of(&metadata), role);
            }
        }
    }
    Ok(())
}

/// The metadata of a file that may be served.
fn look(entry: &DirEntry, is_link: bool, root: &Path) -> Option<Metadata> {
    let metadata = if is_link {
        let target = entry.path().canonicalize().ok()?;
        let inside = target.strip_prefix(root).ok()?;
        if inside.iter().any(is_hidden) {
            return None;
        }
        fs::metadata(&target)
    } else {
        entry.metadata()
    };
    metadata.ok().filter(Metadata::is_file)
}

fn is_hidden(name: &OsStr) -> bool {
    name.as_bytes().starts_with(b".")
}
