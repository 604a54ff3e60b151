//! Backups: an identity as one file, and with it the key that follows.
//!
//! ```text
//! p2p backup 1
//! name alice@example.com
//! key RWRTY0Iy…(second line of a secret key file)
//! next RWRTY0Iy…
//! ```
//!
//! The next key lies nowhere but in the backup: the home knows only the commitment to it, so that whoever
//! steals the home does not have it.

use std::fmt;

use zeroize::Zeroizing;

use crate::identity::{KeyFileError, Lock, Name, SecretKeyFile};
use crate::runtime::random;

/// What a backup holds.
#[derive(Clone, Debug)]
pub struct Backup {
    /// The name, if there is one.
    pub name: Option<Name>,
    /// The key pair.
    pub key: SecretKeyFile,
    /// The key pair that follows.
    pub next: Option<SecretKeyFile>,
}

const HEADER: &str = "p2p backup 1";

impl Backup {
    /// The longest file in octets that is read.
    pub const MAX_TEXT: usize = 8192;

    /// The file; its keys are locked if there is a passphrase.
    pub fn to_text(&self, passphrase: Option<&str>) -> Zeroizing<String> {
        // in one piece, so that growing leaves no copy behind
        let mut text = Zeroizing::new(String::with_capacity(Backup::MAX_TEXT));
        text.push_str(&format!("{HEADER}\n"));
        if let Some(name) = &self.name {
            text.push_str(&format!("name {name}\n"));
        }
        for (label, key) in [("key ", Some(&self.key)), ("next ", self.next.as_ref())] {
            let Some(key) = key else { continue };
            let lock = passphrase.map(|passphrase| Lock { passphrase, salt: random::bytes() });
            text.push_str(label);
            text.push_str(key.to_text(lock).lines().nth(1).unwrap_or_default());
            text.push('\n');
        }
        text
    }

    /// Reads a file.
    ///
    /// # Errors
    /// When it is none, or its keys are damaged or stay locked.
    pub fn parse(text: &str, passphrase: Option<&str>) -> Result<Backup, BackupError> {
        let mut lines = text.lines();
        if text.len() > Backup::MAX_TEXT || lines.next() != Some(HEADER) {
            return Err(BackupError::NotABackup);
        }
        let (mut name, mut key, mut next) = (None, None, None);
        for line in lines {
            let read = |text| SecretKeyFile::parse(text, passphrase).map_err(BackupError::Key);
            match line.split_once(' ') {
                Some(("name", text)) if name.is_none() => {
                    name = Some(Name::parse(text).map_err(|_| BackupError::NotABackup)?);
                }
                Some(("key", text)) if key.is_none() => key = Some(read(text)?),
                Some(("next", text)) if next.is_none() => next = Some(read(text)?),
                _ => return Err(BackupError::NotABackup),
            }
        }
        Ok(Backup { name, key: key.ok_or(BackupError::NotABackup)?, next })
    }
}

/// Why a file is no backup to use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BackupError {
    /// It is something else.
    NotABackup,
    /// A key in it cannot be used.
    Key(KeyFileError),
}

impl fmt::Display for BackupError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BackupError::NotABackup => f.write_str("this is not a backup"),
            BackupError::Key(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for BackupError {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::{KeyPair, Seed};

    #[test]
    fn comes_back_with_and_without_a_passphrase() {
        let key = |n| SecretKeyFile::new(KeyPair::from_seed(&Seed::new([n; 32])));
        let name = Some(Name::parse("alice@example.com").unwrap());
        let backup = Backup { name: name.clone(), key: key(1), next: Some(key(2)) };
        for passphrase in [None, Some("correct horse")] {
            let text = backup.to_text(passphrase);
            let read = Backup::parse(&text, passphrase).unwrap();
            assert_eq!((read.name, read.key.public()), (name.clone(), key(1).public()));
            assert_eq!(read.next.unwrap().public(), key(2).public());
            let locked = Backup::parse(&text, None).map(|_| ());
            let needs = Err(BackupError::Key(KeyFileError::NeedsPassphrase));
            assert_eq!(locked, if passphrase.is_some() { needs } else { Ok(()) });
        }
        let text = backup.to_text(None);
        for bad in ["", "p2p backup 2\n", &text.replace("key ", "kez "), &format!("{}x\n", *text)] {
            assert!(Backup::parse(bad, None).is_err(), "{bad}");
        }
    }
}
