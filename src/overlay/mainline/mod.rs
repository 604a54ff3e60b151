//! Mainline, the DHT of BitTorrent (BEP 5), as storage for signed items (BEP 44).
//!
//! An item lies under its owner's key and nobody else can put one there, so whoever knows the key finds the
//! packet, and whoever knows only the name does not. Nodes forget an item after two hours.
//!
//! This host is a node only while it is needed: [`node`]. The same node can announce an address in a swarm,
//! as at a tracker: [`Peers`].

mod bootstrap;
mod node;
mod peers;

use std::{path::Path, sync::Arc, time::Duration};

use futures_lite::StreamExt;
use mainline::{
    MutableItem,
    errors::{ConcurrencyError, PutMutableError, PutQueryError},
};

pub use bootstrap::Bootstrap;
pub use peers::Peers;

use node::Entry;

use super::bep44::Item;
use super::pkarr::{self, dns};
use super::{Abilities, MAX_CANDIDATES, Overlay, OverlayError};
use crate::identity::KeyPair;
use crate::registration::presence::SealedPacket;
use crate::registration::{Packet, Wanted};
use crate::runtime::clock;
use crate::runtime::http::BoxFuture;

/// How long an answer or an acknowledgement is waited for; entering the DHT takes some seconds of it.
const DEADLINE: Duration = Duration::from_secs(12);
/// How long other nodes' items are waited for when there is one: some nodes have missed the newest.
const GRACE: Duration = Duration::from_millis(150);

/// The DHT, entered by some nodes.
#[derive(Debug)]
pub struct Mainline {
    spelling: String,
    keys: KeyPair,
    entry: Arc<Entry>,
}

impl Mainline {
    /// The DHT entered at `bootstrap`, where `keys` sign. Nothing is sent yet.
    pub fn new(bootstrap: &Bootstrap, keys: &KeyPair) -> Mainline {
        let (spelling, entry) = (bootstrap.to_string(), Entry::new(bootstrap));
        Mainline { spelling, keys: keys.clone(), entry: Arc::new(entry) }
    }

    fn put_item(&self, item: Item) -> BoxFuture<Result<(), OverlayError>> {
        let entry = self.entry.clone();
        in_time(&self.entry, async move {
            let dht = entry.node().await?;
            let Item { key, sequence, value, signature } = item;
            let sequence = i64::try_from(sequence).map_err(|_| OverlayError::Refused)?;
            let key = *key.as_bytes();
            let item = MutableItem::new_signed_unchecked(key, signature, &value, sequence, None);
            dht.put_mutable(item, None).await.map_err(|error| refusal(&error))?;
            entry.note(&dht).await;
            Ok(())
        })
    }
}

impl Overlay for Mainline {
    fn find(&self, wanted: &Wanted) -> BoxFuture<Result<Vec<Vec<u8>>, OverlayError>> {
        let Some(key) = wanted.key().copied() else {
            return Box::pin(async { Ok(Vec::new()) });
        };
        let entry = self.entry.clone();
        in_time(&self.entry, async move {
            let dht = entry.node().await?;
            let mut items = dht.get_mutable(key.as_bytes(), None, None);
            let mut found: Vec<MutableItem> = items.next().await.into_iter().collect();
            let others = async {
                while let Some(item) = items.next().await {
                    if !found.iter().any(|known| known.value() == item.value()) {
                        found.push(item);
                    }
                }
            };
            clock::timeout(GRACE, others).await;
            found.sort_by_key(|item| std::cmp::Reverse(item.seq()));
            found.truncate(MAX_CANDIDATES);
            if found.is_empty() && !dht.bootstrapped().await {
                return Err(OverlayError::Unreachable("no node of the DHT answers".into()));
            }
            entry.note(&dht).await;
            Ok(found.iter().filter_map(|item| dns::decode(&key, item.value())).collect())
        })
    }

    fn publish(&self, packet: &Packet) -> BoxFuture<Result<(), OverlayError>> {
        match Item::sign(packet, &self.keys) {
            Ok(item) => self.put_item(item),
            Err(error) => Box::pin(async { Err(error) }),
        }
    }

    fn publish_sealed(&self, sealed: &SealedPacket) -> BoxFuture<Result<(), OverlayError>> {
        self.put_item(Item::sign_sealed(sealed))
    }

    fn handle_network_change(&self) {
        self.entry.leave();
    }

    fn remember_in(&self, folder: &Path) {
        self.entry.remember_in(folder);
    }

    fn address(&self) -> &str {
        &self.spelling
    }

    fn abilities(&self) -> Abilities {
        Abilities {
            keeps: true,
            remote: true,
            by_name: false,
            renew: Some(pkarr::RENEWAL),
            ..Abilities::SLOTS
        }
    }
}

/// Something asked of the node, which does not stay where nobody answers.
fn in_time<T>(
    entry: &Arc<Entry>,
    work: impl Future<Output = Result<T, OverlayError>> + Send + 'static,
) -> BoxFuture<Result<T, OverlayError>> {
    let entry = entry.clone();
    Box::pin(async move {
        let done = clock::timeout(DEADLINE, work).await.unwrap_or(Err(OverlayError::TimedOut));
        if matches!(done, Err(OverlayError::Unreachable(_) | OverlayError::TimedOut)) {
            entry.leave();
        }
        done
    })
}

fn refusal(error: &PutMutableError) -> OverlayError {
    match error {
        PutMutableError::Concurrency(
            ConcurrencyError::NotMostRecent
            | ConcurrencyError::ConflictRisk
            | ConcurrencyError::CasFailed,
        ) => OverlayError::Outdated,
        PutMutableError::Query(PutQueryError::NoClosestNodes | PutQueryError::Timeout) => {
            OverlayError::Unreachable("no node of the DHT answers".into())
        }
        PutMutableError::Query(error) => {
            OverlayError::Unreachable(error.to_string().to_lowercase())
        }
    }
}
