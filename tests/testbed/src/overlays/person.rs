//! Somebody who publishes, and what others find of him.

use std::{sync::Arc, time::Duration};

use crate::overlays::packets;
use p2p::identity::{KeyPair, Name};
use p2p::overlay::{Overlay, OverlayError};
use p2p::registration::{Floors, Lookup, Outcome, Packet, Patience, Registration, Wanted};
use p2p::runtime::{self, clock, random};

/// How long what these people sign counts.
pub const TTL: Duration = Duration::from_secs(3600);

/// A key pair with a name, so that tests share no slots.
pub struct Person {
    pub keys: KeyPair,
    pub name: Name,
}

impl Person {
    pub fn new() -> Person {
        let name = format!("user{:x}@example.com", random::number());
        Person::named(Name::parse(&name).unwrap())
    }

    pub fn named(name: Name) -> Person {
        Person { keys: packets::key(), name }
    }

    /// A packet signed so long ago, with a certificate of so many octets.
    pub fn sign(&self, age: Duration, ttl: Duration, certificate: usize) -> Packet {
        self.sign_at(5050, age, ttl, certificate)
    }

    fn sign_at(&self, port: u16, age: Duration, ttl: Duration, certificate: usize) -> Packet {
        let registration = Registration {
            name: Some(self.name.clone()),
            key: self.keys.public(),
            sequence: clock::wall().saturating_sub(age),
            ttl,
            locators: vec![([192, 0, 2, 1], port).into()],
            rendezvous: Vec::new(),
            certificates: vec![vec![7; certificate]],
        };
        Packet::sign(&registration, &self.keys).unwrap()
    }

    /// A packet signed so many seconds ago.
    pub fn packet(&self, seconds: u64) -> Packet {
        self.sign(Duration::from_secs(seconds), TTL, 1)
    }

    /// A packet of somebody who is at a port.
    pub fn packet_at(&self, port: u16) -> Packet {
        self.sign_at(port, Duration::ZERO, TTL, 1)
    }

    /// The longest packet there can be.
    pub fn longest(&self) -> Packet {
        let short = self.packet(0).as_bytes().len();
        self.sign(Duration::ZERO, TTL, 1 + Packet::MAX_LENGTH - short)
    }

    /// Takes back what was said before.
    pub fn withdrawal(&self) -> Packet {
        self.sign(Duration::ZERO, Duration::ZERO, 1)
    }

    /// All ways to look for this person.
    pub fn wanted(&self) -> [Wanted; 3] {
        let (name, key) = (self.name.clone(), self.keys.public());
        [Wanted::Name(name.clone()), Wanted::Key(key), Wanted::Contact(name, key)]
    }
}

/// What an overlay gives for somebody, judged as the daemon does.
pub fn look_up(overlay: &Arc<dyn Overlay>, wanted: &Wanted) -> Result<Outcome, OverlayError> {
    let packets = runtime::block_on(overlay.find(wanted))?;
    let now = clock::now();
    let mut lookup = Lookup::new(wanted.clone(), 1, &Floors::new(), Patience::default(), now);
    lookup.handle_answer(now, clock::wall(), 0, packets);
    Ok(lookup.poll(now).expect("all have answered"))
}
