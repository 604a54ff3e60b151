//! Files that are read with a limit and replaced in one step.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::Path,
};

use super::random;

/// Who may read a file besides its owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Nobody: mode 0600.
    Private,
    /// Everybody: mode 0644.
    Public,
}

/// Makes `path` hold exactly `content`: readers see the old file or the new one, also after a crash.
///
/// # Errors
/// When the folder is not writable or the disk is full; the old file is untouched then.
pub fn replace(path: &Path, content: &[u8], access: Access) -> io::Result<()> {
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?.to_string_lossy();
    let temporary = folder.join(format!(".{name}.{:016x}", random::number()));
    let written =
        write_new(&temporary, content, access).and_then(|()| fs::rename(&temporary, path));
    if written.is_err() {
        let _ = fs::remove_file(&temporary);
        return written;
    }
    // the rename itself must survive a power cut; some file systems cannot sync a folder
    let _ = File::open(folder).and_then(|folder| folder.sync_all());
    Ok(())
}

/// Writes a file that must not exist yet.
///
/// # Errors
/// `AlreadyExists`, or what the file system says; a half-written file is removed.
pub fn create(path: &Path, content: &[u8], access: Access) -> io::Result<()> {
    match write_new(path, content, access) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            let _ = fs::remove_file(path);
            Err(error)
        }
        result => result,
    }
}

fn write_new(path: &Path, content: &[u8], access: Access) -> io::Result<()> {
    let mode = if access == Access::Private { 0o600 } else { 0o644 };
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(path)?;
    file.write_all(content)?;
    file.sync_all()
}

/// The whole of a small file.
///
/// # Errors
/// `FileTooLarge` over `limit` octets, or what the file system says.
pub fn read(path: &Path, limit: usize) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    File::open(path)?.take(limit as u64 + 1).read_to_end(&mut content)?;
    if content.len() > limit {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    Ok(content)
}

/// Makes a folder (and its parents) that only its owner may enter: mode 0700.
///
/// # Errors
/// What the file system says. An existing folder is left as it is.
pub fn private_folder(path: &Path) -> io::Result<()> {
    let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(path);
    made.map_err(|error| match error.kind() {
        // an existing folder would do, so this is none
        io::ErrorKind::AlreadyExists => io::ErrorKind::NotADirectory.into(),
        _ => error,
    })
}
