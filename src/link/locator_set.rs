//! What an UPDATE says: where its sender may be reached, as in the LOCATOR_SET of HIP (RFC 8046,
//! section 4), and how its NAT behaves.
//!
//! ```text
//! sequence(8)  acknowledged(8)  NAT(1)  step(2)  count(1)  count × [ kind(1) address(4 or 16) port(2) ]
//! ```
//!
//! A kind with its first bit set has an IPv4 address.
//!
//! Whatever follows is left to later versions; zeros there give an UPDATE the weight that allows its
//! receiver to send as many probes as it takes to punch.

use std::net::{IpAddr, SocketAddr};

use super::candidate::CandidateKind;

/// Candidates that one UPDATE names.
pub(super) const MAX_ANNOUNCED: usize = 12;

const COUNT_AT: usize = 19;
const FIRST_AT: usize = 20;
/// The first bit of a kind.
const IPV4: u8 = 0x80;
const PORT: usize = 2;

/// How the NAT in front of a host gives out ports, as far as is known (RFC 4787, section 4.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NatMapping {
    /// Nothing is known.
    #[default]
    Unknown,
    /// Endpoint-independent, or there is no NAT.
    EndpointIndependent,
    /// Another port for each destination, which cannot be guessed.
    SymmetricRandom,
    /// Another port for each destination: the previous one and this.
    SymmetricSequential {
        /// What is added for each new destination.
        step: i16,
    },
}

/// The content of an UPDATE.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct LocatorSet {
    /// Newer sets have greater numbers: the Update ID of HIP.
    pub(super) sequence: u64,
    /// The number of the latest set of the receiver that the sender knows, and has punched towards.
    pub(super) acknowledged: u64,
    pub(super) nat: NatMapping,
    pub(super) locators: Vec<(CandidateKind, SocketAddr)>,
}

impl LocatorSet {
    /// At most [`MAX_ANNOUNCED`] candidates, filled up with zeros to `length` octets.
    pub(super) fn encode(&self, length: usize) -> Vec<u8> {
        let (nat, step) = match self.nat {
            NatMapping::Unknown => (0, 0),
            NatMapping::EndpointIndependent => (1, 0),
            NatMapping::SymmetricRandom => (2, 0),
            NatMapping::SymmetricSequential { step } => (3, step),
        };
        let count = self.locators.len().min(MAX_ANNOUNCED);
        let mut octets = Vec::with_capacity(length);
        octets.extend_from_slice(&self.sequence.to_be_bytes());
        octets.extend_from_slice(&self.acknowledged.to_be_bytes());
        octets.push(nat);
        octets.extend_from_slice(&i16::to_be_bytes(step));
        octets.push(count as u8);
        for (kind, address) in &self.locators[..count] {
            match address.ip() {
                IpAddr::V4(v4) => {
                    octets.push(kind_octet(*kind) | IPV4);
                    octets.extend_from_slice(&v4.octets());
                }
                IpAddr::V6(v6) => {
                    octets.push(kind_octet(*kind));
                    octets.extend_from_slice(&v6.octets());
                }
            }
            octets.extend_from_slice(&address.port().to_be_bytes());
        }
        octets.resize(octets.len().max(length), 0);
        octets
    }

    /// None if it is no set; candidates of unknown kinds are left out.
    pub(super) fn decode(octets: &[u8]) -> Option<LocatorSet> {
        let head = octets.first_chunk::<FIRST_AT>()?;
        let step = i16::from_be_bytes([head[17], head[18]]);
        let nat = match head[16] {
            1 => NatMapping::EndpointIndependent,
            2 => NatMapping::SymmetricRandom,
            3 if step != 0 => NatMapping::SymmetricSequential { step },
            _ => NatMapping::Unknown,
        };
        let count = usize::from(head[COUNT_AT]);
        if count > MAX_ANNOUNCED {
            return None;
        }
        let (mut locators, mut rest) = (Vec::with_capacity(count), &octets[FIRST_AT..]);
        for _ in 0..count {
            let (kind, behind) = rest.split_first()?;
            let length = if kind & IPV4 == 0 { 16 } else { 4 };
            let (address, behind) = behind.split_at_checked(length + PORT)?;
            locators.extend(locator(kind & !IPV4, address));
            rest = behind;
        }
        Some(LocatorSet {
            sequence: u64::from_be_bytes(*head.first_chunk()?),
            acknowledged: u64::from_be_bytes(*head[8..].first_chunk()?),
            nat,
            locators,
        })
    }
}

/// What an entry says, unless its kind is none of those that are known.
fn locator(kind: u8, address: &[u8]) -> Option<(CandidateKind, SocketAddr)> {
    let kind = ANNOUNCED.iter().find(|(octet, _)| *octet == kind)?.1;
    let (ip, port) = address.split_last_chunk()?;
    let ip = match ip.first_chunk::<16>() {
        Some(v6) => IpAddr::from(*v6).to_canonical(),
        None => IpAddr::from(*ip.first_chunk::<4>()?),
    };
    Some((kind, SocketAddr::new(ip, u16::from_be_bytes(*port))))
}

/// The kinds of which an UPDATE speaks.
const ANNOUNCED: [(u8, CandidateKind); 5] = [
    (1, CandidateKind::Host),
    (2, CandidateKind::ServerReflexive),
    (3, CandidateKind::Mapped),
    (4, CandidateKind::Teredo),
    (5, CandidateKind::Relayed),
];

fn kind_octet(kind: CandidateKind) -> u8 {
    ANNOUNCED.iter().find(|(_, announced)| *announced == kind).map_or(0, |(octet, _)| *octet)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set() -> LocatorSet {
        let kinds = ANNOUNCED.iter().map(|(_, kind)| *kind);
        let addresses =
            ["192.0.2.1:1", "[2001:db8::1]:2", "10.0.0.1:3", "[2001::1]:4", "1.2.3.4:5"];
        LocatorSet {
            sequence: 1 << 40,
            acknowledged: 7,
            nat: NatMapping::SymmetricSequential { step: -2 },
            locators: kinds.zip(addresses.map(|text| text.parse().unwrap())).collect(),
        }
    }

    #[test]
    fn what_is_encoded_comes_back_whatever_follows() {
        for nat in [
            NatMapping::Unknown,
            NatMapping::EndpointIndependent,
            NatMapping::SymmetricRandom,
            NatMapping::SymmetricSequential { step: -2 },
        ] {
            let set = LocatorSet { nat, ..set() };
            let short = set.encode(0);
            assert_eq!(short.len(), FIRST_AT + 3 * (3 + 4) + 2 * (3 + 16));
            let long = set.encode(400);
            assert_eq!(long.len(), 400);
            assert_eq!(LocatorSet::decode(&short), Some(set.clone()));
            assert_eq!(LocatorSet::decode(&long), Some(set));
        }
    }

    #[test]
    fn too_many_are_cut_off_and_too_short_is_nothing() {
        let mut many = set();
        many.locators =
            (1..40).map(|port| (CandidateKind::Host, ([192, 0, 2, 1], port).into())).collect();
        let decoded = LocatorSet::decode(&many.encode(0)).unwrap();
        assert_eq!(decoded.locators, many.locators[..MAX_ANNOUNCED]);
        let whole = set().encode(0);
        for length in 0..whole.len() {
            assert_eq!(LocatorSet::decode(&whole[..length]), None, "{length}");
        }
        let mut lying = whole;
        lying[COUNT_AT] = 255;
        assert_eq!(LocatorSet::decode(&lying), None);
    }

    #[test]
    fn unknown_kinds_are_left_out() {
        let mut octets = set().encode(0);
        octets[FIRST_AT] = IPV4 | 99;
        let decoded = LocatorSet::decode(&octets).unwrap();
        assert_eq!(decoded.locators, set().locators[1..]);
    }

    #[test]
    fn any_octets_are_a_bounded_set_or_none() {
        let mut state = 1u64;
        for round in 0..20_000 {
            let octets: Vec<u8> = (0..round % 300)
                .map(|_| {
                    state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                    ((state >> 56) as u8 % 16) | ((state >> 48) as u8 & IPV4)
                })
                .collect();
            if let Some(set) = LocatorSet::decode(&octets) {
                assert!(set.locators.len() <= MAX_ANNOUNCED);
                assert_eq!(LocatorSet::decode(&set.encode(0)), Some(set));
            }
        }
    }
}
