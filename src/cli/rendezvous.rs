//! `p2p rendezvous`: lends this machine's address to others.

use std::{net::SocketAddr, path::Path};

use argh::{ArgsInfo, FromArgs};

use super::{
    home,
    speak::{self, Failure, Outcome},
    stop::Stop,
    values::{address, circle, overlay, rate},
};
use crate::daemon::{
    Audience, AuthorityBook, Circle, Daemon, DaemonOptions, Home, Lending, Tcp, Udp, notify,
};
use crate::link::TeredoSetting;
use crate::link::rendezvous::Rules;
use crate::overlay::OverlayAddress;
use crate::runtime::block_on;
use crate::trust::{AuthorityName, FirstUse};

/// Introduce others to each other from a public address, and carry for friends what cannot go directly.
#[derive(ArgsInfo, FromArgs)]
#[argh(subcommand, name = "rendezvous")]
pub(super) struct RendezvousCommand {
    /// where it listens with UDP, such as 0.0.0.0:5050
    #[argh(option, from_str_fn(address), default = "SocketAddr::from(([0, 0, 0, 0], 5050))")]
    listen: SocketAddr,

    /// where it listens with TCP, for networks that let nothing else pass; the same port unless given
    #[argh(option, from_str_fn(address))]
    tcp: Option<SocketAddr>,

    /// who may register: contacts unless given, or anyone, or authority:NAME
    #[argh(option, from_str_fn(circle), default = "Circle::Contacts", long = "for")]
    register: Circle,

    /// for whom it carries traffic: contacts unless given, or anyone, authority:NAME or none
    #[argh(option, from_str_fn(circle), default = "Circle::Contacts")]
    relay: Circle,

    /// what it carries for all at most, such as 20mbit; 100mbit unless given, half of it for one
    #[argh(option, from_str_fn(rate), default = "Rules::TOTAL")]
    rate: u64,

    /// where to look for what authorities have revoked, such as store:https://… (repeatable)
    #[argh(option, from_str_fn(overlay))]
    overlay: Vec<OverlayAddress>,
}

impl RendezvousCommand {
    pub(super) fn run(self, given: Option<&Path>) -> Outcome {
        let home = home::prepare(given)?;
        if let Some(name) = self.missing_authority(&home)? {
            return Err(Failure::failed(format!("the authority {name} is not trusted here"))
                .hint("p2p authority add FILE, with the file that the authority hands out"));
        }
        let lock = home.lock().map_err(home::unusable)?;
        let lock = lock.ok_or_else(|| {
            Failure::failed(format!("a daemon runs in {} already", home.folder().display())).hint(
                "let it be a rendezvous with rendezvous-for = \"contacts\" in config.toml, or \
                 choose another --home DIR",
            )
        })?;
        let overlays = self.overlays(&home)?;
        let lending = Lending {
            register: self.register.clone(),
            relay: self.relay.clone(),
            rate: self.rate,
            tcp: self.tcp.map_or(Tcp::SamePort, Tcp::At),
        };
        let options = DaemonOptions {
            identity: home::identity(&home)?,
            home,
            overlays,
            audience: Audience::default(), // nothing is published
            udp: Udp { addresses: vec![self.listen], or_any_port: false, exclude: Vec::new() },
            rendezvous: Vec::new(),
            lending: Some(lending),
            stun: Vec::new(),
            turn: Vec::new(),
            port_mapping: false,
            teredo: TeredoSetting::Off,
            first_use: FirstUse::Refuse,
            well_known: None,
        };
        block_on(async {
            let mut stop = Stop::new()?;
            let daemon = Daemon::start(options, lock).map_err(|error| {
                let failure = Failure::failed(&error);
                match error.hint() {
                    Some(_) => failure.hint("choose another address with --listen or --tcp ADDR"),
                    None => failure,
                }
            })?;
            self.say_ready(&daemon)?;
            notify::ready();
            stop.wait().await;
            notify::stopping();
            daemon.shutdown().await;
            Ok(())
        })
    }

    /// It publishes nothing and finds nobody; only what authorities have revoked is looked for.
    fn overlays(&self, home: &Home) -> Result<Vec<OverlayAddress>, Failure> {
        let by_authority = |circle: &Circle| matches!(circle, Circle::Authority(_));
        if !by_authority(&self.register) && !by_authority(&self.relay) && self.overlay.is_empty() {
            return Ok(Vec::new());
        }
        home::config(home)?.overlays(&self.overlay).map_err(Failure::usage)
    }

    /// A circle that nobody can belong to is a mistake.
    fn missing_authority(&self, home: &Home) -> Result<Option<AuthorityName>, Failure> {
        let known = AuthorityBook::new(home).authorities().map_err(Failure::failed)?;
        let mut named =
            [&self.register, &self.relay].into_iter().filter_map(|circle| match circle {
                Circle::Authority(name) => Some(name),
                _ => None,
            });
        Ok(named.find(|name| known.get(name).is_none()).cloned())
    }

    fn say_ready(&self, daemon: &Daemon) -> Outcome {
        let Some(node) = daemon.rendezvous() else {
            return Err(Failure::failed(format!("nobody can reach {}", self.listen))
                .hint("choose another address with --listen ADDR"));
        };
        let status = daemon.status();
        let tcp = status.lending.and_then(|lending| lending.tcp);
        speak::note(format!("others use it by --rendezvous {node}"));
        let (register, relay) = (&self.register, &self.relay);
        if (*register == Circle::Contacts || *relay == Circle::Contacts)
            && daemon.contact_statuses().is_empty()
        {
            speak::note("there are no contacts yet: p2p contact add LINK, or --for anyone");
        }
        if tcp.is_none() {
            speak::note("clients that have nothing but TCP are not served: the port is taken");
        }
        let tcp = tcp.unwrap_or_else(|| "none".into());
        speak::line(format!("ready rendezvous={node} tcp={tcp} for={register} relay={relay}"))
    }
}
