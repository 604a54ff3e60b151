//! The dashboard: what the daemon knows and does, on pages for the person whose it is. It is read-only, without
//! scripts, and nothing happens in the daemon while nobody looks.
//!
//! It stands on the daemon's own origin, `p2p.localhost`, where no peer's page ever comes from:
//!
//! ```text
//! p2p open ── POST /api/dashboard ──> ticket
//! browser ─── GET /enter/TICKET ────> cookie for /dashboard/PLACE/ alone, and the way there
//! browser ─── GET /dashboard/PLACE/ ─> the page
//! ```
//!
//! Who has no ticket gets the same page everywhere, which says how to get one; see [`door`].

mod door;
mod page;
mod view;

use std::sync::{Arc, Weak};

use hyper::{
    HeaderMap, Method, StatusCode,
    header::{ALLOW, COOKIE, HeaderName, HeaderValue, REFRESH, SET_COOKIE},
};
use nanoserde::{DeJson, SerJson};

use super::Daemon;
use crate::runtime::clock;
use crate::runtime::http::{self, BoxFuture, Handler, Request, Response};
use crate::web::{Failure, Media, error_page};
pub(super) use door::Door;
use view::View;

/// The answer of `POST /api/dashboard`.
#[derive(Debug, Clone, SerJson, DeJson)]
pub struct DashboardAddress {
    /// Opens the dashboard in one browser, once.
    pub url: String,
    /// For how many minutes.
    pub minutes: u64,
}

/// Answers browsers.
#[derive(Debug)]
pub(super) struct Dashboard {
    daemon: Weak<Daemon>,
}

const ENTER: &str = "/enter/";
const PLACE: &str = "/dashboard/";
const COOKIE_NAME: &str = "p2p-dashboard";
const SEC_PURPOSE: HeaderName = HeaderName::from_static("sec-purpose");

impl Dashboard {
    /// The dashboard of a daemon; it does not keep the daemon alive.
    pub(super) fn new(daemon: &Arc<Daemon>) -> Dashboard {
        Dashboard { daemon: Arc::downgrade(daemon) }
    }

    /// Whether a path on the daemon's own origin is a page here.
    pub(super) fn has(path: &str) -> bool {
        path == "/" || path.starts_with(ENTER) || path.starts_with(PLACE)
    }

    fn answer(&self, request: &Request) -> Result<Response, Failure> {
        let daemon = self.daemon.upgrade().ok_or(Failure::NothingHere)?;
        let path = request.uri().path();
        match *request.method() {
            Method::GET if path.starts_with(ENTER) => enter(&daemon, request),
            Method::GET | Method::HEAD => {
                let place = path.strip_prefix(PLACE).and_then(|path| path.strip_suffix('/'));
                let place = place.ok_or(Failure::DashboardLocked)?;
                let now = clock::now();
                if !secrets(request.headers()).any(|s| daemon.door.admits(place, s, now)) {
                    return Err(Failure::DashboardLocked);
                }
                Ok(page::page(&View::of(&daemon)))
            }
            _ => Ok(only_read()),
        }
    }
}

/// Lets a browser in that has a ticket. It goes on by itself from the page that it gets: a redirection would be
/// the doing of whichever page the link was on, and the cookie would not be sent.
fn enter(daemon: &Daemon, request: &Request) -> Result<Response, Failure> {
    let ticket = request.uri().path().strip_prefix(ENTER).unwrap_or_default();
    // a browser that only looks ahead would use the ticket up
    if request.headers().contains_key(SEC_PURPOSE) {
        return Err(Failure::DashboardLocked);
    }
    let session = daemon.door.enter(ticket, clock::now()).ok_or(Failure::DashboardLocked)?;
    let to = format!("{PLACE}{}/", session.place);
    let secret = session.secret;
    let cookie = format!("{COOKIE_NAME}={secret}; Path={to}; HttpOnly; SameSite=Strict");
    let mut response = page::welcome(&to);
    let headers = response.headers_mut();
    for (name, value) in [(SET_COOKIE, cookie), (REFRESH, format!("0; url={to}"))] {
        let defect = |_| Failure::Defect { detail: "a secret is not text".into() };
        headers.insert(name, HeaderValue::try_from(value).map_err(defect)?);
    }
    Ok(response)
}

/// The cookies that may be ours: another page may have put one beside it.
fn secrets(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    let lines = headers.get_all(COOKIE).iter().filter_map(|line| line.to_str().ok());
    let cookies = lines.flat_map(|line| line.split(';'));
    cookies.filter_map(|cookie| cookie.trim().strip_prefix(COOKIE_NAME)?.strip_prefix('='))
}

fn only_read() -> Response {
    let mut response = Response::new(http::empty());
    *response.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
    response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
    response
}

impl Handler for Dashboard {
    fn handle(self: Arc<Self>, request: Request) -> BoxFuture<Response> {
        Box::pin(async move {
            let media = Media::wanted(request.headers());
            self.answer(&request).unwrap_or_else(|failure| error_page(&failure, media))
        })
    }
}

impl Daemon {
    /// An address that opens the dashboard in one browser, once; None while no browser has a way in.
    pub(super) fn dashboard_address(&self) -> Option<DashboardAddress> {
        let port = self.entrance_port()?;
        let ticket = self.door.ticket(clock::now());
        let url = format!("http://p2p.localhost:{port}{ENTER}{ticket}");
        Some(DashboardAddress { url, minutes: door::TICKET_LIFETIME.as_secs() / 60 })
    }
}
