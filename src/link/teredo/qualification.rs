//! The qualification and maintenance procedures of a Teredo client (RFC 4380, sections 5.2.1 and
//! 5.2.5; RFC 5991, section 3, without the cone bit).
//!
//! ```text
//! client                       server, first address     second address
//!   |-- solicitation ---------------->|                        |
//!   |-- solicitation ------------------------------------------>|
//!   |<- advertisement, origin A ------|                        |   this is the mapped address
//!   |<- advertisement, origin B -------------------------------|   A = B, or the NAT is symmetric
//!   |-- bubble to oneself ----------->|                        |
//!   |<- the same bubble, origin A ----|                        |   the server introduces
//! ```
//!
//! The RFC asks the second address after the first; both at once save a round trip. A host that only reaches others
//! asks for the address alone, and for the rest if no peer answers soon. A server that
//! has no second address, or does not return the bubble, is used all the same: the silence says
//! nothing about the NAT. A bubble returned proves the way in through NAT and server, as a peer's
//! would take it.

use std::{
    net::{Ipv4Addr, SocketAddrV4},
    time::{Duration, Instant},
};

use super::super::drbg::Drbg;
use super::{
    address::{SERVER_PORT, TeredoAddress},
    encapsulation::Nonce,
};

/// When a question that gets no answer is repeated, counted from its start. The RFC waits four
/// seconds each time; a lost datagram should cost less.
const SCHEDULE: [Duration; 4] =
    [Duration::ZERO, Duration::from_secs(1), Duration::from_secs(3), Duration::from_secs(7)];
/// When it is given up: close to the three times four seconds of the RFC.
const PATIENCE: Duration = Duration::from_secs(11);

/// How long the second address of the server may take longer than the first until an address counts.
const SECOND_OPINION: Duration = Duration::from_secs(1);

/// The "Teredo refresh interval" of the RFC; a random interval is 75 to 100 % of it.
const REFRESH: Duration = Duration::from_secs(30);

/// What the client should do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    /// Send a router solicitation.
    Solicit(SocketAddrV4, Nonce),
    /// Send a bubble to oneself through the server.
    Echo,
}

/// What came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// Nothing else than before.
    Same,
    /// There is an address, the first one.
    Numbered,
    /// The address is another one than before.
    Renumbered,
    /// The NAT is symmetric.
    Symmetric,
    /// The server did not answer.
    Silent,
}

/// One server and what it says.
pub(super) struct Qualification {
    server: Ipv4Addr,
    first: Question,
    second: Question,
    echo: Question,
    doubts: Instant,
    address: Option<TeredoAddress>,
    round_trip: Duration,
    /// From when on the address counts without the second opinion.
    settled: Option<Instant>,
    refresh: Option<Instant>,
}

impl Qualification {
    /// `doubts`: when the server is asked for more than an address, unless [`Qualification::believe`] comes first.
    pub(super) fn start(
        server: Ipv4Addr,
        doubts: Instant,
        drbg: &mut Drbg,
        now: Instant,
    ) -> Qualification {
        let nonces = drbg.next();
        let nonce = |at: usize| -> Nonce { std::array::from_fn(|i| nonces[at + i]) };
        Qualification {
            server,
            first: Question::asked(nonce(0), now),
            second: Question::asked(nonce(8), doubts),
            echo: Question::default(),
            doubts,
            address: None,
            round_trip: Duration::ZERO,
            settled: None,
            refresh: None,
        }
    }

    pub(super) fn server(&self) -> Ipv4Addr {
        self.server
    }

    /// The address as soon as there is one.
    pub(super) fn address(&self) -> Option<TeredoAddress> {
        self.address
    }

    /// How long the server's latest answer took.
    pub(super) fn round_trip(&self) -> Duration {
        self.round_trip
    }

    /// Whether the address may be told to others.
    pub(super) fn is_settled(&self, now: Instant) -> bool {
        self.settled.is_some_and(|settled| settled <= now)
    }

    /// Whether the server let our own bubble through; None while it is not known.
    pub(super) fn introduces(&self) -> Option<bool> {
        self.echo.verdict
    }

    /// Whether a datagram comes from this server's first address.
    pub(super) fn is_server(&self, from: SocketAddrV4) -> bool {
        from == SocketAddrV4::new(self.server, SERVER_PORT)
    }

    /// The server's second address is the next one by convention; the address of the server in a
    /// Teredo address leaves no room to name it.
    fn second_server(&self) -> Ipv4Addr {
        Ipv4Addr::from_bits(self.server.to_bits().wrapping_add(1))
    }

    /// Takes a router advertisement that came with `nonce` and says that we are seen at `mapped`.
    pub(super) fn handle_advertisement(
        &mut self,
        from: SocketAddrV4,
        nonce: Nonce,
        mapped: SocketAddrV4,
        drbg: &mut Drbg,
        now: Instant,
    ) -> Outcome {
        if self.is_server(from) && self.first.answers(nonce) {
            self.round_trip = self.first.waited(now);
            self.first.end(true);
            self.heard(drbg, now);
            let known = self.address.map(|address| address.mapped);
            let renumbered = known != Some(mapped);
            if renumbered {
                let [a, b, ..] = drbg.next();
                let flags = u16::from_be_bytes([a, b]);
                self.address = Some(TeredoAddress::new(self.server, mapped, flags));
                self.settled = Some(now + SECOND_OPINION);
                self.echo = Question::asked([0; 8], now.max(self.doubts));
                if known.is_some() {
                    self.second = Question::asked(random_nonce(drbg), now);
                }
            }
            return match self.compare(now) {
                Outcome::Same if renumbered && known.is_some() => Outcome::Renumbered,
                Outcome::Same if renumbered => Outcome::Numbered,
                outcome => outcome,
            };
        }
        let second = SocketAddrV4::new(self.second_server(), SERVER_PORT);
        if from == second && self.second.answers(nonce) {
            self.second.end(true);
            self.second.mapped = Some(mapped);
            return self.compare(now);
        }
        Outcome::Same
    }

    /// Both addresses of the server must see us at the same address.
    fn compare(&mut self, now: Instant) -> Outcome {
        let (Some(address), Some(second)) = (self.address, self.second.mapped) else {
            return Outcome::Same;
        };
        if address.mapped != second {
            return Outcome::Symmetric;
        }
        self.settled = self.settled.map(|settled| settled.min(now));
        Outcome::Same
    }

    /// The server sent something: the NAT's mapping for it lives.
    pub(super) fn heard(&mut self, drbg: &mut Drbg, now: Instant) {
        let [random, ..] = drbg.next();
        let part = REFRESH.as_millis() as u64 * (750 + u64::from(random) * 250 / 255) / 1000;
        self.refresh = Some(now + Duration::from_millis(part));
    }

    /// A peer was heard: what the server has not been asked yet is known.
    pub(super) fn believe(&mut self, now: Instant) {
        self.settled = self.settled.map(|settled| settled.min(now));
        for question in [&mut self.second, &mut self.echo] {
            if question.sent == 0 {
                *question = Question::default();
            }
        }
    }

    /// Our own bubble came back.
    pub(super) fn handle_echo(&mut self) {
        self.echo.end(true);
    }

    pub(super) fn handle_timeout(
        &mut self,
        drbg: &mut Drbg,
        now: Instant,
        actions: &mut Vec<Action>,
    ) -> Outcome {
        if self.refresh.is_some_and(|refresh| refresh <= now) && self.first.next_due().is_none() {
            self.refresh = None;
            self.first = Question::asked(random_nonce(drbg), now);
        }
        if self.first.advance(now) {
            let server = SocketAddrV4::new(self.server, SERVER_PORT);
            actions.push(Action::Solicit(server, self.first.nonce));
        }
        if self.second.advance(now) {
            let server = SocketAddrV4::new(self.second_server(), SERVER_PORT);
            actions.push(Action::Solicit(server, self.second.nonce));
        }
        if self.echo.advance(now) {
            actions.push(Action::Echo);
        }
        if self.first.verdict == Some(false) { Outcome::Silent } else { Outcome::Same }
    }

    pub(super) fn poll_timeout(&self, now: Instant) -> Option<Instant> {
        let questions = [&self.first, &self.second, &self.echo];
        let settling = self.settled.filter(|settled| *settled > now);
        let asking = questions.into_iter().filter_map(Question::next_due);
        asking.chain(self.refresh).chain(settling).min()
    }
}

fn random_nonce(drbg: &mut Drbg) -> Nonce {
    let octets = drbg.next();
    std::array::from_fn(|at| octets[at])
}

/// Something that is asked until it is answered or given up.
#[derive(Default)]
struct Question {
    nonce: Nonce,
    asked: Option<Instant>,
    sent: usize,
    mapped: Option<SocketAddrV4>,
    /// How it ended.
    verdict: Option<bool>,
}

impl Question {
    fn asked(nonce: Nonce, now: Instant) -> Question {
        Question { nonce, asked: Some(now), ..Question::default() }
    }

    fn answers(&self, nonce: Nonce) -> bool {
        self.asked.is_some() && self.sent > 0 && self.nonce == nonce
    }

    /// The time since it was last sent.
    fn waited(&self, now: Instant) -> Duration {
        let before = SCHEDULE[self.sent.saturating_sub(1)];
        self.asked.map_or(Duration::ZERO, |asked| now.saturating_duration_since(asked + before))
    }

    fn end(&mut self, verdict: bool) {
        self.asked = None;
        self.verdict = Some(verdict);
    }

    fn next_due(&self) -> Option<Instant> {
        let asked = self.asked?;
        Some(asked + SCHEDULE.get(self.sent).copied().unwrap_or(PATIENCE))
    }

    /// Whether it should be asked (again) now.
    fn advance(&mut self, now: Instant) -> bool {
        if self.next_due().is_none_or(|due| due > now) {
            return false;
        }
        if self.sent == SCHEDULE.len() {
            self.end(false);
            return false;
        }
        self.sent += 1;
        true
    }
}
