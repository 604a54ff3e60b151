//! Finds people: from a name to a key that may be believed and the addresses in its newest packet.
//!
//! All overlays are asked at once. What they say is judged by [`crate::registration`] (which packet) and
//! [`crate::trust`] (whose key); this module only asks, remembers and tells.

use std::sync::Arc;
use std::time::Duration;

use super::contact_book::ContactBook;
use super::search::{Flight, Search, is_silent};
use crate::identity::{Name, PublicKey};
use crate::registration::{Packet, Refusal, Report, Said, Wanted};
use crate::runtime::clock;
use crate::trust::{self, Binding, Contact, Decision, FirstUse};
use crate::web::Failure;

/// Somebody found.
#[derive(Clone, Debug)]
pub(super) struct Found {
    /// Whose key it is, and why that is believed.
    pub(super) contact: Contact,
    /// The newest statement of where they are.
    pub(super) packet: Packet,
    /// How long the overlays took; None if the answer was remembered.
    pub(super) asked: Option<Duration>,
    /// The look-up, if it goes on: a newer statement may come.
    pub(super) flight: Option<Arc<Flight>>,
}

/// Decides whose packets count, and keeps the contact book.
#[derive(Debug)]
pub(super) struct Finder {
    search: Arc<Search>,
    book: ContactBook,
    first_use: FirstUse,
}

impl Finder {
    pub(super) fn new(search: Arc<Search>, book: ContactBook, first_use: FirstUse) -> Finder {
        Finder { search, book, first_use }
    }

    /// Who asks the overlays.
    pub(super) fn search(&self) -> &Arc<Search> {
        &self.search
    }

    /// The contact book.
    pub(super) fn book(&self) -> &ContactBook {
        &self.book
    }

    /// Finds the owner of a name. A key met for the first time is accepted or not by the policy, and
    /// remembered if it is.
    pub(super) async fn find(&self, name: &Name) -> Result<Found, Failure> {
        self.find_and(name, Meeting::Remembered).await
    }

    /// The same, without remembering a first meeting: for telling, not for using.
    pub(super) async fn examine(&self, name: &Name) -> Result<Found, Failure> {
        self.find_and(name, Meeting::Forgotten).await
    }

    async fn find_and(&self, name: &Name, meeting: Meeting) -> Result<Found, Failure> {
        // without the book nobody can say whose key is the right one
        let contacts = self.book.contacts().map_err(|error| Failure::Untrusted {
            name: name.clone(),
            reason: error.to_string(),
        })?;
        let mut by_key = Vec::new();
        if let Some(contact) = contacts.get(name) {
            let answer = self.search.answer(&Wanted::Contact(name.clone(), contact.key)).await;
            if let Some(packet) = answer.packets.first() {
                let (contact, packet) = (contact.clone(), packet.clone());
                return Ok(Found { contact, packet, asked: answer.asked, flight: answer.flight });
            }
            // perhaps another key claims the name: that is worth telling
            by_key = answer.reports;
            if !by_key.iter().any(is_silent) {
                // what was heard of the name before is no longer so
                self.search.forget(&Wanted::Name(name.clone()));
            }
        }
        let answer = self.search.answer(&Wanted::Name(name.clone())).await;
        if answer.packets.is_empty() {
            let is_contact = contacts.get(name).is_some();
            return Err(self.why_nothing(name, is_contact, &by_key, &answer.reports));
        }
        let claimed: Vec<PublicKey> = answer.packets.iter().map(|p| p.registration().key).collect();
        let contact = match trust::decide(name, &contacts, &claimed, self.first_use) {
            Decision::Known(contact) => contact,
            Decision::FirstMeeting { key, ask: false } => self.meet(name, key, meeting),
            decision => return Err(not_trusted(name, &decision)),
        };
        let packet = answer.packets.into_iter().find(|p| p.registration().key == contact.key);
        let packet = packet.ok_or_else(|| Failure::NameUnknown { name: name.clone() })?;
        if answer.asked.is_some() && meeting == Meeting::Remembered {
            // the next look-up is one for a contact
            self.search.remember_packet(Wanted::Contact(name.clone(), contact.key), &packet);
        }
        Ok(Found { contact, packet, asked: answer.asked, flight: None })
    }

    /// Looks again although the answer is remembered: it led nowhere.
    pub(super) async fn find_again(&self, found: &Found) -> Result<Found, Failure> {
        let Contact { name, key, .. } = &found.contact;
        self.search.forget(&Wanted::Name(name.clone()));
        self.search.forget(&Wanted::Contact(name.clone(), *key));
        self.find(name).await
    }

    /// Accepts the key of a person met for the first time.
    fn meet(&self, name: &Name, key: PublicKey, meeting: Meeting) -> Contact {
        if meeting == Meeting::Remembered {
            match self.book.accept(name, key, Binding::FirstUse) {
                Ok(()) => log::warn!("first meeting: {name} has the key {}", key.fingerprint()),
                // a full disk must not keep people apart; the next meeting is a first one again
                Err(error) => log::warn!("cannot remember the key of {name}: {error}"),
            }
        }
        Contact { name: name.clone(), key, binding: Binding::FirstUse, since: clock::wall() }
    }

    /// Says why two look-ups, under the key of a contact and under the name, found nobody.
    fn why_nothing(
        &self,
        name: &Name,
        is_contact: bool,
        by_key: &[Report],
        by_name: &[Report],
    ) -> Failure {
        let name = name.clone();
        let said = || by_key.iter().chain(by_name).map(|report| &report.said);
        let reason = said().find_map(|said| match said {
            // the only thing found here that is not valid is a withdrawal
            Said::Found(_) => Some(Failure::Offline { name: name.clone(), ended: None }),
            Said::Refused(Refusal::Expired(ago)) => {
                Some(Failure::Offline { name: name.clone(), ended: Some(*ago) })
            }
            Said::Refused(Refusal::FromFuture(ahead)) => {
                Some(Failure::ClockWrong { name: name.clone(), ahead: *ahead })
            }
            _ => None,
        });
        if let Some(reason) = reason {
            return reason;
        }
        let overlays = self.search.overlays_that_find(&Wanted::Name(name.clone()));
        if overlays.is_empty() || said().any(|said| *said == Said::Nothing) {
            return if is_contact {
                Failure::Offline { name, ended: None }
            } else {
                Failure::NameUnknown { name }
            };
        }
        let tried = overlays.iter().zip(by_name);
        let tried = tried.map(|(o, r)| format!("{}: {}", o.address(), r.said)).collect();
        if by_name.iter().any(|report| report.said == Said::TooLate) {
            Failure::LookupTimedOut { name, tried }
        } else {
            Failure::OverlaysFailed { name, tried }
        }
    }
}

/// What becomes of a first meeting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Meeting {
    Remembered,
    Forgotten,
}

/// Says why a key that was found is not believed.
fn not_trusted(name: &Name, decision: &Decision) -> Failure {
    let name = name.clone();
    match decision {
        Decision::Conflict { known: Some(known), claimed } if !claimed.is_empty() => {
            let (known, offered) = (known.key.fingerprint(), claimed[0].fingerprint());
            Failure::KeyConflict { name, known, offered }
        }
        other => Failure::Untrusted { reason: other.reason(&name), name },
    }
}
