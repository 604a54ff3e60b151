//! The limit on silence that bodies have instead of one on size.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
    time::{Duration, Instant},
};

use crate::runtime::{Timer, clock};

/// Measures how long nothing has come. Its timer is set once per limit, not once per read.
#[derive(Debug)]
pub(super) struct Silence {
    limit: Duration,
    since: Option<Instant>,
    timer: Option<Timer>,
}

impl Silence {
    /// Not begun yet; `limit` is too long.
    pub(super) fn new(limit: Duration) -> Silence {
        Silence { limit, since: None, timer: None }
    }

    /// Ready when it has lasted too long; begins with the first poll.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let due = *self.since.get_or_insert_with(clock::now) + self.limit;
        loop {
            let timer = self.timer.get_or_insert_with(|| Timer::at(due));
            ready!(Pin::new(timer).poll(cx));
            if clock::now() >= due {
                return Poll::Ready(());
            }
            self.timer = None;
        }
    }

    /// Something has come.
    pub(super) fn end(&mut self) {
        self.since = None;
    }
}
