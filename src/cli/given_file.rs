//! Files that a person names on the command line.

use std::path::{Path, PathBuf};

use super::speak::Failure;
use crate::identity::MAX_SIGNATURE_FILE;
use crate::runtime::{file, plain};

/// The text of a file, which must not be longer than `limit` octets.
///
/// # Errors
/// When it cannot be read.
pub(super) fn text(path: &Path, limit: usize) -> Result<String, Failure> {
    let octets = file::read(path, limit).map_err(|error| {
        Failure::failed(format!("cannot read {}: {}", path.display(), plain(&error)))
    })?;
    Ok(String::from_utf8_lossy(&octets).into_owned())
}

/// The text of the signature file beside a file, which minisign calls by its name and `.minisig`.
///
/// # Errors
/// When it cannot be read.
pub(super) fn signature(path: &Path) -> Result<String, Failure> {
    text(&PathBuf::from(format!("{}.minisig", path.display())), MAX_SIGNATURE_FILE)
}
