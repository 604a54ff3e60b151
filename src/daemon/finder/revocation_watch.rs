//! Keeps revocation lists fresh: fetches those of all trusted authorities from the overlays, and puts the
//! newest where an older one or none lies, so that any member carries them on.
//!
//! Lists are fetched every ten minutes, and besides when somebody connects, when this machine wakes up and when
//! what is known here has changed. Whoever shows a certificate waits for the lists where they are older than that,
//! but not for long: overlays that do not answer lock nobody out.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use event_listener::Event;

use crate::daemon::books::AuthorityBook;
use crate::identity::{PublicKeyFile, Slot, Timestamp};
use crate::overlay::Overlay;
use crate::runtime::{clock, lock, spawn};
use crate::trust::{Authorities, SignedRevocations};

/// How often overlays are asked.
const INTERVAL: Duration = Duration::from_secs(600);
/// Lists that were fetched so short a time ago are good enough for who connects.
const RECENT: Duration = Duration::from_secs(15);
/// How long somebody waits for lists; and then nobody does for a minute.
const PATIENCE: Duration = Duration::from_secs(2);
const RESIGNATION: Duration = Duration::from_secs(60);
/// How often the clock is looked at.
const TICK: Duration = Duration::from_secs(60);
/// The same where nobody is trusted, so that a daemon at rest is seldom woken.
const IDLE_TICK: Duration = Duration::from_secs(300);
/// How much later that may be, so that it wakes nobody up.
const SLACK: Duration = Duration::from_secs(15);
/// For how long a list is put: as long as stores keep anything.
const TTL: Duration = Duration::from_secs(7 * 86_400);
/// Keys asked about at a time.
const AT_ONCE: usize = 8;

/// Fetches and passes on revocation lists.
#[derive(Debug)]
pub(in crate::daemon) struct RevocationWatch {
    overlays: Vec<Arc<dyn Overlay>>,
    book: Arc<AuthorityBook>,
    state: Mutex<State>,
    looked: Event,
    /// Whether this daemon shows itself to others, so that it may put lists.
    may_put: AtomicBool,
}

#[derive(Debug, Default)]
struct State {
    /// Whether overlays are being asked.
    looking: bool,
    last: Option<Look>,
    /// When somebody waited in vain.
    resigned: Option<Timestamp>,
}

/// When overlays had been asked, and what was known then.
#[derive(Debug)]
struct Look {
    at: Timestamp,
    known: Arc<Authorities>,
}

impl RevocationWatch {
    pub(in crate::daemon) fn new(
        overlays: Vec<Arc<dyn Overlay>>,
        book: Arc<AuthorityBook>,
    ) -> Arc<RevocationWatch> {
        Arc::new(RevocationWatch {
            overlays,
            book,
            state: Mutex::default(),
            looked: Event::new(),
            may_put: AtomicBool::new(false),
        })
    }

    /// Where the lists are kept.
    pub(in crate::daemon) fn book(&self) -> &Arc<AuthorityBook> {
        &self.book
    }

    /// Works until `shows_itself` gives None; else it says whether this daemon shows itself to others.
    pub(in crate::daemon) async fn run(self: Arc<Self>, shows_itself: impl Fn() -> Option<bool>) {
        while let Some(may_put) = shows_itself() {
            let begins = self.may_put.swap(may_put, Relaxed) != may_put && may_put;
            let known = self.known();
            if begins || self.is_due(&known) {
                self.look();
            }
            let is_idle = known.iter().next().is_none();
            let tick = if is_idle { IDLE_TICK } else { TICK };
            clock::sleep_about(tick, SLACK).await;
        }
    }

    /// Somebody connects: lists that are not quite new are fetched, and nobody waits for them.
    pub(in crate::daemon) fn check(self: &Arc<Self>) {
        if !self.is_younger_than(RECENT) {
            self.look();
        }
    }

    /// This machine has slept or moved: lists are fetched, and who shows a certificate waits for them.
    pub(in crate::daemon) fn handle_resume(self: &Arc<Self>) {
        let mut state = lock(&self.state);
        (state.last, state.resigned) = (None, None);
        drop(state);
        self.look();
    }

    /// Whether nobody has to wait.
    pub(in crate::daemon) fn is_fresh(&self) -> bool {
        let now = clock::wall();
        let resigned = lock(&self.state).resigned;
        self.is_younger_than(INTERVAL + TICK + SLACK)
            || resigned.is_some_and(|at| now >= at && now.since(at) < RESIGNATION)
            || self.known().iter().next().is_none()
    }

    /// Waits until the lists are fresh, or overlays have been given time enough.
    pub(in crate::daemon) async fn fresh(self: &Arc<Self>) {
        if self.is_fresh() {
            return;
        }
        let looked = self.looked.listen();
        self.look();
        if clock::timeout(PATIENCE, looked).await.is_none() {
            lock(&self.state).resigned = Some(clock::wall());
        }
    }

    fn is_younger_than(&self, age: Duration) -> bool {
        let (now, state) = (clock::wall(), lock(&self.state));
        state.last.as_ref().is_some_and(|look| now >= look.at && now.since(look.at) < age)
    }

    fn is_due(&self, known: &Arc<Authorities>) -> bool {
        let has_changed = |look: &Look| !Arc::ptr_eq(&look.known, known);
        !self.is_younger_than(INTERVAL) || lock(&self.state).last.as_ref().is_none_or(has_changed)
    }

    /// Begins to ask all overlays about all keys, unless that goes on.
    pub(in crate::daemon) fn look(self: &Arc<Self>) {
        if std::mem::replace(&mut lock(&self.state).looking, true) {
            return;
        }
        let watch = self.clone();
        spawn(async move {
            // what is learned meanwhile, such as a further key, makes the next look due
            let known = watch.known();
            let keys: Vec<_> = known.iter().flat_map(|a| a.keys.clone()).collect();
            for some in keys.chunks(AT_ONCE) {
                let asked = some.iter().map(|key| spawn(watch.clone().look_for(*key)));
                for task in asked.collect::<Vec<_>>() {
                    task.await;
                }
            }
            let mut state = lock(&watch.state);
            (state.looking, state.last) = (false, Some(Look { at: clock::wall(), known }));
            drop(state);
            watch.looked.notify(usize::MAX);
        })
        .detach();
    }

    fn known(&self) -> Arc<Authorities> {
        self.book.authorities().unwrap_or_default()
    }

    /// Asks all overlays about a key.
    async fn look_for(self: Arc<Self>, key: PublicKeyFile) {
        let slot = Slot::of_revocations(&key.key);
        let asked = self.overlays.iter().cloned().map(|overlay| {
            let watch = self.clone();
            spawn(async move {
                match overlay.get(slot).await {
                    Ok(found) => Some(watch.take(&key, &found)),
                    Err(error) => {
                        log::debug!("revocations in {}: {error}", overlay.address());
                        None
                    }
                }
            })
        });
        let mut held = Vec::with_capacity(self.overlays.len());
        for task in asked.collect::<Vec<_>>() {
            held.push(task.await);
        }
        if self.may_put.load(Relaxed)
            && let Some(newest) = self.book.list_of(&key)
        {
            let watch = self.clone();
            spawn(async move { watch.pass_on(slot, &newest, &held).await }).detach();
        }
    }

    /// Takes in what an overlay holds; gives the number of its newest list.
    fn take(&self, key: &PublicKeyFile, found: &[Vec<u8>]) -> u32 {
        let lists = found.iter().filter_map(|octets| SignedRevocations::decode(octets).ok());
        let mut highest = 0;
        for list in lists.filter(|list| list.key() == key) {
            let number = list.list().number;
            highest = highest.max(number);
            if self.book.list_of(key).is_some_and(|known| known.list().number >= number) {
                continue;
            }
            match self.book.revoke(list) {
                Ok(whose) => log::info!("{whose} has a new revocation list, number {number}"),
                Err(error) => log::debug!("a revocation list is not taken: {error}"),
            }
        }
        highest
    }

    async fn pass_on(&self, slot: Slot, newest: &SignedRevocations, held: &[Option<u32>]) {
        let compact = newest.to_compact();
        for (overlay, held) in self.overlays.iter().zip(held) {
            if held.is_some_and(|number| number < newest.list().number) {
                let put = overlay.put(slot, &compact, TTL).await;
                if let Err(error) = put {
                    log::debug!("cannot put revocations in {}: {error}", overlay.address());
                }
            }
        }
    }
}
