//! `p2p init`: makes the identity of a home.

use std::{
    io::{self, BufRead, IsTerminal, Read},
    path::Path,
};

use argh::{ArgsInfo, FromArgs};

use super::{
    home,
    speak::{self, Failure, Outcome},
};
use crate::daemon::{Identity, IdentityError, Passphrase};
use crate::identity::Name;

/// Make an identity: a key pair under a name like alice@example.com.
#[derive(ArgsInfo, FromArgs)]
#[argh(subcommand, name = "init")]
pub(super) struct Init {
    /// the name, user@domain; it need not be a mail address
    #[argh(positional)]
    name: String,

    /// encrypt the key with a passphrase (asked for, or the first line of stdin)
    #[argh(switch)]
    passphrase: bool,
}

/// Longer than any passphrase; keeps a wrong file on stdin from being read whole.
const MAX_PASSPHRASE: u64 = 1024;

impl Init {
    pub(super) fn run(self, given: Option<&Path>) -> Outcome {
        let name = Name::parse(&self.name)
            .map_err(|error| Failure::usage(format!("{:?} is not a name: {error}", self.name)))?;
        let home = home::prepare(given)?;
        let passphrase = if self.passphrase { Some(read_passphrase()?) } else { None };
        let identity = Identity::create(&home, Some(name.clone()), passphrase).map_err(
            |error| match error {
                IdentityError::Exists => Failure::failed(format!(
                    "{} has an identity already, which is never overwritten",
                    home.folder().display()
                ))
                .hint("keep it, or make another one with p2p --home DIR init NAME"),
                other => home::unidentified(other),
            },
        )?;
        let overlays = home::config(&home)?.overlays(&[]).map_err(Failure::usage)?;
        let overlays: Vec<String> = overlays.iter().map(ToString::to_string).collect();
        let key = identity.keys.public();
        speak::line(format!("name         {name}"))?;
        speak::line(format!("fingerprint  {}", key.fingerprint()))?;
        speak::line(format!("share link   {}", identity.share_link(&overlays)))?;
        speak::note(format!("\nThe key is in {}; keep a copy of it.", home.folder().display()));
        speak::note("Give the share link to friends. Next:");
        speak::note("  p2p serve ./media --port 1000    share a folder");
        speak::note("  p2p proxy                        open what friends share");
        Ok(())
    }
}

fn read_passphrase() -> Result<Passphrase, Failure> {
    let failed = |error: io::Error| Failure::failed(format!("cannot read the passphrase: {error}"));
    let passphrase = if io::stdin().is_terminal() {
        let first = Passphrase::from(rpassword::prompt_password("passphrase: ").map_err(failed)?);
        let second = Passphrase::from(rpassword::prompt_password("once more: ").map_err(failed)?);
        if *first != *second {
            return Err(Failure::failed("the two passphrases differ"));
        }
        first
    } else {
        let mut line = Passphrase::default();
        io::stdin().lock().take(MAX_PASSPHRASE).read_line(&mut line).map_err(failed)?;
        line.trim_end_matches(['\r', '\n']).to_owned().into()
    };
    if passphrase.is_empty() {
        return Err(Failure::failed("the passphrase is empty"));
    }
    Ok(passphrase)
}
