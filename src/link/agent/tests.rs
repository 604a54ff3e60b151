//! The path agent in a simulated network: virtual time, loss, reordering, addresses that die, and
//! attackers. A failing case prints its seed.

mod announcing;
mod conversation;
mod dialling;
mod forgery;
mod hostile;
mod internet;
mod keeping;
mod malice;
mod moving;
mod nat;
mod punching;
mod scene;
mod venturing;
mod wire;

use std::collections::HashSet;

use wire::World;
use zeroize::Zeroizing;

use super::{
    checks::{MAX_PEERS, PROBE_CONTENT},
    *,
};
use crate::identity::KeyPair;
use crate::link::{
    candidate::{CHECK_TIME, Candidate, CandidateKind, Pattern},
    peer::FRESH,
    seal::{self, Remote},
    way::RelayId,
};

/// A small generator of numbers that are random enough for a simulation (xorshift64*).
struct Dice(u64);

impl Dice {
    fn new(seed: u64) -> Dice {
        Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % end
    }
}

fn keys(seed: u64) -> KeyPair {
    let mut octets = [7; 32];
    octets[..8].copy_from_slice(&seed.to_be_bytes());
    KeyPair::from_seed(&Zeroizing::new(octets))
}

fn address(host: u8, port: u16) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, host], port))
}

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}
