//! Streams to and from peers: what the layers above use.

use std::{
    fmt, io,
    sync::{Arc, Mutex},
    time::Duration,
};

use quinn::Endpoint;

use crate::identity::{KeyPair, PublicKey};
use crate::link::{Link, Places, Way};
use crate::runtime::{clock, lock, spawn};

use super::accepted::Accepted;
use super::config::{self, Lifetimes};
use super::connected::ConnectedPeer;
use super::connection::Connection;
use super::early;
use super::error::ConnectError;
use super::pool::{Claim, ConnectTimings};
use super::preface::Preface;
use super::refusal::Refusal;
use super::runtime::OneThread;
use super::shared::Shared;
use super::stream::Stream;
use super::tls::Credentials;

/// The sign that an early request was taken comes with the handshake, or a few packets later on a slow
/// line: so long is waited for it, or a quarter of what connecting took, before the request is sent again.
const MIN_EARLY_PATIENCE: Duration = Duration::from_millis(20);
/// And not longer than this.
const MAX_EARLY_PATIENCE: Duration = Duration::from_millis(100);

/// Streams that wait for [`Transport::accept`]. Beyond it, they wait in their own tasks.
const ACCEPT_QUEUE: usize = 64;

/// At the end peers are told, and so long is waited for them to hear it.
const FAREWELL: Duration = Duration::from_millis(500);

/// QUIC between keys: dials peers, shares one connection among all requests to a peer, and accepts
/// what others open.
///
/// Dropping it closes all connections at once; [`Transport::shutdown`] is the polite way.
pub struct Transport {
    shared: Arc<Shared>,
    /// Shown to every peer that is asked for something.
    certificates: Mutex<Arc<[Vec<u8>]>>,
    accepted: async_channel::Receiver<Accepted>,
}

/// A stream that was opened to a peer.
#[derive(Debug)]
pub struct Opened {
    /// The stream, with its preface.
    pub stream: Stream,
    /// Whether the peer has taken the request that was sent ahead.
    pub early: bool,
    /// How long connecting took, if this request made or awaited the connection.
    pub connected: Option<ConnectTimings>,
    /// Where the peer's packets go; None only if the link has just forgotten it.
    pub path: Option<Way>,
}

impl Transport {
    /// Starts QUIC on a link; `keys` must be those of the link.
    ///
    /// # Errors
    /// When TLS refuses the keys or the link has no socket.
    pub fn new(keys: &KeyPair, link: Arc<Link>, lifetimes: Lifetimes) -> io::Result<Transport> {
        let credentials = Credentials::new(keys).map_err(io::Error::other)?;
        let server = config::server(&credentials).map_err(io::Error::other)?;
        let endpoint = Endpoint::new_with_abstract_socket(
            config::endpoint(keys),
            Some(server.clone()),
            link.clone(),
            Arc::new(OneThread),
        )?;
        let (sender, accepted) = async_channel::bounded(ACCEPT_QUEUE);
        let shared = Arc::new(Shared {
            endpoint,
            link,
            credentials,
            server,
            lifetimes,
            pool: Mutex::default(),
            admissions: Arc::default(),
            accepted: sender,
        });
        spawn(shared.clone().accept_connections()).detach();
        Ok(Transport { shared, certificates: Mutex::default(), accepted })
    }

    /// The link below.
    pub fn link(&self) -> &Arc<Link> {
        &self.shared.link
    }

    /// Shows certificates to every peer that is asked for something from now on.
    pub fn show(&self, certificates: Arc<[Vec<u8>]>) {
        *lock(&self.certificates) = certificates;
    }

    /// Opens a stream to the owner of a key, over the connection that exists or over a new one.
    ///
    /// `places` are where the peer may be; they are used when it must be dialled, and when it is
    /// doubtful whether packets still reach it. A connection that turns out to be dead is replaced once.
    ///
    /// `early` is all that is going to be written before the first flush, and nothing is after it: the
    /// stream ends with that flush. Where a connection has to be made, it is sent beside the
    /// handshake if it is short and a `GET` or `HEAD`, and its answer may come a round trip sooner. The
    /// stream is used as any other.
    ///
    /// # Errors
    /// [`ConnectError`] says why there is no stream. Nothing of the request has had an effect then.
    pub async fn open(
        &self,
        peer: PublicKey,
        places: impl Into<Places>,
        preface: Preface,
        early: Option<&[u8]>,
    ) -> Result<Opened, ConnectError> {
        let places = places.into();
        if self.accepted.is_closed() {
            return Err(ConnectError::ShutDown);
        }
        let certificates = lock(&self.certificates).clone();
        let offer = early.and_then(|request| {
            self.offer_early(peer, early::encode(preface, &certificates, request)?)
        });
        let (connection, connected) = self.connection(peer, &places).await?;
        if connected.is_none() && self.shared.link.is_suspect(&peer) {
            // QUIC would find out after its idle time only
            self.shared.link.reach(peer, places.clone()).await?;
        }
        if let (Some(offer), Some(timings)) = (offer, connected) {
            drop(offer);
            let patience = ((timings.probe + timings.handshake) / 4)
                .clamp(MIN_EARLY_PATIENCE, MAX_EARLY_PATIENCE);
            let answer = connection.early_answer(patience).await.map_err(ConnectError::Refused)?;
            if let Some(stream) = answer {
                let path = self.shared.link.path(&peer);
                return Ok(Opened { stream, early: true, connected, path });
            }
        }
        let (stream, connected) =
            match connection.open(preface, &certificates, early.is_some()).await {
                Ok(stream) => (stream, connected),
                Err(error) if connected.is_some() || connection.is_alive() => return Err(error),
                Err(_) => {
                    let (connection, connected) = self.connection(peer, &places).await?;
                    (connection.open(preface, &certificates, early.is_some()).await?, connected)
                }
            };
        Ok(Opened { stream, early: false, connected, path: self.shared.link.path(&peer) })
    }

    /// Offers a request to the link if nobody is connected to the peer or dials it. One that is too long
    /// beside its certificates is not sent early: an answer to a stranger may be another one.
    fn offer_early(&self, peer: PublicKey, carried: Vec<u8>) -> Option<EarlyOffer> {
        let link = &self.shared.link;
        let is_offered = self.shared.pool().is_unknown(&peer) && link.offer_early(peer, &carried);
        is_offered.then(|| EarlyOffer { link: link.clone(), peer })
    }

    async fn connection(
        &self,
        peer: PublicKey,
        places: &Places,
    ) -> Result<(Arc<Connection>, Option<ConnectTimings>), ConnectError> {
        if self.shared.pool().has_lost(&peer) {
            self.shared.link.connection_lost(&peer);
        }
        let claim = self.shared.pool().claim(peer);
        let dial = match claim {
            Claim::Ready(connection) => return Ok((connection, None)),
            Claim::Wait(dial) => dial,
            Claim::Start(dial) => {
                // in a task of its own: others wait for it even if this request is given up
                let task = self.shared.clone().dial(peer, places.clone(), dial.clone());
                spawn(task).detach();
                dial
            }
        };
        let (connection, timings) = dial.wait().await?;
        Ok((connection, Some(timings)))
    }

    /// The next stream that any peer opens; None after the shutdown.
    pub async fn accept(&self) -> Option<Accepted> {
        self.accepted.recv().await.ok()
    }

    /// Connections that exist.
    pub fn connections(&self) -> usize {
        self.shared.pool().alive().len()
    }

    /// The peers with a connection, the one connected for longest first.
    pub fn peers(&self) -> Vec<ConnectedPeer> {
        let connections = self.shared.pool().alive();
        let link = &self.shared.link;
        connections
            .iter()
            .map(|connection| {
                let (key, path) = (connection.peer(), connection.path_stats());
                ConnectedPeer {
                    key,
                    way: link.path(&key),
                    suspect: link.is_suspect(&key),
                    round_trip: path.rtt,
                    sent: path.sent_packets,
                    lost: path.lost_packets,
                    streams: connection.streams(),
                }
            })
            .collect()
    }

    /// Ends everything that is under way with a peer, and tells it why.
    pub fn close(&self, peer: &PublicKey, refusal: Refusal) {
        let connections = self.shared.pool().alive();
        connections.iter().filter(|c| c.peer() == *peer).for_each(|c| c.refuse(refusal));
    }

    /// Closes all connections, and waits a moment for the peers to hear of it.
    pub async fn shutdown(&self) {
        self.shared.close();
        clock::timeout(FAREWELL, self.shared.endpoint.wait_idle()).await;
    }
}

impl Drop for Transport {
    fn drop(&mut self) {
        self.shared.close();
    }
}

impl fmt::Debug for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transport").field("link", &self.shared.link).finish_non_exhaustive()
    }
}

/// A request that waits for its handshake, until it is dropped.
struct EarlyOffer {
    link: Arc<Link>,
    peer: PublicKey,
}

impl Drop for EarlyOffer {
    fn drop(&mut self) {
        self.link.withdraw_early(&self.peer);
    }
}

#[cfg(test)]
mod tests;
