//! What the link learns about itself from routers and servers, and whom it asks.

use std::{
    net::SocketAddr,
    sync::{Arc, Weak},
    time::Duration,
};

use event_listener::{Event as Signal, EventListener};

use crate::runtime::{clock, ip::is_global, spawn};

use super::{
    gathering::Gathered,
    host::Link,
    stun::{self, Mapping, ServerAddress},
    turn::TurnServer,
};

/// Between two attempts to find STUN servers that answer.
const SERVERS_RETRY: Duration = Duration::from_secs(60);

impl Link {
    /// From now on asks these servers how this host looks from outside, and borrows addresses from those
    /// of TURN, whenever it matters.
    pub fn ask_servers(self: &Arc<Link>, servers: Vec<ServerAddress>, turn: Vec<TurnServer>) {
        if self.is_only_here() {
            return;
        }
        self.gather_again(); // it tells own addresses from others, also in what peers say
        if servers.is_empty() && turn.is_empty() {
            return;
        }
        self.with_state(|state, _| state.gathering.expect_turn(turn.len()));
        let wanted = self.servers_wanted.clone();
        spawn(find_servers(Arc::downgrade(self), wanted, servers, turn)).detach();
    }

    /// Where this host can be reached beside its own addresses: mapped by a router, seen from outside, or
    /// over Teredo.
    pub fn gathered_addresses(&self) -> Vec<Gathered> {
        let gathered = self.state().gathering.candidates(clock::now());
        gathered.into_iter().chain(self.teredo_candidate()).collect()
    }

    /// All addresses to publish, the widest scope first.
    pub fn locators(&self) -> Vec<SocketAddr> {
        let gathered = self.gathered_addresses().into_iter().map(|gathered| gathered.address);
        let local = self.local_locators();
        let is_new = |gathered: &SocketAddr| !local.contains(gathered);
        gathered.filter(is_new).chain(local.iter().copied()).collect()
    }

    /// Whether an address is known under which other networks may see this host.
    pub fn is_seen_from_outside(&self) -> bool {
        self.locators().iter().any(|locator| is_global(locator.ip()))
    }

    /// How the NAT of IPv4 chooses ports, as far as can be told without asking for it.
    pub(super) fn nat_mapping(&self) -> Option<Mapping> {
        self.state().gathering.mapping()
    }

    /// Waits until [`Link::gathered_addresses`] are others.
    pub fn gathered(&self) -> EventListener {
        self.gathered.listen()
    }

    /// The interfaces or the network behind them have changed: asks again how this host looks from
    /// outside.
    pub(super) fn gather_again(&self) {
        let own = self.local_locators();
        self.with_state(|state, now| state.gathering.handle_network_change(&own, now));
        if let Some(teredo) = self.teredo.get() {
            teredo.restart();
        }
        self.network.notify(usize::MAX);
    }

    /// Waits until the network is another.
    pub(super) fn other_network(&self) -> EventListener {
        self.network.listen()
    }

    /// The addresses that the router sends here.
    pub(super) fn set_mapped(&self, mapped: Vec<SocketAddr>) {
        self.with_state(|state, _| state.gathering.set_mapped(mapped));
    }
}

/// Looks up which port the NAT gives out next.
pub(super) async fn scout(link: Weak<Link>, servers: Vec<SocketAddr>) {
    let latest = stun::scout(&servers).await;
    if let Some(link) = link.upgrade() {
        link.with_state(|state, now| state.agent.scouted(latest, now));
    }
}

/// Looks up the names of servers when somebody needs them, and not before.
async fn find_servers(
    link: Weak<Link>,
    wanted: Arc<Signal>,
    servers: Vec<ServerAddress>,
    turn: Vec<TurnServer>,
) {
    loop {
        let listener = wanted.listen();
        let Some(strong) = link.upgrade() else { return };
        let lacking = strong.state().gathering.lacks_servers();
        drop(strong);
        if !lacking {
            listener.await;
            continue;
        }
        let addresses = stun::resolve_all(&servers).await;
        let mut lenders = Vec::new();
        for account in &turn {
            let found = account.address.resolve().await;
            lenders.extend(found.first().map(|address| (*address, account)));
        }
        let Some(strong) = link.upgrade() else { return };
        strong.with_state(|state, now| {
            state.gathering.set_servers(&addresses, now);
            state.gathering.set_turn(&lenders, now);
        });
        drop(strong);
        clock::sleep(SERVERS_RETRY).await;
    }
}
