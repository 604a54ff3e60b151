//! Finds people: from a name to a key that may be believed and the addresses in its newest packet.
//!
//! All overlays are asked at once. What they say is judged by [`crate::registration`] (which packet) and
//! [`crate::trust`] (whose key); this module only asks, remembers and tells.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use futures_lite::future;

use super::contact_book::ContactBook;
use crate::identity::{Name, PublicKey, Slot};
use crate::overlay::Overlay;
use crate::registration::{
    Cache, Cached, Floors, Lookup, Outcome, Packet, Patience, Refusal, Report, Said, Wanted,
};
use crate::runtime::{clock, spawn};
use crate::trust::{self, Binding, Contact, Decision, FirstUse};
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
struct Answer {
    /// The newest valid packet of each key.
    packets: Vec<Packet>,
    /// How long it took, if the overlays had to be asked.
    asked: Option<Duration>,
    /// What they said then.
    reports: Vec<Report>,
}

/// Asks overlays, remembers what they said, and keeps the contact book.
#[derive(Debug)]
pub(super) struct Finder {
    overlays: Vec<Arc<dyn Overlay>>,
    book: ContactBook,
    first_use: FirstUse,
    cache: Mutex<Cache>,
    floors: Mutex<Floors>,
    /// One look-up at a time for each person; those who come meanwhile share its answer.
    flights: Mutex<HashMap<Wanted, Arc<async_lock::Mutex<()>>>>,
}

impl Finder {
    pub(super) fn new(
        overlays: Vec<Arc<dyn Overlay>>,
        book: ContactBook,
        first_use: FirstUse,
        floors: Floors,
    ) -> Finder {
        Finder {
            overlays,
            book,
            first_use,
            cache: Mutex::new(Cache::new(CACHE_SIZE)),
            floors: Mutex::new(floors),
            flights: Mutex::default(),
        }
    }

    /// The contact book.
    pub(super) fn book(&self) -> &ContactBook {
        &self.book
    }

    /// The newest packets seen, to be remembered beyond the end of the daemon.
    pub(super) fn sequences(&self) -> MutexGuard<'_, Floors> {
        self.floors.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Finds the owner of a name. A key met for the first time is accepted or not by the policy, and
    /// remembered if it is.
    pub(super) async fn find(&self, name: &Name) -> Result<Found, Failure> {
        let contacts =
            self.book.contacts().map_err(|e| Failure::Defect { detail: e.to_string() })?;
        let mut spent = None;
        if let Some(contact) = contacts.get(name) {
            let answer = self.answer(&Wanted::Contact(name.clone(), contact.key)).await;
            if let Some(packet) = answer.packets.first() {
                let (contact, packet) = (contact.clone(), packet.clone());
                return Ok(Found { contact, packet, asked: answer.asked });
            }
            // perhaps another key claims the name: that is worth telling
            spent = answer.asked;
        }
        let answer = self.answer(&Wanted::Name(name.clone())).await;
        if answer.packets.is_empty() {
            return Err(self.why_nothing(name, contacts.get(name).is_some(), &answer.reports));
        }
        let claimed: Vec<PublicKey> = answer.packets.iter().map(|p| p.registration().key).collect();
        let contact = match trust::decide(name, &contacts, &claimed, self.first_use) {
            Decision::Known(contact) => contact,
            Decision::FirstMeeting { key, ask: false } => self.meet(name, key),
            decision => return Err(not_trusted(name, &decision)),
        };
        let packet = answer.packets.into_iter().find(|p| p.registration().key == contact.key);
        let packet = packet.ok_or_else(|| Failure::NameUnknown { name: name.clone() })?;
        Ok(Found { contact, packet, asked: answer.asked.or(spent) })
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

    /// Accepts the key of a person met for the first time.
    fn meet(&self, name: &Name, key: PublicKey) -> Contact {
        match self.book.accept(name, key, Binding::FirstUse) {
            Ok(()) => log::warn!("first meeting: {name} has the key {}", key.fingerprint()),
            // a full disk must not keep people apart; the next meeting is a first one again
            Err(error) => log::warn!("cannot remember the key of {name}: {error}"),
        }
        Contact { name: name.clone(), key, binding: Binding::FirstUse, since: clock::wall() }
    }

    /// Says why a look-up found nobody. A contact whose registration is gone has only gone away.
    fn why_nothing(&self, name: &Name, is_contact: bool, reports: &[Report]) -> Failure {
        let name = name.clone();
        for report in reports {
            match &report.said {
                Said::Refused(Refusal::Expired(ago)) => {
                    return Failure::Unreachable { name, last_seen: Some(*ago) };
                }
                Said::Refused(reason @ (Refusal::FromFuture(_) | Refusal::Replayed { .. })) => {
                    return Failure::Untrusted { name, reason: reason.to_string() };
                }
                _ => {}
            }
        }
        let silent = |r: &Report| matches!(r.said, Said::Failed(_) | Said::TooLate);
        if reports.is_empty() || !reports.iter().all(silent) {
            return if is_contact {
                Failure::Unreachable { name, last_seen: None }
            } else {
                Failure::NameUnknown { name }
            };
        }
        let tried = self.overlays.iter().zip(reports);
        let tried = tried.map(|(o, r)| format!("{}: {}", o.address(), r.said)).collect();
        if reports.iter().any(|report| report.said == Said::TooLate) {
            Failure::LookupTimedOut { name, tried }
        } else {
            Failure::OverlaysFailed { name, tried }
        }
    }

    /// Asks the overlays and says what each answered.
    pub(super) async fn ask(&self, wanted: &Wanted) -> Outcome {
        let (slot, settle) = match wanted {
            Wanted::Name(name) => (Slot::of_name(name), SETTLE_NAME),
            Wanted::Key(key) | Wanted::Contact(_, key) => (Slot::of_key(key), SETTLE),
        };
        let patience = Patience { settle, deadline: DEADLINE };
        let (sender, answers) = async_channel::bounded(self.overlays.len().max(1));
        for (index, overlay) in self.overlays.iter().enumerate() {
            let (sender, answer) = (sender.clone(), overlay.get(slot));
            spawn(async move {
                let _ = sender.send((index, answer.await)).await;
            })
            .detach();
        }
        drop(sender);
        let mut lookup = Lookup::new(
            wanted.clone(),
            self.overlays.len(),
            &self.sequences(),
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
        if let Some(packets) = self.remembered(wanted) {
            return Answer { packets, asked: None, reports: Vec::new() };
        }
        let started = clock::now();
        let flight = self.flights().entry(wanted.clone()).or_default().clone();
        let turn = flight.lock().await;
        // whoever had the turn before may have brought the answer
        let (packets, reports) = match self.remembered(wanted) {
            Some(packets) => (packets, Vec::new()),
            None => {
                let outcome = self.ask(wanted).await;
                (outcome.found, outcome.reports)
            }
        };
        drop(turn);
        drop(flight);
        self.flights().retain(|_, flight| Arc::strong_count(flight) > 1);
        Answer { packets, asked: Some(clock::now() - started), reports }
    }

    fn remembered(&self, wanted: &Wanted) -> Option<Vec<Packet>> {
        match self.cache().get(clock::now(), clock::wall(), wanted)? {
            Cached::Found(packets) => Some(packets),
            Cached::Nothing => Some(Vec::new()),
        }
    }

    fn remember(&self, now: Instant, wanted: &Wanted, outcome: &Outcome) {
        let mut floors = self.sequences();
        for packet in &outcome.found {
            let registration = packet.registration();
            floors.raise(registration.key, registration.sequence);
        }
        drop(floors);
        let failed =
            outcome.reports.iter().any(|r| matches!(r.said, Said::Failed(_) | Said::TooLate));
        // what a dead overlay did not say is not known to be nothing
        if !outcome.found.is_empty() || !failed {
            self.cache().insert(now, clock::wall(), wanted.clone(), outcome);
        }
    }

    fn cache(&self) -> MutexGuard<'_, Cache> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn flights(&self) -> MutexGuard<'_, HashMap<Wanted, Arc<async_lock::Mutex<()>>>> {
        self.flights.lock().unwrap_or_else(PoisonError::into_inner)
    }
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
