//! The shared folder, and the one way to open something in it.
//!
//! A name is resolved in two steps. First its canonical path is asked for, symbolic links followed; one
//! that lies outside of the folder is not there. Then that path is opened component by component, from
//! the folder downwards, and no component may be a link any more. A link that is swapped in between
//! makes the second step fail, so there is no moment at which a race could lead out.
//!
//! Names that begin with a dot are refused before this point. A link *to* a hidden file inside of the
//! folder works: whoever may write here has made it on purpose.

use std::{
    error::Error,
    ffi::OsStr,
    fmt,
    fs::{self, File, Metadata},
    io,
    os::fd::OwnedFd,
    path::{Path, PathBuf},
    sync::Arc,
};

use rustix::{
    fs::{AtFlags, FileType, Mode, OFlags},
    io::Errno,
};

use super::directory::Directory;
use crate::runtime::plain;

/// A folder that is shared as a web site.
#[derive(Debug)]
pub(super) struct Folder {
    /// Canonical.
    root: PathBuf,
}

/// Why a folder cannot be shared.
#[derive(Debug)]
pub enum FolderError {
    /// There is nothing at this path.
    Missing(PathBuf),
    /// It is a file or a device.
    NotAFolder(PathBuf),
    /// It is there but cannot be read.
    Unreadable(PathBuf, io::Error),
}

/// Something in the folder, opened.
#[derive(Debug)]
pub(super) enum Node {
    File(OpenFile),
    Directory(Directory),
}

/// A regular file, opened for reading.
#[derive(Debug)]
pub(super) struct OpenFile {
    pub(super) file: Arc<File>,
    /// As it was when the file was opened.
    pub(super) metadata: Metadata,
}

/// Why something in the folder cannot be had.
#[derive(Debug)]
pub(super) enum Unavailable {
    /// It is not there, is no file or folder, or lies outside.
    Missing,
    /// This program may not read it.
    Forbidden,
    /// The file system failed, or descriptors ran out.
    Failed,
}

impl Folder {
    /// Shares the folder at `root`. What is in it is looked up at each request.
    ///
    /// # Errors
    /// When there is no readable folder at that path.
    pub(super) fn open(root: &Path) -> Result<Folder, FolderError> {
        let unreadable = |error: io::Error| match error.kind() {
            io::ErrorKind::NotFound => FolderError::Missing(root.to_owned()),
            io::ErrorKind::NotADirectory => FolderError::NotAFolder(root.to_owned()),
            _ => FolderError::Unreadable(root.to_owned(), error),
        };
        let canonical = fs::canonicalize(root).map_err(unreadable)?;
        fs::read_dir(&canonical).map_err(unreadable)?;
        Ok(Folder { root: canonical })
    }

    /// What the folder is called on disk; empty for the root of all.
    pub(super) fn name(&self) -> &OsStr {
        self.root.file_name().unwrap_or_default()
    }

    /// Opens what lies at some names below the folder. Blocks for as long as the disk takes.
    pub(super) fn find<I>(&self, names: I) -> Result<Node, Unavailable>
    where
        I: IntoIterator<Item: AsRef<OsStr>>,
    {
        let mut asked = self.root.clone();
        names.into_iter().for_each(|name| asked.push(name.as_ref()));
        let canonical = fs::canonicalize(asked)?;
        let inside = canonical.strip_prefix(&self.root).map_err(|_| Unavailable::Missing)?;
        self.descend(inside)
    }

    /// Opens a file at a path below the folder. Blocks as [`Folder::find`] does.
    pub(super) fn file(&self, path: impl AsRef<Path>) -> Result<OpenFile, Unavailable> {
        match self.find(path.as_ref())? {
            Node::File(open) => Ok(open),
            Node::Directory(_) => Err(Unavailable::Missing),
        }
    }

    /// Opens a path that has no links in it, and fails where one turns up.
    fn descend(&self, inside: &Path) -> Result<Node, Unavailable> {
        let mut at = rustix::fs::open(&self.root, DIRECTORY, Mode::empty())?;
        let mut components = inside.iter();
        let Some(last) = components.next_back() else {
            return Ok(Node::Directory(Directory::new(at)));
        };
        for component in components {
            at = rustix::fs::openat(&at, component, DIRECTORY, Mode::empty())?;
        }
        open_last(&at, last)
    }
}

/// A device may act on being opened and a pipe may wait for ever, so the type is asked for first; what
/// then is opened is asked again.
fn open_last(at: &OwnedFd, name: &OsStr) -> Result<Node, Unavailable> {
    let before = rustix::fs::statat(at, name, AtFlags::SYMLINK_NOFOLLOW)?;
    match FileType::from_raw_mode(before.st_mode) {
        FileType::Directory => {
            let directory = rustix::fs::openat(at, name, DIRECTORY, Mode::empty())?;
            Ok(Node::Directory(Directory::new(directory)))
        }
        FileType::RegularFile => {
            let file = File::from(rustix::fs::openat(at, name, FILE, Mode::empty())?);
            let metadata = file.metadata()?;
            if !metadata.is_file() {
                return Err(Unavailable::Missing);
            }
            Ok(Node::File(OpenFile { file: Arc::new(file), metadata }))
        }
        _ => Err(Unavailable::Missing),
    }
}

const DIRECTORY: OFlags =
    OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);
const FILE: OFlags = OFlags::RDONLY
    .union(OFlags::NOFOLLOW)
    .union(OFlags::NONBLOCK)
    .union(OFlags::NOCTTY)
    .union(OFlags::CLOEXEC);

impl From<io::Error> for Unavailable {
    fn from(error: io::Error) -> Unavailable {
        use io::ErrorKind;
        match error.kind() {
            ErrorKind::NotFound | ErrorKind::NotADirectory | ErrorKind::InvalidInput => {
                Unavailable::Missing
            }
            ErrorKind::InvalidFilename => Unavailable::Missing,
            ErrorKind::PermissionDenied => Unavailable::Forbidden,
            // a loop of links, or a link where there was none a moment ago
            _ if error.raw_os_error() == Some(Errno::LOOP.raw_os_error()) => Unavailable::Missing,
            _ => Unavailable::Failed,
        }
    }
}

impl From<Errno> for Unavailable {
    fn from(error: Errno) -> Unavailable {
        io::Error::from(error).into()
    }
}

impl fmt::Display for FolderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FolderError::Missing(path) => write!(f, "there is no folder {}", path.display()),
            FolderError::NotAFolder(path) => write!(f, "{} is not a folder", path.display()),
            FolderError::Unreadable(path, error) => {
                write!(f, "cannot read the folder {}: {}", path.display(), plain(error))
            }
        }
    }
}

impl Error for FolderError {}

#[cfg(test)]
mod tests {
    use std::{
        io::Read,
        os::unix::fs::symlink,
        sync::atomic::{AtomicBool, Ordering::Relaxed},
        thread,
    };

    use super::*;

    #[test]
    fn says_why_a_folder_cannot_be_shared() {
        let temp = tempfile::tempdir().unwrap();
        let file = temp.path().join("file");
        fs::write(&file, "").unwrap();
        assert!(matches!(Folder::open(&file), Err(FolderError::NotAFolder(_))));
        let missing = Folder::open(&temp.path().join("no")).unwrap_err();
        assert!(missing.to_string().starts_with("there is no folder /"));
        Folder::open(temp.path()).unwrap();
    }

    #[test]
    fn follows_links_inside_and_none_out() {
        let temp = tempfile::tempdir().unwrap();
        let (root, secret) = (temp.path().join("root"), temp.path().join("secret"));
        fs::create_dir_all(root.join("sub")).unwrap();
        fs::create_dir(&secret).unwrap();
        fs::write(secret.join("key"), "secret").unwrap();
        fs::write(root.join("sub/file"), "open").unwrap();
        symlink("sub/file", root.join("inside")).unwrap();
        symlink(root.join("sub"), root.join("absolute")).unwrap();
        symlink(secret.join("key"), root.join("out")).unwrap();
        symlink("../secret", root.join("outdir")).unwrap();
        symlink("loop", root.join("loop")).unwrap();
        symlink("nowhere", root.join("dangling")).unwrap();
        let folder = Folder::open(&root).unwrap();
        for path in ["sub/file", "inside", "absolute/file"] {
            assert!(matches!(folder.find(Path::new(path)), Ok(Node::File(_))), "{path}");
        }
        for path in ["out", "outdir", "outdir/key", "loop", "dangling", "none", "sub/file/x"] {
            assert!(matches!(folder.find(Path::new(path)), Err(Unavailable::Missing)), "{path}");
        }
        let long = "x".repeat(5000);
        assert!(matches!(folder.find(Path::new(&long)), Err(Unavailable::Missing)));
    }

    #[test]
    fn a_link_swapped_in_after_the_check_is_not_followed() {
        let temp = tempfile::tempdir().unwrap();
        let root = temp.path().join("root");
        fs::create_dir(&root).unwrap();
        fs::create_dir(temp.path().join("secret")).unwrap();
        fs::write(temp.path().join("secret/key"), "secret").unwrap();
        symlink("../secret", root.join("sub")).unwrap();
        symlink("../secret/key", root.join("key")).unwrap();
        let folder = Folder::open(&root).unwrap();
        // what the second step sees when the canonical path has been exchanged since the first
        for inside in ["sub/key", "key", "sub"] {
            assert!(
                matches!(folder.descend(Path::new(inside)), Err(Unavailable::Missing)),
                "{inside}"
            );
        }
    }

    #[test]
    fn a_race_never_leaks() {
        let temp = tempfile::tempdir().unwrap();
        let (root, secret) = (temp.path().join("root"), temp.path().join("secret"));
        for folder in [&root, &secret, &root.join("real")] {
            fs::create_dir(folder).unwrap();
        }
        fs::write(secret.join("file"), "secret").unwrap();
        fs::write(root.join("real/file"), "public").unwrap();
        let folder = Folder::open(&root).unwrap();
        let stop = AtomicBool::new(false);
        thread::scope(|scope| {
            scope.spawn(|| {
                let (there, away) = (root.join("sub"), root.join("away"));
                while !stop.load(Relaxed) {
                    fs::rename(root.join("real"), &there).unwrap();
                    fs::rename(&there, root.join("real")).unwrap();
                    symlink(&secret, &away).unwrap();
                    fs::rename(&away, &there).unwrap();
                    fs::remove_file(&there).unwrap();
                }
            });
            let mut seen = Vec::new();
            for _ in 0..3000 {
                if let Ok(Node::File(open)) = folder.find(Path::new("sub/file")) {
                    let mut content = String::new();
                    let _ = (&*open.file).read_to_string(&mut content);
                    seen.push(content);
                }
            }
            stop.store(true, Relaxed);
            assert!(seen.iter().all(|content| content == "public"));
        });
    }
}
