//! The serving end of a stream: what a visitor sends becomes a request that a service can rely on.

use std::sync::Arc;

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::{
    Method, StatusCode, Uri,
    body::Frame,
    http::uri::{Parts, PathAndQuery},
};

use crate::identity::Destination;
use crate::runtime::http::{self, BoxFuture, Handler, Io, Limits, Request, Response};

use super::error_page::{Media, error_page};
use super::failure::Failure;
use super::forwarded::{self, Form};
use super::gate::{self, Site};
use super::hop::{self, Pseudonym, Station, Token};
use super::terse::TerseWriter;
use super::visitor::Visitor;

/// Serves streams that visitors have opened.
#[derive(Clone)]
pub struct Gateway {
    pseudonym: Pseudonym,
    limits: Limits,
}

/// What a stream leads to.
pub struct Served {
    /// One of our own services.
    pub destination: Destination,
    /// What answers there.
    pub handler: Arc<dyn Handler>,
    /// Whether pages of other sites may send it unsafe requests in the visitor's name.
    pub cross_site: bool,
}

impl Gateway {
    /// `limits.stall` and `limits.connections` are the transport's business.
    pub fn new(pseudonym: Pseudonym, limits: Limits) -> Gateway {
        // a stream is for one request; waiting for another would time out while the response is on its way
        Gateway { pseudonym, limits: Limits { keep_alive: false, ..limits } }
    }

    /// Serves the requests of one stream, upgrades included.
    ///
    /// # Errors
    /// When the visitor breaks the protocol, is too slow or goes away.
    pub async fn serve_stream(
        &self,
        io: Box<dyn Io>,
        visitor: Visitor,
        served: Served,
    ) -> hyper::Result<()> {
        let Served { destination, handler, cross_site } = served;
        let token = self.pseudonym.token(Station::Gateway, &destination);
        let entrance = Entrance { visitor, destination, token, handler, cross_site };
        http::serve_connection(Box::new(TerseWriter::new(io)), self.limits, Arc::new(entrance))
            .await
    }
}

/// Stands before the service for one visitor.
struct Entrance {
    visitor: Visitor,
    destination: Destination,
    token: Token,
    handler: Arc<dyn Handler>,
    cross_site: bool,
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
        let site = Site::told(request.headers());
        if !self.cross_site {
            gate::check_site(site, request.method(), request.headers())?;
        }
        let headers = request.headers_mut();
        if self.token.is_in(headers) {
            return Err(Failure::Loop { destination: self.destination.clone() });
        }
        let form = Form::read(headers, &self.destination);
        forwarded::remove_all(headers);
        hop::strip(headers)?.restore(headers);
        form.write(headers, &self.destination);
        form.write_visitor(headers, &self.visitor);
        site.tell(headers);
        self.token.append_to(headers, version);
        let request = request.map(without_forged_trailers);

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

/// A body whose trailers hold no field that could pass for one of ours: some programs take them for
/// fields of the head.
fn without_forged_trailers(body: http::Body) -> http::Body {
    let clean = |frame: Frame<Bytes>| match frame.into_trailers() {
        Ok(mut trailers) => {
            forwarded::remove_all(&mut trailers);
            Frame::trailers(trailers)
        }
        Err(frame) => frame,
    };
    body.map_frame(clean).boxed_unsync()
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

#[cfg(test)]
mod tests {
    use hyper::{HeaderMap, header::HeaderValue};

    use super::*;
    use crate::runtime::block_on;

    #[test]
    fn forgeries_go_from_trailers_too() {
        let mut trailers = HeaderMap::new();
        for name in ["p2p-peer", "x-forwarded-for", "digest"] {
            trailers.insert(name, HeaderValue::from_static("v"));
        }
        let body = http::full("text").with_trailers(async { Some(Ok(trailers)) }).boxed_unsync();
        let collected = block_on(without_forged_trailers(body).collect()).ok().unwrap();
        let left = collected.trailers().unwrap();
        assert_eq!(left.keys().map(|name| name.as_str()).collect::<Vec<_>>(), ["digest"]);
    }
}
