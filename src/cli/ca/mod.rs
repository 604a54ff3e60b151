//! `p2p ca`: an authority that certifies whose key is whose, on a machine that need not be online.
//!
//! Nothing here opens a socket; `tests/architecture.rs` watches over it. What members have to see – the
//! authority's text, certificates, revocation lists – are files that somebody carries to them; revocation
//! lists then travel through overlays, where any member puts them.

mod folder;
mod init;
mod renew;
mod revoke;
mod rollover;
mod show;
mod sign;

use std::path::Path;

use argh::{ArgsInfo, FromArgs};

use super::{
    home,
    speak::{Failure, Outcome},
};
use crate::identity::{Name, unset_clock};
use crate::runtime::clock;
use crate::trust::{AuthorityName, Pattern};
use folder::Folder;

/// Certify members of a company or a circle of friends, offline.
#[derive(ArgsInfo, FromArgs)]
#[argh(subcommand, name = "ca")]
pub(super) struct Ca {
    #[argh(subcommand)]
    action: Action,
}

#[derive(ArgsInfo, FromArgs)]
#[argh(subcommand)]
pub(super) enum Action {
    Init(init::Init),
    Sign(sign::Sign),
    Renew(renew::Renew),
    Revoke(revoke::Revoke),
    Rollover(rollover::Rollover),
    Show(show::Show),
}

impl Ca {
    pub(super) fn run(self, given: Option<&Path>) -> Outcome {
        let folder = Folder::of(&home::prepare(given)?);
        if !matches!(self.action, Action::Show(_)) {
            dated()?;
        }
        match self.action {
            Action::Init(init) => init.run(&folder),
            Action::Sign(sign) => sign.run(&folder),
            Action::Renew(renew) => renew.run(&folder),
            Action::Revoke(revoke) => revoke.run(&folder),
            Action::Rollover(rollover) => rollover.run(&folder),
            Action::Show(show) => show.run(&folder),
        }
    }
}

/// All that an authority makes says from when it counts.
fn dated() -> Outcome {
    let unset = unset_clock(clock::wall());
    unset.map_or(Ok(()), |words| Err(Failure::failed(words).hint("set it, then try again")))
}

/// Reads what an authority is called, for argh.
pub(super) fn authority_name(text: &str) -> Result<AuthorityName, String> {
    AuthorityName::parse(text)
        .ok_or_else(|| format!("{text:?} is not up to 32 of a-z, 0-9, hyphen and dot"))
}

/// Reads for whom an authority counts, for argh.
pub(super) fn pattern(text: &str) -> Result<Pattern, String> {
    Pattern::parse(text)
        .map_err(|error| format!("{text:?} is no domain, no name and not \"any-name\": {error}"))
}

/// Reads a name for argh.
fn name(text: &str) -> Result<Name, String> {
    Name::parse(text).map_err(|error| format!("{text:?} is not a name: {error}"))
}

/// Reads a number of days for argh: up to a century.
fn days(text: &str) -> Result<u32, String> {
    let days = text.parse().ok().filter(|days| (1..=36_500).contains(days));
    days.ok_or_else(|| format!("{text:?} is not a number of days from 1 to 36500"))
}

/// What stands in the way of a certificate.
fn failed(error: impl std::fmt::Display) -> Failure {
    Failure::failed(error)
}
