//! The answer to an early request before there is a connection to carry it.
//!
//! A handshake is accepted when the answer is there, or has been waited for long enough: then the first packets
//! of the handshake carry the answer too, where they would carry padding. Who writes it notices nothing.

use std::{
    future::Future,
    io,
    pin::pin,
    sync::{Mutex, MutexGuard},
    task::{Context, Poll, Waker},
    time::Duration,
};

use event_listener::Event;
use quinn::{SendStream, VarInt};

use super::connection::StreamGuard;
use super::early::SIGN;
use crate::runtime::{clock, lock};

/// A handshake waits for the beginning of the answer as long as that may take where the answer is at hand.
const PATIENCE: Duration = Duration::from_millis(30);
/// And for its end so much longer.
const REST: Duration = Duration::from_millis(5);
/// More octets than the first packets may carry (RFC 9000, section 8.1) are not kept.
const MAX_OCTETS: usize = 4096;

/// What has been written of an answer, until it has a stream.
#[derive(Debug, Default)]
pub(super) struct EarlyAnswer {
    state: Mutex<State>,
    changed: Event,
}

#[derive(Debug, Default)]
struct State {
    octets: Vec<u8>,
    flushed: bool,
    end: Option<End>,
    stream: Option<(SendStream, StreamGuard)>,
    failed: bool,
    writer: Option<Waker>,
}

/// How an answer ends.
#[derive(Clone, Copy, Debug)]
pub(super) enum End {
    /// All of it has been written.
    Finished,
    /// It breaks off.
    Reset(VarInt),
}

impl EarlyAnswer {
    /// Takes octets as long as there is room for them.
    pub(super) fn poll_write(
        &self,
        cx: &mut Context<'_>,
        octets: &[u8],
    ) -> Poll<io::Result<usize>> {
        let mut state = self.state();
        if state.failed {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        let count = octets.len().min(MAX_OCTETS - state.octets.len());
        if count == 0 && !octets.is_empty() {
            state.writer = Some(cx.waker().clone());
            return Poll::Pending;
        }
        state.octets.extend_from_slice(&octets[..count]);
        drop(state);
        self.changed.notify(usize::MAX);
        Poll::Ready(Ok(count))
    }

    /// What has been written may go.
    pub(super) fn flush(&self) {
        self.state().flushed = true;
        self.changed.notify(usize::MAX);
    }

    /// Nothing more will be written.
    pub(super) fn end(&self, end: End) {
        self.state().end.get_or_insert(end);
        self.changed.notify(usize::MAX);
    }

    /// The stream, once there is one.
    pub(super) fn take_stream(&self) -> Option<(SendStream, StreamGuard)> {
        self.state().stream.take()
    }

    /// Waits for the answer, but not long.
    pub(super) async fn ready(&self) {
        clock::timeout(PATIENCE, self.until(|state| state.flushed)).await;
        clock::timeout(REST, self.until(|_| false)).await;
    }

    /// Until the answer is complete, or full, or `is_enough`.
    async fn until(&self, is_enough: impl Fn(&State) -> bool) {
        loop {
            let changed = self.changed.listen();
            {
                let state = self.state();
                if state.end.is_some() || state.octets.len() == MAX_OCTETS || is_enough(&state) {
                    return;
                }
            }
            changed.await;
        }
    }

    /// Sends what has been written, behind the sign that the request was taken; what follows is written to the
    /// stream itself. It does not wait, so that the first packets carry it.
    pub(super) fn send_on(&self, mut send: SendStream, guard: StreamGuard) {
        let mut state = self.state();
        let octets = [&SIGN[..], &state.octets].concat();
        let mut nobody = Context::from_waker(Waker::noop()); // they are less than any window
        let sent = pin!(send.write_all(&octets)).poll(&mut nobody);
        let sent = matches!(sent, Poll::Ready(Ok(())));
        match state.end {
            _ if !sent => state.failed = true,
            // an error only says that it was closed already
            Some(End::Finished) => drop(send.finish()),
            Some(End::Reset(code)) => drop(send.reset(code)),
            None => state.stream = Some((send, guard)),
        }
        state.writer.take().into_iter().for_each(Waker::wake);
    }

    /// There will be no stream.
    pub(super) fn fail(&self) {
        let mut state = self.state();
        state.failed = true;
        state.writer.take().into_iter().for_each(Waker::wake);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}
