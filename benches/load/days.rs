//! Days of many publishers, in virtual time.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    time::{Duration, Instant},
};

use p2p::identity::{KeyPair, Seed, Timestamp};
use p2p::registration::{Publisher, Whereabouts};
use p2p::runtime::clock;

/// The overlays of everybody, by the names of their costs.
pub(crate) const OVERLAYS: [&str; 3] = ["store", "mainline (up and down)", "opendht"];
/// How often each must be told again.
const RENEWALS: [Option<Duration>; 3] =
    [None, Some(Duration::from_secs(50 * 60)), Some(Duration::from_secs(8 * 60))];
/// That of the daemon's packets at first; it grows to a day.
const LIFETIME: Duration = Duration::from_secs(2 * 3600);
const DAY: Duration = Duration::from_secs(86_400);

/// How people live.
pub(crate) struct Life {
    pub(crate) users: u32,
    pub(crate) days: u32,
    /// How often a day each gets another address.
    pub(crate) moves: u32,
}

/// What came of it.
pub(crate) struct Published {
    /// Registrations in each overlay.
    pub(crate) counts: [u64; 3],
    user_days: f64,
}

impl Published {
    /// How often a user registered in an overlay each day.
    pub(crate) fn per_user_and_day(&self, overlay: usize) -> f64 {
        self.counts[overlay] as f64 / self.user_days
    }
}

/// Lets them live.
pub(crate) fn run(life: Life) -> Published {
    let start = clock::now();
    let mut counts = [0; 3];
    for user in 0..life.users {
        one(&life, user, start, &mut counts);
    }
    Published { counts, user_days: f64::from(life.users * life.days) }
}

fn one(life: &Life, user: u32, start: Instant, counts: &mut [u64; 3]) {
    let mut seed = [1; 32];
    seed[..4].copy_from_slice(&user.to_be_bytes());
    let keys = KeyPair::from_seed(&Seed::new(seed));
    let epoch = Timestamp::from_secs(1_800_000_000);
    let mut publisher =
        Publisher::new(keys, None, LIFETIME, Timestamp::from_secs(1), &RENEWALS, user.into())
            .with_ttl_up_to(DAY);
    let end = start + DAY * life.days;
    let mut moves: BTreeMap<Instant, u8> = BTreeMap::from([(start, 1)]);
    for n in 0..life.moves * life.days {
        moves.insert(start + DAY / life.moves * n + Duration::from_secs(u64::from(user)), n as u8);
    }
    let mut now = start;
    while now < end {
        while let Some((_, host)) = moves.first_key_value().filter(|(at, _)| **at <= now) {
            let locator = SocketAddr::from(([192, 0, 2, host | 1], 5050));
            let whereabouts = Whereabouts { locators: vec![locator], ..Whereabouts::default() };
            publisher.handle_change(now, &whereabouts).expect("an address fits");
            moves.pop_first();
        }
        let wall = epoch.saturating_add(now - start);
        while let Some(publication) = publisher.poll(now, wall) {
            counts[publication.overlay] += 1;
            publisher.handle_stored(now, &publication);
        }
        let next = publisher.next_time().into_iter().chain(moves.keys().next().copied()).min();
        now = next.unwrap_or(end).max(now + Duration::from_millis(1));
    }
}
