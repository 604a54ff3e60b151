//! The identity files of a home: made once, never overwritten.

use std::{fmt, fs, io, os::unix::fs::MetadataExt, path::Path, time::Duration};

use zeroize::Zeroizing;

use super::audience::Audience;
use super::{Home, HomeError};
use crate::identity::{
    KeyFileError, KeyPair, Lock, MAX_KEY_FILE, Name, NameError, PublicKey, PublicKeyFile,
    SecretKeyFile, Seed, ShareLink, Timestamp,
};
use crate::registration::{EncodeError, Packet, Registration, Rendezvous};
use crate::runtime::{
    file::{self, Access},
    random,
};
use crate::trust::Successor;

/// How long a registration of a machine that stays where it is counts without being renewed.
pub(in crate::daemon) const LONGEST_PACKET_LIFETIME: Duration = Duration::from_secs(24 * 3600);

/// Who this home belongs to.
#[derive(Clone, Debug)]
pub struct Identity {
    /// None: a visitor that shows its key only.
    pub name: Option<Name>,
    /// The key pair.
    pub keys: KeyPair,
}

/// A secret text typed by a person; zeroed when dropped.
pub type Passphrase = Zeroizing<String>;

/// Somebody who can be asked for a passphrase.
pub trait PassphraseSource {
    /// What was typed; None when nobody is there.
    fn ask(&mut self) -> Option<Passphrase>;
}

const SECRET: &str = "identity.key";
const PUBLIC: &str = "identity.pub";
const NAME: &str = "name";
const PREVIOUS: &str = "previous.key";
const SUCCESSOR: &str = "successor";

impl Identity {
    /// Makes a key pair and writes the files of a home. A key that is there and has no name yet, as that of a
    /// visitor, gets the name instead, and the passphrase.
    ///
    /// # Errors
    /// [`IdentityError::Exists`] when there is another key already: it is never overwritten.
    pub fn create(
        home: &Home,
        name: Option<Name>,
        passphrase: Option<Passphrase>,
    ) -> Result<Identity, IdentityError> {
        if let (Some(name), Some(visitor)) = (&name, Identity::visitor(home)) {
            if let Some(passphrase) = passphrase {
                visitor.lock(home, &passphrase)?;
            }
            return visitor.named(home, name.clone());
        }
        let keys = KeyPair::from_seed(&Seed::new(random::bytes()));
        Identity::install(home, name, SecretKeyFile::new(keys), passphrase)
    }

    /// Writes the files of a home for a key pair that exists, from a backup.
    ///
    /// # Errors
    /// [`IdentityError::Exists`] when there is a key already: it is never overwritten.
    pub fn install(
        home: &Home,
        name: Option<Name>,
        files: SecretKeyFile,
        passphrase: Option<Passphrase>,
    ) -> Result<Identity, IdentityError> {
        let lock = passphrase.as_ref().map(|passphrase| Lock { passphrase, salt: random::bytes() });
        let secret = home.path(SECRET);
        let failed =
            |error| IdentityError::Home(HomeError::Unusable { path: secret.clone(), error });
        match file::create(&secret, files.to_text(lock).as_bytes(), Access::Private) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                return Err(IdentityError::Exists);
            }
            result => result.map_err(failed)?,
        }
        file::replace(&home.path(PUBLIC), files.public().to_text().as_bytes(), Access::Public)
            .map_err(failed)?;
        let identity = Identity { name: None, keys: files.pair };
        match name {
            Some(name) => identity.named(home, name),
            None => Ok(identity),
        }
    }

    /// A packet for the domain's web site: name, key and rendezvous, and nothing that changes from day to day.
    ///
    /// It counts as long as any packet can, and every packet that a daemon has signed within its own lifetime
    /// is newer: one from a file never hides where somebody is.
    ///
    /// # Errors
    /// When there are too many rendezvous.
    pub fn packet_for_site(
        &self,
        rendezvous: Vec<Rendezvous>,
        wall: Timestamp,
    ) -> Result<Packet, EncodeError> {
        let registration = Registration {
            name: self.name.clone(),
            key: self.keys.public(),
            sequence: wall.saturating_sub(LONGEST_PACKET_LIFETIME),
            ttl: Registration::MAX_TTL,
            locators: Vec::new(),
            rendezvous,
            certificates: Vec::new(),
        };
        Packet::sign(&registration, &self.keys)
    }

    /// Reads the files of a home, and makes a nameless identity where there is none.
    ///
    /// # Errors
    /// When a file is damaged, or stays locked.
    pub fn load_or_create(
        home: &Home,
        passphrases: &mut dyn PassphraseSource,
    ) -> Result<Identity, IdentityError> {
        let path = home.path(SECRET);
        let text = match file::read(&path, MAX_KEY_FILE) {
            Ok(octets) => Zeroizing::new(octets),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Identity::create(home, None, None);
            }
            Err(error) => return Err(HomeError::Unusable { path, error }.into()),
        };
        check_private(&path)?;
        let damaged = |error| IdentityError::Key { path: path.display().to_string(), error };
        let text = std::str::from_utf8(&text).map_err(|_| damaged(KeyFileError::NotAKeyFile))?;
        let file = match SecretKeyFile::parse(text, None) {
            Err(KeyFileError::NeedsPassphrase) => {
                let passphrase = passphrases.ask().ok_or(IdentityError::NeedsPassphrase)?;
                SecretKeyFile::parse(text, Some(&passphrase))
            }
            result => result,
        };
        let keys = file.map_err(damaged)?.pair;
        Ok(Identity { name: read_name(home)?, keys })
    }

    /// Moves to the next key. The old one stays in `previous.key`, and nothing is promised of the new one.
    ///
    /// # Errors
    /// When a file cannot be written; the old key is in its place then.
    pub fn rotate(
        home: &Home,
        next: &SecretKeyFile,
        passphrase: Option<Passphrase>,
    ) -> Result<(), IdentityError> {
        let secret = home.path(SECRET);
        let failed = |path: &Path, error| {
            IdentityError::Home(HomeError::Unusable { path: path.to_owned(), error })
        };
        let old = file::read(&secret, MAX_KEY_FILE).map(Zeroizing::new);
        let old = old.map_err(|error| failed(&secret, error))?;
        let replace = |name: &str, content: &[u8], access| {
            let path = home.path(name);
            file::replace(&path, content, access).map_err(|error| failed(&path, error))
        };
        replace(PREVIOUS, &old, Access::Private)?;
        let lock = passphrase.as_ref().map(|passphrase| Lock { passphrase, salt: random::bytes() });
        replace(SECRET, next.to_text(lock).as_bytes(), Access::Private)?;
        replace(PUBLIC, next.public().to_text().as_bytes(), Access::Public)?;
        let promise = home.path(SUCCESSOR);
        fs::remove_file(&promise).map_err(|error| failed(&promise, error))
    }

    /// The commitment to the next key, if one was made.
    pub fn successor(home: &Home) -> Option<Successor> {
        let text = file::read(&home.path(SUCCESSOR), 256).ok()?;
        Successor::parse(String::from_utf8_lossy(&text).trim())
    }

    /// Commits to the next key: packets say so from now on.
    ///
    /// # Errors
    /// When it cannot be written down.
    pub fn promise(home: &Home, next: &PublicKey) -> Result<(), HomeError> {
        let path = home.path(SUCCESSOR);
        let text = format!("{}\n", Successor::of(next));
        file::replace(&path, text.as_bytes(), Access::Private)
            .map_err(|error| HomeError::Unusable { path, error })
    }

    /// Name and public key of a home, without unlocking anything.
    ///
    /// # Errors
    /// When there is no identity, or a file is damaged.
    pub fn public(home: &Home) -> Result<(Option<Name>, PublicKey), IdentityError> {
        let path = home.path(PUBLIC);
        let octets = match file::read(&path, MAX_KEY_FILE) {
            Ok(octets) => octets,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(IdentityError::Missing);
            }
            Err(error) => return Err(HomeError::Unusable { path, error }.into()),
        };
        let file = PublicKeyFile::parse(&String::from_utf8_lossy(&octets));
        let damaged = |error| IdentityError::Key { path: path.display().to_string(), error };
        Ok((read_name(home)?, file.map_err(damaged)?.key))
    }

    /// The identity of a home that has a key and no name.
    fn visitor(home: &Home) -> Option<Identity> {
        let (name, _) = Identity::public(home).ok()?;
        let keys = Identity::unlocked(home)?;
        name.is_none().then_some(Identity { name, keys })
    }

    /// Encrypts the key in its file from now on.
    fn lock(&self, home: &Home, passphrase: &Passphrase) -> Result<(), IdentityError> {
        let text = SecretKeyFile::new(self.keys.clone())
            .to_text(Some(Lock { passphrase, salt: random::bytes() }));
        let path = home.path(SECRET);
        file::replace(&path, text.as_bytes(), Access::Private)
            .map_err(|error| HomeError::Unusable { path, error }.into())
    }

    /// The key pair of a home, if there is one that needs no passphrase.
    pub(in crate::daemon) fn unlocked(home: &Home) -> Option<KeyPair> {
        struct Nobody;
        impl PassphraseSource for Nobody {
            fn ask(&mut self) -> Option<Passphrase> {
                None
            }
        }
        Identity::public(home).ok()?; // none is made here
        Identity::load_or_create(home, &mut Nobody).ok().map(|identity| identity.keys)
    }

    /// The same identity with a name, which is written down.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn named(self, home: &Home, name: Name) -> Result<Identity, IdentityError> {
        let path = home.path(NAME);
        file::replace(&path, format!("{name}\n").as_bytes(), Access::Public)
            .map_err(|error| HomeError::Unusable { path, error })?;
        Ok(Identity { name: Some(name), ..self })
    }

    /// What friends are given to know the key and where to look; empty without a name.
    pub fn share_link(&self, audience: Audience, overlays: &[String]) -> String {
        let Some(name) = self.name.clone() else { return String::new() };
        // those of one machine or link help nobody elsewhere, but somebody next door
        let overlays = overlays.iter().filter(|overlay| ShareLink::can_carry(overlay));
        let overlays = overlays.take(ShareLink::MAX_OVERLAYS).cloned().collect();
        let is_private = audience == Audience::Contacts;
        ShareLink { name, key: self.keys.public(), is_private, overlays }.to_string()
    }
}

/// Refuses a secret key that others may read, as ssh does: it may be known to them already.
fn check_private(path: &Path) -> Result<(), IdentityError> {
    let failed = |error| HomeError::Unusable { path: path.to_owned(), error };
    let mode = fs::metadata(path).map_err(failed)?.mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(IdentityError::Open { path: path.display().to_string(), mode });
    }
    Ok(())
}

fn read_name(home: &Home) -> Result<Option<Name>, IdentityError> {
    let path = home.path(NAME);
    match file::read(&path, Name::MAX_LENGTH + 2) {
        Ok(octets) => {
            let text = String::from_utf8_lossy(&octets);
            let damaged = |error| IdentityError::Name { path: path.display().to_string(), error };
            Name::parse(text.trim_end()).map(Some).map_err(damaged)
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(HomeError::Unusable { path, error }.into()),
    }
}

/// Why there is no identity to use.
#[derive(Debug)]
pub enum IdentityError {
    /// A new one was wanted where one is.
    Exists,
    /// There is none.
    Missing,
    /// The key is locked and nobody can be asked.
    NeedsPassphrase,
    /// The key file cannot be used.
    Key {
        /// Which file.
        path: String,
        /// What is wrong with it.
        error: KeyFileError,
    },
    /// Others may read the key file.
    Open {
        /// Which file.
        path: String,
        /// Its permission bits.
        mode: u32,
    },
    /// What stands in the file `name` is none.
    Name {
        /// Which file.
        path: String,
        /// What is wrong with it.
        error: NameError,
    },
    /// The home cannot be used.
    Home(HomeError),
}

impl From<HomeError> for IdentityError {
    fn from(error: HomeError) -> IdentityError {
        IdentityError::Home(error)
    }
}

impl IdentityError {
    /// What the person can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            IdentityError::Exists => None,
            IdentityError::Missing => Some("p2p init NAME makes one".into()),
            IdentityError::NeedsPassphrase => Some("run it on a terminal, where it can ask".into()),
            IdentityError::Key { error: KeyFileError::WrongPassphrase, .. } => {
                Some("try again with the passphrase given to p2p init".into())
            }
            IdentityError::Key { .. } => Some("put back the copy that you keep of it".into()),
            IdentityError::Open { path, .. } => {
                Some(format!("chmod 600 {path}, and make a new identity if it may have leaked"))
            }
            IdentityError::Name { path, .. } => Some(format!("write your name into {path}")),
            IdentityError::Home(error) => Some(error.hint()),
        }
    }
}

impl fmt::Display for IdentityError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            IdentityError::Exists => f.write_str("this home has an identity already"),
            IdentityError::Missing => f.write_str("this home has no identity"),
            IdentityError::NeedsPassphrase => f.write_str("the key is locked by a passphrase"),
            IdentityError::Key { path, error } => write!(f, "cannot use {path}: {error}"),
            IdentityError::Open { path, mode } => {
                write!(f, "refusing {path}: others may read it (mode {mode:03o})")
            }
            IdentityError::Name { path, error } => write!(f, "cannot use {path}: {error}"),
            IdentityError::Home(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for IdentityError {}
