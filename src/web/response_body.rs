//! Response bodies on their way through the proxy: one that stops coming ends broken, never clean, because a truncated
//! file must not look whole (RFC 9112, 8).

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use hyper::body::{Body as HttpBody, Frame, SizeHint};

use crate::runtime::http::BoxError;

use super::finish::FinishedBody;
use super::silence::Silence;
use super::slots::Slot;

/// A service's body on its way to a client; keeps its place among the requests until it ends.
pub(super) struct ResponseBody {
    body: FinishedBody,
    silence: Silence,
    /// Told at the next turn, when what came before it has been flushed.
    broken: Option<BoxError>,
    _slot: Slot,
}

impl ResponseBody {
    /// A body that may be silent for `limit`.
    pub(super) fn new(body: FinishedBody, limit: Duration, slot: Slot) -> ResponseBody {
        ResponseBody { body, silence: Silence::new(limit), broken: None, _slot: slot }
    }

    fn poll_body(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        match Pin::new(&mut self.body).poll_frame(cx) {
            Poll::Ready(frame) => {
                self.silence.end();
                Poll::Ready(frame)
            }
            Poll::Pending => self
                .silence
                .poll(cx)
                .map(|()| Some(Err(io::Error::from(io::ErrorKind::TimedOut).into()))),
        }
    }
}

impl HttpBody for ResponseBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        if let Some(error) = self.broken.take() {
            return Poll::Ready(Some(Err(error)));
        }
        match ready!(self.poll_body(cx)) {
            Some(Err(error)) => {
                self.broken = Some(error);
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            frame => Poll::Ready(frame),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
