//! Request bodies on their way through the proxy, with a limit on silence instead of on size: one that stops coming
//! is given up, and its failure remembered, so that the client can be told.

use std::{
    future::Future,
    io,
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    task::{Context, Poll},
    time::{Duration, Instant},
};

use bytes::Bytes;
use event_listener::{Event, EventListener};
use hyper::body::{Body as HttpBody, Frame, SizeHint};

use crate::runtime::http::{Body, BoxError};
use crate::runtime::{Timer, clock, lock};

use super::failure::Failure;
use super::silence::Silence;

/// How a request body is doing, for those who wait for the response.
#[derive(Debug)]
pub(super) struct Pace {
    moved: Mutex<Instant>,
    failed: Mutex<Option<Failure>>,
    may_go: AtomicBool,
    go: Event,
}

impl Pace {
    pub(super) fn new() -> Arc<Pace> {
        Arc::new(Pace {
            moved: Mutex::new(clock::now()),
            failed: Mutex::default(),
            may_go: AtomicBool::new(false),
            go: Event::new(),
        })
    }

    /// When the body last moved.
    pub(super) fn moved(&self) -> Instant {
        *lock(&self.moved)
    }

    /// Why the client's body broke, if it did.
    pub(super) fn failure(&self) -> Option<Failure> {
        lock(&self.failed).clone()
    }

    /// The service wants the body of a request with `Expect: 100-continue`.
    pub(super) fn go_on(&self) {
        self.may_go.store(true, Relaxed);
        self.go.notify(usize::MAX);
    }

    fn note(&self) {
        *lock(&self.moved) = clock::now();
    }

    fn fail(&self, failure: Failure) {
        *lock(&self.failed) = Some(failure);
    }
}

/// A client's body on its way to a service.
#[derive(Debug)]
pub(super) struct RequestBody {
    body: Body,
    pace: Arc<Pace>,
    silence: Silence,
    hold: Option<Hold>,
}

/// Keeps a body back until the service asks for it.
#[derive(Debug)]
struct Hold {
    go: Pin<Box<EventListener>>,
    latest: Timer,
}

impl RequestBody {
    /// A body that may be silent for `limit`.
    pub(super) fn new(body: Body, pace: Arc<Pace>, limit: Duration) -> RequestBody {
        RequestBody { body, pace, silence: Silence::new(limit), hold: None }
    }

    /// Keeps it back until [`Pace::go_on`], but not longer than `wait`.
    pub(super) fn hold(mut self, wait: Duration) -> RequestBody {
        let go = Box::pin(self.pace.go.listen());
        self.hold = Some(Hold { go, latest: Timer::after(wait) });
        self
    }

    fn poll_hold(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if let Some(hold) = &mut self.hold {
            let go = self.pace.may_go.load(Relaxed)
                || hold.go.as_mut().poll(cx).is_ready()
                || Pin::new(&mut hold.latest).poll(cx).is_ready();
            if !go {
                return Poll::Pending;
            }
            self.hold = None;
            self.pace.note();
        }
        Poll::Ready(())
    }
}

impl HttpBody for RequestBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        if self.poll_hold(cx).is_pending() {
            return Poll::Pending;
        }
        match Pin::new(&mut self.body).poll_frame(cx) {
            Poll::Ready(frame) => {
                self.silence.end();
                self.pace.note();
                if let Some(Err(error)) = &frame {
                    let reason = format!("its body is broken: {error}");
                    self.pace.fail(Failure::Malformed { reason });
                }
                Poll::Ready(frame)
            }
            Poll::Pending => self.silence.poll(cx).map(|()| {
                self.pace.fail(Failure::RequestTimedOut);
                Some(Err(io::Error::from(io::ErrorKind::TimedOut).into()))
            }),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
