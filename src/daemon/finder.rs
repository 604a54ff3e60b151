//! Finds people: from a name to a key that may be believed and the addresses in its newest packet.
//!
//! All overlays are asked at once. What they say is judged by [`crate::registration`] (which packet) and
//! [`crate::trust`] (whose key, `judging.rs`); this module only asks, remembers and tells.

mod judging;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use futures_lite::future;

use super::authority_book::AuthorityBook;
use super::contact_book::ContactBook;
use super::introductions::Introductions;
use super::meeting_room::MeetingRoom;
use super::sequences::Sequences;
use crate::identity::{Name, PublicKey, Slot};
use crate::overlay::{Overlay, WellKnown};
use crate::registration::{
    Cache, Cached, Lookup, Outcome, Packet, Patience, Refusal, Report, Said, Wanted,
};
use crate::runtime::{clock, spawn};
use crate::trust::{self, Claimed, Contact, FirstUse};
use crate::web::Failure;

/// A look-up of a known key with a first answer waits this much longer for a newer one.
const SETTLE: Duration = Duration::from_millis(150);
/// A look-up by name alone waits longer: a quick liar must not be the only one to claim it.
const SETTLE_NAME: Duration = Duration::from_secs(1);
/// A look-up without any answer ends after this time.
const DEADLINE: Duration = Duration::from_secs(6);
/// How many people are remembered.
const CACHE_SIZE: usize = 1024;

/// Somebody found.
#[derive(Clone, Debug)]
pub(super) struct Found {
    /// Whose key it is, and why that is believed.
    pub(super) contact: Contact,
    /// The newest statement of where they are.
    pub(super) packet: Packet,
    /// How long the overlays took; None if the answer was remembered.
    pub(super) asked: Option<Duration>,
}

/// What is known of a person.
#[derive(Clone, Debug)]
struct Answer {
    /// The newest valid packet of each key.
    packets: Vec<Packet>,
    /// How long it took, if the overlays had to be asked.
    asked: Option<Duration>,
    /// What each overlay said.
    reports: Vec<Report>,
}

/// By what keys are judged.
#[derive(Debug)]
pub(super) struct TrustSettings {
    /// Whom the person knows.
    pub(super) book: ContactBook,
    /// Whom the person lets vouch for others.
    pub(super) authorities: Arc<AuthorityBook>,
    /// What to do with strangers.
    pub(super) first_use: FirstUse,
    /// Where the person is asked about them.
    pub(super) meetings: Arc<MeetingRoom>,
    /// Who is asked whether the domain vouches for a stranger, if anybody is.
    pub(super) well_known: Option<WellKnown>,
}

/// A look-up under way: whoever waits for its end finds its answer here.
type Flight = Arc<async_lock::Mutex<Option<Answer>>>;

/// Asks overlays, remembers what they said, and keeps the contact book.
#[derive(Debug)]
pub(super) struct Finder {
    overlays: Vec<Arc<dyn Overlay>>,
    introductions: Introductions,
    book: ContactBook,
    authorities: Arc<AuthorityBook>,
    first_use: FirstUse,
    meetings: Arc<MeetingRoom>,
    well_known: Option<WellKnown>,
    cache: Mutex<Cache>,
    sequences: Arc<Sequences>,
    /// One look-up at a time for each person; those who come meanwhile share its answer.
    flights: Mutex<HashMap<Wanted, Flight>>,
}

impl Finder {
    pub(super) fn new(
        overlays: Vec<Arc<dyn Overlay>>,
        introductions: Introductions,
        trust: TrustSettings,
        sequences: Arc<Sequences>,
    ) -> Finder {
        let TrustSettings { book, authorities, first_use, meetings, well_known } = trust;
        Finder {
            overlays,
            introductions,
            book,
            authorities,
            first_use,
            meetings,
            well_known,
            cache: Mutex::new(Cache::new(CACHE_SIZE)),
            sequences,
            flights: Mutex::default(),
        }
    }

    /// The contact book.
    pub(super) fn book(&self) -> &ContactBook {
        &self.book
    }

    /// Finds the owner of a name. A key met for the first time is accepted or not by the policy, and
    /// remembered if it is.
    pub(super) async fn find(&self, name: &Name) -> Result<Found, Failure> {
        self.find_and(name, Memory::Writes).await
    }

    /// The same, without remembering whom it meets: for telling, not for using.
    pub(super) async fn examine(&self, name: &Name) -> Result<Found, Failure> {
        self.find_and(name, Memory::Reads).await
    }

    async fn find_and(&self, name: &Name, memory: Memory) -> Result<Found, Failure> {
        // without the books nobody can say whose key is the right one
        let untrusted = |reason: String| Failure::Untrusted { name: name.clone(), reason };
        let contacts = self.book.contacts().map_err(|error| untrusted(error.to_string()))?;
        let authorities = self.authorities.authorities();
        let authorities = authorities.map_err(|error| untrusted(error.to_string()))?;
        let mut by_key = Vec::new();
        if let Some(contact) = contacts.get(name) {
            let answer = self.answer(&Wanted::Contact(name.clone(), contact.key)).await;
            if !answer.packets.is_empty() {
                return self.decide(name, &contacts, &authorities, None, answer, memory);
            }
            // perhaps another key claims the name: that is worth telling
            by_key = answer.reports;
            if !by_key.iter().any(is_silent) {
                // what was heard of the name before is no longer so
                self.cache().forget(&Wanted::Name(name.clone()));
            }
        }
        let is_new = contacts.get(name).is_none();
        let (answer, vouched) = self.ask_all(name, is_new).await;
        if answer.packets.is_empty() {
            let is_contact = contacts.get(name).is_some();
            return Err(self.why_nothing(name, is_contact, &by_key, &answer.reports));
        }
        let was_asked = answer.asked.is_some();
        let found = self.decide(name, &contacts, &authorities, vouched, answer, memory)?;
        if was_asked && memory == Memory::Writes {
            // the next look-up is one for a contact
            let (found_packets, wanted) =
                (vec![found.packet.clone()], Wanted::Contact(name.clone(), found.contact.key));
            let met = Outcome { found: found_packets, withdrawn: vec![], reports: vec![] };
            self.cache().insert(clock::now(), clock::wall(), wanted, &met);
        }
        Ok(found)
    }

    /// Who claims a name, and the decision about it in words; nothing is remembered.
    pub(super) async fn claimed(&self, name: &Name) -> Result<(Vec<Claimed>, String), Failure> {
        let untrusted = |reason: String| Failure::Untrusted { name: name.clone(), reason };
        let contacts = self.book.contacts().map_err(|error| untrusted(error.to_string()))?;
        let authorities = self.authorities.authorities();
        let authorities = authorities.map_err(|error| untrusted(error.to_string()))?;
        let (answer, vouched) = self.ask_all(name, true).await;
        if answer.packets.is_empty() {
            return Err(self.why_nothing(name, false, &[], &answer.reports));
        }
        let claims = self.claims(name, &authorities, &answer);
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
        future::zip(self.answer(&wanted), asked).await
    }

    /// Looks again although the answer is remembered: it led nowhere.
    pub(super) async fn find_again(&self, found: &Found) -> Result<Found, Failure> {
        let Contact { name, key, .. } = &found.contact;
        {
            let mut cache = self.cache();
            cache.forget(&Wanted::Name(name.clone()));
            cache.forget(&Wanted::Contact(name.clone(), *key));
        }
        self.find(name).await
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
        let overlays = self.overlays_for(&name);
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

    /// Where a person is looked for: the configured overlays, and those that their share link named.
    pub(super) fn overlays_for(&self, name: &Name) -> Vec<Arc<dyn Overlay>> {
        let introduced = self.introductions.of(name, &self.overlays);
        self.overlays.iter().cloned().chain(introduced).collect()
    }

    /// This machine is in another network: overlays are reached over new connections.
    pub(super) fn handle_network_change(&self) {
        for overlay in self.overlays.iter().cloned().chain(self.introductions.opened()) {
            overlay.handle_network_change();
        }
    }

    /// Asks the overlays and says what each answered.
    pub(super) async fn ask(&self, wanted: &Wanted) -> Outcome {
        let (slot, settle) = match wanted {
            Wanted::Name(name) => (Slot::of_name(name), SETTLE_NAME),
            Wanted::Key(key) | Wanted::Contact(_, key) => (Slot::of_key(key), SETTLE),
        };
        let patience = Patience { settle, deadline: DEADLINE };
        let overlays =
            wanted.name().map_or_else(|| self.overlays.clone(), |n| self.overlays_for(n));
        let (sender, answers) = async_channel::bounded(overlays.len().max(1));
        for (index, overlay) in overlays.iter().enumerate() {
            let (sender, answer) = (sender.clone(), overlay.get(slot));
            spawn(async move {
                let _ = sender.send((index, answer.await)).await;
            })
            .detach();
        }
        drop(sender);
        let mut lookup = Lookup::new(
            wanted.clone(),
            overlays.len(),
            &self.sequences.floors(),
            patience,
            clock::now(),
        );
        loop {
            let now = clock::now();
            if let Some(outcome) = lookup.poll(now) {
                self.remember(now, wanted, &outcome);
                return outcome;
            }
            let answer = async { answers.recv().await.ok() };
            let timer = async {
                clock::sleep_until(Some(lookup.next_time())).await;
                None
            };
            let answer = future::or(answer, timer).await;
            let now = clock::now();
            match answer {
                Some((index, Ok(packets))) => {
                    lookup.handle_answer(now, clock::wall(), index, packets);
                }
                Some((index, Err(error))) => {
                    lookup.handle_failure(now, index, &error.to_string());
                }
                None => {}
            }
        }
    }

    async fn answer(&self, wanted: &Wanted) -> Answer {
        if let Some(answer) = self.remembered(wanted) {
            return answer;
        }
        let started = clock::now();
        let flight = self.flights().entry(wanted.clone()).or_default().clone();
        let mut shared = flight.lock().await;
        let answer = match &*shared {
            Some(answer) => answer.clone(),
            None => {
                let Outcome { found: packets, reports, .. } = self.ask(wanted).await;
                shared.insert(Answer { packets, asked: None, reports }).clone()
            }
        };
        drop(shared);
        drop(flight);
        self.flights().retain(|_, flight| Arc::strong_count(flight) > 1);
        Answer { asked: Some(clock::now() - started), ..answer }
    }

    fn remembered(&self, wanted: &Wanted) -> Option<Answer> {
        let (packets, reports) = match self.cache().get(clock::now(), clock::wall(), wanted)? {
            Cached::Found(packets, reports) => (packets, reports),
            Cached::Nothing(reports) => (Vec::new(), reports),
        };
        Some(Answer { packets, asked: None, reports })
    }

    fn remember(&self, now: Instant, wanted: &Wanted, outcome: &Outcome) {
        self.sequences.accept(&outcome.found);
        let failed = outcome.reports.iter().any(is_silent);
        // what a dead overlay did not say is not known to be nothing
        if !outcome.found.is_empty() || !failed {
            self.cache().insert(now, clock::wall(), wanted.clone(), outcome);
        }
    }

    fn cache(&self) -> MutexGuard<'_, Cache> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn flights(&self) -> MutexGuard<'_, HashMap<Wanted, Flight>> {
        self.flights.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether it is written down whom the person meets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Memory {
    Writes,
    Reads,
}

/// Whether an overlay said nothing about the person at all.
fn is_silent(report: &Report) -> bool {
    matches!(report.said, Said::Failed(_) | Said::TooLate)
}
