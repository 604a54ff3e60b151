//! Settings: what people write into `config.toml`, below what the environment and the command line say.

use std::{
    collections::BTreeMap,
    env, fmt, io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    path::PathBuf,
};

use nanoserde::{Toml, TomlParser};

use super::home::Home;
use crate::overlay::{OverlayAddress, WellKnown};
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
    /// `udp`: where peers find this daemon.
    udp: Option<Vec<SocketAddr>>,
    /// `first-use`: what to do with people met for the first time.
    first_use: Option<FirstUse>,
    /// `well-known`: whether web sites of domains are asked about people met for the first time.
    well_known: Option<bool>,
}

/// More than any real configuration.
const MAX_SIZE: usize = 64 * 1024;
const KEYS: [&str; 5] = ["first-use", "listen", "overlay", "udp", "well-known"];

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
    /// the local network, which needs nobody.
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
        Ok(self.overlays.clone().unwrap_or_else(|| vec![OverlayAddress::Lan]))
    }

    /// The UDP addresses to use, and whether a free port will do where one is taken.
    pub fn udp(&self, given: &[SocketAddr]) -> Udp {
        match (given, &self.udp) {
            ([], None) => Udp { addresses: DEFAULT_UDP.to_vec(), or_any_port: true },
            ([], Some(configured)) => Udp { addresses: configured.clone(), or_any_port: false },
            (given, _) => Udp { addresses: given.to_vec(), or_any_port: false },
        }
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
        udp: list(&entries, "udp", socket_address)?,
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

/// nanoserde takes the end of the file for the end of a list. One more setting tells: an open list
/// swallows it.
fn ends_well(text: &str) -> bool {
    let extended = TomlParser::parse(&format!("{text}\nend = true"));
    extended.is_ok_and(|entries| entries.contains_key("end"))
}

fn socket_address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| format!("{text:?} is not an address like 127.0.0.1:5050"))
}

fn single<T>(
    entries: &BTreeMap<String, Toml>,
    key: &str,
    read: impl Fn(&str) -> Result<T, String>,
) -> Result<Option<T>, String> {
    match entries.get(key) {
        None => Ok(None),
        Some(Toml::Str(text)) => {
            read(text).map(Some).map_err(|problem| format!("{key}: {problem}"))
        }
        Some(_) => Err(format!("{key}: must be a text in quotes")),
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

    #[test]
    fn reads_lists_and_single_texts() {
        let config = parse("overlay = [\"lan\"]\nlisten = \"127.0.0.1:5050\"\n").unwrap();
        assert_eq!(config.overlays.unwrap().len(), 1);
        assert_eq!(config.listen, Some(vec!["127.0.0.1:5050".parse().unwrap()]));
        assert_eq!(config.udp, None);
    }

    #[test]
    fn says_which_setting_is_wrong() {
        for (text, problem) in [
            (
                "overlays = [\"lan\"]",
                "overlays: no such setting (there are first-use, listen, overlay, udp, well-known)",
            ),
            ("first-use = \"always\"", "first-use: \"always\" is none of ask, accept, refuse"),
            ("first-use = [\"ask\"]", "first-use: must be a text in quotes"),
            ("well-known = \"on\"", "well-known: \"on\" is none of ask, off"),
            ("overlay = 3", "overlay: must be a text in quotes or a list of them"),
            ("udp = \"5050\"", "udp: \"5050\" is not an address like 127.0.0.1:5050"),
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
