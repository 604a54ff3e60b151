//! An HTTP server that runs on this machine, offered to peers.
//!
//! Requests go to it unchanged but for the base path of its URL; what visitors may not forge has been
//! settled before they come here. Upgrades (WebSocket) pass through.
//!
//! The connection of the last request waits a moment for the next one, which need not wait for another then. It
//! stands in nobody's way: there are applications that serve one connection at a time, to its end. So it waits
//! only while nothing else is asked of the application, and what could not be asked twice gets a connection of
//! its own, since the application may close the other one at any moment (RFC 9112, 9.3.1 and 9.6).

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use hyper::{
    Method, StatusCode,
    body::{Body as _, Incoming},
    header::{CONTENT_TYPE, HeaderValue, UPGRADE},
};

use super::upstream::Upstream;
use crate::runtime::http::{self, BoxFuture, Handler, Request, Response, Sender};
use crate::runtime::{clock, lock, spawn, splice_upgrades};

/// How long a connection waits for another request: less than any server waits (Node.js 5 seconds). What
/// belongs to a page comes sooner.
const SPARE_TIME: Duration = Duration::from_secs(2);
/// So much longer, if nobody is awake.
const SPARE_SLACK: Duration = Duration::from_secs(1);

/// An application behind an `http://` URL, as a handler.
pub struct Application {
    upstream: Upstream,
    connections: Mutex<Connections>,
}

/// Connections with the application.
#[derive(Default)]
struct Connections {
    /// Requests whose responses have not come to their end.
    busy: usize,
    /// The one that waits for another request, and how many have waited before.
    spare: Option<Sender>,
    spared: u64,
}

impl Application {
    /// What answers at `upstream`.
    pub fn new(upstream: Upstream) -> Application {
        Application { upstream, connections: Mutex::default() }
    }

    async fn forward(self: Arc<Self>, mut request: Request) -> Response {
        if let Some(uri) = self.upstream.with_base(request.uri()) {
            *request.uri_mut() = uri;
        }
        let busy = Busy::new(&self);
        let spare = self.connections().spare.take();
        if let Some(mut spare) = spare.filter(|_| is_repeatable(&request)) {
            let (parts, body) = request.into_parts();
            let first = Request::from_parts(parts.clone(), body);
            if let Ok(response) = spare.send(first).await {
                busy.give_back(spare);
                return response.map(http::incoming);
            }
            request = Request::from_parts(parts, http::empty());
        }
        self.forward_anew(request, busy).await
    }

    /// Forwards over a fresh connection.
    async fn forward_anew(&self, mut request: Request, busy: Busy) -> Response {
        let io = match self.upstream.connect().await {
            Ok(io) => io,
            Err(error) => return self.unavailable(&error),
        };
        let client = hyper::upgrade::on(&mut request);
        match Sender::begin(Box::new(io), request).await {
            Ok((sender, response)) => {
                busy.give_back(sender);
                with_upgrade(response, client)
            }
            Err(error) => self.unavailable(&error),
        }
    }

    /// The visitor learns that the application does not answer, not where it would be.
    fn unavailable(&self, error: &dyn fmt::Display) -> Response {
        log::warn!("application at {} does not answer: {error}", self.upstream);
        let text = "The application behind this address is not running or does not answer.\n";
        let mut response = Response::new(http::full(text));
        *response.status_mut() = StatusCode::BAD_GATEWAY;
        let plain = HeaderValue::from_static("text/plain; charset=utf-8");
        response.headers_mut().insert(CONTENT_TYPE, plain);
        response
    }

    fn connections(&self) -> MutexGuard<'_, Connections> {
        // no code that holds the lock can leave it half changed
        lock(&self.connections)
    }
}

impl Handler for Application {
    fn handle(self: Arc<Self>, request: Request) -> BoxFuture<Response> {
        Box::pin(self.forward(request))
    }
}

/// Counts a request until its response has ended.
struct Busy(Arc<Application>);

impl Busy {
    fn new(application: &Arc<Application>) -> Busy {
        application.connections().busy += 1;
        Busy(application.clone())
    }

    /// Keeps a connection for another request, if nobody else asks the application for anything by the time when
    /// its response has ended.
    fn give_back(self, mut sender: Sender) {
        spawn(async move {
            let is_free = sender.is_free().await;
            let application = self.0.clone();
            drop(self);
            let number = {
                let mut connections = application.connections();
                if !is_free || connections.busy > 0 {
                    return;
                }
                connections.spared += 1;
                connections.spare = Some(sender);
                connections.spared
            };
            clock::sleep_about(SPARE_TIME, SPARE_SLACK).await;
            let mut connections = application.connections();
            if connections.spared == number {
                connections.spare = None;
            }
        })
        .detach();
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.connections().busy -= 1;
    }
}

/// Whether it does no harm to ask for this twice.
fn is_repeatable(request: &Request) -> bool {
    matches!(*request.method(), Method::GET | Method::HEAD)
        && request.body().is_end_stream()
        && !request.headers().contains_key(UPGRADE)
}

/// A response, which may be that the application speaks another protocol from here on.
fn with_upgrade(
    mut response: hyper::Response<Incoming>,
    client: hyper::upgrade::OnUpgrade,
) -> Response {
    if response.status() == StatusCode::SWITCHING_PROTOCOLS {
        let application = hyper::upgrade::on(&mut response);
        spawn(splice_upgrades(client, application)).detach();
    }
    response.map(http::incoming)
}

#[cfg(test)]
mod tests {
    use std::{
        io::{BufRead, BufReader, Write},
        net::TcpListener,
        sync::mpsc,
        thread,
    };

    use super::*;
    use crate::runtime::{block_on, http::collect};

    /// Serves one connection at a time, to its end, `each` requests over each; tells the number of the connection.
    fn serve(each: usize) -> (Arc<Application>, mpsc::Receiver<(usize, String)>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let upstream = Upstream::parse(&listener.local_addr().unwrap().to_string()).unwrap();
        let (sender, receiver) = mpsc::channel();
        thread::spawn(move || {
            for (number, stream) in listener.incoming().map_while(Result::ok).enumerate() {
                let mut lines = BufReader::new(&stream).lines().map_while(Result::ok);
                for _ in 0..each {
                    let Some(first) = lines.next() else { break };
                    lines.by_ref().take_while(|line| !line.is_empty()).for_each(drop);
                    if sender.send((number, first)).is_err() {
                        return;
                    }
                    let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
                    if (&stream).write_all(answer).is_err() {
                        break;
                    }
                }
            }
        });
        (Arc::new(Application::new(upstream)), receiver)
    }

    fn request(method: Method) -> Request {
        let mut request = Request::new(http::empty());
        *request.method_mut() = method;
        request.headers_mut().insert("host", HeaderValue::from_static("a"));
        request
    }

    /// Asks and reads the answer, until its connection is given back.
    async fn ask(application: &Arc<Application>, method: Method) {
        let response = application.clone().handle(request(method)).await;
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(collect(response.into_body(), 10, SPARE_TIME).await.unwrap(), b"ok");
        while application.connections().busy > 0 {
            clock::sleep(Duration::from_millis(1)).await;
        }
    }

    #[test]
    fn requests_follow_each_other_over_one_connection() {
        let (application, seen) = serve(usize::MAX);
        block_on(async {
            for _ in 0..3 {
                ask(&application, Method::GET).await;
            }
        });
        assert!(seen.iter().take(3).all(|(connection, _)| connection == 0));
    }

    #[test]
    fn a_closed_connection_is_replaced() {
        let (application, seen) = serve(1);
        block_on(async {
            for _ in 0..3 {
                ask(&application, Method::GET).await;
            }
        });
        assert!(seen.iter().take(3).map(|(connection, _)| connection).eq(0..3));
    }

    #[test]
    fn what_cannot_be_repeated_waits_for_no_other_connection() {
        let (application, seen) = serve(usize::MAX);
        block_on(async {
            ask(&application, Method::GET).await;
            ask(&application, Method::POST).await; // and the first connection ends, or it would wait for ever
        });
        let second = seen.iter().nth(1).unwrap();
        assert_eq!(second, (1, "POST / HTTP/1.1".to_owned()));
    }

    #[test]
    fn requests_at_once_do_not_stand_in_each_others_way() {
        let (application, seen) = serve(usize::MAX);
        block_on(async {
            let other = application.clone();
            let other = spawn(async move { ask(&other, Method::GET).await });
            ask(&application, Method::GET).await;
            other.await;
        });
        assert!(seen.iter().take(2).map(|(connection, _)| connection).eq(0..2));
    }
}
