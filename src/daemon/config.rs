//! Settings: what people write into `config.toml`, below what the environment and the command line say.

use std::{
    collections::BTreeMap,
    env, fmt, io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    path::PathBuf,
};

use nanoserde::{Toml, TomlParser};

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
use crate::runtime::file;
use crate::runtime::plain;
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
    let entries =
        TomlParser::parse(text).map_err(|error| format!("line {} is not TOML", error.line + 1))?;
    if let Some(unknown) = entries.keys().find(|key| !KEYS.contains(&key.as_str())) {
        return Err(format!("{unknown}: no such setting (there are {})", KEYS.join(", ")));
    }
    if !ends_well(text) {
        return Err("the last list has no ] at its end".into());
    }
    Ok(Config {
        overlays: list(&entries, "overlay", |text| {
            OverlayAddress::parse(text).map_err(|error| error.to_string())
        })?,
        listen: list(&entries, "listen", socket_address)?,
        audience: single(&entries, "publish", |text| {
            text.parse().map_err(|()| format!("{text:?} is none of public, contacts"))
        })?,
        udp: list(&entries, "udp", socket_address)?,
        rendezvous: list(&entries, "rendezvous", |text| {
            text.parse().map_err(|error| format!("{text:?} {error}"))
        })?,
        rendezvous_for: single(&entries, "rendezvous-for", Circle::parse)?,
        relay_for: single(&entries, "relay-for", Circle::parse)?,
        rendezvous_tcp: single(&entries, "rendezvous-tcp", socket_address)?,
        stun: list_or_nothing(&entries, "stun", |text| {
            let wrong = || format!("{text:?} is not a server like stun.example.org:3478");
            ServerAddress::parse(text).ok_or_else(wrong)
        })?,
        turn: list(&entries, "turn", |text| {
            let wrong = "there is an account that is not like turn:user:password@host:3478";
            TurnServer::parse(text).ok_or_else(|| wrong.to_owned())
        })?,
        port_mapping: yes_or_no(&entries, "port-mapping")?,
        exclude: list(&entries, "exclude", |text| {
            Exclusion::parse(text).map_err(|error| format!("{text:?} is {error}"))
        })?,
        teredo: teredo(&entries)?,
        first_use: single(&entries, "first-use", |text| {
            text.parse().map_err(|()| format!("{text:?} is none of ask, accept, refuse"))
        })?,
        well_known: single(&entries, "well-known", |text| match text {
            "ask" => Ok(true),
            "off" => Ok(false),
            _ => Err(format!("{text:?} is none of ask, off")),
        })?,
    })
}

fn teredo(entries: &BTreeMap<String, Toml>) -> Result<TeredoSetting, String> {
    let texts = list(entries, "teredo", |text| Ok(text.to_owned()))?.unwrap_or_default();
    TeredoSetting::parse(&texts).map_err(|error| format!("teredo: {error}"))
}

fn single<T: Clone>(
    entries: &BTreeMap<String, Toml>,
    key: &str,
    read: impl Fn(&str) -> Result<T, String>,
) -> Result<Option<T>, String> {
    match list(entries, key, read)?.as_deref() {
        None => Ok(None),
        Some([one]) => Ok(Some(one.clone())),
        Some(_) => Err(format!("{key}: one text in quotes is enough")),
    }
}

/// nanoserde takes the end of the file for the end of a list. One more setting tells: an open list
/// swallows it.
fn ends_well(text: &str) -> bool {
    let extended = TomlParser::parse(&format!("{text}\nend = true"));
    extended.is_ok_and(|entries| entries.contains_key("end"))
}

fn socket_address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| format!("{text:?} is not an address like 127.0.0.1:5050"))
}

fn yes_or_no(entries: &BTreeMap<String, Toml>, key: &str) -> Result<Option<bool>, String> {
    match entries.get(key) {
        None => Ok(None),
        Some(Toml::Bool(value)) => Ok(Some(*value)),
        Some(_) => Err(format!("{key}: must be true or false")),
    }
}

/// A list that may be empty, to turn something off.
fn list_or_nothing<T>(
    entries: &BTreeMap<String, Toml>,
    key: &str,
    read: impl Fn(&str) -> Result<T, String>,
) -> Result<Option<Vec<T>>, String> {
    match entries.get(key) {
        Some(Toml::SimpleArray(none)) if none.is_empty() => Ok(Some(Vec::new())),
        _ => list(entries, key, read),
    }
}

fn list<T>(
    entries: &BTreeMap<String, Toml>,
    key: &str,
    read: impl Fn(&str) -> Result<T, String>,
) -> Result<Option<Vec<T>>, String> {
    let texts: Vec<&str> = match entries.get(key) {
        None => return Ok(None),
        Some(Toml::Str(one)) => vec![one],
        Some(Toml::SimpleArray(many)) => many
            .iter()
            .map(|item| if let Toml::Str(text) = item { Some(text.as_str()) } else { None })
            .collect::<Option<_>>()
            .ok_or_else(|| format!("{key}: every item must be in quotes"))?,
        Some(_) => return Err(format!("{key}: must be a text in quotes or a list of them")),
    };
    if texts.is_empty() {
        return Err(format!("{key}: the list is empty"));
    }
    let read = |text: &&str| read(text).map_err(|problem| format!("{key}: {problem}"));
    texts.iter().map(read).collect::<Result<_, _>>().map(Some)
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
mod tests {
    use super::*;
    use crate::identity::PublicKey;

    #[test]
    fn reads_lists_and_single_texts() {
        let config = parse("overlay = [\"lan\"]\nlisten = \"127.0.0.1:5050\"\n").unwrap();
        assert_eq!(config.overlays.as_ref().unwrap().len(), 1);
        assert_eq!(config.listen, Some(vec!["127.0.0.1:5050".parse().unwrap()]));
        assert_eq!((config.udp.clone(), config.audience()), (None, Audience::Public));
        let private = parse("publish = \"contacts\"").unwrap();
        assert_eq!(private.audience(), Audience::Contacts);
        assert_eq!(config.stun().len(), DEFAULT_SERVERS.len());
        assert!(config.port_mapping() && !parse("port-mapping = false").unwrap().port_mapping());
        assert_eq!(parse("turn = \"turn:u:p@192.0.2.1\"").unwrap().turn().len(), 1);
        assert_eq!(parse("stun = []").unwrap().stun(), []);
        assert_eq!(parse("stun = \"192.0.2.1\"").unwrap().stun().len(), 1);
        let exclude = parse("exclude = [\"docker0\", \"10.8.0.0/16\"]").unwrap().exclude;
        assert_eq!(exclude.unwrap()[0], Exclusion::Interface("docker0".into()));
        assert_eq!(config.teredo(), TeredoSetting::Visit);
        let teredo = parse("teredo = [\"192.0.2.1\", \"t.example.com:3544\"]").unwrap().teredo();
        assert_eq!(teredo.servers(true), ["192.0.2.1", "t.example.com"]);
    }

    #[test]
    fn strangers_in_different_homes_meet_without_any_setting() {
        let spelled: Vec<String> =
            Config::default_overlays().iter().map(ToString::to_string).collect();
        let expected = if cfg!(feature = "mainline") { &["lan", "mainline"][..] } else { &["lan"] };
        assert_eq!(spelled, expected);
    }

    #[test]
    fn reads_what_is_lent_to_others() {
        let config = parse("rendezvous-for = \"anyone\"\nrelay-for = \"contacts\"").unwrap();
        let lending = config.lending().unwrap();
        assert_eq!((lending.register, lending.relay), (Circle::Anyone, Circle::Contacts));
        assert_eq!(parse("").unwrap().lending(), None);
        let node = Rendezvous { key: PublicKey([7; 32]), address: "192.0.2.1:5".parse().unwrap() };
        let config = parse(&format!("rendezvous = \"{node}\"")).unwrap();
        assert_eq!(config.rendezvous(&[]), [node]);
        assert!(parse("rendezvous = \"192.0.2.1:5\"").is_err());
    }

    #[test]
    fn says_which_setting_is_wrong() {
        for (text, problem) in [
            (
                "overlays = [\"lan\"]",
                "overlays: no such setting (there are exclude, first-use, listen, overlay, \
                 port-mapping, publish, relay-for, rendezvous, rendezvous-for, rendezvous-tcp, stun, \
                 teredo, turn, udp, well-known)",
            ),
            ("relay-for = [\"anyone\", \"none\"]", "relay-for: one text in quotes is enough"),
            ("first-use = \"always\"", "first-use: \"always\" is none of ask, accept, refuse"),
            ("first-use = [\"ask\", \"ask\"]", "first-use: one text in quotes is enough"),
            ("publish = \"friends\"", "publish: \"friends\" is none of public, contacts"),
            ("well-known = \"on\"", "well-known: \"on\" is none of ask, off"),
            ("overlay = 3", "overlay: must be a text in quotes or a list of them"),
            ("stun = \"a b\"", "stun: \"a b\" is not a server like stun.example.org:3478"),
            (
                "turn = \"turn:user:secret\"",
                "turn: there is an account that is not like turn:user:password@host:3478",
            ),
            ("port-mapping = \"no\"", "port-mapping: must be true or false"),
            (
                "teredo = \"on\"",
                "teredo: \"on\" is not off, visit, auto or a server like teredo.example.com \
                 (always at port 3544)",
            ),
            ("udp = \"5050\"", "udp: \"5050\" is not an address like 127.0.0.1:5050"),
            (
                "exclude = [\"10.8/16\"]",
                "exclude: \"10.8/16\" is neither an interface like docker0 nor a network like \
                 10.8.0.0/16",
            ),
            ("overlay = []", "overlay: the list is empty"),
            ("overlay = [", "the last list has no ] at its end"),
            ("overlay = [\"lan\"", "the last list has no ] at its end"),
            ("overlay = [\"lan\",\n", "the last list has no ] at its end"),
            ("listen = [1, 2]", "listen: every item must be in quotes"),
        ] {
            assert_eq!(parse(text).unwrap_err(), problem);
        }
        assert_eq!(parse("overlay ! lan").unwrap_err(), "line 1 is not TOML");
        assert_eq!(parse("\noverlay ! lan").unwrap_err(), "line 2 is not TOML");
    }
}
