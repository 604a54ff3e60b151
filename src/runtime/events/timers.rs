//! Which timers are set. It asks nobody what time it is.

use std::{collections::BTreeMap, task::Waker, time::Instant};

/// When a timer goes off: at `early`, if anything else happens between that moment and `late`, else at `late`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Window {
    pub(super) early: Instant,
    pub(super) late: Instant,
}

impl Window {
    pub(super) fn exactly(moment: Instant) -> Window {
        Window { early: moment, late: moment }
    }
}

/// All timers that somebody waits for.
#[derive(Debug, Default)]
pub(super) struct Timers {
    exact: BTreeMap<(Instant, u64), Waker>,
    /// By the first moment at which each may go off; there are few of them.
    lenient: BTreeMap<(Instant, u64), (Instant, Waker)>,
}

impl Timers {
    /// Wakes somebody in that window; gives back who was to be woken instead. `id` is the timer's own.
    pub(super) fn set(&mut self, id: u64, window: Window, waker: Waker) -> Option<Waker> {
        if window.early == window.late {
            self.exact.insert((window.early, id), waker)
        } else {
            let lenient = self.lenient.insert((window.early, id), (window.late, waker));
            lenient.map(|(_, waker)| waker)
        }
    }

    /// Gives back who was waiting, if the timer has not gone off.
    pub(super) fn remove(&mut self, id: u64, window: Window) -> Option<Waker> {
        if window.early == window.late {
            self.exact.remove(&(window.early, id))
        } else {
            self.lenient.remove(&(window.early, id)).map(|(_, waker)| waker)
        }
    }

    /// Until when one may sleep.
    pub(super) fn next(&self) -> Option<Instant> {
        let exact = self.exact.first_key_value().map(|((at, _), _)| *at);
        self.lenient.values().map(|(late, _)| *late).chain(exact).min()
    }

    /// Those that go off now that somebody is awake.
    pub(super) fn take_due(&mut self, now: Instant, due: &mut Vec<Waker>) {
        while let Some(first) = self.exact.first_entry().filter(|first| first.key().0 <= now) {
            due.push(first.remove());
        }
        while let Some(first) = self.lenient.first_entry().filter(|first| first.key().0 <= now) {
            due.push(first.remove().1);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::runtime::clock;

    fn due(timers: &mut Timers, now: Instant) -> usize {
        let mut due = Vec::new();
        timers.take_due(now, &mut due);
        due.len()
    }

    #[test]
    fn a_lenient_timer_goes_with_whatever_happens_in_its_window() {
        let start = clock::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut timers = Timers::default();
        timers.set(1, Window { early: at(60), late: at(75) }, Waker::noop().clone());
        timers.set(2, Window::exactly(at(14)), Waker::noop().clone());
        assert_eq!(timers.next(), Some(at(14)));
        assert_eq!(due(&mut timers, at(14)), 1);
        assert_eq!(timers.next(), Some(at(75)), "nobody wakes up for its sake before");
        assert_eq!(due(&mut timers, at(59)), 0);
        assert_eq!(due(&mut timers, at(61)), 1, "somebody was awake");
        assert_eq!(timers.next(), None);
    }

    #[test]
    fn what_was_removed_wakes_nobody() {
        let now = clock::now();
        let mut timers = Timers::default();
        for window in
            [Window::exactly(now), Window { early: now, late: now + Duration::from_secs(1) }]
        {
            timers.set(1, window, Waker::noop().clone());
            assert!(timers.remove(1, window).is_some());
            assert!(timers.remove(1, window).is_none());
        }
        assert_eq!(due(&mut timers, now), 0);
    }
}
