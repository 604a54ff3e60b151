//! The streams that peers open, over connections that either end has begun.

use std::{sync::Arc, time::Duration};

use crate::identity::PublicKey;
use crate::runtime::{clock, spawn};

use super::connection::Connection;
use super::preface::Preface;
use super::refusal::Refusal;
use super::stream::Stream;

/// A new stream must say so soon what it is for.
const PREFACE_TIME: Duration = Duration::from_secs(10);

/// A stream that a peer opened.
#[derive(Debug)]
pub struct Accepted {
    /// The key that the peer has proved to own.
    pub peer: PublicKey,
    /// The stream, its preface read.
    pub stream: Stream,
    /// What the stream is for.
    pub preface: Preface,
    /// The certificates that the peer shows; nothing about them has been checked.
    pub certificates: Vec<Vec<u8>>,
}

impl Accepted {
    /// Ends the stream so that the peer learns why.
    pub fn refuse(self, refusal: Refusal) {
        self.stream.refuse(refusal);
    }
}

/// Takes the streams of one connection until it ends. Each preface is read in a task of its own, so
/// that a slow one stops nobody; the peer cannot open more than the limit of streams.
pub(super) async fn accept_streams(
    connection: Arc<Connection>,
    queue: async_channel::Sender<Accepted>,
) {
    while let Ok(mut stream) = connection.accept().await {
        let (peer, queue) = (connection.peer(), queue.clone());
        spawn(async move {
            let Some(receive) = stream.receiver() else { return };
            let preface = clock::timeout(PREFACE_TIME, Preface::read(receive)).await.flatten();
            if let Some((preface, certificates)) = preface {
                // after the shutdown nobody takes it, and dropping resets it
                let _ = queue.send(Accepted { peer, stream, preface, certificates }).await;
            }
        })
        .detach();
    }
}
