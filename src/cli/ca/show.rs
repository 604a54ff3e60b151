//! `p2p ca show`: what this authority has issued, and what ends soon.

use std::time::Duration;

use argh::{ArgsInfo, FromArgs};
use nanoserde::SerJson;

use super::super::speak::{self, Outcome};
use super::folder::Folder;
use crate::identity::Timestamp;
use crate::runtime::clock;
use crate::trust::Issued;

/// Show the authority of this home and its certificates.
#[derive(ArgsInfo, FromArgs)]
#[argh(subcommand, name = "show")]
pub(in crate::cli) struct Show {
    /// print JSON
    #[argh(switch)]
    json: bool,
}

#[derive(SerJson)]
struct Report {
    name: String,
    patterns: Vec<String>,
    fingerprints: Vec<String>,
    certificates: Vec<CertificateReport>,
}

#[derive(SerJson)]
struct CertificateReport {
    serial: u32,
    name: String,
    fingerprint: String,
    from: String,
    until: String,
    state: String,
}

/// From when on the end of a certificate is told.
const WARNING: Duration = Duration::from_secs(30 * 86_400);

impl Show {
    pub(super) fn run(self, folder: &Folder) -> Outcome {
        let (authority, ledger) = (folder.authority()?, folder.ledger()?);
        let now = clock::wall();
        let is_newest = |issued: &Issued| {
            ledger.newest_of(&issued.name).is_some_and(|newest| newest.serial == issued.serial)
        };
        let certificate = |issued: &Issued| CertificateReport {
            serial: issued.serial,
            name: issued.name.to_string(),
            fingerprint: issued.key.fingerprint().to_string(),
            from: issued.from.to_date_time(),
            until: issued.until.to_date_time(),
            state: state(issued, is_newest(issued), now),
        };
        let keys = authority.keys.iter();
        let report = Report {
            name: authority.name.to_string(),
            patterns: authority.patterns.iter().map(ToString::to_string).collect(),
            fingerprints: keys.map(|key| key.key.fingerprint().to_string()).collect(),
            certificates: ledger.iter().map(certificate).collect(),
        };
        if self.json {
            return speak::line(report.serialize_json());
        }
        speak::line(format!("authority    {}", report.name))?;
        speak::line(format!("for          {}", authority.patterns_text()))?;
        for fingerprint in &report.fingerprints {
            speak::line(format!("fingerprint  {fingerprint}"))?;
        }
        report.certificates.iter().try_for_each(|certificate| {
            let CertificateReport { serial, name, until, state, .. } = certificate;
            speak::line(format!("{serial:>6}  {name:<30} until {until}  {state}"))
        })
    }
}

fn state(issued: &Issued, is_newest: bool, now: Timestamp) -> String {
    let left = issued.until.since(now);
    if issued.is_revoked {
        "revoked".into()
    } else if left.is_zero() {
        "expired".into()
    } else if !is_newest {
        "renewed".into()
    } else if left < WARNING {
        format!(
            "ends in {} days; renew it with p2p ca renew {}",
            left.as_secs() / 86_400,
            issued.name
        )
    } else {
        "valid".into()
    }
}
