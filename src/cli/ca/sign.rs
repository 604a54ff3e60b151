//! `p2p ca sign`: certifies somebody's key.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use argh::{ArgsInfo, FromArgs};

use super::super::speak::{self, Failure, Outcome};
use super::folder::{self, Folder};
use super::{days, failed, name};
use crate::identity::{MAX_KEY_FILE, Name, PublicKey, PublicKeyFile};
use crate::runtime::{
    clock,
    file::{self, Access},
};
use crate::trust::SignedCertificate;

/// Certify that a key is somebody's.
#[derive(ArgsInfo, FromArgs)]
#[argh(subcommand, name = "sign")]
pub(in crate::cli) struct Sign {
    /// the public key file: identity.pub of the other home
    #[argh(positional, arg_name = "key-file")]
    key_file: PathBuf,

    /// whose key it is
    #[argh(option, from_str_fn(name))]
    name: Name,

    /// for how many days, 365 unless given
    #[argh(option, default = "365", from_str_fn(days))]
    days: u32,

    /// where to write it; USER.cert unless given
    #[argh(option)]
    out: Option<PathBuf>,
}

impl Sign {
    pub(super) fn run(self, folder: &Folder) -> Outcome {
        let path = &self.key_file;
        let text =
            file::read(path, MAX_KEY_FILE).map_err(|error| folder::unusable(path, &error))?;
        let key = PublicKeyFile::parse(&String::from_utf8_lossy(&text)).map_err(|error| {
            Failure::failed(format!("cannot use {}: {error}", path.display()))
                .hint("it is identity.pub in the home of the one to be certified")
        })?;
        issue(folder, &self.name, key.key, self.days, self.out.as_deref())
    }
}

/// Issues a certificate and writes it with its signature.
///
/// # Errors
/// When the authority is not for the name, its key stays locked, or a file cannot be written.
pub(super) fn issue(
    folder: &Folder,
    name: &Name,
    key: PublicKey,
    days: u32,
    out: Option<&Path>,
) -> Outcome {
    let authority = folder.authority()?;
    if !authority.is_for(name) {
        let patterns = authority.patterns_text();
        return Err(Failure::refused(format!(
            "the authority {} is for {patterns}, not for {name}",
            authority.name
        )));
    }
    if key.to_x25519().is_err() {
        return Err(Failure::refused("this key is not usable: anybody could sign with it"));
    }
    let (secret, _) = folder.key()?;
    let from = clock::wall();
    let until = from.saturating_add(Duration::from_secs(u64::from(days) * 86_400));
    let mut ledger = folder.ledger()?;
    let issuer = secret.pair.public().fingerprint();
    let certificate = ledger.issue(name.clone(), key, from, until, issuer).map_err(failed)?;
    let signed = SignedCertificate::sign(certificate, &secret).map_err(failed)?;
    // the serial is spent before the certificate exists: no two ever share one
    folder.save(&ledger)?;
    let default = PathBuf::from(format!("{}.cert", name.user()));
    let out = out.unwrap_or(&default);
    write(out, &signed.certificate.to_text())?;
    let signature = PathBuf::from(format!("{}.minisig", out.display()));
    write(&signature, &signed.signature_text())?;
    let certificate = &signed.certificate;
    speak::line(format!("certificate  {}", out.display()))?;
    speak::line(format!("signature    {}", signature.display()))?;
    speak::line(format!("name         {name}"))?;
    speak::line(format!("fingerprint  {}", key.fingerprint()))?;
    speak::line(format!("until        {}", certificate.until.to_date_time()))?;
    speak::line(format!("serial       {}", certificate.serial))?;
    speak::note(format!("\nGive both files to {name}, who runs p2p certificate add FILE."));
    Ok(())
}

fn write(path: &Path, text: &str) -> Outcome {
    file::replace(path, text.as_bytes(), Access::Public)
        .map_err(|error| folder::unusable(path, &error))
}
