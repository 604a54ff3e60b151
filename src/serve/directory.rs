//! The names in an opened directory.

use std::{
    ffi::{OsStr, OsString},
    fs::Metadata,
    io,
    os::{
        fd::OwnedFd,
        unix::{
            ffi::{OsStrExt, OsStringExt},
            fs::MetadataExt,
        },
    },
};

use rustix::fs::{AtFlags, Dir, FileType, Stat};

/// A directory, opened for reading.
#[derive(Debug)]
pub(super) struct Directory(OwnedFd);

/// What a name in a directory stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NameType {
    File,
    Folder,
    /// A symbolic link; what is behind it has to be opened to be known.
    Link,
}

/// Which state of which file: it changes when the content does, and stays when the file is renamed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct FileState {
    device: u64,
    inode: u64,
    /// Octets in the file; of no meaning for a folder.
    pub(super) size: u64,
    /// Seconds and nanoseconds.
    modified: (i64, i64),
}

impl Directory {
    pub(super) fn new(descriptor: OwnedFd) -> Directory {
        Directory(descriptor)
    }

    /// All names that may be shown, in no order: no hidden ones, no pipes, sockets and devices.
    ///
    /// # Errors
    /// When the directory cannot be read; the iterator ends early if that happens half-way.
    pub(super) fn names(&self) -> io::Result<impl Iterator<Item = (OsString, NameType)>> {
        let entries = Dir::read_from(&self.0)?;
        Ok(entries.map_while(Result::ok).filter_map(|entry| {
            let name = entry.file_name().to_bytes();
            if name.starts_with(b".") {
                return None;
            }
            let file_type = match entry.file_type() {
                FileType::Unknown => self.file_type(OsStr::from_bytes(name))?,
                known => known,
            };
            let name_type = match file_type {
                FileType::RegularFile => NameType::File,
                FileType::Directory => NameType::Folder,
                FileType::Symlink => NameType::Link,
                _ => return None,
            };
            Some((OsString::from_vec(name.to_vec()), name_type))
        }))
    }

    /// Whether there is a file (or a link) of this name.
    pub(super) fn has_file(&self, name: &str) -> bool {
        matches!(self.file_type(OsStr::new(name)), Some(FileType::RegularFile | FileType::Symlink))
    }

    /// The state of what has a name that is no link; None if it is gone.
    pub(super) fn state(&self, name: &OsStr) -> Option<FileState> {
        self.stat(name).map(|stat| FileState::of_stat(&stat))
    }

    /// The state of the directory itself.
    pub(super) fn own_state(&self) -> Option<FileState> {
        rustix::fs::fstat(&self.0).ok().map(|stat| FileState::of_stat(&stat))
    }

    fn file_type(&self, name: &OsStr) -> Option<FileType> {
        Some(FileType::from_raw_mode(self.stat(name)?.st_mode))
    }

    fn stat(&self, name: &OsStr) -> Option<Stat> {
        rustix::fs::statat(&self.0, name, AtFlags::SYMLINK_NOFOLLOW).ok()
    }
}

impl FileState {
    /// The state of an opened file.
    pub(super) fn of(metadata: &Metadata) -> FileState {
        FileState {
            device: metadata.dev(),
            inode: metadata.ino(),
            size: metadata.len(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
        }
    }

    fn of_stat(stat: &Stat) -> FileState {
        FileState {
            device: stat.st_dev,
            inode: stat.st_ino,
            size: u64::try_from(stat.st_size).unwrap_or(0),
            modified: (stat.st_mtime, stat.st_mtime_nsec as i64),
        }
    }

    /// Seconds since 1970 of the last change of the content.
    pub(super) fn modified(&self) -> i64 {
        self.modified.0
    }
}
