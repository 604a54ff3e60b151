//! Connections that other hosts begin, and the requests that come before their handshakes are complete.

use std::{net::IpAddr, sync::Arc};

use quinn::{Connecting, ConnectionError, Incoming};

use crate::identity::{Hit, PublicKey};
use crate::link::EarlyRequest;
use crate::runtime::{clock, spawn};

use super::accepted::Accepted;
use super::admission::{Admission, Rejection};
use super::config::{self, HANDSHAKE_TIME};
use super::connection::Connection;
use super::early::{self, Carried};
use super::early_answer::EarlyAnswer;
use super::refusal::Refusal;
use super::shared::Shared;
use super::stream::Stream;
use super::tls;

impl Shared {
    /// Takes what other hosts begin, until the end.
    pub(super) async fn accept_connections(self: Arc<Shared>) {
        while let Some(incoming) = self.endpoint.accept().await {
            match self.admissions.begin(incoming.remote_address().ip(), clock::now()) {
                Ok(place) => {
                    let handshake = Handshake { shared: self.clone(), _place: place };
                    spawn(handshake.run(incoming)).detach();
                }
                Err(Rejection::Full) => incoming.refuse(),
                Err(Rejection::TooOften) => incoming.ignore(), // it will ask again
            }
        }
    }
}

/// A handshake that another host began; it counts until it is dropped.
struct Handshake {
    shared: Arc<Shared>,
    _place: Admission,
}

impl Handshake {
    /// Takes the connection, with the path of the peer whose tag its address is.
    fn accept(&self, incoming: Incoming) -> Result<Connecting, ConnectionError> {
        let shared = &self.shared;
        let hit = match incoming.remote_address().ip() {
            IpAddr::V6(ip) => Hit::from_ipv6(ip),
            IpAddr::V4(_) => None,
        };
        let selected = hit.map(|hit| shared.link.selected_path(hit)).unwrap_or_default();
        let may_be_long = hit.is_none_or(|hit| shared.link.may_carry_long(hit));
        let config = config::accepted(&shared.server, selected, may_be_long, shared.lifetimes);
        incoming.accept_with(Arc::new(config))
    }

    /// Nothing is known of the other end before the handshake is complete: only then is it used, unless a
    /// sealed request came with it.
    async fn run(self, incoming: Incoming) {
        let early = self.shared.link.take_early(&incoming.orig_dst_cid());
        match early {
            Some(early) => self.answer_early(incoming, early).await,
            None => {
                let Ok(connecting) = self.accept(incoming) else { return };
                let quic = clock::timeout(HANDSHAKE_TIME, connecting).await;
                let Some(Ok(quic)) = quic else { return };
                let Some(peer) = tls::peer_key(&quic) else { return };
                if belongs(&quic, peer) {
                    let hold = self.shared.link.hold(&peer);
                    self.admit(Connection::new(quic, peer, hold));
                }
            }
        }
    }

    /// Answers a request whose seal has proved its sender; the connection is good for nothing else until the
    /// handshake has proved the same key.
    async fn answer_early(self, incoming: Incoming, early: EarlyRequest) {
        let peer = early.sender;
        if incoming.remote_address().ip() != peer.hit().to_ipv6() {
            return;
        }
        let answer = early::decode(early.request).map(|carried| {
            let Carried { preface, certificates, request } = carried;
            let (answer, queue) = (Arc::<EarlyAnswer>::default(), self.shared.accepted.clone());
            let stream = Stream::heard_early(request, answer.clone());
            spawn(async move {
                // after the shutdown nobody takes it, and dropping resets it
                let _ = queue.send(Accepted { peer, stream, preface, certificates }).await;
            })
            .detach();
            Answer(answer)
        });
        if let Some(Answer(answer)) = &answer {
            answer.ready().await;
        }
        let hold = self.shared.link.hold(&peer);
        let Ok(connecting) = self.accept(incoming) else { return };
        // a server's half of a connection can always be had; until the answer is in it nothing may wait
        let Ok((quic, complete)) = connecting.into_0rtt() else { return };
        let connection = Connection::new(quic.clone(), peer, hold);
        if let Some(Answer(answer)) = &answer {
            connection.answer_early(answer);
        }
        let complete = clock::timeout(HANDSHAKE_TIME, complete).await;
        if complete.is_none() || tls::peer_key(&quic) != Some(peer) {
            return connection.close_unused();
        }
        self.admit(connection);
    }

    fn admit(&self, connection: Arc<Connection>) {
        let shared = &self.shared;
        {
            let mut pool = shared.pool();
            if !pool.admit(&connection, clock::now()) {
                return connection.refuse(Refusal::Busy);
            }
            pool.ready_unless_dialling(&connection);
        }
        shared.clone().start(connection, shared.lifetimes.accepted);
    }
}

/// An answer that fails when it has got no stream in the end.
struct Answer(Arc<EarlyAnswer>);

impl Drop for Answer {
    fn drop(&mut self) {
        self.0.fail();
    }
}

/// Whether a connection runs under the tag of this key: that of the handshake must be that of the probes,
/// or packets would go to another's path.
fn belongs(quic: &quinn::Connection, peer: PublicKey) -> bool {
    quic.remote_address().ip() == peer.hit().to_ipv6()
}
