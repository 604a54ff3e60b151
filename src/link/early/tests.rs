use zeroize::Zeroizing;

use super::*;
use crate::identity::KeyPair;
use crate::runtime::clock;

fn keys(n: u8) -> KeyPair {
    KeyPair::from_seed(&Zeroizing::new([n; 32]))
}

fn early(n: u8) -> Early {
    Early::new(Own::new(&keys(n)).unwrap())
}

/// What might be an Initial, but is none that could be enclosed.
fn initial(id: u8) -> Vec<u8> {
    let mut datagram = vec![0xc3, 0, 0, 0, 1, 8];
    datagram.extend([id; 8]);
    datagram.resize(1200, 0x5a);
    datagram
}

struct Pair {
    alice: Early,
    bob: Early,
    /// Alice, as bob knows her.
    from: Hit,
    now: Instant,
}

/// Alice wants to say GET to bob.
fn pair() -> Pair {
    let (mut alice, now) = (early(1), clock::now());
    assert!(alice.offer(keys(2).public(), b"GET", now));
    Pair { alice, bob: early(2), from: keys(1).public().hit(), now }
}

impl Pair {
    fn sealed(&self, initial: &[u8], ephemeral: u8) -> Vec<u8> {
        let to = keys(2).public().hit();
        let sealed = self.alice.accompany(to, initial, true, [ephemeral; 32], self.now);
        sealed.unwrap().datagram
    }
}

#[test]
fn a_request_is_taken_by_its_handshake_once() {
    let mut pair = pair();
    let datagram = pair.sealed(&initial(1), 9);
    pair.bob.handle_datagram(pair.from, &datagram, pair.now).unwrap();
    pair.bob.see(&initial(1), pair.now);
    assert_eq!(pair.bob.take(&[2; 8], pair.now), None);
    let taken = pair.bob.take(&[1; 8], pair.now).unwrap();
    assert_eq!((taken.sender, &taken.request[..]), (keys(1).public(), &b"GET"[..]));
    pair.bob.see(&initial(1), pair.now);
    assert_eq!(pair.bob.take(&[1; 8], pair.now), None);
}

#[test]
fn a_request_encloses_the_packet_and_is_as_long_as_it_where_that_counts() {
    for (full, length) in [(true, 1200..=1200), (false, 100..=300)] {
        let mut pair = pair();
        let packet = initial::initial(1, b"\x06hello");
        let to = keys(2).public().hit();
        let sent = pair.alice.accompany(to, &packet, full, [9; 32], pair.now).unwrap();
        assert!(sent.encloses && length.contains(&sent.datagram.len()));
        let received = pair.bob.handle_datagram(pair.from, &sent.datagram, pair.now);
        assert_eq!(received, Some(Received::Enclosing(packet.clone())));
        pair.bob.see(&packet, pair.now); // the same once more, as QUIC may repeat it
        let taken = pair.bob.take(&[1; 8], pair.now).unwrap();
        assert_eq!((taken.sender, &taken.request[..]), (keys(1).public(), &b"GET"[..]));
        assert_eq!(pair.bob.take(&[1; 8], pair.now), None);
    }
}

#[test]
fn what_is_too_long_for_one_datagram_goes_ahead_of_the_packet() {
    let mut pair = pair();
    let to = keys(2).public().hit();
    let packet = initial::initial(1, &[6; 300]);
    for (request, encloses) in [(700, true), (MAX_REQUEST, false)] {
        assert!(pair.alice.offer(keys(2).public(), &vec![b'x'; request], pair.now));
        let sent = pair.alice.accompany(to, &packet, false, [9; 32], pair.now).unwrap();
        assert_eq!(sent.encloses, encloses);
        assert!(sent.datagram.len() <= 1200);
        assert!(pair.bob.handle_datagram(pair.from, &sent.datagram, pair.now).is_some());
        pair.bob.see(&packet, pair.now);
        assert_eq!(pair.bob.take(&[1; 8], pair.now).unwrap().request.len(), request);
    }
}

#[test]
fn another_handshake_does_not_get_it() {
    let mut pair = pair();
    let datagram = pair.sealed(&initial(1), 9);
    pair.bob.handle_datagram(pair.from, &datagram, pair.now).unwrap();
    // the same connection id, another key share
    let mut other = initial(1);
    other[1100] ^= 1;
    pair.bob.see(&other, pair.now);
    assert_eq!(pair.bob.take(&[1; 8], pair.now), None);
    pair.bob.see(&initial(1), pair.now);
    assert!(pair.bob.take(&[1; 8], pair.now).is_some(), "the right one still does");
}

#[test]
fn nobody_else_can_make_or_change_it() {
    let mut pair = pair();
    let datagram = pair.sealed(&initial(1), 9);
    let mallory = keys(3).public().hit();
    assert_eq!(pair.bob.handle_datagram(mallory, &datagram, pair.now), None);
    for at in 0..datagram.len() {
        let mut changed = datagram.clone();
        changed[at] ^= 0x10;
        assert_eq!(pair.bob.handle_datagram(pair.from, &changed, pair.now), None, "{at}");
        assert_eq!(pair.bob.handle_datagram(pair.from, &datagram[..at], pair.now), None);
    }
    assert!(pair.bob.arrived.is_empty());
}

#[test]
fn only_the_first_packet_of_a_handshake_is_accompanied() {
    let pair = pair();
    let to = keys(2).public().hit();
    let handshake = [&[0xe3][..], &initial(1)[1..]].concat();
    let version_2 = [&initial(1)[..4], &[2], &initial(1)[5..]].concat();
    let answered = [&initial(1)[..5], &[4], &initial(1)[6..]].concat();
    for datagram in [&[0x40; 50][..], &handshake, &version_2, &answered, &initial(1)[..9], &[]] {
        assert!(pair.alice.accompany(to, datagram, true, [1; 32], pair.now).is_none());
    }
    assert!(pair.alice.accompany(pair.from, &initial(1), true, [1; 32], pair.now).is_none());
    let late = pair.now + LEAVING_TIME;
    assert!(pair.alice.accompany(to, &initial(1), true, [1; 32], late).is_none());
}

#[test]
fn what_waits_is_bounded_in_number_size_and_time() {
    let mut pair = pair();
    let too_long = [0; MAX_REQUEST + 1];
    assert!(!pair.alice.offer(keys(2).public(), &too_long, pair.now));
    assert!(pair.alice.offer(keys(2).public(), &too_long[1..], pair.now));
    assert_eq!(pair.sealed(&initial(1), 9).len(), 1200);
    for n in 0..=MAX_ARRIVED {
        let datagram = pair.sealed(&initial(n as u8), n as u8 + 1);
        pair.bob.handle_datagram(pair.from, &datagram, pair.now).unwrap();
        pair.bob.see(&initial(n as u8), pair.now);
    }
    assert_eq!((pair.bob.arrived.len(), pair.bob.initials.len()), (MAX_ARRIVED, MAX_INITIALS));
    assert_eq!(pair.bob.take(&[0; 8], pair.now), None, "the oldest gave way");
    assert!(pair.bob.take(&[1; 8], pair.now).is_some());
    assert_eq!(pair.bob.take(&[2; 8], pair.now + ARRIVED_TIME), None);
    assert!(pair.bob.arrived.is_empty() && pair.bob.initials.is_empty());
}

proptest::proptest! {
    /// Initials that are none, and content that a genuine peer could seal.
    #[test]
    fn any_octets_are_survived(
        octets in proptest::collection::vec(proptest::num::u8::ANY, 0..80),
        content in proptest::collection::vec(proptest::num::u8::ANY, 0..60),
    ) {
        let mut pair = pair();
        let datagram = [&[0xc3, 0, 0, 0, 1][..], &octets].concat();
        let id = connection_id(&datagram);
        proptest::prop_assert!(id.is_none_or(|id| id.len() >= 8 && octets[1..].starts_with(id)));
        let to = Remote::new(&pair.alice.own, keys(2).public()).unwrap();
        let sealed = seal::seal(&pair.alice.own, &to, EARLY, &content, [9; 32]).unwrap();
        let taken = pair.bob.handle_datagram(pair.from, &sealed.datagram, pair.now);
        let ahead = content.first() == Some(&AHEAD) && content.len() > SHA256_OUTPUT_LEN;
        proptest::prop_assert_eq!(taken, ahead.then_some(Received::Ahead));
        pair.bob.see(&datagram, pair.now);
        proptest::prop_assert!(pair.bob.initials.len() <= 1);
        proptest::prop_assert_eq!(id.and_then(|id| pair.bob.take(id, pair.now)), None);
    }
}
