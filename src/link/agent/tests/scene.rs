//! Alice and bob, connected, and the test as the rest of the world.

use std::{
    cell::Cell,
    collections::HashMap,
    net::{Ipv4Addr, SocketAddr},
    rc::Rc,
    time::{Duration, Instant},
};

use super::{address, keys};
use crate::identity::{Hit, PublicKey};
use crate::link::{
    agent::{Agent, Event, Strangers, Transmit, checks::PROBE_CONTENT},
    datagram::{ANSWER, PROBE},
    seal::{MessageId, plain::Plain},
    sealing::{Proved, Sealed, Sealing},
    way::Way,
};
use crate::runtime::clock;

pub(super) const SECOND: Duration = Duration::from_secs(1);

/// Plain sealing that counts what would be scalar multiplications of a receiver.
pub(super) struct Counting {
    plain: Plain,
    multiplications: Rc<Cell<usize>>,
}

impl Counting {
    fn count(&self) {
        self.multiplications.set(self.multiplications.get() + 1);
    }
}

impl Sealing for Counting {
    type Remote = PublicKey;
    type Claimed<'a> = &'a [u8];
    type AnswerKey = MessageId;

    fn key(&self) -> PublicKey {
        self.plain.key()
    }

    fn remote(&self, key: PublicKey) -> Option<PublicKey> {
        self.count();
        Some(key)
    }

    fn remote_key(remote: &PublicKey) -> PublicKey {
        *remote
    }

    fn seal(
        &self,
        to: &PublicKey,
        kind: u8,
        content: &[u8],
        ephemeral: [u8; 32],
    ) -> Option<Sealed<MessageId>> {
        self.plain.seal(to, kind, content, ephemeral)
    }

    fn is_addressed(&self, datagram: &[u8]) -> bool {
        self.plain.is_addressed(datagram)
    }

    fn made(remote: &PublicKey, datagram: &[u8]) -> bool {
        Plain::made(remote, datagram)
    }

    fn claim<'a>(&self, datagram: &'a [u8]) -> Option<(PublicKey, &'a [u8])> {
        self.count();
        self.plain.claim(datagram)
    }

    fn prove(claimed: &[u8], remote: &PublicKey) -> Option<Proved<MessageId>> {
        Plain::prove(claimed, remote)
    }

    fn seal_answer(
        key: &MessageId,
        kind: u8,
        id: MessageId,
        nonce: [u8; 12],
        content: &[u8],
    ) -> Option<Vec<u8>> {
        Plain::seal_answer(key, kind, id, nonce, content)
    }

    fn open_answer(key: &MessageId, datagram: &[u8]) -> Option<Vec<u8>> {
        Plain::open_answer(key, datagram)
    }
}

/// Alice, connected with bob, who answers each of her questions at once. Everybody else is the test.
pub(super) struct Scene {
    pub(super) alice: Agent<Counting>,
    pub(super) multiplications: Rc<Cell<usize>>,
    pub(super) now: Instant,
    /// For sealing.
    number: u32,
    /// Octets to and from addresses other than bob's.
    pub(super) out: HashMap<SocketAddr, usize>,
    pub(super) came: HashMap<SocketAddr, usize>,
    pub(super) events: Vec<Event>,
    /// Bob hears and answers.
    pub(super) up: bool,
}

pub(super) fn alice() -> PublicKey {
    keys(1).public()
}

pub(super) fn bob() -> PublicKey {
    keys(2).public()
}

pub(super) fn bobs() -> Way {
    Way::Direct(address(2, 5050))
}

/// A source that nobody else has.
pub(super) fn source(number: u32) -> SocketAddr {
    (Ipv4Addr::from(0x0b00_0000 + number), 1000 + number as u16 % 50_000).into()
}

impl Scene {
    pub(super) fn new(strangers: Strangers) -> Scene {
        let (now, multiplications) = (clock::now(), Rc::<Cell<usize>>::default());
        let own = Counting { plain: Plain(alice()), multiplications: multiplications.clone() };
        let mut scene = Scene {
            alice: Agent::new(own, strangers, [1; 32], 1, now),
            multiplications,
            now,
            number: 0,
            out: HashMap::new(),
            came: HashMap::new(),
            events: Vec::new(),
            up: true,
        };
        scene.alice.dial(bob(), &[bobs()], now).unwrap();
        scene.settle();
        scene.alice.hold(bob().hit());
        assert_eq!(scene.alice.path(bob().hit()), Some(bobs()));
        scene.multiplications.set(0);
        scene
    }

    /// A message of somebody.
    pub(super) fn sealed(&mut self, from: PublicKey, kind: u8, content: &[u8]) -> Vec<u8> {
        self.number += 1;
        let mut ephemeral = [7; 32];
        ephemeral[..4].copy_from_slice(&self.number.to_be_bytes());
        Plain(from).seal(&alice(), kind, content, ephemeral).unwrap().datagram
    }

    pub(super) fn probe(&mut self, from: PublicKey) -> Vec<u8> {
        self.sealed(from, PROBE, &[0; PROBE_CONTENT])
    }

    /// Something arrives, and what it draws is delivered.
    pub(super) fn arrive(&mut self, from: SocketAddr, datagram: &[u8]) {
        *self.came.entry(from).or_default() += datagram.len();
        self.alice.handle_datagram(Way::Direct(from), datagram, self.now);
        self.settle();
    }

    /// Delivers what alice sends; bob answers.
    pub(super) fn settle(&mut self) {
        while let Some(Transmit { to, datagram, .. }) = self.alice.poll_transmit() {
            let victim = match to {
                Way::Direct(address) | Way::Turn { peer: address, .. } => address,
                Way::Relayed { .. } => continue,
            };
            if to != bobs() {
                *self.out.entry(victim).or_default() += datagram.len();
            } else if self.up && Plain(bob()).is_addressed(&datagram) {
                let answer = self.answer_of_bob(&datagram);
                self.alice.handle_datagram(to, &answer, self.now);
            }
        }
        self.events.extend(std::iter::from_fn(|| self.alice.poll_event()));
    }

    pub(super) fn answer_of_bob(&self, question: &[u8]) -> Vec<u8> {
        let plain = Plain(bob());
        let (sender, claimed) = plain.claim(question).unwrap();
        let proved = Plain::prove(claimed, &sender).unwrap();
        let observed = crate::link::observed::encode(Some(address(1, 5050)));
        Plain::seal_answer(&proved.answer_key, ANSWER, proved.id, [9; 12], &observed).unwrap()
    }

    /// Time passes, and timers are served.
    pub(super) fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(due) = self.alice.poll_timeout().filter(|due| *due <= end) {
            self.now = self.now.max(due);
            self.alice.handle_timeout(self.now);
            self.settle();
        }
        self.now = end;
    }

    pub(super) fn is_connected(&self) -> bool {
        self.alice.path(bob().hit()) == Some(bobs()) && !self.alice.is_suspect(bob().hit())
    }

    /// Nobody gets more than three times what came in his name.
    pub(super) fn check_amplification(&self) {
        for (victim, octets) in &self.out {
            let came = self.came.get(victim).copied().unwrap_or_default();
            assert!(*octets <= 3 * came, "{victim} got {octets} for {came}");
        }
    }

    pub(super) fn check_memory(&self) {
        let known = |hit: &Hit, way: &Way| {
            self.alice.peers[hit].candidates.iter().any(|candidate| candidate.way == *way)
        };
        assert!(self.alice.by_way.iter().all(|(way, hit)| known(hit, way)));
        assert!(self.alice.contested.len() <= 256);
    }
}
