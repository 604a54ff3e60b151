//! Asks a store by datagrams before HTTP is tried: one round trip in place of two, and fewer octets.
//!
//! Only a store that is spelt as ours are, `http://HOST:PORT/{slot}`, is asked so, and not where a proxy stands in
//! between. HTTP gets its turn when the answer takes too long, and at once where there was none several times.

use std::{
    future::Future,
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs, UdpSocket},
    pin::pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering::Relaxed},
    },
    time::Duration,
};

use futures_lite::future;

use super::datagram::{Answer, Done, Id, MAX_LENGTH, Put, Question, Secret};
use crate::identity::Slot;
use crate::overlay::OverlayError;
use crate::registration::Call;
use crate::runtime::{Async, Token, clock, http::BoxFuture, lock, random, unblock};

/// How long HTTP waits for an answer to a datagram; longer than most round trips.
const HEAD_START: Duration = Duration::from_millis(120);
/// After which an answer comes no more.
const LATE: Duration = Duration::from_secs(2);
/// So often one or its answer may get lost before it is believed that there is none.
const MAX_UNANSWERED: u32 = 3;
/// With the token that was kept or none, with a new one, and once more.
const MAX_TRIES: usize = 3;

/// The port of a store that is asked by datagrams.
#[derive(Debug)]
pub(super) struct Asking {
    host: Box<str>,
    port: u16,
    /// How often in a row HTTP has answered where datagrams have not.
    unanswered: AtomicU32,
    /// The store's last.
    token: Mutex<Option<Token>>,
}

/// Why a datagram has brought nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unanswered {
    /// Nobody is there who would answer one.
    Nobody,
    /// The answer does not fit.
    TooMuch,
}

impl Asking {
    pub(super) fn new(host: &str, port: u16) -> Arc<Asking> {
        Arc::new(Asking {
            host: host.into(),
            port,
            unanswered: AtomicU32::new(0),
            token: Mutex::default(),
        })
    }

    /// What lies in a slot, or what `by_http` says of it.
    pub(super) fn ask(
        self: &Arc<Asking>,
        slot: Slot,
        by_http: BoxFuture<Result<Vec<Vec<u8>>, OverlayError>>,
    ) -> BoxFuture<Result<Vec<Vec<u8>>, OverlayError>> {
        let asking = self.clone();
        let answer = async move { asking.ask_by_datagram(slot).await };
        self.first(answer, by_http, |answer| match answer {
            Answer::Found { packets: Some(packets), .. } => Ok(Ok(packets)),
            Answer::Found { packets: None, .. } => Err(Unanswered::TooMuch),
            _ => Err(Unanswered::Nobody),
        })
    }

    /// Leaves a call, or lets HTTP do it.
    pub(super) fn leave(
        self: &Arc<Asking>,
        slot: Slot,
        secret: Secret,
        call: &Call,
        by_http: BoxFuture<Result<(), OverlayError>>,
    ) -> BoxFuture<Result<(), OverlayError>> {
        let (asking, call) = (self.clone(), call.clone());
        let answer = async move {
            let id = random::bytes();
            let question = Question::Leave { id, slot, secret, call };
            exchange(&asking.socket().await?, &id, &question).await
        };
        self.first(answer, by_http, |answer| match answer {
            Answer::Left(true) => Ok(Ok(())),
            Answer::Left(false) => Ok(Err(OverlayError::Full)),
            _ => Err(Unanswered::Nobody),
        })
    }

    /// Puts a packet into its places, or lets HTTP do it.
    pub(super) fn put(
        self: &Arc<Asking>,
        put: Put,
        by_http: BoxFuture<Result<(), OverlayError>>,
    ) -> BoxFuture<Result<(), OverlayError>> {
        let asking = self.clone();
        let answer = async move { asking.put_by_datagram(put).await };
        self.first(answer, by_http, |answer| match answer {
            Answer::Done(Done::Taken) => Ok(Ok(())),
            Answer::Done(Done::Outdated) => Ok(Err(OverlayError::Outdated)),
            Answer::Done(Done::Full) => Ok(Err(OverlayError::Full)),
            Answer::Done(Done::Refused) => Ok(Err(OverlayError::Refused)),
            _ => Err(Unanswered::Nobody),
        })
    }

    /// This host is in another network, which may let pass what the former did not. The token of the former is worth
    /// nothing here, and would tell who came from there.
    pub(super) fn try_again(&self) {
        self.unanswered.store(0, Relaxed);
        *lock(&self.token) = None;
    }

    fn first<T: Send + 'static>(
        self: &Arc<Asking>,
        answer: impl Future<Output = io::Result<Answer>> + Send + 'static,
        by_http: BoxFuture<Result<T, OverlayError>>,
        read: fn(Answer) -> Result<Result<T, OverlayError>, Unanswered>,
    ) -> BoxFuture<Result<T, OverlayError>> {
        if self.unanswered.load(Relaxed) >= MAX_UNANSWERED {
            return by_http;
        }
        let asking = self.clone();
        Box::pin(async move {
            let mut by_datagram = pin!(async {
                let answer = clock::timeout(LATE, answer).await;
                read(answer.and_then(Result::ok).ok_or(Unanswered::Nobody)?)
            });
            match clock::timeout(HEAD_START, by_datagram.as_mut()).await {
                Some(Ok(said)) => {
                    asking.unanswered.store(0, Relaxed);
                    said
                }
                Some(Err(Unanswered::TooMuch)) => by_http.await,
                Some(Err(Unanswered::Nobody)) => {
                    asking.unanswered.store(MAX_UNANSWERED, Relaxed);
                    by_http.await
                }
                None => asking.race(by_datagram, by_http).await,
            }
        })
    }

    /// The answer that comes first.
    async fn race<T>(
        &self,
        by_datagram: impl Future<Output = Result<Result<T, OverlayError>, Unanswered>>,
        by_http: BoxFuture<Result<T, OverlayError>>,
    ) -> Result<T, OverlayError> {
        let late = async {
            match by_datagram.await {
                Ok(said) => {
                    self.unanswered.store(0, Relaxed);
                    said
                }
                Err(_) => future::pending().await,
            }
        };
        let by_http = async {
            let said = by_http.await;
            self.unanswered.fetch_add(u32::from(said.is_ok()), Relaxed);
            said
        };
        future::or(late, by_http).await
    }

    /// Shows the store's token, without which the answer can hold what is usual and no more.
    async fn ask_by_datagram(&self, slot: Slot) -> io::Result<Answer> {
        let (socket, id) = (self.socket().await?, random::bytes());
        let mut shown = self.token();
        for _ in 0..MAX_TRIES {
            let question = Question::Ask { id, slot, token: shown };
            let answer = exchange(&socket, &id, &question).await?;
            let next = match &answer {
                Answer::Token(token) => Some(*token),
                Answer::Found { token, .. } => *token,
                _ => None,
            };
            if let Some(token) = next {
                self.keep(token);
            }
            match (&answer, next) {
                (Answer::Token(_) | Answer::Found { packets: None, .. }, Some(_)) => shown = next,
                _ => return Ok(answer),
            }
        }
        Err(io::ErrorKind::InvalidData.into()) // no token is good enough for it
    }

    /// Shows the store's token, after asking for one where there is none or it is too old.
    async fn put_by_datagram(&self, put: Put) -> io::Result<Answer> {
        let (socket, id) = (self.socket().await?, random::bytes());
        for _ in 0..MAX_TRIES {
            let question = match self.token() {
                Some(token) => Question::Put { id, token, put: Some(put.clone()) },
                None => Question::Put { id, token: Token::default(), put: None },
            };
            match exchange(&socket, &id, &question).await? {
                Answer::Token(token) => self.keep(token),
                answer => return Ok(answer),
            }
        }
        Err(io::ErrorKind::InvalidData.into())
    }

    fn token(&self) -> Option<Token> {
        *lock(&self.token)
    }

    fn keep(&self, token: Token) {
        *lock(&self.token) = Some(token);
    }

    /// One that hears the store only.
    async fn socket(&self) -> io::Result<Async<UdpSocket>> {
        let store = self.resolve().await?;
        let any: IpAddr = match store {
            SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
            SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
        };
        let socket = Async::<UdpSocket>::bind((any, 0))?;
        socket.get_ref().connect(store)?; // it does not block
        Ok(socket)
    }

    async fn resolve(&self) -> io::Result<SocketAddr> {
        if let Ok(ip) = self.host.trim_matches(['[', ']']).parse::<IpAddr>() {
            return Ok((ip, self.port).into());
        }
        let (host, port) = (self.host.clone(), self.port);
        let found = unblock(move || (&*host, port).to_socket_addrs()).await?;
        found.into_iter().next().ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

async fn exchange(socket: &Async<UdpSocket>, id: &Id, question: &Question) -> io::Result<Answer> {
    socket.send(&question.encode()).await?;
    let mut buffer = [0; MAX_LENGTH];
    loop {
        let length = socket.recv(&mut buffer).await?;
        if let Some(answer) = Answer::decode(id, &buffer[..length]) {
            return Ok(answer);
        }
    }
}
