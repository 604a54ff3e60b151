//! Asks overlays about people, all of them at once, and remembers what they said.
//!
//! What was found is used until it ends. Once it is ten minutes old, whoever uses it makes the overlays be asked
//! again, and does not wait for them. Where the key is known, the first packet that counts is given at once
//! and newer ones follow: a slow or lying overlay delays nothing that another one has right.

use std::{
    collections::{BTreeMap, HashMap},
    iter,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use event_listener::Event;
use futures_lite::future;

use super::introductions::Introductions;
use super::lock_of;
use super::questions::{Questions, Rests};
use super::repair::Repairs;
use super::sequences::Sequences;
use crate::identity::{Name, PublicKey};
use crate::overlay::Overlay;
use crate::registration::{
    Cache, Cached, Lookup, Outcome, Packet, Patience, Report, Rollback, Said, Score, Wanted,
};
use crate::runtime::{clock, spawn};

/// A look-up by name alone waits so long after a first answer: a quick liar must not be the only one to
/// claim it.
const SETTLE_NAME: Duration = Duration::from_secs(1);
/// A look-up ends after this time. That of a known key goes on until then if an overlay has not answered:
/// nobody waits for it, and the newest packet may be there.
const DEADLINE: Duration = Duration::from_secs(6);
/// How many people are remembered.
const CACHE_SIZE: usize = 1024;
/// How many overlays have a score: the configured ones and those of many links.
const MAX_SCORES: usize = 256;

/// What is known of a person.
#[derive(Clone, Debug, Default)]
pub(super) struct Answer {
    /// The newest valid packet of each key.
    pub(super) packets: Vec<Packet>,
    /// How long it took, if the overlays had to be asked.
    pub(super) asked: Option<Duration>,
    /// The overlays that were asked.
    pub(super) addresses: Vec<String>,
    /// What each of them said.
    pub(super) reports: Vec<Report>,
    /// The look-up, if it goes on.
    pub(super) flight: Option<Arc<Flight>>,
}

/// A look-up under way, and whoever waits for it.
#[derive(Debug, Default)]
pub(super) struct Flight {
    progress: Mutex<Progress>,
    changed: Event,
}

#[derive(Debug, Default)]
struct Progress {
    newest: Option<Packet>,
    answer: Option<Answer>,
}

impl Flight {
    /// A packet that is newer than `packet`, as soon as there is one; None when the look-up has ended without.
    pub(super) async fn newer_than(&self, packet: &Packet) -> Option<Packet> {
        let sequence = packet.registration().sequence;
        loop {
            let changed = self.changed.listen();
            {
                let progress = lock_of(&self.progress);
                let newest = progress.newest.as_ref();
                let newer = newest.filter(|newest| newest.registration().sequence > sequence);
                if newer.is_some() || progress.answer.is_some() {
                    return newer.cloned();
                }
            }
            changed.await;
        }
    }

    /// The first packet that counts; None when the look-up has ended without.
    pub(super) async fn first(self: &Arc<Self>) -> Option<Packet> {
        self.enough(true).await.packets.into_iter().next()
    }

    /// The first packet that counts, if that is enough, or what the look-up came to.
    async fn enough(self: &Arc<Self>, is_enough: bool) -> Answer {
        loop {
            let changed = self.changed.listen();
            {
                let progress = lock_of(&self.progress);
                if let Some(answer) = &progress.answer {
                    return answer.clone();
                }
                if let Some(newest) = progress.newest.as_ref().filter(|_| is_enough) {
                    let (packets, flight) = (vec![newest.clone()], Some(self.clone()));
                    return Answer { packets, flight, ..Answer::default() };
                }
            }
            changed.await;
        }
    }

    fn progress(&self, newest: Option<&Packet>) {
        let mut progress = lock_of(&self.progress);
        if newest.is_some() && progress.newest.as_ref() != newest {
            progress.newest = newest.cloned();
            self.changed.notify(usize::MAX);
        }
    }

    fn end(&self, answer: Answer) {
        lock_of(&self.progress).answer = Some(answer);
        self.changed.notify(usize::MAX);
    }
}

/// The overlays, and what they have said.
#[derive(Debug)]
pub(super) struct Search {
    overlays: Vec<Arc<dyn Overlay>>,
    introductions: Introductions,
    sequences: Arc<Sequences>,
    cache: Mutex<Cache>,
    scores: Mutex<BTreeMap<String, Score>>,
    rests: Mutex<Rests>,
    repairs: Mutex<Repairs>,
    /// One look-up at a time for each person; those who come meanwhile share its answer.
    flights: Mutex<HashMap<Wanted, Arc<Flight>>>,
}

impl Search {
    pub(super) fn new(
        overlays: Vec<Arc<dyn Overlay>>,
        introductions: Introductions,
        sequences: Arc<Sequences>,
    ) -> Arc<Search> {
        Arc::new(Search {
            overlays,
            introductions,
            sequences,
            cache: Mutex::new(Cache::new(CACHE_SIZE)),
            scores: Mutex::default(),
            rests: Mutex::default(),
            repairs: Mutex::default(),
            flights: Mutex::default(),
        })
    }

    /// What is known of somebody, or what the overlays say. With a known key the first packet is enough.
    pub(super) async fn answer(self: &Arc<Self>, wanted: &Wanted) -> Answer {
        if let Some(answer) = self.remembered(wanted) {
            if lock_of(&self.cache).take_refresh(clock::now(), wanted) {
                self.fly(wanted);
            }
            return answer;
        }
        let started = clock::now();
        let flight = self.fly(wanted);
        let answer = flight.enough(wanted.key().is_some());
        // a look-up ends by itself; this is for one that broke off
        let answer = clock::timeout(DEADLINE + SETTLE_NAME, answer).await.unwrap_or_default();
        Answer { asked: Some(clock::now() - started), ..answer }
    }

    /// Looks for somebody, whatever is remembered.
    pub(super) fn look_again(self: &Arc<Self>, wanted: &Wanted) -> Arc<Flight> {
        self.fly(wanted)
    }

    /// This machine is in another network: overlays are reached over new connections.
    pub(super) fn handle_network_change(&self) {
        lock_of(&self.rests).end();
        for overlay in self.overlays.iter().cloned().chain(self.introductions.opened()) {
            overlay.handle_network_change();
        }
    }

    /// Forgets what is remembered of somebody.
    pub(super) fn forget(&self, wanted: &Wanted) {
        lock_of(&self.cache).forget(wanted);
    }

    /// Remembers that this packet is somebody's.
    pub(super) fn remember_packet(&self, wanted: Wanted, packet: &Packet) {
        let found = vec![packet.clone()];
        let outcome = Outcome { found, withdrawn: vec![], reports: vec![] };
        lock_of(&self.cache).insert(clock::now(), clock::wall(), wanted, &outcome);
    }

    /// Where a person is looked for: the configured overlays, and those that their share link named.
    pub(super) fn overlays_for(&self, name: &Name) -> Vec<Arc<dyn Overlay>> {
        let introduced = self.introductions.of(name, &self.overlays);
        self.overlays.iter().cloned().chain(introduced).collect()
    }

    /// Those of them that can find somebody by what is known.
    pub(super) fn overlays_that_find(&self, wanted: &Wanted) -> Vec<Arc<dyn Overlay>> {
        let overlays = wanted.name().map(|name| self.overlays_for(name));
        let mut overlays = overlays.unwrap_or_else(|| self.overlays.clone());
        overlays.retain(|overlay| overlay.abilities().can_find(wanted));
        overlays
    }

    /// Those of them that know addresses of contacts and nothing else.
    pub(super) fn overlays_that_locate(&self, name: &Name) -> Vec<Arc<dyn Overlay>> {
        let mut overlays = self.overlays_for(name);
        overlays.retain(|overlay| overlay.abilities().addresses);
        overlays
    }

    /// Asks one of those about the owner of a key.
    pub(super) async fn locate(&self, overlay: &Arc<dyn Overlay>, key: &PublicKey) -> Report {
        let started = clock::now();
        let answer = clock::timeout(DEADLINE, overlay.locate(key)).await;
        let latency = answer.is_some().then(|| clock::now() - started);
        let said = match answer {
            Some(Ok(addresses)) if addresses.is_empty() => Said::Nothing,
            Some(Ok(addresses)) => Said::Located(addresses),
            Some(Err(error)) => Said::Failed(error.to_string()),
            None => Said::TooLate,
        };
        let report = Report { said, latency, keys: Vec::new() };
        let outcome = Outcome { found: vec![], withdrawn: vec![], reports: vec![report.clone()] };
        self.judge(&Wanted::Key(*key), iter::once((overlay, &report)), &outcome);
        report
    }

    /// How the configuration spells those that can find somebody.
    pub(super) fn addresses(&self, wanted: &Wanted) -> Vec<String> {
        let overlays = self.overlays_that_find(wanted);
        overlays.iter().map(|overlay| overlay.address().to_owned()).collect()
    }

    /// What is known of an overlay.
    pub(super) fn score(&self, address: &str) -> Score {
        lock_of(&self.scores).get(address).cloned().unwrap_or_default()
    }

    /// Asks the overlays and says what each answered.
    pub(super) async fn ask(&self, wanted: &Wanted) -> Outcome {
        self.ask_and_tell(wanted, |_| {}).await
    }

    /// Joins the look-up of somebody, or begins it.
    fn fly(self: &Arc<Self>, wanted: &Wanted) -> Arc<Flight> {
        let mut flights = lock_of(&self.flights);
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
            let addresses = search.addresses(wanted);
            ahead.end(Answer { packets, addresses, reports, ..Answer::default() });
        })
        .detach();
        flight
    }

    async fn ask_and_tell(&self, wanted: &Wanted, tell: impl Fn(Option<&Packet>)) -> Outcome {
        let settle = if wanted.key().is_some() { DEADLINE } else { SETTLE_NAME };
        let patience = Patience { settle, deadline: DEADLINE };
        let overlays = self.overlays_that_find(wanted);
        let (count, started) = (overlays.len(), clock::now());
        let mut questions = Questions::ask(wanted, overlays, &lock_of(&self.rests), started);
        let floors = self.sequences.floors();
        let mut lookup = Lookup::new(wanted.clone(), count, &floors, patience, started);
        loop {
            let now = clock::now();
            questions.settle(now, &mut lookup);
            if let Some(outcome) = lookup.poll(now) {
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
                    lookup.handle_answer(now, clock::wall(), index, packets);
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
        let (packets, reports) =
            match lock_of(&self.cache).get(clock::now(), clock::wall(), wanted)? {
                Cached::Found(packets, reports) => (packets, reports),
                Cached::Nothing(reports) => (Vec::new(), reports),
            };
        let addresses = self.addresses(wanted);
        Some(Answer { packets, addresses, reports, ..Answer::default() })
    }

    fn remember(&self, now: Instant, wanted: &Wanted, outcome: &Outcome) {
        let Outcome { found, withdrawn, reports, .. } = outcome;
        self.sequences.accept(found);
        self.sequences.accept(withdrawn); // and nothing older comes back
        let mut cache = lock_of(&self.cache);
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

    /// Takes note of how each overlay did, puts back what one has lost, and raises the alarm when one goes
    /// back on its word.
    fn judge<'a>(
        &self,
        wanted: &Wanted,
        asked: impl Iterator<Item = (&'a Arc<dyn Overlay>, &'a Report)>,
        outcome: &Outcome,
    ) {
        let now = clock::now();
        for (overlay, report) in asked {
            let address = overlay.address();
            lock_of(&self.rests).record(now, address, report, wanted, outcome);
            let (rollback, times) = {
                let mut scores = lock_of(&self.scores);
                if !scores.contains_key(address) && scores.len() >= MAX_SCORES {
                    continue;
                }
                let score = scores.entry(address.to_owned()).or_default();
                let rollback = score.record(wanted, report, outcome);
                // those that links named are only read
                let is_own = self.overlays.iter().any(|own| Arc::ptr_eq(own, overlay));
                if let Some(newest) = outcome.found.first().filter(|_| is_own) {
                    let said = (wanted, &report.said);
                    lock_of(&self.repairs).consider(overlay, said, newest, score);
                }
                (rollback, score.rollbacks())
            };
            // what people put on a web site by hand may be of any age; and it is not said at every look-up
            let is_worth_saying = overlay.abilities().put && times.is_power_of_two();
            if let Some(Rollback { key, older }) = rollback.filter(|_| is_worth_saying) {
                let (key, seconds) = (key.fingerprint(), older.as_secs());
                log::warn!(
                    "{address} has gone back to a packet of {wanted} ({key}) that is {seconds} s \
                     older than one it gave before: it failed, or somebody plays old packets again"
                );
            }
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
        lock_of(&self.search.flights).remove(&self.wanted);
    }
}

/// Whether an overlay said nothing about the person at all.
pub(super) fn is_silent(report: &Report) -> bool {
    matches!(report.said, Said::Failed(_) | Said::TooLate)
}
