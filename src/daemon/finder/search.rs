//! Asks overlays about people, all of them at once, and remembers what they said.
//!
//! What was found is used until it ends. In the last third of its life, whoever uses it makes the overlays be
//! asked again, and does not wait for them. Where the key is known, the first packet that counts is given at once
//! and newer ones follow: a slow or lying overlay delays nothing that another one has right.

mod scoring;

use std::{
    collections::{BTreeMap, HashMap},
    iter,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use futures_lite::future;

use super::flight::{Answer, Flight};
use super::questions::{Questions, Rests};
use super::repair::Repairs;
use super::source::Source;
use super::unsealing::Unsealing;
use crate::daemon::books::{Introductions, PrivateContacts, Sequences};
use crate::identity::{KeyPair, Name, PublicKey};
use crate::overlay::Overlay;
use crate::registration::{
    Cache, Cached, Lookup, Outcome, Packet, Patience, Report, Said, Score, Wanted,
};
use crate::runtime::{clock, lock, spawn};

/// A look-up by name alone waits so long after a first answer: a quick liar must not be the only one to
/// claim it.
const SETTLE_NAME: Duration = Duration::from_secs(1);
/// A look-up ends after this time. That of a known key goes on until then if an overlay has not answered:
/// nobody waits for it, and the newest packet may be there.
const DEADLINE: Duration = Duration::from_secs(6);
/// How many people are remembered.
const CACHE_SIZE: usize = 1024;

/// The overlays, and what they have said.
#[derive(Debug)]
pub(in crate::daemon) struct Search {
    overlays: Vec<Arc<dyn Overlay>>,
    introductions: Introductions,
    sequences: Arc<Sequences>,
    /// Who opens what is sealed to this identity; None while its key is locked.
    unsealing: Option<Arc<Unsealing>>,
    private: PrivateContacts,
    cache: Mutex<Cache>,
    scores: Mutex<BTreeMap<String, Score>>,
    rests: Mutex<Rests>,
    repairs: Mutex<Repairs>,
    /// One look-up at a time for each person; those who come meanwhile share its answer.
    flights: Mutex<HashMap<Wanted, Arc<Flight>>>,
}

impl Search {
    pub(in crate::daemon) fn new(
        overlays: Vec<Arc<dyn Overlay>>,
        introductions: Introductions,
        sequences: Arc<Sequences>,
        own: Option<KeyPair>,
        private: PrivateContacts,
    ) -> Arc<Search> {
        Arc::new(Search {
            overlays,
            introductions,
            sequences,
            unsealing: own.map(|own| Arc::new(Unsealing::new(own))),
            private,
            cache: Mutex::new(Cache::new(CACHE_SIZE)),
            scores: Mutex::default(),
            rests: Mutex::default(),
            repairs: Mutex::default(),
            flights: Mutex::default(),
        })
    }

    /// What is known of somebody, or what the overlays say. With a known key the first packet is enough.
    pub(in crate::daemon) async fn answer(self: &Arc<Self>, wanted: &Wanted) -> Answer {
        if let Some(answer) = self.remembered(wanted) {
            if lock(&self.cache).take_refresh(clock::now(), wanted) {
                self.fly(wanted);
            }
            return answer;
        }
        self.ask_now(wanted).await
    }

    /// What the overlays say now, because what is remembered led nowhere. It is forgotten as soon as one of them
    /// says anything: where none can be asked, it is still the best that is known.
    pub(in crate::daemon) async fn answer_anew(self: &Arc<Self>, wanted: &Wanted) -> Answer {
        lock(&self.cache).doubt(wanted);
        self.forget_invitation(wanted);
        self.ask_now(wanted).await
    }

    async fn ask_now(self: &Arc<Self>, wanted: &Wanted) -> Answer {
        let started = clock::now();
        let flight = self.fly(wanted);
        let answer = flight.enough(wanted.key().is_some());
        // a look-up ends by itself; this is for one that broke off
        let answer = clock::timeout(DEADLINE + SETTLE_NAME, answer).await.unwrap_or_default();
        Answer { asked: Some(clock::now() - started), ..answer }
    }

    /// Looks for somebody, whatever is remembered.
    pub(in crate::daemon) fn look_again(self: &Arc<Self>, wanted: &Wanted) -> Arc<Flight> {
        self.fly(wanted)
    }

    /// This machine is in another network: overlays are reached over new connections.
    pub(in crate::daemon) fn handle_network_change(&self) {
        lock(&self.rests).end();
        for overlay in self.overlays.iter().cloned().chain(self.introductions.opened()) {
            overlay.handle_network_change();
        }
    }

    /// Forgets what is remembered of somebody.
    pub(in crate::daemon) fn forget(&self, wanted: &Wanted) {
        lock(&self.cache).forget(wanted);
        self.forget_invitation(wanted);
    }

    fn forget_invitation(&self, wanted: &Wanted) {
        if let (Some(key), Some(unsealing)) = (wanted.key(), &self.unsealing) {
            unsealing.forget(key);
        }
    }

    /// Remembers that this packet is somebody's.
    pub(in crate::daemon) fn remember_packet(&self, wanted: Wanted, packet: &Packet) {
        let found = vec![packet.clone()];
        let outcome = Outcome { found, withdrawn: vec![], reports: vec![] };
        lock(&self.cache).insert(clock::now(), clock::wall(), wanted, &outcome);
    }

    /// Where a person is looked for: the configured overlays, and those that their share link named.
    pub(in crate::daemon) fn overlays_for(&self, name: &Name) -> Vec<Arc<dyn Overlay>> {
        let introduced = self.introductions.of(name, &self.overlays);
        self.overlays.iter().cloned().chain(introduced).collect()
    }

    /// Those of them that can find somebody by what is known.
    pub(in crate::daemon) fn overlays_that_find(&self, wanted: &Wanted) -> Vec<Arc<dyn Overlay>> {
        let overlays = wanted.name().map(|name| self.overlays_for(name));
        let mut overlays = overlays.unwrap_or_else(|| self.overlays.clone());
        overlays.retain(|overlay| overlay.abilities().can_find(wanted));
        overlays
    }

    /// Whether asking for a name may tell more than this did: others are asked then, or something is remembered.
    pub(in crate::daemon) fn knows_more(&self, name: &Name, asked: &Wanted) -> bool {
        let by_name = Wanted::Name(name.clone());
        let overlays = self.overlays_that_find(&by_name);
        overlays.iter().any(|overlay| !overlay.abilities().can_find(asked))
            || self.remembered(&by_name).is_some()
    }

    /// What they and those that carry sealed packets are asked about somebody. Both at once only as long as it is
    /// not known that he is there for contacts only.
    pub(in crate::daemon) fn sources(&self, wanted: &Wanted) -> Vec<Source> {
        let overlays = wanted.name().map(|name| self.overlays_for(name));
        let overlays = overlays.unwrap_or_else(|| self.overlays.clone());
        let mut sources = Source::all(&overlays, wanted, self.unsealing.as_ref());
        if wanted.key().is_some_and(|key| self.is_private(key)) {
            sources.retain(Source::is_sealed);
        }
        sources
    }

    /// Whether the owner of a key is there for contacts only, as far as is known: nobody must be asked for him in
    /// the open.
    pub(in crate::daemon) fn is_private(&self, key: &PublicKey) -> bool {
        self.private.holds(key, clock::wall())
    }

    /// Those of them that know addresses of contacts and nothing else. Who is there for contacts only announces
    /// none, and is not to be asked for in the open.
    pub(in crate::daemon) fn overlays_that_locate(
        &self,
        name: &Name,
        key: &PublicKey,
    ) -> Vec<Arc<dyn Overlay>> {
        if self.is_private(key) {
            return Vec::new();
        }
        let mut overlays = self.overlays_for(name);
        overlays.retain(|overlay| overlay.abilities().addresses);
        overlays
    }

    /// Asks one of those about the owner of a name, whose key is known.
    pub(in crate::daemon) async fn locate(
        &self,
        overlay: &Arc<dyn Overlay>,
        name: &Name,
        key: &PublicKey,
    ) -> Report {
        let started = clock::now();
        let answer = clock::timeout(DEADLINE, overlay.locate(name)).await;
        let latency = answer.is_some().then(|| clock::now() - started);
        let said = match answer {
            Some(Ok(addresses)) if addresses.is_empty() => Said::Nothing,
            Some(Ok(addresses)) => Said::Located(addresses),
            Some(Err(error)) => Said::Failed(error.to_string()),
            None => Said::TooLate,
        };
        let report = Report { said, latency, keys: Vec::new() };
        let outcome = Outcome { found: vec![], withdrawn: vec![], reports: vec![report.clone()] };
        let source = Source::in_the_open(overlay.clone());
        self.judge(&Wanted::Key(*key), iter::once((&source, &report)), &outcome);
        report
    }

    /// How the configuration spells those that can find somebody.
    pub(in crate::daemon) fn addresses(&self, wanted: &Wanted) -> Vec<String> {
        self.sources(wanted).iter().map(Source::to_string).collect()
    }

    /// Asks the overlays and says what each answered.
    pub(in crate::daemon) async fn ask(&self, wanted: &Wanted) -> Outcome {
        self.ask_and_tell(wanted, |_| {}).await
    }

    /// Joins the look-up of somebody, or begins it.
    fn fly(self: &Arc<Self>, wanted: &Wanted) -> Arc<Flight> {
        let mut flights = lock(&self.flights);
        if let Some(flight) = flights.get(wanted) {
            return flight.clone();
        }
        let flight = Arc::new(Flight::default());
        flights.insert(wanted.clone(), flight.clone());
        drop(flights);
        let landing = Landing { search: self.clone(), wanted: wanted.clone() };
        let ahead = flight.clone();
        spawn(async move {
            let Landing { search, wanted } = &landing;
            let outcome = search.ask_and_tell(wanted, |newest| ahead.progress(newest)).await;
            let Outcome { found: packets, reports, .. } = outcome;
            let sources = search.sources(wanted);
            ahead.end(Answer { packets, sources, reports, ..Answer::default() });
        })
        .detach();
        flight
    }

    async fn ask_and_tell(&self, wanted: &Wanted, tell: impl Fn(Option<&Packet>)) -> Outcome {
        let settle = if wanted.key().is_some() { DEADLINE } else { SETTLE_NAME };
        let patience = Patience { settle, deadline: DEADLINE };
        let sources = self.sources(wanted);
        let (count, started) = (sources.len(), clock::now());
        let mut questions = Questions::ask(wanted, sources, &lock(&self.rests), started);
        let floors = self.sequences.floors();
        let mut lookup = Lookup::new(wanted.clone(), count, &floors, patience, started);
        loop {
            let now = clock::now();
            questions.settle(now, &mut lookup);
            if let Some(outcome) = lookup.poll(now) {
                self.note_private(questions.reports(&outcome));
                self.judge(wanted, questions.reports(&outcome), &outcome);
                self.remember(now, wanted, &outcome);
                return outcome;
            }
            let next = lookup.next_time();
            let timer = async {
                clock::sleep_until(Some(next)).await;
                None
            };
            let answer = future::or(questions.answer(), timer).await;
            let now = clock::now();
            match answer {
                Some((index, Ok(packets))) => {
                    lookup.handle_packets(now, clock::wall(), index, packets);
                    tell(lookup.newest());
                }
                Some((index, Err(error))) => {
                    lookup.handle_failure(now, index, &error.to_string());
                }
                None => {}
            }
        }
    }

    fn remembered(&self, wanted: &Wanted) -> Option<Answer> {
        let (packets, reports) = match lock(&self.cache).get(clock::now(), clock::wall(), wanted)? {
            Cached::Found(packets, reports) => (packets, reports),
            Cached::Nothing(reports) => (Vec::new(), reports),
        };
        let sources = self.sources(wanted);
        Some(Answer { packets, sources, reports, ..Answer::default() })
    }

    fn remember(&self, now: Instant, wanted: &Wanted, outcome: &Outcome) {
        let Outcome { found, withdrawn, reports, .. } = outcome;
        self.sequences.accept(found);
        self.sequences.accept(withdrawn); // and nothing older comes back
        let mut cache = lock(&self.cache);
        if cache.is_doubted(wanted) && !is_unasked(reports) {
            cache.forget(wanted);
        }
        // what a dead overlay did not say is not known to be nothing
        let is_known = reports.iter().all(|report| !is_silent(report));
        let is_told = !found.is_empty() || !withdrawn.is_empty();
        // and what was found before counts until it ends or is taken back
        let held = cache.get(now, clock::wall(), wanted);
        let is_held = matches!(held, Some(Cached::Found(..)));
        if is_told || (is_known && !is_held) {
            cache.insert(now, clock::wall(), wanted.clone(), outcome);
        }
    }

    /// Takes note of who was found sealed.
    fn note_private<'a>(&self, asked: impl Iterator<Item = (&'a Source, &'a Report)>) {
        let sealed = asked.filter(|(source, _)| source.is_sealed());
        for packet in sealed.filter_map(|(_, report)| match &report.said {
            Said::Found(packet) if !packet.registration().is_withdrawal() => Some(packet),
            _ => None,
        }) {
            self.private.note(packet.registration().key, clock::wall());
        }
    }
}

/// Ends a flight, however it ends.
struct Landing {
    search: Arc<Search>,
    wanted: Wanted,
}

impl Drop for Landing {
    fn drop(&mut self) {
        lock(&self.search.flights).remove(&self.wanted);
    }
}

/// Whether overlays were to be asked, and none of them could be.
pub(in crate::daemon) fn is_unasked(reports: &[Report]) -> bool {
    !reports.is_empty() && reports.iter().all(is_silent)
}

/// Whether an overlay said nothing about the person at all.
pub(in crate::daemon) fn is_silent(report: &Report) -> bool {
    matches!(report.said, Said::Failed(_) | Said::TooLate)
}

#[cfg(test)]
mod tests;
