//! One request over a stream of its own, up to the head of its response.

use std::{error::Error, io};

use bytes::Bytes;
use futures_lite::future;
use http_body_util::BodyExt;
use hyper::{
    Method, StatusCode,
    body::{Body as _, Incoming},
    ext::on_informational,
    header::UPGRADE,
    http::uri::PathAndQuery,
};

use crate::identity::Destination;
use crate::runtime::clock;
use crate::runtime::http::{self, Request};

use super::failure::Failure;
use super::pace::{Pace, RequestBody};
use super::peers::Peers;
use super::settings::Settings;
use super::terse::TerseReader;

/// Sends requests to one destination.
pub(super) struct Exchange<'a> {
    pub(super) peers: &'a dyn Peers,
    pub(super) settings: &'a Settings,
    pub(super) destination: &'a Destination,
}

impl Exchange<'_> {
    /// One request and the head of its response. A request that changes nothing and has no body is
    /// sent once more when the link turned out to be dead.
    pub(super) async fn run(
        &self,
        request: Request,
        expects: bool,
    ) -> Result<hyper::Response<Incoming>, Failure> {
        let repeatable = request.body().is_end_stream()
            && matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
        let spare = repeatable.then(|| copy_of_head(&request));
        match (self.attempt(request, expects).await, spare) {
            (Err(Attempt::Dead(_)), Some(again)) => {
                self.attempt(again, false).await.map_err(Attempt::into_failure)
            }
            (result, _) => result.map_err(Attempt::into_failure),
        }
    }

    async fn attempt(
        &self,
        request: Request,
        expects: bool,
    ) -> Result<hyper::Response<Incoming>, Attempt> {
        let early = early_form(&request);
        let io = self.peers.open(self.destination, early).await.map_err(Attempt::Failed)?;
        let io = TerseReader::new(io);
        let pace = Pace::new();
        let Settings { request_idle, expect, .. } = *self.settings;
        let mut request = request.map(|body| {
            let body = RequestBody::new(body, pace.clone(), request_idle);
            if expects { body.hold(expect) } else { body }.boxed_unsync()
        });
        if expects {
            let pace = pace.clone();
            on_informational(&mut request, move |response| {
                if response.status() == StatusCode::CONTINUE {
                    pace.go_on();
                }
            });
        }
        let answer = async { Ok(http::request_over(Box::new(io), request).await) };
        let result = future::or(answer, self.lateness(&pace)).await;
        result.map_err(Attempt::Failed)?.map_err(|error| self.explain(&error, &pace))
    }

    /// Ends when the response is overdue.
    async fn lateness<T>(&self, pace: &Pace) -> Result<T, Failure> {
        let after = self.settings.response;
        loop {
            let due = pace.moved() + after;
            if clock::now() >= due {
                let destination = self.destination.clone();
                return Err(Failure::ResponseTimedOut { destination, after });
            }
            clock::sleep_until(Some(due)).await;
        }
    }

    /// What it means that no response came.
    fn explain(&self, error: &hyper::Error, pace: &Pace) -> Attempt {
        let destination = self.destination.clone();
        match self.peers.diagnose(&destination, error) {
            // where access was taken back, a new connection tells what is left of it
            Some(failure @ (Failure::LinkLost { .. } | Failure::AccessRevoked { .. })) => {
                return Attempt::Dead(failure);
            }
            Some(failure) => return Attempt::Failed(failure),
            None => {}
        }
        if let Some(failure) = pace.failure() {
            return Attempt::Failed(failure);
        }
        if error.is_parse() {
            return Attempt::Failed(Failure::ResponseMalformed { destination });
        }
        if error.is_incomplete_message() {
            return Attempt::Failed(Failure::ResponseIncomplete { destination });
        }
        let lost = Failure::LinkLost { name: destination.name };
        if has_io_error(error) { Attempt::Dead(lost) } else { Attempt::Failed(lost) }
    }
}

/// How an attempt to get a response failed.
enum Attempt {
    /// The link was dead before anything came back.
    Dead(Failure),
    /// In any other way.
    Failed(Failure),
}

impl Attempt {
    fn into_failure(self) -> Failure {
        match self {
            Attempt::Dead(failure) | Attempt::Failed(failure) => failure,
        }
    }
}

/// The same request again, for one without a body.
pub(super) fn copy_of_head<B>(request: &hyper::Request<B>) -> Request {
    let mut copy = Request::new(http::empty());
    *copy.method_mut() = request.method().clone();
    *copy.uri_mut() = request.uri().clone();
    *copy.headers_mut() = request.headers().clone();
    copy
}

/// The octets of a request that has no effect and no body: what [`http::request_over`] will write, give or
/// take an order of fields. None for any other, and for one that is longer than any packet.
fn early_form(request: &Request) -> Option<Bytes> {
    const LONGEST: usize = 1200;
    let is_safe = matches!(*request.method(), Method::GET | Method::HEAD);
    if !is_safe || !request.body().is_end_stream() || request.headers().contains_key(UPGRADE) {
        return None;
    }
    let path = request.uri().path_and_query().map_or("/", PathAndQuery::as_str);
    let mut octets = format!("{} {path} HTTP/1.1\r\n", request.method()).into_bytes();
    for (name, value) in request.headers() {
        for part in [name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"] {
            octets.extend_from_slice(part);
        }
    }
    octets.extend_from_slice(b"\r\n");
    (octets.len() <= LONGEST).then(|| octets.into())
}

fn has_io_error(error: &hyper::Error) -> bool {
    let mut source = error.source();
    while let Some(cause) = source {
        if cause.is::<io::Error>() {
            return true;
        }
        source = cause.source();
    }
    false
}
