//! What alice serves to the tests.

use std::{io, sync::Arc};

use bytes::Bytes;
use futures_lite::stream;
use http_body_util::{BodyExt, StreamBody};
use hyper::{
    StatusCode,
    body::Frame,
    header::{HeaderName, HeaderValue},
};
use p2p::runtime;
use p2p::runtime::http::{self, BoxError, BoxFuture, Handler, Request, Response};

/// What alice serves.
pub(super) struct Service {
    pub(super) events: async_channel::Receiver<Bytes>,
}

impl Handler for Service {
    fn handle(self: Arc<Self>, mut request: Request) -> BoxFuture<Response> {
        Box::pin(async move {
            let path = request.uri().path().to_owned();
            match path.as_str() {
                "/" => Response::new(http::full("alice's page")),
                "/seen" => seen(&request),
                "/echo" => echo(request),
                "/collect" => {
                    let body = request.into_body().collect().await.unwrap();
                    Response::new(http::full(body.to_bytes()))
                }
                "/part" => part(&request),
                "/events" => events(self.events.clone()),
                "/refuse" => with_status(StatusCode::PAYLOAD_TOO_LARGE, "too large"),
                "/switch" => switch(&mut request),
                "/fields" => fields(&request),
                path => with_status(StatusCode::NOT_FOUND, &format!("no {path}")),
            }
        })
    }
}

fn with_status(status: StatusCode, text: &str) -> Response {
    let mut response = Response::new(http::full(text.to_owned()));
    *response.status_mut() = status;
    response
}

/// Gives the body back as it comes, and announces the trailers that the request has announced.
fn echo(request: Request) -> Response {
    let (head, body) = request.into_parts();
    let mut response = Response::new(body);
    if let Some(trailer) = head.headers.get("trailer") {
        response.headers_mut().insert("trailer", trailer.clone());
    }
    response
}

/// A stream of events, each as it is sent.
fn events(events: async_channel::Receiver<Bytes>) -> Response {
    let frames = stream::unfold(events, |events| async {
        let event = events.recv().await.ok()?;
        Some((Ok::<_, BoxError>(Frame::data(event)), events))
    });
    let mut response = Response::new(StreamBody::new(frames).boxed_unsync());
    set(&mut response, "content-type", "text/event-stream");
    response
}

/// Switches to the protocol that the request asks for.
fn switch(request: &mut Request) -> Response {
    let protocol = request.headers().get("upgrade").cloned();
    let upgraded = hyper::upgrade::on(request);
    runtime::spawn(async move {
        let Ok(io) = upgraded.await else { return };
        let _ = converse(io).await;
    })
    .detach();
    let mut response = with_status(StatusCode::SWITCHING_PROTOCOLS, "");
    set(&mut response, "connection", "upgrade");
    response.headers_mut().insert("upgrade", protocol.unwrap());
    response
}

/// Each line of the query is a field of the response.
fn fields(request: &Request) -> Response {
    let mut response = Response::new(http::full("fields"));
    for field in request.uri().query().unwrap_or_default().split('|') {
        let field = percent_encoding::percent_decode_str(field).decode_utf8().unwrap();
        let (name, value) = field.split_once(": ").unwrap();
        let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
        response.headers_mut().append(name, HeaderValue::from_str(value).unwrap());
    }
    response
}

/// Target and fields as the service sees them, sorted.
fn seen(request: &Request) -> Response {
    let mut lines: Vec<String> = request
        .headers()
        .iter()
        .map(|(name, value)| format!("{name}: {}\n", value.to_str().unwrap()))
        .collect();
    lines.sort();
    let text = format!("{} {}\n{}", request.method(), request.uri(), lines.concat());
    Response::new(http::full(text))
}

fn part(request: &Request) -> Response {
    let whole = b"0123456789";
    let range = request.headers().get("range").map(|range| range.to_str().unwrap().to_owned());
    let Some(range) = range else {
        let mut response = Response::new(http::full(&whole[..]));
        set(&mut response, "etag", "\"digits\"");
        return response;
    };
    let (from, to) = range.strip_prefix("bytes=").unwrap().split_once('-').unwrap();
    let (from, to): (usize, usize) = (from.parse().unwrap(), to.parse().unwrap());
    let mut response = Response::new(http::full(whole[from..=to].to_vec()));
    *response.status_mut() = StatusCode::PARTIAL_CONTENT;
    set(&mut response, "content-range", &format!("bytes {from}-{to}/10"));
    response
}

fn set(response: &mut Response, name: &'static str, value: &str) {
    response.headers_mut().insert(name, HeaderValue::from_str(value).unwrap());
}

/// Gives back what comes until the other side ends, then says goodbye.
async fn converse(io: hyper::upgrade::Upgraded) -> io::Result<()> {
    use std::{future::poll_fn, pin::Pin};

    use hyper::rt::{Read as _, ReadBuf, Write as _};

    let mut io = io;
    let mut buffer = [0; 1024];
    loop {
        let count = poll_fn(|cx| {
            let mut read = ReadBuf::new(&mut buffer);
            Pin::new(&mut io).poll_read(cx, read.unfilled()).map_ok(|()| read.filled().len())
        })
        .await?;
        let (answer, end) =
            if count == 0 { (&b"bye"[..], true) } else { (&buffer[..count], false) };
        poll_fn(|cx| Pin::new(&mut io).poll_write(cx, answer)).await?;
        poll_fn(|cx| Pin::new(&mut io).poll_flush(cx)).await?;
        if end {
            return poll_fn(|cx| Pin::new(&mut io).poll_shutdown(cx)).await;
        }
    }
}
