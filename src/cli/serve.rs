//! `p2p serve`: shares a folder.

use std::{net::SocketAddr, path::Path};

use argh::{ArgsInfo, FromArgs};

use super::{
    running,
    speak::{Failure, Outcome},
    values::{access_wish, address, overlay, port, rendezvous, rule},
    wish::{Network, Wish},
};
use crate::daemon::Offer;
use crate::identity::ServicePort;
use crate::overlay::OverlayAddress;
use crate::registration::Rendezvous;
use crate::runtime::plain;
use crate::trust::Rule;

/// Share a folder: web site, listing, podcast and photo feeds.
#[derive(ArgsInfo, FromArgs)]
#[argh(subcommand, name = "serve")]
pub(super) struct Serve {
    /// the folder
    #[argh(positional)]
    folder: String,

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

impl Serve {
    pub(super) fn run(self, home: Option<&Path>) -> Outcome {
        let folder = Path::new(&self.folder).canonicalize().map_err(|error| {
            Failure::failed(format!("cannot serve {:?}: {}", self.folder, plain(&error)))
        })?;
        if !folder.is_dir() {
            return Err(Failure::failed(format!("cannot serve {:?}: not a folder", self.folder))
                .hint("give the folder that the file is in"));
        }
        let network =
            Network { udp: self.udp, overlays: self.overlay, rendezvous: self.rendezvous };
        let access = access_wish(self.allow, self.allow_cross_site)?;
        running::run(home, &network, Wish::Service(self.port, Offer::Folder(folder), access))
    }
}
