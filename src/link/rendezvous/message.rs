//! What clients and rendezvous say to each other, in octets. Sealing is not done here.

use std::{net::SocketAddr, time::Duration};

use crate::identity::Hit;
use crate::link::{
    datagram::{HELLO, REFUSED, WELCOME},
    observed,
};

use super::refusal::RefusalReason;

const TAG: usize = 16;

/// Shows that its owner reads what arrives at an address.
pub(super) type Token = [u8; 16];
/// Shows that a message is meant: the first half of a token, or what a HELLO is called by.
pub(super) type Mark = [u8; 8];

/// Octets of a KEEP.
pub(super) const KEEP_LENGTH: usize = 1 + size_of::<Token>();
/// Octets of a KEPT.
pub(super) const KEPT_LENGTH: usize = 1 + size_of::<Mark>() + 2;
/// Octets of the longest REFUSED.
pub(super) const REFUSED_LENGTH: usize = 2 + size_of::<Mark>() + TAG;

/// What a client wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Purpose {
    /// To call somebody who is registered.
    Call,
    /// To be called.
    Register,
}

/// Octets of content in a HELLO before the certificates. Most of them are zero: room for what later versions
/// want to say, and weight, so that a WELCOME is not longer.
const HELLO_CONTENT: usize = 16;

/// Certificates in a HELLO, each behind an octet with its length: as many as a registration packet has.
const MAX_CERTIFICATES: usize = 4;

/// What a HELLO says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Hello {
    pub(super) purpose: Purpose,
    /// For how long the session should last without a KEEP, in whole seconds.
    pub(super) lifetime: Duration,
    /// What authorities say about the client.
    pub(super) certificates: Vec<Vec<u8>>,
}

impl Hello {
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut octets = vec![0; HELLO_CONTENT];
        octets[0] = match self.purpose {
            Purpose::Register => 1,
            Purpose::Call => 2,
        };
        octets[1..3].copy_from_slice(&seconds(self.lifetime));
        for certificate in self.certificates.iter().take(MAX_CERTIFICATES) {
            if let Ok(length) = u8::try_from(certificate.len()) {
                octets.push(length);
                octets.extend_from_slice(certificate);
            }
        }
        octets
    }

    /// None for a purpose that is not known, or if it is too short. What later versions put behind the
    /// certificates is not looked at.
    pub(super) fn decode(octets: &[u8]) -> Option<Hello> {
        let (octets, mut rest) = octets.split_first_chunk::<HELLO_CONTENT>()?;
        let purpose = match octets[0] {
            1 => Purpose::Register,
            2 => Purpose::Call,
            _ => return None,
        };
        let lifetime = Duration::from_secs(u16::from_be_bytes([octets[1], octets[2]]).into());
        let mut certificates = Vec::new();
        while let [length, behind @ ..] = rest
            && *length > 0
            && let Some((certificate, behind)) = behind.split_at_checked((*length).into())
            && certificates.len() < MAX_CERTIFICATES
        {
            certificates.push(certificate.to_vec());
            rest = behind;
        }
        Some(Hello { purpose, lifetime, certificates })
    }
}

/// What a WELCOME says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Welcome {
    /// For how long the session lasts without a KEEP, in whole seconds.
    pub(super) lifetime: Duration,
    /// Whether traffic is carried for this client, or it is introduced only.
    pub(super) carries: bool,
    pub(super) token: Token,
    /// Where the HELLO came from; None if it did not come by UDP.
    pub(super) observed: Option<SocketAddr>,
}

impl Welcome {
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut octets = Vec::with_capacity(64);
        octets.extend_from_slice(&seconds(self.lifetime));
        octets.push(u8::from(self.carries));
        octets.extend_from_slice(&self.token);
        octets.extend_from_slice(&observed::encode(self.observed));
        octets
    }

    pub(super) fn decode(octets: &[u8]) -> Option<Welcome> {
        let (lifetime, rest) = octets.split_first_chunk()?;
        let (rights, rest) = rest.split_first()?;
        let (token, rest) = rest.split_first_chunk()?;
        Some(Welcome {
            lifetime: Duration::from_secs(u16::from_be_bytes(*lifetime).into()),
            carries: rights & 1 != 0,
            token: *token,
            observed: observed::decode(rest)?,
        })
    }
}

/// Longer ones are as long as can be said.
fn seconds(lifetime: Duration) -> [u8; 2] {
    u16::try_from(lifetime.as_secs()).unwrap_or(u16::MAX).to_be_bytes()
}

pub(super) fn mark_of(token: &Token) -> Mark {
    let mut mark = Mark::default();
    mark.copy_from_slice(&token[..size_of::<Mark>()]);
    mark
}

pub(super) fn keep(token: &Token) -> Vec<u8> {
    [&[HELLO], &token[..]].concat()
}

pub(super) fn kept(token: &Token, lifetime: Duration) -> Vec<u8> {
    [&[WELCOME], &mark_of(token)[..], &seconds(lifetime)[..]].concat()
}

/// Takes a KEPT apart.
pub(super) fn parse_kept(datagram: &[u8]) -> Option<(Mark, Duration)> {
    let datagram: &[u8; KEPT_LENGTH] = datagram.try_into().ok()?;
    let [_, mark @ .., high, low] = datagram;
    Some((*mark, Duration::from_secs(u16::from_be_bytes([*high, *low]).into())))
}

/// What is refused: everything, or what goes to one peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Refused {
    pub(super) reason: RefusalReason,
    /// Zeros where there is no session.
    pub(super) mark: Mark,
    pub(super) callee: Option<Hit>,
}

impl Refused {
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut datagram = Vec::with_capacity(REFUSED_LENGTH);
        datagram.extend_from_slice(&[REFUSED, self.reason.to_octet()]);
        datagram.extend_from_slice(&self.mark);
        if let Some(callee) = self.callee {
            datagram.extend_from_slice(&callee.to_ipv6().octets());
        }
        datagram
    }

    pub(super) fn parse(datagram: &[u8]) -> Option<Refused> {
        let (&[_, reason], rest) = datagram.split_first_chunk::<2>()?;
        let (mark, rest) = rest.split_first_chunk()?;
        let callee = match rest {
            [] => None,
            tag => Some(hit(tag.try_into().ok()?)?),
        };
        Some(Refused { reason: RefusalReason::from_octet(reason)?, mark: *mark, callee })
    }
}

/// Whether a datagram is of this protocol, and neither a CARRY nor a CARRIED.
pub(in crate::link) fn speaks(datagram: &[u8]) -> bool {
    matches!(datagram.first(), Some(&(HELLO | WELCOME | REFUSED)))
}

/// Whether a datagram of this protocol is for the rendezvous, not for the client.
pub(in crate::link) fn is_for_server(datagram: &[u8]) -> bool {
    datagram.first() == Some(&HELLO)
}

fn hit(octets: &[u8; TAG]) -> Option<Hit> {
    Hit::from_ipv6((*octets).into())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::identity::PublicKey;

    #[test]
    fn messages_come_back() {
        let lifetime = Duration::from_secs(90);
        for purpose in [Purpose::Call, Purpose::Register] {
            for certificates in [vec![], vec![vec![7; 229]], vec![vec![1; 255]; MAX_CERTIFICATES]] {
                let hello = Hello { purpose, lifetime, certificates };
                assert_eq!(Hello::decode(&hello.encode()), Some(hello.clone()));
                let torn = Hello { certificates: Vec::new(), ..hello.clone() };
                let torn = [&torn.encode()[..], &[9, 1, 2]].concat();
                assert!(Hello::decode(&torn).unwrap().certificates.is_empty());
            }
        }
        for observed in ["192.0.2.7:4000", "[2001:db8::7]:4000"] {
            let observed = Some(observed.parse().unwrap());
            let welcome = Welcome { lifetime, carries: true, token: [7; 16], observed };
            assert_eq!(Welcome::decode(&welcome.encode()), Some(welcome));
        }
        let kept = kept(&[9; 16], lifetime);
        assert_eq!(parse_kept(&kept), Some(([9; 8], lifetime)));
        let peer = PublicKey([3; 32]).hit();
        for callee in [None, Some(peer)] {
            let refused = Refused { reason: RefusalReason::Quota, mark: [5; 8], callee };
            assert_eq!(Refused::parse(&refused.encode()), Some(refused));
        }
    }

    #[test]
    fn every_reason_has_its_octet() {
        let known: Vec<u8> =
            (0..=255).filter(|octet| RefusalReason::from_octet(*octet).is_some()).collect();
        assert_eq!(known, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
        for octet in known {
            let reason = RefusalReason::from_octet(octet).unwrap();
            assert_eq!(reason.to_octet(), octet);
            assert!(!reason.to_string().is_empty());
        }
    }

    proptest! {
        #[test]
        fn any_octets_are_survived(octets in proptest::collection::vec(any::<u8>(), 0..64)) {
            let _ = Hello::decode(&octets);
            let _ = Welcome::decode(&octets);
            let _ = parse_kept(&octets);
            if let Some(refused) = Refused::parse(&octets) {
                prop_assert_eq!(refused.encode()[1..].to_vec(), octets[1..].to_vec());
            }
        }
    }
}
