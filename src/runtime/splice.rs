//! Two byte streams made one: what a tunnel and an upgraded connection need.

use std::{
    future::poll_fn,
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use hyper::rt::{Read, ReadBuf, Write};
use hyper::upgrade::OnUpgrade;

use super::spawn;

/// Octets that wait in each direction at most.
const BUFFER: usize = 16 * 1024;

/// Copies both ways until both ends have finished. The end of one side is passed on to the other, which
/// may still go on sending.
///
/// # Errors
/// When one of the streams breaks; the other is dropped unfinished then.
pub async fn splice<A, B>(mut a: A, mut b: B) -> io::Result<()>
where
    A: Read + Write + Unpin,
    B: Read + Write + Unpin,
{
    let (mut forth, mut back) = (Direction::default(), Direction::default());
    poll_fn(|cx| {
        let forth = forth.poll(cx, &mut a, &mut b)?;
        let back = back.poll(cx, &mut b, &mut a)?;
        if forth.is_ready() && back.is_ready() { Poll::Ready(Ok(())) } else { Poll::Pending }
    })
    .await
}

/// Joins the two sides of a `101 Switching Protocols` as soon as both have switched.
pub fn splice_upgrades(client: OnUpgrade, server: OnUpgrade) {
    spawn(async move {
        if let (Ok(client), Ok(server)) = futures_lite::future::zip(client, server).await {
            let _ = splice(client, server).await; // each side sees the break of the other
        }
    })
    .detach();
}

/// One direction: octets read and not yet written, and how far the end has come.
struct Direction {
    buffer: Box<[u8]>,
    start: usize,
    end: usize,
    state: State,
}

#[derive(PartialEq)]
enum State {
    Copying,
    /// The source has ended; what is buffered must still go out.
    Draining,
    Finished,
}

impl Default for Direction {
    fn default() -> Direction {
        let buffer = vec![0; BUFFER].into_boxed_slice();
        Direction { buffer, start: 0, end: 0, state: State::Copying }
    }
}

impl Direction {
    fn poll(
        &mut self,
        cx: &mut Context<'_>,
        from: &mut (impl Read + Unpin),
        to: &mut (impl Write + Unpin),
    ) -> Poll<io::Result<()>> {
        while self.state != State::Finished {
            if self.start < self.end {
                let bytes = &self.buffer[self.start..self.end];
                let count = ready!(Pin::new(&mut *to).poll_write(cx, bytes))?;
                if count == 0 {
                    return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
                }
                self.start += count;
                continue;
            }
            if self.state == State::Draining {
                ready!(Pin::new(&mut *to).poll_shutdown(cx))?;
                self.state = State::Finished;
                continue;
            }
            let mut room = ReadBuf::new(&mut self.buffer);
            if Pin::new(&mut *from).poll_read(cx, room.unfilled())?.is_pending() {
                // what was written must not wait for more to read
                ready!(Pin::new(&mut *to).poll_flush(cx))?;
                return Poll::Pending;
            }
            (self.start, self.end) = (0, room.filled().len());
            if self.end == 0 {
                self.state = State::Draining;
            }
        }
        Poll::Ready(Ok(()))
    }
}
