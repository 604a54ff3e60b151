//! What `serve`, `expose` and `proxy` want of the daemon of their home.

use std::net::SocketAddr;

use crate::daemon::{AccessWish, Offer};
use crate::identity::ServicePort;
use crate::overlay::OverlayAddress;
use crate::registration::Rendezvous;

/// What a command wants to keep up while it runs.
pub(super) enum Wish {
    /// Something served at a port, and for whom.
    Service(ServicePort, Offer, AccessWish),
    /// The entrance for browsers.
    Proxy(Vec<SocketAddr>),
}

impl Wish {
    /// It is done: if it has to be done again, by another daemon, what was changed meanwhile holds.
    pub(super) fn fulfilled(&mut self) {
        if let Wish::Service(_, _, wish @ AccessWish::Said(_)) = self
            && let AccessWish::Said(access) = wish
        {
            *wish = AccessWish::Kept(access.clone());
        }
    }
}

/// What the command line says about the daemon, if this process becomes it.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Network {
    /// `--udp`, as often as given.
    pub(super) udp: Vec<SocketAddr>,
    /// `--overlay`, as often as given.
    pub(super) overlays: Vec<OverlayAddress>,
    /// `--rendezvous`, as often as given.
    pub(super) rendezvous: Vec<Rendezvous>,
}

/// How keeping a wish up came to an end.
pub(super) enum End {
    /// The person wants it to end.
    Stopped,
    /// The daemon joined went away.
    Lost,
    /// Another process has the home but does not answer.
    NotYet,
}
