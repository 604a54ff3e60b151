//! The version of the files in a home, and the way from an earlier one to this one.
//!
//! The file `format` holds a number that counts for all files of the home together. Whoever changes one of
//! them so that the program before would misread it, or so that this one misreads what the one before wrote,
//! adds a step to [`STEPS`].
//!
//! An earlier home is carried over step by step. What it was is kept in the folder `before-format-N`, where N
//! is the new version, for whoever wants to go back. The number is written last: a step that was cut short
//! begins again with the files as they were. A later home is refused untouched.

use std::{
    fs::{self, File, TryLockError},
    io,
    path::{Path, PathBuf},
};

use crate::runtime::file::{self, Access};
use crate::runtime::plain;

/// Changes the files in a folder to those of the next version. It may be cut short and begin again.
pub(in crate::daemon) type Step = fn(&Path) -> io::Result<()>;

/// The way from each version to the next: the first step carries version 0 over to 1.
pub(in crate::daemon) const STEPS: [Step; 1] = [name_the_version];

/// Why a home is not of the version of this program.
#[derive(Debug)]
pub(in crate::daemon) enum FormatError {
    /// A later program has written it: the version that it says.
    Newer(String),
    /// A file cannot be read or changed.
    Unusable {
        /// Which.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
}

/// A number takes less.
const MAX_LENGTH: usize = 16;
/// Files of one home that are copied before they are changed: more than any has, and room for people's own.
const MAX_FILES: usize = 256;
/// The longest of them; the book of contacts at its largest is shorter.
const MAX_FILE: usize = 16 << 20;
/// The folder of an authority.
const AUTHORITY: &str = "ca";
/// What belongs to a running daemon and means nothing later.
const PASSING: [&str; 4] = ["control.sock", "lock", "token", "format"];

/// Which version the files are of; no version comes before the first step.
///
/// # Errors
/// When it is later than what `steps` lead to, or cannot be read.
pub(in crate::daemon) fn version(folder: &Path, steps: &[Step]) -> Result<usize, FormatError> {
    let path = folder.join("format");
    let text = match file::read(&path, MAX_LENGTH) {
        Ok(text) => String::from_utf8_lossy(&text).trim().to_owned(),
        // a fresh one, or one from before there were versions
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
        Err(error) => return Err(FormatError::Unusable { path, error }),
    };
    let known = text.parse().ok().filter(|version| *version <= steps.len());
    known.ok_or(FormatError::Newer(text))
}

/// Makes the files those of the last version that `steps` lead to.
///
/// # Errors
/// When they are of a later version, or cannot be changed.
pub(in crate::daemon) fn bring_up(folder: &Path, steps: &[Step]) -> Result<(), FormatError> {
    let path = folder.join("format");
    let version = version(folder, steps)?;
    let missing = &steps[version..];
    if missing.is_empty() {
        return Ok(());
    }
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |error| FormatError::Unusable { path, error }
    };
    let _alone;
    if version > 0 {
        // an earlier program that runs here would write over what is changed under it
        _alone = alone(&folder.join("lock")).map_err(failed(folder))?;
        let copy = folder.join(format!("before-format-{}", steps.len()));
        keep(folder, &copy).map_err(failed(&copy))?;
        log::info!("{} is brought up to date; {} is as it was", folder.display(), copy.display());
    }
    for step in missing {
        step(folder).map_err(failed(folder))?;
    }
    let written = file::replace(&path, format!("{}\n", steps.len()).as_bytes(), Access::Private);
    match written {
        // nothing was changed that a later program could misread: a folder that cannot be written may do
        Err(error) if version == 0 => {
            log::info!("cannot write {}: {}", path.display(), plain(&error))
        }
        written => written.map_err(failed(&path))?,
    }
    Ok(())
}

/// Keeps daemons away; an error while there is one.
fn alone(lock: &Path) -> io::Result<File> {
    let file = File::options().create(true).truncate(false).write(true).open(lock)?;
    file.try_lock().map_err(|error| match error {
        TryLockError::WouldBlock => io::ErrorKind::ResourceBusy.into(),
        TryLockError::Error(error) => error,
    })?;
    Ok(file)
}

/// Copies the files of a folder, and of an authority's below it; other folders are not of the program's making.
fn keep(folder: &Path, copy: &Path) -> io::Result<()> {
    file::private_folder(copy)?;
    for entry in fs::read_dir(folder)?.take(MAX_FILES) {
        let entry = entry?;
        let name = entry.file_name();
        let kind = entry.file_type()?;
        if kind.is_dir() && name == AUTHORITY {
            keep(&entry.path(), &copy.join(&name))?;
        }
        if !kind.is_file() || PASSING.iter().any(|passing| name == *passing) {
            continue;
        }
        // one that is there is from a step that was cut short, and older than what it has half changed
        let to = copy.join(&name);
        if !to.exists() {
            file::replace(&to, &file::read(&entry.path(), MAX_FILE)?, Access::Private)?;
        }
    }
    Ok(())
}

/// From 0 to 1: homes from before the file `format` have the same files without it.
fn name_the_version(_: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt;

    use super::*;

    fn home(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, content) in files {
            fs::write(folder.path().join(name), content).unwrap();
        }
        folder
    }

    fn read(folder: &Path, name: &str) -> String {
        fs::read_to_string(folder.join(name)).unwrap()
    }

    /// The changes of an imagined later program: names in capitals, then with a full stop.
    fn capitals(folder: &Path) -> io::Result<()> {
        let name = fs::read_to_string(folder.join("name"))?.to_uppercase();
        file::replace(&folder.join("name"), name.as_bytes(), Access::Private)
    }

    fn full_stop(folder: &Path) -> io::Result<()> {
        let name = fs::read_to_string(folder.join("name"))?;
        let name = format!("{}.", name.trim_end_matches('.'));
        file::replace(&folder.join("name"), name.as_bytes(), Access::Private)
    }

    fn fails(_: &Path) -> io::Result<()> {
        Err(io::ErrorKind::StorageFull.into())
    }

    const LATER: [Step; 3] = [name_the_version, capitals, full_stop];

    #[test]
    fn a_home_from_before_there_were_versions_is_this_versions() {
        let folder = home(&[("name", "alice@example.com"), ("contacts", "# nobody\n")]);
        bring_up(folder.path(), &STEPS).unwrap();
        assert_eq!(read(folder.path(), "format"), "1\n");
        assert_eq!(read(folder.path(), "name"), "alice@example.com");
        assert_eq!(read(folder.path(), "contacts"), "# nobody\n");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 3, "nothing had to be kept");
    }

    #[test]
    fn an_earlier_home_is_carried_over_and_kept() {
        let folder = home(&[("format", "1\n"), ("name", "alice"), ("token", "secret")]);
        let path = folder.path();
        for (folder, file) in [("ca", "authority.key"), ("mine", "film")] {
            fs::create_dir(path.join(folder)).unwrap();
            fs::write(path.join(folder).join(file), "secret").unwrap();
        }
        bring_up(path, &LATER).unwrap();
        assert_eq!((read(path, "name").as_str(), read(path, "format").as_str()), ("ALICE.", "3\n"));
        let kept = path.join("before-format-3");
        assert_eq!(read(&kept, "name"), "alice");
        assert_eq!(read(&kept.join("ca"), "authority.key"), "secret");
        assert_eq!(
            fs::read_dir(&kept).unwrap().count(),
            2,
            "neither a running daemon's files nor people's own folders are kept"
        );
        assert_eq!(fs::metadata(&kept).unwrap().mode() & 0o777, 0o700);
        bring_up(path, &LATER).unwrap();
        assert_eq!(read(path, "name"), "ALICE.", "once is enough");
    }

    #[test]
    fn what_was_cut_short_begins_again_and_the_first_copy_stays() {
        let folder = home(&[("format", "1\n"), ("name", "alice")]);
        let path = folder.path();
        let error = bring_up(path, &[name_the_version, capitals, fails]).unwrap_err();
        assert!(matches!(error, FormatError::Unusable { .. }), "{error:?}");
        assert_eq!(read(path, "format"), "1\n");
        bring_up(path, &LATER).unwrap();
        assert_eq!(read(path, "name"), "ALICE.");
        assert_eq!(read(&path.join("before-format-3"), "name"), "alice");
    }

    #[test]
    fn nothing_is_changed_under_a_running_daemon() {
        let folder = home(&[("format", "1\n"), ("name", "alice")]);
        let daemon = alone(&folder.path().join("lock")).unwrap();
        let error = bring_up(folder.path(), &LATER).unwrap_err();
        let FormatError::Unusable { error, .. } = error else { panic!("{error:?}") };
        assert_eq!(error.kind(), io::ErrorKind::ResourceBusy);
        assert_eq!(read(folder.path(), "name"), "alice");
        drop(daemon);
        bring_up(folder.path(), &LATER).unwrap();
    }

    #[test]
    fn a_later_home_stays_as_it_is() {
        for said in ["4\n", "4.1", "-1", "next", ""] {
            let folder = home(&[("format", said), ("name", "alice")]);
            for error in [
                bring_up(folder.path(), &LATER).unwrap_err(),
                version(folder.path(), &LATER).unwrap_err(),
            ] {
                let FormatError::Newer(version) = error else { panic!("{error:?}") };
                assert_eq!(version, said.trim());
            }
            assert_eq!(read(folder.path(), "format"), said);
            assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
        }
    }
}
