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
//!
//! | file | concept |
//! |---|---|
//! | `home`, `config` | the directory of one person, and what stands in its settings |
//! | `books` | what is remembered there: contacts, authorities, certificates, rules, sequences |
//! | `presence` | publishing where this identity is, and hearing calls |
//! | `finder` | from a name to a key that may be believed, and its newest packet |
//! | `meeting_room` | where a person decides about somebody met for the first time |
//! | `answer`, `grounds`, `eviction` | who is let in, on what ground, and what follows when it is gone |
//! | `reach` | a stream to a service: look-up, trust, connection |
//! | `offering`, `lending` | what is served, and what is done for others |
//! | `entrance`, `own_origin`, `dashboard` | what browsers find |
//! | `control` | what programs may ask, and the other end for commands |
//! | `status`, `why`, `doctor`, `share_code`, `notify` | what is told of all this |
//! | `start`, `wiring`, `bystander` | how the parts are put together, with a daemon and without |

mod answer;
mod books;
mod bystander;
mod config;
mod control;
mod dashboard;
mod doctor;
mod entrance;
mod eviction;
mod finder;
mod grounds;
mod home;
mod lending;
mod meeting_room;
pub mod notify;
mod offering;
mod own_origin;
mod presence;
mod reach;
mod share_code;
mod start;
mod start_error;
mod status;
mod why;
mod wiring;

use std::{
    fmt,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use futures_lite::future;

pub use books::{
    AccessBook, AccessBookError, AccessWish, AuthorityBook, AuthorityBookError, BookError,
    CertificateBook, CertificateBookFull, CertificateStatus, ContactBook, ContactBookError,
    Introductions, Labels, RevokeError,
};
pub use bystander::{Claims, LookUp, claims_of, look_up};
pub use config::{Config, DEFAULT_LISTEN, Udp};
pub use control::{ControlClient, ControlError, Problem, PutProxy, PutService, Registered};
pub use dashboard::DashboardAddress;
pub use doctor::{Check, doctor};
pub use entrance::HoldNumber;
pub use home::{
    Audience, Backup, BackupError, Home, HomeError, HomeLock, Identity, IdentityError, Passphrase,
    PassphraseSource,
};
pub use lending::{Circle, Lending, Tcp};
pub use offering::Offer;
pub use reach::Reached;
pub use share_code::ShareCode;
pub use start::DaemonOptions;
pub use start_error::StartError;
pub use status::{
    CandidateStatus, ContactStatus, LendingStatus, OverlayStatus, PeerStatus, PresenceStatus,
    RendezvousStatus, ServiceStatus, Status,
};
pub use why::{Stopped, Walk, WalkStep, why};

use crate::identity::{Destination, KeyPair, Name};
use crate::link::TeredoSetting;
use crate::link::portmap::PortMapper;
use crate::overlay::Overlay;
use crate::registration::Rendezvous;
use crate::runtime::http::Handler;
use crate::runtime::{Task, clock, lock, spawn};
use crate::transport::Transport;
use crate::web::{Failure, Peers, Pseudonym};
use answer::Answering;
use books::Sequences;
use control::{Control, ControlSocket, TokenGate};
use dashboard::{Dashboard, Door};
use entrance::Entrance;
use eviction::Eviction;
use finder::Finder;
use lending::Lent;
use meeting_room::MeetingRoom;
use own_origin::OwnOrigin;
use presence::Publishing;
use reach::Reach;

/// A running daemon.
pub struct Daemon {
    home: Home,
    keys: KeyPair,
    audience: Audience,
    overlays: Vec<Arc<dyn Overlay>>,
    transport: Arc<Transport>,
    teredo: TeredoSetting,
    answering: Arc<Answering>,
    finder: Arc<Finder>,
    sequences: Arc<Sequences>,
    reach: Arc<Reach>,
    meetings: Arc<MeetingRoom>,
    authorities: Arc<AuthorityBook>,
    certificates: Arc<CertificateBook>,
    access: AccessBook,
    eviction: Arc<Eviction>,
    pseudonym: Pseudonym,
    publishing: Mutex<Option<(Arc<Publishing>, Task<()>)>>,
    /// Those that wait for calls while something is published.
    listening: Mutex<Vec<Task<()>>>,
    port_mapping: bool,
    mapper: Mutex<Option<PortMapper>>,
    entrance: Mutex<Option<Entrance>>,
    control: Mutex<Option<ControlSocket>>,
    door: Door,
    lent: Option<Lent>,
    /// What follows moves to other networks, of this machine and of peers.
    following: Mutex<Option<Task<()>>>,
    _lock: HomeLock,
}

/// How long "ready" waits for overlays to take a first packet; a dead one may answer never.
const PUBLISH_TIME: Duration = Duration::from_secs(3);
/// How long somebody waits who wants to know what each overlay did; the control interface waits for ten.
const PUBLISH_AGAIN_TIME: Duration = Duration::from_secs(8);
/// How long a shutdown waits for overlays to take packets away.
const WITHDRAW_TIME: Duration = Duration::from_secs(3);

impl Daemon {
    /// Opens the entrance for browsers and keeps it open until the hold given back is released, or
    /// not renewed within `ttl`. One that is open already stays where it is.
    ///
    /// # Errors
    /// When an address is taken.
    pub fn open_proxy(
        self: &Arc<Self>,
        addresses: &[SocketAddr],
        ttl: Option<Duration>,
    ) -> Result<(Vec<SocketAddr>, HoldNumber), StartError> {
        let mut slot = lock(&self.entrance);
        let entrance = match &mut *slot {
            Some(entrance) => entrance,
            None => {
                let token = control::token(&self.home)?;
                let api = Arc::new(TokenGate::new(&token, Arc::new(Control::new(self))));
                let meetings = self.meetings.clone();
                let dashboard = Arc::new(Dashboard::new(self));
                let api: Arc<dyn Handler> = Arc::new(OwnOrigin { meetings, dashboard, api });
                let peers: Arc<dyn Peers> = Arc::new(self.reach.clone());
                slot.insert(Entrance::open(addresses, &peers, &api, &self.pseudonym)?)
            }
        };
        let hold = entrance.hold(ttl.map(|ttl| clock::now() + ttl));
        let addresses = entrance.addresses().to_vec();
        drop(slot);
        self.settle_after(ttl);
        Ok((addresses, hold))
    }

    /// The port at which browsers find the entrance; None while it is closed.
    fn entrance_port(&self) -> Option<u16> {
        let entrance = lock(&self.entrance);
        entrance.as_ref()?.addresses().first().map(SocketAddr::port)
    }

    /// Keeps the entrance open for longer; false if it was closed meanwhile.
    pub fn renew_proxy(self: &Arc<Self>, hold: HoldNumber, ttl: Duration) -> bool {
        let until = clock::now() + ttl;
        let renewed = lock(&self.entrance).as_mut().is_some_and(|e| e.renew(hold, until));
        self.settle_after(Some(ttl));
        renewed
    }

    /// Gives up a hold on the entrance, which is closed with the last one; false if there was none.
    pub fn release_proxy(&self, hold: HoldNumber) -> bool {
        let released = lock(&self.entrance).as_mut().is_some_and(|e| e.release(hold));
        self.settle();
        released
    }

    /// Opens a stream to a service and says how long each step took.
    ///
    /// # Errors
    /// The step that failed, in the words of the error pages.
    pub async fn reach(&self, destination: &Destination) -> Result<Reached, Failure> {
        Reach::open(&self.reach, destination, None).await.map(|(_, reached)| reached)
    }

    /// Waits until each overlay has the registration or has failed to take it, but not for long: then
    /// friends can open what is served.
    pub async fn published(&self) {
        let publishing = lock(&self.publishing).as_ref().map(|(p, _)| p.clone());
        if let Some(publishing) = publishing {
            clock::timeout(PUBLISH_TIME, publishing.settled()).await;
        }
    }

    /// Publishes anew and says what each overlay did; None if nothing is served.
    pub async fn publish_again(&self) -> Option<Vec<OverlayStatus>> {
        let publishing = lock(&self.publishing).as_ref().map(|(p, _)| p.clone())?;
        clock::timeout(PUBLISH_AGAIN_TIME, publishing.publish_again()).await;
        Some(self.overlay_statuses())
    }

    /// The name, if there is one.
    pub fn name(&self) -> Option<Name> {
        self.answering.name()
    }

    /// Takes the name that the home was given since the daemon started without one.
    fn take_name(&self) {
        if self.name().is_some() {
            return;
        }
        if let Ok((Some(name), key)) = Identity::public(&self.home)
            && key == self.keys.public()
        {
            self.answering.set_name(name);
        }
    }

    /// Where others find this daemon as a rendezvous; None if it is none.
    pub fn rendezvous(&self) -> Option<Rendezvous> {
        self.lent.as_ref().and_then(|_| lending::node(self.transport.link()))
    }

    /// What friends are given; empty without a name.
    pub fn share_link(&self) -> String {
        let overlays: Vec<String> = self.overlays.iter().map(|o| o.address().to_owned()).collect();
        Identity { name: self.name(), keys: self.keys.clone() }.share_link(self.audience, &overlays)
    }

    /// Publishes what has changed without anybody telling, such as certificates; whether anything is
    /// published at all.
    fn looks_again(&self) -> bool {
        self.show_certificates();
        let publishing = lock(&self.publishing);
        publishing.as_ref().map(|(publishing, _)| publishing.look_again()).is_some()
    }

    /// Shows rendezvous what authorities say about this identity; peers are shown it when they are called.
    fn show_certificates(&self) {
        let certificates = self.certificates.shown(self.keys.public());
        self.transport.link().show_certificates(certificates);
    }

    /// Does at once what follows from a change in the books.
    fn read_books(&self) {
        self.take_name();
        self.looks_again();
        self.eviction.judge();
        self.finder.revocations().look();
    }

    /// Ends what nobody keeps up any more: the entrance, and publishing.
    fn settle(&self) {
        let now = clock::now();
        let mut entrance = lock(&self.entrance);
        if entrance.as_mut().is_some_and(|entrance| !entrance.is_held(now)) {
            *entrance = None;
        }
        drop(entrance);
        if self.answering.services().list(now).is_empty() {
            self.unpublish();
        }
    }

    /// Looks again when something may have expired.
    fn settle_after(self: &Arc<Self>, ttl: Option<Duration>) {
        let Some(ttl) = ttl else { return };
        let daemon = Arc::downgrade(self);
        spawn(async move {
            clock::sleep(ttl).await;
            if let Some(daemon) = daemon.upgrade() {
                daemon.settle();
            }
        })
        .detach();
    }

    /// Takes the registration away, closes connections, and writes down what must not be forgotten.
    pub async fn shutdown(&self) {
        lock(&self.entrance).take();
        lock(&self.control).take();
        lock(&self.following).take();
        let mapper = lock(&self.mapper).take();
        let unmapped = async {
            if let Some(mapper) = mapper {
                mapper.withdraw().await;
            }
        };
        let publishing = lock(&self.publishing).take();
        let withdrawn = async {
            if let Some((publishing, task)) = publishing {
                publishing.withdraw();
                let _ = clock::timeout(WITHDRAW_TIME, task).await;
                self.sequences.raise(self.keys.public(), publishing.last_sequence());
            }
        };
        future::zip(unmapped, withdrawn).await;
        self.sequences.save();
        self.transport.shutdown().await;
    }
}

impl fmt::Debug for Daemon {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Daemon({})", self.keys.public().fingerprint())
    }
}
