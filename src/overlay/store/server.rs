//! The server of `p2pstore/1`: HTTP in front of places.

use std::{
    fmt,
    future::ready,
    io,
    net::{IpAddr, TcpListener},
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::Duration,
};

use async_channel::Sender;
use bytes::Bytes;
use hyper::{Method, StatusCode, header};

use super::calls::Calls;
use super::commit::{self, Operation, Order, SharedPlaces};
use super::framing;
use super::journal::{Journal, JournalError};
use super::places::{
    Author, Capacity, Network, Place, PlaceKey, Places, Refusal, Seconds, Writer, seconds,
};
use super::record::Record;
use super::request::{number, read_packet, slot, ttl, writer};
use super::verifying::Verifier;
use super::{MAX_WAIT, SEEN_FIELD, WAIT_FIELD};
use crate::identity::Slot;
use crate::overlay::Statement;
use crate::overlay::rate::{Rate, RateLimiter};
use crate::registration::Call;
use crate::runtime::clock::{Clock, MachineClock};
use crate::runtime::http::{self, BoxFuture, Client, Handler, Limits, Request, Response};
use crate::runtime::{Async, Task, Tokens, clock, lock, plain, random, spawn};

/// What a browser gets that looks at the store itself.
const ABOUT: &str =
    "This is a p2p packet store (p2pstore/1): it keeps signed registration packets for a while.\n";
/// What a stranger's connection may take: heads are small, and one client gets few connections.
const LIMITS: Limits = Limits {
    head_size: 8 * 1024,
    head_time: Duration::from_secs(15),
    stall: Duration::from_secs(15),
    // those who wait for calls hold one each
    connections: 2048,
    connections_per_client: 64,
    // a reader that waits holds a connection only as long as it is there
    half_close: false,
    keep_alive: true,
    field_case: false,
};

/// How much a store takes, and from whom.
#[derive(Clone, Copy, Debug)]
pub struct StoreOptions {
    /// How much it may hold.
    pub capacity: Capacity,
    /// How often one client network may ask.
    pub rate: Rate,
    /// Whether a reverse proxy on this machine stands in front: connections from loopback are then
    /// counted for the last address of their `X-Forwarded-For`.
    pub behind_proxy: bool,
}

impl Default for StoreOptions {
    /// A million places, 512 MiB, 20 requests a second with bursts of 200, no reverse proxy.
    fn default() -> StoreOptions {
        StoreOptions {
            capacity: Capacity::default(),
            rate: Rate { per_second: 20.0, burst: 200.0 },
            behind_proxy: false,
        }
    }
}

/// A packet store, ready to serve.
#[derive(Debug)]
pub struct Store {
    service: Arc<Service>,
    /// Ends when the store is dropped.
    _committer: Task<()>,
}

impl Store {
    /// Opens the store in a folder, which is made if need be; without one it lives in memory alone.
    /// Blocks while it reads.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn open(folder: Option<&Path>, options: StoreOptions) -> Result<Store, StoreError> {
        Store::open_by(Arc::new(MachineClock), folder, options)
    }

    /// The same with a clock of the caller's, by which packets expire and clients earn their requests.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn open_by(
        clock: Arc<dyn Clock>,
        folder: Option<&Path>,
        options: StoreOptions,
    ) -> Result<Store, StoreError> {
        let mut places = Places::new(options.capacity);
        let now = seconds(clock.wall());
        let journal = match folder {
            None => None,
            Some(folder) => Some(
                Journal::open(folder, |record| replay(&mut places, record, now))
                    .map_err(|error| StoreError::new(folder, error))?,
            ),
        };
        let places = SharedPlaces::new(places);
        let (orders, queue) = commit::queue();
        let rate = || Mutex::new(RateLimiter::new(options.rate, Network::COUNT, clock.now()));
        let behind_proxy = options.behind_proxy;
        Ok(Store {
            service: Arc::new(Service {
                clock: clock.clone(),
                places: places.clone(),
                orders,
                verifier: Verifier::new(),
                calls: Calls::new(clock.wall().as_micros()),
                rate: rate(),
                datagram_rate: rate(),
                tokens: Tokens::new(&random::bytes()),
                behind_proxy,
            }),
            _committer: spawn(commit::run(queue, places, journal, clock)),
        })
    }

    /// Answers the requests of a listener for ever. One store can serve several.
    pub async fn serve(&self, listener: Async<TcpListener>) {
        let mut limits = LIMITS;
        if self.service.behind_proxy {
            limits.connections_per_client = limits.connections; // all come from the proxy
        }
        http::serve(listener, limits, self.service.clone()).await;
    }

    pub(super) fn service(&self) -> &Arc<Service> {
        &self.service
    }

    /// How many places are filled.
    pub fn places(&self) -> usize {
        self.service.places.lock().len()
    }
}

fn replay(places: &mut Places, record: Record, now: Seconds) {
    match record {
        Record::Filled(key, place) if place.expires > now => drop(places.restore(key, place)),
        Record::Filled(key, _) | Record::Emptied(key) => drop(places.take(&key)),
    }
}

/// Why a store cannot be opened.
#[derive(Debug)]
pub enum StoreError {
    /// Another process serves this folder.
    Locked(PathBuf),
    /// The file is not a store's journal, so it is left alone.
    NotAStore(PathBuf),
    /// What the file system says about the folder.
    Io(PathBuf, io::Error),
}

impl StoreError {
    fn new(folder: &Path, error: JournalError) -> StoreError {
        match error {
            JournalError::Locked => StoreError::Locked(folder.into()),
            JournalError::NotAJournal(file) => StoreError::NotAStore(file),
            JournalError::Io(error) => StoreError::Io(folder.into(), error),
        }
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StoreError::Locked(folder) => {
                write!(f, "another store runs in {}", folder.display())
            }
            StoreError::NotAStore(file) => {
                write!(f, "{} is not a store's journal", file.display())
            }
            StoreError::Io(folder, error) => {
                write!(f, "cannot keep a store in {}: {}", folder.display(), plain(error))
            }
        }
    }
}

impl std::error::Error for StoreError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            StoreError::Io(_, error) => Some(error),
            _ => None,
        }
    }
}

/// What requests meet.
#[derive(Debug)]
pub(super) struct Service {
    pub(super) clock: Arc<dyn Clock>,
    pub(super) places: SharedPlaces,
    pub(super) orders: Sender<Order>,
    pub(super) verifier: Verifier,
    pub(super) calls: Calls,
    pub(super) rate: Mutex<RateLimiter>,
    pub(super) datagram_rate: Mutex<RateLimiter>,
    pub(super) tokens: Tokens,
    behind_proxy: bool,
}

impl Handler for Service {
    fn handle(self: Arc<Self>, request: Request) -> BoxFuture<Response> {
        let reads = match *request.method() {
            Method::GET => !request.headers().contains_key(&WAIT_FIELD),
            Method::HEAD => true,
            _ => false,
        };
        // what lies here is given without making a future that has room for a put
        if reads {
            return Box::pin(ready(uncached(self.read(&request))));
        }
        Box::pin(async move { uncached(self.answer(request).await) })
    }
}

impl Service {
    /// What lies here, or the status of a response without a body.
    fn read(&self, request: &Request) -> Result<Response, StatusCode> {
        self.admit(request)?;
        match request.uri().path() {
            "/" => Ok(content("text/plain; charset=utf-8", ABOUT.into())),
            path => self.get(slot(path)?),
        }
    }

    /// The same for who changes something, or waits.
    async fn answer(&self, request: Request) -> Result<Response, StatusCode> {
        self.admit(&request)?;
        let slot = slot(request.uri().path())?;
        match *request.method() {
            Method::GET => {
                let time = number(&request, WAIT_FIELD).ok_or(StatusCode::BAD_REQUEST)?;
                let seen = number(&request, SEEN_FIELD).unwrap_or(0);
                self.wait(slot, seen, Duration::from_secs(time).min(MAX_WAIT)).await
            }
            Method::PUT | Method::POST => self.put(slot, request).await.map(status),
            Method::DELETE => self.delete(slot, writer(&request)?).await.map(status),
            _ => Err(StatusCode::METHOD_NOT_ALLOWED),
        }
    }

    /// Unless the client asks too often.
    fn admit(&self, request: &Request) -> Result<(), StatusCode> {
        let admits = |client| lock(&self.rate).take(client, self.clock.now());
        if self.client(request).is_none_or(admits) {
            Ok(())
        } else {
            Err(StatusCode::TOO_MANY_REQUESTS)
        }
    }

    fn network(&self, request: &Request) -> Network {
        self.client(request).map_or(Network::UNKNOWN, |client| self.network_of(client))
    }

    pub(super) fn network_of(&self, client: IpAddr) -> Network {
        let rate = lock(&self.rate);
        Network::of(rate.bucket(client))
    }

    fn client(&self, request: &Request) -> Option<IpAddr> {
        let Client(address) = request.extensions().get()?;
        if self.behind_proxy && address.ip().to_canonical().is_loopback() {
            let forwarded = request.headers().get_all("x-forwarded-for").iter().next_back();
            let last = forwarded.and_then(|field| field.to_str().ok()?.rsplit(',').next());
            return Some(last.and_then(|last| last.trim().parse().ok()).unwrap_or(address.ip()));
        }
        Some(address.ip())
    }

    fn get(&self, slot: Slot) -> Result<Response, StatusCode> {
        let body = framing::encode(self.places.lock().packets(slot, seconds(self.clock.wall())));
        if body.is_empty() {
            return Err(StatusCode::NOT_FOUND);
        }
        // no browser takes it for a script or a page: it begins with a length, in binary
        Ok(content("application/octet-stream", body.into()))
    }

    /// Gives the calls that the client has not seen, or waits for the next one.
    async fn wait(&self, slot: Slot, seen: u64, time: Duration) -> Result<Response, StatusCode> {
        let now = self.clock.now();
        let mut waiting = self.calls.wait(slot, now).ok_or(StatusCode::INSUFFICIENT_STORAGE)?;
        let mut found = self.calls.after(slot, seen, now);
        if found.calls.is_empty() {
            clock::timeout(time, waiting.next()).await;
            found = self.calls.after(slot, seen, self.clock.now());
        }
        let body = framing::encode(found.calls.iter().map(Call::as_bytes));
        let mut response = if body.is_empty() {
            status(StatusCode::NO_CONTENT)
        } else {
            content("application/octet-stream", body.into())
        };
        response.headers_mut().insert(SEEN_FIELD, found.newest.into());
        Ok(response)
    }

    async fn put(&self, slot: Slot, request: Request) -> Result<StatusCode, StatusCode> {
        let writer = writer(&request)?;
        let (ttl, network) = (ttl(&request), self.network(&request));
        let bytes = read_packet(request.into_body()).await?;
        if let Some(call) = Call::decode(&bytes) {
            let laid = self.calls.put(slot, writer, call, self.clock.now());
            return laid.map(|()| StatusCode::NO_CONTENT).map_err(refused);
        }
        let check = move || Statement::read(&bytes, slot).map(|statement| (statement, bytes));
        let (Statement { author, sequence }, bytes) =
            self.verifier.check(check).await.ok_or(StatusCode::UNPROCESSABLE_ENTITY)?;
        let place = Place {
            author: Author::of(&author),
            expires: seconds(self.clock.wall()).saturating_add(ttl),
            sequence,
            network,
            packet: bytes.into(),
        };
        let put = Operation::Put(PlaceKey { slot, writer }, place);
        self.order(put).await.map(|()| StatusCode::NO_CONTENT).map_err(refused)
    }

    async fn delete(&self, slot: Slot, writer: Writer) -> Result<StatusCode, StatusCode> {
        let remove = Operation::Remove(PlaceKey { slot, writer });
        self.order(remove).await.map(|()| StatusCode::NO_CONTENT).map_err(refused)
    }

    pub(super) async fn order(&self, operation: Operation) -> Result<(), Refusal> {
        commit::order(&self.orders, operation).await
    }
}

fn refused(refusal: Refusal) -> StatusCode {
    match refusal {
        Refusal::Outdated => StatusCode::CONFLICT,
        Refusal::SlotFull | Refusal::StoreFull | Refusal::ShareFull => {
            StatusCode::INSUFFICIENT_STORAGE
        }
        Refusal::NotFound => StatusCode::NOT_FOUND,
        Refusal::Busy => StatusCode::SERVICE_UNAVAILABLE,
    }
}

/// The response, which is of this moment only.
fn uncached(answer: Result<Response, StatusCode>) -> Response {
    let mut response = answer.unwrap_or_else(status);
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, header::HeaderValue::from_static("no-store"));
    response
}

fn content(kind: &'static str, body: Bytes) -> Response {
    let mut response = Response::new(http::full(body));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, header::HeaderValue::from_static(kind));
    response
}

fn status(status: StatusCode) -> Response {
    let mut response = Response::new(http::empty());
    *response.status_mut() = status;
    let seconds = match status {
        StatusCode::TOO_MANY_REQUESTS => Some("1"),
        StatusCode::SERVICE_UNAVAILABLE => Some("10"),
        _ => None,
    };
    if let Some(seconds) = seconds {
        let seconds = header::HeaderValue::from_static(seconds);
        response.headers_mut().insert(header::RETRY_AFTER, seconds);
    }
    response
}
