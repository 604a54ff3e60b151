//! The asking end: answers a person's own programs, in whichever access form they ask.
//!
//! Every request passes the same stations: what is it for (`target.rs`), may it (`gate.rs`), a stream to the peer, the request over it, the response back. Nothing is
//! held back and nothing is collected: bodies flow with the back-pressure of both ends.
//!
//! Responses with 1xx other than 100 and 101 end here, since hyper's server cannot send them; a client
//! that speaks HTTP/1.0 learns of a broken body only where it has a length.

use std::{error::Error, io, mem, sync::Arc, time::Duration};

use futures_lite::future;
use http_body_util::BodyExt;
use hyper::{
    HeaderMap, Method, StatusCode, Uri, Version,
    body::{Body as _, Incoming},
    ext::on_informational,
    header::{ALLOW, EXPECT, HOST, HeaderValue, LOCATION},
    http::uri::{Parts, PathAndQuery},
    upgrade::{self, OnUpgrade},
};

use crate::identity::AccessForm;
use crate::identity::Destination;
use crate::runtime::clock;
use crate::runtime::http;
use crate::runtime::http::BoxFuture;
use crate::runtime::http::Handler;
use crate::runtime::http::Limits;
use crate::runtime::http::Request;
use crate::runtime::http::Response;
use crate::runtime::spawn;

use super::error_page::{Media, error_page};
use super::failure::Failure;
use super::forwarded::{self, Form};
use super::hop::{self, Pseudonym, Station};
use super::labels::Labels;
use super::pace::{Pace, RequestBody, ResponseBody};
use super::peers::Peers;
use super::slots::{Slot, Slots};
use super::target::{self, Access, Target};
use super::{cookie, gate, location, pac, policy, tunnel, welcome};

/// What a proxy is told.
#[derive(Clone)]
pub struct Settings {
    /// The TCP port at which clients reach the proxy.
    pub port: u16,
    /// What stands for this daemon in `Via`.
    pub pseudonym: Pseudonym,
    /// Limits of the connections inside of tunnels.
    pub limits: Limits,
    /// Time in which a response must begin, counted from when the request last moved.
    pub response: Duration,
    /// How long a client that waits for 100 (Continue) is kept waiting for a service that never sends
    /// it.
    pub expect: Duration,
    /// Time in which a client must send more of its request's body.
    pub request_idle: Duration,
    /// Time in which a service must send more of its response's body.
    pub response_idle: Duration,
    /// Requests, and tunnels, at a time.
    pub concurrent: usize,
}

impl Settings {
    /// The usual limits.
    pub fn new(port: u16, pseudonym: Pseudonym) -> Settings {
        Settings {
            port,
            pseudonym,
            limits: Limits::default(),
            response: Duration::from_secs(60),
            expect: Duration::from_secs(1),
            request_idle: Duration::from_secs(60),
            response_idle: Duration::from_secs(600),
            concurrent: 512,
        }
    }
}

/// The daemon's HTTP proxy and local origins; a [`Handler`] for its TCP listener.
pub struct Proxy {
    peers: Arc<dyn Peers>,
    api: Option<Arc<dyn Handler>>,
    settings: Settings,
    labels: Labels,
    requests: Slots,
    tunnels: Slots,
}

impl Proxy {
    /// A proxy to `peers`; `api` answers for the daemon's own origin, `p2p.localhost`.
    pub fn new(
        peers: Arc<dyn Peers>,
        api: Option<Arc<dyn Handler>>,
        settings: Settings,
    ) -> Arc<Proxy> {
        let (requests, tunnels) =
            (Slots::new(settings.concurrent), Slots::new(settings.concurrent));
        Arc::new(Proxy { peers, api, settings, labels: Labels::default(), requests, tunnels })
    }
}

impl Handler for Proxy {
    fn handle(self: Arc<Self>, request: Request) -> BoxFuture<Response> {
        Box::pin(async move {
            let media = Media::wanted(request.headers());
            self.answer(request).await.unwrap_or_else(|failure| error_page(&failure, media))
        })
    }
}

impl Proxy {
    async fn answer(self: Arc<Self>, request: Request) -> Result<Response, Failure> {
        let (method, uri, headers) = (request.method(), request.uri(), request.headers());
        let known = |label: &str| {
            self.labels.destination(label).or_else(|| self.peers.destination_of_label(label))
        };
        let target = target::classify(method, uri, headers, self.settings.port, &known)?;
        match target {
            Target::Peer(access) => self.forward(request, access).await,
            Target::Tunnel(destination) => self.tunnel(request, destination),
            Target::Api => {
                gate::check_api(method, headers, &authority(uri, headers))?;
                let api = self.api.clone().ok_or(Failure::NothingHere)?;
                Ok(api.handle(request).await)
            }
            Target::Pac => Ok(pac::proxy_pac(port_of(&authority(uri, headers)))),
            Target::Welcome | Target::Nothing => {
                let authority = authority(uri, headers);
                let reads = matches!(*method, Method::GET | Method::HEAD);
                match location::rescue(uri, headers, &authority) {
                    Some(to) if reads => redirect(&to),
                    _ if target == Target::Welcome && reads => Ok(welcome::welcome(&authority)),
                    _ => Err(Failure::NothingHere),
                }
            }
            Target::Daemon => Ok(allowed()),
        }
    }

    /// Sends a request to a peer's service and gives its response.
    async fn forward(&self, mut request: Request, access: Access) -> Result<Response, Failure> {
        gate::check(request.method(), request.headers(), &access)?;
        if let Some(to) = better_address(&request, &access) {
            self.labels.remember(&access.destination);
            return redirect(&to);
        }
        let slot = self.requests.take()?;
        let destination = &access.destination;
        let token = self.settings.pseudonym.token(Station::Proxy, destination);
        let version = request.version();
        let headers = request.headers_mut();
        if token.is_in(headers) {
            return Err(Failure::Loop { destination: destination.clone() });
        }
        let expects = expects_continue(headers)?;
        let kept = hop::strip(headers)?;
        let switch = kept.upgrade.is_some();
        kept.restore(headers);
        forwarded::remove_all(headers);
        if let Some(form) = Form::of(&access) {
            form.write(headers, destination);
        }
        cookie::apply_to_request(headers, access.form);
        policy::apply_to_request(headers);
        token.append_to(headers, version);
        if matches!(*request.method(), Method::OPTIONS | Method::TRACE)
            && hop::is_last(request.headers_mut())?
        {
            return Ok(allowed());
        }
        let client = switch.then(|| upgrade::on(&mut request));
        *request.uri_mut() = origin_form(access.path.clone())?;
        *request.version_mut() = Version::HTTP_11;

        let mut response = self.exchange(request, destination, expects).await?;
        let service = client.is_some().then(|| upgrade::on(&mut response));
        let switched = response.status() == StatusCode::SWITCHING_PROTOCOLS;
        let version = mem::replace(response.version_mut(), Version::HTTP_11);
        let headers = response.headers_mut();
        let kept = hop::strip(headers)
            .map_err(|_| Failure::ResponseMalformed { destination: destination.clone() })?;
        policy::apply(headers, access.form);
        cookie::apply(headers, access.form);
        location::rewrite(headers, &access);
        token.append_to(headers, version);
        if !switched {
            let limit = self.settings.response_idle;
            return Ok(response.map(|body| ResponseBody::new(body, limit, slot).boxed_unsync()));
        }
        let (Some(client), Some(service)) = (client, service) else {
            return Err(Failure::ResponseMalformed { destination: destination.clone() });
        };
        kept.restore_switch(headers);
        spawn(join(client, service, slot)).detach();
        Ok(response.map(|_| http::empty()))
    }

    /// One request and the head of its response. A request that changes nothing and has no body is
    /// sent once more when the link turned out to be dead.
    async fn exchange(
        &self,
        request: Request,
        destination: &Destination,
        expects: bool,
    ) -> Result<hyper::Response<Incoming>, Failure> {
        let repeatable = request.body().is_end_stream()
            && matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
        let spare = repeatable.then(|| copy_of_head(&request));
        match (self.attempt(request, destination, expects).await, spare) {
            (Err(Attempt::Dead(_)), Some(again)) => {
                self.attempt(again, destination, false).await.map_err(Attempt::into_failure)
            }
            (result, _) => result.map_err(Attempt::into_failure),
        }
    }

    async fn attempt(
        &self,
        request: Request,
        destination: &Destination,
        expects: bool,
    ) -> Result<hyper::Response<Incoming>, Attempt> {
        let io = self.peers.open(destination).await.map_err(Attempt::Failed)?;
        let pace = Pace::new();
        let Settings { request_idle, expect, .. } = self.settings;
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
        let answer = async { Ok(http::request_over(io, request).await) };
        let result = future::or(answer, self.lateness(&pace, destination)).await;
        result.map_err(Attempt::Failed)?.map_err(|error| self.explain(&error, &pace, destination))
    }

    /// Ends when the response is overdue.
    async fn lateness<T>(&self, pace: &Pace, destination: &Destination) -> Result<T, Failure> {
        let after = self.settings.response;
        loop {
            let due = pace.moved() + after;
            if clock::now() >= due {
                return Err(Failure::ResponseTimedOut { destination: destination.clone(), after });
            }
            clock::sleep_until(Some(due)).await;
        }
    }

    /// What it means that no response came.
    fn explain(&self, error: &hyper::Error, pace: &Pace, destination: &Destination) -> Attempt {
        let destination = destination.clone();
        if let Some(failure) = self.peers.diagnose(&destination, error) {
            return Attempt::Failed(failure);
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

    /// Answers CONNECT: inside of the tunnel, the client speaks HTTP to one service.
    fn tunnel(
        self: Arc<Self>,
        mut request: Request,
        destination: Destination,
    ) -> Result<Response, Failure> {
        let slot = self.tunnels.take()?;
        let client = upgrade::on(&mut request);
        spawn(async move {
            let _slot = slot;
            let limits = self.settings.limits;
            if let Ok(io) = client.await {
                let inside = Arc::new(Inside { proxy: self, destination });
                let _ = http::serve_connection(io, limits, inside).await;
            }
        })
        .detach();
        Ok(Response::new(http::empty()))
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

/// The inside of a tunnel: the same gate and rules as for every other request.
struct Inside {
    proxy: Arc<Proxy>,
    destination: Destination,
}

impl Handler for Inside {
    fn handle(self: Arc<Self>, request: Request) -> BoxFuture<Response> {
        Box::pin(async move {
            let media = Media::wanted(request.headers());
            let access =
                target::classify_inside(&self.destination, request.uri(), request.headers());
            let answer = match access {
                Ok(access) => self.proxy.forward(request, access).await,
                Err(failure) => Err(failure),
            };
            answer.unwrap_or_else(|failure| error_page(&failure, media))
        })
    }
}

/// Joins two connections that have both switched to another protocol.
async fn join(client: OnUpgrade, service: OnUpgrade, slot: Slot) {
    let _slot = slot;
    if let (Ok(client), Ok(service)) = (client.await, service.await) {
        let _ = tunnel::splice(client, service).await;
    }
}

/// Where a request in the path form should go instead: a person to an origin of the service's own, and
/// everybody to the folder with its slash, without which relative links lead astray.
fn better_address(request: &Request, access: &Access) -> Option<String> {
    let Access { destination, form, authority, path } = access;
    if *form != AccessForm::Path {
        return None;
    }
    if gate::is_navigation(request.method(), request.headers()) {
        return Some(destination.url(AccessForm::OwnOrigin, authority, path.as_str()));
    }
    let reads = matches!(*request.method(), Method::GET | Method::HEAD);
    let bare = request.uri().path().matches('/').count() == 2;
    (reads && bare).then(|| format!("{}{path}", access.prefix()))
}

fn redirect(to: &str) -> Result<Response, Failure> {
    let location = HeaderValue::try_from(to).map_err(|_| Failure::Malformed {
        reason: "the path holds characters that it cannot".into(),
    })?;
    let mut response = Response::new(http::empty());
    *response.status_mut() = StatusCode::TEMPORARY_REDIRECT;
    response.headers_mut().insert(LOCATION, location);
    Ok(response)
}

/// The answer to OPTIONS that goes no further.
fn allowed() -> Response {
    let mut response = Response::new(http::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD, OPTIONS, CONNECT"));
    response
}

fn expects_continue(headers: &HeaderMap) -> Result<bool, Failure> {
    match headers.get(EXPECT) {
        None => Ok(false),
        Some(value) if value.as_bytes().eq_ignore_ascii_case(b"100-continue") => Ok(true),
        Some(_) => Err(Failure::ExpectationUnknown),
    }
}

fn origin_form(path: PathAndQuery) -> Result<Uri, Failure> {
    let mut parts = Parts::default();
    parts.path_and_query = Some(path);
    Uri::from_parts(parts).map_err(|error| Failure::Defect { detail: error.to_string() })
}

/// The same request again; it has no body.
fn copy_of_head(request: &Request) -> Request {
    let mut copy = Request::new(http::empty());
    *copy.method_mut() = request.method().clone();
    *copy.uri_mut() = request.uri().clone();
    *copy.headers_mut() = request.headers().clone();
    copy
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

/// Host and port as the client sees the daemon, in lower case.
fn authority(uri: &Uri, headers: &HeaderMap) -> String {
    let host = || headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    uri.authority().map_or_else(host, |authority| authority.as_str()).to_ascii_lowercase()
}

fn port_of(authority: &str) -> u16 {
    authority.rsplit_once(':').and_then(|(_, port)| port.parse().ok()).unwrap_or(80)
}
