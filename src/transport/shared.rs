//! What all connections of one endpoint share, whoever began them.

use std::{
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use quinn::{Endpoint, ServerConfig, VarInt};

use crate::link::Link;
use crate::runtime::{lock, spawn};

use super::accepted::{self, Accepted};
use super::admission::Admissions;
use super::config::Lifetimes;
use super::connection::Connection;
use super::pool::Pool;
use super::tls::Credentials;

/// What shutting down is called on the wire.
const SHUT_DOWN: VarInt = VarInt::from_u32(0);

/// What dialling and accepting have in common.
pub(super) struct Shared {
    pub(super) endpoint: Endpoint,
    pub(super) link: Arc<Link>,
    pub(super) credentials: Credentials,
    /// What the configuration of each accepted connection is made from.
    pub(super) server: ServerConfig,
    pub(super) lifetimes: Lifetimes,
    pub(super) pool: Mutex<Pool>,
    pub(super) admissions: Arc<Admissions>,
    pub(super) accepted: async_channel::Sender<Accepted>,
}

impl Shared {
    /// The connections that there are.
    pub(super) fn pool(&self) -> MutexGuard<'_, Pool> {
        lock(&self.pool)
    }

    /// Ends everything; nothing is accepted any more.
    pub(super) fn close(&self) {
        self.accepted.close();
        self.endpoint.close(SHUT_DOWN, b"shutting down");
    }

    /// Lets a connection live: its streams are taken, and it ends when nobody uses it.
    pub(super) fn start(self: Arc<Shared>, connection: Arc<Connection>, idle_limit: Duration) {
        spawn(accepted::accept_streams(connection.clone(), self.accepted.clone())).detach();
        spawn(async move {
            connection.watch(idle_limit, &self.link).await;
            if connection.was_lost() {
                self.link.connection_lost(&connection.peer());
            }
            self.pool().remove(&connection);
        })
        .detach();
    }
}
