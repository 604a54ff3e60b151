//! The other end of the control socket: how a command talks to the daemon of its home.

use std::{
    fmt, io,
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    time::Duration,
};

use hyper::{Method, StatusCode, header::HOST};
use nanoserde::{DeJson, SerJson};

use super::Problem;
use super::json;
use crate::daemon::home::Home;
use crate::daemon::why::{self, Walk};
use crate::identity::Destination;
use crate::runtime::{Async, SocketIo, clock, http, plain};

/// A daemon on the same machine answers at once, unless it is stuck.
const ANSWER_TIME: Duration = Duration::from_secs(10);
/// A status with thousands of services fits.
const MAX_ANSWER: usize = 1 << 20;

/// Talks to the daemon of a home.
#[derive(Clone, Debug)]
pub struct ControlClient {
    socket: PathBuf,
}

impl ControlClient {
    /// For the daemon of `home`, whether one runs or not.
    pub fn new(home: &Home) -> ControlClient {
        ControlClient { socket: home.path("control.sock") }
    }

    /// Asks the daemon to walk the way of a request.
    ///
    /// # Errors
    /// See [`ControlError`].
    pub async fn why(&self, destination: &Destination) -> Result<Walk, ControlError> {
        let path = format!("/api/why/{}/{}", destination.name, destination.port);
        let answer = exchange(&self.socket, Method::GET, &path, String::new());
        let text = clock::timeout(why::LONGEST, answer).await.unwrap_or(Err(ControlError::Silent));
        json::read(&text?).map_err(ControlError::Garbled)
    }

    /// Asks for something.
    ///
    /// # Errors
    /// See [`ControlError`].
    pub async fn get<T: DeJson>(&self, path: &str) -> Result<T, ControlError> {
        let text = self.exchange(Method::GET, path, String::new()).await?;
        json::read(&text).map_err(ControlError::Garbled)
    }

    /// Sets something and reads the answer.
    ///
    /// # Errors
    /// See [`ControlError`].
    pub async fn put<T: DeJson>(&self, path: &str, body: &impl SerJson) -> Result<T, ControlError> {
        let text = self.exchange(Method::PUT, path, body.serialize_json()).await?;
        json::read(&text).map_err(ControlError::Garbled)
    }

    /// Keeps up what was set; there is no answer to read.
    ///
    /// # Errors
    /// See [`ControlError`].
    pub async fn renew(&self, path: &str, body: &impl SerJson) -> Result<(), ControlError> {
        self.exchange(Method::PUT, path, body.serialize_json()).await.map(drop)
    }

    /// Has something done and reads what came of it.
    ///
    /// # Errors
    /// See [`ControlError`].
    pub async fn post<T: DeJson>(&self, path: &str) -> Result<T, ControlError> {
        let text = self.exchange(Method::POST, path, String::new()).await?;
        json::read(&text).map_err(ControlError::Garbled)
    }

    /// Tells the daemon, if one runs, that a book of the home has changed; else it finds out by and by.
    pub async fn tell_of_change(&self) {
        if let Err(error) = self.exchange(Method::POST, "/api/books", String::new()).await {
            log::debug!("not told of the change: {error}");
        }
    }

    /// Changes a part of something.
    ///
    /// # Errors
    /// See [`ControlError`].
    pub async fn patch(&self, path: &str, body: &impl SerJson) -> Result<(), ControlError> {
        self.exchange(Method::PATCH, path, body.serialize_json()).await.map(drop)
    }

    /// Removes something.
    ///
    /// # Errors
    /// See [`ControlError`].
    pub async fn delete(&self, path: &str) -> Result<(), ControlError> {
        self.exchange(Method::DELETE, path, String::new()).await.map(drop)
    }

    async fn exchange(
        &self,
        method: Method,
        path: &str,
        body: String,
    ) -> Result<String, ControlError> {
        clock::timeout(ANSWER_TIME, exchange(&self.socket, method, path, body))
            .await
            .unwrap_or(Err(ControlError::Silent))
    }
}

async fn exchange(
    socket: &Path,
    method: Method,
    path: &str,
    body: String,
) -> Result<String, ControlError> {
    let socket =
        Async::<UnixStream>::connect(socket).await.map_err(|error| match error.kind() {
            io::ErrorKind::NotFound
            | io::ErrorKind::NotADirectory
            | io::ErrorKind::ConnectionRefused => ControlError::NoDaemon,
            _ => ControlError::Broken(plain(&error)),
        })?;
    let broken = |error: &dyn fmt::Display| ControlError::Broken(error.to_string());
    let request = hyper::Request::builder()
        .method(method)
        .uri(path)
        .header(HOST, "p2p.localhost")
        .body(http::full(body))
        .map_err(|error| broken(&error))?;
    let io = SocketIo::unix(socket, ANSWER_TIME);
    let response =
        http::request_over(Box::new(io), request).await.map_err(|error| broken(&error))?;
    let status = response.status();
    let body = http::collect(response.into_body(), MAX_ANSWER, ANSWER_TIME).await;
    let body = body.ok_or_else(|| broken(&"its answer broke off"))?;
    let text = String::from_utf8_lossy(&body).into_owned();
    if status.is_success() {
        return Ok(text);
    }
    let problem = json::read::<Problem>(&text);
    let reason = problem.map_or(text, |problem| problem.error);
    Err(ControlError::Refused(status, reason))
}

/// Why the daemon did not do what it was asked to.
#[derive(Debug)]
pub enum ControlError {
    /// None runs for this home.
    NoDaemon,
    /// It did not answer in time.
    Silent,
    /// The connection broke.
    Broken(String),
    /// Its answer makes no sense: another version, perhaps.
    Garbled(String),
    /// It says no, and why.
    Refused(StatusCode, String),
}

impl fmt::Display for ControlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ControlError::NoDaemon => f.write_str("no daemon runs for this home"),
            ControlError::Silent => {
                write!(f, "the daemon did not answer within {} s", ANSWER_TIME.as_secs())
            }
            ControlError::Broken(reason) => write!(f, "lost the daemon: {reason}"),
            ControlError::Garbled(reason) => {
                write!(f, "the daemon's answer makes no sense: {reason}")
            }
            ControlError::Refused(_, reason) => f.write_str(reason),
        }
    }
}

impl std::error::Error for ControlError {}
