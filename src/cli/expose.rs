//! `p2p expose`: shares an HTTP server that runs on this machine.

use std::{net::SocketAddr, path::Path};

use argh::{ArgsInfo, FromArgs};

use super::{
    running,
    speak::Outcome,
    values::{address, overlay, port, upstream},
    wish::{Network, Wish},
};
use crate::daemon::Offer;
use crate::identity::ServicePort;
use crate::overlay::OverlayAddress;
use crate::service::Upstream;

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

    /// where peers reach this machine, such as 0.0.0.0:5050 (repeatable)
    #[argh(option, from_str_fn(address))]
    udp: Vec<SocketAddr>,

    /// where to publish, such as lan or store:https://… (repeatable)
    #[argh(option, from_str_fn(overlay))]
    overlay: Vec<OverlayAddress>,
}

impl Expose {
    pub(super) fn run(self, home: Option<&Path>) -> Outcome {
        let network = Network { udp: self.udp, overlays: self.overlay };
        let offer = Offer::Application(self.application);
        running::run(home, &network, &Wish::Service(self.port, offer))
    }
}
