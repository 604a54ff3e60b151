//! `p2p ca renew`: a new certificate in place of one that ends.

use std::path::PathBuf;

use argh::{ArgsInfo, FromArgs};

use super::super::speak::{Failure, Outcome};
use super::folder::Folder;
use super::sign::issue;
use super::{days, name};
use crate::identity::Name;
use crate::trust::Issued;

/// Certify the same key for longer.
#[derive(ArgsInfo, FromArgs)]
#[argh(subcommand, name = "renew")]
pub(in crate::cli) struct Renew {
    /// whose certificate
    #[argh(positional, from_str_fn(name))]
    name: Name,

    /// for how many days from now; as many as before unless given
    #[argh(option, from_str_fn(days))]
    days: Option<u32>,

    /// where to write it; USER.cert unless given
    #[argh(option)]
    out: Option<PathBuf>,
}

impl Renew {
    pub(super) fn run(self, folder: &Folder) -> Outcome {
        let ledger = folder.ledger()?;
        let name = &self.name;
        let Some(Issued { key, from, until, is_revoked, .. }) = ledger.newest_of(name) else {
            return Err(Failure::failed(format!("{name} has no certificate from here"))
                .hint(format!("p2p ca sign KEY-FILE --name {name}")));
        };
        if *is_revoked {
            return Err(Failure::refused(format!("the certificate of {name} was revoked"))
                .hint(format!("p2p ca sign KEY-FILE --name {name} certifies a key anew")));
        }
        let before = u32::try_from(until.since(*from).as_secs() / 86_400).unwrap_or(1);
        let days = self.days.unwrap_or(before.max(1));
        issue(folder, name, *key, days, self.out.as_deref())
    }
}
