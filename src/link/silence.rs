//! A peer that was silent for long although packets went to it, as one that slept, and what it says first then.
//!
//! What comes within a round trip was said without hearing what is sent now: acknowledgements of what lay in its
//! socket all the time. QUIC would take their age for round trips, and half a minute in its estimate slows it
//! down for most of a second (measured: 0.5 Mbit/s of 50). So they count as lost. What they say comes again,
//! behind what is sent once the path has answered.

use std::time::{Duration, Instant};

/// No change of path takes so long, while both ends are awake.
const LONG: Duration = Duration::from_secs(3);
/// No acknowledgement alone is longer. What is longer carries something else, which need not come twice.
const ACKNOWLEDGEMENT: usize = 200;
/// How much longer than a round trip belated words may take: the peer is busy with all that lay there.
const MARGIN: Duration = Duration::from_millis(10);

/// When a peer was heard.
#[derive(Clone, Copy, Debug)]
pub(super) struct Silence {
    heard: Instant,
    /// Until when what comes is belated.
    belated: Option<Instant>,
    /// It has spoken again, and nobody has asked about that.
    has_ended: bool,
}

impl Silence {
    pub(super) fn new(now: Instant) -> Silence {
        Silence { heard: now, belated: None, has_ended: false }
    }

    /// A packet of QUIC has come, with so many octets; true if it is belated. `in_doubt` is asked after a silence: it
    /// gives the round trip of the path if what went there was in vain.
    pub(super) fn hear(
        &mut self,
        octets: usize,
        in_doubt: impl FnOnce() -> Option<Duration>,
        now: Instant,
    ) -> bool {
        let silent = now.saturating_duration_since(self.heard) >= LONG;
        self.heard = now;
        if silent && let Some(round_trip) = in_doubt() {
            self.belated = Some(now + round_trip + MARGIN);
            self.has_ended = true;
        }
        self.belated = self.belated.filter(|until| now < *until);
        self.belated.is_some() && octets <= ACKNOWLEDGEMENT
    }

    /// Whether a silence has ended; true once.
    pub(super) fn take_end(&mut self) -> bool {
        std::mem::take(&mut self.has_ended)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::clock;

    const ROUND_TRIP: Duration = Duration::from_millis(40);

    fn doubt() -> Option<Duration> {
        Some(ROUND_TRIP)
    }

    #[test]
    fn what_a_sleeper_says_first_is_belated_for_a_round_trip() {
        let start = clock::now();
        let mut silence = Silence::new(start);
        let wake = start + 10 * LONG;
        assert!(silence.hear(40, doubt, wake));
        assert!(silence.hear(40, doubt, wake + ROUND_TRIP / 2));
        assert!(!silence.hear(1200, doubt, wake + ROUND_TRIP / 2), "it carries more");
        assert!(!silence.hear(40, doubt, wake + 2 * ROUND_TRIP));
        assert!(silence.take_end());
        assert!(!silence.take_end());
    }

    #[test]
    fn a_pause_is_no_silence_and_neither_is_one_in_which_nothing_was_sent() {
        let start = clock::now();
        let mut silence = Silence::new(start);
        assert!(!silence.hear(40, doubt, start + LONG / 2));
        assert!(!silence.hear(40, || None, start + 10 * LONG));
        assert!(!silence.take_end());
    }
}
