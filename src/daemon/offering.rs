//! What a daemon serves: registering, renewing, withdrawing, and publishing as long as something is there.

use std::{env, path::PathBuf, sync::Arc, time::Duration};

use super::presence::{OpenPresence, Publishing, listen};
use super::{
    AccessBookError, AccessWish, Audience, ContactBook, Daemon, Identity, Registered, StartError,
};
use crate::identity::{KeyPair, Name, ServicePort};
use crate::link::portmap::PortMapper;
use crate::link::{Strangers, TeredoSetting};
use crate::registration::Whereabouts;
use crate::runtime::http::Handler;
use crate::runtime::{clock, lock, spawn};
use crate::serve::{Owner, Site};
use crate::service::{Access, Application, Lease, Service, Upstream};
use crate::trust::Successor;

/// What can be served.
#[derive(Clone, Debug)]
pub enum Offer {
    /// A folder as web site and feeds.
    Folder(PathBuf),
    /// An HTTP server on this machine.
    Application(Upstream),
}

/// How long the first packet waits for what a router or a server may say of this host: a first packet without
/// it would be corrected only seconds later.
const GATHER_TIME: Duration = Duration::from_millis(300);

impl Daemon {
    /// Serves something at a port, under a name that is made if there is none yet.
    ///
    /// # Errors
    /// When the folder cannot be read, the port is taken and may not be replaced, or nobody can tell for whom it
    /// is to be.
    pub fn register(
        self: &Arc<Self>,
        port: ServicePort,
        offer: Offer,
        ttl: Option<Duration>,
        replace: bool,
        wish: AccessWish,
    ) -> Result<Registered, StartError> {
        let access = self.access.decide(port, &wish)?;
        let allow = access.list.to_string();
        let (name, fresh_name) = self.name_or_make()?;
        let (handler, summary): (Arc<dyn Handler>, String) = match offer {
            Offer::Application(upstream) => {
                let summary = upstream.to_string();
                (Arc::new(Application::new(upstream)), summary)
            }
            Offer::Folder(folder) => {
                let site = Site::open(&folder, Owner { name: Some(name.clone()), port })?;
                (Arc::new(site), folder.display().to_string())
            }
        };
        let service = Service { handler, summary: summary.clone(), access };
        let lease =
            self.answering.services().register(clock::now(), port, service, ttl, replace)?;
        if let AccessWish::Said(_) = wish
            && let Err(error) = self.access.forget(port)
        {
            log::warn!("what p2p allow said of port {port} before will count again: {error}");
        }
        self.publish();
        self.settle_after(ttl);
        let lease = lease.number();
        Ok(Registered { lease, target: summary, name: name.to_string(), fresh_name, allow })
    }

    /// Prolongs what was registered for a time; false if it is gone.
    pub fn renew(self: &Arc<Self>, lease: Lease, ttl: Duration) -> bool {
        self.settle_after(Some(ttl));
        self.answering.services().renew(clock::now(), lease, ttl)
    }

    /// Changes whom the service at a port is for, at once, and until a command says otherwise; false if there
    /// is none.
    ///
    /// # Errors
    /// When that cannot be written down: nothing has changed then.
    pub fn set_access(&self, port: ServicePort, access: Access) -> Result<bool, AccessBookError> {
        let services = self.answering.services();
        if services.find(clock::now(), port).is_none() {
            return Ok(false);
        }
        self.access.keep(port, &access)?;
        let is_set = services.set_access(clock::now(), port, access);
        self.eviction.judge();
        Ok(is_set)
    }

    /// Ends what was registered, unless another service took its port; false if it is gone.
    pub fn withdraw_lease(&self, lease: Lease) -> bool {
        let withdrawn = self.answering.services().withdraw(lease);
        self.settle();
        withdrawn
    }

    /// Ends what is served at a port; false if nothing was.
    pub fn withdraw(&self, port: ServicePort) -> bool {
        let withdrawn = self.answering.services().withdraw_port(port);
        self.settle();
        withdrawn
    }

    fn name_or_make(&self) -> Result<(Name, bool), StartError> {
        self.take_name();
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
        let mut publishing = lock(&self.publishing);
        if publishing.is_some() {
            return;
        }
        let new = self.new_publishing();
        let link = self.transport.link().clone();
        link.set_strangers(Strangers::Welcome); // until now only those dialled were heard
        if self.port_mapping {
            *lock(&self.mapper) = Some(PortMapper::start(&link));
        }
        link.serve_teredo(&self.teredo);
        let (certificates, key) = (self.certificates.clone(), self.keys.public());
        let home = self.home.clone();
        let statements = move || {
            let successor = Identity::successor(&home).map(Successor::to_statement);
            certificates.shown(key).into_iter().chain(successor).collect()
        };
        let (asked, changed, teredo) = (link.clone(), link.clone(), self.teredo.clone());
        let whereabouts = move || {
            asked.serve_teredo(&teredo); // it may have become needed, or not be any more
            Whereabouts {
                locators: asked.locators(),
                rendezvous: asked.accepted_rendezvous(),
                certificates: statements(),
            }
        };
        let more = (!link.is_only_here()).then(|| link.gathered());
        let changes = move || changed.changed();
        let introducing = link.clone();
        let publish = new.clone();
        let open_presence = OpenPresence::new(&self.home);
        let task = spawn(async move {
            if let Some(more) = more {
                clock::timeout(GATHER_TIME, more).await;
            }
            link.teredo_settled().await;
            publish.clone().run(whereabouts, changes, |packet| introducing.introduce(packet)).await;
            if publish.readership().is_none() && publish.has_succeeded() {
                open_presence.clear();
            }
        });
        let listening = listen(self.transport.link(), &self.overlays, &new);
        *lock(&self.listening) = listening.into_iter().collect();
        *publishing = Some((new, task));
    }

    /// What publishes for whom it should.
    fn new_publishing(&self) -> Arc<Publishing> {
        let (keys, name, overlays) = (self.keys.clone(), self.name(), self.overlays.clone());
        let last = self.sequences.of(&keys.public());
        if self.audience == Audience::Public {
            OpenPresence::new(&self.home).note();
            return Publishing::new(keys, name, last, overlays);
        }
        Publishing::sealed(keys, name, last, overlays, ContactBook::new(&self.home))
    }

    /// Takes back what an earlier process has published for everybody, if this one publishes for contacts only.
    pub(super) fn take_back_open_presence(&self) {
        let open_presence = OpenPresence::new(&self.home);
        let is_due = self.audience == Audience::Contacts && open_presence.may_exist();
        if !is_due || self.overlays.is_empty() {
            return;
        }
        let (keys, name, overlays) = (self.keys.clone(), self.name(), self.overlays.clone());
        let last = self.sequences.of(&keys.public());
        let gone = clock::wall().max(last.saturating_add(Duration::from_micros(1)));
        self.sequences.raise(keys.public(), gone); // what contacts find is newer
        spawn(open_presence.take_back(keys, name, gone, overlays)).detach();
    }

    /// Takes the registration away, since nothing is served any more.
    pub(super) fn unpublish(&self) {
        let Some((publishing, task)) = lock(&self.publishing).take() else { return };
        lock(&self.listening).clear();
        self.transport.link().set_strangers(Strangers::Ignored);
        self.transport.link().serve_teredo(&TeredoSetting::Visit);
        publishing.withdraw();
        // another registration may follow at once, and must be newer
        self.sequences.raise(self.keys.public(), publishing.last_sequence());
        task.detach(); // it ends when the overlays have answered
        if let Some(mapper) = lock(&self.mapper).take() {
            spawn(mapper.withdraw()).detach();
        }
    }
}

/// A name for somebody who chose none.
fn default_name(keys: &KeyPair) -> Name {
    let user = env::var("USER").or_else(|_| env::var("LOGNAME")).unwrap_or_default();
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    Name::for_host(&user, &host, &keys.public())
}
