//! The entries of a folder, as far as a listing needs to know them.

use std::{ffi::OsString, io};

use crate::serve::directory::{Directory, FileState, NameType};
use crate::serve::folder::{Folder, Node};
use crate::serve::media_type::{self, Kind};
use crate::serve::path::RequestPath;

/// All entries of a folder, or those of one page of it.
#[derive(Debug, Default)]
pub(super) struct Scan {
    pub(super) entries: Vec<Entry>,
    /// Folders in the whole folder.
    pub(super) folders: usize,
    /// Files in the whole folder.
    pub(super) files: usize,
    /// How many of the files are pictures.
    pub(super) pictures: usize,
    /// How many of the files are videos.
    pub(super) videos: usize,
    /// Entries beyond those that a listing can hold.
    pub(super) left_out: usize,
}

/// A file or folder in a folder.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) name: OsString,
    pub(super) is_folder: bool,
    /// None until it is asked for, and for something that is gone since.
    pub(super) measure: Option<Measure>,
}

/// What the file system says about an entry.
#[derive(Clone, Copy, Debug)]
pub(super) struct Measure {
    /// Octets; of no meaning for a folder.
    pub(super) size: u64,
    /// Seconds since 1970 of the last change.
    pub(super) modified: i64,
}

/// Entries that are kept of a folder: some 10 MB while they are sorted. Further ones are counted.
const MOST: usize = 50_000;

impl Scan {
    /// Reads the names in a folder. Links are followed to see what they are, and are not listed if they
    /// lead nowhere or out.
    pub(super) fn of(
        folder: &Folder,
        directory: &Directory,
        path: &RequestPath,
    ) -> io::Result<Scan> {
        let mut scan = Scan::default();
        for (name, name_type) in directory.names()? {
            if scan.entries.len() == MOST {
                scan.left_out += 1;
                continue;
            }
            let entry = match name_type {
                NameType::File => Some(Entry { name, is_folder: false, measure: None }),
                NameType::Folder => Some(Entry { name, is_folder: true, measure: None }),
                NameType::Link => behind_link(folder, path, name),
            };
            if let Some(entry) = entry {
                scan.count(&entry);
                scan.entries.push(entry);
            }
        }
        Ok(scan)
    }

    /// Asks for size and time of all entries that have none yet.
    pub(super) fn measure(&mut self, directory: &Directory) {
        for entry in self.entries.iter_mut().filter(|entry| entry.measure.is_none()) {
            entry.measure = directory.state(&entry.name).map(Measure::of);
        }
    }

    fn count(&mut self, entry: &Entry) {
        if entry.is_folder {
            self.folders += 1;
            return;
        }
        self.files += 1;
        match entry.kind() {
            Kind::Picture => self.pictures += 1,
            Kind::Video => self.videos += 1,
            _ => {}
        }
    }
}

impl Entry {
    /// The type that the name promises; listings do not open files.
    pub(super) fn media_type(&self) -> &'static str {
        media_type::by_name(&self.name).unwrap_or(media_type::UNKNOWN)
    }

    /// The sort of thing that a file is.
    pub(super) fn kind(&self) -> Kind {
        media_type::kind(self.media_type())
    }
}

impl Measure {
    fn of(state: FileState) -> Measure {
        Measure { size: state.size, modified: state.modified() }
    }
}

fn behind_link(folder: &Folder, path: &RequestPath, name: OsString) -> Option<Entry> {
    let (is_folder, state) = match folder.find(path.segments.iter().chain([&name])).ok()? {
        Node::Directory(target) => (true, target.own_state()?),
        Node::File(open) => (false, FileState::of(&open.metadata)),
    };
    Some(Entry { name, is_folder, measure: Some(Measure::of(state)) })
}
