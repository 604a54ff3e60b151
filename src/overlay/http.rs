//! HTTP as overlays use it: requests that end within their deadline, answers of bounded length, no redirects, and one
//! meaning for each status.
//!
//! | part | holds |
//! |---|---|
//! | `answer` | what came of a request |
//! | `connector` | the way to a server: name, address, proxy, TLS |
//! | `pool` | connections that wait for the next request |
//! | `proxy` | what the environment says of proxies |
//! | `trickle` | a bound on all that a server sends at one request |

mod answer;
mod connector;
mod pool;
mod proxy;
#[cfg(test)]
pub(super) mod tests;
mod trickle;

use std::{
    fmt,
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use hyper::{
    Method, Uri,
    header::{
        ACCEPT, CONTENT_TYPE, HOST, HeaderName, HeaderValue, PROXY_AUTHORIZATION, USER_AGENT,
    },
    http::request,
};

pub(super) use answer::{Answer, refusal};

use super::{OverlayError, family::Family};
use crate::runtime::http::{self, BoxFuture, Sender};
use crate::runtime::{clock, lock};
use answer::translate;
use connector::{Connector, Route};
use pool::Pool;

/// A whole request: name resolution, connection, TLS, answer.
pub(super) const DEADLINE: Duration = Duration::from_secs(5);
/// The most that the head of an answer may take, and what waits to be read of its body.
const HEAD_SIZE: usize = 16 * 1024;
/// Who asks.
const AGENT: HeaderValue = HeaderValue::from_static(concat!("p2p/", env!("CARGO_PKG_VERSION")));

/// Which hosts are asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hosts {
    /// Any, by a proxy where the environment names one.
    Any,
    /// This machine, which no proxy can reach.
    Loopback,
    /// Those with public addresses: others chose the host, and must not make this machine ask its
    /// neighbours.
    Public,
}

impl Hosts {
    /// For a URL that this person configured.
    pub(super) fn own(is_loopback: bool) -> Hosts {
        if is_loopback { Hosts::Loopback } else { Hosts::Any }
    }
}

/// A client with its connections.
pub(super) struct HttpClient {
    connector: Arc<Connector>,
    pool: Mutex<Arc<Pool>>,
}

impl HttpClient {
    pub(super) fn new(hosts: Hosts) -> HttpClient {
        HttpClient::with(Connector::new(hosts))
    }

    /// A client that finds hosts and checks certificates in its own way.
    fn with(connector: Connector) -> HttpClient {
        HttpClient { connector: Arc::new(connector), pool: Mutex::default() }
    }

    /// Whether hosts are asked without anybody in between, and may be any that this person named.
    pub(super) fn is_direct(&self) -> bool {
        self.connector.is_direct()
    }

    /// Gives up the connections kept: they are of another network, and whoever used one would wait for an
    /// answer in vain.
    pub(super) fn reconnect(&self) {
        *lock(&self.pool) = Arc::default();
    }

    pub(super) fn get(&self, url: &str) -> Request {
        self.request(Method::GET, url)
    }

    /// Every request may be sent twice: again, if the server has closed the kept connection that it was sent over. It
    /// does no harm: what is put or deleted twice is there, or gone, as after once, and what is posted here carries its
    /// own number.
    pub(super) fn request(&self, method: Method, url: &str) -> Request {
        Request {
            connector: self.connector.clone(),
            pool: lock(&self.pool).clone(),
            method,
            url: url.to_owned(),
            fields: Vec::new(),
            body: Bytes::new(),
            family: None,
            head_time: DEADLINE,
            time: DEADLINE,
        }
    }
}

impl fmt::Debug for HttpClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("HttpClient").field(&self.connector.hosts).finish()
    }
}

/// A request that is to be sent.
#[must_use = "it is not sent yet"]
pub(super) struct Request {
    connector: Arc<Connector>,
    pool: Arc<Pool>,
    method: Method,
    url: String,
    fields: Vec<(HeaderName, String)>,
    body: Bytes,
    family: Option<Family>,
    /// Until the head of the answer is there.
    head_time: Duration,
    /// Until all of it is.
    time: Duration,
}

impl Request {
    /// With a header field.
    pub(super) fn field(mut self, name: HeaderName, value: String) -> Request {
        self.fields.push((name, value));
        self
    }

    /// With something to be put or posted.
    pub(super) fn body(mut self, kind: &'static str, content: impl Into<Bytes>) -> Request {
        self.fields.push((CONTENT_TYPE, kind.to_owned()));
        self.body = content.into();
        self
    }

    /// To an address of one version of IP.
    pub(super) fn over(mut self, family: Option<Family>) -> Request {
        self.family = family;
        self
    }

    /// Whose answer may come late: when there is something to tell.
    pub(super) fn waiting(self, time: Duration) -> Request {
        Request { head_time: time, time, ..self }
    }

    /// Whose answer begins soon and goes on for so long.
    pub(super) fn lasting(self, time: Duration) -> Request {
        Request { time, ..self }
    }

    /// Sends it, and gives the head of the answer.
    pub(super) fn send(self) -> BoxFuture<Result<Answer, OverlayError>> {
        Box::pin(async move {
            let until = clock::now() + self.time;
            let uri: Uri = self.url.parse().map_err(|_| OverlayError::Refused)?;
            let route = self.connector.route(&uri, self.family)?;
            let exchange = clock::timeout(self.head_time, self.exchange(&uri, &route)).await;
            let (sender, response) = exchange.unwrap_or(Err(OverlayError::TimedOut))?;
            Ok(Answer::new(response, until, self.pool.lend(route, sender)))
        })
    }

    async fn exchange(
        &self,
        uri: &Uri,
        route: &Route,
    ) -> Result<(Sender, hyper::Response<hyper::body::Incoming>), OverlayError> {
        if let Some(mut kept) = self.pool.take(route).await {
            // the server may have closed it at any moment: what comes of a fresh one counts
            if let Ok(response) = kept.send(self.spelled(uri, route)?).await {
                return Ok((kept, response));
            }
        }
        let request = self.spelled(uri, route)?;
        let io = clock::timeout(DEADLINE, self.connector.connect(route)).await;
        let io = io.unwrap_or(Err(OverlayError::TimedOut))?;
        Sender::begin_within(HEAD_SIZE, io, request).await.map_err(|error| translate(&error))
    }

    /// The request as it travels over a connection.
    fn spelled(&self, uri: &Uri, route: &Route) -> Result<http::Request, OverlayError> {
        let (target, secret) = self.connector.target(uri, route);
        let host = uri.authority().map_or("", |authority| authority.as_str());
        let mut request = request::Builder::new().method(&self.method).uri(target);
        request = request.header(HOST, host).header(USER_AGENT, AGENT).header(ACCEPT, "*/*");
        if let Some(secret) = secret {
            request = request.header(PROXY_AUTHORIZATION, secret);
        }
        for (name, value) in &self.fields {
            request = request.header(name, value);
        }
        request.body(http::full(self.body.clone())).map_err(|_| OverlayError::Refused)
    }
}
