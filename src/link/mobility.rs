//! The link while this host moves: hears of another network, asks every path anew, and tells those who
//! publish where this host is.
//!
//! Wildcard sockets stay; the system sends from an address that exists. A socket bound to an address that
//! is gone stays too, unused and unpublished, until the address is back: whoever chose it wanted no other.

use std::{
    sync::{
        Arc, Mutex, OnceLock, Weak,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use event_listener::Event as Signal;
use futures_lite::future;

use crate::identity::{Hit, PublicKey};
use crate::runtime::network::{ClockWatch, NetworkWatch, Notice};
use crate::runtime::{Task, clock, lock, spawn};

use super::{
    agent::LocalCandidate,
    candidate::CandidateKind,
    exclusions::Exclusion,
    gathering::{Gathered, GatheredKind},
    host::Link,
    locator_set::NatMapping,
    locators::{self, InterfaceAddress},
    network::{NetworkMonitor, NetworkView},
    selected_path::SelectedPath,
};

/// Where the system tells nothing, interfaces are looked at so often while a connection exists.
const POLL_HELD: Duration = Duration::from_secs(3);
/// And so often while none does.
const POLL_IDLE: Duration = Duration::from_secs(30);

/// What a link knows of its moves.
#[derive(Default)]
pub(super) struct Mobility {
    exclusions: Mutex<Vec<Exclusion>>,
    /// Connections that exist.
    pub(super) holds: AtomicUsize,
    changed: Signal,
    suspected: Signal,
    /// Ends with the link.
    watch: OnceLock<Task<()>>,
}

impl Link {
    /// From now on neither publishes nor offers these addresses of this host.
    pub fn exclude(&self, exclusions: Vec<Exclusion>) {
        *lock(&self.mobility.exclusions) = exclusions;
    }

    /// Begins to watch this host's network, as long as the link exists.
    pub fn watch_network(self: &Arc<Link>) {
        let link = Arc::downgrade(self);
        let monitor = NetworkMonitor::new(self.network_view(), clock::now(), clock::since_boot());
        self.mobility.watch.get_or_init(|| spawn(watch(link, monitor)));
        self.offer_candidates();
        spawn(offer_gathered(Arc::downgrade(self))).detach();
    }

    /// Tells connected peers, and those that will be, where this host may be reached.
    fn offer_candidates(&self) {
        let host = |address| LocalCandidate { kind: CandidateKind::Host, address, turn: None };
        let mut candidates: Vec<_> = self.local_locators().into_iter().map(host).collect();
        candidates.extend(self.gathered_addresses().iter().map(offered));
        let nat = self.nat_mapping().map_or(NatMapping::Unknown, NatMapping::from);
        self.set_local_candidates(&candidates, nat);
    }

    /// Waits until this host is in another network, or has slept.
    pub async fn network_change(&self) {
        self.mobility.changed.listen().await;
    }

    /// Asks every path in use whether it still works, and tells those who wait for
    /// [`Link::network_change`]. The watch calls it; a program that knows more may do so too.
    pub fn network_changed(&self) {
        let view = self.network_view();
        self.with_state(|state, now| {
            state.selected.set_network(&view);
            state.agent.handle_network_change(now);
            state.relaying.client.handle_moved(now);
        });
        self.gather_again();
        self.offer_candidates();
        self.mobility.changed.notify(usize::MAX);
    }

    /// Peers with a connection whose path has become doubtful and is not replaced yet; waits for one. Where
    /// the overlays say they are now may help, see [`Link::reach`].
    pub async fn suspected(&self) -> Vec<PublicKey> {
        loop {
            let listener = self.mobility.suspected.listen();
            let suspects = self.suspects();
            if !suspects.is_empty() {
                return suspects;
            }
            listener.await;
        }
    }

    /// The number of the path in use for a peer, which is kept up as long as somebody has it.
    pub fn selected_path(&self, peer: Hit) -> SelectedPath {
        self.with_state(|state, now| {
            let way = state.agent.path(peer);
            state.selected.of(peer, way, now)
        })
    }

    /// Wakes those who wait for suspicion.
    pub(super) fn suspicion(&self) {
        self.mobility.suspected.notify(usize::MAX);
    }

    /// Addresses of this host that may be told to others.
    pub(super) fn own_addresses(&self) -> Vec<InterfaceAddress> {
        let exclusions = lock(&self.mobility.exclusions);
        let mut addresses = locators::interface_addresses();
        addresses.retain(|address| !exclusions.iter().any(|exclusion| exclusion.covers(address)));
        addresses
    }

    fn network_view(&self) -> NetworkView {
        let mut addresses = self.own_addresses();
        addresses.retain(locators::is_reachable);
        addresses.sort();
        let mut sources = locators::preferred_sources();
        let working = locators::interface_addresses();
        // a route through an interface that does not work yet swallows what is sent, for a second
        sources.retain(|source| working.iter().any(|address| address.ip == *source));
        NetworkView { addresses, sources }
    }

    fn is_held(&self) -> bool {
        self.mobility.holds.load(Relaxed) > 0
    }
}

/// What others see, or lend, as peers are told of it.
fn offered(gathered: &Gathered) -> LocalCandidate {
    let (kind, turn) = match gathered.kind {
        GatheredKind::Mapped => (CandidateKind::Mapped, None),
        GatheredKind::Reflexive => (CandidateKind::ServerReflexive, None),
        GatheredKind::Teredo => (CandidateKind::Teredo, None),
        GatheredKind::Relayed { server } => (CandidateKind::Relayed, Some(server)),
    };
    LocalCandidate { kind, address: gathered.address, turn }
}

/// Tells peers of addresses that no interface has, as they become known.
async fn offer_gathered(link: Weak<Link>) {
    loop {
        let Some(gathered) = link.upgrade().map(|link| link.gathered()) else { return };
        gathered.await;
        if let Some(link) = link.upgrade() {
            link.offer_candidates();
            link.changes.notify(usize::MAX);
        }
    }
}

/// What the watch woke up for.
enum Turn {
    Notices(Vec<Notice>),
    Look,
    Clock,
}

/// Watches until the link is gone, whose task it is.
async fn watch(link: Weak<Link>, mut monitor: NetworkMonitor) {
    let (network, jumps) = (NetworkWatch::open().ok(), ClockWatch::open().ok());
    loop {
        let poll = match &network {
            Some(_) => None,
            None if link.upgrade().is_some_and(|link| link.is_held()) => Some(POLL_HELD),
            None => Some(POLL_IDLE),
        };
        let due = monitor.poll_timeout().or_else(|| Some(clock::now() + poll?));
        let notices = async {
            match &network {
                Some(network) => Turn::Notices(network.next().await),
                None => future::pending().await,
            }
        };
        let look = async {
            clock::sleep_until(due).await;
            Turn::Look
        };
        let jump = async {
            match &jumps {
                Some(jumps) => jumps.jumped().await,
                None => future::pending().await,
            }
            Turn::Clock
        };
        let turn = future::or(look, future::or(notices, jump)).await;
        let Some(link) = link.upgrade() else { return };
        let now = clock::now();
        let asleep = monitor.handle_clocks(now, clock::since_boot());
        let changed = match turn {
            Turn::Notices(notices) => {
                notices.into_iter().for_each(|notice| monitor.handle_notice(notice, now));
                false
            }
            Turn::Look => monitor.handle_view(link.network_view()),
            Turn::Clock => false,
        };
        if let Some(asleep) = asleep {
            log::info!("this machine has slept for {} s", asleep.as_secs());
        }
        if changed {
            log::info!("this machine is in another network");
        }
        if changed || asleep.is_some() {
            link.network_changed();
        }
    }
}
