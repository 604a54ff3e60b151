//! hyper's timers on async-io.
//!
//! A connection gets a new deadline with every request, and hardly one is ever reached. async-io wakes its
//! reactor for each timer that is set, so one that is put off is left as it is, and set anew when it goes off.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
    time::{Duration, Instant},
};

use async_io::Timer;
use hyper::rt::Sleep;

use crate::runtime::clock;

/// Makes timers.
#[derive(Clone, Copy, Debug)]
pub(super) struct SmolTimer;

impl hyper::rt::Timer for SmolTimer {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Sleep>> {
        self.sleep_until(clock::now() + duration)
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn Sleep>> {
        Box::pin(SmolSleep { deadline, set: deadline, timer: Timer::at(deadline) })
    }

    fn now(&self) -> Instant {
        clock::now()
    }

    fn reset(&self, sleep: &mut Pin<Box<dyn Sleep>>, deadline: Instant) {
        match sleep.as_mut().downcast_mut_pin::<SmolSleep>() {
            Some(own) => own.get_mut().put_off(deadline),
            None => *sleep = self.sleep_until(deadline),
        }
    }
}

/// A timer that goes off at its deadline, or is looked at before and set anew.
struct SmolSleep {
    deadline: Instant,
    /// When `timer` goes off: not later.
    set: Instant,
    timer: Timer,
}

impl SmolSleep {
    fn put_off(&mut self, deadline: Instant) {
        self.deadline = deadline;
        if deadline < self.set {
            self.set_at(deadline);
        }
    }

    fn set_at(&mut self, deadline: Instant) {
        self.set = deadline;
        self.timer.set_at(deadline);
    }
}

impl Future for SmolSleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            let _at = ready!(Pin::new(&mut self.timer).poll(cx));
            if self.set >= self.deadline {
                return Poll::Ready(());
            }
            let deadline = self.deadline;
            self.set_at(deadline);
        }
    }
}

impl Sleep for SmolSleep {}

impl fmt::Debug for SmolSleep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SmolSleep({:?})", self.deadline)
    }
}

#[cfg(test)]
mod tests {
    use hyper::rt::Timer as _;

    use super::*;
    use crate::runtime::block_on;

    const SHORT: Duration = Duration::from_millis(20);

    #[test]
    fn a_timer_that_was_put_off_goes_off_then_and_not_before() {
        for later in [0, 1, 3] {
            let start = clock::now();
            let mut sleep = SmolTimer.sleep(SHORT);
            SmolTimer.reset(&mut sleep, start + later * SHORT);
            block_on(sleep);
            assert!(clock::now() - start >= later * SHORT);
        }
    }

    #[test]
    fn a_timer_that_was_brought_forward_does_not_wait_for_its_first_deadline() {
        let mut sleep = SmolTimer.sleep(Duration::from_secs(3600));
        SmolTimer.reset(&mut sleep, clock::now() + SHORT);
        block_on(sleep);
    }

    #[test]
    fn a_timer_that_went_off_can_be_used_again() {
        let start = clock::now();
        let mut sleep = SmolTimer.sleep(SHORT);
        block_on(sleep.as_mut());
        SmolTimer.reset(&mut sleep, start + 3 * SHORT);
        block_on(sleep);
        assert!(clock::now() - start >= 3 * SHORT);
    }
}
