//! async-io in the form of this module, for systems without epoll.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll, Waker},
    time::{Duration, Instant},
};

pub use async_io::Async;
use parking::{Parker, Unparker};

/// Waits until a socket can be written to, or read.
pub type Readiness<T> = async_io::WritableOwned<T>;

/// async-io's timer.
#[derive(Debug)]
pub struct Timer(async_io::Timer);

impl Timer {
    /// Goes off once, after so long.
    pub fn after(duration: Duration) -> Timer {
        Timer(async_io::Timer::after(duration))
    }

    /// Goes off once, at that moment.
    pub fn at(moment: Instant) -> Timer {
        Timer(async_io::Timer::at(moment))
    }

    /// Goes off once, at the first of the two.
    pub fn between(early: Instant, _late: Instant) -> Timer {
        Timer::at(early)
    }

    /// Goes off at another moment, once more if it has gone off.
    pub fn set_at(&mut self, moment: Instant) {
        self.0.set_at(moment);
    }
}

impl Future for Timer {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        Pin::new(&mut self.0).poll(cx).map(|_| ())
    }
}

/// How a thread waits, while that of async-io looks at sockets and timers.
#[derive(Debug)]
pub(in crate::runtime) struct Turn(Parker, Unparker);

impl Turn {
    pub(in crate::runtime) fn new() -> Turn {
        let (parker, unparker) = parking::pair();
        Turn(parker, unparker)
    }

    pub(in crate::runtime) fn waker(&self) -> Waker {
        Waker::from(self.1.clone())
    }

    /// Whether it was woken meanwhile; it counts as not woken then.
    pub(in crate::runtime) fn take_woken(&self) -> bool {
        self.0.park_timeout(Duration::ZERO)
    }

    /// Gives how many tasks have news, as far as is known: async-io tells them itself.
    pub(in crate::runtime) fn wait(&mut self, until: Option<Instant>) -> usize {
        match until {
            Some(until) => {
                self.0.park_deadline(until);
            }
            None => self.0.park(),
        }
        0
    }
}
