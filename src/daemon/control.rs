//! The control interface: what programs on this machine may ask of the daemon.
//!
//! It is HTTP with JSON, the same on the control socket of the home (whoever may open it is trusted) and
//! at `http://p2p.localhost:5050/api/` (where a token from the home is asked for, since any web page can
//! send requests there).

mod client;
mod json;
mod message;
mod services;
mod socket;
mod token;

use std::{
    net::SocketAddr,
    sync::{Arc, Weak},
    time::Duration,
};

use hyper::{
    Method, StatusCode,
    header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue, X_CONTENT_TYPE_OPTIONS},
};
use nanoserde::{DeJson, SerJson};

pub use client::{ControlClient, ControlError};
pub use message::{Problem, PutProxy, PutService, Registered};
pub(in crate::daemon) use socket::ControlSocket;
pub(in crate::daemon) use token::{TokenGate, token};

use super::Daemon;
use crate::identity::{Destination, Name, ServicePort};
use crate::runtime::http::{self, BoxFuture, Handler, Request, Response};

/// Bodies of requests are small.
const MAX_BODY: usize = 16 * 1024;
/// And there at once: who asks is on this machine.
const BODY_TIME: Duration = Duration::from_secs(10);
/// Seconds; a registration that is not renewed for longer than a week was forgotten.
const MAX_TTL: u64 = 7 * 24 * 3600;

/// Answers the control interface for whoever reached it; see [`TokenGate`] for those who must show a token.
#[derive(Debug)]
pub(super) struct Control {
    daemon: Weak<Daemon>,
}

/// Status and body of an answer.
type Answer = Result<(StatusCode, String), Refused>;

impl Control {
    /// The interface of a daemon; it does not keep the daemon alive.
    pub(super) fn new(daemon: &Arc<Daemon>) -> Control {
        Control { daemon: Arc::downgrade(daemon) }
    }

    async fn answer(&self, request: Request) -> Answer {
        let gone = || Refused::new(StatusCode::SERVICE_UNAVAILABLE, "shutting down");
        let daemon = self.daemon.upgrade().ok_or_else(gone)?;
        let (head, body) = request.into_parts();
        let path = head.uri.path().strip_prefix("/api/").unwrap_or_default();
        let segments: Vec<&str> = path.split('/').collect();
        match (segments.as_slice(), &head.method) {
            (["status"], &Method::GET) => ok(&daemon.status()),
            (["services"], &Method::GET) => ok(&daemon.service_statuses()),
            (["overlays"], &Method::GET) => ok(&daemon.examine_overlays().await),
            (["contacts"], &Method::GET) => ok(&daemon.contact_statuses()),
            (["why", name, port], &Method::GET) => why(&daemon, name, port).await,
            (["publish"], &Method::POST) => publish(&daemon).await,
            (["dashboard"], &Method::POST) => dashboard(&daemon),
            (["books"], &Method::POST) => {
                daemon.read_books();
                Ok((StatusCode::NO_CONTENT, String::new()))
            }
            (["services", port], _) => services::answer(&daemon, port, &head, body).await,
            (["proxy"], &Method::PUT) => put_proxy(&daemon, &read(body).await?),
            (["proxy", hold], &Method::DELETE) => {
                let released = hold.parse().is_ok_and(|hold| daemon.release_proxy(hold));
                done_if(released, || format!("there is no hold {hold}"))
            }
            (["status" | "services" | "overlays" | "contacts"] | ["why", _, _], _) => {
                Err(Refused::method("GET"))
            }
            (["books" | "publish" | "dashboard"], _) => Err(Refused::method("POST")),
            (["proxy"], _) => Err(Refused::method("PUT")),
            (["proxy", _], _) => Err(Refused::method("DELETE")),
            _ => Err(Refused::new(StatusCode::NOT_FOUND, format!("there is no /api/{path}"))),
        }
    }
}

impl Handler for Control {
    fn handle(self: Arc<Self>, request: Request) -> BoxFuture<Response> {
        Box::pin(async move {
            match self.answer(request).await {
                Ok((status, body)) => json(status, body),
                Err(refused) => refused.response(),
            }
        })
    }
}

/// An answer that is no success.
struct Refused {
    status: StatusCode,
    reason: String,
    /// The methods that there are, where another was used.
    allow: Option<&'static str>,
}

impl Refused {
    fn new(status: StatusCode, reason: impl Into<String>) -> Refused {
        Refused { status, reason: reason.into(), allow: None }
    }

    /// The request is wrong.
    fn bad(reason: impl Into<String>) -> Refused {
        Refused::new(StatusCode::BAD_REQUEST, reason)
    }

    /// There is something at the path, but for these methods only.
    fn method(allow: &'static str) -> Refused {
        let reason = "this method does nothing here";
        Refused { allow: Some(allow), ..Refused::new(StatusCode::METHOD_NOT_ALLOWED, reason) }
    }

    fn response(self) -> Response {
        let mut response = json(self.status, Problem { error: self.reason }.serialize_json());
        if let Some(methods) = self.allow {
            response.headers_mut().insert(ALLOW, HeaderValue::from_static(methods));
        }
        response
    }
}

fn ok(value: &impl SerJson) -> Answer {
    Ok((StatusCode::OK, value.serialize_json()))
}

fn service_port(text: &str) -> Result<ServicePort, Refused> {
    let bad = || Refused::bad(format!("{text:?} is not a port from 1 to 65535"));
    ServicePort::parse(text).ok_or_else(bad)
}

async fn read<T: DeJson>(body: http::Body) -> Result<T, Refused> {
    let body = http::collect(body, MAX_BODY, BODY_TIME).await;
    let body = body.ok_or_else(|| Refused::bad("the body is too long, too slow or broken"))?;
    let text = std::str::from_utf8(&body).map_err(|_| Refused::bad("the body is not UTF-8"))?;
    json::read(text)
        .map_err(|problem| Refused::bad(format!("the body is not the JSON expected: {problem}")))
}

/// Walks the way of a request to a service.
async fn why(daemon: &Arc<Daemon>, name: &str, port: &str) -> Answer {
    let port = service_port(port)?;
    let name = Name::parse(name)
        .map_err(|error| Refused::bad(format!("{name:?} is not a name: {error}")))?;
    ok(&daemon.why(&Destination { name, port }).await)
}

/// Publishes at once, and says what became of it.
async fn publish(daemon: &Arc<Daemon>) -> Answer {
    let overlays = daemon.publish_again().await;
    ok(&overlays.ok_or_else(|| Refused::new(StatusCode::CONFLICT, "nothing is served"))?)
}

/// Lets a browser in.
fn dashboard(daemon: &Daemon) -> Answer {
    let no_way = || Refused::new(StatusCode::CONFLICT, "no browser has a way to this daemon");
    ok(&daemon.dashboard_address().ok_or_else(no_way)?)
}

/// What is said where something was there to be changed, or what was missing.
fn done_if(found: bool, missing: impl FnOnce() -> String) -> Answer {
    match found {
        true => Ok((StatusCode::NO_CONTENT, String::new())),
        false => Err(Refused::new(StatusCode::NOT_FOUND, missing())),
    }
}

/// Opens the entrance, or keeps it open.
fn put_proxy(daemon: &Arc<Daemon>, wish: &PutProxy) -> Answer {
    let bad = |text: &String| Refused::bad(format!("{text:?} is no address"));
    let ttl = wish.ttl.map(|ttl| Duration::from_secs(ttl.clamp(1, MAX_TTL)));
    if let (Some(hold), Some(ttl)) = (wish.hold, ttl) {
        let renewed = daemon.renew_proxy(hold, ttl);
        return done_if(renewed, || format!("there is no hold {hold}"));
    }
    let addresses: Vec<SocketAddr> = wish
        .listen
        .iter()
        .map(|text| text.parse().map_err(|_| bad(text)))
        .collect::<Result<_, _>>()?;
    let (bound, hold) = daemon
        .open_proxy(&addresses, ttl)
        .map_err(|error| Refused::new(StatusCode::CONFLICT, error.to_string()))?;
    let listen = bound.iter().map(ToString::to_string).collect();
    let answer = PutProxy { listen, ttl: wish.ttl, hold: Some(hold) };
    Ok((StatusCode::OK, answer.serialize_json()))
}

fn json(status: StatusCode, body: String) -> Response {
    let mut response = Response::new(http::full(body));
    *response.status_mut() = status;
    for (name, value) in HEADERS {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

/// No page may take what the interface says for something else, and nobody keeps it.
const HEADERS: [(HeaderName, &str); 3] = [
    (CONTENT_TYPE, "application/json"),
    (CACHE_CONTROL, "no-store"),
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
];
