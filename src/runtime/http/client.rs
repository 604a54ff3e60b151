//! The one client: requests over a connection of any kind.

use hyper::{body::Incoming, client::conn::http1};

use super::{Body, Io, Request};
use crate::runtime::spawn;

/// The asking end of a connection, over which requests go one after the other.
pub struct Sender(http1::SendRequest<Body>);

impl Sender {
    /// Sends the first request over a fresh connection and gives the head of the response; its body and an
    /// upgrade go on streaming.
    ///
    /// # Errors
    /// When the connection breaks or the other side's answer is not HTTP.
    pub async fn begin(
        io: Box<dyn Io>,
        request: Request,
    ) -> hyper::Result<(Sender, hyper::Response<Incoming>)> {
        let mut settings = http1::Builder::new();
        Sender::begin_with(settings.preserve_header_case(true), io, request).await
    }

    /// The same where the head of a response may have so many octets, 8192 at least, and in which are at most 100
    /// fields; nor do more of its body wait to be read.
    ///
    /// # Errors
    /// As there; when a head is longer.
    pub async fn begin_within(
        head_size: usize,
        io: Box<dyn Io>,
        request: Request,
    ) -> hyper::Result<(Sender, hyper::Response<Incoming>)> {
        let mut settings = http1::Builder::new();
        Sender::begin_with(settings.max_buf_size(head_size.max(8192)), io, request).await
    }

    async fn begin_with(
        settings: &http1::Builder,
        io: Box<dyn Io>,
        request: Request,
    ) -> hyper::Result<(Sender, hyper::Response<Incoming>)> {
        let (mut sender, connection) = settings.handshake(io).await?;
        // handed over before the connection runs: what breaks it at once is told to a request that waits
        let response = sender.send_request(request);
        spawn(async move {
            let _ = connection.with_upgrades().await; // its errors reach the response and its body
        })
        .detach();
        Ok((Sender(sender), response.await?))
    }

    /// Sends another request, as the first one.
    ///
    /// # Errors
    /// As for the first one; the other side may have closed the connection meanwhile.
    pub async fn send(&mut self, request: Request) -> hyper::Result<hyper::Response<Incoming>> {
        self.0.send_request(request).await
    }

    /// Waits until the response has been read to its end. False if no other request can follow it.
    pub async fn is_free(&mut self) -> bool {
        self.0.ready().await.is_ok()
    }

    /// Whether the connection is known to have ended.
    pub fn is_closed(&self) -> bool {
        self.0.is_closed()
    }
}

/// Sends one request over a fresh connection of any kind and gives the head of the response; its body
/// and an upgrade go on streaming.
///
/// # Errors
/// When the connection breaks or the other side's answer is not HTTP.
pub async fn request_over(
    io: Box<dyn Io>,
    request: Request,
) -> hyper::Result<hyper::Response<Incoming>> {
    let (_, response) = Sender::begin(io, request).await?;
    Ok(response)
}
