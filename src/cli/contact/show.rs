//! `p2p contact show`: a contact, or oneself, with link, QR code and safety phrase.

use std::path::PathBuf;

use argh::{ArgsInfo, FromArgs};
use nanoserde::SerJson;

use super::super::{
    home,
    speak::{self, Failure, Outcome},
};
use super::{no_contact, parse_name};
use crate::daemon::{Audience, ContactBook, Home, Identity, ShareCode};
use crate::identity::{Name, PublicKey, ShareLink};
use crate::runtime::{
    file::{self, Access},
    plain,
};
use crate::trust::SafetyPhrase;

/// Show a contact: fingerprint, share link, QR code, and the safety phrase to compare by voice.
#[derive(ArgsInfo, FromArgs)]
#[argh(subcommand, name = "show")]
pub(in crate::cli) struct Show {
    /// whose; you unless given
    #[argh(positional)]
    name: Option<String>,

    /// print the share link as QR code
    #[argh(switch)]
    qr: bool,

    /// write the QR code to a file as SVG
    #[argh(option)]
    svg: Option<PathBuf>,

    /// print JSON
    #[argh(switch)]
    json: bool,
}

#[derive(SerJson)]
struct Report {
    name: String,
    key: String,
    fingerprint: String,
    trust: String,
    since: Option<String>,
    safety_phrase: Option<String>,
    share_link: String,
}

impl Show {
    pub(super) fn run(self, home: &Home, book: &ContactBook) -> Outcome {
        let own = Identity::public(home).ok();
        let name = self.name.as_deref().map(parse_name).transpose()?;
        let own_name = own.as_ref().and_then(|(name, _)| name.clone());
        let (report, link) = match name {
            Some(name) if own_name.as_ref() != Some(&name) => about_contact(book, &name, own)?,
            _ => about_self(home, own)?,
        };
        if self.json {
            return speak::line(report.serialize_json());
        }
        if let Some(path) = &self.svg {
            let svg = code(&link)?.svg();
            file::replace(path, svg.as_bytes(), Access::Public).map_err(|error| {
                Failure::failed(format!("cannot write {}: {}", path.display(), plain(&error)))
            })?;
        }
        speak::line(format!("name           {}", report.name))?;
        speak::line(format!("fingerprint    {}", report.fingerprint))?;
        let since = report.since.map(|since| format!(" since {since}")).unwrap_or_default();
        speak::line(format!("trust          {}{since}", report.trust))?;
        if let Some(phrase) = &report.safety_phrase {
            speak::line(format!("safety phrase  {phrase}"))?;
        }
        speak::line(format!("share link     {}", report.share_link))?;
        if self.qr { speak::line(code(&link)?.terminal()) } else { Ok(()) }
    }
}

fn about_self(
    home: &Home,
    own: Option<(Option<Name>, PublicKey)>,
) -> Result<(Report, ShareLink), Failure> {
    let (Some(name), key) = own.ok_or_else(nameless)? else { return Err(nameless()) };
    let config = home::config(home)?;
    let overlays = config.overlays(&[]).map_err(Failure::usage)?;
    let overlays = overlays.iter().map(ToString::to_string);
    let overlays = overlays.filter(|overlay| ShareLink::can_carry(overlay));
    let overlays = overlays.take(ShareLink::MAX_OVERLAYS).collect();
    let is_private = config.audience() == Audience::Contacts;
    let link = ShareLink { name, key, is_private, overlays };
    let report = Report {
        name: link.name.to_string(),
        key: key.to_string(),
        fingerprint: key.fingerprint().to_string(),
        trust: "self".into(),
        since: None,
        safety_phrase: None,
        share_link: link.to_string(),
    };
    Ok((report, link))
}

fn about_contact(
    book: &ContactBook,
    name: &Name,
    own: Option<(Option<Name>, PublicKey)>,
) -> Result<(Report, ShareLink), Failure> {
    let contacts = book.contacts().map_err(Failure::failed)?;
    let contact = contacts.get(name).ok_or_else(|| no_contact(name))?;
    let is_private = book.is_private(&contact.key);
    let link = ShareLink { name: name.clone(), key: contact.key, is_private, overlays: Vec::new() };
    let phrase = own.map(|(_, own)| SafetyPhrase::of(&own, &contact.key).to_string());
    let report = Report {
        name: name.to_string(),
        key: contact.key.to_string(),
        fingerprint: contact.key.fingerprint().to_string(),
        trust: contact.binding.to_string(),
        since: Some(contact.since.to_date_time()),
        safety_phrase: phrase,
        share_link: link.to_string(),
    };
    Ok((report, link))
}

fn nameless() -> Failure {
    Failure::failed("this home has no name yet").hint("p2p init NAME makes an identity")
}

/// The link as QR code.
fn code(link: &ShareLink) -> Result<ShareCode, Failure> {
    ShareCode::of(link).ok_or_else(|| Failure::failed("the share link is too long for a QR code"))
}
