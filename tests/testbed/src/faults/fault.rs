//! What can be wrong with an overlay, and what it has to go wrong with.

use std::time::Duration;

use crate::dice::Dice;
use p2p::identity::{KeyPair, Name, PublicKey, Seed, Timestamp};
use p2p::registration::{Packet, Registration, Wanted};

/// What is wrong with an overlay.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// It never answers.
    Dead,
    /// It answers after seconds.
    Slow,
    /// It cannot be reached.
    Refusing,
    /// It gives forged, foreign and malformed packets, as many as are looked at.
    Lying,
    /// It gives a packet that was true a while ago.
    Replaying,
    /// It took no packet.
    Full,
}

/// All of them.
pub const FAULTS: [Fault; 6] =
    [Fault::Dead, Fault::Slow, Fault::Refusing, Fault::Lying, Fault::Replaying, Fault::Full];

/// Leaves one of three overlays without a fault.
pub fn two_of_three(dice: &mut Dice) -> [Option<Fault>; 3] {
    let healthy = dice.roll(3) as usize;
    let mut fault = |at| (at != healthy).then(|| FAULTS[dice.roll(FAULTS.len() as u64) as usize]);
    [fault(0), fault(1), fault(2)]
}

/// What everybody could know of a person.
pub struct World {
    pub wall: Timestamp,
    pub newest: Packet,
    pub old: Packet,
    pub lies: Vec<Vec<u8>>,
}

impl World {
    /// Of the owner of a seed, at a date.
    pub fn new(seed: [u8; 32], wall: Timestamp) -> World {
        let alice = keys(seed);
        let newest = packet(&alice, NAME, wall);
        let old = packet(&alice, NAME, wall.saturating_sub(Duration::from_secs(3600)));
        let mut forged = newest.as_bytes().to_vec();
        *forged.last_mut().unwrap() ^= 1;
        let future = wall.saturating_add(Duration::from_secs(7200));
        let lies = vec![
            forged,
            b"p2pr but not really".to_vec(),
            packet(&keys([2; 32]), NAME, wall).as_bytes().to_vec(),
            packet(&alice, "mallory@example.com", wall).as_bytes().to_vec(),
            packet(&alice, NAME, future).as_bytes().to_vec(),
        ];
        World { wall, newest, old, lies }
    }

    pub fn key(&self) -> PublicKey {
        self.newest.registration().key
    }

    /// The person, who is known.
    pub fn wanted(&self) -> Wanted {
        Wanted::Contact(Name::parse(NAME).unwrap(), self.key())
    }
}

const NAME: &str = "alice@example.com";

fn keys(seed: [u8; 32]) -> KeyPair {
    KeyPair::from_seed(&Seed::new(seed))
}

fn packet(keys: &KeyPair, name: &str, at: Timestamp) -> Packet {
    let registration = Registration {
        name: Name::parse(name).ok(),
        key: keys.public(),
        sequence: at,
        ttl: Duration::from_secs(7200),
        locators: vec!["192.0.2.1:5050".parse().unwrap()],
        rendezvous: Vec::new(),
        certificates: Vec::new(),
    };
    Packet::sign(&registration, keys).unwrap()
}
