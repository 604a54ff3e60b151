//! What came of a request: the meaning of its status, a body of bounded length, or why there is none.

use std::{error::Error, io, time::Instant};

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::{Response, body::Incoming, header::HeaderName};

use super::pool::Lent;
use crate::overlay::OverlayError;
use crate::runtime::{clock, plain};

/// The head of an answer, and its body as it comes.
pub(in crate::overlay) struct Answer {
    response: Response<Incoming>,
    /// When all of it must be there.
    until: Instant,
    /// Goes back after the body, which hyper takes as far as it is there, or closes the connection.
    _connection: Lent,
}

impl Answer {
    pub(super) fn new(response: Response<Incoming>, until: Instant, connection: Lent) -> Answer {
        Answer { response, until, _connection: connection }
    }

    pub(in crate::overlay) fn status(&self) -> u16 {
        self.response.status().as_u16()
    }

    /// A header field, if it is text.
    pub(in crate::overlay) fn field(&self, name: HeaderName) -> Option<&str> {
        self.response.headers().get(name)?.to_str().ok()
    }

    /// Nothing, if the status is one of these.
    pub(in crate::overlay) fn must_be(&self, statuses: &[u16]) -> Result<(), OverlayError> {
        let status = self.status();
        if statuses.contains(&status) { Ok(()) } else { Err(refusal(status)) }
    }

    /// Whether there is something where it was looked for.
    pub(in crate::overlay) fn is_found(&self) -> Result<bool, OverlayError> {
        self.must_be(&[200, 404]).map(|()| self.status() == 200)
    }

    /// What it holds, if it is not longer than `limit`.
    pub(in crate::overlay) async fn body(&mut self, limit: usize) -> Result<Vec<u8>, OverlayError> {
        let body = self.beginning(limit + 1).await?;
        if body.len() > limit { Err(OverlayError::TooLarge) } else { Ok(body) }
    }

    /// What it holds, up to `limit`.
    pub(in crate::overlay) async fn beginning(
        &mut self,
        limit: usize,
    ) -> Result<Vec<u8>, OverlayError> {
        let mut body = Vec::new();
        while body.len() < limit {
            let Some(octets) = self.next().await? else { break };
            let room = limit - body.len();
            body.extend_from_slice(&octets[..octets.len().min(room)]);
        }
        Ok(body)
    }

    /// What comes next; None at the end.
    pub(in crate::overlay) async fn next(&mut self) -> Result<Option<Bytes>, OverlayError> {
        let body = self.response.body_mut();
        let next = async {
            loop {
                match body.frame().await {
                    None => return Ok(None),
                    Some(Err(error)) => return Err(translate(&error)),
                    // trailers mean nothing here
                    Some(Ok(frame)) => match frame.into_data() {
                        Ok(octets) => return Ok(Some(octets)),
                        Err(_) => continue,
                    },
                }
            }
        };
        let time = self.until.saturating_duration_since(clock::now());
        clock::timeout(time, next).await.unwrap_or(Err(OverlayError::TimedOut))
    }
}

/// What a status means that says no.
pub(in crate::overlay) fn refusal(status: u16) -> OverlayError {
    match status {
        401 | 403 | 422 => OverlayError::Refused,
        409 => OverlayError::Outdated,
        413 => OverlayError::TooLarge,
        429 => OverlayError::RateLimited,
        503 => OverlayError::Busy,
        507 => OverlayError::Full,
        status => OverlayError::Status(status),
    }
}

/// What it means that an exchange broke off: that of what carried it, or that it was no HTTP.
pub(super) fn translate(error: &hyper::Error) -> OverlayError {
    let mut cause = error.source();
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref() {
            return translate_io(error);
        }
        cause = error.source();
    }
    OverlayError::Malformed
}

fn translate_io(error: &io::Error) -> OverlayError {
    match error.kind() {
        _ if tls_error(error).is_some() => unreachable(error),
        io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput | io::ErrorKind::UnexpectedEof => {
            OverlayError::Malformed
        }
        _ => unreachable(error),
    }
}

/// What it means that there is no connection.
pub(super) fn unreachable(error: &io::Error) -> OverlayError {
    match tls_error(error) {
        Some(error) => OverlayError::Unreachable(error.to_string()),
        None if error.kind() == io::ErrorKind::TimedOut => OverlayError::TimedOut,
        None => OverlayError::Unreachable(plain(error)),
    }
}

/// What rustls says, of a certificate most likely.
fn tls_error(error: &io::Error) -> Option<&rustls::Error> {
    error.get_ref()?.downcast_ref()
}
