//! The client of `p2pstore/1`. Requests run on a thread of the pool and end within their deadline.

use std::{
    io,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use data_encoding::HEXLOWER;
use ring::hmac;
use ureq::{Agent, config::Config};

use super::{MAX_TTL, MAX_WAIT, MIN_TTL, SECRET_FIELD, SEEN_FIELD, TTL_FIELD, WAIT_FIELD, framing};
use crate::identity::{KeyPair, Slot};
use crate::overlay::address::StoreUrl;
use crate::overlay::public_only;
use crate::overlay::{Abilities, Calls, Heard, Overlay, OverlayError, check_length};
use crate::registration::Call;
use crate::runtime::http::BoxFuture;
use crate::runtime::{clock, plain, unblock};

/// A whole request: name resolution, connection, TLS, answer.
const DEADLINE: Duration = Duration::from_secs(5);
/// When the caller is told, should the system's resolver not keep to the deadline.
const LAST_DEADLINE: Duration = Duration::from_millis(5500);
/// The most that a header of an answer may take, and the buffers of a connection. ureq's own of 128 KiB
/// would stay as long as the program runs.
const BUFFER: usize = 16 * 1024;
/// Tells the secrets of stores from all other uses of the seed.
const SECRET_DOMAIN: &[u8] = b"p2p store secret v1\0";

/// A store at a URL.
#[derive(Debug)]
pub struct Client {
    url: StoreUrl,
    secrets: hmac::Key,
    reach: Reach,
    /// With connections that are kept for the next request.
    agent: Mutex<Agent>,
}

/// Which addresses a client may ask.
#[derive(Clone, Copy, Debug)]
enum Reach {
    Anywhere,
    PublicOnly,
}

impl Reach {
    fn agent(self, url: &StoreUrl) -> Agent {
        match self {
            Reach::Anywhere => Client::config(url).into(),
            Reach::PublicOnly => public_only::agent(Client::config(url)),
        }
    }
}

impl Client {
    /// The store at `url`, with the places of `identity`.
    pub fn new(url: &StoreUrl, identity: &KeyPair) -> Client {
        Client::made(url, identity, Reach::Anywhere)
    }

    /// A store that somebody else named: only public addresses are asked.
    pub fn foreign(url: &StoreUrl, nobody: &KeyPair) -> Client {
        Client::made(url, nobody, Reach::PublicOnly)
    }

    fn made(url: &StoreUrl, identity: &KeyPair, reach: Reach) -> Client {
        let agent = Mutex::new(reach.agent(url));
        Client { url: url.clone(), secrets: secrets(url, identity), reach, agent }
    }

    fn config(url: &StoreUrl) -> Config {
        let config = Agent::config_builder()
            .timeout_global(Some(DEADLINE))
            .http_status_as_error(false)
            .max_redirects(0)
            .max_response_header_size(BUFFER)
            .input_buffer_size(BUFFER)
            .output_buffer_size(BUFFER)
            .user_agent(concat!("p2p/", env!("CARGO_PKG_VERSION")));
        // a proxy of the environment cannot reach this machine
        let config = if url.is_loopback() { config.proxy(None) } else { config };
        config.build()
    }

    fn agent(&self) -> Agent {
        self.agent.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn send(
        &self,
        slot: Slot,
        packet: Vec<u8>,
        ttl: Duration,
    ) -> BoxFuture<Result<(), OverlayError>> {
        let (agent, url, secret) = (self.agent(), self.url.of(slot), self.secret(slot));
        let ttl = ttl.clamp(MIN_TTL, MAX_TTL).as_secs().to_string();
        in_time(move || {
            let request = agent.put(&url).header(SECRET_FIELD, secret).header(TTL_FIELD, ttl);
            let request = request.content_type("application/octet-stream");
            match request.send(&packet[..]).map_err(translate)?.status().as_u16() {
                200 | 201 | 204 => Ok(()),
                status => Err(refusal(status)),
            }
        })
    }

    /// What proves to this store that a place is ours; it tells nothing about other slots or stores.
    fn secret(&self, slot: Slot) -> String {
        HEXLOWER.encode(hmac::sign(&self.secrets, &slot.0).as_ref())
    }
}

fn secrets(url: &StoreUrl, identity: &KeyPair) -> hmac::Key {
    let seed = hmac::Key::new(hmac::HMAC_SHA256, &*identity.seed());
    let mut context = hmac::Context::with_key(&seed);
    context.update(SECRET_DOMAIN);
    context.update(url.template().as_bytes());
    hmac::Key::new(hmac::HMAC_SHA256, context.sign().as_ref())
}

impl Overlay for Client {
    fn get(&self, slot: Slot) -> BoxFuture<Result<Vec<Vec<u8>>, OverlayError>> {
        let (agent, url) = (self.agent(), self.url.of(slot));
        in_time(move || {
            let mut response = agent.get(&url).call().map_err(translate)?;
            match response.status().as_u16() {
                200 => {}
                404 => return Ok(Vec::new()),
                status => return Err(refusal(status)),
            }
            frames(&mut response)
        })
    }

    fn put(&self, slot: Slot, packet: &[u8], ttl: Duration) -> BoxFuture<Result<(), OverlayError>> {
        if let Err(error) = check_length(packet) {
            return Box::pin(async { Err(error) });
        }
        self.send(slot, packet.to_vec(), ttl)
    }

    fn remove(&self, slot: Slot) -> BoxFuture<Result<(), OverlayError>> {
        let (agent, url, secret) = (self.agent(), self.url.of(slot), self.secret(slot));
        in_time(move || {
            let request = agent.delete(&url).header(SECRET_FIELD, secret);
            match request.call().map_err(translate)?.status().as_u16() {
                200 | 204 | 404 => Ok(()),
                status => Err(refusal(status)),
            }
        })
    }

    fn address(&self) -> &str {
        self.url.spelling()
    }

    fn abilities(&self) -> Abilities {
        Abilities { keeps: true, put: true, remote: true }
    }

    /// Connections from an address that is gone would only time out.
    fn handle_network_change(&self) {
        *self.agent.lock().unwrap_or_else(PoisonError::into_inner) = self.reach.agent(&self.url);
    }

    fn calls(&self) -> Option<&dyn Calls> {
        Some(self)
    }
}

impl Calls for Client {
    fn call(&self, slot: Slot, call: &Call) -> BoxFuture<Result<(), OverlayError>> {
        self.send(slot, call.as_bytes().to_vec(), MIN_TTL)
    }

    /// Keeps a thread of the pool for as long as it waits.
    fn wait(&self, slot: Slot, seen: Option<u64>) -> BoxFuture<Result<Heard, OverlayError>> {
        let (agent, url) = (self.agent(), self.url.of(slot));
        Box::pin(unblock(move || {
            let request = agent.get(&url).header(WAIT_FIELD, MAX_WAIT.as_secs().to_string());
            let request = match seen {
                Some(seen) => request.header(SEEN_FIELD, seen.to_string()),
                None => request,
            };
            let request = request.config().timeout_global(Some(MAX_WAIT + DEADLINE)).build();
            let mut response = request.call().map_err(translate)?;
            let seen = response.headers().get(SEEN_FIELD);
            let seen = seen.and_then(|field| field.to_str().ok()?.parse().ok());
            match (response.status().as_u16(), seen) {
                (200, Some(seen)) => {
                    let packets = frames(&mut response)?;
                    let calls = packets.iter().filter_map(|packet| Call::decode(packet)).collect();
                    Ok(Heard { calls, seen })
                }
                (204, Some(seen)) => Ok(Heard { calls: Vec::new(), seen }),
                // it took this for the question what lies in the slot
                (200 | 404, None) => Err(OverlayError::NoCalls),
                (status, _) => Err(refusal(status)),
            }
        }))
    }
}

/// The packets in a response, all of them possibly hostile.
fn frames(response: &mut ureq::http::Response<ureq::Body>) -> Result<Vec<Vec<u8>>, OverlayError> {
    let limit = framing::MAX_BODY_LENGTH as u64;
    let body = response.body_mut().with_config().limit(limit).read_to_vec();
    framing::decode(&body.map_err(translate)?).ok_or(OverlayError::Malformed)
}

fn in_time<T: Send + 'static>(
    request: impl FnOnce() -> Result<T, OverlayError> + Send + 'static,
) -> BoxFuture<Result<T, OverlayError>> {
    Box::pin(async {
        let answer = clock::timeout(LAST_DEADLINE, unblock(request)).await;
        answer.unwrap_or(Err(OverlayError::TimedOut))
    })
}

fn refusal(status: u16) -> OverlayError {
    match status {
        401 | 403 | 422 => OverlayError::Refused,
        409 => OverlayError::Outdated,
        413 => OverlayError::TooLarge,
        429 => OverlayError::RateLimited,
        507 => OverlayError::Full,
        status => OverlayError::Status(status),
    }
}

fn translate(error: ureq::Error) -> OverlayError {
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
