//! Finds people: from a name to a key that may be believed and the addresses in its newest packet.
//!
//! All overlays are asked at once. What they say is judged by [`crate::registration`] (which packet) and
//! [`crate::trust`] (whose key, `judging.rs`); this module only asks, remembers and tells.

mod flight;
mod hearings;
mod hints;
mod judging;
mod questions;
mod repair;
mod revocation_watch;
mod search;
mod seeking;
mod source;
mod unsealing;

use std::{sync::Arc, time::Duration};

use futures_lite::future;

use hearings::Hearings;

pub(in crate::daemon) use flight::{Answer, Flight};
pub(in crate::daemon) use hints::{Hints, Lead};
pub(in crate::daemon) use revocation_watch::RevocationWatch;
pub(in crate::daemon) use search::{Search, is_unasked};
pub(in crate::daemon) use seeking::seek;

use super::books::{AuthorityBook, ContactBook};
use super::meeting_room::MeetingRoom;
use crate::identity::{Name, PublicKey};
use crate::overlay::WellKnown;
use crate::registration::{Outcome, Packet, Refusal, Said, Wanted};
use crate::trust::{self, Binding, Claimed, Contact, FirstUse};
use crate::web::Failure;
use search::is_silent;

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

/// By what keys are judged.
#[derive(Debug)]
pub(super) struct TrustSettings {
    /// Whom the person knows.
    pub(super) book: ContactBook,
    /// Whom the person lets vouch for others.
    pub(super) authorities: Arc<AuthorityBook>,
    /// Who knows what those have taken back.
    pub(super) revocations: Arc<RevocationWatch>,
    /// What to do with strangers.
    pub(super) first_use: FirstUse,
    /// Where the person is asked about them.
    pub(super) meetings: Arc<MeetingRoom>,
    /// Who is asked whether the domain vouches for a stranger, if anybody is.
    pub(super) well_known: Option<WellKnown>,
}

/// Decides whose packets count, and keeps the contact book.
#[derive(Debug)]
pub(super) struct Finder {
    search: Arc<Search>,
    book: ContactBook,
    authorities: Arc<AuthorityBook>,
    revocations: Arc<RevocationWatch>,
    first_use: FirstUse,
    meetings: Arc<MeetingRoom>,
    well_known: Option<WellKnown>,
    hearings: Hearings,
}

impl Finder {
    pub(super) fn new(search: Arc<Search>, trust: TrustSettings) -> Finder {
        let TrustSettings { book, authorities, revocations, first_use, meetings, well_known } =
            trust;
        let hearings = Hearings::default();
        Finder { search, book, authorities, revocations, first_use, meetings, well_known, hearings }
    }

    /// Who asks the overlays.
    pub(super) fn search(&self) -> &Arc<Search> {
        &self.search
    }

    /// The contact book.
    pub(super) fn book(&self) -> &ContactBook {
        &self.book
    }

    /// Who knows what authorities have taken back.
    pub(super) fn revocations(&self) -> &Arc<RevocationWatch> {
        &self.revocations
    }

    /// Finds the owner of a name. A key met for the first time is accepted or not by the policy, and
    /// remembered if it is.
    pub(super) async fn find(&self, name: &Name) -> Result<Found, Failure> {
        self.find_and(name, Asking::AsNeeded, Memory::Writes).await
    }

    /// The same, without remembering whom it meets: for telling, not for using.
    pub(super) async fn examine(&self, name: &Name) -> Result<Found, Failure> {
        self.find_and(name, Asking::AsNeeded, Memory::Reads).await
    }

    /// Looks again although the answer is remembered: it led nowhere.
    pub(super) async fn find_again(&self, name: &Name) -> Result<Found, Failure> {
        self.search.forget(&Wanted::Name(name.clone()));
        self.find_and(name, Asking::Anew, Memory::Writes).await
    }

    async fn find_and(
        &self,
        name: &Name,
        asking: Asking,
        memory: Memory,
    ) -> Result<Found, Failure> {
        // without the books nobody can say whose key is the right one
        let untrusted = |reason: String| Failure::Untrusted { name: name.clone(), reason };
        let contacts = self.book.contacts().map_err(|error| untrusted(error.to_string()))?;
        if contacts.get(name).is_none_or(|contact| contact.binding != Binding::Pinned) {
            self.revocations.fresh().await;
        }
        let authorities = self.authorities.authorities();
        let authorities = authorities.map_err(|error| untrusted(error.to_string()))?;
        let mut by_key = None;
        if let Some(contact) = contacts.get(name) {
            let wanted = Wanted::Contact(name.clone(), contact.key);
            let answer = match asking {
                Asking::AsNeeded => self.search.answer(&wanted).await,
                Asking::Anew => self.search.answer_anew(&wanted).await,
            };
            if !answer.packets.is_empty() {
                return self.decide(name, &contacts, &authorities, None, answer, memory);
            }
            // those who said nothing about the key will say nothing about the name
            let is_hopeless = is_unasked(&answer.reports) && !self.search.knows_more(name, &wanted);
            if is_hopeless || self.search.is_private(&contact.key) {
                return Err(self.why_nothing(name, Some(&answer), None));
            }
            // perhaps another key claims the name: that is worth telling
            if !answer.reports.iter().any(is_silent) {
                // what was heard of the name before is no longer so
                self.search.forget(&Wanted::Name(name.clone()));
            }
            by_key = Some(answer);
        }
        let (answer, vouched) = self.ask_all(name, by_key.is_none()).await;
        if answer.packets.is_empty() {
            return Err(self.why_nothing(name, by_key.as_ref(), Some(&answer)));
        }
        let was_asked = answer.asked.is_some();
        let found = self.decide(name, &contacts, &authorities, vouched, answer, memory)?;
        if was_asked && memory == Memory::Writes {
            // the next look-up is one for a contact
            let wanted = Wanted::Contact(name.clone(), found.contact.key);
            self.search.remember_packet(wanted, &found.packet);
        }
        Ok(found)
    }

    /// Who claims a name, and the decision about it in words; nothing is remembered.
    pub(super) async fn claimed(&self, name: &Name) -> Result<(Vec<Claimed>, String), Failure> {
        let untrusted = |reason: String| Failure::Untrusted { name: name.clone(), reason };
        self.revocations.fresh().await;
        let contacts = self.book.contacts().map_err(|error| untrusted(error.to_string()))?;
        let authorities = self.authorities.authorities();
        let authorities = authorities.map_err(|error| untrusted(error.to_string()))?;
        let (answer, vouched) = self.ask_all(name, true).await;
        if answer.packets.is_empty() {
            return Err(self.why_nothing(name, None, Some(&answer)));
        }
        let claims = self.claims(&answer);
        self.hear(name, &claims, vouched);
        let knowledge = self.knowledge(&contacts, &authorities, vouched);
        let reason = trust::decide(name, &claims, knowledge).reason(name);
        Ok((trust::judge(name, &claims, knowledge), reason))
    }

    /// Asks the overlays who claims a name, and meanwhile the domain if the name is new.
    async fn ask_all(&self, name: &Name, is_new: bool) -> (Answer, Option<PublicKey>) {
        let wanted = Wanted::Name(name.clone());
        let asked = async {
            match &self.well_known {
                Some(well_known) if is_new => well_known.key_of(name).await,
                _ => None,
            }
        };
        future::zip(self.search.answer(&wanted), asked).await
    }

    /// Says why look-ups, under the key of a contact and under the name, found nobody.
    fn why_nothing(
        &self,
        name: &Name,
        by_key: Option<&Answer>,
        by_name: Option<&Answer>,
    ) -> Failure {
        let name = name.clone();
        let reports = || by_key.into_iter().chain(by_name).flat_map(|answer| &answer.reports);
        let said = || reports().map(|report| &report.said);
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
        // one that plays old packets again is told of, whatever others say
        let is_replayed =
            said().any(|said| matches!(said, Said::Refused(Refusal::Replayed { .. })));
        let is_nothing = said().any(|said| *said == Said::Nothing) && !is_replayed;
        if overlays.is_empty() || is_nothing {
            return if by_key.is_some() {
                Failure::Offline { name, ended: None }
            } else {
                Failure::NameUnknown { name }
            };
        }
        let last = by_name.or(by_key);
        let tried = last.map(Answer::told).unwrap_or_default();
        if last.is_some_and(|last| last.reports.iter().any(|r| r.said == Said::TooLate)) {
            Failure::LookupTimedOut { name, tried }
        } else {
            Failure::OverlaysFailed { name, tried }
        }
    }
}

/// Whether overlays are asked what is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asking {
    AsNeeded,
    Anew,
}

/// Whether it is written down whom the person meets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Memory {
    Writes,
    Reads,
}
