//! Whom a rendezvous serves, and how much.

use std::collections::HashSet;

use crate::identity::PublicKey;

use super::meter::OctetRate;

/// Some identities.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Group {
    /// Nobody.
    #[default]
    Nobody,
    /// Whoever proves a key.
    Anyone,
    /// The owners of these keys.
    Keys(HashSet<PublicKey>),
}

impl Group {
    pub(super) fn contains(&self, key: &PublicKey) -> bool {
        match self {
            Group::Nobody => false,
            Group::Anyone => true,
            Group::Keys(keys) => keys.contains(key),
        }
    }
}

/// What the owner of a rendezvous allows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    /// Who may register, and so be called through it.
    pub register: Group,
    /// For whom traffic is carried; one of two peers is enough.
    pub relay: Group,
    /// For two peers for neither of whom traffic is carried: enough for probes, the handshake of QUIC
    /// and a small response.
    pub introduction: OctetRate,
    /// What is carried for one client.
    pub client: OctetRate,
    /// What is carried for all.
    pub total: OctetRate,
}

impl Rules {
    /// 64 kB a minute.
    pub const INTRODUCTION: OctetRate = OctetRate { per_second: 64_000 / 60, burst: 64_000 };
    /// Octets a second for all: 100 Mbit/s.
    pub const TOTAL: u64 = 12_500_000;

    /// Rules with so many octets a second for all; one client gets half of it at most.
    pub fn new(register: Group, relay: Group, per_second: u64) -> Rules {
        Rules {
            register,
            relay,
            introduction: Rules::INTRODUCTION,
            client: OctetRate::per_second(per_second / 2),
            total: OctetRate::per_second(per_second),
        }
    }
}
