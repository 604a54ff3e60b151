//! The local link as an overlay: a multicast question, answered by those who have something there.
//!
//! Nobody stores anything for others here: who puts a packet answers for it until it expires, is removed
//! or the process ends. It works without Internet and without configuration, and asks nobody for leave.
//!
//! A question goes to a group at a fixed port on every link of this host, loopback included. Answers come
//! by unicast from that port to the port the question was asked from. Only neighbours are answered, each
//! at a limited rate: with a forged source, a question of 34 octets could bother nobody beyond the link.

mod links;
mod message;
mod sockets;

use std::{
    collections::HashMap,
    net::SocketAddr,
    num::NonZero,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use socket2::Domain;

use self::links::Link;
use self::message::Message;
use self::sockets::{Asker, Listener};
use super::rate::{Rate, RateLimiter};
use super::{Abilities, MAX_CANDIDATES, Overlay, OverlayError, Statement, check_length};
use crate::identity::Slot;
use crate::registration::Registration;
use crate::runtime::http::BoxFuture;
use crate::runtime::{Task, clock, lock, random, spawn};

/// Where questions are heard.
pub const PORT: u16 = 5051;

/// How long answers are waited for.
const PATIENCE: Duration = Duration::from_millis(500);
/// When a question is asked again that nobody has answered: Wi-Fi loses multicasts.
const SECOND_ATTEMPT: Duration = Duration::from_millis(200);
/// How long others are waited for when there is one answer.
const GRACE: Duration = Duration::from_millis(50);
/// Datagrams looked at for one question; a signature check costs most of what each may cost.
const MAX_ANSWERS: usize = 64;
/// Slots that one process answers for: a name's and a key's of each of its identities, or two days' places of
/// private presence.
const MAX_HELD: usize = 512;
/// How often one neighbour is answered.
const RATE: Rate = Rate { per_second: 20.0, burst: 50.0 };
/// A link has few neighbours.
const RATE_BUCKETS: NonZero<usize> = NonZero::new(256).expect("256 is not 0");

/// The local link.
#[derive(Debug)]
pub struct Lan {
    port: u16,
    shared: Arc<Shared>,
    /// While there is something to answer for.
    listening: Mutex<Option<Listening>>,
}

impl Lan {
    /// The link, with questions at `port`, which is [`PORT`] except in tests. Nothing is opened yet.
    pub fn new(port: u16) -> Lan {
        let shared = Shared {
            held: Mutex::default(),
            links: Mutex::default(),
            rate: Mutex::new(RateLimiter::new(RATE, RATE_BUCKETS, clock::now())),
        };
        Lan { port, shared: Arc::new(shared), listening: Mutex::default() }
    }

    /// Hears questions from now on, on the links that there are now.
    fn listen(&self) -> Result<(), OverlayError> {
        let links = self.shared.look_at_links();
        let mut listening = lock(&self.listening);
        if listening.is_none() {
            *listening = Some(Listening::start(self.port, &self.shared)?);
        }
        for listener in listening.iter().flat_map(|listening| &listening.listeners) {
            listener.join(&links);
        }
        Ok(())
    }

    /// Joins links that came since, if there is something to answer for; gives the links.
    fn refresh(&self) -> Vec<Link> {
        let links = self.shared.look_at_links();
        for listener in lock(&self.listening).iter().flat_map(|listening| &listening.listeners) {
            listener.join(&links);
        }
        links
    }
}

impl Overlay for Lan {
    fn get(&self, slot: Slot) -> BoxFuture<Result<Vec<Vec<u8>>, OverlayError>> {
        let (port, links) = (self.port, self.refresh());
        Box::pin(ask(slot, links, port))
    }

    fn put(&self, slot: Slot, packet: &[u8], ttl: Duration) -> BoxFuture<Result<(), OverlayError>> {
        let result = check_length(packet)
            .and_then(|()| self.listen())
            .and_then(|()| lock(&self.shared.held).put(slot, packet, ttl, clock::now()));
        Box::pin(async { result })
    }

    fn remove(&self, slot: Slot) -> BoxFuture<Result<(), OverlayError>> {
        let mut held = lock(&self.shared.held);
        held.packets.remove(&slot);
        if held.packets.is_empty() {
            *lock(&self.listening) = None;
        }
        Box::pin(async { Ok(()) })
    }

    fn address(&self) -> &str {
        "lan"
    }

    fn abilities(&self) -> Abilities {
        Abilities::SLOTS
    }
}

/// The sockets that hear questions and the tasks that answer them; dropped, they end.
#[derive(Debug)]
struct Listening {
    listeners: Vec<Arc<Listener>>,
    _tasks: Vec<Task<()>>,
}

impl Listening {
    fn start(port: u16, shared: &Arc<Shared>) -> Result<Listening, OverlayError> {
        let bound = [Domain::IPV4, Domain::IPV6].map(|domain| Listener::bind(domain, port));
        let (mut listeners, mut error) = (Vec::new(), None);
        for result in bound {
            match result {
                Ok(listener) => listeners.push(Arc::new(listener)),
                Err(e) => error = Some(OverlayError::Unreachable(e.to_string())),
            }
        }
        if let Some(error) = error.filter(|_| listeners.is_empty()) {
            return Err(error);
        }
        let tasks =
            listeners.iter().map(|listener| spawn(answer(listener.clone(), shared.clone())));
        let tasks = tasks.collect();
        Ok(Listening { listeners, _tasks: tasks })
    }
}

/// What the overlay and its answering tasks have in common.
#[derive(Debug)]
struct Shared {
    held: Mutex<Held>,
    links: Mutex<Vec<Link>>,
    rate: Mutex<RateLimiter>,
}

impl Shared {
    fn look_at_links(&self) -> Vec<Link> {
        let links = Link::all();
        lock(&self.links).clone_from(&links);
        links
    }

    fn may_be_answered(&self, source: SocketAddr) -> bool {
        let address = source.ip();
        let is_neighbour = lock(&self.links).iter().any(|link| link.holds(address));
        is_neighbour && lock(&self.rate).take(address, clock::now())
    }

    /// The answer to a datagram, if it is a question that gets one.
    fn answer(&self, datagram: &[u8], source: SocketAddr) -> Option<Vec<u8>> {
        let Some(Message::Question { id, slot }) = Message::decode(datagram) else {
            return None;
        };
        let packet = lock(&self.held).get(slot, clock::now())?;
        self.may_be_answered(source).then(|| Message::Answer { id, slot, packet }.encode())
    }
}

/// The packets this process answers for.
#[derive(Debug, Default)]
struct Held {
    packets: HashMap<Slot, (Vec<u8>, Instant)>,
}

impl Held {
    fn put(
        &mut self,
        slot: Slot,
        packet: &[u8],
        ttl: Duration,
        now: Instant,
    ) -> Result<(), OverlayError> {
        self.packets.retain(|_, (_, expires)| *expires > now);
        if self.packets.len() >= MAX_HELD && !self.packets.contains_key(&slot) {
            return Err(OverlayError::Full);
        }
        // a time to live beyond what the clock can say is for as long as the process lives
        let expires = now.checked_add(ttl).unwrap_or(now + Registration::MAX_TTL);
        self.packets.insert(slot, (packet.to_vec(), expires));
        Ok(())
    }

    fn get(&self, slot: Slot, now: Instant) -> Option<Vec<u8>> {
        let (packet, expires) = self.packets.get(&slot)?;
        (*expires > now).then(|| packet.clone())
    }
}

/// Answers what a socket hears until it is dropped.
async fn answer(listener: Arc<Listener>, shared: Arc<Shared>) {
    loop {
        let Ok((datagram, source)) = listener.receive().await else {
            // an interface went away, most likely; never spin on it
            clock::sleep(Duration::from_millis(100)).await;
            continue;
        };
        if let Some(answer) = shared.answer(&datagram, source) {
            let _ = listener.send(&answer, source).await; // who asked will ask again
        }
    }
}

/// Asks and collects what is signed and of this slot.
async fn ask(slot: Slot, links: Vec<Link>, port: u16) -> Result<Vec<Vec<u8>>, OverlayError> {
    let question = Message::Question { id: random::number(), slot };
    let datagram = question.encode();
    let asker = Asker::new();
    let sent = asker.send(&datagram, &links, port);
    sent.map_err(|error| OverlayError::Unreachable(error.to_string()))?;
    let start = clock::now();
    let (mut again, mut end) = (Some(start + SECOND_ATTEMPT), start + PATIENCE);
    let mut found = Vec::new();
    let mut seen = 0;
    while found.len() < MAX_CANDIDATES && seen < MAX_ANSWERS {
        let now = clock::now();
        if now >= end {
            break;
        }
        if again.is_some_and(|again| now >= again) {
            let _ = asker.send(&datagram, &links, port);
            again = None;
        }
        let wait = again.unwrap_or(end).min(end) - now;
        let Some(Ok((datagram, _))) = clock::timeout(wait, asker.receive()).await else {
            continue;
        };
        seen += 1;
        if let Some(packet) = packet_for(&question, &datagram).filter(|p| !found.contains(p)) {
            found.push(packet);
            again = None;
            end = end.min(clock::now() + GRACE);
        }
    }
    Ok(found)
}

/// The packet in an answer, if it answers this question with one of this slot.
fn packet_for(question: &Message, datagram: &[u8]) -> Option<Vec<u8>> {
    let (Message::Question { id, slot }, Message::Answer { id: same_id, slot: same_slot, packet }) =
        (question, Message::decode(datagram)?)
    else {
        return None;
    };
    let fits = *id == same_id && *slot == same_slot;
    (fits && Statement::read(&packet, *slot).is_some()).then_some(packet)
}

#[cfg(test)]
mod tests;
