//! `p2p init`: makes the identity of a home.

use std::path::{Path, PathBuf};

use argh::{ArgsInfo, FromArgs};

use super::{
    home, passphrase, rotate,
    speak::{self, Failure, Outcome},
};
use crate::daemon::{Home, Identity, IdentityError};
use crate::identity::Name;

/// Make an identity: a key pair under a name like alice@example.com.
#[derive(ArgsInfo, FromArgs)]
#[argh(subcommand, name = "init")]
pub(super) struct Init {
    /// the name, user@domain; it need not be a mail address
    #[argh(positional)]
    name: Option<String>,

    /// take name and key from a backup instead
    #[argh(option)]
    from: Option<PathBuf>,

    /// encrypt the key with a passphrase (asked for, or the first line of stdin)
    #[argh(switch)]
    passphrase: bool,
}

impl Init {
    pub(super) fn run(self, given: Option<&Path>) -> Outcome {
        let name = self.name.map(|text| {
            Name::parse(&text)
                .map_err(|error| Failure::usage(format!("{text:?} is not a name: {error}")))
        });
        let name = name.transpose()?;
        let (name, made) = match (&self.from, name) {
            (None, None) => return Err(nameless("NAME is missing")),
            (None, Some(name)) => {
                let home = home::prepare(given)?;
                let passphrase = if self.passphrase { Some(passphrase::choose()?) } else { None };
                (name.clone(), Identity::create(&home, Some(name), passphrase))
            }
            (Some(backup), name) => restore(&home::prepare(given)?, backup, name)?,
        };
        let home = home::prepare(given)?;
        let identity = made.map_err(|error| match error {
            IdentityError::Exists => Failure::failed(format!(
                "{} has an identity already, which is never overwritten",
                home.folder().display()
            ))
            .hint("keep it, or make another one with p2p --home DIR init NAME"),
            other => home::unidentified(other),
        })?;
        home::tell_of_change(&home); // it may run since before there was a name
        let config = home::config(&home)?;
        let overlays = config.overlays(&[]).map_err(Failure::usage)?;
        let overlays: Vec<String> = overlays.iter().map(ToString::to_string).collect();
        let key = identity.keys.public();
        speak::line(format!("name         {name}"))?;
        speak::line(format!("fingerprint  {}", key.fingerprint()))?;
        speak::line(format!("share link   {}", identity.share_link(config.audience(), &overlays)))?;
        let folder = home.folder().display();
        speak::note(format!(
            "\nThe key is in {folder}; p2p backup FILE makes a copy to keep elsewhere."
        ));
        speak::note("Give the share link to friends. Next:");
        speak::note("  p2p serve ./media --port 1000    share a folder");
        speak::note("  p2p proxy                        open what friends share");
        Ok(())
    }
}

/// Puts a backup in place, with its promise of the next key.
fn restore(
    home: &Home,
    path: &Path,
    name: Option<Name>,
) -> Result<(Name, Result<Identity, IdentityError>), Failure> {
    let (backup, passphrase) = rotate::read(path)?;
    let name = name.or(backup.name);
    let name = name.ok_or_else(|| nameless("NAME is missing: the backup has none"))?;
    let made = Identity::install(home, Some(name.clone()), backup.key, passphrase);
    if let (Ok(_), Some(next)) = (&made, backup.next) {
        Identity::promise(home, &next.pair.public()).map_err(home::unusable)?;
    }
    Ok((name, made))
}

fn nameless(what: &str) -> Failure {
    Failure::usage(what).hint("p2p init --help")
}
