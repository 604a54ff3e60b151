//! The one directory that holds a person's state, and the lock that keeps a second daemon out.
//!
//! | file | holds |
//! |---|---|
//! | `format`, `before-format-*/` | the version of all of these, and what they were before an update changed them |
//! | `identity.key`, `identity.pub` | the key pair, in minisign's format |
//! | `name` | the name of this identity, if it has one |
//! | `config.toml` | settings, written by people |
//! | `contacts` | whose keys are accepted |
//! | `authorities`, `revocations` | who may vouch for others, and what they have taken back |
//! | `certificates` | what authorities say about this identity |
//! | `successor`, `previous.key` | which key will follow, and which one was before |
//! | `ca/` | an authority, if this home is one |
//! | `introductions` | where people are found, as their share links said |
//! | `private` | which contacts are there for contacts only |
//! | `published` | there if something may lie in overlays that everybody finds |
//! | `sequences` | newest packets seen and published, so that old ones are refused |
//! | `control.sock`, `token`, `lock` | of the running daemon |

mod audience;
mod backup;
mod format;
mod identity;

use std::{
    env, fmt,
    fs::{self, File, TryLockError},
    io,
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
};

pub use audience::Audience;
pub use backup::{Backup, BackupError};
use format::FormatError;
pub(in crate::daemon) use identity::LONGEST_PACKET_LIFETIME;
pub use identity::{Identity, IdentityError, Passphrase, PassphraseSource};

use crate::runtime::{file, plain, unblock};

/// The state directory of one identity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Home {
    folder: PathBuf,
}

/// Held by the daemon of a home as long as it runs.
#[derive(Debug)]
pub struct HomeLock {
    _file: File,
}

impl Home {
    /// The directory given, else `$P2P_HOME`, else `$XDG_CONFIG_HOME/p2p`, else `~/.config/p2p`.
    ///
    /// # Errors
    /// [`HomeError::Nowhere`] when none of these is set.
    pub fn locate(given: Option<&Path>) -> Result<Home, HomeError> {
        let variable = |name| env::var_os(name).filter(|value| !value.is_empty());
        let folder = if let Some(given) = given {
            given.to_owned()
        } else if let Some(home) = variable("P2P_HOME") {
            home.into()
        } else if let Some(config) = variable("XDG_CONFIG_HOME") {
            Path::new(&config).join("p2p")
        } else if let Some(home) = variable("HOME") {
            Path::new(&home).join(".config/p2p")
        } else {
            return Err(HomeError::Nowhere);
        };
        Ok(Home { folder })
    }

    /// Makes the directory if it is missing, brings one of an earlier version of the program up to this one,
    /// and refuses one that others may write to or that a later version has written.
    ///
    /// # Errors
    /// When it cannot be made, is not this user's alone, or is of a version that is not known here.
    pub fn prepare(&self) -> Result<(), HomeError> {
        let failed = |error| HomeError::Unusable { path: self.folder.clone(), error };
        file::private_folder(&self.folder).map_err(failed)?;
        let metadata = fs::metadata(&self.folder).map_err(failed)?;
        if !metadata.is_dir() {
            return Err(failed(io::ErrorKind::NotADirectory.into()));
        }
        if metadata.permissions().mode() & 0o022 != 0 {
            return Err(HomeError::Open {
                path: self.folder.clone(),
                mode: metadata.mode() & 0o777,
            });
        }
        format::bring_up(&self.folder, &format::STEPS).map_err(|error| self.misfit(error))
    }

    /// Looks whether this program understands the directory, and changes nothing; one that is missing it does.
    ///
    /// # Errors
    /// When it is no directory, or a later version of the program has written it.
    pub fn recognise(&self) -> Result<(), HomeError> {
        if self.folder.is_file() {
            let (path, error) = (self.folder.clone(), io::ErrorKind::NotADirectory.into());
            return Err(HomeError::Unusable { path, error });
        }
        let version = format::version(&self.folder, &format::STEPS);
        version.map(drop).map_err(|error| self.misfit(error))
    }

    fn misfit(&self, error: FormatError) -> HomeError {
        match error {
            FormatError::Newer(format) => HomeError::Newer { path: self.folder.clone(), format },
            FormatError::Unusable { path, error } => HomeError::Unusable { path, error },
        }
    }

    /// Becomes the daemon of this home. None when another process is.
    ///
    /// # Errors
    /// When the lock file cannot be made.
    pub fn lock(&self) -> Result<Option<HomeLock>, HomeError> {
        let path = self.path("lock");
        let failed = |error| HomeError::Unusable { path: path.clone(), error };
        let file =
            File::options().create(true).truncate(false).write(true).open(&path).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(HomeLock { _file: file })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(failed(error)),
        }
    }

    /// Waits until the daemon of this home has ended. A thread waits with it, until the process ends.
    ///
    /// # Errors
    /// When the lock file is gone.
    pub async fn freed(&self) -> io::Result<()> {
        let path = self.path("lock");
        unblock(move || File::options().write(true).open(path)?.lock()).await
    }

    /// The directory itself.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// A file in it.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }
}

/// Why a state directory cannot be used.
#[derive(Debug)]
pub enum HomeError {
    /// Neither an option nor the environment says where it is.
    Nowhere,
    /// It, or a file in it, cannot be made, read or written.
    Unusable {
        /// Which.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// A later version of the program has written it.
    Newer {
        /// Which.
        path: PathBuf,
        /// The version of its files.
        format: String,
    },
    /// Others may write to it and so could replace the keys.
    Open {
        /// Which.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
}

impl HomeError {
    /// What the person can do about it.
    pub fn hint(&self) -> String {
        match self {
            HomeError::Nowhere => "give one with --home DIR or set P2P_HOME".into(),
            HomeError::Unusable { .. } => "choose another directory with --home DIR".into(),
            HomeError::Newer { .. } => {
                "use the newest p2p that was installed, or another directory with --home DIR".into()
            }
            HomeError::Open { path, .. } => format!("chmod 700 {}", path.display()),
        }
    }
}

impl fmt::Display for HomeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            HomeError::Nowhere => f.write_str("no home directory: HOME is not set"),
            HomeError::Unusable { path, error } => {
                write!(f, "cannot use {}: {}", path.display(), plain(error))
            }
            HomeError::Newer { path, format } => {
                let path = path.display();
                write!(
                    f,
                    "refusing {path}: a later version of p2p has written it (format {format:?})"
                )
            }
            HomeError::Open { path, mode } => {
                write!(f, "refusing {}: others may write to it (mode {mode:03o})", path.display())
            }
        }
    }
}

impl std::error::Error for HomeError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_daemon_a_home() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::locate(Some(&folder.path().join("a"))).unwrap();
        home.prepare().unwrap();
        let mode = fs::metadata(home.folder()).unwrap().mode() & 0o777;
        assert_eq!(mode, 0o700);
        let first = home.lock().unwrap();
        assert!(first.is_some());
        assert!(home.lock().unwrap().is_none());
        drop(first);
        assert!(home.lock().unwrap().is_some());
    }

    #[test]
    fn a_home_that_others_may_change_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o777)).unwrap();
        let home = Home::locate(Some(folder.path())).unwrap();
        let error = home.prepare().unwrap_err();
        assert!(error.to_string().contains("others may write to it (mode 777)"), "{error}");
        assert!(error.hint().starts_with("chmod 700 "));
    }

    #[test]
    fn a_home_of_a_later_version_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::locate(Some(&folder.path().join("home"))).unwrap();
        home.prepare().unwrap();
        let format = home.path("format");
        for later in ["2\n", "later"] {
            fs::write(&format, later).unwrap();
            let error = home.prepare().unwrap_err();
            assert!(error.to_string().contains("a later version of p2p has written it"), "{error}");
            assert!(error.hint().contains("newest"));
            assert_eq!(fs::read_to_string(&format).unwrap(), later, "nothing is changed");
        }
    }

    #[test]
    fn a_home_below_a_file_says_why() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, "").unwrap();
        let error = Home::locate(Some(&file.join("home"))).unwrap().prepare().unwrap_err();
        assert!(error.to_string().ends_with(": not a directory"), "{error}");
    }
}
