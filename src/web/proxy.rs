//! The asking end: answers a person's own programs, in whichever access form they ask.
//!
//! Every request passes the same stations: what is it for (`target.rs`), may it (`gate.rs`), a stream to the
//! peer, the request over it, the response back. Nothing is held back and nothing is collected: bodies flow
//! with the back-pressure of both ends.
//!
//! Responses with 1xx other than 100 and 101 end here, since hyper's server cannot send them; a client
//! that speaks HTTP/1.0 learns of a broken body only where it has a length.

use std::{mem, sync::Arc};

use http_body_util::BodyExt;
use hyper::{
    HeaderMap, Method, StatusCode, Uri, Version,
    header::{ALLOW, EXPECT, HOST, HeaderValue, LOCATION},
    http::uri::{Parts, PathAndQuery},
    upgrade,
};

use crate::identity::{AccessForm, Destination};
use crate::runtime::http::{self, BoxFuture, Handler, Request, Response};
use crate::runtime::{spawn, splice_upgrades};

use super::error_page::{Media, error_page_about};
use super::exchange::Exchange;
use super::failure::Failure;
use super::finish::{Again, FinishedBody};
use super::forwarded::{self, Form};
use super::hop::{self, Station, Token};
use super::peers::Peers;
use super::response_body::ResponseBody;
use super::settings::Settings;
use super::slots::Slots;
use super::target::{self, Access, Target};
use super::{cookie, gate, location, meeting, pac, policy, welcome};

/// The daemon's HTTP proxy and local origins; a [`Handler`] for its TCP listener.
pub struct Proxy {
    peers: Arc<dyn Peers>,
    api: Option<Arc<dyn Handler>>,
    settings: Settings,
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
        Arc::new(Proxy { peers, api, settings, requests, tunnels })
    }
}

impl Handler for Proxy {
    fn handle(self: Arc<Self>, request: Request) -> BoxFuture<Response> {
        Box::pin(async move {
            let media = Media::wanted(request.headers());
            let answer = self.clone().answer(request).await;
            answer.unwrap_or_else(|failure| self.tell(&failure, media))
        })
    }
}

impl Proxy {
    /// Tells a failure, and why the peer's key was believed if it came so far.
    fn tell(&self, failure: &Failure, media: Media) -> Response {
        let ground = failure.believed().and_then(|name| self.peers.ground(name));
        error_page_about(failure, ground.as_deref(), media)
    }

    async fn answer(self: Arc<Self>, request: Request) -> Result<Response, Failure> {
        let (method, uri, headers) = (request.method(), request.uri(), request.headers());
        let known = |label: &str| self.peers.destination_of_label(label);
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
        let site = gate::check(request.headers(), &access)?;
        if let Some(to) = better_address(&request, &access) {
            self.peers.remember_label(&access.destination);
            return redirect(&to);
        }
        let slot = self.requests.take()?;
        let navigates = gate::is_navigation(request.method(), request.headers());
        let destination = &access.destination;
        let token = self.settings.pseudonym.token(Station::Proxy, destination);
        let expects = expects_continue(request.headers())?;
        if token.is_in(request.headers()) {
            return Err(Failure::Loop { destination: destination.clone() });
        }
        let switches = turn_to_service(&mut request, &access, &token)?;
        site.tell(request.headers_mut());
        if matches!(*request.method(), Method::OPTIONS | Method::TRACE)
            && hop::is_last(request.headers_mut())?
        {
            return Ok(allowed());
        }
        let client = switches.then(|| upgrade::on(&mut request));
        let exchange = Exchange { peers: &*self.peers, settings: &self.settings, destination };
        let again = Again::new(&self.peers, &self.settings, destination, &request);
        let mut response = match exchange.run(request, expects).await {
            // whoever sits at a browser can be asked
            Err(Failure::FirstMeeting { page, .. }) if navigates => {
                let (port, path) = (self.settings.port, access.path.as_str());
                return redirect(&meeting::address(port, &page, destination, path));
            }
            result => result?,
        };
        let service = upgrade::on(&mut response);
        let switched = response.status() == StatusCode::SWITCHING_PROTOCOLS;
        let mut response = FinishedBody::new(response, again);
        turn_to_client(&mut response, &access, &token)?;
        match client {
            _ if !switched => {
                let limit = self.settings.response_idle;
                Ok(response.map(|body| ResponseBody::new(body, limit, slot).boxed_unsync()))
            }
            Some(client) => {
                spawn(async move {
                    let _slot = slot;
                    splice_upgrades(client, service).await;
                })
                .detach();
                Ok(response.map(|_| http::empty()))
            }
            None => Err(Failure::ResponseMalformed { destination: destination.clone() }),
        }
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
                let _ = http::serve_connection(Box::new(io), limits, inside).await;
            }
        })
        .detach();
        Ok(Response::new(http::empty()))
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
            answer.unwrap_or_else(|failure| self.proxy.tell(&failure, media))
        })
    }
}

/// Makes a client's request one that the service understands; true when it asks to switch protocols.
fn turn_to_service(request: &mut Request, access: &Access, token: &Token) -> Result<bool, Failure> {
    let version = mem::replace(request.version_mut(), Version::HTTP_11);
    let headers = request.headers_mut();
    let kept = hop::strip(headers)?;
    let switches = kept.upgrade.is_some();
    kept.restore(headers);
    forwarded::remove_all(headers);
    if let Some(form) = Form::of(access) {
        form.tell(headers, &access.destination);
    }
    cookie::apply_to_request(headers, access.form);
    policy::apply_to_request(headers);
    token.append_to(headers, version);
    *request.uri_mut() = origin_form(access.path.clone())?;
    Ok(switches)
}

/// Makes a service's response one that this client understands and that does it no harm.
fn turn_to_client(
    response: &mut hyper::Response<FinishedBody>,
    access: &Access,
    token: &Token,
) -> Result<(), Failure> {
    let switched = response.status() == StatusCode::SWITCHING_PROTOCOLS;
    let version = mem::replace(response.version_mut(), Version::HTTP_11);
    let headers = response.headers_mut();
    let kept = hop::strip(headers)
        .map_err(|_| Failure::ResponseMalformed { destination: access.destination.clone() })?;
    if switched {
        kept.restore_switch(headers);
    }
    policy::apply(headers, access.form);
    cookie::apply(headers, access.form);
    location::rewrite(headers, access);
    token.append_to(headers, version);
    Ok(())
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

/// Host and port as the client sees the daemon, in lower case.
fn authority(uri: &Uri, headers: &HeaderMap) -> String {
    let host = || headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    uri.authority().map_or_else(host, |authority| authority.as_str()).to_ascii_lowercase()
}

fn port_of(authority: &str) -> u16 {
    authority.rsplit_once(':').and_then(|(_, port)| port.parse().ok()).unwrap_or(80)
}
