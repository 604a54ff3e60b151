//! Look-ups under a virtual clock: which packet counts when overlays lie, stall or die.

use std::time::{Duration, Instant};

use p2p::{
    identity::{KeyPair, Name, PublicKey, Seed, Timestamp},
    registration::{
        Cache, Cached, Floors, Lookup, MAX_CLOCK_SKEW, NEGATIVE_LIFETIME, Outcome, Packet,
        PacketError, Patience, REFRESH_AFTER, Refusal, Registration, Said, Wanted,
    },
    runtime::clock,
};

const TTL: Duration = Duration::from_secs(3600);
const WALL: Timestamp = Timestamp::from_secs(1_800_000_000);
const NONE: [&[u8]; 0] = [];

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn pair(seed: u8) -> KeyPair {
    KeyPair::from_seed(&Seed::new([seed; 32]))
}

fn key(seed: u8) -> PublicKey {
    pair(seed).public()
}

fn name(user: &str) -> Name {
    Name::parse(&format!("{user}@example.com")).unwrap()
}

/// A packet of `alice@example.com` or of nobody.
fn sign(seed: u8, named: Option<&str>, sequence: Timestamp, ttl: Duration) -> Packet {
    let registration = Registration {
        name: named.map(name),
        key: key(seed),
        sequence,
        ttl,
        locators: vec!["192.0.2.1:5050".parse().unwrap()],
        rendezvous: vec![],
        certificates: vec![],
    };
    Packet::sign(&registration, &pair(seed)).unwrap()
}

/// Alice's packet, signed some seconds before now.
fn alice(age: u64) -> Packet {
    sign(1, Some("alice"), WALL.saturating_sub(Duration::from_secs(age)), TTL)
}

/// A look-up with a virtual clock.
struct Bench {
    lookup: Lookup,
    start: Instant,
    now: Instant,
}

impl Bench {
    fn new(wanted: Wanted, overlays: usize) -> Bench {
        Bench::with_floors(wanted, overlays, &Floors::new())
    }

    fn with_floors(wanted: Wanted, overlays: usize, floors: &Floors) -> Bench {
        let start = clock::now();
        let lookup = Lookup::new(wanted, overlays, floors, Patience::default(), start);
        Bench { lookup, start, now: start }
    }

    fn by_name(overlays: usize) -> Bench {
        Bench::new(Wanted::Name(name("alice")), overlays)
    }

    fn answer(&mut self, at: u64, overlay: usize, packets: &[&[u8]]) -> &mut Bench {
        self.now = self.start + ms(at);
        self.lookup.handle_answer(self.now, WALL, overlay, packets);
        self
    }

    fn fail(&mut self, at: u64, overlay: usize) -> &mut Bench {
        self.now = self.start + ms(at);
        self.lookup.handle_failure(self.now, overlay, "connection refused");
        self
    }

    /// Runs to the end; the outcome and after how many milliseconds it came.
    fn end(&mut self) -> (Outcome, u64) {
        if let Some(outcome) = self.lookup.poll(self.now) {
            return (outcome, (self.now - self.start).as_millis() as u64);
        }
        let end = self.lookup.next_time();
        assert!(end > self.now);
        assert_eq!(self.lookup.poll(end - ms(1)), None);
        (self.lookup.poll(end).unwrap(), (end - self.start).as_millis() as u64)
    }
}

/// What a single overlay's single packet is refused for.
fn refusal(wanted: Wanted, packet: &[u8], floors: &Floors) -> Refusal {
    let mut bench = Bench::with_floors(wanted, 1, floors);
    let (outcome, _) = bench.answer(1, 0, &[packet]).end();
    assert!(outcome.found.is_empty() && outcome.withdrawn.is_empty());
    match &outcome.reports[0].said {
        Said::Refused(refusal) => refusal.clone(),
        other => panic!("not refused: {other:?}"),
    }
}

#[test]
fn the_newest_of_several_counts() {
    let [old, middle, new] = [alice(300), alice(200), alice(100)];
    let mut bench = Bench::by_name(3);
    bench.answer(10, 0, &[middle.as_bytes(), old.as_bytes()]);
    bench.answer(20, 1, &[old.as_bytes(), new.as_bytes(), middle.as_bytes()]);
    let (outcome, at) = bench.answer(30, 2, &[old.as_bytes()]).end();
    assert_eq!(at, 30, "all have answered");
    assert_eq!(outcome.found.len(), 1);
    assert_eq!(outcome.found[0], new);
    let said: Vec<Said> = outcome.reports.iter().map(|r| r.said.clone()).collect();
    assert_eq!(said, [Said::Found(middle), Said::Found(new), Said::Found(old)]);
    assert_eq!(outcome.reports[1].latency, Some(ms(20)));
}

#[test]
fn waits_a_little_for_a_newer_one_and_no_longer() {
    let mut bench = Bench::by_name(3);
    bench.answer(40, 0, &[alice(300).as_bytes()]).answer(180, 1, &[alice(100).as_bytes()]);
    let (outcome, at) = bench.end();
    assert_eq!(at, 40 + 150);
    assert_eq!(outcome.found, [alice(100)]);
    assert_eq!(outcome.reports[2].said, Said::TooLate);
    assert_eq!(outcome.reports[2].latency, None);
}

#[test]
fn a_dead_overlay_delays_nothing_but_the_wait() {
    let mut bench = Bench::by_name(2);
    let (outcome, at) = bench.fail(1, 0).answer(9, 1, &[alice(1).as_bytes()]).end();
    assert_eq!(at, 9);
    assert_eq!(outcome.reports[0].said, Said::Failed("connection refused".into()));
}

#[test]
fn gives_up_when_nobody_answers() {
    let (outcome, at) = Bench::by_name(2).end();
    assert_eq!(at, 5000);
    assert!(outcome.found.is_empty());
    assert!(outcome.reports.iter().all(|report| report.said == Said::TooLate));
    let (outcome, at) = Bench::by_name(0).end();
    assert_eq!((at, outcome.reports.len()), (0, 0));
}

#[test]
fn nothing_anywhere_is_known_at_once() {
    let (outcome, at) = Bench::by_name(2).answer(5, 0, &NONE).answer(8, 1, &NONE).end();
    assert_eq!(at, 8);
    assert!(outcome.reports.iter().all(|report| report.said == Said::Nothing));
}

#[test]
fn garbage_neither_counts_nor_ends_the_look_up() {
    let mut forged = alice(1).as_bytes().to_vec();
    *forged.last_mut().unwrap() ^= 1;
    let mut bench = Bench::by_name(2);
    bench.answer(1, 0, &[b"<html>404</html>", &forged, &[0; 2000]]);
    assert_eq!(bench.lookup.poll(bench.now + ms(300)), None);
    let (outcome, at) = bench.answer(400, 1, &[b"junk", alice(9).as_bytes(), b"junk"]).end();
    assert_eq!(at, 400);
    assert_eq!(outcome.found, [alice(9)]);
    let too_long = Said::Refused(Refusal::Malformed(PacketError::TooLong));
    assert_eq!(outcome.reports[0].said, too_long);
    assert_eq!(outcome.reports[1].said, Said::Found(alice(9)));
    let wanted = Wanted::Name(name("alice"));
    let refused = refusal(wanted, &forged, &Floors::new());
    assert_eq!(refused, Refusal::Malformed(PacketError::Signature));
}

#[test]
fn forgeries_in_one_overlay_change_nothing_and_in_all_find_nobody() {
    let mut forged = alice(1).as_bytes().to_vec();
    *forged.last_mut().unwrap() ^= 1;
    let words = Said::Refused(Refusal::Malformed(PacketError::Signature));
    let mut bench = Bench::by_name(3);
    bench.answer(1, 0, &[&forged]).answer(2, 1, &[alice(9).as_bytes()]);
    let (outcome, _) = bench.answer(3, 2, &[alice(9).as_bytes()]).end();
    assert_eq!(outcome.found, [alice(9)]);
    assert_eq!(outcome.reports[0].said, words);

    let mut bench = Bench::by_name(3);
    bench.answer(1, 0, &[&forged]).answer(2, 1, &[&forged]).answer(3, 2, &[&forged]);
    let (outcome, _) = bench.end();
    assert!(outcome.found.is_empty() && outcome.withdrawn.is_empty());
    assert!(outcome.reports.iter().all(|report| report.said == words), "{:?}", outcome.reports);
}

#[test]
fn only_who_was_asked_for_is_taken() {
    let no_floors = Floors::new();
    let refused = |wanted, packet: &Packet| refusal(wanted, packet.as_bytes(), &no_floors);
    let bob = sign(2, Some("bob"), WALL, TTL);
    let nameless = sign(1, None, WALL, TTL);
    let by_name = Wanted::Name(name("alice"));
    assert_eq!(refused(by_name.clone(), &bob), Refusal::OtherName(Some(name("bob"))));
    assert_eq!(refused(by_name, &nameless), Refusal::OtherName(None));
    assert_eq!(refused(Wanted::Key(key(1)), &bob), Refusal::OtherKey(key(2)));
    let contact = Wanted::Contact(name("alice"), key(1));
    assert_eq!(refused(contact.clone(), &bob), Refusal::OtherKey(key(2)));
    let renamed = sign(1, Some("bob"), WALL, TTL);
    assert_eq!(refused(contact.clone(), &renamed), Refusal::OtherName(Some(name("bob"))));
    let imposter = sign(2, Some("alice"), WALL, TTL);
    assert_eq!(refused(contact.clone(), &imposter), Refusal::OtherKey(key(2)));

    for (wanted, packet) in [(contact, nameless), (Wanted::Key(key(2)), bob)] {
        let (outcome, _) = Bench::new(wanted, 1).answer(1, 0, &[packet.as_bytes()]).end();
        assert_eq!(outcome.found, [packet]);
    }
}

#[test]
fn a_name_claimed_by_several_keys_gives_them_all() {
    let imposter = sign(2, Some("alice"), WALL, TTL);
    let mut bench = Bench::by_name(2);
    bench.answer(1, 0, &[alice(50).as_bytes(), imposter.as_bytes()]);
    let (outcome, _) = bench.answer(2, 1, &[alice(20).as_bytes()]).end();
    assert_eq!(outcome.found, [imposter, alice(20)]);
}

#[test]
fn a_flood_of_keys_is_cut_off() {
    let claims: Vec<Packet> = (1..=40).map(|n| sign(n, Some("alice"), WALL, TTL)).collect();
    let mut bench = Bench::by_name(5);
    for (overlay, chunk) in claims.chunks(8).enumerate() {
        let packets: Vec<&[u8]> = chunk.iter().map(Packet::as_bytes).collect();
        bench.answer(1, overlay, &packets);
    }
    let (outcome, _) = bench.end();
    assert_eq!(outcome.found.len(), 16);
    assert_eq!(outcome.reports[4].said, Said::Refused(Refusal::Crowded));
}

#[test]
fn packets_beyond_eight_are_not_looked_at() {
    let bytes = alice(1);
    let mut packets = vec![&b"junk"[..]; 8];
    packets.push(bytes.as_bytes());
    let (outcome, _) = Bench::by_name(1).answer(1, 0, &packets).end();
    assert!(outcome.found.is_empty());
}

#[test]
fn a_replay_is_refused() {
    let mut floors = Floors::new();
    let seen = alice(60).registration().sequence;
    floors.raise(key(1), seen);
    let wanted = Wanted::Name(name("alice"));
    let old = alice(61);
    let sequence = old.registration().sequence;
    assert_eq!(
        refusal(wanted.clone(), old.as_bytes(), &floors),
        Refusal::Replayed { sequence, floor: seen }
    );
    let mut bench = Bench::with_floors(wanted, 1, &floors);
    let (outcome, _) = bench.answer(1, 0, &[alice(60).as_bytes()]).end();
    assert_eq!(outcome.found, [alice(60)], "the same again is no replay");
}

#[test]
fn clocks_may_differ_by_minutes_but_not_by_hours() {
    let wanted = Wanted::Name(name("alice"));
    let no_floors = Floors::new();
    let skew = MAX_CLOCK_SKEW;
    let second = Duration::from_secs(1);
    let signed = |at| sign(1, Some("alice"), at, TTL);
    let taken = |packet: Packet| {
        let (outcome, _) = Bench::by_name(1).answer(1, 0, &[packet.as_bytes()]).end();
        outcome.found == [packet]
    };
    assert!(taken(signed(WALL.saturating_sub(TTL + skew))));
    assert!(taken(signed(WALL.saturating_add(skew))));
    let expired = signed(WALL.saturating_sub(TTL + skew + second));
    assert_eq!(
        refusal(wanted.clone(), expired.as_bytes(), &no_floors),
        Refusal::Expired(skew + second)
    );
    let future = refusal(wanted, signed(WALL.saturating_add(3 * TTL)).as_bytes(), &no_floors);
    assert_eq!(future, Refusal::FromFuture(3 * TTL));
    assert_eq!(
        future.to_string(),
        "the packet is from 3 hours in the future: your clock or theirs is wrong"
    );
}

#[test]
fn a_withdrawal_beats_what_came_before_and_yields_to_what_follows() {
    let gone = sign(1, Some("alice"), WALL.saturating_sub(ms(86_400_000)), Duration::ZERO);
    let before = sign(1, Some("alice"), WALL.saturating_sub(ms(86_401_000)), 100 * TTL);
    let mut bench = Bench::by_name(2);
    bench.answer(1, 0, &[gone.as_bytes()]);
    assert_eq!(bench.lookup.poll(bench.now + ms(1000)), None, "it may be back elsewhere");
    let (outcome, _) = bench.answer(1500, 1, &[before.as_bytes()]).end();
    assert_eq!((outcome.found.len(), outcome.withdrawn), (0, vec![gone.clone()]));
    assert_eq!(Said::Found(gone.clone()).to_string(), "withdrawn by its owner");

    let mut bench = Bench::by_name(2);
    let back = alice(1);
    bench.answer(1, 0, &[gone.as_bytes()]);
    let (outcome, _) = bench.answer(2, 1, &[back.as_bytes()]).end();
    assert_eq!((outcome.found, outcome.withdrawn.len()), (vec![back], 0));
}

#[test]
fn an_overlay_speaks_once_and_strangers_not_at_all() {
    let mut bench = Bench::by_name(2);
    bench.answer(1, 0, &NONE).answer(2, 0, &[alice(1).as_bytes()]).fail(3, 0);
    bench.answer(4, 77, &[alice(1).as_bytes()]).fail(5, 77);
    let (outcome, at) = bench.end();
    assert_eq!(at, 5000);
    assert_eq!(outcome.reports[0].said, Said::Nothing);
    assert_eq!(outcome.reports[0].latency, Some(ms(1)));
    assert!(outcome.found.is_empty());
}

/// Any order, loss and mixture of answers: the newest packet among those that came in time wins.
#[test]
fn the_newest_in_time_wins_in_any_order() {
    let mut random = 0x5eed_u64;
    let mut next = move |below: u64| {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (random >> 33) % below
    };
    let packets: Vec<Packet> = (0..10).map(|age| alice(age * 30)).collect();
    for round in 0..300 {
        let overlays = 1 + next(5) as usize;
        let mut answers: Vec<(u64, usize, Option<usize>)> = (0..overlays)
            .map(|overlay| (next(600), overlay, (next(4) > 0).then_some(next(10) as usize)))
            .collect();
        answers.sort();
        let mut bench = Bench::by_name(overlays);
        let first = answers.iter().find(|(.., packet)| packet.is_some()).map(|(at, ..)| *at);
        let last = answers.last().unwrap().0;
        let end = first.map_or(last, |first| last.min(first + 150));
        let in_time = answers.iter().filter(|(at, ..)| *at <= end);
        let best = in_time.clone().filter_map(|(.., packet)| *packet).min();
        for (at, overlay, packet) in in_time {
            match packet {
                Some(packet) => bench.answer(*at, *overlay, &[packets[*packet].as_bytes()]),
                None => bench.answer(*at, *overlay, &[b"junk"]),
            };
        }
        let (outcome, at) = bench.end();
        assert_eq!(at, end, "round {round}: {answers:?}");
        let expected: Vec<Packet> = best.map(|best| packets[best].clone()).into_iter().collect();
        assert_eq!(outcome.found, expected, "round {round}: {answers:?}");
    }
}

fn outcome(found: Vec<Packet>) -> Outcome {
    Outcome { found, withdrawn: vec![], reports: vec![] }
}

#[test]
fn the_cache_keeps_a_packet_until_it_expires() {
    let (now, wanted) = (clock::now(), Wanted::Name(name("alice")));
    let mut cache = Cache::new(10);
    cache.insert(now, WALL, wanted.clone(), &outcome(vec![alice(600)]));
    let found = Some(Cached::Found(vec![alice(600)], vec![]));
    assert_eq!(cache.get(now, WALL, &wanted), found);
    let almost = Duration::from_secs(2999);
    assert_eq!(cache.get(now + almost, WALL.saturating_add(almost), &wanted), found);
    assert_eq!(cache.get(now, WALL, &Wanted::Key(key(1))), None);
    let end = Duration::from_secs(3000);
    assert_eq!(cache.get(now + end, WALL, &wanted), None, "the wall clock was set back");
    cache.insert(now, WALL, wanted.clone(), &outcome(vec![alice(600)]));
    assert_eq!(cache.get(now, WALL.saturating_add(end), &wanted), None, "the machine slept");
    assert!(cache.is_empty());
}

#[test]
fn what_is_remembered_is_looked_up_again_in_the_last_third_of_its_life() {
    let (now, wanted) = (clock::now(), Wanted::Name(name("alice")));
    let third = Duration::from_secs(1200);
    let (mut cache, later) = (Cache::new(10), now + 2 * third);
    assert!(!cache.take_refresh(later, &wanted), "nothing is known");
    cache.insert(now, WALL, wanted.clone(), &outcome(vec![]));
    assert!(!cache.take_refresh(later, &wanted), "there is nothing to be used meanwhile");
    cache.insert(now, WALL, wanted.clone(), &outcome(vec![alice(0)]));
    assert!(!cache.take_refresh(later - ms(1), &wanted));
    assert!(cache.take_refresh(later, &wanted));
    assert!(!cache.take_refresh(later, &wanted), "one look-up is enough");
    assert!(cache.take_refresh(later + REFRESH_AFTER, &wanted));
    // one that was old already is given some time
    cache.insert(now, WALL, wanted.clone(), &outcome(vec![alice(2900)]));
    assert!(!cache.take_refresh(now + REFRESH_AFTER - ms(1), &wanted));
    assert!(cache.take_refresh(now + REFRESH_AFTER, &wanted));
}

#[test]
fn the_cache_does_not_trust_a_clock_that_stands_in_the_past() {
    let (now, wanted) = (clock::now(), Wanted::Name(name("alice")));
    let mut cache = Cache::new(10);
    let early = Timestamp::from_secs(0);
    cache.insert(now, early, wanted.clone(), &outcome(vec![alice(0)]));
    assert!(cache.get(now + TTL - ms(1), early, &wanted).is_some());
    assert_eq!(cache.get(now + TTL, early, &wanted), None, "never longer than it lives");
}

#[test]
fn the_cache_forgets_failures_soon() {
    let (now, wanted) = (clock::now(), Wanted::Name(name("alice")));
    let mut cache = Cache::new(10);
    cache.insert(now, WALL, wanted.clone(), &outcome(vec![]));
    let almost = NEGATIVE_LIFETIME - ms(1);
    let later = WALL.saturating_add(almost);
    assert_eq!(cache.get(now + almost, later, &wanted), Some(Cached::Nothing(vec![])));
    assert_eq!(cache.get(now + NEGATIVE_LIFETIME, later, &wanted), None);
    let other = Wanted::Key(key(1));
    cache.insert(now, WALL, wanted.clone(), &outcome(vec![]));
    cache.insert(now, WALL, other.clone(), &outcome(vec![alice(0)]));
    cache.forget_failures();
    assert_eq!(cache.get(now, WALL, &wanted), None);
    assert!(cache.get(now, WALL, &other).is_some());
    cache.forget(&other);
    assert_eq!(cache.get(now, WALL, &other), None);
}

#[test]
fn the_cache_is_bounded_and_drops_what_ends_first() {
    let now = clock::now();
    let mut cache = Cache::new(3);
    for (number, age) in [(1, 100), (2, 3000), (3, 200), (4, 300)] {
        cache.insert(now, WALL, Wanted::Key(key(number)), &outcome(vec![alice(age)]));
    }
    assert_eq!(cache.len(), 3);
    assert_eq!(cache.get(now, WALL, &Wanted::Key(key(2))), None);
    assert!(cache.get(now, WALL, &Wanted::Key(key(1))).is_some());
}
