//! What others see of this host: its reflexive addresses, put together from everybody who said.
//!
//! STUN servers, rendezvous and connected peers each see one address and port of ours. Together they
//! tell whether a NAT keeps one mapping for all destinations, so that the address is worth offering to
//! strangers, or makes a new one for each, perhaps with ports in sequence.
//!
//! A peer may lie, and an address that we publish is an address that others send probes to. So what a
//! peer says counts only when a server or a peer in another network says the same address.

use std::{
    net::{IpAddr, SocketAddr},
    time::{Duration, Instant},
};

use crate::link::locator_set::NatMapping;
use crate::runtime::ip::is_global;

/// What is remembered at most; the oldest gives way.
const MAX_OBSERVATIONS: usize = 32;
/// How long an observation counts that nobody renews: NATs forget a mapping after two minutes of silence
/// (RFC 4787, REQ-5), and every source that matters is asked more often.
const LIFETIME: Duration = Duration::from_secs(150);
/// A NAT that counts its ports up or down skips those that other hosts got in between.
const MAX_STEP: i32 = 16;

/// Who saw us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Observer {
    /// A peer that proved its key: anybody.
    Peer(SocketAddr),
    /// A server that this host chose to ask: STUN, rendezvous, Teredo.
    Server(SocketAddr),
}

impl Observer {
    fn address(self) -> SocketAddr {
        match self {
            Observer::Peer(address) | Observer::Server(address) => address,
        }
    }
}

/// An address of ours, as somebody sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Observation {
    observer: Observer,
    mapped: SocketAddr,
    /// When the datagram left of which the observer speaks: the order in which a NAT gave out ports.
    sent: Instant,
    heard: Instant,
}

/// How a NAT chooses the public port for another destination (RFC 4787, section 4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mapping {
    /// There is none: the address is this host's own.
    NoNat,
    /// The same for all destinations.
    EndpointIndependent,
    /// Another one for each address, or for each address and port: what is called symmetric.
    EndpointDependent {
        /// The distance from each port to the next where they come in sequence.
        step: Option<i32>,
    },
}

impl From<Mapping> for NatMapping {
    fn from(mapping: Mapping) -> NatMapping {
        match mapping {
            Mapping::NoNat | Mapping::EndpointIndependent => NatMapping::EndpointIndependent,
            Mapping::EndpointDependent { step } => match step.and_then(|step| step.try_into().ok())
            {
                Some(step) => NatMapping::SymmetricSequential { step },
                None => NatMapping::SymmetricRandom,
            },
        }
    }
}

/// The reflexive addresses of this host's sockets.
#[derive(Debug, Default)]
pub(in crate::link) struct Reflexive {
    /// The addresses of the sockets without a NAT.
    own: Vec<SocketAddr>,
    observations: Vec<Observation>,
    /// What several observers said of the NAT when they were last asked together.
    judged: Option<Mapping>,
}

impl Reflexive {
    /// Somebody says that a datagram sent at `sent` came from `mapped`.
    pub(in crate::link) fn handle_observed(
        &mut self,
        observer: Observer,
        mapped: SocketAddr,
        sent: Instant,
        now: Instant,
    ) {
        // what neighbours see is no news: it is on an interface
        let of_neighbour = matches!(observer, Observer::Peer(_)) && !is_global(mapped.ip());
        if !is_plausible(mapped) || of_neighbour {
            return;
        }
        // the same port was given out when it was first seen, and others since
        let before = self.observations.iter().find(|known| known.observer == observer);
        let sent = before.filter(|known| known.mapped == mapped).map_or(sent, |known| known.sent);
        self.observations.retain(|known| known.observer != observer);
        if self.observations.len() == MAX_OBSERVATIONS {
            self.observations.remove(0);
        }
        self.observations.push(Observation { observer, mapped, sent, heard: now });
        let mut seen: Vec<_> = self.credible(true, now).collect();
        seen.sort_by_key(|observation| observation.sent);
        self.judged = mapping_of(&seen, &self.own).or(self.judged);
    }

    /// What an observer said last.
    pub(in crate::link) fn seen_by(&self, observer: Observer) -> Option<SocketAddr> {
        self.observations.iter().find(|known| known.observer == observer).map(|known| known.mapped)
    }

    /// The network is another: nothing holds any more. `own` are the addresses of this host's sockets.
    pub(in crate::link) fn reset(&mut self, own: &[SocketAddr]) {
        *self = Reflexive { own: own.to_vec(), ..Reflexive::default() };
    }

    /// The NAT is another.
    pub(in crate::link) fn clear(&mut self) {
        self.observations.clear();
        self.judged = None;
    }

    /// The addresses to offer to peers, the newest first. With a NAT that makes a mapping for each
    /// destination it is only the latest: whoever is behind a lenient NAT can use it to guess.
    pub(in crate::link) fn candidates(&self, now: Instant) -> Vec<SocketAddr> {
        let mut candidates = Vec::new();
        for is_ipv4 in [true, false] {
            let mut seen: Vec<_> = self.credible(is_ipv4, now).collect();
            seen.sort_by_key(|observation| observation.sent);
            let mut mapped: Vec<SocketAddr> = seen.iter().rev().map(|seen| seen.mapped).collect();
            if let Some(Mapping::EndpointDependent { .. }) = mapping_of(&seen, &self.own) {
                mapped.truncate(1);
            }
            mapped.retain(|address| !self.own.contains(address));
            candidates.extend(mapped);
        }
        let mut unique = Vec::new();
        candidates.retain(|address| {
            let new = !unique.contains(address);
            unique.push(*address);
            new
        });
        candidates
    }

    /// What observers in different places say about the NAT of IPv4; None while they have not.
    pub(in crate::link) fn mapping(&self) -> Option<Mapping> {
        self.judged
    }

    /// When the first observation that counts will be out of date.
    pub(in crate::link) fn expires(&self) -> Option<Instant> {
        self.observations.iter().map(|observation| observation.heard + LIFETIME).min()
    }

    /// Forgets what is out of date; true if there was something.
    pub(in crate::link) fn expire(&mut self, now: Instant) -> bool {
        let before = self.observations.len();
        self.observations.retain(|observation| observation.heard + LIFETIME > now);
        self.observations.len() < before
    }

    fn credible(&self, is_ipv4: bool, now: Instant) -> impl Iterator<Item = &Observation> {
        self.observations.iter().filter(move |observation| {
            observation.mapped.is_ipv4() == is_ipv4
                && observation.heard + LIFETIME > now
                && self.is_credible(observation)
        })
    }

    fn is_credible(&self, observation: &Observation) -> bool {
        let Observer::Peer(peer) = observation.observer else { return true };
        self.observations.iter().any(|other| {
            let independent = match other.observer {
                Observer::Server(_) => true,
                Observer::Peer(other) => network(other.ip()) != network(peer.ip()),
            };
            independent && other.mapped.ip() == observation.mapped.ip()
        })
    }
}

/// `seen` in the order in which the datagrams left.
fn mapping_of(seen: &[&Observation], own: &[SocketAddr]) -> Option<Mapping> {
    let first = seen.first()?;
    if seen.iter().any(|observation| own.contains(&observation.mapped)) {
        return Some(Mapping::NoNat);
    }
    let elsewhere = |other: &&&Observation| other.observer.address() != first.observer.address();
    seen.iter().find(elsewhere)?;
    if seen.iter().all(|observation| observation.mapped == first.mapped) {
        return Some(Mapping::EndpointIndependent);
    }
    // what peers see may be ports that were guessed, far behind the others
    let of_servers = seen.iter().filter(|seen| matches!(seen.observer, Observer::Server(_)));
    let ports: Vec<u16> = of_servers.map(|observation| observation.mapped.port()).collect();
    Some(Mapping::EndpointDependent { step: step(&ports) })
}

/// The distance between ports that a NAT gave out, from the oldest to the newest; None if most have nothing to
/// do with each other. Two are enough: those of a NAT that draws lots are as close once in two thousand times.
/// Their order is only roughly known, because not every observer says when it has looked.
pub(super) fn step(ports: &[u16]) -> Option<i32> {
    let (first, last) = (i32::from(*ports.first()?), i32::from(*ports.last()?));
    let mut sorted: Vec<i32> = ports.iter().map(|port| i32::from(*port)).collect();
    sorted.sort_unstable();
    sorted.dedup();
    let gaps: Vec<i32> = sorted.windows(2).map(|two| two[1] - two[0]).collect();
    let near: Vec<i32> = gaps.iter().copied().filter(|gap| *gap <= MAX_STEP).collect();
    if near.len() * 2 <= gaps.len() {
        return None;
    }
    // the smallest one is without strangers in between; of a single one that cannot be told
    let step = match near[..] {
        [_] => 1,
        _ => near.into_iter().min()?,
    };
    Some(if last < first { -step } else { step })
}

/// What one person may easily own: a /24 of IPv4, a /48 of IPv6.
fn network(ip: IpAddr) -> u64 {
    match ip {
        IpAddr::V4(v4) => u64::from(v4.to_bits() >> 8),
        IpAddr::V6(v6) => (v6.to_bits() >> 80) as u64,
    }
}

/// An address that a host of the Internet or of a site may have.
fn is_plausible(address: SocketAddr) -> bool {
    let ip = address.ip();
    let multicast = match ip {
        IpAddr::V4(v4) => v4.is_broadcast() || v4.is_multicast() || v4.octets()[0] == 0,
        IpAddr::V6(v6) => v6.is_multicast() || v6.to_ipv4_mapped().is_some(),
    };
    address.port() != 0 && !ip.is_unspecified() && !multicast
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::clock;

    const SECOND: Duration = Duration::from_secs(1);

    fn at(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    fn server(number: u8) -> Observer {
        Observer::Server(SocketAddr::new([192, 0, 2, number].into(), 3478))
    }

    fn peer(number: u8) -> Observer {
        Observer::Peer(SocketAddr::new([198, 51, number, 1].into(), 5050))
    }

    fn seen(observations: &[(Observer, &str)], now: Instant) -> Reflexive {
        let mut reflexive = Reflexive::default();
        for (count, (observer, mapped)) in observations.iter().enumerate() {
            let sent = now + SECOND * u32::try_from(count).unwrap() / 100;
            reflexive.handle_observed(*observer, at(mapped), sent, now);
        }
        reflexive
    }

    #[test]
    fn one_mapping_for_all_is_offered_once() {
        let now = clock::now();
        let same = seen(&[(server(1), "11.1.0.1:7"), (server(2), "11.1.0.1:7")], now);
        assert_eq!(same.mapping(), Some(Mapping::EndpointIndependent));
        assert_eq!(same.candidates(now), [at("11.1.0.1:7")]);
        let alone = seen(&[(server(1), "11.1.0.1:7")], now);
        assert_eq!(alone.mapping(), None, "one observer cannot tell");
        assert_eq!(alone.candidates(now), [at("11.1.0.1:7")]);
    }

    #[test]
    fn a_mapping_for_each_destination_is_recognised_with_its_step() {
        let now = clock::now();
        for (ports, step) in [
            ([1000, 1001, 1002], Some(1)),
            ([1000, 998, 996], Some(-2)),
            ([1000, 1005, 1006], Some(1)),
            ([1000, 40_000, 2000], None),
            ([1000, 1001, 1000], Some(1)),
            ([1001, 1000, 1002], Some(1)),
        ] {
            let texts = ports.map(|port| format!("11.1.0.1:{port}"));
            let from: Vec<_> =
                texts.iter().zip(1..).map(|(text, n)| (server(n), text.as_str())).collect();
            let reflexive = seen(&from, now);
            assert_eq!(reflexive.mapping(), Some(Mapping::EndpointDependent { step }));
            assert_eq!(reflexive.candidates(now), [at(&texts[2])], "the latest");
        }
    }

    #[test]
    fn an_own_address_is_no_nat() {
        let now = clock::now();
        let mut reflexive = Reflexive::default();
        reflexive.reset(&[at("11.1.0.1:7")]);
        reflexive.handle_observed(server(1), at("11.1.0.1:7"), now, now);
        assert_eq!(reflexive.mapping(), Some(Mapping::NoNat));
        assert!(reflexive.candidates(now).is_empty());
    }

    #[test]
    fn a_peer_alone_is_not_believed() {
        let now = clock::now();
        let lie = "203.0.113.66:53";
        let alone = seen(&[(server(1), "11.1.0.1:7"), (peer(1), lie)], now);
        assert_eq!(alone.candidates(now), [at("11.1.0.1:7")]);
        let neighbours = [
            (peer(1), lie),
            (Observer::Peer(at("198.51.1.1:1")), lie),
            (Observer::Peer(at("198.51.1.200:2")), lie),
        ];
        assert!(seen(&neighbours, now).candidates(now).is_empty());

        let agreed = seen(&[(peer(1), "11.1.0.1:7"), (peer(2), "11.1.0.1:7")], now);
        assert_eq!(agreed.candidates(now), [at("11.1.0.1:7")]);
        let at_home = seen(&[(peer(1), "192.168.1.5:7"), (peer(2), "192.168.1.5:7")], now);
        assert!(at_home.candidates(now).is_empty());
        let confirmed = seen(&[(server(1), "11.1.0.1:7"), (peer(1), "11.1.0.1:8")], now);
        assert_eq!(confirmed.mapping(), Some(Mapping::EndpointDependent { step: None }));
    }

    #[test]
    fn what_nobody_renews_is_forgotten() {
        let now = clock::now();
        let both = [(server(1), "11.1.0.1:7"), (server(2), "11.1.0.1:7")];
        let mut reflexive = seen(&both, now);
        assert_eq!(reflexive.expires(), Some(now + LIFETIME));
        assert!(!reflexive.expire(now + LIFETIME - SECOND));
        assert!(reflexive.candidates(now + LIFETIME).is_empty());
        assert!(reflexive.expire(now + LIFETIME));
        assert_eq!(reflexive.mapping(), Some(Mapping::EndpointIndependent), "the NAT is the same");
        assert_eq!(reflexive.expires(), None);
    }

    #[test]
    fn nonsense_and_floods_do_no_harm() {
        let now = clock::now();
        let mut reflexive = Reflexive::default();
        for text in ["0.0.0.0:1", "11.1.0.1:0", "224.0.0.1:1", "[ff02::1]:1", "[::ffff:1.2.3.4]:1"]
        {
            reflexive.handle_observed(server(1), at(text), now, now);
        }
        assert_eq!(reflexive.expires(), None);
        for number in 0..1000u16 {
            let from = Observer::Peer(SocketAddr::new([10, 0, 0, 1].into(), number));
            reflexive.handle_observed(from, at("11.1.0.1:7"), now, now);
        }
        assert_eq!(reflexive.observations.len(), MAX_OBSERVATIONS);
    }
}
