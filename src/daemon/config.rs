//! Settings: what people write into `config.toml`, below what the environment and the command line say.

mod entries;

use std::{
    env, fmt, io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    path::PathBuf,
};

use entries::Entries;

use super::home::{Audience, Home};
use super::lending::{Circle, Lending, Tcp};
use crate::link::rendezvous::Rules;
use crate::link::stun::{DEFAULT_SERVERS, ServerAddress};
use crate::link::turn::TurnServer;
use crate::link::{Exclusion, TeredoSetting};
#[cfg(feature = "mainline")]
use crate::overlay::mainline::Bootstrap;
use crate::overlay::{OverlayAddress, WellKnown};
use crate::registration::Rendezvous;
use crate::runtime::{file, plain};
use crate::trust::FirstUse;

/// What the file says; each setting left out is None.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Config {
    /// `overlay`: where packets are published and looked up.
    overlays: Option<Vec<OverlayAddress>>,
    /// `listen`: where browsers find the proxy.
    listen: Option<Vec<SocketAddr>>,
    /// `publish`: who is to find this identity.
    audience: Option<Audience>,
    /// `udp`: where peers find this daemon.
    udp: Option<Vec<SocketAddr>>,
    /// `rendezvous`: who introduces this daemon to peers.
    rendezvous: Option<Vec<Rendezvous>>,
    /// `rendezvous-for`: who may register here.
    rendezvous_for: Option<Circle>,
    /// `relay-for`: for whom traffic is carried.
    relay_for: Option<Circle>,
    /// `rendezvous-tcp`: where clients come to that have nothing but TCP.
    rendezvous_tcp: Option<SocketAddr>,
    /// `stun`: who is asked how this host looks from outside; empty for nobody.
    stun: Option<Vec<ServerAddress>>,
    /// `turn`: accounts on servers that lend an address.
    turn: Option<Vec<TurnServer>>,
    /// `port-mapping`: whether the router is asked to send a port here.
    port_mapping: Option<bool>,
    /// `exclude`: interfaces and networks whose addresses no peer is told.
    exclude: Option<Vec<Exclusion>>,
    /// `teredo`: who introduces peers to this host.
    teredo: TeredoSetting,
    /// `first-use`: what to do with people met for the first time.
    first_use: Option<FirstUse>,
    /// `well-known`: whether web sites of domains are asked about people met for the first time.
    well_known: Option<bool>,
}

/// More than any real configuration.
const MAX_SIZE: usize = 64 * 1024;
const KEYS: [&str; 15] = [
    "exclude",
    "first-use",
    "listen",
    "overlay",
    "port-mapping",
    "publish",
    "relay-for",
    "rendezvous",
    "rendezvous-for",
    "rendezvous-tcp",
    "stun",
    "teredo",
    "turn",
    "udp",
    "well-known",
];

impl Config {
    /// Reads `config.toml` of a home; one that is not there says nothing.
    ///
    /// # Errors
    /// Names the file and the key that cannot be understood.
    pub fn load(home: &Home) -> Result<Config, ConfigError> {
        let path = home.path("config.toml");
        let text = match file::read(&path, MAX_SIZE) {
            Ok(octets) => String::from_utf8_lossy(&octets).into_owned(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Config::default()),
            Err(error) => return Err(ConfigError { path, problem: plain(&error) }),
        };
        parse(&text).map_err(|problem| ConfigError { path, problem })
    }
}

/// Where browsers find the proxy unless told otherwise.
pub const DEFAULT_LISTEN: [SocketAddr; 2] = [
    SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), PORT),
    SocketAddr::new(IpAddr::V6(Ipv6Addr::LOCALHOST), PORT),
];
/// Where peers find the daemon unless told otherwise; another port if this one is taken.
const DEFAULT_UDP: [SocketAddr; 2] = [
    SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), PORT),
    SocketAddr::new(IpAddr::V6(Ipv6Addr::UNSPECIFIED), PORT),
];
/// The port of the paper.
const PORT: u16 = 5050;
/// Spaces between, as many as wanted.
const OVERLAYS_VARIABLE: &str = "P2P_OVERLAYS";

impl Config {
    /// The overlays to use: those of the command line, else of `$P2P_OVERLAYS`, else of the file, else
    /// [`Config::default_overlays`].
    ///
    /// # Errors
    /// Says what in `$P2P_OVERLAYS` is no overlay.
    pub fn overlays(&self, given: &[OverlayAddress]) -> Result<Vec<OverlayAddress>, String> {
        if !given.is_empty() {
            return Ok(given.to_vec());
        }
        if let Ok(texts) = env::var(OVERLAYS_VARIABLE) {
            let parse = |text| {
                let wrong = |error| format!("{OVERLAYS_VARIABLE}: {error}");
                OverlayAddress::parse(text).map_err(wrong)
            };
            return texts.split_whitespace().map(parse).collect();
        }
        Ok(self.overlays.clone().unwrap_or_else(Config::default_overlays))
    }

    /// Those that need no account and no server of one's own: the local network, and Mainline if this
    /// program was built with it.
    pub fn default_overlays() -> Vec<OverlayAddress> {
        vec![
            OverlayAddress::Lan,
            #[cfg(feature = "mainline")]
            OverlayAddress::Mainline(Bootstrap::default()),
        ]
    }

    /// Who is to find this identity: everybody unless told otherwise.
    pub fn audience(&self) -> Audience {
        self.audience.unwrap_or_default()
    }

    /// The UDP addresses to use, and whether a free port will do where one is taken.
    pub fn udp(&self, given: &[SocketAddr]) -> Udp {
        let (addresses, or_any_port) = match (given, &self.udp) {
            ([], None) => (DEFAULT_UDP.to_vec(), true),
            ([], Some(configured)) => (configured.clone(), false),
            (given, _) => (given.to_vec(), false),
        };
        Udp { addresses, or_any_port, exclude: self.exclude.clone().unwrap_or_default() }
    }

    /// The rendezvous to register at.
    pub fn rendezvous(&self, given: &[Rendezvous]) -> Vec<Rendezvous> {
        if given.is_empty() { self.rendezvous.clone().unwrap_or_default() } else { given.to_vec() }
    }

    /// What this daemon does for others; nothing unless the file says so.
    pub fn lending(&self) -> Option<Lending> {
        let (register, relay) = (self.rendezvous_for.clone(), self.relay_for.clone());
        (register.is_some() || relay.is_some()).then(|| Lending {
            register: register.or_else(|| relay.clone()).unwrap_or_default(),
            relay: relay.unwrap_or_default(),
            rate: Rules::TOTAL,
            tcp: self.rendezvous_tcp.map_or(Tcp::Nowhere, Tcp::At),
        })
    }

    /// The STUN servers to ask; some public ones unless told otherwise.
    pub fn stun(&self) -> Vec<ServerAddress> {
        let default = || DEFAULT_SERVERS.iter().filter_map(|text| ServerAddress::parse(text));
        self.stun.clone().unwrap_or_else(|| default().collect())
    }

    /// The TURN servers to borrow an address from; none unless told so.
    pub fn turn(&self) -> Vec<TurnServer> {
        self.turn.clone().unwrap_or_default()
    }

    /// Whether to ask the router for a port while something is served; yes unless told otherwise.
    pub fn port_mapping(&self) -> bool {
        self.port_mapping.unwrap_or(true)
    }

    /// Whether Teredo is used, and through whom; without a setting peers with a Teredo address are
    /// reached, and no server hears of this host before.
    pub fn teredo(&self) -> TeredoSetting {
        self.teredo.clone()
    }

    /// What to do with people met for the first time: accept them unless told otherwise.
    pub fn first_use(&self) -> FirstUse {
        self.first_use.unwrap_or_default()
    }

    /// Who is asked about people met for the first time: the web sites of their domains, unless told
    /// otherwise.
    pub fn well_known(&self) -> Option<WellKnown> {
        self.well_known.unwrap_or(true).then(WellKnown::default)
    }

    /// Where the proxy listens.
    pub fn listen(&self, given: &[SocketAddr]) -> Vec<SocketAddr> {
        if !given.is_empty() {
            return given.to_vec();
        }
        self.listen.clone().unwrap_or_else(|| DEFAULT_LISTEN.to_vec())
    }
}

/// Where peers shall find the daemon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Udp {
    /// Addresses to bind.
    pub addresses: Vec<SocketAddr>,
    /// Whether any free port will do where one is taken.
    pub or_any_port: bool,
    /// Addresses of this machine that no peer is told.
    pub exclude: Vec<Exclusion>,
}

fn parse(text: &str) -> Result<Config, String> {
    let entries = Entries::parse(text, &KEYS)?;
    Ok(Config {
        overlays: entries.list("overlay", |text| {
            OverlayAddress::parse(text).map_err(|error| error.to_string())
        })?,
        listen: entries.list("listen", socket_address)?,
        audience: entries.single("publish", |text| {
            text.parse().map_err(|()| format!("{text:?} is none of public, contacts"))
        })?,
        udp: entries.list("udp", socket_address)?,
        rendezvous: entries
            .list("rendezvous", |text| text.parse().map_err(|error| format!("{text:?} {error}")))?,
        rendezvous_for: entries.single("rendezvous-for", Circle::parse)?,
        relay_for: entries.single("relay-for", Circle::parse)?,
        rendezvous_tcp: entries.single("rendezvous-tcp", socket_address)?,
        stun: entries.list_or_nothing("stun", |text| {
            let wrong = || format!("{text:?} is not a server like stun.example.org:3478");
            ServerAddress::parse(text).ok_or_else(wrong)
        })?,
        turn: entries.list("turn", |text| {
            let wrong = "there is an account that is not like turn:user:password@host:3478";
            TurnServer::parse(text).ok_or_else(|| wrong.to_owned())
        })?,
        port_mapping: entries.yes_or_no("port-mapping")?,
        exclude: entries.list("exclude", |text| {
            Exclusion::parse(text).map_err(|error| format!("{text:?} is {error}"))
        })?,
        teredo: teredo(&entries)?,
        first_use: entries.single("first-use", |text| {
            text.parse().map_err(|()| format!("{text:?} is none of ask, accept, refuse"))
        })?,
        well_known: entries.single("well-known", |text| match text {
            "ask" => Ok(true),
            "off" => Ok(false),
            _ => Err(format!("{text:?} is none of ask, off")),
        })?,
    })
}

fn teredo(entries: &Entries) -> Result<TeredoSetting, String> {
    let texts = entries.list("teredo", |text| Ok(text.to_owned()))?.unwrap_or_default();
    TeredoSetting::parse(&texts).map_err(|error| entries.at("teredo", error.to_string()))
}

fn socket_address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| format!("{text:?} is not an address like 127.0.0.1:5050"))
}

/// A configuration file that cannot be understood.
#[derive(Debug)]
pub struct ConfigError {
    path: PathBuf,
    problem: String,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot read {}: {}", self.path.display(), self.problem)
    }
}

impl std::error::Error for ConfigError {}

#[cfg(test)]
mod tests;
