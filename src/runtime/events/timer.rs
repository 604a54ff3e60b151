//! A future that waits for a moment.

use std::{
    future::Future,
    pin::Pin,
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
    task::{Context, Poll, Waker},
    time::{Duration, Instant},
};

use super::{reactor::Reactor, timers::Window};
use crate::runtime::clock;

/// Goes off once, and again when it is set anew.
#[derive(Debug)]
pub struct Timer {
    id: u64,
    /// None when it has gone off.
    window: Option<Window>,
    /// Who waits.
    waker: Option<Waker>,
}

impl Timer {
    /// Goes off after so long.
    pub fn after(duration: Duration) -> Timer {
        Timer::at(clock::now() + duration)
    }

    /// Goes off at that moment.
    pub fn at(moment: Instant) -> Timer {
        Timer::within(Window::exactly(moment))
    }

    /// Goes off as soon as anything else happens after `early`, at `late` at the latest: what is not urgent wakes
    /// nobody up before that.
    pub fn between(early: Instant, late: Instant) -> Timer {
        Timer::within(Window { early, late: late.max(early) })
    }

    fn within(window: Window) -> Timer {
        // not every machine counts to 64 bits in one step; that two of one number wait at once takes 4000 million
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let id = NEXT.fetch_add(1, Relaxed) as u64;
        Timer { id, window: Some(window), waker: None }
    }

    /// Goes off at another moment, once more if it has gone off.
    pub fn set_at(&mut self, moment: Instant) {
        let old = self.window.replace(Window::exactly(moment));
        if let Some(waker) = &self.waker {
            Reactor::get().set_timer(self.id, old, Window::exactly(moment), waker);
        }
    }
}

impl Future for Timer {
    type Output = ();

    /// Never ready again until it is set.
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let Some(window) = self.window else { return Poll::Pending };
        if clock::now() >= window.early {
            if self.waker.take().is_some() {
                Reactor::get().remove_timer(self.id, window);
            }
            self.window = None;
            return Poll::Ready(());
        }
        if !self.waker.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
            Reactor::get().set_timer(self.id, None, window, cx.waker());
            self.waker = Some(cx.waker().clone());
        }
        Poll::Pending
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        if let (Some(window), Some(_)) = (self.window, &self.waker) {
            Reactor::get().remove_timer(self.id, window);
        }
    }
}
