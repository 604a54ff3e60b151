//! `p2p proxy`: the entrance for browsers and programs.

use std::{net::SocketAddr, path::Path};

use argh::{ArgsInfo, FromArgs};

use super::{
    home, running,
    speak::Outcome,
    values::{address, overlay, rendezvous},
    wish::{Network, Wish},
};
use crate::overlay::OverlayAddress;
use crate::registration::Rendezvous;

/// Open what friends share, in any browser or program, at localhost:5050.
#[derive(ArgsInfo, FromArgs)]
#[argh(subcommand, name = "proxy")]
pub(super) struct Proxy {
    /// where browsers find it; 127.0.0.1:5050 and [::1]:5050 unless given (repeatable)
    #[argh(option, from_str_fn(address))]
    listen: Vec<SocketAddr>,

    /// where peers reach this machine, such as 0.0.0.0:5050 (repeatable)
    #[argh(option, from_str_fn(address))]
    udp: Vec<SocketAddr>,

    /// where to look people up, such as lan or store:https://… (repeatable)
    #[argh(option, from_str_fn(overlay))]
    overlay: Vec<OverlayAddress>,

    /// who introduces this machine to peers, as p2p rendezvous prints it (repeatable)
    #[argh(option, from_str_fn(rendezvous))]
    rendezvous: Vec<Rendezvous>,
}

impl Proxy {
    pub(super) fn run(self, given: Option<&Path>) -> Outcome {
        let config = home::config(&home::prepare(given)?)?;
        let listen = config.listen(&self.listen);
        let network =
            Network { udp: self.udp, overlays: self.overlay, rendezvous: self.rendezvous };
        running::run(given, &network, Wish::Proxy(listen))
    }
}
