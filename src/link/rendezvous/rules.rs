//! Whom a rendezvous serves, and how much.

use std::{collections::HashSet, sync::Arc};

use crate::identity::{PublicKey, Timestamp};
use crate::trust::{self, Authorities, AuthorityName, Contacts, NoMember};

use super::meter::OctetRate;
use super::refusal::RefusalReason;

/// Some identities.
#[derive(Clone, Debug, Default)]
pub enum Group {
    /// Nobody.
    #[default]
    Nobody,
    /// Whoever proves a key.
    Anyone,
    /// The owners of these keys.
    Keys(HashSet<PublicKey>),
    /// Whoever shows a certificate that makes him a member.
    Members(Members),
}

/// Whom an authority certifies, by what the owner of the rendezvous knows.
#[derive(Clone, Debug)]
pub struct Members {
    /// The authority.
    pub of: AuthorityName,
    /// What it and others have signed, and taken back.
    pub authorities: Arc<Authorities>,
    /// A certificate for a name that is known with another key says nothing.
    pub contacts: Arc<Contacts>,
}

impl Group {
    /// Whether a key belongs to it whose owner shows these certificates.
    pub(super) fn admit(
        &self,
        key: &PublicKey,
        certificates: &[Vec<u8>],
        now: Timestamp,
    ) -> Result<(), RefusalReason> {
        let is_in = match self {
            Group::Nobody => false,
            Group::Anyone => true,
            Group::Keys(keys) => keys.contains(key),
            Group::Members(members) => return members.admit(key, certificates, now),
        };
        if is_in { Ok(()) } else { Err(RefusalReason::NotPermitted) }
    }

    /// Whether certificates matter.
    fn is_certified(&self) -> bool {
        matches!(self, Group::Members(_))
    }
}

impl Members {
    fn admit(
        &self,
        key: &PublicKey,
        certificates: &[Vec<u8>],
        now: Timestamp,
    ) -> Result<(), RefusalReason> {
        let Members { of, authorities, contacts } = self;
        let shown = authorities.read(key, certificates);
        trust::is_member(of, *key, &shown, contacts, authorities, now).map_err(|why| match why {
            NoMember::Uncertified => RefusalReason::Uncertified,
            NoMember::Revoked => RefusalReason::Revoked,
            NoMember::Expired => RefusalReason::Expired,
        })
    }
}

/// What the owner of a rendezvous allows.
#[derive(Clone, Debug)]
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

    /// Whether certificates matter.
    pub(super) fn ask_for_certificates(&self) -> bool {
        self.register.is_certified() || self.relay.is_certified()
    }
}
