//! The way to a server: its name, its addresses, a proxy that stands before it, TLS.

use std::{
    io,
    net::{IpAddr, SocketAddr, ToSocketAddrs},
    sync::Arc,
};

use hyper::{
    Method, Uri,
    header::{HOST, HeaderValue, PROXY_AUTHORIZATION, USER_AGENT},
    http::request,
};
use rustls::ClientConfig;

use super::answer::{translate, unreachable};
use super::proxy::{Proxy, bare};
use super::trickle::Trickle;
use super::{AGENT, DEADLINE, HEAD_SIZE, Hosts};
use crate::overlay::{OverlayError, family::Family};
use crate::runtime::http::{self, BoxFuture, Io, Sender};
use crate::runtime::ip::is_global;
use crate::runtime::tls::{self, TlsIo};
use crate::runtime::{TcpIo, dial, unblock};

/// Finds the addresses of a host.
type Resolve = dyn Fn(String, u16) -> BoxFuture<io::Result<Vec<SocketAddr>>> + Send + Sync;

/// Opens connections.
pub(super) struct Connector {
    pub(super) hosts: Hosts,
    pub(super) proxy: Option<Proxy>,
    pub(super) resolve: Box<Resolve>,
    /// In place of the web's own authorities.
    pub(super) believing: Option<Arc<ClientConfig>>,
}

/// Where a connection leads. One stands in for another that is equal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Route {
    tls: bool,
    /// Without the brackets around an address of IPv6.
    host: String,
    port: u16,
    family: Option<Family>,
    by_proxy: bool,
}

impl Connector {
    /// One that asks the system for addresses, and the environment for a proxy.
    pub(super) fn new(hosts: Hosts) -> Connector {
        let proxy = match hosts {
            Hosts::Any => Proxy::of_environment(),
            Hosts::Loopback | Hosts::Public => None,
        };
        Connector { hosts, proxy, resolve: Box::new(resolve), believing: None }
    }

    /// Whether hosts are asked without anybody in between, and may be any that this person named.
    pub(super) fn is_direct(&self) -> bool {
        self.hosts != Hosts::Public && self.proxy.is_none()
    }

    /// The way to the server of a URL.
    pub(super) fn route(&self, uri: &Uri, family: Option<Family>) -> Result<Route, OverlayError> {
        let tls = uri.scheme_str() == Some("https");
        let host = bare(uri.host().ok_or(OverlayError::Malformed)?).to_owned();
        let port = uri.port_u16().unwrap_or(if tls { 443 } else { 80 });
        let by_proxy = self.proxy.as_ref().is_some_and(|proxy| proxy.stands_before(&host));
        Ok(Route { tls, host, port, family, by_proxy })
    }

    /// What a request for a URL asks for over such a connection, and what it shows: a proxy that passes requests on one
    /// by one must be told where to (RFC 9112, 3.2.2). What goes over TLS goes through it, and it learns the host only.
    pub(super) fn target(&self, uri: &Uri, route: &Route) -> (Uri, Option<HeaderValue>) {
        match &self.proxy {
            Some(proxy) if route.by_proxy && !route.tls => {
                (uri.clone(), proxy.authorization.clone())
            }
            _ => (uri.path_and_query().cloned().map(Uri::from).unwrap_or_default(), None),
        }
    }

    /// A fresh connection.
    pub(super) async fn connect(&self, route: &Route) -> Result<Box<dyn Io>, OverlayError> {
        let io = match &self.proxy {
            Some(proxy) if route.by_proxy => {
                let mut io = self.dial(&proxy.host, proxy.port, None).await?;
                if proxy.tls {
                    io = self.secure(&proxy.host, io).await?;
                }
                if route.tls { tunnel(proxy, route, io).await? } else { io }
            }
            _ => self.dial(&route.host, route.port, route.family).await?,
        };
        if route.tls { self.secure(&route.host, io).await } else { Ok(io) }
    }

    async fn dial(
        &self,
        host: &str,
        port: u16,
        family: Option<Family>,
    ) -> Result<Box<dyn Io>, OverlayError> {
        let found = match host.parse::<IpAddr>() {
            Ok(address) => vec![(address, port).into()],
            Err(_) => (self.resolve)(host.to_owned(), port).await.map_err(|e| unreachable(&e))?,
        };
        let is_asked = |address: &SocketAddr| {
            family.is_none_or(|family| Family::of(address) == family)
                && (self.hosts != Hosts::Public || is_global(address.ip()))
        };
        let asked: Vec<SocketAddr> = found.into_iter().filter(is_asked).collect();
        if asked.is_empty() {
            return Err(OverlayError::Unreachable("host not found".into()));
        }
        let socket = dial(asked).await.map_err(|error| unreachable(&error))?;
        Ok(Box::new(Trickle::new(TcpIo::new(socket, DEADLINE))))
    }

    async fn secure(&self, host: &str, io: Box<dyn Io>) -> Result<Box<dyn Io>, OverlayError> {
        let config = match &self.believing {
            Some(config) => Ok(config.clone()),
            None => tls::web_sites().map_err(io::Error::other),
        };
        let secured = async { TlsIo::connect(config?, host, io).await };
        Ok(Box::new(secured.await.map_err(|error| unreachable(&error))?))
    }
}

/// A way through a proxy to where it must not read (RFC 9110, 9.3.6).
async fn tunnel(
    proxy: &Proxy,
    route: &Route,
    io: Box<dyn Io>,
) -> Result<Box<dyn Io>, OverlayError> {
    let Route { host, port, .. } = route;
    let target =
        if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") };
    let mut request = request::Builder::new().method(Method::CONNECT).uri(&target);
    request = request.header(HOST, &target).header(USER_AGENT, AGENT);
    if let Some(authorization) = &proxy.authorization {
        request = request.header(PROXY_AUTHORIZATION, authorization);
    }
    let request = request.body(http::empty()).map_err(|_| OverlayError::Malformed)?;
    let (_, response) =
        Sender::begin_within(HEAD_SIZE, io, request).await.map_err(|error| translate(&error))?;
    let status = response.status();
    if !status.is_success() {
        return Err(OverlayError::Unreachable(format!(
            "the proxy refuses: status {}",
            status.as_u16()
        )));
    }
    let tunnel = hyper::upgrade::on(response).await.map_err(|error| translate(&error))?;
    Ok(Box::new(tunnel))
}

/// Asks the system, which blocks.
fn resolve(host: String, port: u16) -> BoxFuture<io::Result<Vec<SocketAddr>>> {
    let found = unblock(move || (&*host, port).to_socket_addrs().map(Iterator::collect));
    Box::pin(found)
}
