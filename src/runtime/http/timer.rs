//! hyper's timers.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use hyper::rt::Sleep;

use crate::runtime::{Timer, clock};

/// Makes timers.
#[derive(Clone, Copy, Debug)]
pub(super) struct SmolTimer;

impl hyper::rt::Timer for SmolTimer {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Sleep>> {
        self.sleep_until(clock::now() + duration)
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn Sleep>> {
        Box::pin(SmolSleep(Timer::at(deadline)))
    }

    fn now(&self) -> Instant {
        clock::now()
    }

    fn reset(&self, sleep: &mut Pin<Box<dyn Sleep>>, deadline: Instant) {
        match sleep.as_mut().downcast_mut_pin::<SmolSleep>() {
            Some(own) => own.get_mut().0.set_at(deadline),
            None => *sleep = self.sleep_until(deadline),
        }
    }
}

/// A timer that is put off with every request of a connection, and hardly ever goes off.
#[derive(Debug)]
struct SmolSleep(Timer);

impl Future for SmolSleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        Pin::new(&mut self.0).poll(cx)
    }
}

impl Sleep for SmolSleep {}

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
