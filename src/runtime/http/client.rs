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
        let (mut sender, connection) =
            http1::Builder::new().preserve_header_case(true).handshake(io).await?;
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
