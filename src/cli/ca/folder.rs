//! The folder `ca` of a home: an authority's key, what it says of itself, and what it has issued.
//!
//! | file | holds |
//! |---|---|
//! | `authority.key` | the secret key, in minisign's format |
//! | `NAME.pub` | the public key, for `minisign -V` |
//! | `NAME.authority` | what others add with `p2p authority add` |
//! | `issued` | every certificate, and whether it was revoked |
//! | `revocations`, `revocations.minisig` | the newest revocation list |
//! | `previous.key` | the key before the last rollover |

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use zeroize::Zeroizing;

use super::super::{
    passphrase,
    speak::{Failure, Outcome},
};
use crate::daemon::Home;
use crate::identity::{KeyFileError, Lock, MAX_KEY_FILE, SecretKeyFile};
use crate::runtime::{
    clock,
    file::{self, Access},
    plain, random,
};
use crate::trust::{Authority, Ledger, SignedRevocations};

/// An authority on this machine.
pub(super) struct Folder {
    path: PathBuf,
}

const KEY: &str = "authority.key";
const PREVIOUS: &str = "previous.key";
const ISSUED: &str = "issued";
const REVOCATIONS: &str = "revocations";

impl Folder {
    /// The folder of a home, which need not exist yet.
    pub(super) fn of(home: &Home) -> Folder {
        Folder { path: home.path("ca") }
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Writes down a new authority.
    ///
    /// # Errors
    /// When there is one already: its key is never overwritten.
    pub(super) fn create(
        &self,
        authority: &Authority,
        key: &SecretKeyFile,
        is_locked: bool,
    ) -> Outcome {
        let failed = |error: io::Error| unusable(&self.path, &error);
        file::private_folder(&self.path).map_err(failed)?;
        if self.path(KEY).exists() {
            return Err(Failure::failed("this home has an authority already")
                .hint("p2p ca show tells which; p2p --home DIR ca init makes another"));
        }
        let locked = lock(key, is_locked)?;
        file::create(&self.path(KEY), locked.as_bytes(), Access::Private).map_err(failed)?;
        self.write(ISSUED, &Ledger::new().to_text())?;
        self.publish(authority)
    }

    /// Puts another key in the place of the present one, which is kept.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub(super) fn replace_key(&self, key: &SecretKeyFile, is_locked: bool) -> Outcome {
        let locked = lock(key, is_locked)?;
        let old = self.read(KEY, MAX_KEY_FILE)?;
        self.write(PREVIOUS, &old)?;
        self.write(KEY, &locked)
    }

    /// Writes what others are given.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub(super) fn publish(&self, authority: &Authority) -> Outcome {
        let name = &authority.name;
        let public = authority.keys.first().map(|key| key.to_text()).unwrap_or_default();
        self.write(&format!("{name}.pub"), &public)?;
        self.write(&format!("{name}.authority"), &authority.to_text())
    }

    /// What the authority says of itself.
    ///
    /// # Errors
    /// When there is none here.
    pub(super) fn authority(&self) -> Result<Authority, Failure> {
        let nobody = || {
            Failure::failed("this home has no authority")
                .hint("p2p ca init NAME --for example.com makes one")
        };
        let entries = fs::read_dir(&self.path).map_err(|_| nobody())?;
        let mut names: Vec<String> = entries
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
            .filter(|name| name.ends_with(".authority"))
            .collect();
        names.sort();
        let name = names.first().ok_or_else(nobody)?;
        let text = self.read(name, Authority::MAX_TEXT)?;
        Authority::parse(&text, clock::wall())
            .ok_or_else(|| Failure::failed(format!("{} is damaged", self.path(name).display())))
    }

    /// The secret key, unlocked; and whether it had a lock.
    ///
    /// # Errors
    /// When it cannot be read or the passphrase is wrong.
    pub(super) fn key(&self) -> Result<(SecretKeyFile, bool), Failure> {
        let path = self.path(KEY);
        let text = self.read(KEY, MAX_KEY_FILE)?;
        unlock(&text, &path)
    }

    pub(super) fn ledger(&self) -> Result<Ledger, Failure> {
        Ledger::parse(&self.read(ISSUED, Ledger::MAX_TEXT)?).map_err(|error| {
            Failure::failed(format!("cannot read {}: {error}", self.path(ISSUED).display()))
        })
    }

    pub(super) fn save(&self, ledger: &Ledger) -> Outcome {
        self.write(ISSUED, &ledger.to_text())
    }

    /// Writes the newest revocation list; gives where.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub(super) fn save_revocations(&self, list: &SignedRevocations) -> Result<PathBuf, Failure> {
        self.write(REVOCATIONS, &list.to_text())?;
        self.write(&format!("{REVOCATIONS}.minisig"), &list.signature_text())?;
        Ok(self.path(REVOCATIONS))
    }

    fn read(&self, name: &str, limit: usize) -> Result<Zeroizing<String>, Failure> {
        let path = self.path(name);
        match file::read(&path, limit) {
            Ok(octets) => {
                let octets = Zeroizing::new(octets);
                Ok(Zeroizing::new(String::from_utf8_lossy(&octets).into_owned()))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Err(Failure::failed("this home has no authority")
                    .hint("p2p ca init NAME --for example.com makes one"))
            }
            Err(error) => Err(unusable(&path, &error)),
        }
    }

    fn write(&self, name: &str, text: &str) -> Outcome {
        let path = self.path(name);
        file::replace(&path, text.as_bytes(), Access::Private)
            .map_err(|error| unusable(&path, &error))
    }
}

/// Reads a secret key file that may have a lock, and says whether it had one.
///
/// # Errors
/// When it is no key file, or the passphrase does not open it.
pub(super) fn unlock(text: &str, path: &Path) -> Result<(SecretKeyFile, bool), Failure> {
    let damaged = |error| Failure::failed(format!("cannot use {}: {error}", path.display()));
    match SecretKeyFile::parse(text, None) {
        Err(KeyFileError::NeedsPassphrase) => {
            let typed = passphrase::ask_or_read("passphrase of the authority: ")?;
            let key = SecretKeyFile::parse(text, Some(&typed)).map_err(damaged)?;
            Ok((key, true))
        }
        result => result.map(|key| (key, false)).map_err(damaged),
    }
}

fn lock(key: &SecretKeyFile, is_locked: bool) -> Result<Zeroizing<String>, Failure> {
    if !is_locked {
        return Ok(key.to_text(None));
    }
    let passphrase = passphrase::choose()?;
    Ok(key.to_text(Some(Lock { passphrase: &passphrase, salt: random::bytes() })))
}

/// A file of the authority cannot be used.
pub(super) fn unusable(path: &Path, error: &io::Error) -> Failure {
    Failure::failed(format!("cannot use {}: {}", path.display(), plain(error)))
}
