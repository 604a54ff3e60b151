//! What the dashboard shows, as values: whom to believe is decided anew for it, from what was claimed last.

use std::collections::BTreeSet;

use super::super::{Daemon, ShareCode, Status};
use crate::daemon::finder::Finder;
use crate::identity::{Name, ShareLink, roughly};
use crate::runtime::clock;
use crate::trust::{Authorities, Authority, Binding, Decision};

/// Everything at one moment.
#[derive(Debug)]
pub(super) struct View {
    /// What `p2p status` tells.
    pub(super) status: Status,
    /// The share link as SVG.
    pub(super) share_code: Option<String>,
    /// The daemon's host and port as browsers see them; None while there is no way in.
    pub(super) daemon: Option<String>,
    /// What must not be overlooked.
    pub(super) alarms: Vec<String>,
    /// Contacts, those in doubt first.
    pub(super) contacts: Vec<Person>,
    /// How many contacts there are besides.
    pub(super) more_contacts: usize,
    /// People who were looked for and are no contacts.
    pub(super) strangers: Vec<Person>,
    /// Who may vouch for others.
    pub(super) authorities: Vec<AuthorityView>,
}

/// Somebody, and what is decided about the key.
#[derive(Debug)]
pub(super) struct Person {
    pub(super) name: String,
    /// The key that is believed, or is asked about.
    pub(super) fingerprint: Option<String>,
    /// The decision in a word.
    pub(super) verdict: &'static str,
    /// Whether it is one to look at.
    pub(super) is_doubtful: bool,
    /// Why, word for word as everywhere.
    pub(super) reason: String,
}

/// An authority, and what it has taken back.
#[derive(Debug)]
pub(super) struct AuthorityView {
    pub(super) name: String,
    pub(super) fingerprints: Vec<String>,
    /// For whom it counts.
    pub(super) patterns: String,
    /// The newest list that is known.
    pub(super) list: String,
}

/// More contacts than anybody reads on one page.
const MOST_CONTACTS: usize = 300;

impl View {
    /// What a daemon knows now.
    pub(super) fn of(daemon: &Daemon) -> View {
        let status = daemon.status();
        let link = ShareLink::parse(&status.share_link).ok();
        let share_code = link.and_then(|link| ShareCode::of(&link)).map(|code| code.svg());
        let mut alarms = Vec::new();
        let finder = &*daemon.finder;
        let contacts = finder.book().contacts().unwrap_or_else(|error| {
            alarms.push(error.to_string());
            Default::default()
        });
        let authorities = daemon.authorities.authorities().unwrap_or_else(|error| {
            alarms.push(error.to_string());
            Default::default()
        });
        let heard: BTreeSet<Name> = finder.heard().into_iter().collect();
        // those of whom something was heard are all looked at
        let (known, strange): (Vec<&Name>, Vec<&Name>) =
            heard.iter().partition(|name| contacts.get(name).is_some());
        let quiet = contacts.iter().map(|contact| &contact.name);
        let quiet = quiet.filter(|name| !heard.contains(name)).take(MOST_CONTACTS);
        let person = |name: &&Name| Person::of(finder, name);
        let mut people: Vec<Person> =
            known.iter().copied().chain(quiet).filter_map(|name| person(&name)).collect();
        people.sort_by(|one, other| {
            (!one.is_doubtful, &one.name).cmp(&(!other.is_doubtful, &other.name))
        });
        let strangers: Vec<Person> = strange.iter().filter_map(person).collect();
        let doubtful = people.iter().chain(&strangers).filter(|person| person.is_doubtful);
        alarms.extend(doubtful.map(|person| person.reason.clone()));
        alarms.extend(alarms_of(&status));
        people.truncate(MOST_CONTACTS);
        View {
            share_code,
            daemon: daemon.entrance_port().map(|port| format!("localhost:{port}")),
            alarms,
            more_contacts: contacts.len().saturating_sub(people.len()),
            contacts: people,
            strangers,
            authorities: authorities
                .iter()
                .map(|authority| AuthorityView::of(authority, &authorities))
                .collect(),
            status,
        }
    }
}

/// What is wrong besides people's keys.
fn alarms_of(status: &Status) -> Vec<String> {
    let back = status.overlays.iter().filter(|overlay| overlay.rollbacks > 0);
    let back = back.map(|overlay| {
        format!(
            "{} gave {}: it failed, or somebody plays old packets again",
            overlay.address,
            overlay.rollback_words()
        )
    });
    let ending = status.certificates.iter().filter(|c| c.warns || c.problem.is_some());
    back.chain(ending.map(|certificate| format!("certificate: {}", certificate.words()))).collect()
}

impl Person {
    /// The decision about a name; None where nothing is known of it any more.
    fn of(finder: &Finder, name: &Name) -> Option<Person> {
        let decision = finder.verdict(name)?;
        let (verdict, key, is_doubtful) = match &decision {
            Decision::Known { contact, is_new: false, .. } => {
                (how(contact.binding), Some(contact.key), false)
            }
            Decision::Known { contact, .. } => ("would be believed", Some(contact.key), false),
            Decision::FirstMeeting { key, ask: true } => ("you are asked", Some(*key), false),
            Decision::FirstMeeting { key, .. } => ("would be believed", Some(*key), false),
            Decision::Conflict { known, .. } => {
                ("conflict", known.as_ref().map(|contact| contact.key), true)
            }
            Decision::Refused { key, .. } => ("refused", Some(*key), true),
            Decision::Unknown => return None,
        };
        Some(Person {
            name: name.to_string(),
            fingerprint: key.map(|key| key.fingerprint().to_string()),
            verdict,
            is_doubtful,
            reason: decision.reason(name),
        })
    }
}

fn how(binding: Binding) -> &'static str {
    match binding {
        Binding::Pinned => "pinned",
        Binding::Certified => "certified",
        Binding::Domain => "domain",
        Binding::FirstUse => "first use",
    }
}

impl AuthorityView {
    fn of(authority: &Authority, authorities: &Authorities) -> AuthorityView {
        let list = authorities.revocations_of(&authority.name).map(|signed| signed.list());
        let list = list.map_or("no revocation list yet".into(), |list| {
            let ago = roughly(clock::wall().since(list.issued));
            let (number, count) = (list.number, list.serials.len());
            format!("list {number}, signed {ago} ago, {count} revoked")
        });
        let fingerprints = authority.keys.iter().map(|key| key.key.fingerprint().to_string());
        AuthorityView {
            name: authority.name.to_string(),
            fingerprints: fingerprints.collect(),
            patterns: authority.patterns_text(),
            list,
        }
    }
}
