//! `p2p contact show`: a contact, or oneself, with link, QR code and safety phrase.

use std::path::PathBuf;

use argh::{ArgsInfo, FromArgs};
use nanoserde::SerJson;
use qrcodegen::{QrCode, QrCodeEcc};

use super::super::{
    home,
    speak::{self, Failure, Outcome},
};
use super::{no_contact, parse_name};
use crate::daemon::{ContactBook, Home, Identity};
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
        let (report, link) = match &self.name {
            None => about_self(home, own)?,
            Some(name) => about_contact(book, &parse_name(name)?, own)?,
        };
        if self.json {
            return speak::line(report.serialize_json());
        }
        if let Some(path) = &self.svg {
            let svg = svg(&code(&link)?);
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
        if self.qr { speak::line(terminal(&code(&link)?)) } else { Ok(()) }
    }
}

fn about_self(
    home: &Home,
    own: Option<(Option<Name>, PublicKey)>,
) -> Result<(Report, ShareLink), Failure> {
    let (Some(name), key) = own.ok_or_else(nameless)? else { return Err(nameless()) };
    let overlays = home::config(home)?.overlays(&[]).map_err(Failure::usage)?;
    let overlays = overlays.iter().map(ToString::to_string);
    let overlays = overlays.filter(|overlay| ShareLink::can_carry(overlay));
    let overlays = overlays.take(ShareLink::MAX_OVERLAYS).collect();
    let link = ShareLink { name, key, overlays };
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
    let link = ShareLink { name: name.clone(), key: contact.key, overlays: Vec::new() };
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

/// The link as QR code. Name and key in upper case take less room; a reader takes them as they are.
fn code(link: &ShareLink) -> Result<QrCode, Failure> {
    let text = link.to_string();
    let (who, overlays) = text.split_once('?').unwrap_or((&text, ""));
    let text = match overlays {
        "" => who.to_uppercase(),
        overlays => format!("{}?{overlays}", who.to_uppercase()),
    };
    QrCode::encode_text(&text, QrCodeEcc::Low)
        .map_err(|_| Failure::failed("the share link is too long for a QR code"))
}

/// White modules around the code, as readers need them.
const MARGIN: i32 = 4;

/// Two modules a character, dark on light whatever the terminal's colours are.
fn terminal(code: &QrCode) -> String {
    let end = code.size() + MARGIN;
    let mut text = String::new();
    for y in (-MARGIN..end).step_by(2) {
        text.push_str("\x1b[38;5;16;48;5;231m");
        for x in -MARGIN..end {
            text.push(match (code.get_module(x, y), code.get_module(x, y + 1)) {
                (true, true) => '█',
                (true, false) => '▀',
                (false, true) => '▄',
                (false, false) => ' ',
            });
        }
        text.push_str("\x1b[0m\n");
    }
    text.trim_end().to_owned()
}

fn svg(code: &QrCode) -> String {
    let side = code.size() + 2 * MARGIN;
    let mut path = String::new();
    for y in 0..code.size() {
        for x in (0..code.size()).filter(|x| code.get_module(*x, y)) {
            path.push_str(&format!("M{} {}h1v1h-1z", x + MARGIN, y + MARGIN));
        }
    }
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {side} {side}\" \
         shape-rendering=\"crispEdges\">\n<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n\
         <path d=\"{path}\"/>\n</svg>\n"
    )
}
