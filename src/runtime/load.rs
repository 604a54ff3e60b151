//! Whether a thread has much or little to do, judged by how often it is woken.
//!
//! What keeps a connection alive comes in a few events together, seconds apart; a request of a page makes
//! ten, and a transfer hundreds each second.

use std::time::{Duration, Instant};

/// Events that come within [`BURST`] of each other when there is much to do.
const MANY: u32 = 10;
const BURST: Duration = Duration::from_millis(100);

/// Events since a moment.
#[derive(Debug)]
pub(super) struct Load {
    since: Instant,
    events: u32,
    busy: Instant,
}

impl Load {
    pub(super) fn new(now: Instant) -> Load {
        Load { since: now, events: 0, busy: now }
    }

    /// Counts an event; true if there have been many.
    pub(super) fn counts_as_busy(&mut self, now: Instant) -> bool {
        if now.saturating_duration_since(self.since) > BURST {
            (self.since, self.events) = (now, 0);
        }
        self.events = self.events.saturating_add(1);
        let is_busy = self.events >= MANY;
        if is_busy {
            self.busy = now;
        }
        is_busy
    }

    /// When there was much to do for the last time, or the count began.
    pub(super) fn busy_until(&self) -> Instant {
        self.busy
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::clock;

    /// What happens at one end of an idle connection, and on its way: a timer, a datagram, an
    /// acknowledgement, and a probe with the same.
    #[test]
    fn keeping_connections_alive_is_little() {
        let start = clock::now();
        let mut load = Load::new(start);
        for second in 0..600 {
            let now = start + Duration::from_secs(second);
            for event in 0..6 {
                let now = now + event * Duration::from_millis(25);
                assert!(!load.counts_as_busy(now), "{second} {event}");
            }
        }
        assert_eq!(load.busy_until(), start);
    }

    #[test]
    fn a_request_is_much() {
        let start = clock::now();
        let mut load = Load::new(start);
        let at = |event: u32| start + event * Duration::from_millis(5);
        let events = (1..100).find(|event| load.counts_as_busy(at(*event)));
        assert_eq!(events, Some(MANY));
        assert_eq!(load.busy_until(), at(MANY));
    }
}
