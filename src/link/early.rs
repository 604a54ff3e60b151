//! Early requests: what a host says to a peer beside the first packet of a QUIC handshake.
//!
//! QUIC gives its first response after two round trips, one for the handshake and one for the request.
//! The other end may answer before the handshake is complete (RFC 9001, section 4.1.1: the server can
//! send as soon as it has seen the client's first flight), if it only knows the request. So the request
//! travels in a control datagram of its own, and the handshake's first packet in it, without its padding:
//!
//! ```text
//! EARLY    sealed (see `seal`):  0  SHA-256 of the Initial's datagram (32)  request (n)
//! EARLY    sealed:               1  length (2)  Initial, shortened (see `initial`)  length (2)  request  zeros (n)
//! ```
//!
//! The former goes right before the Initial, where both together would be too long. The zeros of the latter make it
//! as long as an Initial where nothing but its length allows the answer (RFC 9000, section 8.1).
//!
//! - *Confidential and authentic* by the seal, which proves the sender's key to the receiver.
//! - *Bound to one handshake* by the hash, or by what it encloses: whoever records it and repeats it beside a
//!   handshake of his own gets no answer, and beside the recorded handshake one that only the holder of that
//!   handshake's secret can read.
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
    initial::{self, connection_id},
    seal::{self, Addressed, MESSAGE_OVERHEAD, Own, Remote},
};

/// The longest request in octets: with seal and hash it makes a datagram that every path carries (RFC 9000,
/// section 14), also behind a relay's header.
pub(super) const MAX_REQUEST: usize = ROOM - 1 - SHA256_OUTPUT_LEN;

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

/// What goes to a peer with a handshake's first packet.
pub(super) struct Accompaniment {
    pub(super) datagram: Vec<u8>,
    /// The packet is in it, and need not follow.
    pub(super) encloses: bool,
}

/// An early request has come.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Received {
    /// The handshake's first packet follows.
    Ahead,
    /// This is it.
    Enclosing(Vec<u8>),
}

/// The octet with which the content begins.
const AHEAD: u8 = 0;
const ENCLOSING: u8 = 1;
/// What an enclosing one may hold, so that it is no longer than an Initial.
const ROOM: usize = 1200 - MESSAGE_OVERHEAD;

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

    /// What to send with a QUIC datagram to a peer: nothing unless it begins a handshake and a request waits. Each
    /// repetition needs another one, since it is another datagram. `ephemeral` must be fresh random octets; `full`
    /// is for ways where only what comes allows what goes back.
    pub(super) fn accompany(
        &self,
        to: Hit,
        datagram: &[u8],
        full: bool,
        ephemeral: [u8; 32],
        now: Instant,
    ) -> Option<Accompaniment> {
        let leaving = self.leaving.get(&to).filter(|leaving| leaving.until > now)?;
        connection_id(datagram)?;
        let enclosing = enclose(datagram, &leaving.request, full);
        let encloses = enclosing.is_some();
        let ahead = || [&[AHEAD][..], &hash(datagram), &leaving.request].concat();
        let content = enclosing.unwrap_or_else(ahead);
        let sealed = seal::seal(&self.own, &leaving.to, EARLY, &content, ephemeral)?;
        Some(Accompaniment { datagram: sealed.datagram, encloses })
    }

    /// Takes an early request that came from the peer `from`.
    pub(super) fn handle_datagram(
        &mut self,
        from: Hit,
        datagram: &[u8],
        now: Instant,
    ) -> Option<Received> {
        let claimed = Addressed::parse(&self.own, datagram)?.claim(&self.own)?;
        let sender = claimed.sender;
        if sender.hit() != from {
            return None;
        }
        let proved = claimed.prove(&Remote::new(&self.own, sender).ok()?)?;
        let (received, initial, request) = match proved.content.split_first()? {
            (&AHEAD, content) => {
                let (initial, request) = content.split_first_chunk::<SHA256_OUTPUT_LEN>()?;
                (Received::Ahead, *initial, request)
            }
            (&ENCLOSING, content) => {
                let (short, rest) = split_counted(content)?;
                let (request, _) = split_counted(rest)?;
                let datagram = initial::lengthen(short)?;
                let digest = hash(&datagram);
                (Received::Enclosing(datagram), digest, request)
            }
            _ => return None,
        };
        self.forget(now);
        if self.arrived.len() >= MAX_ARRIVED {
            self.arrived.pop_front();
        }
        self.arrived.push_back(Arrived {
            early: EarlyRequest { sender, request: request.into() },
            initial,
            until: now + ARRIVED_TIME,
        });
        if let Received::Enclosing(datagram) = &received {
            self.see(datagram, now);
        }
        Some(received)
    }

    /// Takes note of a QUIC datagram with a long header that is about to be given to QUIC.
    pub(super) fn see(&mut self, datagram: &[u8], now: Instant) {
        if self.arrived.is_empty() {
            return; // as nearly always: a handshake without an early request costs no hash
        }
        let Some(id) = connection_id(datagram) else { return };
        if self.initials.len() >= MAX_INITIALS {
            self.initials.pop_front();
        }
        self.initials.push_back(Initial {
            connection_id: id.into(),
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

/// An Initial and a request in one content; None if they do not fit.
fn enclose(datagram: &[u8], request: &[u8], full: bool) -> Option<Vec<u8>> {
    let short = initial::shorten(datagram)?;
    let mut content = vec![ENCLOSING];
    for part in [&short[..], request] {
        content.extend_from_slice(&u16::try_from(part.len()).ok()?.to_be_bytes());
        content.extend_from_slice(part);
    }
    if full {
        content.resize(content.len().max(ROOM), 0);
    }
    (content.len() <= ROOM).then_some(content)
}

/// Octets behind their number, and the rest.
fn split_counted(octets: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = octets.split_first_chunk::<2>()?;
    rest.split_at_checked(u16::from_be_bytes(*length).into())
}

fn hash(datagram: &[u8]) -> Digest {
    let mut hash = [0; SHA256_OUTPUT_LEN];
    hash.copy_from_slice(digest(&SHA256, datagram).as_ref());
    hash
}

#[cfg(test)]
mod tests;
