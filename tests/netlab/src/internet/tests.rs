//! Ways between attachments on a virtual clock.

use std::time::Duration;

use super::*;
use crate::topology::{Framing, Link};

const A: [u8; 4] = [192, 0, 2, 1];
const B: [u8; 4] = [192, 0, 2, 2];

fn two(settings: &str) -> (Internet, Instant) {
    let mut internet = Internet::new(7);
    for (name, address) in [("a", A), ("b", B)] {
        internet.attach(Attachment::new(name, &[address.into()], None, Link::default(), None));
    }
    internet.set_path("a", "b", settings).unwrap();
    #[expect(clippy::disallowed_methods, reason = "any instant is a start")]
    (internet, Instant::now())
}

/// An IPv4 packet with a number at its end.
fn packet(number: u16, length: usize) -> Vec<u8> {
    let mut packet = vec![0; length];
    packet[0] = 0x45;
    packet[8] = 64; // the TTL
    packet[12..16].copy_from_slice(&A);
    packet[16..20].copy_from_slice(&B);
    packet[length - 2..].copy_from_slice(&number.to_be_bytes());
    packet
}

/// Everything that arrives, with the time it took.
fn arrivals(internet: &mut Internet, start: Instant) -> Vec<(Duration, u16)> {
    let (mut now, mut arrived) = (start, Vec::new());
    loop {
        match internet.poll(now) {
            Ok(Arrived { at, packet }) => {
                assert_eq!(at, 1);
                let number = packet[packet.len() - 2..].try_into().unwrap();
                arrived.push((now - start, u16::from_be_bytes(number)));
            }
            Err(Some(next)) => now = next,
            Err(None) => return arrived,
        }
    }
}

#[test]
fn delay_and_rate() {
    let (mut internet, start) = two("delay=10ms");
    let link = &mut internet.attachment("a").unwrap().link;
    (link.up, link.framing) = (Some(1_000_000), Framing::Octets(25));
    for number in 0..3 {
        internet.accept(0, packet(number, 100), start);
    }
    let expected = [(11, 0), (12, 1), (13, 2)].map(|(ms, n)| (Duration::from_millis(ms), n));
    assert_eq!(arrivals(&mut internet, start), expected);
}

#[test]
fn a_full_queue_drops() {
    let (mut internet, start) = two("delay=10ms");
    let link = &mut internet.attachment("b").unwrap().link;
    (link.down, link.queue) = (Some(1_000_000), Duration::from_millis(2));
    for number in 0..9 {
        internet.accept(0, packet(number, 125), start);
    }
    assert_eq!(arrivals(&mut internet, start).len(), 3); // the third waits for the two milliseconds allowed
    assert_eq!(internet.attachment("b").unwrap().counters.queue_drops, 6);
}

#[test]
fn jitter_keeps_the_order_and_reordering_does_not() {
    for (settings, keeps) in [("delay=20ms jitter=15ms", true), ("delay=20ms reorder=5%", false)] {
        let (mut internet, start) = two(settings);
        for number in 0..200 {
            internet.accept(0, packet(number, 100), start + Duration::from_millis(number.into()));
        }
        let numbers: Vec<u16> = arrivals(&mut internet, start).into_iter().map(|a| a.1).collect();
        assert_eq!(numbers.len(), 200, "{settings}");
        assert_eq!(numbers.is_sorted(), keeps, "{settings}");
    }
}

#[test]
fn losses_come_in_the_share_and_the_bursts_asked_for() {
    for (settings, bursts) in [("loss=5%", 900..1000), ("loss=5% burst=4", 200..300)] {
        let (mut internet, start) = two(settings);
        for number in 0..20_000 {
            internet.accept(0, packet(number, 100), start);
        }
        let numbers: Vec<u16> = arrivals(&mut internet, start).into_iter().map(|a| a.1).collect();
        assert!((18_800..19_200).contains(&numbers.len()), "{settings}: {}", numbers.len());
        let gaps = numbers.windows(2).filter(|pair| pair[1] - pair[0] > 1).count();
        assert!(bursts.contains(&gaps), "{settings}: {gaps}");
    }
}

#[test]
fn the_same_seed_gives_the_same_run() {
    let run = || {
        let (mut internet, start) = two("delay=5ms jitter=4ms loss=10% dup=5% reorder=5%");
        (0..500).for_each(|number| internet.accept(0, packet(number, 60), start));
        arrivals(&mut internet, start)
    };
    assert_eq!(run(), run());
}

#[test]
fn cables_and_addresses() {
    let (mut internet, start) = two("");
    internet.attachment("b").unwrap().connected = false;
    internet.accept(0, packet(0, 60), start);
    assert!(arrivals(&mut internet, start).is_empty());
    internet.attachment("b").unwrap().connected = true;
    internet.renumber("b", &[[192, 0, 2, 3].into()]).unwrap();
    internet.accept(0, packet(1, 60), start);
    assert!(arrivals(&mut internet, start).is_empty());
    assert_eq!(internet.attachment("a").unwrap().counters.no_route, 1);
}
