//! Early requests: what a host says to a peer beside the first packet of a QUIC handshake.
//!
//! QUIC gives its first response after two round trips, one for the handshake and one for the request.
//! The other end may answer before the handshake is complete (RFC 9001, section 4.1.1: the server can
//! send as soon as it has seen the client's first flight), if it only knows the request. So the request
//! travels in a control datagram of its own, right before the handshake's first packet:
//!
//! ```text
//! EARLY    sealed (see `seal`):  SHA-256 of the Initial's datagram (32)  request (n)
//! ```
//!
//! - *Confidential and authentic* by the seal, which proves the sender's key to the receiver.
//! - *Bound to one handshake* by the hash: whoever records it and repeats it beside a handshake of his own
//!   gets no answer, and beside the recorded handshake one that only the holder of that handshake's secret
//!   can read.
//! - *Answered once*: a request is taken by the first handshake that it names, and forgotten soon.
//! - Only what may be repeated and has no effect belongs in it; whoever takes it has to see to that, and to
//!   compare the sender with the key that the handshake proves in the end.
//!
//! It is sans-IO. A receiver hears only senders whose way it knows already from a genuine probe.

use std::{
    collections::{HashMap, VecDeque},
    time::{Duration, Instant},
};

use ring::digest::{SHA256, SHA256_OUTPUT_LEN, digest};

use crate::identity::{Hit, PublicKey};

use super::{
    datagram::EARLY,
    seal::{self, Addressed, MESSAGE_OVERHEAD, Own, Remote},
};

/// The longest request in octets: with seal and hash it makes a datagram that every path carries (RFC 9000,
/// section 14), also behind a relay's header.
pub(super) const MAX_REQUEST: usize = 1200 - MESSAGE_OVERHEAD - SHA256_OUTPUT_LEN;

/// Requests that wait for their handshake to begin, or have just been sent beside it.
const MAX_LEAVING: usize = 64;
/// A handshake repeats its first packet for so long.
const LEAVING_TIME: Duration = Duration::from_secs(10);

/// Requests of others that wait for their handshake.
const MAX_ARRIVED: usize = 64;
/// Handshakes that were seen and not yet asked about.
const MAX_INITIALS: usize = 64;
/// A handshake begins right behind its request.
const ARRIVED_TIME: Duration = Duration::from_secs(2);

/// An early request that belongs to a handshake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EarlyRequest {
    /// Who has sealed it; the handshake must prove the same key.
    pub sender: PublicKey,
    /// What it says.
    pub request: Vec<u8>,
}

type Digest = [u8; SHA256_OUTPUT_LEN];

/// The early requests of this host, in both directions.
pub(super) struct Early {
    own: Own,
    leaving: HashMap<Hit, Leaving>,
    arrived: VecDeque<Arrived>,
    initials: VecDeque<Initial>,
}

struct Leaving {
    to: Remote,
    request: Vec<u8>,
    until: Instant,
}

struct Arrived {
    early: EarlyRequest,
    initial: Digest,
    until: Instant,
}

struct Initial {
    connection_id: Vec<u8>,
    digest: Digest,
    until: Instant,
}

impl Early {
    pub(super) fn new(own: Own) -> Early {
        Early { own, leaving: HashMap::new(), arrived: VecDeque::new(), initials: VecDeque::new() }
    }

    /// Sends a request beside the next handshake with a peer. False if it is too long or too many wait.
    pub(super) fn offer(&mut self, to: PublicKey, request: &[u8], now: Instant) -> bool {
        self.leaving.retain(|_, leaving| leaving.until > now);
        if request.len() > MAX_REQUEST || self.leaving.len() >= MAX_LEAVING {
            return false;
        }
        let Ok(remote) = Remote::new(&self.own, to) else { return false };
        let leaving = Leaving { to: remote, request: request.into(), until: now + LEAVING_TIME };
        self.leaving.insert(to.hit(), leaving);
        true
    }

    /// Sends it no more: the handshake is over.
    pub(super) fn withdraw(&mut self, to: Hit) {
        self.leaving.remove(&to);
    }

    /// Whether a request for a peer waits for a handshake.
    pub(super) fn wants(&self, to: Hit) -> bool {
        self.leaving.contains_key(&to)
    }

    /// What to send right before a QUIC datagram to a peer: nothing unless it begins a handshake and a
    /// request waits. Each repetition needs another one, since it is another datagram. `ephemeral` must be
    /// fresh random octets.
    pub(super) fn accompany(
        &self,
        to: Hit,
        datagram: &[u8],
        ephemeral: [u8; 32],
        now: Instant,
    ) -> Option<Vec<u8>> {
        let leaving = self.leaving.get(&to).filter(|leaving| leaving.until > now)?;
        initial_connection_id(datagram)?;
        let content = [&hash(datagram)[..], &leaving.request].concat();
        Some(seal::seal(&self.own, &leaving.to, EARLY, &content, ephemeral)?.datagram)
    }

    /// Takes an early request that came from the peer `from`.
    pub(super) fn handle_datagram(
        &mut self,
        from: Hit,
        datagram: &[u8],
        now: Instant,
    ) -> Option<()> {
        let claimed = Addressed::parse(&self.own, datagram)?.claim(&self.own)?;
        let sender = claimed.sender;
        if sender.hit() != from {
            return None;
        }
        let proved = claimed.prove(&Remote::new(&self.own, sender).ok()?)?;
        let (initial, request) = proved.content.split_first_chunk::<SHA256_OUTPUT_LEN>()?;
        self.forget(now);
        if self.arrived.len() >= MAX_ARRIVED {
            self.arrived.pop_front();
        }
        self.arrived.push_back(Arrived {
            early: EarlyRequest { sender, request: request.into() },
            initial: *initial,
            until: now + ARRIVED_TIME,
        });
        Some(())
    }

    /// Takes note of a QUIC datagram with a long header that is about to be given to QUIC.
    pub(super) fn see(&mut self, datagram: &[u8], now: Instant) {
        if self.arrived.is_empty() {
            return; // as nearly always: a handshake without an early request costs no hash
        }
        let Some(connection_id) = initial_connection_id(datagram) else { return };
        if self.initials.len() >= MAX_INITIALS {
            self.initials.pop_front();
        }
        self.initials.push_back(Initial {
            connection_id: connection_id.into(),
            digest: hash(datagram),
            until: now + ARRIVED_TIME,
        });
    }

    /// The request that came with the handshake whose client chose this connection id, once.
    pub(super) fn take(&mut self, connection_id: &[u8], now: Instant) -> Option<EarlyRequest> {
        self.forget(now);
        let of_handshake = |arrived: &Arrived| {
            self.initials.iter().any(|initial| {
                initial.connection_id == connection_id && initial.digest == arrived.initial
            })
        };
        let at = self.arrived.iter().position(of_handshake)?;
        let arrived = self.arrived.remove(at)?;
        self.initials.retain(|initial| initial.connection_id != connection_id);
        Some(arrived.early)
    }

    fn forget(&mut self, now: Instant) {
        self.arrived.retain(|arrived| arrived.until > now);
        self.initials.retain(|initial| initial.until > now);
    }
}

fn hash(datagram: &[u8]) -> Digest {
    let mut hash = [0; SHA256_OUTPUT_LEN];
    hash.copy_from_slice(digest(&SHA256, datagram).as_ref());
    hash
}

/// The destination connection id of an Initial packet of QUIC version 1 (RFC 9000, section 17.2.2), which
/// the client has chosen at random. None for any other datagram, and for an Initial to an id that the server
/// has chosen: the client has heard of it already, and such ids are shorter than what a client may choose.
fn initial_connection_id(datagram: &[u8]) -> Option<&[u8]> {
    const FORM_AND_TYPE: u8 = 0b1111_0000;
    const INITIAL: u8 = 0b1100_0000;
    const VERSION_1: [u8; 4] = [0, 0, 0, 1];
    const SHORTEST: u8 = 8; // RFC 9000, section 7.2
    let (first, rest) = datagram.split_first()?;
    let (version, rest) = rest.split_first_chunk::<4>()?;
    let (length, rest) = rest.split_first()?;
    let is_initial =
        first & FORM_AND_TYPE == INITIAL && *version == VERSION_1 && *length >= SHORTEST;
    rest.get(..usize::from(*length)).filter(|_| is_initial)
}

#[cfg(test)]
mod tests {
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

    /// An Initial with this connection id.
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
            self.alice.accompany(to, initial, [ephemeral; 32], self.now).unwrap()
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
        for datagram in [&[0x40; 50][..], &handshake, &version_2, &answered, &initial(1)[..9], &[]]
        {
            assert_eq!(pair.alice.accompany(to, datagram, [1; 32], pair.now), None);
        }
        assert!(pair.alice.accompany(pair.from, &initial(1), [1; 32], pair.now).is_none());
        let late = pair.now + LEAVING_TIME;
        assert_eq!(pair.alice.accompany(to, &initial(1), [1; 32], late), None);
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
            let id = initial_connection_id(&datagram);
            proptest::prop_assert!(id.is_none_or(|id| id.len() >= 8 && octets[1..].starts_with(id)));
            let to = Remote::new(&pair.alice.own, keys(2).public()).unwrap();
            let sealed = seal::seal(&pair.alice.own, &to, EARLY, &content, [9; 32]).unwrap();
            let taken = pair.bob.handle_datagram(pair.from, &sealed.datagram, pair.now);
            proptest::prop_assert_eq!(taken.is_some(), content.len() >= SHA256_OUTPUT_LEN);
            pair.bob.see(&datagram, pair.now);
            proptest::prop_assert!(pair.bob.initials.len() <= 1);
            proptest::prop_assert_eq!(id.and_then(|id| pair.bob.take(id, pair.now)), None);
        }
    }
}
