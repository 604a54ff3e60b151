//! `p2p backup`: the identity as one file, with the key that follows.

use std::path::{Path, PathBuf};

use argh::{ArgsInfo, FromArgs};

use super::{
    home, passphrase,
    speak::{self, Failure, Outcome},
};
use crate::daemon::{Backup, Identity};
use crate::identity::{KeyPair, SecretKeyFile, Seed};
use crate::runtime::{
    file::{self, Access},
    plain, random,
};

/// Write the identity to a file, to be kept elsewhere.
#[derive(ArgsInfo, FromArgs)]
#[argh(subcommand, name = "backup")]
pub(super) struct BackupCommand {
    /// where to; it must not exist yet
    #[argh(positional)]
    file: PathBuf,

    /// keep the keys in it without a passphrase
    #[argh(switch)]
    no_passphrase: bool,
}

impl BackupCommand {
    pub(super) fn run(self, given: Option<&Path>) -> Outcome {
        let home = home::prepare(given)?;
        Identity::public(&home).map_err(home::unidentified)?; // none is made just for this
        let Identity { name, keys } = home::identity(&home)?;
        let path = self.file.display();
        let next = match Identity::successor(&home) {
            None => Some(SecretKeyFile::new(KeyPair::from_seed(&Seed::new(random::bytes())))),
            Some(_) => None,
        };
        let passphrase = if self.no_passphrase { None } else { Some(passphrase::choose()?) };
        let backup = Backup { name, key: SecretKeyFile::new(keys), next };
        let text = backup.to_text(passphrase.as_ref().map(|passphrase| passphrase.as_str()));
        file::create(&self.file, text.as_bytes(), Access::Private)
            .map_err(|error| Failure::failed(format!("cannot write {path}: {}", plain(&error))))?;
        match &backup.next {
            // only now: whoever is promised a key must find it in a backup
            Some(next) => {
                Identity::promise(&home, &next.pair.public()).map_err(home::unusable)?;
                speak::line(format!("backup       {path}"))?;
                speak::line(format!("next key     {}", next.pair.public().fingerprint()))?;
                speak::note("\nKeep it elsewhere. If this key is lost or stolen: p2p rotate FILE.");
            }
            None => {
                speak::line(format!("backup       {path}"))?;
                speak::note("\nThe key that follows is in the first backup only; keep that too.");
            }
        }
        Ok(())
    }
}
