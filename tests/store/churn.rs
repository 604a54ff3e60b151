//! A store through which people come and go does not grow: a day in virtual time, over HTTP, with the journal on
//! disk.

use std::{fs, sync::Arc, time::Duration};

use p2p::identity::Slot;
use p2p::overlay::Rate;
use p2p::overlay::store::{Store, StoreOptions};
use testbed::overlays::packets::{key, name, padded};
use testbed::overlays::store;
use testbed::overlays::wire::{Connection, Request};
use testbed::turned_clock::TurnedClock;

/// So often somebody is new, and puts a packet that lives for an hour.
const STEP: Duration = Duration::from_secs(45);
const DAY: Duration = Duration::from_secs(86_400);
const FIELDS: &str = "p2p-secret: 0123456789abcdef\r\np2p-ttl: 3600\r\n";
/// People who are there at any time.
const LIVE: usize = 80;

#[test]
fn a_day_of_people_who_come_and_go_leaves_a_store_as_it_was() {
    let (folder, clock) = (tempfile::tempdir().unwrap(), Arc::new(TurnedClock::new()));
    let rate = Rate { per_second: 1e6, burst: 1e6 };
    let options = StoreOptions { rate, ..StoreOptions::default() };
    let store = Store::open_by(clock.clone(), Some(folder.path()), options).unwrap();
    let store = Arc::new(store);
    let mut connection = Connection::open(store::serve_store(store.clone()), 0);
    let log = folder.path().join("places.log");
    let (key, mut elapsed, mut most) = (key(), Duration::ZERO, (0, 0));
    let mut first = None;
    while elapsed < DAY {
        let name = name();
        let (path, packet) = (Slot::of_name(&name).to_string(), padded(&key, &name, 1, 600));
        let request = Request { path: &path, fields: FIELDS, body: &packet };
        assert_eq!(connection.put(&request), 204);
        most = (most.0.max(store.places()), most.1.max(fs::metadata(&log).unwrap().len()));
        first.get_or_insert(path);
        elapsed += STEP;
        clock.turn_to(elapsed);
    }
    let (places, octets) = most;
    assert!((LIVE..LIVE + 30).contains(&places), "{places} places for {LIVE} people");
    // 1920 packets would be 1.6 MB
    assert!((1..1_100_000).contains(&octets), "a journal of {octets} octets");
    assert_eq!(connection.get(&first.unwrap()), 404, "who came first is gone");
}
