//! Looking people up without being a daemon: what commands ask that print and end.

use std::sync::Arc;

use super::books::{AuthorityBook, ContactBook, Introductions, PrivateContacts, Sequences};
use super::config::Config;
use super::finder::{Finder, RevocationWatch, Search, TrustSettings};
use super::home::{Home, Identity};
use super::meeting_room::MeetingRoom;
use crate::identity::{KeyPair, Name, Seed};
use crate::overlay::{self, OverlayAddress};
use crate::registration::{Outcome, Said, Wanted};
use crate::runtime::{random, spawn};
use crate::trust::{Claimed, FirstUse, SafetyPhrase};
use crate::web::Failure;

/// Who claims a name, and what may be said about it.
#[derive(Debug)]
pub struct Claims {
    /// The keys that claim the name.
    pub claimed: Vec<Claimed>,
    /// The decision about it, in words.
    pub reason: String,
    /// The safety phrase with the only key, if there is one and this home has a key.
    pub phrase: Option<String>,
}

/// What overlays say about a name.
#[derive(Debug)]
pub struct LookUp {
    /// The overlays that were asked.
    pub addresses: Vec<String>,
    /// What they said, in their order.
    pub outcome: Outcome,
    /// The decision about the keys that claim the name, in words; None where there is none.
    pub reason: Option<String>,
}

/// Asks every overlay about a name, and those that know keys only for the key of a contact.
pub async fn look_up(home: &Home, overlays: &[OverlayAddress], name: &Name) -> LookUp {
    let first_use = Config::load(home).unwrap_or_default().first_use();
    let finder = finder(home, overlays, first_use);
    let search = finder.search();
    let by_name = Wanted::Name(name.clone());
    let contacts = finder.book().contacts().unwrap_or_default();
    if let Some(contact) = contacts.get(name).filter(|contact| search.is_private(&contact.key)) {
        // nobody is to learn from this machine whose sealed place it asks for
        let wanted = Wanted::Contact(name.clone(), contact.key);
        let (addresses, outcome) = (search.addresses(&wanted), search.ask(&wanted).await);
        finder.revocations().fresh().await;
        let reason = finder.reason(&wanted, name, &outcome);
        return LookUp { addresses, outcome, reason };
    }
    let (mut addresses, mut outcome) = (search.addresses(&by_name), search.ask(&by_name).await);
    finder.revocations().fresh().await;
    let reason = finder.reason(&by_name, name, &outcome);
    if let Some(contact) = contacts.get(name) {
        let by_key = Wanted::Contact(name.clone(), contact.key);
        let answers = search.ask(&by_key).await;
        for (address, report) in search.addresses(&by_key).into_iter().zip(answers.reports) {
            if !addresses.contains(&address) {
                addresses.push(address);
                outcome.reports.push(report);
            }
        }
        let key = contact.key;
        let asked = search.overlays_that_locate(name, &key);
        let located = asked.iter().map(|overlay| {
            let (search, overlay, name) = (search.clone(), overlay.clone(), name.clone());
            spawn(async move { search.locate(&overlay, &name, &key).await })
        });
        for (overlay, located) in asked.iter().zip(located.collect::<Vec<_>>()) {
            let at = addresses.iter().position(|address| address == overlay.address());
            match at.map(|at| &mut outcome.reports[at]) {
                // nobody is there who tells his name, or this one is behind a NAT
                Some(report) if report.said == Said::Nothing => *report = located.await,
                Some(_) => {}
                None => {
                    addresses.push(overlay.address().to_owned());
                    outcome.reports.push(located.await);
                }
            }
        }
        for packet in answers.found {
            let key = packet.registration().key;
            outcome.found.retain(|other| other.registration().key != key);
            outcome.found.insert(0, packet);
        }
    }
    LookUp { addresses, outcome, reason }
}

/// Asks every overlay who claims a name, and remembers nobody.
///
/// # Errors
/// Says why nobody was found.
pub async fn claims_of(
    home: &Home,
    overlays: &[OverlayAddress],
    name: &Name,
) -> Result<Claims, Failure> {
    let (claimed, reason) = finder(home, overlays, FirstUse::Ask).claimed(name).await?;
    let own = Identity::public(home).ok().map(|(_, key)| key);
    let phrase = match (&claimed[..], own) {
        ([only], Some(own)) => Some(SafetyPhrase::of(&own, &only.key).to_string()),
        _ => None,
    };
    Ok(Claims { claimed, reason, phrase })
}

fn finder(home: &Home, overlays: &[OverlayAddress], first_use: FirstUse) -> Finder {
    // a key matters to those who write
    let nobody = KeyPair::from_seed(&Seed::new(random::bytes()));
    let overlays: Vec<_> = overlays.iter().map(|o| overlay::open(o, &nobody)).collect();
    overlays.iter().for_each(|overlay| overlay.remember_in(home.folder()));
    let authorities = Arc::new(AuthorityBook::new(home));
    let trust = TrustSettings {
        book: ContactBook::new(home),
        authorities: authorities.clone(),
        revocations: RevocationWatch::new(overlays.clone(), authorities),
        first_use,
        meetings: Arc::new(MeetingRoom::new(nobody.public(), ContactBook::new(home))),
        well_known: Config::load(home).unwrap_or_default().well_known(),
    };
    let sequences = Arc::new(Sequences::load(home));
    // without its key nobody can tell what is sealed to this identity
    let own = Identity::unlocked(home);
    let (introductions, private) = (Introductions::new(home), PrivateContacts::new(home));
    Finder::new(Search::new(overlays, introductions, sequences, own, private), trust)
}
