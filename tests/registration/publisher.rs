//! The publishing schedule under a virtual clock: what is stored where and when.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use p2p::{
    identity::{KeyPair, Name, Seed, Timestamp},
    registration::{
        EncodeError, Packet, Publisher, Registration, Whereabouts, presence::sealed_length,
    },
    runtime::clock,
};

/// A publisher with a virtual clock, and the instants at which it published.
struct Bench {
    publisher: Publisher,
    start: Instant,
    now: Instant,
    wall: Timestamp,
    /// Overlays that fail.
    dead: Vec<usize>,
    log: Vec<(Duration, usize, Packet)>,
}

const HOUR: Duration = Duration::from_secs(3600);
const SECOND: Duration = Duration::from_secs(1);
/// When an overlay that has not answered counts as failed.
const ANSWER_WITHIN: Duration = Duration::from_secs(60);

impl Bench {
    fn new(overlays: usize) -> Bench {
        Bench::with(2 * HOUR, &vec![None; overlays])
    }

    fn with(ttl: Duration, keeps: &[Option<Duration>]) -> Bench {
        let start = clock::now();
        let name = Name::parse("alice@example.com").ok();
        let before = Timestamp::from_secs(5);
        Bench {
            publisher: Publisher::new(key(), name, ttl, before, keeps, 7),
            start,
            now: start,
            wall: Timestamp::from_secs(1_800_000_000),
            dead: vec![],
            log: vec![],
        }
    }

    fn change(&mut self, host: u8) {
        self.publisher.handle_change(self.now, &at(host)).unwrap();
    }

    /// Publishes what is due now; every overlay answers at once.
    fn settle(&mut self) {
        while let Some(publication) = self.publisher.poll(self.now, self.wall) {
            let since = self.now - self.start;
            self.log.push((since, publication.overlay, publication.packet.clone()));
            if self.dead.contains(&publication.overlay) {
                self.publisher.handle_failed(self.now, &publication);
            } else {
                self.publisher.handle_stored(self.now, &publication);
            }
        }
    }

    fn run(&mut self, span: Duration) {
        let end = self.now + span;
        self.settle();
        while let Some(next) = self.publisher.next_time().filter(|next| *next <= end) {
            assert!(next > self.now, "it wants to be polled again without progress");
            self.wall = self.wall.saturating_add(next - self.now);
            self.now = next;
            self.settle();
        }
        self.wall = self.wall.saturating_add(end - self.now);
        self.now = end;
    }

    fn times(&self, overlay: usize) -> Vec<u64> {
        let of = self.log.iter().filter(|(_, o, _)| *o == overlay);
        of.map(|(since, ..)| since.as_secs()).collect()
    }
}

fn key() -> KeyPair {
    KeyPair::from_seed(&Seed::new([1; 32]))
}

fn at(host: u8) -> Whereabouts {
    let locators = vec![SocketAddr::from(([192, 0, 2, host], 5050))];
    Whereabouts { locators, ..Whereabouts::default() }
}

fn within(seconds: u64, expected: u64) -> bool {
    (expected * 9 / 10..=expected * 11 / 10 + 1).contains(&seconds)
}

#[test]
fn says_nothing_before_it_knows_where_it_is() {
    let mut bench = Bench::new(2);
    bench.run(24 * HOUR);
    assert!(bench.log.is_empty());
    assert_eq!(bench.publisher.next_time(), None);
}

#[test]
fn the_first_change_is_published_at_once_everywhere() {
    let mut bench = Bench::new(3);
    bench.change(1);
    bench.settle();
    assert_eq!(bench.log.iter().map(|(_, o, _)| *o).collect::<Vec<_>>(), [0, 1, 2]);
    let registration = bench.log[0].2.registration().clone();
    assert_eq!(registration.sequence, bench.wall);
    assert_eq!(registration.ttl, 2 * HOUR);
    assert_eq!(registration.locators, at(1).locators);
    assert!((0..3).all(|overlay| bench.publisher.is_stored(overlay)));
}

#[test]
fn later_changes_wait_for_each_other() {
    let mut bench = Bench::new(1);
    bench.change(1);
    bench.settle();
    bench.run(100 * SECOND);
    bench.change(2);
    bench.run(SECOND / 2);
    bench.change(3);
    bench.run(10 * SECOND);
    assert_eq!(bench.times(0), [0, 101], "a second after the first of the two");
    assert_eq!(bench.log[1].2.registration().locators, at(3).locators);
}

#[test]
fn the_same_again_is_no_change() {
    let mut bench = Bench::new(1);
    bench.change(1);
    bench.settle();
    bench.change(1);
    bench.run(60 * SECOND);
    assert_eq!(bench.log.len(), 1);
}

#[test]
fn a_restless_network_is_published_three_times_then_once_in_half_a_minute() {
    let mut bench = Bench::new(1);
    for second in 0..300 {
        bench.change((second % 250) as u8);
        bench.run(SECOND);
    }
    let times = bench.times(0);
    assert_eq!(times[..3], [0, 2, 3]);
    assert!(times[3..].windows(2).all(|pair| pair[1] - pair[0] >= 29), "{times:?}");
    assert!(times.len() <= 3 + 10, "{times:?}");
    assert!(*times.last().unwrap() > 260, "it never falls silent: {times:?}");
}

#[test]
fn an_unchanged_registration_is_renewed_ever_less_often() {
    let mut bench = Bench::with(2 * HOUR, &[None]);
    bench.change(1);
    bench.run(6 * HOUR);
    let gaps: Vec<u64> = bench.times(0).windows(2).map(|pair| pair[1] - pair[0]).collect();
    for (gap, expected) in gaps.iter().zip([600, 1200, 2400, 3600, 3600]) {
        assert!(within(*gap, expected), "{gaps:?}");
    }
    assert!(gaps.iter().any(|gap| gap % 100 != 0), "jitter moves them: {gaps:?}");
    // at every moment some packet was alive
    for pair in bench.log.windows(2) {
        assert!(pair[0].2.expires() > pair[1].2.registration().sequence);
    }
}

#[test]
fn who_stays_says_so_three_times_a_day_and_for_longer() {
    let mut bench = Bench::with(2 * HOUR, &[None]);
    bench.publisher =
        Publisher::new(key(), None, 2 * HOUR, bench.wall, &[None], 7).with_ttl_up_to(24 * HOUR);
    bench.change(1);
    bench.run(72 * HOUR);
    let gaps: Vec<u64> = bench.times(0).windows(2).map(|pair| pair[1] - pair[0]).collect();
    let expected = [600, 1200, 2400, 4800, 9600, 19200, 28800, 28800];
    for (gap, expected) in gaps.iter().zip(expected) {
        assert!(within(*gap, expected), "{gaps:?}");
    }
    for pair in bench.log.windows(2) {
        let left = pair[0].2.expires().since(pair[1].2.registration().sequence);
        assert!(left > pair[0].2.registration().ttl / 2, "a renewal may fail: {left:?}");
    }
    let longest = bench.log.last().unwrap().2.registration().ttl;
    assert_eq!(longest, 24 * HOUR);
    // somebody who moves may move again
    bench.change(2);
    bench.run(10 * SECOND);
    assert_eq!(bench.log.last().unwrap().2.registration().ttl, 2 * HOUR);
}

#[test]
fn after_a_sleep_that_its_clock_did_not_count_it_is_renewed_at_once() {
    let mut bench = Bench::with(2 * HOUR, &[None]);
    bench.change(1);
    bench.run(60 * SECOND);
    bench.wall = bench.wall.saturating_add(HOUR / 2);
    bench.settle();
    assert_eq!(bench.log.len(), 1, "it counts for long enough");
    bench.wall = bench.wall.saturating_add(HOUR + HOUR / 4);
    bench.settle();
    assert_eq!(bench.log.len(), 2);
    bench.settle();
    assert_eq!(bench.log.len(), 2, "once");
}

#[test]
fn a_change_starts_the_renewals_over() {
    let mut bench = Bench::with(24 * HOUR, &[None]);
    bench.change(1);
    bench.run(3 * HOUR);
    bench.change(2);
    bench.run(5 * SECOND);
    let changed = *bench.times(0).last().unwrap();
    bench.run(HOUR);
    let next = bench.times(0).into_iter().find(|t| *t > changed).unwrap();
    assert!(within(next - changed, 600), "{}", next - changed);
}

#[test]
fn a_short_lifetime_is_renewed_at_its_half() {
    let mut bench = Bench::with(60 * SECOND, &[None]);
    bench.change(1);
    bench.run(HOUR);
    let times = bench.times(0);
    assert!(times.windows(2).all(|pair| within(pair[1] - pair[0], 30)), "{times:?}");
}

#[test]
fn a_forgetful_overlay_gets_the_packet_again() {
    let mut bench = Bench::with(24 * HOUR, &[None, Some(8 * 60 * SECOND)]);
    bench.change(1);
    bench.run(12 * HOUR);
    let times = bench.times(1);
    assert!(times.windows(2).all(|pair| pair[1] - pair[0] <= 529), "{times:?}");
    assert!(bench.times(0).len() < 10);
}

#[test]
fn a_dead_overlay_is_tried_less_and_less_and_holds_nobody_up() {
    let mut bench = Bench::new(2);
    bench.dead = vec![0];
    bench.change(1);
    bench.run(590 * SECOND);
    assert_eq!(bench.times(1).len(), 1);
    let gaps: Vec<u64> = bench.times(0).windows(2).map(|pair| pair[1] - pair[0]).collect();
    for (gap, expected) in gaps.iter().zip([5, 10, 20, 40, 80, 160]) {
        assert!(within(*gap, expected), "{gaps:?}");
    }
    assert!(!bench.publisher.is_stored(0));
    bench.dead.clear();
    bench.run(600 * SECOND);
    assert!(bench.publisher.is_stored(0));
    bench.run(20 * HOUR);
    bench.dead = vec![0];
    let before = bench.log.len();
    bench.run(24 * HOUR);
    assert!(bench.log.len() - before < 250, "ten minutes is the longest wait, not the shortest");
}

#[test]
fn what_has_answered_or_failed_is_settled() {
    let mut bench = Bench::new(2);
    bench.dead = vec![1];
    bench.change(1);
    assert!((0..2).all(|overlay| !bench.publisher.is_settled(overlay)));
    bench.settle();
    assert!((0..2).all(|overlay| bench.publisher.is_settled(overlay)));
    assert!(!bench.publisher.is_stored(1));
}

#[test]
fn an_overlay_that_never_answers_counts_as_failed() {
    let mut bench = Bench::new(1);
    bench.change(1);
    let publication = bench.publisher.poll(bench.now, bench.wall).unwrap();
    assert_eq!(bench.publisher.poll(bench.now, bench.wall), None);
    assert_eq!(bench.publisher.next_time(), Some(bench.now + ANSWER_WITHIN));
    bench.now += ANSWER_WITHIN;
    assert_eq!(bench.publisher.poll(bench.now, bench.wall), None);
    bench.publisher.handle_stored(bench.now, &publication);
    assert!(!bench.publisher.is_stored(0), "too late");
    bench.run(10 * SECOND);
    assert!(bench.publisher.is_stored(0));
}

#[test]
fn a_change_during_a_publication_follows_it() {
    let mut bench = Bench::new(1);
    bench.change(1);
    let first = bench.publisher.poll(bench.now, bench.wall).unwrap();
    bench.change(2);
    bench.now += 6 * SECOND;
    assert_eq!(bench.publisher.poll(bench.now, bench.wall), None, "one at a time");
    bench.publisher.handle_stored(bench.now, &first);
    assert!(!bench.publisher.is_stored(0), "what is stored is old by now");
    let second = bench.publisher.poll(bench.now, bench.wall).unwrap();
    assert_eq!(second.packet.registration().locators, at(2).locators);
}

#[test]
fn the_sequence_rises_whatever_the_clock_does() {
    let mut bench = Bench::new(1);
    let restored = Timestamp::from_secs(1_900_000_000);
    bench.publisher = Publisher::new(key(), None, 2 * HOUR, restored, &[None], 7);
    bench.wall = Timestamp::default();
    for host in 1..20 {
        bench.publisher.handle_change(bench.now, &at(host)).unwrap();
        bench.now += 60 * SECOND;
        bench.wall = if host % 2 == 0 { Timestamp::default() } else { Timestamp::from_secs(9) };
        bench.settle();
    }
    let sequences: Vec<_> = bench.log.iter().map(|(.., p)| p.registration().sequence).collect();
    assert_eq!(sequences.len(), 19);
    assert!(sequences[0] > restored);
    assert!(sequences.windows(2).all(|pair| pair[0] < pair[1]));
    assert_eq!(bench.publisher.last_sequence(), *sequences.last().unwrap());
}

#[test]
fn shutdown_withdraws_where_something_may_lie() {
    let mut bench = Bench::new(3);
    bench.dead = vec![1];
    bench.change(1);
    bench.settle();
    bench.log.clear();
    bench.publisher.handle_shutdown(bench.now, bench.wall);
    assert!(!bench.publisher.is_finished());
    bench.settle();
    assert_eq!(bench.log.len(), 3, "also where storing seemed to fail");
    assert!(bench.log.iter().all(|(.., packet)| packet.registration().is_withdrawal()));
    assert!(bench.log[0].2.registration().locators.is_empty());
    assert!(bench.publisher.is_finished());
    bench.change(2);
    bench.run(HOUR);
    assert_eq!(bench.log.len(), 3, "nothing follows a withdrawal");
}

#[test]
fn shutdown_waits_for_what_is_in_flight() {
    let mut bench = Bench::new(1);
    bench.change(1);
    let publication = bench.publisher.poll(bench.now, bench.wall).unwrap();
    bench.publisher.handle_shutdown(bench.now, bench.wall);
    assert_eq!(bench.publisher.poll(bench.now, bench.wall), None);
    bench.publisher.handle_failed(bench.now, &publication);
    assert!(!bench.publisher.is_finished());
    bench.settle();
    assert!(bench.publisher.is_finished());
    assert!(bench.log[0].2.registration().is_withdrawal());
}

#[test]
fn shutdown_without_publication_is_finished_at_once() {
    let mut bench = Bench::new(2);
    bench.publisher.handle_shutdown(bench.now, bench.wall);
    bench.settle();
    assert!(bench.publisher.is_finished());
    assert!(bench.log.is_empty());
}

#[test]
fn too_many_addresses_lose_the_last_ones() {
    let mut bench = Bench::new(1);
    let mut whereabouts = Whereabouts {
        locators: (1..60).map(|i| SocketAddr::from(([192, 0, 2, i], 5050))).collect(),
        rendezvous: vec![],
        certificates: vec![vec![7; 500]],
    };
    whereabouts.locators.insert(0, "[fe80::1%2]:5050".parse().unwrap());
    whereabouts.locators.insert(1, "192.0.2.1:5050".parse().unwrap());
    bench.publisher.handle_change(bench.now, &whereabouts).unwrap();
    bench.settle();
    let said = bench.log[0].2.registration();
    assert_eq!(
        said.locators[..2],
        at(1).locators.into_iter().chain(at(2).locators).collect::<Vec<_>>()
    );
    assert!(said.locators.len() <= Registration::MAX_LOCATORS);
    whereabouts.certificates = vec![vec![7; 1000]];
    assert!(matches!(
        bench.publisher.handle_change(bench.now, &whereabouts),
        Err(EncodeError::TooLong(_))
    ));
}

#[test]
fn a_sealed_packet_has_less_room_and_certificates_go_before_the_last_addresses() {
    let mut bench = Bench::new(1);
    let before = Timestamp::from_secs(5);
    let name = Name::parse("alice@example.com").ok();
    bench.publisher = Publisher::new(key(), name, 2 * HOUR, before, &[None], 7).sealed();
    let locators = (1..=12).map(|n| format!("[2001:db8::{n}]:5050").parse().unwrap());
    let (old, new, next) = (vec![1; 240], vec![2; 240], vec![3; 40]);
    let whereabouts = Whereabouts {
        locators: locators.collect(),
        rendezvous: Vec::new(),
        certificates: vec![old, new.clone(), next.clone()],
    };
    bench.publisher.handle_change(bench.now, &whereabouts).unwrap();
    bench.settle();
    let said = bench.log[0].2.registration();
    assert!(sealed_length(said) <= Packet::MAX_LENGTH);
    assert_eq!(said.certificates, [new, next], "the word about the next key stays");
    assert_eq!(said.locators, whereabouts.locators[..4]);
    let longest = Whereabouts { certificates: vec![vec![1; 600]], ..whereabouts };
    let refused = bench.publisher.handle_change(bench.now, &longest);
    assert!(matches!(refused, Err(EncodeError::TooLong(_))), "{refused:?}");
}

#[test]
fn a_turn_puts_the_same_packet_again_and_signs_nothing() {
    let mut bench = Bench::new(2);
    bench.publisher.handle_turn(bench.now);
    bench.settle();
    assert!(bench.log.is_empty(), "nothing to say yet");
    bench.change(1);
    bench.settle();
    bench.publisher.handle_turn(bench.now);
    bench.settle();
    let overlays: Vec<usize> = bench.log.iter().map(|(_, overlay, _)| *overlay).collect();
    assert_eq!(overlays, [0, 1, 0, 1]);
    assert!(bench.log.iter().all(|(_, _, packet)| *packet == bench.log[0].2));
}

#[test]
fn what_an_earlier_process_published_can_be_withdrawn() {
    let mut bench = Bench::new(2);
    bench.publisher.assume_published();
    bench.publisher.handle_shutdown(bench.now, bench.wall);
    bench.settle();
    assert_eq!(bench.log.len(), 2);
    assert!(bench.log.iter().all(|(_, _, packet)| packet.registration().is_withdrawal()));
    assert!(bench.publisher.is_finished());
}
