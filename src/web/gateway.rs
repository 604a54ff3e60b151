//! The serving end of a stream: what a visitor sends becomes a request that a service can rely on.

use std::sync::Arc;

use hyper::{
    Method, StatusCode, Uri,
    http::uri::{Parts, PathAndQuery},
};

use crate::identity::Destination;
use crate::runtime::http::{self, BoxFuture, Handler, Limits, Request, Response};

use super::error_page::{Media, error_page};
use super::failure::Failure;
use super::forwarded::{self, Form};
use super::hop::{self, Pseudonym, Station, Token};
use super::peers::Io;
use super::visitor::Visitor;

/// Serves streams that visitors have opened.
#[derive(Clone)]
pub struct Gateway {
    pseudonym: Pseudonym,
    limits: Limits,
}

impl Gateway {
    /// `limits.stall` and `limits.connections` are the transport's business.
    pub fn new(pseudonym: Pseudonym, limits: Limits) -> Gateway {
        // a stream is for one request; waiting for another would time out while the response is on its way
        Gateway { pseudonym, limits: Limits { keep_alive: false, ..limits } }
    }

    /// Serves the requests of one stream to `destination`, one of our own services, upgrades included.
    ///
    /// # Errors
    /// When the visitor breaks the protocol, is too slow or goes away.
    pub async fn serve_stream(
        &self,
        io: Box<dyn Io>,
        visitor: Visitor,
        destination: Destination,
        handler: Arc<dyn Handler>,
    ) -> hyper::Result<()> {
        let token = self.pseudonym.token(Station::Gateway, &destination);
        let entrance = Entrance { visitor, destination, token, handler };
        http::serve_connection(io, self.limits, Arc::new(entrance)).await
    }
}

/// Stands before the service for one visitor.
struct Entrance {
    visitor: Visitor,
    destination: Destination,
    token: Token,
    handler: Arc<dyn Handler>,
}

impl Handler for Entrance {
    fn handle(self: Arc<Self>, request: Request) -> BoxFuture<Response> {
        Box::pin(async move {
            let media = Media::wanted(request.headers());
            match self.answer(request).await {
                Ok(response) => response,
                Err(failure) => error_page(&failure, media),
            }
        })
    }
}

impl Entrance {
    async fn answer(&self, mut request: Request) -> Result<Response, Failure> {
        let version = request.version();
        *request.uri_mut() = relative(request.method(), request.uri())?;
        let headers = request.headers_mut();
        if self.token.is_in(headers) {
            return Err(Failure::Loop { destination: self.destination.clone() });
        }
        let form = Form::read(headers, &self.destination);
        forwarded::remove_all(headers);
        hop::strip(headers)?.restore(headers);
        form.write(headers, &self.destination);
        form.write_visitor(headers, &self.visitor);
        self.token.append_to(headers, version);

        let mut response = self.handler.clone().handle(request).await;
        let switched = response.status() == StatusCode::SWITCHING_PROTOCOLS;
        let headers = response.headers_mut();
        let kept = hop::strip(headers)
            .map_err(|_| Failure::ResponseMalformed { destination: self.destination.clone() })?;
        if switched {
            kept.restore_switch(headers);
        }
        Ok(response)
    }
}

/// The target without scheme and host: a service is no proxy.
fn relative(method: &Method, uri: &Uri) -> Result<Uri, Failure> {
    if method == Method::CONNECT || uri.authority().is_some() && uri.scheme().is_none() {
        let reason = "a service takes requests, not tunnels".into();
        return Err(Failure::Malformed { reason });
    }
    let mut parts = Parts::default();
    parts.path_and_query =
        Some(uri.path_and_query().cloned().unwrap_or(PathAndQuery::from_static("/")));
    Uri::from_parts(parts).map_err(|_| Failure::Malformed { reason: "it has no path".into() })
}
