//! TLS over any stream of octets, as hyper reads and writes it.
//!
//! rustls asks for something that blocks; [`Now`] says `WouldBlock` where the stream would have it wait.

use std::{
    future::poll_fn,
    io::{self, BufRead, Write as _},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use hyper::rt::{Read, ReadBuf, ReadBufCursor, Write};
use rustls::{ClientConfig, ClientConnection, pki_types::ServerName};

use crate::runtime::http::Io;

/// The asking end of a connection that nobody else can read.
pub struct TlsIo {
    tls: ClientConnection,
    io: Box<dyn Io>,
}

impl TlsIo {
    /// Shakes hands over a fresh connection with the host of this name or address.
    ///
    /// # Errors
    /// When the connection breaks, or the other side is not that host: then the error holds one of rustls.
    pub async fn connect(
        config: Arc<ClientConfig>,
        host: &str,
        io: Box<dyn Io>,
    ) -> io::Result<TlsIo> {
        let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
        let tls = ClientConnection::new(config, name).map_err(io::Error::other)?;
        let mut stream = TlsIo { tls, io };
        poll_fn(|cx| stream.poll_handshake(cx)).await?;
        Ok(stream)
    }

    fn poll_handshake(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            ready!(self.poll_send(cx))?;
            if !self.tls.is_handshaking() {
                return Poll::Ready(Ok(()));
            }
            if ready!(self.poll_receive(cx))? == 0 {
                let why = "the connection ended in the TLS handshake";
                return Poll::Ready(Err(io::Error::new(io::ErrorKind::UnexpectedEof, why)));
            }
        }
    }

    /// Sends what rustls has for the other side.
    fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.tls.wants_write() {
            match self.tls.write_tls(&mut Now { io: &mut *self.io, cx }) {
                Ok(0) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Poll::Pending,
                sent => sent?,
            };
        }
        Pin::new(&mut *self.io).poll_flush(cx)
    }

    /// Gives rustls what the other side has sent: nothing, if that was the end.
    fn poll_receive(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let count = match self.tls.read_tls(&mut Now { io: &mut *self.io, cx }) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Poll::Pending,
            read => read?,
        };
        if let Err(error) = self.tls.process_new_packets() {
            // the other side is told why, if it takes that at once
            let _ = self.poll_send(cx);
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, error)));
        }
        Poll::Ready(Ok(count))
    }
}

impl Read for TlsIo {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        loop {
            match self.tls.reader().into_first_chunk() {
                Ok(chunk) => {
                    let count = chunk.len().min(buffer.remaining());
                    buffer.put_slice(&chunk[..count]);
                    self.tls.reader().consume(count);
                    return Poll::Ready(Ok(()));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                // also that the connection ended without a word: whoever cuts it must not shorten what is read
                Err(error) => return Poll::Ready(Err(error)),
            }
            // a message may ask for an answer, such as another key
            if let Poll::Ready(sent) = self.poll_send(cx) {
                sent?;
            }
            ready!(self.poll_receive(cx))?;
        }
    }
}

impl Write for TlsIo {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        octets: &[u8],
    ) -> Poll<io::Result<usize>> {
        // rustls takes no more than it has room for, and has room when everything before has gone
        ready!(self.poll_send(cx))?;
        let count = self.tls.writer().write(octets)?;
        // what cannot go yet goes before the next, or when all is flushed
        if let Poll::Ready(sent) = self.poll_send(cx) {
            sent?;
        }
        Poll::Ready(Ok(count))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_send(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.tls.send_close_notify();
        ready!(self.poll_send(cx))?;
        Pin::new(&mut *self.io).poll_shutdown(cx)
    }
}

/// A stream as it is at the moment.
struct Now<'a, 'b> {
    io: &'a mut dyn Io,
    cx: &'a mut Context<'b>,
}

impl io::Read for Now<'_, '_> {
    fn read(&mut self, octets: &mut [u8]) -> io::Result<usize> {
        let mut buffer = ReadBuf::new(octets);
        match Pin::new(&mut *self.io).poll_read(self.cx, buffer.unfilled()) {
            Poll::Ready(read) => read.map(|()| buffer.filled().len()),
            Poll::Pending => Err(io::ErrorKind::WouldBlock.into()),
        }
    }
}

impl io::Write for Now<'_, '_> {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        match Pin::new(&mut *self.io).poll_write(self.cx, octets) {
            Poll::Ready(written) => written,
            Poll::Pending => Err(io::ErrorKind::WouldBlock.into()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(()) // whoever sends flushes the stream itself
    }
}
