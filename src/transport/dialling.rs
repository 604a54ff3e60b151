//! Connections that this host begins: a handshake beside the probes, and again on the way that is proved.

use std::{
    future::Future,
    pin::pin,
    sync::{Arc, OnceLock},
    time::{Duration, Instant},
};

use futures_lite::future;

use crate::identity::PublicKey;
use crate::link::{Link, NoPath, Places, Reached};
use crate::runtime::clock;

use super::config::{self, HANDSHAKE_TIME};
use super::connection::Connection;
use super::error::ConnectError;
use super::pool::{ConnectTimings, Dial, Outcome};
use super::shared::Shared;
use super::tls::{self, SERVER_NAME};

/// What answers a handshake comes so soon after the answer to the probe that went with it, or half a round trip
/// later on a slow line.
const VENTURE_PATIENCE: Duration = Duration::from_millis(60);

impl Shared {
    /// Connects to a peer, for all who wait for it.
    pub(super) async fn dial(self: Arc<Shared>, peer: PublicKey, places: Places, dial: Arc<Dial>) {
        let outcome = self.connect(peer, places).await;
        {
            let mut pool = self.pool();
            match &outcome {
                Ok((connection, _)) => pool.ready(connection),
                Err(_) => pool.fail(peer, &dial),
            }
        }
        if let Ok((connection, _)) = &outcome {
            self.clone().start(connection.clone(), self.lifetimes.dialled);
        }
        dial.finish(outcome);
    }

    async fn connect(&self, peer: PublicKey, places: Places) -> Outcome {
        let start = clock::now();
        let proved = OnceLock::new();
        let mut reach = pin!(async {
            let reached = self.link.reach(peer, places).await;
            let _ = proved.set(clock::now());
            reached
        });
        // from its first poll on the link looks for the peer
        let reached = future::poll_once(&mut reach).await;
        let hold = self.link.hold(&peer);
        let quic = match reached {
            None if self.link.ventures(&peer) => self.venture(peer, start, reach).await?,
            None => {
                reach.await?;
                self.handshake(peer).await?
            }
            Some(reached) => {
                reached?;
                self.handshake(peer).await?
            }
        };
        let connection = Connection::new(quic, peer, hold);
        let now = clock::now();
        if !self.pool().admit(&connection, now) {
            connection.close_unused();
            return Err(ConnectError::TooManyConnections);
        }
        let answered = *proved.get().unwrap_or(&now);
        let timings = ConnectTimings {
            probe: answered.saturating_duration_since(start),
            handshake: now.saturating_duration_since(answered),
        };
        Ok((connection, timings))
    }

    /// Begins the handshake before a way is proved. If it has not got through when one is, it begins again.
    async fn venture(
        &self,
        peer: PublicKey,
        start: Instant,
        reach: impl Future<Output = Result<Reached, NoPath>>,
    ) -> Result<quinn::Connection, ConnectError> {
        let ventured = async {
            match self.handshake(peer).await {
                Ok(quic) => Ok::<_, NoPath>(Some(quic)),
                Err(_) => future::pending().await, // the proved way decides
            }
        };
        let overtaken = async {
            let round_trip = reach.await?.round_trip;
            if clock::now() - start < round_trip + VENTURE_PATIENCE {
                // the way was open from the beginning: what answers the handshake is right behind
                clock::sleep((round_trip / 2).max(VENTURE_PATIENCE)).await;
            }
            Ok(None)
        };
        match future::or(ventured, overtaken).await {
            Ok(Some(quic)) => Ok(quic),
            Ok(None) => self.handshake(peer).await,
            Err(no_path) => Err(ConnectError::from(no_path)),
        }
    }

    async fn handshake(&self, peer: PublicKey) -> Result<quinn::Connection, ConnectError> {
        let selected = self.link.selected_path(peer.hit());
        let config = config::client(&self.credentials, peer, selected, self.lifetimes)
            .map_err(|error| ConnectError::Lost(error.to_string().into()))?;
        let connecting = self
            .endpoint
            .connect_with(config, Link::virtual_address(&peer), SERVER_NAME)
            .map_err(|error| match error {
                quinn::ConnectError::EndpointStopping => ConnectError::ShutDown,
                error => ConnectError::Lost(error.to_string().into()),
            })?;
        let handshake = async {
            let quic = clock::timeout(HANDSHAKE_TIME, connecting).await;
            let answered = self.link.has_answered(&peer);
            Ok::<_, ConnectError>(quic.ok_or(ConnectError::HandshakeTimeout { answered })??)
        };
        // a relay may take the first packets and refuse them then
        let refused = async { Err(self.link.hopeless(&peer).await.into()) };
        let quic = future::or(handshake, refused).await?;
        if tls::peer_key(&quic) != Some(peer) {
            return Err(ConnectError::WrongKey); // the verifier has refused it already
        }
        Ok(quic)
    }
}
