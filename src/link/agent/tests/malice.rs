//! A relay that does not do what it should: two homes that can meet without it meet, and those that cannot are
//! told so.

use std::time::Duration;

use super::internet::Internet;
use super::millis;
use super::nat::Kind;
use crate::identity::{Hit, PublicKey};
use crate::link::datagram::{ANSWER, PROBE, UPDATE};
use crate::runtime::clock;

/// What a relay does to what it should carry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Malice {
    /// Nothing.
    #[default]
    None,
    /// It loses all of it.
    Silence,
    /// It loses one kind of control datagram.
    Loses(u8),
    /// It carries the control datagrams, so that it seems to work, and loses the conversation.
    OnlyControl,
    /// It carries for one of the two.
    OneWay,
    /// It carries everything eight times, up to seconds later.
    Repeats,
    /// It says that it comes from somebody else.
    Lies,
    /// It says that it does not know the receiver, each time.
    Refuses,
}

const ALL: [Malice; 9] = [
    Malice::Silence,
    Malice::Loses(PROBE),
    Malice::Loses(ANSWER),
    Malice::Loses(UPDATE),
    Malice::OnlyControl,
    Malice::OneWay,
    Malice::Repeats,
    Malice::Lies,
    Malice::Refuses,
];

impl Malice {
    /// What arrives of a datagram: how much later, and in whose name.
    pub(super) fn carry(self, from: Hit, to: Hit, datagram: &[u8]) -> Vec<(Duration, Hit)> {
        let honest = vec![(Duration::ZERO, from)];
        match self {
            Malice::Loses(kind) if datagram[0] == kind => Vec::new(),
            Malice::None | Malice::Loses(_) => honest,
            Malice::OnlyControl if datagram[0] < 0x40 => honest,
            Malice::OneWay if from < to => honest,
            Malice::Silence | Malice::OnlyControl | Malice::OneWay | Malice::Refuses => Vec::new(),
            Malice::Repeats => (0..8).map(|copy| (millis(400 * copy), from)).collect(),
            Malice::Lies => vec![(Duration::ZERO, PublicKey([99; 32]).hit())],
        }
    }
}

fn pair(malice: Malice, seed: u64, callee: Kind) -> (Internet, usize, usize) {
    let mut world = Internet::new(seed, clock::now());
    world.malice = malice;
    let caller = if callee.is_symmetric() { Kind::SYMMETRIC } else { Kind::PORT_RESTRICTED };
    let (home, office) = (world.nat(caller, None), world.nat(callee, None));
    let (alice, bob) = (world.host(Some(home)), world.host(Some(office)));
    let published = world.gather(bob);
    world.gather(alice);
    world.dial(alice, bob, &published, true);
    world.hold_both(alice, bob);
    (world, alice, bob)
}

#[test]
fn homes_that_can_meet_without_it_do() {
    for seed in 0..20 {
        for malice in ALL {
            let (mut world, alice, bob) = pair(malice, seed, Kind::FULL_CONE);
            world.converse(alice, bob, millis(100), Duration::from_secs(12));
            assert!(world.is_direct(alice, bob), "{malice:?}, seed {seed}");
            let since = world.now;
            world.converse(alice, bob, millis(100), Duration::from_secs(30));
            let gap = world.longest_gap(alice, since);
            assert!(gap < millis(800), "{malice:?}, seed {seed}: {gap:?}");
            assert!(world.is_direct(alice, bob), "{malice:?}, seed {seed}");
        }
    }
}

#[test]
fn who_gets_nothing_through_it_knows() {
    for seed in 0..20 {
        for malice in ALL {
            let (mut world, alice, bob) = pair(malice, seed, Kind::SYMMETRIC);
            let before = world.sent;
            world.converse(alice, bob, millis(100), Duration::from_secs(30));
            let hit = world.hit(bob);
            let heard = world.hosts[alice].received.len();
            let suspect = world.hosts[alice].agent.is_suspect(hit);
            // one that answers for itself and loses the rest is noticed by QUIC, whose handshake has an end
            let knows = suspect || malice == Malice::OnlyControl;
            assert!(heard > 100 || knows, "{malice:?}, seed {seed}: {heard} packets");
            let sent = world.sent - before;
            assert!(sent < 30 * 40, "{malice:?}, seed {seed}: {sent} control datagrams");
        }
    }
}
