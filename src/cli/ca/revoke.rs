//! `p2p ca revoke`: takes certificates back.

use argh::{ArgsInfo, FromArgs};

use super::super::speak::{self, Failure, Outcome};
use super::failed;
use super::folder::Folder;
use crate::identity::Name;
use crate::runtime::clock;
use crate::trust::{Issued, SignedRevocations};

/// Take certificates back; sign the list that says so.
#[derive(ArgsInfo, FromArgs)]
#[argh(subcommand, name = "revoke")]
pub(in crate::cli) struct Revoke {
    /// whose certificates, or the serial of one
    #[argh(positional)]
    what: String,
}

impl Revoke {
    pub(super) fn run(self, folder: &Folder) -> Outcome {
        let mut ledger = folder.ledger()?;
        let chosen: Box<dyn Fn(&Issued) -> bool> = match self.what.parse::<u32>() {
            Ok(serial) => Box::new(move |issued| issued.serial == serial),
            Err(_) => {
                let name = Name::parse(&self.what).map_err(|error| {
                    let what = &self.what;
                    Failure::usage(format!("{what:?} is neither a serial nor a name: {error}"))
                })?;
                Box::new(move |issued| issued.name == name)
            }
        };
        let valid = ledger.iter().filter(|issued| !issued.is_revoked && chosen(issued));
        let serials: Vec<u32> = valid.map(|issued| issued.serial).collect();
        if serials.is_empty() {
            return Err(Failure::failed(format!("{} has no valid certificate", self.what))
                .hint("p2p ca show lists all"));
        }
        let (key, _) = folder.key()?;
        for serial in &serials {
            ledger.revoke(*serial);
        }
        let list = ledger.next_list(clock::wall(), key.pair.public().fingerprint(), None);
        let signed = SignedRevocations::sign(list, &key).map_err(failed)?;
        // what is written down first can only be revoked again
        folder.save(&ledger)?;
        let path = folder.save_revocations(&signed)?;
        for serial in serials {
            speak::line(format!("revoked      serial {serial}"))?;
        }
        speak::line(format!("list         {}", signed.list().number))?;
        speak::line(format!("give out     {} and {0}.minisig", path.display()))?;
        speak::note("\nAny member who is online passes it on to all: p2p authority add FILE.");
        Ok(())
    }
}
