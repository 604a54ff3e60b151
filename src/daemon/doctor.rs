//! Looks at this machine and its network, and says in plain words what stands in the way of meeting others.
//!
//! Each check is by itself and changes nothing. What a running daemon knows better is asked of it.

mod overlays;
mod settings;

use std::{
    fs,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, UdpSocket},
    os::unix::fs::MetadataExt,
};

use nanoserde::{DeJson, SerJson};

use super::{Config, ControlClient, DEFAULT_LISTEN, Home, RendezvousStatus, Sequences, Status};
use crate::identity::{KeyPair, PublicKeyFile, Seed, unset_clock};
use crate::link::stun::{self, ServerAddress};
use crate::link::{self, Link, Strangers};
use crate::overlay::{self, OverlayAddress};
use crate::registration::MAX_CLOCK_SKEW;
use crate::runtime::{clock, plain, random, spawn, unblock};
use settings::settings_checks;

/// What one check came to.
#[derive(Debug, Clone, SerJson, DeJson)]
pub struct Check {
    /// What was looked at, in a word or two.
    pub name: String,
    /// `fine`; `note` for what may matter to somebody; `wrong` for what stands in the way.
    pub outcome: String,
    /// What was found.
    pub found: String,
    /// What to do about it, if there is something.
    pub advice: Option<String>,
}

/// Examines everything, in the order in which people should read it: `given` overlays, else those that a running
/// daemon uses, else the configured ones.
///
/// # Errors
/// Says what in `$P2P_OVERLAYS` is no overlay.
pub async fn doctor(
    home: &Home,
    config: &Config,
    given: &[OverlayAddress],
) -> Result<Vec<Check>, String> {
    let client = ControlClient::new(home);
    let status = client.get::<Status>("/api/status").await.ok();
    let configured = config.overlays(given)?;
    let nobody = KeyPair::from_seed(&Seed::new(random::bytes()));
    // the answers of overlays take longest: they come in while the rest is looked at
    let answers = spawn(overlay_checks(
        status.is_some().then_some(client).filter(|_| given.is_empty()),
        configured.clone(),
        nobody.clone(),
    ));
    let nat = spawn(nat_check(config.stun()));
    let mut checks = vec![home_check(home), clock_check(home), daemon_check(status.as_ref())];
    checks.push(addresses_check(config, &nobody));
    checks.push(internet_check());
    match &status {
        None => {
            checks.push(udp_port_check(config).await);
            checks.push(browser_port_check(config).await);
        }
        Some(status) => {
            checks.extend(settings_checks(status, config));
            checks.extend(status.rendezvous.iter().map(rendezvous_check));
            checks.extend(status.teredo.as_deref().map(teredo_check));
            checks.push(reach_check(status));
        }
    }
    checks.push(nat.await);
    checks.extend(answers.await);
    Ok(checks)
}

/// Whether the overlays in use answer: those of the daemon, if there is one to be asked.
async fn overlay_checks(
    daemon: Option<ControlClient>,
    configured: Vec<OverlayAddress>,
    nobody: KeyPair,
) -> Vec<Check> {
    if let Some(daemon) = daemon
        && let Ok(checks) = daemon.get("/api/overlays").await
    {
        return checks;
    }
    let opened: Vec<_> = configured.iter().map(|a| overlay::open(a, &nobody)).collect();
    overlays::examine(&opened).await
}

impl Check {
    fn fine(name: &str, found: impl Into<String>) -> Check {
        Check::new(name, "fine", found)
    }

    fn note(name: &str, found: impl Into<String>) -> Check {
        Check::new(name, "note", found)
    }

    fn wrong(name: &str, found: impl Into<String>) -> Check {
        Check::new(name, "wrong", found)
    }

    fn new(name: &str, outcome: &str, found: impl Into<String>) -> Check {
        let (name, outcome) = (name.to_owned(), outcome.to_owned());
        Check { name, outcome, found: found.into(), advice: None }
    }

    fn advise(self, advice: impl Into<String>) -> Check {
        Check { advice: Some(advice.into()), ..self }
    }

    /// Whether it stands in the way.
    pub fn is_wrong(&self) -> bool {
        self.outcome == "wrong"
    }
}

/// The state directory and the key in it are this user's alone.
fn home_check(home: &Home) -> Check {
    const NAME: &str = "home";
    let folder = home.folder().display();
    if let Err(error) = home.recognise() {
        return Check::wrong(NAME, error.to_string()).advise(error.hint());
    }
    let mode = |path| fs::metadata(path).map(|metadata| metadata.mode() & 0o777);
    match (mode(home.folder().to_owned()), mode(home.path("identity.key"))) {
        (Err(_), _) | (_, Err(_)) => Check::note(NAME, format!("no identity in {folder} yet"))
            .advise("\"p2p init NAME\" makes one; without it you can open what others share"),
        (Ok(mode), _) if mode & 0o022 != 0 => {
            Check::wrong(NAME, format!("others may write to {folder} (mode {mode:03o})"))
                .advise(format!("chmod 700 {folder}"))
        }
        (_, Ok(mode)) if mode & 0o077 != 0 => {
            let key = home.path("identity.key");
            let key = key.display();
            Check::wrong(NAME, format!("others may read {key} (mode {mode:03o})"))
                .advise(format!("chmod 600 {key}, and make a new identity if it may have leaked"))
        }
        _ => Check::fine(NAME, format!("{folder} is yours alone")),
    }
}

/// Packets carry times: a clock that is wrong makes one's own too old, and those of others.
fn clock_check(home: &Home) -> Check {
    const NAME: &str = "clock";
    let now = clock::wall();
    let own = fs::read_to_string(home.path("identity.pub")).ok();
    let own = own.and_then(|text| PublicKeyFile::parse(&text).ok());
    let published = own.map(|own| Sequences::load(home).of(&own.key)).unwrap_or_default();
    let set = "set the date and time of this machine";
    if let Some(found) = unset_clock(now) {
        return Check::wrong(NAME, found).advise(set);
    }
    if published.since(now) > MAX_CLOCK_SKEW {
        let found = "it has gone back since this identity was published last";
        return Check::wrong(NAME, found).advise(set);
    }
    Check::fine(NAME, now.to_date_time())
}

fn daemon_check(status: Option<&Status>) -> Check {
    const NAME: &str = "daemon";
    let Some(status) = status else {
        return Check::note(NAME, "none runs in this home")
            .advise("\"p2p proxy\" or \"p2p serve FOLDER\" starts one");
    };
    let (udp, services) = (status.udp.join(" and "), status.services.len());
    let services = match services {
        1 => "1 service".to_owned(),
        services => format!("{services} services"),
    };
    let unpublished =
        !status.services.is_empty() && status.overlays.iter().all(|o| o.published.is_none());
    if unpublished {
        let found = format!("it has {services}, but no overlay has taken its packet");
        return Check::wrong(NAME, found).advise("see below which overlays can be reached");
    }
    Check::fine(NAME, format!("runs at UDP {udp}, with {services}"))
}

/// Where this machine can be reached as far as it can see itself.
fn addresses_check(config: &Config, keys: &KeyPair) -> Check {
    const NAME: &str = "addresses";
    let any = [IpAddr::from(Ipv4Addr::UNSPECIFIED), Ipv6Addr::UNSPECIFIED.into()];
    let links = any.iter().filter_map(|ip| {
        let link = Link::bind(keys, &[SocketAddr::new(*ip, 0)], Strangers::Ignored).ok()?;
        link.exclude(config.udp(&[]).exclude);
        Some(link.local_locators())
    });
    let mut addresses: Vec<IpAddr> = links.flatten().map(|locator| locator.ip()).collect();
    addresses.retain(|ip| !ip.is_loopback());
    if addresses.is_empty() {
        return Check::wrong(NAME, "none but that of this machine itself")
            .advise("connect it to a network");
    }
    let listed: Vec<String> = addresses.iter().map(ToString::to_string).collect();
    Check::fine(NAME, listed.join(", "))
}

/// Which families of addresses lead to the Internet.
fn internet_check() -> Check {
    const NAME: &str = "internet";
    let sources = link::preferred_sources();
    let v4 = sources.iter().find(|ip| ip.is_ipv4());
    // unique local addresses (RFC 4193) do not get there, whatever the routes say
    let is_global = |ip: &&IpAddr| matches!(ip, IpAddr::V6(v6) if !v6.is_unique_local());
    let v6 = sources.iter().find(is_global);
    match (v4, v6) {
        (Some(v4), Some(v6)) => Check::fine(NAME, format!("IPv4 from {v4}, IPv6 from {v6}")),
        (None, Some(v6)) => Check::note(NAME, format!("IPv6 only, from {v6}")),
        (Some(v4), None) => Check::note(NAME, format!("IPv4 only, from {v4}"))
            .advise("IPv6, where your provider has it, spares the NATs"),
        (None, None) => Check::wrong(NAME, "no way there")
            .advise("people on the same network still find each other by the overlay \"lan\""),
    }
}

/// Whether the ports for peers can be had, while no daemon has them.
async fn udp_port_check(config: &Config) -> Check {
    const NAME: &str = "udp port";
    let udp = config.udp(&[]);
    let wanted = udp.addresses.clone();
    let taken = unblock(move || {
        let failed = wanted.iter().map(|address| (address, UdpSocket::bind(address)));
        let failed = failed.filter_map(|(address, bound)| Some((*address, bound.err()?)));
        failed.map(|(address, error)| format!("{address}: {}", plain(&error))).next()
    });
    match taken.await {
        None => Check::fine(NAME, "free"),
        Some(taken) if udp.or_any_port => {
            Check::note(NAME, format!("{taken}; another one will be used"))
        }
        Some(taken) => Check::wrong(NAME, taken).advise("choose another with udp in config.toml"),
    }
}

/// Whether browsers can be listened for, while no daemon does.
async fn browser_port_check(config: &Config) -> Check {
    const NAME: &str = "browser port";
    let listen = config.listen(&[]);
    let first = *listen.first().unwrap_or(&DEFAULT_LISTEN[0]);
    match unblock(move || TcpListener::bind(first)).await {
        Ok(_) => Check::fine(NAME, format!("{first} is free")),
        Err(error) => Check::wrong(NAME, format!("{first}: {}", plain(&error)))
            .advise("\"p2p proxy --listen 127.0.0.1:0\" takes a free one"),
    }
}

/// What kind of NAT stands before this host, as STUN servers see it.
async fn nat_check(servers: Vec<ServerAddress>) -> Check {
    const NAME: &str = "nat";
    if servers.is_empty() {
        return Check::note(NAME, "no STUN server is configured, so it cannot be told")
            .advise("leave stun out of config.toml, or name a server");
    }
    let relay = "a rendezvous that relays for you helps: \"p2p serve --rendezvous KEY@ADDR\"";
    match stun::discover(&servers).await {
        Err(error) => Check::wrong(NAME, plain(&error)),
        Ok(found) => match found.is_punchable() {
            Some(true) => Check::fine(NAME, found.to_string()),
            Some(false) => Check::note(NAME, found.to_string()).advise(relay),
            None if found.mapped.is_none() => Check::wrong(NAME, found.to_string())
                .advise(format!("{relay}; it is reached over TCP too")),
            None => Check::note(NAME, found.to_string()),
        },
    }
}

/// How the daemon stands with one of its rendezvous.
fn rendezvous_check(node: &RendezvousStatus) -> Check {
    const NAME: &str = "rendezvous";
    let RendezvousStatus { address, registered, carries, tcp, refusal } = node;
    let place = address.split_once('@').map_or(address.as_str(), |(_, place)| place);
    match refusal {
        Some(reason) => Check::wrong(NAME, format!("{place} says: {reason}"))
            .advise("ask its owner, or name another with rendezvous in config.toml"),
        None if !registered => Check::wrong(NAME, format!("{place} does not answer"))
            .advise("ask its owner whether it runs, or name another"),
        None => {
            let what = if *carries { "introduces and carries" } else { "introduces" };
            let how = if *tcp { ", over TCP since UDP does not pass" } else { "" };
            Check::fine(NAME, format!("{place} {what}{how}"))
        }
    }
}

/// How far the built-in Teredo client has come.
fn teredo_check(state: &str) -> Check {
    Check::note("teredo", state)
}

/// Where the daemon can be reached beside its own addresses.
fn reach_check(status: &Status) -> Check {
    const NAME: &str = "reached at";
    let outside = status.candidates.iter().filter(|candidate| candidate.kind != "interface");
    let listed: Vec<String> = outside.map(|c| format!("{} ({})", c.address, c.kind)).collect();
    if listed.is_empty() {
        return Check::note(NAME, "its own addresses only").advise(
            "a router that maps ports (UPnP, NAT-PMP, PCP), IPv6 or a rendezvous opens it",
        );
    }
    Check::fine(NAME, listed.join(", "))
}
