//! Whether a thread has much or little to do, judged by how often it is woken.
//!
//! What keeps a connection alive comes in a few events together, seconds apart; a request of a page makes
//! ten, and a transfer hundreds each second.

use std::time::{Duration, Instant};

/// Events that come within [`BURST`] of each other when there begins to be much to do.
const MANY: u32 = 10;
const BURST: Duration = Duration::from_millis(100);

/// Fewer events within [`PERIOD`] are little to do. Half the rate at which it was much, or a load in
/// between would change back and forth.
const FEW: u32 = 50;

/// How often one should ask whether it has become little.
pub(super) const PERIOD: Duration = Duration::from_secs(1);

/// Events since a moment.
#[derive(Debug)]
pub(super) struct Load {
    since: Instant,
    events: u32,
}

impl Load {
    pub(super) fn new(now: Instant) -> Load {
        Load { since: now, events: 0 }
    }

    /// Counts an event while there is little to do; true if it has become much.
    pub(super) fn rises(&mut self, now: Instant) -> bool {
        if now.saturating_duration_since(self.since) > BURST {
            *self = Load::new(now);
        }
        self.events += 1;
        self.events >= MANY
    }

    /// Counts an event while there is much to do.
    pub(super) fn count(&mut self) {
        self.events = self.events.saturating_add(1);
    }

    /// To be asked once in a [`PERIOD`]: true if it has become little since it was asked before.
    pub(super) fn falls(&mut self) -> bool {
        let few = self.events < FEW;
        self.events = 0;
        few
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
                assert!(!load.rises(now + event * Duration::from_millis(25)), "{second} {event}");
            }
        }
    }

    #[test]
    fn a_request_is_much_until_its_second_is_over() {
        let now = clock::now();
        let mut load = Load::new(now);
        let events = (1..100).find(|at| load.rises(now + *at * Duration::from_millis(5)));
        assert_eq!(events, Some(MANY));

        let mut load = Load::new(now);
        for _ in 0..FEW {
            load.count();
        }
        assert!(!load.falls());
        assert!(load.falls(), "nothing has come since");
    }
}
