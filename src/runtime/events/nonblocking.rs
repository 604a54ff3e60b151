//! A socket, or anything else that epoll knows, that never blocks.

use std::{
    fmt,
    future::{Future, poll_fn},
    io,
    os::fd::{AsFd, BorrowedFd},
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll, Waker},
};

use rustix::event::epoll::{self, EventData, EventFlags};

use super::reactor::Reactor;
use crate::runtime::lock;

/// Something that can be waited for.
///
/// What it holds is asked first; who was told that it would block waits until it is ready.
pub struct Async<T> {
    io: Arc<T>,
    source: Arc<Source>,
}

impl<T: AsFd + Send + Sync + 'static> Async<T> {
    /// Makes it never block.
    ///
    /// # Errors
    /// When the system refuses that.
    pub fn new(io: T) -> io::Result<Async<T>> {
        let flags = rustix::fs::fcntl_getfl(&io)?;
        rustix::fs::fcntl_setfl(&io, flags | rustix::fs::OFlags::NONBLOCK)?;
        Async::new_nonblocking(io)
    }

    /// Takes what never blocks already.
    ///
    /// # Errors
    /// None on this system.
    pub fn new_nonblocking(io: T) -> io::Result<Async<T>> {
        let io = Arc::new(io);
        let source = Reactor::get().insert(|key| Source::new(key, io.clone()));
        Ok(Async { io, source })
    }
}

impl<T> Async<T> {
    /// What it holds. It must be left non-blocking.
    pub fn get_ref(&self) -> &T {
        &self.io
    }

    /// Whether there may be something to read that was not there before. For one task at a time.
    ///
    /// # Errors
    /// When the system cannot wait for it.
    pub fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.source.poll(READ, cx)
    }

    /// Whether there may be room to write that was not there before. For one task at a time.
    ///
    /// # Errors
    /// When the system cannot wait for it.
    pub fn poll_writable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.source.poll(WRITE, cx)
    }

    /// Waits until there is something to read.
    ///
    /// # Errors
    /// When the system cannot wait for it.
    pub async fn readable(&self) -> io::Result<()> {
        self.source.ready(READ).await
    }

    /// Waits until there is room to write.
    ///
    /// # Errors
    /// When the system cannot wait for it.
    pub async fn writable(&self) -> io::Result<()> {
        self.source.ready(WRITE).await
    }

    /// The same as a value that several tasks may have.
    pub fn writable_owned(self: Arc<Async<T>>) -> Readiness<T> {
        Readiness { socket: self, seen: None }
    }

    /// Reads by `operation`, again and again until it does not block.
    ///
    /// # Errors
    /// Those of the operation.
    pub async fn read_with<R>(&self, operation: impl FnMut(&T) -> io::Result<R>) -> io::Result<R> {
        self.repeat(READ, operation).await
    }

    /// Writes by `operation`, again and again until it does not block.
    ///
    /// # Errors
    /// Those of the operation.
    pub async fn write_with<R>(&self, operation: impl FnMut(&T) -> io::Result<R>) -> io::Result<R> {
        self.repeat(WRITE, operation).await
    }

    async fn repeat<R>(
        &self,
        direction: usize,
        mut operation: impl FnMut(&T) -> io::Result<R>,
    ) -> io::Result<R> {
        loop {
            match operation(&self.io) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                result => return result,
            }
            self.source.ready(direction).await?;
        }
    }
}

impl<T: AsFd> AsFd for Async<T> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.io.as_fd()
    }
}

impl<T: fmt::Debug> fmt::Debug for Async<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Async").field(&self.io).finish()
    }
}

impl<T> Drop for Async<T> {
    fn drop(&mut self) {
        self.source.forget();
    }
}

/// Waits until there is room to write to a socket.
#[derive(Debug)]
pub struct Readiness<T> {
    socket: Arc<Async<T>>,
    seen: Option<u64>,
}

impl<T> Future for Readiness<T> {
    type Output = io::Result<()>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut seen = self.seen;
        let ready = self.socket.source.poll_since(WRITE, &mut seen, cx);
        self.seen = seen;
        ready
    }
}

const READ: usize = 0;
const WRITE: usize = 1;

/// What is known of one file descriptor.
///
/// It stays registered for reading, since most are waited for again as soon as they were read, and nothing has to
/// be told to the kernel each time. Waiting to write is rare.
pub(super) struct Source {
    key: u64,
    io: Arc<dyn AsFd + Send + Sync>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Known to epoll.
    added: bool,
    directions: [Direction; 2],
}

#[derive(Default)]
struct Direction {
    /// epoll tells of it.
    armed: bool,
    /// How often it did.
    told: u64,
    /// The same when [`Source::poll`] began to wait.
    polled: Option<u64>,
    waiting: Vec<Waker>,
}

impl Source {
    fn new(key: u64, io: Arc<dyn AsFd + Send + Sync>) -> Source {
        Source { key, io, state: Mutex::default() }
    }

    /// For one task at a time.
    fn poll(&self, direction: usize, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut state = lock(&self.state);
        let mut seen = state.directions[direction].polled;
        let ready = self.poll_state(&mut state, direction, &mut seen, cx);
        state.directions[direction].polled = seen.filter(|_| ready.is_pending());
        ready
    }

    async fn ready(&self, direction: usize) -> io::Result<()> {
        let mut seen = None;
        poll_fn(|cx| self.poll_since(direction, &mut seen, cx)).await
    }

    /// `seen` is the waiting task's own, None when it begins.
    fn poll_since(
        &self,
        direction: usize,
        seen: &mut Option<u64>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        self.poll_state(&mut lock(&self.state), direction, seen, cx)
    }

    fn poll_state(
        &self,
        state: &mut State,
        at: usize,
        seen: &mut Option<u64>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        let direction = &mut state.directions[at];
        if *seen.get_or_insert(direction.told) != direction.told {
            return Poll::Ready(Ok(()));
        }
        if !direction.waiting.iter().any(|waker| waker.will_wake(cx.waker())) {
            direction.waiting.push(cx.waker().clone());
        }
        if !direction.armed {
            direction.armed = true;
            self.register(state)?;
        }
        Poll::Pending
    }

    /// epoll tells that it is ready for these.
    pub(super) fn handle(&self, flags: EventFlags, wakers: &mut Vec<Waker>) {
        let broken = EventFlags::ERR | EventFlags::HUP;
        let read = EventFlags::IN | EventFlags::PRI | EventFlags::RDHUP | broken;
        let write = EventFlags::OUT | broken;
        let state = &mut *lock(&self.state);
        let mut unwanted = false;
        for (at, signs) in [(READ, read), (WRITE, write)] {
            let direction = &mut state.directions[at];
            if !flags.intersects(signs) {
                continue;
            }
            // what is ready and not waited for would be told again and again
            if direction.armed && (at == WRITE || direction.waiting.is_empty()) {
                direction.armed = false;
                unwanted = true;
            }
            direction.told += 1;
            wakers.append(&mut direction.waiting);
        }
        if unwanted {
            // the worst is to be told in vain
            let _ = self.register(state);
        }
    }

    /// Tells epoll what is of interest.
    fn register(&self, state: &mut State) -> io::Result<()> {
        let mut flags = EventFlags::empty();
        flags.set(EventFlags::IN | EventFlags::RDHUP, state.directions[READ].armed);
        flags.set(EventFlags::OUT, state.directions[WRITE].armed);
        if flags.is_empty() {
            flags = EventFlags::ONESHOT; // an error is told nevertheless, but not again and again
        }
        let (epoll, data) = (Reactor::get().epoll(), EventData::new_u64(self.key));
        if state.added {
            epoll::modify(epoll, &*self.io, data, flags)?;
        } else {
            epoll::add(epoll, &*self.io, data, flags)?;
            state.added = true;
        }
        Ok(())
    }

    fn forget(&self) {
        Reactor::get().remove(self.key);
        if lock(&self.state).added {
            // it goes with the descriptor in any case
            let _ = epoll::delete(Reactor::get().epoll(), &*self.io);
        }
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Source({})", self.key)
    }
}
