//! Mainline as a tracker (BEP 5): who announced himself in a swarm, in IPv4.
//!
//! Nodes forget an announcement after half an hour, and there is no way to take one back.

use std::{
    net::{IpAddr, SocketAddr},
    path::Path,
    sync::Arc,
    time::Duration,
};

use futures_lite::StreamExt;
use mainline::Id;

use super::node::Entry;
use super::{Bootstrap, in_time};
use crate::identity::{Name, Slot};
use crate::overlay::family::Family;
use crate::overlay::tracker::{RENEWAL, ports};
use crate::overlay::{Abilities, MAX_ADDRESSES, Overlay, OverlayError, candidates};
use crate::registration::{Packet, Wanted};
use crate::runtime::clock;
use crate::runtime::http::BoxFuture;
use crate::runtime::ip::is_global;

/// How long other nodes' answers are waited for when there is one.
const OTHERS: Duration = Duration::from_millis(1500);

/// The swarms of a DHT.
#[derive(Debug)]
pub struct Peers {
    spelling: String,
    entry: Arc<Entry>,
}

impl Peers {
    /// The DHT entered at `bootstrap`. Nothing is sent yet.
    pub fn new(bootstrap: &Bootstrap) -> Peers {
        let spelling = format!("tracker:{bootstrap}");
        Peers { spelling, entry: Arc::new(Entry::new(bootstrap)) }
    }
}

impl Overlay for Peers {
    fn find(&self, wanted: &Wanted) -> BoxFuture<Result<Vec<Vec<u8>>, OverlayError>> {
        candidates::find(self, wanted)
    }

    fn locate(&self, name: &Name) -> BoxFuture<Result<Vec<SocketAddr>, OverlayError>> {
        let (entry, swarm) = (self.entry.clone(), Slot::of_announcements(name));
        in_time(&self.entry, async move {
            let dht = entry.node().await?;
            let mut answers = dht.get_peers(Id::from(swarm.0));
            let mut found = answers.next().await.unwrap_or_default();
            let others = async {
                while let Some(more) = answers.next().await {
                    found.extend(more);
                }
            };
            clock::timeout(OTHERS, others).await;
            if found.is_empty() && !dht.bootstrapped().await {
                return Err(OverlayError::Unreachable("no node of the DHT answers".into()));
            }
            entry.note(&dht).await;
            found.sort();
            found.dedup();
            found.retain(|address| {
                let is_possible = entry.is_loopback() || is_global(IpAddr::V4(*address.ip()));
                is_possible && address.port() != 0
            });
            found.truncate(MAX_ADDRESSES);
            Ok(found.into_iter().map(SocketAddr::V4).collect())
        })
    }

    fn publish(&self, packet: &Packet) -> BoxFuture<Result<(), OverlayError>> {
        let registration = packet.registration();
        if registration.is_withdrawal() {
            return Box::pin(async { Ok(()) }); // it is forgotten soon
        }
        if packet.expires() < clock::wall() {
            return Box::pin(async { Err(OverlayError::Outdated) });
        }
        let Some(swarm) = registration.name.as_ref().map(Slot::of_announcements) else {
            return Box::pin(async { Err(OverlayError::NoName) });
        };
        let port = ports(registration).into_iter().find(|(family, _)| *family == Family::V4);
        let entry = self.entry.clone();
        in_time(&self.entry, async move {
            let (_, port) = port.ok_or(OverlayError::NoAddress)?;
            let dht = entry.node().await?;
            let announced = dht.announce_peer(Id::from(swarm.0), Some(port)).await;
            announced
                .map_err(|error| OverlayError::Unreachable(error.to_string().to_lowercase()))?;
            entry.note(&dht).await;
            Ok(())
        })
    }

    fn remember_in(&self, folder: &Path) {
        self.entry.remember_in(folder);
    }

    fn handle_network_change(&self) {
        self.entry.leave();
    }

    fn address(&self) -> &str {
        &self.spelling
    }

    fn abilities(&self) -> Abilities {
        Abilities { withdraws: false, renew: Some(RENEWAL), ..Abilities::ADDRESSES }
    }
}
