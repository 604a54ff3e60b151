//! `p2p rotate`: moves to the next key, which contacts follow without a conflict.

use std::path::{Path, PathBuf};

use argh::{ArgsInfo, FromArgs};

use super::{
    home, passphrase,
    speak::{self, Failure, Outcome},
};
use crate::daemon::{Backup, BackupError, Identity};
use crate::identity::KeyFileError;
use crate::runtime::{file, plain};

/// Move to the next key, which is in the backup.
#[derive(ArgsInfo, FromArgs)]
#[argh(subcommand, name = "rotate")]
pub(super) struct Rotate {
    /// the backup that p2p backup wrote
    #[argh(positional)]
    backup: PathBuf,
}

impl Rotate {
    pub(super) fn run(self, given: Option<&Path>) -> Outcome {
        let home = home::prepare(given)?;
        let (backup, passphrase) = read(&self.backup)?;
        let path = self.backup.display();
        let Some(next) = backup.next else {
            return Err(Failure::failed(format!("{path} holds no next key"))
                .hint("the first backup of this key has it"));
        };
        let promised = Identity::successor(&home);
        if !promised.is_some_and(|promised| promised.is(&next.pair.public())) {
            return Err(Failure::refused(format!("the key in {path} is not the one promised"))
                .hint("contacts would take it for somebody else's; give the newest backup"));
        }
        let Some(_lock) = home.lock().map_err(home::unusable)? else {
            return Err(Failure::failed("the daemon of this home is running")
                .hint("end it first, so that it takes its registration away"));
        };
        let fingerprint = next.pair.public().fingerprint();
        Identity::rotate(&home, &next, passphrase).map_err(home::unidentified)?;
        speak::line(format!("fingerprint  {fingerprint}"))?;
        speak::note(
            "\nContacts follow when they have seen the promise. Next: a new backup, with the",
        );
        speak::note(
            "key after this one: p2p backup FILE. Certificates are for the old key: ask for new ones.",
        );
        Ok(())
    }
}

/// Reads a backup, and the passphrase if it has one.
///
/// # Errors
/// When it cannot be read or stays locked.
pub(super) fn read(path: &Path) -> Result<(Backup, Option<zeroize::Zeroizing<String>>), Failure> {
    let failed =
        |reason: String| Failure::failed(format!("cannot use {}: {reason}", path.display()));
    let octets = file::read(path, Backup::MAX_TEXT).map_err(|error| failed(plain(&error)))?;
    let octets = zeroize::Zeroizing::new(octets);
    let text = str::from_utf8(&octets).map_err(|_| failed(BackupError::NotABackup.to_string()))?;
    match Backup::parse(text, None) {
        Err(BackupError::Key(KeyFileError::NeedsPassphrase)) => {
            let typed = passphrase::ask_or_read("passphrase of the backup: ")?;
            let backup =
                Backup::parse(text, Some(&typed)).map_err(|error| failed(error.to_string()))?;
            Ok((backup, Some(typed)))
        }
        result => result.map(|backup| (backup, None)).map_err(|error| failed(error.to_string())),
    }
}
