//! `p2p ca rollover`: a new key takes over from the present one; both count for a time.

use argh::{ArgsInfo, FromArgs};

use super::super::speak::{self, Failure, Outcome};
use super::failed;
use super::folder::Folder;
use crate::identity::{KeyPair, SecretKeyFile, Seed};
use crate::runtime::{clock, random};
use crate::trust::{Authority, SignedRevocations};

/// Replace the key; the present one says which follows.
#[derive(ArgsInfo, FromArgs)]
#[argh(subcommand, name = "rollover")]
pub(in crate::cli) struct Rollover {}

impl Rollover {
    pub(super) fn run(self, folder: &Folder) -> Outcome {
        let mut authority = folder.authority()?;
        if authority.keys.len() >= Authority::MAX_KEYS {
            return Err(Failure::failed(format!(
                "the authority {} has {} keys already",
                authority.name,
                authority.keys.len()
            )));
        }
        let (old, is_locked) = folder.key()?;
        let new = SecretKeyFile::new(KeyPair::from_seed(&Seed::new(random::bytes())));
        let mut ledger = folder.ledger()?;
        let issuer = old.pair.public().fingerprint();
        let list = ledger.next_list(clock::wall(), issuer, Some(new.public()));
        let signed = SignedRevocations::sign(list, &old).map_err(failed)?;
        folder.replace_key(&new, is_locked)?;
        folder.save(&ledger)?;
        authority.keys.insert(0, new.public());
        folder.publish(&authority)?;
        let path = folder.save_revocations(&signed)?;
        speak::line(format!("authority    {}", authority.name))?;
        speak::line(format!("fingerprint  {}", new.pair.public().fingerprint()))?;
        let file = folder.path(&format!("{}.authority", authority.name));
        speak::line(format!("new members  {}", file.display()))?;
        speak::line(format!("old members  {} and {0}.minisig", path.display()))?;
        speak::note("\nRenew certificates with p2p ca renew; the old key's count until they end.");
        Ok(())
    }
}
