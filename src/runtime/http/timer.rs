//! hyper's timers.

use std::{
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll, ready},
    time::{Duration, Instant},
};

use hyper::rt::Sleep;

use crate::runtime::{Timer, clock, lock};

/// The timer of one connection.
///
/// hyper sets one with each request and drops it with the next, long before it goes off. What is set here stays
/// set: when it goes off for a request that is answered, it is set anew for the one that is awaited.
#[derive(Clone, Debug, Default)]
pub(super) struct ConnectionTimer(Arc<Mutex<Alarm>>);

impl hyper::rt::Timer for ConnectionTimer {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Sleep>> {
        self.sleep_until(clock::now() + duration)
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn Sleep>> {
        Box::pin(ConnectionSleep { deadline, alarm: self.0.clone() })
    }

    fn now(&self) -> Instant {
        clock::now()
    }
}

#[derive(Debug)]
struct ConnectionSleep {
    deadline: Instant,
    alarm: Arc<Mutex<Alarm>>,
}

impl Future for ConnectionSleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        lock(&self.alarm).poll(self.deadline, cx)
    }
}

impl Sleep for ConnectionSleep {}

/// What is set for one moment, while somebody waits for that or a later one.
#[derive(Debug, Default)]
struct Alarm(Option<(Instant, Timer)>);

impl Alarm {
    fn poll(&mut self, deadline: Instant, cx: &mut Context<'_>) -> Poll<()> {
        self.0.take_if(|(at, _)| *at > deadline);
        loop {
            let (at, timer) = self.0.get_or_insert_with(|| (deadline, Timer::at(deadline)));
            let is_last = *at == deadline;
            ready!(Pin::new(timer).poll(cx));
            self.0 = None;
            if is_last {
                return Poll::Ready(());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_lite::future::poll_once;
    use hyper::rt::Timer as _;

    use super::*;
    use crate::runtime::block_on;

    const SHORT: Duration = Duration::from_millis(20);

    /// How long one waits when another waited for `first` before and was answered.
    fn waits(first: Duration, second: Duration) -> Duration {
        let start = clock::now();
        let timer = ConnectionTimer::default();
        block_on(async {
            assert!(poll_once(timer.sleep(first)).await.is_none());
            timer.sleep(second).await;
        });
        clock::now() - start
    }

    #[test]
    fn what_was_set_for_an_earlier_request_does_not_end_a_later_wait() {
        for later in [1, 3] {
            assert!(waits(SHORT, later * SHORT) >= later * SHORT);
        }
    }

    #[test]
    fn what_was_set_for_long_does_not_prolong_a_shorter_wait() {
        let hour = Duration::from_secs(3600);
        assert!(waits(hour, SHORT) < hour);
    }

    #[test]
    fn a_timer_that_went_off_can_be_used_again() {
        let start = clock::now();
        let timer = ConnectionTimer::default();
        for round in 1..=2 {
            block_on(timer.sleep(SHORT));
            assert!(clock::now() - start >= round * SHORT);
        }
    }
}
