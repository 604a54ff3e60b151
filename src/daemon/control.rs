//! The control interface: what programs on this machine may ask of the daemon.
//!
//! It is HTTP with JSON, the same on the control socket of the home (whoever may open it is trusted) and
//! at `http://p2p.localhost:5050/api/` (where a token from the home is asked for, since any web page can
//! send requests there).

mod client;
mod json;
mod socket;

use std::{
    fmt,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::{Arc, Weak},
    time::Duration,
};

use hyper::{
    Method, StatusCode,
    header::{ALLOW, AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue},
};
use nanoserde::{DeJson, SerJson};
use ring::digest::{SHA256, digest};

pub use client::{ControlClient, ControlError};
pub(in crate::daemon) use socket::{ControlSocket, token};

use super::{AccessWish, Daemon, Offer, StartError};
use crate::identity::{Destination, Name, ServicePort};
use crate::runtime::http::{self, BoxFuture, Handler, Request, Response};
use crate::service::{Access, Lease, Upstream};
use crate::trust::AccessList;

/// The body of `PUT /api/services/PORT`.
#[derive(Debug, Clone, Default, SerJson, DeJson)]
pub struct PutService {
    /// An application's address.
    pub url: Option<String>,
    /// Or a folder's path.
    pub folder: Option<String>,
    /// Who may use it, with commas between: `public`, `contacts`, names, `*@DOMAIN`, `authority:NAME`. If left
    /// out, whom `p2p allow` named last for the port, else everybody.
    pub allow: Option<String>,
    /// Whether pages of other sites may send unsafe requests in a visitor's name; false if left out.
    pub cross_site: Option<bool>,
    /// Whether what `p2p allow` has said of the port since counts more than `allow`: for who registers again
    /// what was there already. False if left out.
    pub again: Option<bool>,
    /// Seconds until it is gone unless renewed; for ever if left out.
    pub ttl: Option<u64>,
    /// The registration that this renews.
    pub lease: Option<u64>,
    /// Whether another service at this port may be replaced; true if left out.
    pub replace: Option<bool>,
}

/// The answer to a registration.
#[derive(Debug, Clone, SerJson, DeJson)]
pub struct Registered {
    /// To be given when it is renewed.
    pub lease: u64,
    /// What serves.
    pub target: String,
    /// Under which name.
    pub name: String,
    /// Whether the name was made just for this.
    pub fresh_name: bool,
    /// Who may use it.
    pub allow: String,
}

/// The body of `PUT /api/proxy`, and of its answer.
#[derive(Debug, Clone, Default, SerJson, DeJson)]
pub struct PutProxy {
    /// Addresses to listen at; in the answer, those where it is open.
    #[nserde(default)]
    pub listen: Vec<String>,
    /// Seconds until it may be closed unless renewed; for ever if left out.
    pub ttl: Option<u64>,
    /// The hold that this renews; in the answer, the one that was taken.
    pub hold: Option<u64>,
}

/// The body of every error.
#[derive(Debug, Clone, SerJson, DeJson)]
pub struct Problem {
    /// One line: what, to what, why.
    pub error: String,
}

/// Bodies of requests are small.
const MAX_BODY: usize = 16 * 1024;

/// Answers the control interface for whoever reached it; see [`TokenGate`] for those who must show a token.
#[derive(Debug)]
pub(super) struct Control {
    daemon: Weak<Daemon>,
}

/// An answer that is not 200, with the reason.
struct Refused(StatusCode, String);

type Answer = Result<(StatusCode, String), Refused>;

impl Control {
    /// The interface of a daemon; it does not keep the daemon alive.
    pub(super) fn new(daemon: &Arc<Daemon>) -> Control {
        Control { daemon: Arc::downgrade(daemon) }
    }

    async fn answer(&self, request: Request) -> Answer {
        let daemon = self
            .daemon
            .upgrade()
            .ok_or_else(|| Refused(StatusCode::SERVICE_UNAVAILABLE, "shutting down".into()))?;
        let (head, body) = request.into_parts();
        let path = head.uri.path().strip_prefix("/api/").unwrap_or_default().to_owned();
        let segments: Vec<&str> = path.split('/').collect();
        match (segments.as_slice(), &head.method) {
            (["status"], &Method::GET) => ok(&daemon.status()),
            (["services"], &Method::GET) => ok(&daemon.service_statuses()),
            (["publish"], &Method::POST) => match daemon.publish_again().await {
                Some(overlays) => ok(&overlays),
                None => Err(Refused(StatusCode::CONFLICT, "nothing is served".into())),
            },
            (["books"], &Method::POST) => {
                daemon.read_books();
                Ok((StatusCode::NO_CONTENT, String::new()))
            }
            (["dashboard"], &Method::POST) => match daemon.dashboard_address() {
                Some(address) => ok(&address),
                None => {
                    Err(Refused(StatusCode::CONFLICT, "no browser has a way to this daemon".into()))
                }
            },
            (["contacts"], &Method::GET) => ok(&daemon.contact_statuses()),
            (["services", port], &Method::PUT) => {
                let port = service_port(port)?;
                let wish = read(body).await?;
                let answer = put_service(&daemon, port, wish)?;
                if answer.0 == StatusCode::CREATED {
                    daemon.published().await; // whoever is told may tell friends at once
                }
                Ok(answer)
            }
            (["services", port], &Method::PATCH) => {
                let port = service_port(port)?;
                patch_service(&daemon, port, &read(body).await?)
            }
            (["services", port], &Method::DELETE) => {
                let port = service_port(port)?;
                delete_service(&daemon, port, head.uri.query().unwrap_or_default())
            }
            (["why", name, port], &Method::GET) => {
                let port = service_port(port)?;
                let name = Name::parse(name).map_err(|error| {
                    Refused(StatusCode::BAD_REQUEST, format!("{name:?} is not a name: {error}"))
                })?;
                ok(&daemon.why(&Destination { name, port }).await)
            }
            (["proxy"], &Method::PUT) => {
                let wish: PutProxy = read(body).await?;
                put_proxy(&daemon, &wish)
            }
            (["proxy", hold], &Method::DELETE) => {
                let released = hold.parse().is_ok_and(|hold| daemon.release_proxy(hold));
                done_if(released, || format!("there is no hold {hold}"))
            }
            (["status" | "services" | "contacts"], _) => Err(not_allowed("GET")),
            (["books" | "publish" | "dashboard"], _) => Err(not_allowed("POST")),
            (["why", _, _], _) => Err(not_allowed("GET")),
            (["services", _], _) => Err(not_allowed("PUT, PATCH, DELETE")),
            (["proxy"], _) => Err(not_allowed("PUT")),
            (["proxy", _], _) => Err(not_allowed("DELETE")),
            _ => Err(Refused(StatusCode::NOT_FOUND, format!("there is no /api/{path}"))),
        }
    }
}

impl Handler for Control {
    fn handle(self: Arc<Self>, request: Request) -> BoxFuture<Response> {
        Box::pin(async move {
            match self.answer(request).await {
                Ok((status, body)) => json(status, body),
                Err(refused) => problem(refused),
            }
        })
    }
}

fn ok(value: &impl SerJson) -> Answer {
    Ok((StatusCode::OK, value.serialize_json()))
}

fn not_allowed(methods: &str) -> Refused {
    Refused(StatusCode::METHOD_NOT_ALLOWED, methods.to_owned())
}

fn service_port(text: &str) -> Result<ServicePort, Refused> {
    ServicePort::parse(text).ok_or_else(|| {
        Refused(StatusCode::BAD_REQUEST, format!("{text:?} is not a port from 1 to 65535"))
    })
}

async fn read<T: DeJson>(body: http::Body) -> Result<T, Refused> {
    let bad = |problem: String| Refused(StatusCode::BAD_REQUEST, problem);
    let body = http::collect(body, MAX_BODY).await;
    let body = body.ok_or_else(|| bad("the body is too long or broken".into()))?;
    let text = std::str::from_utf8(&body).map_err(|_| bad("the body is not UTF-8".into()))?;
    json::read(text).map_err(|problem| bad(format!("the body is not the JSON expected: {problem}")))
}

fn put_service(daemon: &Arc<Daemon>, port: ServicePort, wish: PutService) -> Answer {
    let bad = |problem: String| Refused(StatusCode::BAD_REQUEST, problem);
    let ttl = wish.ttl.map(|ttl| Duration::from_secs(ttl.clamp(1, MAX_TTL)));
    let access = access_wish(&wish)?;
    if let (Some(lease), Some(ttl)) = (wish.lease, ttl) {
        let renewed = daemon.renew(Lease::new(port, lease), ttl);
        return done_if(renewed, || format!("port {port} is no longer yours"));
    }
    let offer = match (wish.url, wish.folder) {
        (Some(url), None) => {
            let upstream =
                Upstream::parse(&url).map_err(|error| bad(format!("{url:?}: {error}")))?;
            Offer::Application(upstream)
        }
        // the daemon's own directory says nothing to whoever asks
        (None, Some(folder)) if !Path::new(&folder).is_absolute() => {
            return Err(bad(format!("folder: {folder:?} is not an absolute path")));
        }
        (None, Some(folder)) => Offer::Folder(PathBuf::from(folder)),
        _ => return Err(bad("give either url or folder".into())),
    };
    let registered = daemon
        .register(port, offer, ttl, wish.replace.unwrap_or(true), access)
        .map_err(|error| Refused(status_of(&error), error.to_string()))?;
    Ok((StatusCode::CREATED, registered.serialize_json()))
}

/// Whose fault it is that something is not served: the wish's, or that of what is there.
fn status_of(error: &StartError) -> StatusCode {
    match error {
        StartError::Folder(_) => StatusCode::BAD_REQUEST,
        StartError::Service(_) => StatusCode::CONFLICT,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// Changes whom a service is for.
fn patch_service(daemon: &Arc<Daemon>, port: ServicePort, wish: &PutService) -> Answer {
    match daemon.set_access(port, access(wish)?) {
        Ok(found) => done_if(found, || format!("nothing is served at port {port}")),
        Err(error) => Err(Refused(StatusCode::CONFLICT, error.to_string())),
    }
}

/// Ends a service: whichever has the port, or the one of a lease only.
fn delete_service(daemon: &Daemon, port: ServicePort, query: &str) -> Answer {
    let withdrawn = match query.strip_prefix("lease=") {
        Some(lease) => {
            let lease = lease.parse().ok().map(|number| Lease::new(port, number));
            lease.is_some_and(|lease| daemon.withdraw_lease(lease))
        }
        None => daemon.withdraw(port),
    };
    done_if(withdrawn, || format!("nothing is served at port {port}"))
}

/// What is said where something was there to be changed, or what was missing.
fn done_if(found: bool, missing: impl FnOnce() -> String) -> Answer {
    match found {
        true => Ok((StatusCode::NO_CONTENT, String::new())),
        false => Err(Refused(StatusCode::NOT_FOUND, missing())),
    }
}

/// What a wish says of whom to let in.
fn access_wish(wish: &PutService) -> Result<AccessWish, Refused> {
    let says = wish.allow.is_some() || wish.cross_site.is_some();
    let access = access(wish)?;
    let again = wish.again.unwrap_or(false);
    Ok(if says && !again { AccessWish::Said(access) } else { AccessWish::Kept(access) })
}

/// Whom a wish lets in: everybody unless it says otherwise.
fn access(wish: &PutService) -> Result<Access, Refused> {
    let list = match &wish.allow {
        None => AccessList::public(),
        Some(allow) => AccessList::parse(allow)
            .map_err(|error| Refused(StatusCode::BAD_REQUEST, format!("allow: {error}")))?,
    };
    Ok(Access { list, cross_site: wish.cross_site.unwrap_or(false) })
}

/// A registration that is not renewed for longer than a week was forgotten.
const MAX_TTL: u64 = 7 * 24 * 3600;

fn put_proxy(daemon: &Arc<Daemon>, wish: &PutProxy) -> Answer {
    let bad = |text: &String| Refused(StatusCode::BAD_REQUEST, format!("{text:?} is no address"));
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
        .map_err(|error| Refused(StatusCode::CONFLICT, error.to_string()))?;
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

/// No page may read, frame or keep what the interface says.
const HEADERS: [(HeaderName, &str); 3] = [
    (CONTENT_TYPE, "application/json"),
    (CACHE_CONTROL, "no-store"),
    (hyper::header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
];

fn problem(Refused(status, reason): Refused) -> Response {
    let methods = (status == StatusCode::METHOD_NOT_ALLOWED).then(|| reason.clone());
    let error = if methods.is_some() { "this method does nothing here".into() } else { reason };
    let mut response = json(status, Problem { error }.serialize_json());
    if let Some(methods) = methods.and_then(|methods| HeaderValue::from_str(&methods).ok()) {
        response.headers_mut().insert(ALLOW, methods);
    }
    response
}

/// Lets those through who show the token of the home.
pub(super) struct TokenGate {
    /// SHA-256 of the token: comparing hashes tells nothing about the token by the time it takes.
    hash: [u8; 32],
    control: Arc<Control>,
}

impl TokenGate {
    /// Asks for `token` before `control`.
    pub(super) fn new(token: &str, control: Arc<Control>) -> TokenGate {
        TokenGate { hash: sha256(token), control }
    }
}

fn sha256(text: &str) -> [u8; 32] {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest(&SHA256, text.as_bytes()).as_ref());
    hash
}

impl Handler for TokenGate {
    fn handle(self: Arc<Self>, request: Request) -> BoxFuture<Response> {
        let shown = request.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        let token = shown.and_then(|value| value.strip_prefix("Bearer ")).unwrap_or_default();
        if sha256(token) == self.hash {
            return self.control.clone().handle(request);
        }
        let reason = "send the token of this home: Authorization: Bearer TOKEN".into();
        let mut response = problem(Refused(StatusCode::UNAUTHORIZED, reason));
        let scheme = HeaderValue::from_static("Bearer realm=\"p2p\"");
        response.headers_mut().insert(hyper::header::WWW_AUTHENTICATE, scheme);
        Box::pin(async { response })
    }
}

impl fmt::Debug for TokenGate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenGate")
    }
}
