//! Looking people up without being a daemon: what commands ask that print and end.

use std::sync::Arc;

use super::authority_book::AuthorityBook;
use super::config::Config;
use super::contact_book::ContactBook;
use super::finder::{Finder, TrustSettings};
use super::home::Home;
use super::identity::Identity;
use super::introductions::Introductions;
use super::meeting_room::MeetingRoom;
use super::sequences::Sequences;
use crate::identity::{KeyPair, Name, Seed};
use crate::overlay::{self, OverlayAddress};
use crate::registration::{Outcome, Wanted};
use crate::runtime::random;
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

/// Asks every overlay about somebody; gives their addresses beside the outcome.
pub async fn look_up(
    home: &Home,
    overlays: &[OverlayAddress],
    wanted: &Wanted,
) -> (Vec<String>, Outcome) {
    let finder = finder(home, overlays);
    let asked = wanted.name().map(|name| finder.overlays_for(name)).unwrap_or_default();
    let addresses = asked.iter().map(|overlay| overlay.address().to_owned()).collect();
    (addresses, finder.ask(wanted).await)
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
    let (claimed, reason) = finder(home, overlays).claimed(name).await?;
    let own = Identity::public(home).ok().map(|(_, key)| key);
    let phrase = match (&claimed[..], own) {
        ([only], Some(own)) => Some(SafetyPhrase::of(&own, &only.key).to_string()),
        _ => None,
    };
    Ok(Claims { claimed, reason, phrase })
}

fn finder(home: &Home, overlays: &[OverlayAddress]) -> Finder {
    // a key matters to those who write
    let nobody = KeyPair::from_seed(&Seed::new(random::bytes()));
    let overlays = overlays.iter().map(|o| overlay::open(o, &nobody)).collect();
    let trust = TrustSettings {
        book: ContactBook::new(home),
        authorities: Arc::new(AuthorityBook::new(home)),
        first_use: FirstUse::Ask,
        meetings: Arc::new(MeetingRoom::new(nobody.public(), ContactBook::new(home))),
        well_known: Config::load(home).unwrap_or_default().well_known(),
    };
    Finder::new(overlays, Introductions::new(home), trust, Arc::new(Sequences::load(home)))
}
