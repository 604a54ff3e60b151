//! What kind of NAT is between this host and the Internet (RFC 5780, section 4), sans-IO.
//!
//! ```text
//! 1  ask the primary address              mapped address, and the server's other address (2)
//! 2  ask for an answer from 2, all new    it comes: endpoint-independent filtering
//! 3  ask for an answer from another port  it comes: address-dependent filtering
//! 4  ask the other address, same port     same mapping as 1: endpoint-independent mapping
//! 5  ask the other address, other port    same mapping as 4: address-dependent mapping
//! 6  ask the mapped address               it comes back: the NAT hairpins
//! ```
//!
//! 6 is asked beside 2, where waiting for nothing takes the time. 2 and 3 come before anything is sent to the other address, which would open the filter. A server
//! without an other address is good for 1 only; then two servers are compared. Several servers can be
//! given: all are asked 1, and the first that can do more does the rest.

use std::{fmt, net::SocketAddr, time::Instant};

use super::{
    message::{Builder, Class, Message, Method, TransactionId, attribute},
    reflexive::{Mapping, step},
    transaction::{Patience, Transactions, Transmit},
};
use crate::link::drbg::Drbg;

/// CHANGE-REQUEST: answer from the other address (RFC 5780, section 7.2).
const CHANGE_IP: u32 = 4;
/// CHANGE-REQUEST: answer from the other port.
const CHANGE_PORT: u32 = 2;
/// Servers that are asked.
const MAX_SERVERS: usize = 8;

/// Whose datagrams a NAT lets in through a mapping (RFC 4787, section 5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Filtering {
    /// Everybody's: a full cone.
    EndpointIndependent,
    /// Those from addresses that were sent to.
    AddressDependent,
    /// Those from addresses and ports that were sent to.
    AddressAndPortDependent,
}

/// What was found out about the NAT in front of one socket.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NatBehaviour {
    /// The address of the first answer; None if no server answered: UDP is blocked, or there is no
    /// network.
    pub mapped: Option<SocketAddr>,
    /// How ports are chosen; None if that takes another server than were there.
    pub mapping: Option<Mapping>,
    /// Whether different ports of one other address are different destinations to it.
    pub port_dependent: Option<bool>,
    /// Who is let in; None if no server could test it.
    pub filtering: Option<Filtering>,
    /// Whether two hosts behind it reach each other at their public addresses.
    pub hairpin: Option<bool>,
    /// Whether the public port is the one the socket has.
    pub preserves_port: Option<bool>,
}

/// A question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Test {
    Primary,
    AnswerFromOther,
    AnswerFromOtherPort,
    OtherAddress,
    OtherAddressAndPort,
    Hairpin,
}

/// An answer to a question about the mapping.
#[derive(Clone, Copy, Debug)]
struct Seen {
    asked: Instant,
    server: SocketAddr,
    mapped: SocketAddr,
}

/// One discovery, on a socket that has sent nothing to these servers for minutes.
#[derive(Debug)]
pub(super) struct Discovery {
    own: Vec<SocketAddr>,
    stage: Stage,
    transactions: Transactions<Test>,
    /// Answers about the mapping.
    seen: Vec<Seen>,
    /// The server with another address, and that address.
    capable: Option<(SocketAddr, SocketAddr)>,
    hairpin: Option<TransactionId>,
    found: NatBehaviour,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Primary,
    Filtering,
    OtherAddress,
    OtherAddressAndPort,
    Hairpin,
    Done,
}

impl Discovery {
    /// `own` are the addresses at which the socket can be reached without a NAT.
    pub(super) fn new(
        own: &[SocketAddr],
        servers: &[SocketAddr],
        drbg: &mut Drbg,
        now: Instant,
    ) -> Discovery {
        let mut discovery = Discovery {
            own: own.to_vec(),
            stage: Stage::Primary,
            transactions: Transactions::default(),
            seen: Vec::new(),
            capable: None,
            hairpin: None,
            found: NatBehaviour::default(),
        };
        for server in servers.iter().take(MAX_SERVERS) {
            discovery.ask(*server, *server, 0, Test::Primary, drbg, now);
        }
        discovery
    }

    pub(super) fn handle_datagram(&mut self, from: SocketAddr, datagram: &[u8]) {
        let Ok(message) = Message::decode(datagram) else { return };
        if message.class() == Class::Request {
            if self.hairpin == Some(message.id()) && self.transactions.contains(&message.id()) {
                self.found.hairpin = Some(true);
                self.transactions.cancel(|test| *test == Test::Hairpin);
            }
            return;
        }
        let Some(answered) = self.transactions.handle_answer(from, &message) else { return };
        if message.class() != Class::Success || message.is_beyond_us() {
            return;
        }
        match answered.purpose {
            Test::AnswerFromOther => {
                self.found.filtering = Some(Filtering::EndpointIndependent);
                self.transactions.cancel(|test| *test == Test::AnswerFromOtherPort);
            }
            Test::AnswerFromOtherPort => {
                // unless the other answer came before
                self.found.filtering = match self.found.filtering {
                    Some(Filtering::EndpointIndependent) => Some(Filtering::EndpointIndependent),
                    _ => Some(Filtering::AddressDependent),
                };
            }
            _ => {
                let Some(mapped) = message.mapped_address() else { return };
                self.seen.push(Seen { asked: answered.asked, server: from, mapped });
                let other = message.address(attribute::OTHER_ADDRESS).filter(|other| {
                    other.is_ipv4() == from.is_ipv4()
                        && other.ip() != from.ip()
                        && other.port() != from.port()
                });
                if let Some(other) = other {
                    self.capable.get_or_insert((from, other));
                }
            }
        }
    }

    /// Goes on to the next questions when all of the last ones are answered or given up.
    pub(super) fn handle_timeout(&mut self, drbg: &mut Drbg, now: Instant) {
        while self.transactions.poll_given_up(now).is_some() {}
        while self.transactions.is_empty() && self.stage != Stage::Done {
            self.advance(drbg, now);
        }
    }

    pub(super) fn poll_transmit(&mut self, now: Instant) -> Option<Transmit> {
        self.transactions.poll_transmit(now)
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.transactions.poll_timeout()
    }

    /// What was found, when there is no more to ask.
    pub(super) fn poll_finished(&self) -> Option<&NatBehaviour> {
        (self.stage == Stage::Done).then_some(&self.found)
    }

    fn advance(&mut self, drbg: &mut Drbg, now: Instant) {
        self.stage = match (self.stage, self.capable) {
            (Stage::Primary, Some((server, other))) => {
                self.judge_mapping();
                self.ask_hairpin(drbg, now);
                self.found.filtering = Some(Filtering::AddressAndPortDependent);
                let change = CHANGE_IP | CHANGE_PORT;
                self.ask(server, other, change, Test::AnswerFromOther, drbg, now);
                let near = SocketAddr::new(server.ip(), other.port());
                self.ask(server, near, CHANGE_PORT, Test::AnswerFromOtherPort, drbg, now);
                Stage::Filtering
            }
            (Stage::Filtering, Some((server, other))) => {
                let to = SocketAddr::new(other.ip(), server.port());
                self.ask(to, to, 0, Test::OtherAddress, drbg, now);
                Stage::OtherAddress
            }
            (Stage::OtherAddress, Some((_, other))) => {
                self.ask(other, other, 0, Test::OtherAddressAndPort, drbg, now);
                Stage::OtherAddressAndPort
            }
            (Stage::Primary, None) => {
                self.judge_mapping();
                self.ask_hairpin(drbg, now);
                Stage::Hairpin
            }
            (Stage::OtherAddressAndPort, _) => {
                self.judge_mapping();
                Stage::Done
            }
            _ => Stage::Done,
        };
    }

    fn judge_mapping(&mut self) {
        self.seen.sort_by_key(|seen| seen.asked); // as the NAT met them
        let Some(first) = self.seen.first().copied() else { return };
        self.found.mapped = Some(first.mapped);
        let own_port = self.own.first().map(SocketAddr::port);
        self.found.preserves_port = own_port.map(|port| port == first.mapped.port());
        if self.own.contains(&first.mapped) {
            self.found.mapping = Some(Mapping::NoNat);
            return;
        }
        let elsewhere = self.seen.iter().filter(|seen| seen.server.ip() != first.server.ip());
        if elsewhere.count() == 0 {
            return;
        }
        let ports: Vec<u16> = self.seen.iter().map(|seen| seen.mapped.port()).collect();
        self.found.mapping = if self.seen.iter().all(|seen| seen.mapped == first.mapped) {
            Some(Mapping::EndpointIndependent)
        } else {
            Some(Mapping::EndpointDependent { step: step(&ports) })
        };
        if let Some((_, other)) = self.capable {
            let mut there = self.seen.iter().filter(|seen| seen.server.ip() == other.ip());
            if let (Some(one), Some(two)) = (there.next(), there.next()) {
                self.found.port_dependent = Some(one.mapped != two.mapped);
            }
        }
    }

    fn ask_hairpin(&mut self, drbg: &mut Drbg, now: Instant) {
        let Some(mapped) = self.found.mapped else { return };
        if self.found.mapping == Some(Mapping::NoNat) {
            return;
        }
        self.found.hairpin = Some(false);
        self.hairpin = Some(self.ask(mapped, mapped, 0, Test::Hairpin, drbg, now));
    }

    fn ask(
        &mut self,
        to: SocketAddr,
        answers_from: SocketAddr,
        change: u32,
        test: Test,
        drbg: &mut Drbg,
        now: Instant,
    ) -> TransactionId {
        let id = drbg.transaction_id();
        let mut request = Builder::new(Class::Request, Method::BINDING, id);
        if change != 0 {
            request = request.attribute(attribute::CHANGE_REQUEST, &change.to_be_bytes());
        }
        let request = (id, request.finish());
        let patience = Patience::SHORT;
        self.transactions.start_answered_from(answers_from, to, request, test, patience, now);
        id
    }
}

impl NatBehaviour {
    /// Whether hole punching works with most other NATs: the address that one destination sees is the
    /// one that another can use.
    pub fn is_punchable(&self) -> Option<bool> {
        Some(match self.mapping? {
            Mapping::NoNat | Mapping::EndpointIndependent => true,
            Mapping::EndpointDependent { step } => step.is_some(),
        })
    }
}

/// What people read: one sentence.
impl fmt::Display for NatBehaviour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(mapped) = self.mapped else {
            return f.write_str("no answer over UDP: it is blocked, or there is no network");
        };
        match self.mapping {
            Some(Mapping::NoNat) => match self.filtering {
                Some(Filtering::EndpointIndependent) => {
                    return write!(f, "no NAT: everybody reaches this host at {}", mapped.ip());
                }
                _ => write!(f, "no NAT, but perhaps a firewall, in front of {}", mapped.ip())?,
            },
            Some(Mapping::EndpointIndependent) => {
                write!(f, "a NAT with one public port for all destinations at {}", mapped.ip())?;
            }
            Some(Mapping::EndpointDependent { step: Some(step) }) => write!(
                f,
                "a symmetric NAT at {} whose ports follow each other in steps of {step}",
                mapped.ip()
            )?,
            Some(Mapping::EndpointDependent { step: None }) => write!(
                f,
                "a symmetric NAT at {}: another port for each destination, without order",
                mapped.ip()
            )?,
            None => write!(f, "a NAT at {} of a kind that could not be found out", mapped.ip())?,
        }
        match self.filtering {
            Some(Filtering::EndpointIndependent) => f.write_str("; it lets everybody in")?,
            Some(Filtering::AddressDependent) => {
                f.write_str("; it lets in who was written to")?;
            }
            Some(Filtering::AddressAndPortDependent) => {
                f.write_str("; it lets in only the very port that was written to")?;
            }
            None => {}
        }
        match self.hairpin {
            Some(true) => f.write_str("; two hosts behind it reach each other through it"),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::HashMap, time::Duration};

    use super::*;
    use crate::runtime::clock;

    /// A NAT with one host behind it, and servers with four addresses each.
    struct Nat {
        /// What of the destination makes another mapping: nothing, the address, or the port too.
        mapping: fn(SocketAddr) -> String,
        filtering: Filtering,
        next_port: fn(u16) -> u16,
        hairpin: bool,
        port: u16,
        mappings: HashMap<String, u16>,
        sent_to: Vec<SocketAddr>,
    }

    fn own() -> SocketAddr {
        "192.168.1.2:5050".parse().unwrap()
    }

    fn one_for_all(_: SocketAddr) -> String {
        String::new()
    }

    fn for_each_address(to: SocketAddr) -> String {
        to.ip().to_string()
    }

    fn for_each_port(to: SocketAddr) -> String {
        to.to_string()
    }

    impl Nat {
        fn new(mapping: fn(SocketAddr) -> String, filtering: Filtering) -> Nat {
            let (mappings, sent_to) = (HashMap::new(), Vec::new());
            let next_port = |port| port + 1;
            Nat { mapping, filtering, next_port, hairpin: false, port: 5049, mappings, sent_to }
        }

        fn translate(&mut self, to: SocketAddr) -> SocketAddr {
            self.sent_to.push(to);
            let (next, last) = (self.next_port, self.port);
            let port = *self.mappings.entry((self.mapping)(to)).or_insert_with(|| next(last));
            self.port = self.port.max(port);
            SocketAddr::new([11, 1, 0, 1].into(), port)
        }

        fn lets_in(&self, from: SocketAddr) -> bool {
            match self.filtering {
                Filtering::EndpointIndependent => true,
                Filtering::AddressDependent => self.sent_to.iter().any(|to| to.ip() == from.ip()),
                Filtering::AddressAndPortDependent => self.sent_to.contains(&from),
            }
        }

        /// What comes back for a datagram, and from where.
        fn exchange(
            &mut self,
            to: SocketAddr,
            datagram: &[u8],
            capable: bool,
        ) -> Option<(SocketAddr, Vec<u8>)> {
            let mapped = self.translate(to);
            let request = Message::decode(datagram).unwrap();
            if to == mapped {
                return self.hairpin.then(|| (mapped, datagram.to_vec()));
            }
            let change = request.number(attribute::CHANGE_REQUEST).unwrap_or(0);
            let other = |octet| if octet == 30 { 31 } else { 30 };
            let (ip, port) = match to.ip() {
                std::net::IpAddr::V4(v4) => (v4.octets()[3], to.port()),
                std::net::IpAddr::V6(_) => return None,
            };
            let swap_port = |port| if port == 3478 { 3479 } else { 3478 };
            let at = |ip, port| SocketAddr::new([192, 0, 2, ip].into(), port);
            let from = at(
                if change & CHANGE_IP == 0 { ip } else { other(ip) },
                if change & CHANGE_PORT == 0 { port } else { swap_port(port) },
            );
            let mut answer = Builder::new(Class::Success, Method::BINDING, request.id())
                .xor_address(attribute::XOR_MAPPED_ADDRESS, mapped);
            if capable {
                let other = super::super::address::encode(at(other(ip), swap_port(port)));
                answer = answer.attribute(attribute::OTHER_ADDRESS, &other);
            }
            self.lets_in(from).then(|| (from, answer.finish()))
        }
    }

    /// What is found out with one server that can do everything, or with two that cannot; and how long
    /// it takes.
    fn find(mut nat: Nat, capable: bool) -> (NatBehaviour, Duration) {
        let start = clock::now();
        let (mut now, mut drbg) = (start, Drbg::new([2; 32]));
        let servers: &[SocketAddr] = &if capable {
            vec!["192.0.2.30:3478".parse().unwrap()]
        } else {
            vec!["192.0.2.30:3478".parse().unwrap(), "192.0.2.40:3478".parse().unwrap()]
        };
        let mut discovery = Discovery::new(&[own()], servers, &mut drbg, now);
        loop {
            discovery.handle_timeout(&mut drbg, now);
            if let Some(found) = discovery.poll_finished() {
                return (found.clone(), now - start);
            }
            let mut answers = Vec::new();
            while let Some(Transmit { to, datagram }) = discovery.poll_transmit(now) {
                answers.extend(nat.exchange(to, &datagram, capable));
            }
            for (from, answer) in &answers {
                discovery.handle_datagram(*from, answer);
            }
            if answers.is_empty()
                && let Some(due) = discovery.poll_timeout()
            {
                now = now.max(due);
            }
        }
    }

    #[test]
    fn every_kind_of_nat_is_recognised() {
        use Filtering::{AddressAndPortDependent, AddressDependent, EndpointIndependent};
        type Kind = fn(SocketAddr) -> String;
        let sequential = Mapping::EndpointDependent { step: Some(1) };
        let kinds: [(Kind, Mapping, bool); 3] = [
            (one_for_all, Mapping::EndpointIndependent, false),
            (for_each_address, sequential, false),
            (for_each_port, sequential, true),
        ];
        for (kind, mapping, port_dependent) in kinds {
            for filtering in [EndpointIndependent, AddressDependent, AddressAndPortDependent] {
                let (found, took) = find(Nat::new(kind, filtering), true);
                assert_eq!(found.mapping, Some(mapping), "{filtering:?}");
                assert_eq!(found.filtering, Some(filtering), "{mapping:?}");
                assert_eq!(found.port_dependent, Some(port_dependent));
                assert_eq!(found.hairpin, Some(false));
                assert!(took <= Duration::from_secs(8), "{took:?}");
            }
        }
    }

    #[test]
    fn ports_and_hairpins_are_told() {
        let mut nat = Nat::new(one_for_all, Filtering::EndpointIndependent);
        nat.hairpin = true;
        let (found, took) = find(nat, true);
        assert_eq!((found.hairpin, found.preserves_port), (Some(true), Some(true)));
        assert!(took < Duration::from_secs(1), "nothing went unanswered: {took:?}");
        assert!(found.to_string().contains("everybody in"), "{found}");

        let mut nat = Nat::new(for_each_port, Filtering::AddressAndPortDependent);
        nat.next_port = |port| port.wrapping_mul(31421).wrapping_add(6927) | 1024;
        let (found, _) = find(nat, true);
        assert_eq!(found.mapping, Some(Mapping::EndpointDependent { step: None }));
        assert_eq!(found.is_punchable(), Some(false));
        assert!(found.to_string().contains("without order"), "{found}");
    }

    #[test]
    fn two_simple_servers_tell_the_mapping() {
        let (found, _) = find(Nat::new(one_for_all, Filtering::AddressDependent), false);
        assert_eq!(found.mapping, Some(Mapping::EndpointIndependent));
        assert_eq!(found.filtering, None);
        let (found, _) = find(Nat::new(for_each_address, Filtering::AddressDependent), false);
        assert_eq!(found.mapping, Some(Mapping::EndpointDependent { step: Some(1) }));
    }

    #[test]
    fn silence_is_a_result() {
        let start = clock::now();
        let mut drbg = Drbg::new([2; 32]);
        let server = "192.0.2.30:3478".parse().unwrap();
        let mut discovery = Discovery::new(&[own()], &[server], &mut drbg, start);
        let mut now = start;
        while discovery.poll_finished().is_none() {
            while discovery.poll_transmit(now).is_some() {}
            now = discovery.poll_timeout().unwrap();
            discovery.handle_timeout(&mut drbg, now);
        }
        assert_eq!(discovery.poll_finished(), Some(&NatBehaviour::default()));
        assert!(now - start < Duration::from_secs(4));
        assert!(NatBehaviour::default().to_string().contains("blocked"));
    }
}
