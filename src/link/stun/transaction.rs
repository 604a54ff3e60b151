//! Requests that wait for their answers (RFC 8489, section 6.2.1), sans-IO.
//!
//! A request is sent again after the retransmission timeout, which doubles each time. An answer counts
//! if it carries the request's unpredictable id and comes from the address that was to answer.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use super::message::{Class, Message, TransactionId};

/// The retransmission timeout (RTO) at first.
const RTO: Duration = Duration::from_millis(500);
/// Open transactions of one client; more are not started.
const MAX_OPEN: usize = 64;

/// How often a request is sent, and how long the last one is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::link) struct Patience {
    /// Requests in all: Rc of the RFC.
    requests: u32,
    /// Times the first timeout after the last request: Rm of the RFC.
    last: u32,
}

impl Patience {
    /// What the RFC advises: seven requests, given up after 39.5 s.
    pub(in crate::link) const STANDARD: Patience = Patience { requests: 7, last: 16 };
    /// For a question whose missing answer says something, or for which a person waits: three requests,
    /// given up after 3.5 s.
    pub(in crate::link) const SHORT: Patience = Patience { requests: 3, last: 4 };

    /// When the request goes out again after `sent` times, or is given up, counted from the first.
    fn due(self, sent: u32) -> Duration {
        let before = |requests: u32| RTO * ((1 << requests) - 1);
        if sent < self.requests {
            before(sent)
        } else {
            before(self.requests - 1) + RTO * self.last
        }
    }
}

/// A datagram on its way to a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::link) struct Transmit {
    pub(in crate::link) to: SocketAddr,
    pub(in crate::link) datagram: Vec<u8>,
}

/// One request, with what it is for.
#[derive(Debug)]
struct Transaction<T> {
    id: TransactionId,
    to: SocketAddr,
    answers_from: SocketAddr,
    datagram: Vec<u8>,
    /// Later than that of every request before, so that the order of requests is known.
    asked: Instant,
    start: Instant,
    sent: u32,
    patience: Patience,
    purpose: T,
}

/// What became of a transaction.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::link) struct Answered<T> {
    pub(in crate::link) purpose: T,
    /// When the request was first sent; no two requests have the same.
    pub(in crate::link) asked: Instant,
}

/// The open transactions of one client.
#[derive(Debug)]
pub(in crate::link) struct Transactions<T> {
    open: Vec<Transaction<T>>,
    latest: Option<Instant>,
}

impl<T> Default for Transactions<T> {
    fn default() -> Self {
        Transactions { open: Vec::new(), latest: None }
    }
}

impl<T> Transactions<T> {
    /// Begins a transaction with a server that answers from the address asked.
    pub(in crate::link) fn start(
        &mut self,
        to: SocketAddr,
        (id, datagram): (TransactionId, Vec<u8>),
        purpose: T,
        patience: Patience,
        now: Instant,
    ) {
        self.start_answered_from(to, to, (id, datagram), purpose, patience, now);
    }

    /// Begins a transaction whose answer comes from another address (RFC 5780, CHANGE-REQUEST).
    pub(in crate::link) fn start_answered_from(
        &mut self,
        answers_from: SocketAddr,
        to: SocketAddr,
        (id, datagram): (TransactionId, Vec<u8>),
        purpose: T,
        patience: Patience,
        now: Instant,
    ) {
        if self.open.len() < MAX_OPEN {
            let after = |latest| now.max(latest + Duration::from_nanos(1));
            let asked = self.latest.map_or(now, after);
            self.latest = Some(asked);
            let (start, sent) = (now, 0);
            self.open.push(Transaction {
                id,
                to,
                answers_from,
                datagram,
                asked,
                start,
                sent,
                patience,
                purpose,
            });
        }
    }

    /// Ends all transactions without an answer.
    pub(in crate::link) fn clear(&mut self) {
        self.open.clear();
    }

    /// Ends those for which nobody waits any more.
    pub(in crate::link) fn cancel(&mut self, is_useless: impl Fn(&T) -> bool) {
        self.open.retain(|open| !is_useless(&open.purpose));
    }

    pub(in crate::link) fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    /// The purposes of open transactions.
    pub(in crate::link) fn purposes(&self) -> impl Iterator<Item = &T> {
        self.open.iter().map(|transaction| &transaction.purpose)
    }

    /// Finds the transaction that a message answers, and ends it.
    pub(in crate::link) fn handle_answer(
        &mut self,
        from: SocketAddr,
        message: &Message<'_>,
    ) -> Option<Answered<T>> {
        if !matches!(message.class(), Class::Success | Class::Error) {
            return None;
        }
        let is_answered = |open: &Transaction<T>| {
            open.sent > 0 && open.id == message.id() && open.answers_from == from
        };
        let at = self.open.iter().position(is_answered)?;
        let Transaction { purpose, asked, .. } = self.open.remove(at);
        Some(Answered { purpose, asked })
    }

    /// Whether an open transaction has this id.
    pub(in crate::link) fn contains(&self, id: &TransactionId) -> bool {
        self.open.iter().any(|open| open.id == *id)
    }

    /// The next request that is to be sent, for the first time or again.
    pub(in crate::link) fn poll_transmit(&mut self, now: Instant) -> Option<Transmit> {
        let due =
            |open: &&mut Transaction<T>| open.sent < open.patience.requests && open.due() <= now;
        let open = self.open.iter_mut().find(due)?;
        open.sent += 1;
        Some(Transmit { to: open.to, datagram: open.datagram.clone() })
    }

    /// The next transaction that is given up.
    pub(in crate::link) fn poll_given_up(&mut self, now: Instant) -> Option<T> {
        let over = |open: &Transaction<T>| open.sent == open.patience.requests && open.due() <= now;
        let at = self.open.iter().position(over)?;
        Some(self.open.remove(at).purpose)
    }

    /// When there is something to send or to give up.
    pub(in crate::link) fn poll_timeout(&self) -> Option<Instant> {
        self.open.iter().map(Transaction::due).min()
    }
}

impl<T> Transaction<T> {
    fn due(&self) -> Instant {
        self.start + self.patience.due(self.sent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::link::stun::message::{Builder, Method};
    use crate::runtime::clock;

    const ID: TransactionId = [3; 12];

    fn server() -> SocketAddr {
        "192.0.2.1:3478".parse().unwrap()
    }

    fn binding(class: Class, id: TransactionId) -> Vec<u8> {
        Builder::new(class, Method::BINDING, id).finish()
    }

    fn started(now: Instant, patience: Patience) -> Transactions<&'static str> {
        let mut transactions = Transactions::default();
        let request = (ID, binding(Class::Request, ID));
        transactions.start(server(), request, "why", patience, now);
        transactions
    }

    /// Milliseconds after the start at which something was sent, and at which it was given up.
    fn run(patience: Patience) -> (Vec<u128>, u128) {
        let start = clock::now();
        let mut transactions = started(start, patience);
        let mut sent = Vec::new();
        loop {
            let now = transactions.poll_timeout().unwrap();
            let after = (now - start).as_millis();
            while transactions.poll_transmit(now).is_some() {
                sent.push(after);
            }
            if transactions.poll_given_up(now).is_some() {
                assert!(transactions.is_empty());
                return (sent, after);
            }
        }
    }

    #[test]
    fn the_schedule_is_that_of_the_rfc() {
        let rfc = (vec![0, 500, 1500, 3500, 7500, 15_500, 31_500], 39_500);
        assert_eq!(run(Patience::STANDARD), rfc);
        assert_eq!(run(Patience::SHORT), (vec![0, 500, 1500], 3500));
    }

    #[test]
    fn an_answer_needs_the_id_and_the_address() {
        let now = clock::now();
        let mut transactions = started(now, Patience::STANDARD);
        let right = binding(Class::Success, ID);
        let right = Message::decode(&right).unwrap();
        assert_eq!(transactions.handle_answer(server(), &right), None, "nothing was asked yet");
        transactions.poll_transmit(now).unwrap();

        let other = binding(Class::Success, [4; 12]);
        assert_eq!(transactions.handle_answer(server(), &Message::decode(&other).unwrap()), None);
        let request = binding(Class::Request, ID);
        assert_eq!(transactions.handle_answer(server(), &Message::decode(&request).unwrap()), None);
        let elsewhere = "192.0.2.1:3479".parse().unwrap();
        assert_eq!(transactions.handle_answer(elsewhere, &right), None);

        let answered = Answered { purpose: "why", asked: now };
        assert_eq!(transactions.handle_answer(server(), &right), Some(answered));
        assert_eq!(transactions.handle_answer(server(), &right), None, "answers count once");
        assert_eq!(transactions.poll_timeout(), None);
    }

    #[test]
    fn there_are_only_so_many() {
        let now = clock::now();
        let mut transactions = Transactions::default();
        for _ in 0..1000 {
            transactions.start(server(), (ID, Vec::new()), (), Patience::SHORT, now);
        }
        assert_eq!(transactions.open.len(), MAX_OPEN);
    }
}
