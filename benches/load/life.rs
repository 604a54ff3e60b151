//! Days of many people in virtual time, before a real store.
//!
//! The schedule, the client, its datagrams, the store and what a reader remembers are the program's own; only the clocks
//! are turned by hand, and all goes through one client, which keeps one token. Each visits others five
//! times an hour on average, at instants that a seed decides.

use std::{cmp::Reverse, collections::BinaryHeap, net::SocketAddr, sync::Arc, time::Duration};

use futures_lite::future;
use p2p::identity::{KeyPair, Name, Seed, Timestamp};
use p2p::overlay::store::{Capacity, Store, StoreOptions};
use p2p::overlay::{self, Overlay, OverlayAddress, Rate};
use p2p::registration::{
    Cache, Cached, Floors, Lookup, Packet, Patience, Publisher, Registration, Wanted, Whereabouts,
};
use p2p::runtime::Async;
use p2p::runtime::{block_on, clock::Clock, spawn};

use crate::meter::Meter;
use testbed::dice::Dice;
use testbed::overlays::datagram_store;
use testbed::overlays::packets::key;
use testbed::turned_clock::TurnedClock;

/// The overlays of everybody, by the names of their costs. The store is real, the others are counted.
pub(crate) const OVERLAYS: [&str; 3] = ["store", "mainline (up and down)", "opendht"];
/// How often each must be told again.
const RENEWALS: [Option<Duration>; 3] =
    [None, Some(Duration::from_secs(50 * 60)), Some(Duration::from_secs(8 * 60))];
/// That of the daemon's packets at first; it grows to a day.
const LIFETIME: Duration = Duration::from_secs(2 * 3600);
const DAY: Duration = Duration::from_secs(86_400);
/// Within this time all begin.
const START: Duration = Duration::from_secs(600);
/// As many people as the daemon remembers.
const REMEMBERED: usize = 1024;

/// How people live.
#[derive(Clone, Copy)]
pub(crate) struct Life {
    /// Those who register again and again.
    pub(crate) users: usize,
    /// Those of them who visit.
    pub(crate) visitors: usize,
    /// Others, who registered once and for all days.
    pub(crate) others: usize,
    pub(crate) days: u32,
    /// How often a day each gets another address.
    pub(crate) moves: u32,
    /// How often a day each visits somebody.
    pub(crate) visits: f64,
    pub(crate) whom: Whom,
}

/// Whom people visit.
#[derive(Clone, Copy)]
pub(crate) enum Whom {
    /// Somebody else each time: what was remembered is of no use.
    Strangers,
    /// One of so many, the second half as often as the first, the third a third as often.
    Friends(usize),
}

/// What a day came to for all together.
#[derive(Clone, Copy, Default)]
pub(crate) struct Day {
    /// Registrations in each overlay.
    pub(crate) registrations: [u64; 3],
    pub(crate) visits: u64,
    /// Visits for which the store was asked.
    pub(crate) lookups: u64,
    /// Visits to whom the address that was known was the one of an earlier place.
    pub(crate) stale: u64,
    /// Octets up and down of registrations in the store.
    pub(crate) put: (f64, f64),
    /// The same of look-ups.
    pub(crate) get: (f64, f64),
    /// Octets of the last packet that was registered.
    pub(crate) packet: usize,
    /// Places that the store holds at the end of the day.
    pub(crate) places: usize,
}

/// Lets them live and gives their days.
pub(crate) fn live(life: Life) -> Vec<Day> {
    let mut world = World::new(life);
    let mut days = Vec::new();
    for day in 1..=life.days {
        let mut sum = Day::default();
        world.run(DAY * day, &mut sum);
        sum.places = world.store.places();
        days.push(sum);
    }
    days
}

/// Somebody with a daemon.
struct Resident {
    publisher: Publisher,
    wanted: Wanted,
    /// How often this one has moved.
    moved: u32,
    remembers: Cache,
    friends: Vec<usize>,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Errand {
    Move,
    Publish,
    Visit,
}

struct World {
    life: Life,
    clock: Arc<TurnedClock>,
    store: Arc<Store>,
    meter: Meter,
    client: Arc<dyn Overlay>,
    residents: Vec<Resident>,
    agenda: BinaryHeap<Reverse<(Duration, usize, Errand)>>,
    dice: Dice,
    /// How likely a visit is one to the first friend or so many more.
    weights: Vec<f64>,
}

impl World {
    fn new(life: Life) -> World {
        let clock = Arc::new(TurnedClock::new());
        let rate = Rate { per_second: 1e6, burst: 1e6 };
        // all come from one address, which may fill only a part
        let capacity = Capacity { places: 100_000_000, octets: 10 << 30 };
        let options = StoreOptions { rate, capacity, ..StoreOptions::default() };
        let store = Store::open_by(clock.clone(), None, options).expect("memory");
        let store = Arc::new(store);
        let server = serve(store.clone());
        let meter = Meter::before(server);
        let client = client_of(meter.address);
        register_others(&life, clock.wall(), server);
        let mut dice = Dice(1);
        let residents = (0..life.users).map(|at| resident(at, &life, &mut dice)).collect();
        let mut agenda = BinaryHeap::new();
        for at in 0..life.users {
            agenda.push(Reverse((START.mul_f64(dice.share()), at, Errand::Move)));
        }
        for at in 0..life.visitors {
            agenda.push(Reverse((START + pause(&life, &mut dice), at, Errand::Visit)));
        }
        let friends = if let Whom::Friends(count) = life.whom { count } else { 1 };
        let weights = (1..=friends).scan(0.0, |sum, rank| {
            *sum += 1.0 / rank as f64;
            Some(*sum)
        });
        let weights = weights.collect();
        World { life, clock, store, meter, client, residents, agenda, dice, weights }
    }

    fn run(&mut self, end: Duration, day: &mut Day) {
        while let Some(Reverse((at, who, errand))) = self.agenda.pop() {
            if at >= end {
                self.agenda.push(Reverse((at, who, errand)));
                break;
            }
            self.clock.turn_to(at);
            match errand {
                Errand::Move => self.step(who),
                Errand::Publish => self.publish(who, day),
                Errand::Visit => self.visit(who, day),
            }
        }
        self.clock.turn_to(end);
    }

    /// Somebody has another address.
    fn step(&mut self, who: usize) {
        let now = self.clock.now();
        let resident = &mut self.residents[who];
        resident.moved += 1;
        let locator = address(who, resident.moved);
        let whereabouts = Whereabouts { locators: vec![locator], ..Whereabouts::default() };
        resident.publisher.handle_change(now, &whereabouts).expect("an address fits");
        self.wake(who);
        if self.life.moves > 0 {
            let next = self.clock.elapsed() + DAY / self.life.moves;
            self.agenda.push(Reverse((next, who, Errand::Move)));
        }
    }

    fn publish(&mut self, who: usize, day: &mut Day) {
        let (now, wall) = (self.clock.now(), self.clock.wall());
        let publisher = &mut self.residents[who].publisher;
        if publisher.next_time().is_none_or(|due| due > now) {
            return; // the schedule has changed since
        }
        while let Some(publication) = publisher.poll(now, wall) {
            day.registrations[publication.overlay] += 1;
            if publication.overlay == 0 {
                day.packet = publication.packet.as_bytes().len();
                let before = self.meter.read();
                // a machine that is busy otherwise may be late once
                let taken =
                    (0..3).any(|_| block_on(self.client.publish(&publication.packet)).is_ok());
                assert!(taken, "the store takes it");
                add(&mut day.put, before, self.meter.read());
            }
            publisher.handle_stored(now, &publication);
        }
        self.wake(who);
    }

    fn wake(&mut self, who: usize) {
        if let Some(due) = self.residents[who].publisher.next_time() {
            let elapsed = self.clock.elapsed();
            // the agenda counts whole microseconds
            let wait = due.saturating_duration_since(self.clock.now()) + Duration::from_micros(1);
            self.agenda.push(Reverse((elapsed + wait, who, Errand::Publish)));
        }
    }

    /// As the daemon does: what is remembered is used, and looked up again once it is old.
    fn visit(&mut self, who: usize, day: &mut Day) {
        let (now, wall) = (self.clock.now(), self.clock.wall());
        let next = self.clock.elapsed() + pause(&self.life, &mut self.dice);
        self.agenda.push(Reverse((next, who, Errand::Visit)));
        let whom = self.whom(who);
        let wanted = self.residents[whom].wanted.clone();
        day.visits += 1;
        let cache = &mut self.residents[who].remembers;
        let remembered = match (self.life.whom, cache.get(now, wall, &wanted)) {
            (Whom::Friends(_), Some(Cached::Found(packets, _))) => packets.into_iter().next(),
            _ => None,
        };
        let is_old = cache.take_refresh(now, &wanted);
        let found = match remembered {
            Some(packet) => {
                if is_old {
                    self.look_up(who, &wanted, day);
                }
                packet
            }
            None => self.look_up(who, &wanted, day),
        };
        let current = address(whom, self.residents[whom].moved);
        day.stale += u64::from(found.registration().locators != [current]);
    }

    fn whom(&mut self, who: usize) -> usize {
        match self.life.whom {
            Whom::Strangers => {
                let other = self.dice.roll(self.life.users as u64 - 1) as usize;
                other + usize::from(other >= who)
            }
            Whom::Friends(_) => {
                let sum = self.weights.last().copied().unwrap_or_default();
                let drawn = self.dice.share() * sum;
                let rank = self.weights.partition_point(|weight| *weight <= drawn);
                self.residents[who].friends[rank]
            }
        }
    }

    fn look_up(&mut self, who: usize, wanted: &Wanted, day: &mut Day) -> Packet {
        let (now, wall) = (self.clock.now(), self.clock.wall());
        let before = self.meter.read();
        let packets = block_on(self.client.find(wanted)).expect("the store answers");
        add(&mut day.get, before, self.meter.read());
        day.lookups += 1;
        let mut lookup = Lookup::new(wanted.clone(), 1, &Floors::new(), Patience::default(), now);
        lookup.handle_answer(now, wall, 0, packets);
        let outcome = lookup.poll(now).expect("all have answered");
        self.residents[who].remembers.insert(now, wall, wanted.clone(), &outcome);
        outcome.found.into_iter().next().expect("everybody is registered")
    }
}

/// Serves in tasks, which run while somebody waits for an answer: one thread does all.
fn serve(store: Arc<Store>) -> SocketAddr {
    let (listener, datagrams) = datagram_store::listen_twice();
    let address = listener.local_addr().expect("an address");
    spawn(async move {
        let listener = Async::new(listener).expect("a socket");
        let datagrams = Async::new(datagrams).expect("a socket");
        future::zip(store.serve(listener), store.serve_datagrams(datagrams)).await;
    })
    .detach();
    address
}

/// The program's own.
fn client_of(server: SocketAddr) -> Arc<dyn Overlay> {
    let spelling = format!("store:http://{server}/{{slot}}");
    let address = OverlayAddress::parse(&spelling).expect("a spelling");
    overlay::open(&address, &key())
}

/// Puts the packets of those who do nothing more, past the meter.
fn register_others(life: &Life, sequence: Timestamp, server: SocketAddr) {
    let client = client_of(server);
    for at in life.users..life.users + life.others {
        let (keys, name) = somebody(at);
        let registration = Registration {
            name: Some(name),
            key: keys.public(),
            sequence,
            ttl: DAY * (life.days + 1),
            locators: vec![address(at, 1)],
            rendezvous: Vec::new(),
            certificates: Vec::new(),
        };
        let packet = Packet::sign(&registration, &keys).expect("it fits");
        block_on(client.publish(&packet)).expect("the store takes it");
    }
}

fn somebody(at: usize) -> (KeyPair, Name) {
    let mut seed = [1; 32];
    seed[..8].copy_from_slice(&at.to_be_bytes());
    let name = Name::parse(&format!("user{at}@example.com")).expect("a name");
    (KeyPair::from_seed(&Seed::new(seed)), name)
}

fn resident(at: usize, life: &Life, dice: &mut Dice) -> Resident {
    let (keys, name) = somebody(at);
    let wanted = Wanted::Contact(name.clone(), keys.public());
    let first = Timestamp::from_secs(1);
    let publisher = Publisher::new(keys, Some(name), LIFETIME, first, &RENEWALS, at as u64);
    let friends = match life.whom {
        Whom::Friends(count) if at < life.visitors => count,
        _ => 0,
    };
    let other = |dice: &mut Dice| (at + 1 + dice.roll(life.users as u64 - 1) as usize) % life.users;
    Resident {
        publisher: publisher.with_ttl_up_to(DAY),
        wanted,
        moved: 0,
        remembers: Cache::new(REMEMBERED),
        friends: (0..friends).map(|_| other(dice)).collect(),
    }
}

/// Where somebody is after so many moves.
fn address(who: usize, moved: u32) -> SocketAddr {
    let [_, _, high, low] = (who as u32).to_be_bytes();
    SocketAddr::from(([100 + (moved % 100) as u8, moved.to_be_bytes()[2], high, low], 5050))
}

/// Until the next visit.
fn pause(life: &Life, dice: &mut Dice) -> Duration {
    DAY.mul_f64(-(1.0 - dice.share()).ln() / life.visits)
}

fn add(sum: &mut (f64, f64), before: (f64, f64), after: (f64, f64)) {
    sum.0 += after.0 - before.0;
    sum.1 += after.1 - before.1;
}
