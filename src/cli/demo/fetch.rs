//! A small HTTP client that asks bob's proxy in each of the three forms.

use std::{
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use http_body_util::BodyExt;
use hyper::{Response, body::Incoming, header::HOST};

use super::Failure;
use crate::identity::{AccessForm, Destination};
use crate::runtime::{Async, TcpIo, clock, http};

/// How long one request may take to be answered.
const PATIENCE: Duration = Duration::from_secs(60);

/// The head of the answer to `GET path` in a form; its body streams.
pub(super) async fn get(
    proxy: SocketAddr,
    destination: &Destination,
    form: AccessForm,
    path: &str,
) -> Result<Response<Incoming>, Failure> {
    let url = destination.url(form, &format!("localhost:{}", proxy.port()), path);
    let failed = |error: String| Failure::failed(format!("cannot fetch {url}: {error}"));
    let after_scheme = url.strip_prefix("http://").unwrap_or(&url);
    let slash = after_scheme.find('/').unwrap_or(after_scheme.len());
    let (host, rest) = after_scheme.split_at(slash);
    let target = if form == AccessForm::Proxy { url.as_str() } else { rest };
    let request = hyper::Request::builder().uri(target).header(HOST, host).body(http::empty());
    let request = request.map_err(|error| failed(error.to_string()))?;
    let exchange = async {
        let socket = Async::<TcpStream>::connect(proxy).await.map_err(|e| failed(e.to_string()))?;
        let io = TcpIo::new(socket, PATIENCE);
        http::request_over(Box::new(io), request).await.map_err(|error| failed(error.to_string()))
    };
    match clock::timeout(PATIENCE, exchange).await {
        Some(response) => response,
        None => Err(failed(format!("no answer within {} s", PATIENCE.as_secs()))),
    }
}

/// How long the first octet of the folder's page takes over a connection that is there.
pub(super) async fn first_byte(
    proxy: SocketAddr,
    destination: &Destination,
) -> Result<Duration, Failure> {
    let started = clock::now();
    let mut response = get(proxy, destination, AccessForm::Path, "/").await?;
    let _ = response.body_mut().frame().await;
    Ok(clock::now() - started)
}
