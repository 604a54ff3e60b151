//! A token bucket: how often something may happen, over time and in a row.

use std::time::{Duration, Instant};

/// At most one renewal in 30 s over time, three in a row (GCRA: the instant at which the bucket will
/// be full again says everything).
#[derive(Debug, Default)]
pub(super) struct TokenBucket {
    full_at: Option<Instant>,
}

impl TokenBucket {
    const INTERVAL: Duration = Duration::from_secs(30);
    const BURST: u32 = 3;

    /// Takes a token, if there is one.
    pub(super) fn take(&mut self, now: Instant) -> bool {
        if self.ready().is_some_and(|ready| ready > now) {
            return false;
        }
        self.full_at = Some(self.full_at.unwrap_or(now).max(now) + TokenBucket::INTERVAL);
        true
    }

    /// When the next token is there; None if there is one since ever.
    pub(super) fn ready(&self) -> Option<Instant> {
        self.full_at?.checked_sub(TokenBucket::INTERVAL * (TokenBucket::BURST - 1))
    }
}
