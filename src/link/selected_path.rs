//! Which path to a peer is in use, for those who keep something for each path.
//!
//! QUIC does not see that its packets take another path; what it has learnt about the old one (how much
//! may be in flight) would be wrong for the new one. A number that changes with the path tells it, and another one
//! that the peer was silent for long: what was under way then is gone, though the path is the same.

use std::{
    collections::HashMap,
    hash::{DefaultHasher, Hash, Hasher},
    net::IpAddr,
    sync::{
        Arc, Weak,
        atomic::{AtomicU32, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use crate::identity::Hit;

use super::{
    silence::Silence,
    way::{RelayId, Way},
};

/// The number of the path to one peer that is in use. The same path has the same number when it comes
/// back; 0 stands for none.
#[derive(Clone, Debug, Default)]
pub struct SelectedPath(Arc<Numbers>);

#[derive(Debug, Default)]
struct Numbers {
    path: AtomicU32,
    silences: AtomicU32,
}

impl SelectedPath {
    /// The path's number.
    pub fn number(&self) -> u32 {
        self.0.path.load(Relaxed)
    }

    /// Selects a path.
    pub fn select(&self, number: u32) {
        self.0.path.store(number, Relaxed);
    }

    /// How many long silences of the peer have ended.
    pub fn silences(&self) -> u32 {
        self.0.silences.load(Relaxed)
    }

    /// Another silence has ended.
    pub fn resume(&self) {
        self.0.silences.fetch_add(1, Relaxed);
    }
}

/// The selected paths to all peers whose numbers somebody looks at.
#[derive(Debug, Default)]
pub(super) struct SelectedPaths {
    peers: HashMap<Hit, Entry>,
    /// What stands for the network that this host is in.
    network: u64,
}

#[derive(Debug)]
struct Entry {
    shared: Weak<Numbers>,
    to: Option<Target>,
    silence: Silence,
}

/// What tells paths apart. A change of nothing but the port is a NAT that was renumbered, and not another
/// path (RFC 9000, section 9.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Target {
    Direct(IpAddr),
    Relayed(RelayId),
    Turn(u16),
}

impl SelectedPaths {
    /// The number for one peer, whose packets go to `to`; it is kept up as long as somebody has it.
    pub(super) fn of(&mut self, hit: Hit, way: Option<Way>, now: Instant) -> SelectedPath {
        self.peers.retain(|_, entry| entry.shared.strong_count() > 0);
        let to = way.map(Target::of);
        if let Some(shared) = self.peers.get(&hit).and_then(|entry| entry.shared.upgrade()) {
            return SelectedPath(shared);
        }
        let selected = SelectedPath::default();
        selected.select(number(self.network, to));
        let shared = Arc::downgrade(&selected.0);
        self.peers.insert(hit, Entry { shared, to, silence: Silence::new(now) });
        selected
    }

    /// Packets for a peer take another way.
    pub(super) fn move_to(&mut self, hit: Hit, way: Way) {
        if let Some(entry) = self.peers.get_mut(&hit) {
            entry.to = Some(Target::of(way));
            entry.publish(self.network);
        }
    }

    /// A packet of QUIC has come from a peer; true if it is belated, see [`Silence::hear`].
    pub(super) fn hear(
        &mut self,
        hit: Hit,
        octets: usize,
        in_doubt: impl FnOnce() -> Option<Duration>,
        now: Instant,
    ) -> bool {
        let entry = self.peers.get_mut(&hit);
        entry.is_some_and(|entry| entry.silence.hear(octets, in_doubt, now))
    }

    /// Tells of the peers whose silence has ended and whose paths work, as `works` says.
    pub(super) fn resume(&mut self, works: impl Fn(Hit) -> bool) {
        for (hit, entry) in &mut self.peers {
            if works(*hit) && entry.silence.take_end() {
                log::debug!("{hit} speaks again after a long silence");
                entry.shared.upgrade().map(SelectedPath).iter().for_each(SelectedPath::resume);
            }
        }
    }

    /// This host is in another network, which `network` stands for: every path is another one.
    pub(super) fn set_network(&mut self, network: &impl Hash) {
        self.network = hash(network);
        for entry in self.peers.values() {
            entry.publish(self.network);
        }
    }
}

impl Target {
    fn of(way: Way) -> Target {
        match way {
            Way::Direct(address) => Target::Direct(address.ip()),
            Way::Relayed { relay, .. } => Target::Relayed(relay),
            Way::Turn { server, .. } => Target::Turn(server),
        }
    }
}

impl Entry {
    fn publish(&self, network: u64) {
        if let Some(shared) = self.shared.upgrade() {
            SelectedPath(shared).select(number(network, self.to));
        }
    }
}

/// Two paths with one number, one pair in four thousand million, share what is kept for them.
fn number(network: u64, to: Option<Target>) -> u32 {
    let Some(to) = to else { return 0 };
    let [a, b, c, d, ..] = hash(&(network, to)).to_be_bytes();
    u32::from_be_bytes([a, b, c, d]).max(1)
}

fn hash(value: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new(); // its keys are fixed
    value.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::PublicKey;
    use crate::runtime::clock;

    fn direct(text: &str) -> Way {
        Way::Direct(text.parse().unwrap())
    }

    fn hit(octet: u8) -> Hit {
        PublicKey([octet; 32]).hit()
    }

    #[test]
    fn a_path_that_comes_back_has_its_old_number() {
        let mut paths = SelectedPaths::default();
        let hit = hit(7);
        let (home, relay) = (direct("192.0.2.1:5050"), Way::Relayed { relay: RelayId(1), hit });
        let selected = paths.of(hit, None, clock::now());
        assert_eq!(selected.number(), 0);
        paths.move_to(hit, relay);
        let by_relay = selected.number();
        paths.move_to(hit, home);
        let at_home = selected.number();
        assert!(at_home != by_relay && at_home != 0 && by_relay != 0);
        paths.set_network(&"café");
        assert_ne!(selected.number(), at_home);
        paths.move_to(hit, direct("192.0.2.1:61000"));
        let in_the_cafe = selected.number();
        assert_eq!(
            paths.of(hit, Some(home), clock::now()).number(),
            in_the_cafe,
            "one number for all"
        );
        paths.move_to(self::hit(8), relay);
        assert_eq!(selected.number(), in_the_cafe);
    }

    #[test]
    fn nothing_is_kept_for_peers_that_nobody_looks_at() {
        let mut paths = SelectedPaths::default();
        for octet in 0..100 {
            paths.of(hit(octet), None, clock::now());
        }
        assert_eq!(paths.peers.len(), 1);
    }
}
