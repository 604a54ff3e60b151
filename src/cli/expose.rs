//! `p2p expose`: shares an HTTP server that runs on this machine.

use std::{net::SocketAddr, path::Path};

use argh::{ArgsInfo, FromArgs};

use super::{
    running,
    speak::Outcome,
    values::{access_wish, address, overlay, port, rendezvous, rule, upstream},
    wish::{Network, Wish},
};
use crate::daemon::Offer;
use crate::identity::ServicePort;
use crate::overlay::OverlayAddress;
use crate::registration::Rendezvous;
use crate::service::Upstream;
use crate::trust::Rule;

/// Share a web application that runs on this machine.
#[derive(ArgsInfo, FromArgs)]
#[argh(subcommand, name = "expose")]
pub(super) struct Expose {
    /// the application: its port on this machine, or an http:// URL
    #[argh(positional, from_str_fn(upstream))]
    application: Upstream,

    /// the port under your name, 80 unless given
    #[argh(option, default = "ServicePort::HTTP", from_str_fn(port))]
    port: ServicePort,

    /// who may use it: public, contacts, a name, *@DOMAIN, authority:NAME (repeatable); whom p2p allow named last
    /// unless given, else public
    #[argh(option, from_str_fn(rule))]
    allow: Vec<Rule>,

    /// let pages of other sites send it requests in a visitor's name
    #[argh(switch)]
    allow_cross_site: bool,

    /// where peers reach this machine, such as 0.0.0.0:5050 (repeatable)
    #[argh(option, from_str_fn(address))]
    udp: Vec<SocketAddr>,

    /// where to publish, such as lan or store:https://… (repeatable)
    #[argh(option, from_str_fn(overlay))]
    overlay: Vec<OverlayAddress>,

    /// who introduces visitors, as p2p rendezvous prints it (repeatable)
    #[argh(option, from_str_fn(rendezvous))]
    rendezvous: Vec<Rendezvous>,
}

impl Expose {
    pub(super) fn run(self, home: Option<&Path>) -> Outcome {
        let network =
            Network { udp: self.udp, overlays: self.overlay, rendezvous: self.rendezvous };
        let offer = Offer::Application(self.application);
        let access = access_wish(self.allow, self.allow_cross_site)?;
        running::run(home, &network, Wish::Service(self.port, offer, access))
    }
}
