//! How places survive a crash: a log that is appended to, and replaced by a shorter one when most of it
//! is past.
//!
//! An append is on disk when it returns. A crash in the middle of one leaves a torn tail, which is cut
//! off when the journal is opened. Blocking: call it through [`crate::runtime::unblock`].

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Read, Write},
    os::unix::fs::{FileExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use super::record::{self, Record};

/// Begins every journal.
const MAGIC: &[u8; 8] = b"p2pstor1";
/// A journal that is not longer than this is not worth compacting.
const MIN_COMPACTION_LENGTH: u64 = 1 << 20;
/// How much is read or written at once.
const BUFFER_SIZE: usize = 256 * 1024;

/// The open journal of a store's folder, which no other process can open meanwhile.
#[derive(Debug)]
pub(super) struct Journal {
    folder: PathBuf,
    file: File,
    /// The end of the last whole record.
    length: u64,
    /// Whether something may lie behind `length`.
    ragged: bool,
    /// The length from which on a compaction is tried.
    compact_from: u64,
    _lock: File,
}

impl Journal {
    /// Opens the journal in a folder, or makes both, and gives each record to `replay`, oldest first.
    ///
    /// # Errors
    /// See [`JournalError`].
    pub(super) fn open(folder: &Path, replay: impl FnMut(Record)) -> Result<Journal, JournalError> {
        fs::create_dir_all(folder)?;
        let lock = lock(&folder.join("lock"))?;
        let path = log_path(folder);
        let _ = fs::remove_file(new_path(folder)); // of a compaction that was cut short
        let file = options().open(&path)?;
        let mut journal = Journal {
            folder: folder.into(),
            file,
            length: 0,
            ragged: true,
            compact_from: MIN_COMPACTION_LENGTH,
            _lock: lock,
        };
        if journal.file.metadata()?.len() < MAGIC.len() as u64 {
            journal.start()?;
        } else {
            journal.replay(replay)?;
        }
        Ok(journal)
    }

    /// Puts whole records at the end. They are on disk when this returns.
    ///
    /// # Errors
    /// When the disk is full or broken; then none of them counts.
    pub(super) fn append(&mut self, records: &[u8]) -> io::Result<()> {
        self.trim()?;
        self.ragged = true;
        let written =
            self.file.write_all_at(records, self.length).and_then(|()| self.file.sync_data());
        if let Err(error) = written {
            let _ = self.trim(); // else before the next append
            return Err(error);
        }
        self.length += records.len() as u64;
        self.ragged = false;
        Ok(())
    }

    /// Whether much of the log is past, if `live` octets would do.
    pub(super) fn is_wasteful(&self, live: u64) -> bool {
        self.length >= self.compact_from && self.length / 2 > live
    }

    /// Replaces the log in one step by the records that `next` appends to its buffer, until it appends
    /// none.
    ///
    /// # Errors
    /// When the disk is full or broken; the old log stays, and is not tried again until it has grown.
    pub(super) fn compact(&mut self, next: impl FnMut(&mut Vec<u8>)) -> io::Result<()> {
        let result = self.rewrite(next);
        let factor = if result.is_ok() { 1 } else { 2 };
        self.compact_from = MIN_COMPACTION_LENGTH.max(self.length * factor);
        if result.is_err() {
            let _ = fs::remove_file(new_path(&self.folder));
        }
        result
    }

    fn rewrite(&mut self, mut next: impl FnMut(&mut Vec<u8>)) -> io::Result<()> {
        let new = new_path(&self.folder);
        let mut file = options().truncate(true).open(&new)?;
        let mut buffer = MAGIC.to_vec();
        let mut length = 0;
        while !buffer.is_empty() {
            file.write_all(&buffer)?;
            length += buffer.len() as u64;
            buffer.clear();
            next(&mut buffer);
        }
        file.sync_all()?;
        fs::rename(&new, log_path(&self.folder))?;
        (self.file, self.length, self.ragged) = (file, length, false);
        sync_folder(&self.folder);
        Ok(())
    }

    fn start(&mut self) -> io::Result<()> {
        self.append(MAGIC)?;
        sync_folder(&self.folder);
        Ok(())
    }

    fn replay(&mut self, mut replay: impl FnMut(Record)) -> Result<(), JournalError> {
        let mut reader = &self.file;
        let mut magic = [0; MAGIC.len()];
        reader.read_exact(&mut magic)?;
        if magic != *MAGIC {
            return Err(JournalError::NotAJournal(log_path(&self.folder)));
        }
        self.length = MAGIC.len() as u64;
        let mut buffer = Vec::with_capacity(BUFFER_SIZE + record::MAX_LENGTH);
        loop {
            let read = reader.take(BUFFER_SIZE as u64).read_to_end(&mut buffer)?;
            let mut rest = &buffer[..];
            while let Some((record, behind)) = record::split_first(rest) {
                replay(record);
                rest = behind;
            }
            let used = buffer.len() - rest.len();
            self.length += used as u64;
            // what is longer than any record and yet is none will not become one
            if read == 0 || rest.len() > record::MAX_LENGTH {
                self.trim()?;
                return Ok(());
            }
            buffer.drain(..used);
        }
    }

    /// Cuts off what a failed append or a crash left behind the last whole record.
    fn trim(&mut self) -> io::Result<()> {
        if self.ragged {
            self.file.set_len(self.length)?;
            self.ragged = false;
        }
        Ok(())
    }
}

fn log_path(folder: &Path) -> PathBuf {
    folder.join("places.log")
}

fn new_path(folder: &Path) -> PathBuf {
    folder.join("places.log.new")
}

fn options() -> OpenOptions {
    let mut options = File::options();
    options.read(true).write(true).create(true).mode(0o600);
    options
}

fn lock(path: &Path) -> Result<File, JournalError> {
    let file = options().open(path)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(JournalError::Locked),
        Err(TryLockError::Error(error)) => Err(error.into()),
    }
}

/// Makes a rename or a new file survive a power cut; some file systems cannot.
fn sync_folder(folder: &Path) {
    let _ = File::open(folder).and_then(|folder| folder.sync_all());
}

/// Why a journal cannot be opened.
#[derive(Debug)]
pub(super) enum JournalError {
    /// Another process has it open.
    Locked,
    /// The file does not begin as journals do, so it is left alone.
    NotAJournal(PathBuf),
    /// What the file system says.
    Io(io::Error),
}

impl From<io::Error> for JournalError {
    fn from(error: io::Error) -> JournalError {
        JournalError::Io(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::Slot;
    use crate::overlay::store::places::{Author, Network, Place, PlaceKey, Writer};

    fn key(n: u8) -> PlaceKey {
        PlaceKey { slot: Slot([n; 20]), writer: Writer([n; 16]) }
    }

    fn sample(n: u8) -> Place {
        let packet = vec![n; 100].into();
        let network = Network::UNKNOWN;
        Place { author: Author([n; 16]), expires: 1000, sequence: 1, network, packet }
    }

    fn filled(n: u8) -> Vec<u8> {
        let mut log = Vec::new();
        record::push_filled(&mut log, &key(n), &sample(n));
        log
    }

    fn open(folder: &Path) -> (Journal, Vec<Record>) {
        let mut records = Vec::new();
        let journal = Journal::open(folder, |record| records.push(record)).unwrap();
        (journal, records)
    }

    fn numbers(records: &[Record]) -> Vec<u8> {
        let number = |record: &Record| match record {
            Record::Filled(key, place) => {
                assert_eq!(*place, sample(key.slot.0[0]));
                key.slot.0[0]
            }
            Record::Emptied(key) => key.slot.0[0],
        };
        records.iter().map(number).collect()
    }

    #[test]
    fn what_was_appended_is_replayed() {
        let folder = tempfile::tempdir().unwrap();
        let (mut journal, records) = open(folder.path());
        assert!(records.is_empty());
        journal.append(&filled(1)).unwrap();
        journal.append(&[filled(2), filled(3)].concat()).unwrap();
        drop(journal);
        assert_eq!(numbers(&open(folder.path()).1), [1, 2, 3]);
    }

    #[test]
    fn a_torn_tail_is_cut_wherever_it_tore() {
        for torn in 1..filled(3).len() {
            let folder = tempfile::tempdir().unwrap();
            let (mut journal, _) = open(folder.path());
            journal.append(&[filled(1), filled(2)].concat()).unwrap();
            let whole = journal.length;
            journal.file.write_all_at(&filled(3)[..torn], whole).unwrap();
            drop(journal);
            let (mut journal, records) = open(folder.path());
            assert_eq!(numbers(&records), [1, 2], "torn after {torn}");
            assert_eq!(journal.file.metadata().unwrap().len(), whole);
            journal.append(&filled(4)).unwrap();
            drop(journal);
            assert_eq!(numbers(&open(folder.path()).1), [1, 2, 4], "torn after {torn}");
        }
    }

    #[test]
    fn garbage_of_any_length_behind_the_records_is_cut() {
        for length in [1, 10, 1000, 70_000, 2 * BUFFER_SIZE] {
            let folder = tempfile::tempdir().unwrap();
            let (mut journal, _) = open(folder.path());
            journal.append(&filled(1)).unwrap();
            let whole = journal.length;
            journal.file.write_all_at(&vec![0xee; length], whole).unwrap();
            drop(journal);
            let (journal, records) = open(folder.path());
            assert_eq!(numbers(&records), [1]);
            assert_eq!(journal.file.metadata().unwrap().len(), whole, "{length} octets of garbage");
        }
    }

    #[test]
    fn records_across_buffer_ends_are_read() {
        let folder = tempfile::tempdir().unwrap();
        let (mut journal, _) = open(folder.path());
        let count = 3 * BUFFER_SIZE / filled(1).len();
        journal.append(&filled(1).repeat(count)).unwrap();
        drop(journal);
        assert_eq!(open(folder.path()).1.len(), count);
    }

    #[test]
    fn a_compaction_keeps_what_it_is_given_and_appends_go_on() {
        let folder = tempfile::tempdir().unwrap();
        let (mut journal, _) = open(folder.path());
        journal.append(&filled(9).repeat(6000)).unwrap();
        assert!(journal.is_wasteful(1000));
        let mut rest = vec![filled(2), filled(1)];
        journal.compact(|buffer| buffer.extend(rest.pop().unwrap_or_default())).unwrap();
        assert!(!journal.is_wasteful(0));
        journal.append(&filled(3)).unwrap();
        assert_eq!(journal.length, journal.file.metadata().unwrap().len());
        drop(journal);
        assert_eq!(numbers(&open(folder.path()).1), [1, 2, 3]);
    }

    #[test]
    fn a_compaction_that_was_cut_short_leaves_the_log() {
        let folder = tempfile::tempdir().unwrap();
        let (mut journal, _) = open(folder.path());
        journal.append(&filled(1)).unwrap();
        drop(journal);
        fs::write(new_path(folder.path()), b"p2pst").unwrap();
        assert_eq!(numbers(&open(folder.path()).1), [1]);
        assert!(!new_path(folder.path()).exists());
    }

    #[test]
    fn a_failed_append_leaves_no_trace() {
        let folder = tempfile::tempdir().unwrap();
        let (mut journal, _) = open(folder.path());
        journal.append(&filled(1)).unwrap();
        let good = std::mem::replace(
            &mut journal.file,
            File::open(log_path(folder.path())).unwrap(), // cannot be written
        );
        journal.append(&filled(2)).unwrap_err();
        journal.append(&filled(3)).unwrap_err();
        journal.file = good;
        journal.append(&filled(4)).unwrap();
        drop(journal);
        assert_eq!(numbers(&open(folder.path()).1), [1, 4]);
    }

    #[test]
    fn one_process_at_a_time_and_no_foreign_file() {
        let folder = tempfile::tempdir().unwrap();
        let (journal, _) = open(folder.path());
        assert!(matches!(Journal::open(folder.path(), |_| ()), Err(JournalError::Locked)));
        drop(journal);
        fs::write(log_path(folder.path()), b"somebody's diary").unwrap();
        let error = Journal::open(folder.path(), |_| ()).unwrap_err();
        assert!(matches!(error, JournalError::NotAJournal(_)));
        assert_eq!(fs::read(log_path(folder.path())).unwrap(), b"somebody's diary");
    }
}
