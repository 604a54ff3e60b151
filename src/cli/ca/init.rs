//! `p2p ca init`: makes an authority.

use std::path::PathBuf;

use argh::{ArgsInfo, FromArgs};

use super::super::speak::{self, Failure, Outcome};
use super::folder::{self, Folder};
use super::{authority_name, pattern};
use crate::identity::{KeyPair, MAX_KEY_FILE, SecretKeyFile, Seed};
use crate::runtime::{clock, file, random};
use crate::trust::{Authority, AuthorityName, Pattern};

/// Make an authority: a key that certifies names.
#[derive(ArgsInfo, FromArgs)]
#[argh(subcommand, name = "init")]
pub(in crate::cli) struct Init {
    /// what it is called, such as club
    #[argh(positional, from_str_fn(authority_name))]
    name: AuthorityName,

    /// whom it certifies: a domain such as example.com, or a name (repeatable)
    #[argh(option, long = "for", from_str_fn(pattern))]
    patterns: Vec<Pattern>,

    /// take this secret key in minisign's format instead of making one
    #[argh(option)]
    key: Option<PathBuf>,

    /// keep the key without a passphrase
    #[argh(switch)]
    no_passphrase: bool,
}

impl Init {
    pub(super) fn run(self, folder: &Folder) -> Outcome {
        if self.patterns.is_empty() {
            return Err(Failure::usage("--for is missing")
                .hint("p2p ca init club --for example.com certifies names at example.com"));
        }
        let key = match &self.key {
            None => SecretKeyFile::new(KeyPair::from_seed(&Seed::new(random::bytes()))),
            Some(path) => {
                let text = file::read(path, MAX_KEY_FILE);
                let text = text.map_err(|error| folder::unusable(path, &error))?;
                folder::unlock(&String::from_utf8_lossy(&text), path)?.0
            }
        };
        let authority = Authority {
            name: self.name,
            patterns: self.patterns,
            keys: vec![key.public()],
            since: clock::wall(),
        };
        folder.create(&authority, &key, !self.no_passphrase)?;
        let name = &authority.name;
        speak::line(format!("authority    {name}"))?;
        speak::line(format!("for          {}", authority.patterns_text()))?;
        speak::line(format!("fingerprint  {}", key.pair.public().fingerprint()))?;
        let file = format!("{name}.authority");
        speak::line(format!("give out     {}", folder.path(&file).display()))?;
        speak::note(format!("\nMembers run p2p authority add {file}. Next:"));
        speak::note("  p2p ca sign identity.pub --name bob@example.com --days 365");
        Ok(())
    }
}
