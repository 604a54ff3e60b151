//! The rendezvous itself: who is there, and what goes to whom.
//!
//! Sans-IO: it takes datagrams, carriers and the time, and gives datagrams and the next time at which it
//! has something to do. What is carried is not copied through here: [`Server::forward`] says where a run
//! of datagrams goes, and whoever holds them sends them on.
//!
//! *Order of checks:* what is neither a HELLO nor comes from a session costs one look into a table. A
//! HELLO costs a hash; those with the right mac are slowed down by source and in sum before any
//! multiplication.

mod restart;

use std::{
    collections::{HashMap, VecDeque},
    time::{Duration, Instant},
};

use crate::identity::{Hit, KeyPair, PublicKey, SignatureError, Timestamp};
use crate::link::{
    datagram::WELCOME,
    drbg::Drbg,
    limit::{Limiter, Standing},
    seal::{Addressed, MessageId, Own, Remote},
    way::Way,
};

use super::{
    carrier::{Carrier, Transmit},
    introductions::Introductions,
    message::{self, Hello, KEEP_LENGTH, Mark, Purpose, Refused, Token, Welcome},
    meter::Meter,
    refusal::RefusalReason,
    rules::Rules,
    session::Session,
};

pub(in crate::link) use restart::MAX_SAVED;

/// Sessions, with about 400 octets each.
const MAX_SESSIONS: usize = 8192;
/// Datagrams that wait to be sent; more are lost, as datagrams may be.
const MAX_TRANSMITS: usize = 1024;
/// How often sessions are looked through for those that are over.
const SWEEP: Duration = Duration::from_secs(10);
/// All clients of one rendezvous.
pub(in crate::link) struct Server {
    own: Own,
    drbg: Drbg,
    pub(super) rules: Rules,
    /// In front of multiplications.
    hellos: Limiter,
    /// In front of refusals for nobody known.
    refusals: Limiter,
    pub(super) sessions: HashMap<Carrier, Session>,
    /// Where a client is reached.
    pub(super) clients: HashMap<Hit, Client>,
    /// What was carried for all.
    pub(super) total: Meter,
    pub(super) introductions: Introductions,
    transmits: VecDeque<Transmit>,
    /// Clients that a restart is told to, and when the next one is.
    notices: VecDeque<Carrier>,
    next_notice: Instant,
    next_sweep: Instant,
    changed: bool,
    pub(super) counts: Counts,
}

/// A client that has at least one session.
pub(super) struct Client {
    pub(super) carrier: Carrier,
    /// Where it says to be now, which it has yet to prove.
    pub(super) claimed: Option<Carrier>,
    /// What was carried for it.
    pub(super) carried: Meter,
}

impl Client {
    fn new(carrier: Carrier, now: Instant) -> Client {
        Client { carrier, claimed: None, carried: Meter::new(now) }
    }
}

/// What a rendezvous has done since it started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Hosts that are registered.
    pub registered: usize,
    /// Clients with a session, registered ones among them.
    pub clients: usize,
    /// Octets that were passed on.
    pub octets: u64,
    /// Runs of datagrams that were refused.
    pub refused: u64,
}

impl Server {
    /// `seed` must be unpredictable octets.
    ///
    /// # Errors
    /// Never for a pair made from a seed.
    pub(in crate::link) fn new(
        keys: &KeyPair,
        rules: Rules,
        seed: [u8; 32],
        now: Instant,
    ) -> Result<Server, SignatureError> {
        Ok(Server {
            own: Own::new(keys)?,
            drbg: Drbg::new(seed),
            rules,
            hellos: Limiter::new(now),
            refusals: Limiter::new(now),
            sessions: HashMap::new(),
            clients: HashMap::new(),
            total: Meter::new(now),
            introductions: Introductions::new(now),
            transmits: VecDeque::new(),
            notices: VecDeque::new(),
            next_notice: now,
            next_sweep: now + SWEEP,
            changed: false,
            counts: Counts::default(),
        })
    }

    /// From now on, whom it serves. Who is registered and no longer allowed to be is refused when it
    /// shows its token.
    pub(in crate::link) fn set_rules(&mut self, rules: Rules) {
        self.rules = rules;
    }

    /// Takes a HELLO or a KEEP. `date` is the time of certificates.
    pub(in crate::link) fn handle_datagram(
        &mut self,
        from: Carrier,
        datagram: &[u8],
        now: Instant,
        date: Timestamp,
    ) {
        if datagram.len() == KEEP_LENGTH {
            self.handle_keep(from, &datagram[1..], now, date);
        } else {
            self.handle_hello(from, datagram, now, date);
        }
    }

    fn handle_hello(
        &mut self,
        from: Carrier,
        datagram: &[u8],
        now: Instant,
        date: Timestamp,
    ) -> Option<()> {
        let addressed = Addressed::parse(&self.own, datagram)?;
        let standing = if from.proves_address() { Standing::Proved } else { Standing::Unproved };
        if !self.hellos.allow(Way::Direct(from.address()).source(), standing, now) {
            return None;
        }
        let claimed = addressed.claim(&self.own)?;
        let key = claimed.sender;
        let proved = claimed.prove(&Remote::new(&self.own, key).ok()?)?;
        let hello = Hello::decode(&proved.content)?;
        let shown = hello.certificates;
        if hello.purpose == Purpose::Register
            && let Err(reason) = self.rules.register.admit(&key, &shown, date)
        {
            return self.refuse_hello(from, reason, proved.id);
        }
        if !self.make_session(from, key, now) {
            return self.refuse_hello(from, RefusalReason::Full, proved.id);
        }
        let carries = self.rules.relay.admit(&key, &shown, date).is_ok();
        let session = self.sessions.get_mut(&from).filter(|session| session.key == key)?;
        let was_registered = session.purpose == Purpose::Register;
        session.receive(datagram.len(), now);
        session.channels.close(); // it may know of none
        session.grant(hello.purpose, hello.lifetime, carries, now);
        session.shown = self.rules.ask_for_certificates().then_some(shown);
        let welcome = Welcome {
            lifetime: session.lifetime,
            carries,
            token: session.token,
            observed: (!from.proves_address()).then_some(from.address()),
        };
        self.changed |= session.is_proved() && !was_registered;
        self.bind(from, now);
        let nonce = self.nonce();
        let answer = proved.answer_key.seal(WELCOME, proved.id, nonce, &welcome.encode())?;
        if self.sessions.get_mut(&from)?.may_send(answer.len()) {
            self.transmit(from, answer);
        }
        Some(())
    }

    /// Makes sure that there is a session, unless its place belongs to another client, who is not
    /// disturbed then; false if there is no room.
    fn make_session(&mut self, from: Carrier, key: PublicKey, now: Instant) -> bool {
        if let Some(session) = self.sessions.get(&from) {
            if session.key == key && !session.is_over(now) {
                return true;
            }
            if session.key != key && !session.is_over(now) && !session.is_abandoned(now) {
                return true;
            }
            self.remove(from);
        }
        if self.sessions.len() >= MAX_SESSIONS {
            self.sweep(now);
        }
        if self.sessions.len() >= MAX_SESSIONS {
            return false;
        }
        let token = self.token();
        self.sessions.insert(from, Session::new(key, token, from.proves_address(), now));
        true
    }

    /// Lets a client be reached at its carrier. If another one is proved and this is not, it is reached at both, as
    /// far as [`Session::may_send`] allows: it may have moved a moment ago.
    fn bind(&mut self, carrier: Carrier, now: Instant) {
        let Some(session) = self.sessions.get(&carrier) else { return };
        let (hit, proved) = (session.hit, session.is_proved());
        match self.clients.get_mut(&hit) {
            None => {
                self.clients.insert(hit, Client::new(carrier, now));
            }
            Some(client) if client.carrier == carrier => {}
            Some(client) => {
                let old = client.carrier;
                let other = self.sessions.get(&old).filter(|other| !other.is_over(now));
                let stays = other.is_some_and(Session::is_proved);
                client.claimed = (!proved && stays).then_some(carrier);
                if client.claimed.is_none() {
                    client.carrier = carrier;
                }
                if proved {
                    // a client has one place; what is sent from its old one draws a refusal
                    self.sessions.remove(&old);
                    self.changed = true;
                }
            }
        }
    }

    fn handle_keep(
        &mut self,
        from: Carrier,
        token: &[u8],
        now: Instant,
        date: Timestamp,
    ) -> Option<()> {
        let Some(session) = self.sessions.get_mut(&from).filter(|session| !session.is_over(now))
        else {
            self.refuse_unknown(from, KEEP_LENGTH, now);
            return None;
        };
        if !session.shows(token) {
            self.refuse_unknown(from, KEEP_LENGTH, now);
            return None;
        }
        let registers = session.purpose == Purpose::Register;
        let mark = message::mark_of(&session.token);
        if session.shown.is_none() && self.rules.ask_for_certificates() {
            // from before a restart, which forgot what was shown
            let refused = Refused { reason: RefusalReason::Restarted, mark, callee: None };
            self.transmit(from, refused.encode());
            return None;
        }
        let shown = session.shown.as_deref().unwrap_or_default();
        if registers && let Err(reason) = self.rules.register.admit(&session.key, shown, date) {
            let refused = Refused { reason, mark, callee: None };
            self.remove(from);
            self.transmit(from, refused.encode());
            return None;
        }
        session.carries = self.rules.relay.admit(&session.key, shown, date).is_ok();
        let proved = session.keep(now);
        let kept = message::kept(&session.token, session.lifetime);
        if proved {
            self.changed = true;
            self.bind(from, now);
        }
        self.transmit(from, kept);
        Some(())
    }

    /// Where a client is, or claims to be.
    pub(in crate::link) fn place_of(&self, hit: Hit, now: Instant) -> Option<Carrier> {
        let place = self.clients.get(&hit)?.carrier;
        self.sessions.get(&place).filter(|session| !session.is_over(now)).map(|_| place)
    }

    fn refuse_hello(&mut self, from: Carrier, reason: RefusalReason, id: MessageId) -> Option<()> {
        self.counts.refused += 1;
        self.transmit(from, Refused { reason, mark: id, callee: None }.encode());
        None
    }

    /// Tells somebody without a session to say HELLO, with less than half of what came.
    pub(super) fn refuse_unknown(&mut self, from: Carrier, octets: usize, now: Instant) {
        let standing = if from.proves_address() { Standing::Proved } else { Standing::Unproved };
        let refused =
            Refused { reason: RefusalReason::NoSession, mark: Mark::default(), callee: None };
        let refused = refused.encode();
        let source = Way::Direct(from.address()).source();
        if octets > refused.len() && self.refusals.allow(source, standing, now) {
            self.transmit(from, refused);
        }
    }

    pub(super) fn transmit(&mut self, to: Carrier, datagram: Vec<u8>) {
        if self.transmits.len() < MAX_TRANSMITS {
            self.transmits.push_back(Transmit { to, datagram });
        }
    }

    /// A carrier is gone for good.
    pub(in crate::link) fn handle_closed(&mut self, carrier: Carrier) {
        self.remove(carrier);
    }

    fn remove(&mut self, carrier: Carrier) {
        let Some(session) = self.sessions.remove(&carrier) else { return };
        if self.clients.get(&session.hit).is_some_and(|client| client.carrier == carrier) {
            self.clients.remove(&session.hit);
        }
        self.changed = true;
    }

    fn sweep(&mut self, now: Instant) {
        self.next_sweep = now + SWEEP;
        let over = self.sessions.iter().filter(|(_, session)| session.is_over(now));
        for carrier in over.map(|(carrier, _)| *carrier).collect::<Vec<_>>() {
            self.remove(carrier);
        }
    }

    /// Does what is due.
    pub(in crate::link) fn handle_timeout(&mut self, now: Instant) {
        if self.next_sweep <= now {
            self.sweep(now);
        }
        self.give_notice(now);
    }

    /// When [`Server::handle_timeout`] should be called; None while nothing is to do.
    pub(in crate::link) fn poll_timeout(&self) -> Option<Instant> {
        let notice = (!self.notices.is_empty()).then_some(self.next_notice);
        let sweep = (!self.sessions.is_empty()).then_some(self.next_sweep);
        notice.into_iter().chain(sweep).min()
    }

    /// The next datagram to send.
    pub(in crate::link) fn poll_transmit(&mut self) -> Option<Transmit> {
        self.transmits.pop_front()
    }

    /// What it has done.
    pub(in crate::link) fn counts(&self, now: Instant) -> Counts {
        let alive = || self.sessions.values().filter(|session| !session.is_over(now));
        let registered = alive().filter(|s| s.is_proved() && s.purpose == Purpose::Register);
        Counts { registered: registered.count(), clients: alive().count(), ..self.counts }
    }

    /// True once after registrations have changed since it was last asked: they should be saved.
    pub(in crate::link) fn take_changed(&mut self) -> bool {
        std::mem::take(&mut self.changed)
    }

    fn nonce(&mut self) -> [u8; 12] {
        let mut nonce = [0; 12];
        nonce.copy_from_slice(&self.drbg.next()[..12]);
        nonce
    }

    fn token(&mut self) -> Token {
        let mut token = Token::default();
        token.copy_from_slice(&self.drbg.next()[..16]);
        token
    }
}
