//! What `serve`, `expose` and `proxy` want of the daemon of their home.

use std::net::SocketAddr;

use crate::daemon::Offer;
use crate::identity::ServicePort;
use crate::overlay::OverlayAddress;
use crate::registration::Rendezvous;
use crate::service::Access;

/// What a command wants to keep up while it runs.
pub(super) enum Wish {
    /// Something served at a port, and for whom.
    Service(ServicePort, Offer, Access),
    /// The entrance for browsers.
    Proxy(Vec<SocketAddr>),
}

/// What the command line says about the daemon, if this process becomes it.
#[derive(Clone, Debug, Default)]
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
