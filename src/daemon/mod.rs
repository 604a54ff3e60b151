//! The daemon of a home: puts the layers together and keeps them running.
//!
//! One process is the daemon of a home, whichever command started it. It publishes where the identity is
//! as long as something is served, answers peers, and lends browsers an entrance when asked to.
//!
//! ```text
//! Control ──> Daemon ──> Services <── Gateway <── Transport <── peers
//!                │
//!                ├──> Publishing ──> overlays
//!                └──> Proxy ──> Reach ──> Finder ──> overlays, trust
//!                                  └────> Transport ──> peers
//! ```

mod answer;
mod config;
mod contact_book;
mod control;
mod control_client;
mod control_socket;
mod entrance;
mod finder;
mod home;
mod identity;
mod json;
mod labels;
pub mod notify;
mod publishing;
mod reach;
mod start_error;

use std::{
    env, fmt, io,
    net::SocketAddr,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

pub use config::{Config, DEFAULT_LISTEN, Udp};
pub use contact_book::{BookError, ContactBook};
pub use control::{
    ContactStatus, OverlayStatus, Problem, PutProxy, PutService, Registered, ServiceStatus, Status,
};
pub use control_client::{ControlClient, ControlError};
pub use home::{Home, HomeError, HomeLock};
pub use identity::{Identity, IdentityError, Passphrase, PassphraseSource};
pub use labels::Labels;
pub use reach::Reached;
pub use start_error::StartError;

use crate::identity::{Destination, KeyPair, Name, Seed, ServicePort};
use crate::link::{Link, Strangers};
use crate::overlay::{self, Overlay, OverlayAddress};
use crate::registration::{Floors, Outcome, Wanted, Whereabouts};
use crate::runtime::http::Handler;
use crate::runtime::{
    Task, clock,
    file::{self, Access},
    plain, random, spawn,
};
use crate::serve::{Site, feed::Owner};
use crate::service::{Lease, Service, Upstream};
use crate::transport::{IdleLimits, Transport};
use crate::trust::FirstUse;
use crate::web::{Failure, Peers, Pseudonym};
use answer::Answering;
use control::{Control, TokenGate};
use control_socket::ControlSocket;
use entrance::Entrance;
use finder::Finder;
use publishing::Publishing;
use reach::Reach;

/// What a daemon is started with.
#[derive(Debug)]
pub struct DaemonOptions {
    /// Its state directory.
    pub home: Home,
    /// Whose it is.
    pub identity: Identity,
    /// Where packets are published and looked up.
    pub overlays: Vec<OverlayAddress>,
    /// Where peers shall find it.
    pub udp: Udp,
}

/// What can be served.
#[derive(Clone, Debug)]
pub enum Offer {
    /// A folder as web site and feeds.
    Folder(PathBuf),
    /// An HTTP server on this machine.
    Application(Upstream),
}

/// A running daemon.
pub struct Daemon {
    home: Home,
    keys: KeyPair,
    overlays: Vec<Arc<dyn Overlay>>,
    transport: Arc<Transport>,
    answering: Arc<Answering>,
    finder: Arc<Finder>,
    reach: Arc<Reach>,
    pseudonym: Pseudonym,
    publishing: Mutex<Option<(Arc<Publishing>, Task<()>)>>,
    entrance: Mutex<Option<Entrance>>,
    control: Mutex<Option<ControlSocket>>,
    _lock: HomeLock,
}

/// How long a shutdown waits for overlays to take packets away.
const WITHDRAW_TIME: Duration = Duration::from_secs(3);
/// The file of the newest packets seen.
const SEQUENCES: &str = "sequences";
/// Thousands of keys with their newest packets' times fit.
const MAX_SEQUENCES: usize = 8 << 20;

impl Daemon {
    /// Starts the daemon of a home: peers can reach it, commands can join it.
    ///
    /// # Errors
    /// When no UDP address or no control socket is to be had.
    pub fn start(options: DaemonOptions, lock: HomeLock) -> Result<Arc<Daemon>, StartError> {
        let DaemonOptions { home, identity: Identity { name, keys }, overlays, udp } = options;
        ContactBook::new(&home).contacts().map_err(StartError::Contacts)?;
        let transport = Arc::new(bind(&keys, &udp)?);
        let overlays: Vec<_> = overlays.iter().map(|o| overlay::open(o, &keys)).collect();
        let pseudonym = Pseudonym::new(random::bytes());
        let book = || ContactBook::new(&home);
        let answering = Answering::new(keys.clone(), name, book(), pseudonym.clone());
        let answering = Arc::new(answering);
        let sequences = read_sequences(&home);
        let finder = Finder::new(overlays.clone(), book(), FirstUse::Accept, sequences);
        let finder = Arc::new(finder);
        let reach =
            Reach::new(transport.clone(), finder.clone(), answering.clone(), Labels::new(&home));
        let daemon = Arc::new(Daemon {
            home,
            keys,
            overlays,
            transport: transport.clone(),
            answering: answering.clone(),
            finder,
            reach: Arc::new(reach),
            pseudonym,
            publishing: Mutex::default(),
            entrance: Mutex::default(),
            control: Mutex::default(),
            _lock: lock,
        });
        let control = ControlSocket::open(&daemon.home, Arc::new(Control::new(&daemon)))?;
        *lock_of(&daemon.control) = Some(control);
        spawn(answering.run(transport)).detach(); // it ends with the transport
        Ok(daemon)
    }

    /// Serves something at a port, under a name that is made if there is none yet.
    ///
    /// # Errors
    /// When the folder cannot be read, or the port is taken and may not be replaced.
    pub fn register(
        &self,
        port: ServicePort,
        offer: Offer,
        ttl: Option<Duration>,
        replace: bool,
    ) -> Result<Registered, StartError> {
        let (name, fresh_name) = self.name_or_make()?;
        let (handler, summary): (Arc<dyn Handler>, String) = match offer {
            Offer::Application(upstream) => {
                let summary = upstream.to_string();
                (Arc::new(upstream), summary)
            }
            Offer::Folder(folder) => {
                let site = Site::open(&folder, Owner { name: Some(name.clone()), port })?;
                (Arc::new(site), folder.display().to_string())
            }
        };
        let service = Service { handler, summary: summary.clone() };
        let lease =
            self.answering.services().register(clock::now(), port, service, ttl, replace)?;
        self.publish();
        let lease = lease.number();
        Ok(Registered { lease, target: summary, name: name.to_string(), fresh_name })
    }

    /// Prolongs what was registered for a time; false if it is gone.
    pub fn renew(&self, lease: Lease, ttl: Duration) -> bool {
        self.answering.services().renew(clock::now(), lease, ttl)
    }

    /// Ends what is served at a port; false if nothing was.
    pub fn withdraw(&self, port: ServicePort) -> bool {
        self.answering.services().withdraw_port(port)
    }

    /// Opens the entrance for browsers; gives where it is. One that is open already stays.
    ///
    /// # Errors
    /// When an address is taken.
    pub fn open_proxy(
        self: &Arc<Self>,
        addresses: &[SocketAddr],
    ) -> Result<Vec<SocketAddr>, StartError> {
        let mut entrance = lock_of(&self.entrance);
        if entrance.is_none() {
            let token = control_socket::token(&self.home)?;
            let api: Arc<dyn Handler> =
                Arc::new(TokenGate::new(&token, Arc::new(Control::new(self))));
            let peers: Arc<dyn Peers> = Arc::new(self.reach.clone());
            *entrance = Some(Entrance::open(addresses, &peers, &api, &self.pseudonym)?);
        }
        Ok(entrance.as_ref().map(|e| e.addresses().to_vec()).unwrap_or_default())
    }

    /// Closes the entrance for browsers.
    pub fn close_proxy(&self) {
        lock_of(&self.entrance).take();
    }

    /// Opens a stream to a service and says how long each step took.
    ///
    /// # Errors
    /// The step that failed, in the words of the error pages.
    pub async fn reach(&self, destination: &Destination) -> Result<Reached, Failure> {
        Reach::open(&self.reach, destination).await.map(|(_, reached)| reached)
    }

    /// Waits until an overlay has the registration, or the time is over.
    pub async fn published(&self, patience: Duration) -> bool {
        let publishing = lock_of(&self.publishing).as_ref().map(|(p, _)| p.clone());
        match publishing {
            Some(publishing) => clock::timeout(patience, publishing.stored()).await.is_some(),
            None => false,
        }
    }

    /// The name, if there is one.
    pub fn name(&self) -> Option<Name> {
        self.answering.name()
    }

    /// What friends are given; empty without a name.
    pub fn share_link(&self) -> String {
        let overlays: Vec<String> = self.overlays.iter().map(|o| o.address().to_owned()).collect();
        Identity { name: self.name(), keys: self.keys.clone() }.share_link(&overlays)
    }

    /// What the daemon is doing.
    pub fn status(&self) -> Status {
        let texts = |addresses: &[SocketAddr]| addresses.iter().map(ToString::to_string).collect();
        let key = self.keys.public();
        let proxy = lock_of(&self.entrance);
        let proxy = proxy.as_ref().map(|e| texts(e.addresses())).unwrap_or_default();
        Status {
            name: self.name().map(|name| name.to_string()),
            key: key.to_string(),
            fingerprint: key.fingerprint().to_string(),
            share_link: self.share_link(),
            udp: texts(&self.transport.link().bound_addresses()),
            proxy,
            overlays: self.overlay_statuses(),
            services: self.service_statuses(),
            connections: self.transport.connections(),
            process: std::process::id(),
        }
    }

    /// What is served.
    pub fn service_statuses(&self) -> Vec<ServiceStatus> {
        let services = self.answering.services().list(clock::now());
        let status = |(port, target, left): (ServicePort, String, Option<Duration>)| {
            ServiceStatus { port: port.get(), target, expires: left.map(|left| left.as_secs()) }
        };
        services.into_iter().map(status).collect()
    }

    /// Whose keys are accepted; nobody's while the book cannot be read.
    pub fn contact_statuses(&self) -> Vec<ContactStatus> {
        self.finder.book().list().unwrap_or_default()
    }

    /// Takes the registration away, closes connections, and writes down what must not be forgotten.
    pub async fn shutdown(&self) {
        self.close_proxy();
        lock_of(&self.control).take();
        let publishing = lock_of(&self.publishing).take();
        if let Some((publishing, task)) = publishing {
            publishing.withdraw();
            let _ = clock::timeout(WITHDRAW_TIME, task).await;
            self.finder.sequences().raise(self.keys.public(), publishing.last_sequence());
        }
        self.write_sequences();
        self.transport.shutdown().await;
    }

    fn overlay_statuses(&self) -> Vec<OverlayStatus> {
        let publishing = lock_of(&self.publishing);
        let results = publishing.as_ref().map(|(p, _)| p.results()).unwrap_or_default();
        let mut results = results.into_iter();
        let status = |overlay: &Arc<dyn Overlay>| {
            let result = results.next().unwrap_or_default();
            OverlayStatus {
                address: overlay.address().to_owned(),
                published: result.at.map(|at| clock::wall().since(at).as_secs()),
                error: result.error.map(|error| error.to_string()),
            }
        };
        self.overlays.iter().map(status).collect()
    }

    fn name_or_make(&self) -> Result<(Name, bool), StartError> {
        if let Some(name) = self.name() {
            return Ok((name, false));
        }
        let name = default_name(&self.keys);
        let identity = Identity { name: None, keys: self.keys.clone() };
        identity.named(&self.home, name.clone())?;
        self.answering.set_name(name.clone());
        Ok((name, true))
    }

    /// Begins to publish, if this has not begun.
    fn publish(&self) {
        let mut publishing = lock_of(&self.publishing);
        if publishing.is_some() {
            return;
        }
        let last = self.finder.sequences().of(&self.keys.public());
        let new = Publishing::new(self.keys.clone(), self.name(), last, self.overlays.clone());
        let link = self.transport.link().clone();
        let whereabouts =
            move || Whereabouts { locators: link.local_locators(), ..Whereabouts::default() };
        *publishing = Some((new.clone(), spawn(new.run(whereabouts))));
    }

    /// Writes down the newest packets seen and signed.
    fn write_sequences(&self) {
        let text = self.finder.sequences().to_text();
        let path = self.home.path(SEQUENCES);
        if let Err(error) = file::replace(&path, text.as_bytes(), Access::Private) {
            log::warn!("cannot write {}: {}", path.display(), plain(&error));
        }
    }
}

impl fmt::Debug for Daemon {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Daemon({})", self.keys.public().fingerprint())
    }
}

/// Asks every overlay about somebody, without a daemon; gives their addresses beside the outcome.
pub async fn look_up(
    home: &Home,
    overlays: &[OverlayAddress],
    wanted: &Wanted,
) -> (Vec<String>, Outcome) {
    // a key matters to those who write
    let nobody = KeyPair::from_seed(&Seed::new(random::bytes()));
    let overlays: Vec<_> = overlays.iter().map(|o| overlay::open(o, &nobody)).collect();
    let addresses = overlays.iter().map(|overlay| overlay.address().to_owned()).collect();
    let book = ContactBook::new(home);
    let finder = Finder::new(overlays, book, FirstUse::Refuse, read_sequences(home));
    (addresses, finder.ask(wanted).await)
}

/// Locks what no panic can leave half changed: one thread runs everything, and it aborts.
fn lock_of<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Starts QUIC at the addresses wanted, or at free ports where that is allowed.
fn bind(keys: &KeyPair, udp: &Udp) -> Result<Transport, StartError> {
    let open = |addresses: &[SocketAddr]| Link::bind(keys, addresses, Strangers::Welcome);
    let mut link = open(&udp.addresses);
    if udp.or_any_port && link.is_err() {
        // taken, or no IPv6: each family for itself, at its port or any
        let free = |a: &SocketAddr| SocketAddr::new(a.ip(), 0);
        let any: Vec<SocketAddr> = udp.addresses.iter().map(free).collect();
        link = open(&any);
        for single in any.iter().filter(|_| link.is_err()).collect::<Vec<_>>() {
            link = link.or_else(|_| open(&[*single]));
        }
    }
    let failed = |error: io::Error| StartError::Udp { addresses: udp.addresses.clone(), error };
    let link = link.map_err(failed)?;
    Transport::new(keys, link, IdleLimits::default()).map_err(failed)
}

/// The newest packets seen before; a file that is damaged is as good as none.
fn read_sequences(home: &Home) -> Floors {
    let path = home.path(SEQUENCES);
    let Ok(text) = file::read(&path, MAX_SEQUENCES) else { return Floors::new() };
    Floors::parse(&String::from_utf8_lossy(&text)).unwrap_or_else(|error| {
        log::warn!("cannot read {}: {error}", path.display());
        Floors::new()
    })
}

/// A name for somebody who chose none.
fn default_name(keys: &KeyPair) -> Name {
    let user = env::var("USER").or_else(|_| env::var("LOGNAME")).unwrap_or_default();
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    Name::for_host(&user, &host, &keys.public())
}
