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
//! 6 is asked beside 2, where waiting for nothing takes the time. 2 and 3 come before anything is sent to the
//! other address, which would open the filter. A server without an other address is good for 1 only; then two
//! servers are compared. Several servers can be given: all are asked 1, and the first that can do more does the
//! rest.

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
mod tests;
