//! Asks a store by datagrams before HTTP is tried: one round trip in place of two.
//!
//! Only a store that is spelt as ours are, `http://HOST:PORT/{slot}`, is asked so, and not where a proxy stands in
//! between. HTTP gets its turn when the answer takes too long, and from then on at once if there never is one.

use std::{
    future::Future,
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs, UdpSocket},
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use futures_lite::future;

use super::datagram::{Answer, Id, MAX_LENGTH, Question, Secret};
use crate::identity::Slot;
use crate::overlay::OverlayError;
use crate::registration::Call;
use crate::runtime::{Async, http::BoxFuture};
use crate::runtime::{clock, random, unblock};

/// How long HTTP waits for an answer to a datagram; longer than most round trips.
const HEAD_START: Duration = Duration::from_millis(120);
/// After which an answer comes no more.
const LATE: Duration = Duration::from_secs(2);

/// The port of a store that is asked by datagrams.
#[derive(Debug)]
pub(super) struct Asking {
    host: Box<str>,
    port: u16,
    /// HTTP has answered where datagrams have not.
    silent: AtomicBool,
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
        Arc::new(Asking { host: host.into(), port, silent: AtomicBool::new(false) })
    }

    /// What lies in a slot, or what `by_http` says of it.
    pub(super) fn ask(
        self: &Arc<Asking>,
        slot: Slot,
        by_http: BoxFuture<Result<Vec<Vec<u8>>, OverlayError>>,
    ) -> BoxFuture<Result<Vec<Vec<u8>>, OverlayError>> {
        let id = random::bytes();
        self.first(id, Question::Ask { id, slot, much: false }, by_http, |answer| match answer {
            Answer::Found(Some(packets)) => Ok(Ok(packets)),
            Answer::Found(None) => Err(Unanswered::TooMuch),
            Answer::Left(_) => Err(Unanswered::Nobody),
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
        let id = random::bytes();
        let question = Question::Leave { id, slot, secret, call: call.clone() };
        self.first(id, question, by_http, |answer| match answer {
            Answer::Left(true) => Ok(Ok(())),
            Answer::Left(false) => Ok(Err(OverlayError::Full)),
            Answer::Found(_) => Err(Unanswered::Nobody),
        })
    }

    /// This host is in another network, which may let pass what the former did not.
    pub(super) fn try_again(&self) {
        self.silent.store(false, Relaxed);
    }

    fn first<T: Send + 'static>(
        self: &Arc<Asking>,
        id: Id,
        question: Question,
        by_http: BoxFuture<Result<T, OverlayError>>,
        read: fn(Answer) -> Result<Result<T, OverlayError>, Unanswered>,
    ) -> BoxFuture<Result<T, OverlayError>> {
        if self.silent.load(Relaxed) {
            return by_http;
        }
        let asking = self.clone();
        Box::pin(async move {
            let mut by_datagram = pin!(async {
                let answer = clock::timeout(LATE, asking.exchange(&id, &question)).await;
                read(answer.and_then(Result::ok).ok_or(Unanswered::Nobody)?)
            });
            match clock::timeout(HEAD_START, by_datagram.as_mut()).await {
                Some(Ok(said)) => said,
                Some(Err(why)) => {
                    asking.silent.store(why == Unanswered::Nobody, Relaxed);
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
                Ok(said) => said,
                Err(_) => future::pending().await,
            }
        };
        let by_http = async {
            let said = by_http.await;
            self.silent.store(said.is_ok(), Relaxed);
            said
        };
        future::or(late, by_http).await
    }

    async fn exchange(&self, id: &Id, question: &Question) -> io::Result<Answer> {
        let store = self.resolve().await?;
        let any: IpAddr = match store {
            SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
            SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
        };
        let socket = Async::<UdpSocket>::bind((any, 0))?;
        socket.get_ref().connect(store)?; // it does not block, and others are not heard
        let answer = exchange(&socket, id, question).await?;
        match (&answer, question) {
            (Answer::Found(None), Question::Ask { slot, .. }) => {
                let more = Question::Ask { id: *id, slot: *slot, much: true };
                exchange(&socket, id, &more).await
            }
            _ => Ok(answer),
        }
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
