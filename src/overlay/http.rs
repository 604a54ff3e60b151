//! HTTP as overlays use it: requests on a thread of the pool that end within their deadline, answers of
//! bounded length, no redirects, and one meaning for each status.

use std::{
    fmt, io,
    sync::{Arc, LazyLock, Mutex, MutexGuard},
    time::Duration,
};

use rustls::crypto::CryptoProvider;
use ureq::{
    Agent, Body,
    config::Config,
    http::Response,
    tls::{TlsConfig, TlsConfigBuilder},
};

use super::{OverlayError, public_only};
use crate::runtime::http::BoxFuture;
use crate::runtime::{clock, lock, plain, tls, unblock};

/// A whole request: name resolution, connection, TLS, answer.
pub(super) const DEADLINE: Duration = Duration::from_secs(5);
/// When the caller is told, should the system's resolver not keep to the deadline.
const LAST_DEADLINE: Duration = Duration::from_millis(5500);
/// The most that a header of an answer may take, and the buffers of a connection. ureq's own of 128 KiB
/// would stay as long as the program runs.
const BUFFER: usize = 16 * 1024;

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
    hosts: Hosts,
    agent: Mutex<Agent>,
}

impl HttpClient {
    pub(super) fn new(hosts: Hosts) -> HttpClient {
        HttpClient { hosts, agent: Mutex::new(agent(hosts)) }
    }

    /// A client that finds hosts and checks certificates otherwise.
    #[cfg(test)]
    pub(super) fn with_agent(agent: Agent) -> HttpClient {
        HttpClient { hosts: Hosts::Any, agent: Mutex::new(agent) }
    }

    /// Whether hosts are asked without anybody in between, and may be any that this person named.
    pub(super) fn is_direct(&self) -> bool {
        match self.hosts {
            Hosts::Any => ureq::Proxy::try_from_env().is_none(),
            Hosts::Loopback => true,
            Hosts::Public => false,
        }
    }

    /// What sends requests.
    pub(super) fn agent(&self) -> Agent {
        self.lock().clone()
    }

    /// Gives up the connections kept: they are of another network, and whoever used one would wait for an
    /// answer in vain.
    pub(super) fn reconnect(&self) {
        *self.lock() = agent(self.hosts);
    }

    fn lock(&self) -> MutexGuard<'_, Agent> {
        lock(&self.agent)
    }
}

impl fmt::Debug for HttpClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("HttpClient").field(&self.hosts).finish()
    }
}

fn agent(hosts: Hosts) -> Agent {
    match hosts {
        Hosts::Any => config(true).into(),
        Hosts::Loopback => config(false).into(),
        Hosts::Public => public_only::agent(config(false)),
    }
}

/// How certificates of web sites are checked.
pub(super) fn tls_config() -> TlsConfigBuilder {
    static CRYPTO: LazyLock<Arc<CryptoProvider>> = LazyLock::new(|| Arc::new(tls::crypto()));
    TlsConfig::builder().unversioned_rustls_crypto_provider(CRYPTO.clone())
}

fn config(by_proxy: bool) -> Config {
    let config = Agent::config_builder()
        .tls_config(tls_config().build())
        .timeout_global(Some(DEADLINE))
        .http_status_as_error(false)
        .max_redirects(0)
        .max_response_header_size(BUFFER)
        .input_buffer_size(BUFFER)
        .output_buffer_size(BUFFER)
        .user_agent(concat!("p2p/", env!("CARGO_PKG_VERSION")));
    if by_proxy { config.build() } else { config.proxy(None).build() }
}

/// Runs a request on another thread; its end is waited for until the deadline.
pub(super) fn in_time<T: Send + 'static>(
    request: impl FnOnce() -> Result<T, OverlayError> + Send + 'static,
) -> BoxFuture<Result<T, OverlayError>> {
    Box::pin(async {
        let answer = clock::timeout(LAST_DEADLINE, unblock(request)).await;
        answer.unwrap_or(Err(OverlayError::TimedOut))
    })
}

/// What an answer holds, if it is not longer than `limit`.
pub(super) fn body(response: &mut Response<Body>, limit: usize) -> Result<Vec<u8>, OverlayError> {
    let body = response.body_mut().with_config().limit(limit as u64 + 1).read_to_vec();
    let body = body.map_err(translate)?;
    if body.len() > limit { Err(OverlayError::TooLarge) } else { Ok(body) }
}

/// Whether there is something where it was looked for.
pub(super) fn is_found(response: &Response<Body>) -> Result<bool, OverlayError> {
    match response.status().as_u16() {
        200 => Ok(true),
        404 => Ok(false),
        status => Err(refusal(status)),
    }
}

/// What a status means that says no.
pub(super) fn refusal(status: u16) -> OverlayError {
    match status {
        401 | 403 | 422 => OverlayError::Refused,
        409 => OverlayError::Outdated,
        413 => OverlayError::TooLarge,
        429 => OverlayError::RateLimited,
        503 => OverlayError::Busy,
        507 => OverlayError::Full,
        status => OverlayError::Status(status),
    }
}

/// What it means that there is no answer.
pub(super) fn translate(error: ureq::Error) -> OverlayError {
    match error {
        ureq::Error::Timeout(_) => OverlayError::TimedOut,
        ureq::Error::BodyExceedsLimit(_) => OverlayError::TooLarge,
        ureq::Error::Io(error) if is_tls(&error) => OverlayError::Unreachable(error.to_string()),
        ureq::Error::Io(error) => match error.kind() {
            io::ErrorKind::TimedOut => OverlayError::TimedOut,
            io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof => OverlayError::Malformed,
            _ => OverlayError::Unreachable(plain(&error)),
        },
        ureq::Error::HostNotFound
        | ureq::Error::ConnectionFailed
        | ureq::Error::ConnectProxyFailed(_)
        | ureq::Error::InvalidProxyUrl
        | ureq::Error::Tls(_)
        | ureq::Error::Rustls(_) => OverlayError::Unreachable(error.to_string()),
        _ => OverlayError::Malformed,
    }
}

/// Whether it is the handshake that failed, for a certificate most likely.
fn is_tls(error: &io::Error) -> bool {
    error.get_ref().is_some_and(|inner| inner.is::<rustls::Error>())
}
