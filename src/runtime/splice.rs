//! Two byte streams made one: what a tunnel and an upgraded connection need.

use std::{future::poll_fn, io, pin::Pin, sync::Mutex};

use crate::runtime::lock;
use futures_lite::future;
use hyper::rt::{Read, ReadBuf, Write};
use hyper::upgrade::OnUpgrade;

/// How much is on its way in one direction.
const BUFFER: usize = 16 * 1024;

/// Copies until both sides have ended, or one has broken. The end of one side is passed on at once;
/// the other may go on.
///
/// # Errors
/// What broke.
pub async fn splice(a: impl Read + Write + Unpin, b: impl Read + Write + Unpin) -> io::Result<()> {
    let (a, b) = (Shared::new(a), Shared::new(b));
    future::try_zip(copy(&a, &b), copy(&b, &a)).await?;
    Ok(())
}

/// Joins the two sides of a `101 Switching Protocols` once both have switched; ends when they have.
pub async fn splice_upgrades(client: OnUpgrade, server: OnUpgrade) {
    if let (Ok(client), Ok(server)) = (client.await, server.await) {
        let _ = splice(client, server).await; // each side sees the break of the other
    }
}

/// Both directions use a stream in turn, never at once: they are polled by one task.
struct Shared<T>(Mutex<T>);

impl<T: Read + Write + Unpin> Shared<T> {
    fn new(io: T) -> Shared<T> {
        Shared(Mutex::new(io))
    }

    fn with<R>(&self, poll: impl FnOnce(Pin<&mut T>) -> R) -> R {
        let mut io = lock(&self.0);
        poll(Pin::new(&mut io))
    }
}

async fn copy(
    from: &Shared<impl Read + Write + Unpin>,
    to: &Shared<impl Read + Write + Unpin>,
) -> io::Result<()> {
    let mut buffer = vec![0; BUFFER];
    loop {
        let count = poll_fn(|cx| {
            let mut read = ReadBuf::new(&mut buffer);
            from.with(|from| from.poll_read(cx, read.unfilled())).map_ok(|()| read.filled().len())
        })
        .await?;
        if count == 0 {
            return poll_fn(|cx| to.with(|to| to.poll_shutdown(cx))).await;
        }
        let mut rest = &buffer[..count];
        while !rest.is_empty() {
            let written = poll_fn(|cx| to.with(|to| to.poll_write(cx, rest))).await?;
            if written == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
            rest = &rest[written..];
        }
        poll_fn(|cx| to.with(|to| to.poll_flush(cx))).await?;
    }
}
