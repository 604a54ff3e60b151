//! When an overlay is asked that has failed again and again: later, and ever more rarely.
//!
//! Sans-IO. One failure says nothing, several in a row that the next question would only keep people waiting.

use std::time::{Duration, Instant};

/// The rests of one overlay.
#[derive(Clone, Debug, Default)]
pub struct BackOff {
    failures: u32,
    until: Option<Instant>,
}

/// So many failures in a row are forgiven.
const PATIENCE: u32 = 3;
/// The first rest; it doubles with each further failure.
const FIRST_REST: Duration = Duration::from_secs(10);
/// The longest: somebody who repairs an overlay need not wait for more.
const LAST_REST: Duration = Duration::from_secs(300);

impl BackOff {
    /// Takes note of a question without an answer. After an answer begin anew.
    pub fn handle_failure(&mut self, now: Instant) {
        self.failures = self.failures.saturating_add(1);
        if self.failures >= PATIENCE {
            let doublings = (self.failures - PATIENCE).min(16);
            self.until = Some(now + (FIRST_REST * (1 << doublings)).min(LAST_REST));
        }
    }

    /// For how long it is better left alone; None if it can be asked.
    pub fn rests(&self, now: Instant) -> Option<Duration> {
        self.until.filter(|until| *until > now).map(|until| until - now)
    }
}

#[cfg(test)]
mod tests;
