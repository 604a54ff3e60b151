//! Keeps revocation lists fresh: fetches those of all trusted authorities from the overlays, and puts the
//! newest where an older one or none lies, so that any member carries them on.

use std::{sync::Arc, time::Duration};

use super::authority_book::AuthorityBook;
use crate::identity::{PublicKeyFile, Slot, Timestamp};
use crate::overlay::Overlay;
use crate::runtime::clock;
use crate::trust::SignedRevocations;

/// How often overlays are asked.
const INTERVAL: Duration = Duration::from_secs(600);
/// How often the clock is looked at: a laptop that slept asks soon after it wakes.
const TICK: Duration = Duration::from_secs(60);
/// The same where nobody is trusted, so that a daemon at rest is seldom woken.
const IDLE_TICK: Duration = Duration::from_secs(300);
/// For how long a list is put: as long as stores keep anything.
const TTL: Duration = Duration::from_secs(7 * 86_400);

/// Fetches and passes on revocation lists.
#[derive(Debug)]
pub(super) struct RevocationWatch {
    overlays: Vec<Arc<dyn Overlay>>,
    book: Arc<AuthorityBook>,
}

impl RevocationWatch {
    pub(super) fn new(
        overlays: Vec<Arc<dyn Overlay>>,
        book: Arc<AuthorityBook>,
    ) -> RevocationWatch {
        RevocationWatch { overlays, book }
    }

    /// Works until `shows_itself` gives None; else it says whether this daemon shows itself to others, so
    /// that it may put lists.
    pub(super) async fn run(self, shows_itself: impl Fn() -> Option<bool>) {
        let mut last: Option<(Timestamp, usize)> = None;
        while let Some(may_put) = shows_itself() {
            let known = self.keys().len();
            let is_due = last.is_none_or(|(at, keys)| {
                clock::wall().since(at) >= INTERVAL || at > clock::wall() || keys != known
            });
            if is_due {
                self.look(may_put).await;
                last = Some((clock::wall(), self.keys().len()));
            }
            clock::sleep(if known == 0 { IDLE_TICK } else { TICK }).await;
        }
    }

    fn keys(&self) -> Vec<PublicKeyFile> {
        let authorities = self.book.authorities();
        authorities
            .map_or_else(|_| Vec::new(), |all| all.iter().flat_map(|a| a.keys.clone()).collect())
    }

    /// Asks all overlays about all keys once.
    async fn look(&self, may_put: bool) {
        for key in self.keys() {
            let slot = Slot::of_revocations(&key.key);
            let mut held = Vec::with_capacity(self.overlays.len());
            for overlay in &self.overlays {
                held.push(match overlay.get(slot).await {
                    Ok(found) => Some(self.take(&key, &found)),
                    Err(error) => {
                        log::debug!("revocations in {}: {error}", overlay.address());
                        None
                    }
                });
            }
            if may_put && let Some(newest) = self.book.list_of(&key) {
                self.pass_on(slot, &newest, &held).await;
            }
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
