//! What a rendezvous knows of one client.

use std::time::{Duration, Instant};

use crate::identity::{Hit, PublicKey};

use super::{
    channels::Channels,
    message::{Purpose, Token},
};

/// How long a session lasts until its client has shown its token.
const UNPROVED_LIFETIME: Duration = Duration::from_secs(10);
/// A session lasts at most this long without a sign of life: four times what clients leave between two.
pub(super) const MAX_LIFETIME: Duration = Duration::from_secs(120);
const MIN_LIFETIME: Duration = Duration::from_secs(30);
/// Another client may take an address over when its owner was silent for so long: two KEEPs are missing.
const ABANDONED: Duration = Duration::from_secs(60);
/// What goes to an unproved address, as a multiple of what came (RFC 9000, section 8.1).
const AMPLIFICATION: usize = 3;
/// Between two refusals for one client.
const REFUSAL_INTERVAL: Duration = Duration::from_millis(200);

/// A client behind one carrier.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) key: PublicKey,
    pub(super) hit: Hit,
    pub(super) token: Token,
    /// Whom it has named.
    pub(super) channels: Channels,
    pub(super) purpose: Purpose,
    /// The certificates that its client has shown, where they matter; None as long as it was not asked.
    pub(super) shown: Option<Vec<Vec<u8>>>,
    /// Whether traffic is carried for it.
    pub(super) carries: bool,
    /// Granted from one KEEP to the next.
    pub(super) lifetime: Duration,
    pub(super) expires: Instant,
    heard: Instant,
    /// None once the address is proved.
    unproved: Option<Credit>,
    refused: Option<Instant>,
}

/// Octets to and from an unproved address.
#[derive(Debug, Default)]
struct Credit {
    received: usize,
    sent: usize,
}

impl Session {
    pub(super) fn new(key: PublicKey, token: Token, proved: bool, now: Instant) -> Session {
        Session {
            key,
            hit: key.hit(),
            token,
            channels: Channels::new(Some(token)),
            purpose: Purpose::Call,
            shown: None,
            carries: false,
            lifetime: UNPROVED_LIFETIME,
            expires: now + UNPROVED_LIFETIME,
            heard: now,
            unproved: (!proved).then(Credit::default),
            refused: None,
        }
    }

    /// What its client may have of what it wants.
    pub(super) fn grant(
        &mut self,
        purpose: Purpose,
        wanted: Duration,
        carries: bool,
        now: Instant,
    ) {
        // a copy of an old HELLO must not take a registration away
        self.purpose = self.purpose.max(purpose);
        self.carries = carries;
        self.lifetime = wanted.clamp(MIN_LIFETIME, MAX_LIFETIME);
        if self.is_proved() {
            self.expires = now + self.lifetime;
        }
    }

    pub(super) fn is_proved(&self) -> bool {
        self.unproved.is_none()
    }

    pub(super) fn is_over(&self, now: Instant) -> bool {
        self.expires <= now
    }

    /// Whether another client may have the address.
    pub(super) fn is_abandoned(&self, now: Instant) -> bool {
        !self.is_proved() || now.saturating_duration_since(self.heard) >= ABANDONED
    }

    /// Whether this is the token, which takes the same time for each wrong one.
    pub(super) fn shows(&self, token: &[u8]) -> bool {
        let differences = self.token.iter().zip(token).fold(0, |all, (a, b)| all | (a ^ b));
        token.len() == self.token.len() && differences == 0
    }

    /// The token was shown; true if it was for the first time.
    pub(super) fn keep(&mut self, now: Instant) -> bool {
        self.heard = now;
        self.expires = now + self.lifetime;
        self.unproved.take().is_some()
    }

    pub(super) fn receive(&mut self, octets: usize, now: Instant) {
        self.heard = now;
        if let Some(credit) = &mut self.unproved {
            credit.received = credit.received.saturating_add(octets);
        }
    }

    /// Whether so many octets may go to the client; they are counted if so.
    pub(super) fn may_send(&mut self, octets: usize) -> bool {
        let Some(credit) = &mut self.unproved else { return true };
        let sent = credit.sent.saturating_add(octets);
        let allowed = sent <= credit.received.saturating_mul(AMPLIFICATION);
        if allowed {
            credit.sent = sent;
        }
        allowed
    }

    /// How many octets of a run of datagrams of this length may go to the client; they are counted.
    pub(super) fn may_send_some(&mut self, octets: usize, stride: usize) -> usize {
        let Some(credit) = &mut self.unproved else { return octets };
        let left = credit.received.saturating_mul(AMPLIFICATION).saturating_sub(credit.sent);
        let granted = if octets <= left { octets } else { left - left % stride.max(1) };
        credit.sent += granted;
        granted
    }

    /// Whether the client may be told that something was refused; not again at once if so.
    pub(super) fn may_refuse(&mut self, now: Instant) -> bool {
        let recent = |at| now.saturating_duration_since(at) < REFUSAL_INTERVAL;
        let allowed = !self.refused.is_some_and(recent);
        if allowed {
            self.refused = Some(now);
        }
        allowed
    }
}
