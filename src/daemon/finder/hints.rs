//! Addresses of a contact from overlays that know nothing else, such as trackers.
//!
//! They are no packets and are believed nothing: the link asks whoever is there for a proof of the key, which
//! therefore has to be known before, from the contact book. They are asked only where packets have not led to
//! a path within a moment.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use async_channel::{Receiver, Sender};
use futures_lite::future;

use super::search::Search;
use super::{Finder, Found};
use crate::identity::{Name, PublicKey};
use crate::link::Link;
use crate::overlay::Overlay;
use crate::runtime::{Task, clock, spawn};
use crate::web::Failure;

/// What packets get to lead somewhere before others are bothered.
const HEAD_START: Duration = Duration::from_millis(500);

/// Addresses to come, and the work on them, which ends with this.
#[derive(Debug)]
pub(in crate::daemon) struct Hints {
    key: PublicKey,
    addresses: Receiver<Vec<SocketAddr>>,
    _asking: Vec<Task<()>>,
}

/// Where a look-up has led.
pub(in crate::daemon) enum Lead {
    /// To a packet.
    Packet(Box<Found>),
    /// To addresses that may be the contact's.
    Addresses(PublicKey, Vec<SocketAddr>),
}

impl Hints {
    /// Those for a contact; None where nobody could give any, or a path is known.
    pub(in crate::daemon) fn of(finder: &Finder, link: &Link, name: &Name) -> Option<Hints> {
        let key = finder.book().contacts().ok()?.get(name)?.key;
        if link.path(&key).is_some() {
            return None;
        }
        let overlays = finder.search().overlays_that_locate(name, &key);
        if overlays.is_empty() {
            return None;
        }
        let (sender, addresses) = async_channel::bounded(overlays.len());
        let search = finder.search();
        let whom = (name.clone(), key);
        let ask = |overlay| spawn(ask(search.clone(), overlay, whom.clone(), sender.clone()));
        let _asking = overlays.into_iter().map(ask).collect();
        Some(Hints { key, addresses, _asking })
    }

    /// Whose addresses they are.
    pub(in crate::daemon) fn key(&self) -> &PublicKey {
        &self.key
    }

    /// The next addresses; None when all overlays have been asked.
    pub(in crate::daemon) async fn next(&self) -> Option<Vec<SocketAddr>> {
        self.addresses.recv().await.ok()
    }

    /// What comes first: the packet, or addresses. Without either, why there is no packet.
    pub(in crate::daemon) async fn or_packet(
        &self,
        find: impl Future<Output = Result<Found, Failure>>,
    ) -> Result<Lead, Failure> {
        let by_packet = async {
            match find.await {
                Ok(found) => Ok(Lead::Packet(Box::new(found))),
                Err(failure) => self.lead().await.ok_or(failure),
            }
        };
        let by_address = async {
            match self.lead().await {
                Some(lead) => Ok(lead),
                None => future::pending().await,
            }
        };
        future::or(by_packet, by_address).await
    }

    async fn lead(&self) -> Option<Lead> {
        self.next().await.map(|addresses| Lead::Addresses(self.key, addresses))
    }
}

/// Asks one overlay and passes on what it gives, if it gives anything.
async fn ask(
    search: Arc<Search>,
    overlay: Arc<dyn Overlay>,
    (name, key): (Name, PublicKey),
    hints: Sender<Vec<SocketAddr>>,
) {
    clock::sleep(HEAD_START).await;
    let addresses = search.locate(&overlay, &name, &key).await.addresses();
    if !addresses.is_empty() {
        let _ = hints.send(addresses).await;
    }
}
