//! Answers the streams that peers open: the service at the port gets the request, with the visitor's key
//! in it that nobody can forge.

use std::{
    fmt,
    sync::{Arc, Mutex},
};

use super::books::{AuthorityBook, ContactBook};
use super::finder::RevocationWatch;
use super::grounds::Grounds;
use crate::identity::{Destination, KeyPair, Name, PublicKey, ServicePort};
use crate::runtime::http::{BoxFuture, Handler, Limits, Request, Response};
use crate::runtime::{UnixIo, clock, lock, spawn};
use crate::service::{Access, Service, Services};
use crate::transport::{Accepted, Refusal, StreamKind, Transport};
use crate::trust::{self, Admission};
use crate::web::{Failure, Gateway, Media, Pseudonym, Served, Visitor, error_page};

/// What is needed to answer: services, whose they are, and who visitors are.
pub(super) struct Answering {
    keys: KeyPair,
    name: Mutex<Option<Name>>,
    services: Services,
    book: ContactBook,
    authorities: Arc<AuthorityBook>,
    revocations: Arc<RevocationWatch>,
    grounds: Arc<Grounds>,
    gateway: Arc<Gateway>,
}

impl Answering {
    pub(super) fn new(
        keys: KeyPair,
        name: Option<Name>,
        book: ContactBook,
        revocations: Arc<RevocationWatch>,
        grounds: Arc<Grounds>,
        pseudonym: Pseudonym,
    ) -> Answering {
        Answering {
            keys,
            name: Mutex::new(name),
            services: Services::default(),
            book,
            authorities: revocations.book().clone(),
            revocations,
            grounds,
            gateway: Arc::new(Gateway::new(pseudonym, Limits::default())),
        }
    }

    /// What is served.
    pub(super) fn services(&self) -> &Services {
        &self.services
    }

    /// The name under which it is served, if there is one yet.
    pub(super) fn name(&self) -> Option<Name> {
        lock(&self.name).clone()
    }

    /// Gives the identity its name.
    pub(super) fn set_name(&self, name: Name) {
        *lock(&self.name) = Some(name);
    }

    /// Whether a name is this identity's own.
    pub(super) fn is_own(&self, name: &Name) -> bool {
        lock(&self.name).as_ref() == Some(name)
    }

    /// The ports at which something is served.
    pub(super) fn ports(&self) -> Vec<ServicePort> {
        self.services.list(clock::now()).into_iter().map(|(port, ..)| port).collect()
    }

    /// Answers what peers open until the transport is shut down.
    pub(super) async fn run(self: Arc<Self>, transport: Arc<Transport>) {
        while let Some(accepted) = transport.accept().await {
            if accepted.certificates.is_empty() || self.revocations.is_fresh() {
                self.answer(accepted);
                continue;
            }
            let answering = self.clone();
            spawn(async move {
                answering.revocations.fresh().await;
                answering.answer(accepted);
            })
            .detach();
        }
    }

    fn answer(&self, accepted: Accepted) {
        let Accepted { peer, preface, ref certificates, .. } = accepted;
        // first, so that a port where nothing is takes as long as one that is not for this visitor
        let visitor = self.recognise(peer, certificates);
        let service = self.services.find(clock::now(), preface.port);
        let (Some(service), Some(name), StreamKind::Http) = (service, self.name(), preface.kind)
        else {
            return not_served(accepted);
        };
        let destination = Destination { name, port: preface.port };
        let Access { list, cross_site } = &service.access;
        let handler = match list.admits(&visitor) {
            Admission::Admitted => service.handler,
            Admission::Refused => {
                let (destination, presented) = (destination.clone(), visitor.name().cloned());
                Arc::new(NotAdmitted { destination, presented })
            }
            Admission::Hidden => return not_served(accepted),
        };
        let is_new = self.grounds.visit(peer, certificates, preface.port);
        if is_new && !certificates.is_empty() {
            self.revocations.check();
        }
        let served = Served { destination, handler, cross_site: *cross_site };
        let visitor = Visitor { name: visitor.name().cloned(), key: peer, trust: visitor.trust() };
        let (gateway, port) = (self.gateway.clone(), preface.port);
        spawn(async move {
            let stream = Box::new(accepted.stream);
            if let Err(error) = gateway.serve_stream(stream, visitor, served).await {
                log::debug!("stream at port {port}: {error}");
            }
        })
        .detach();
    }

    /// Whether somebody who shows this would be let in no more by the service at a port; not if there is none
    /// any more.
    pub(super) fn would_refuse(
        &self,
        peer: PublicKey,
        shown: &[Vec<u8>],
        port: ServicePort,
    ) -> bool {
        let Some(service) = self.services.find(clock::now(), port) else { return false };
        service.access.list.admits(&self.recognise(peer, shown)) != Admission::Admitted
    }

    /// Answers a stream of this identity to itself; false if nothing is served at the port.
    pub(super) fn answer_oneself(&self, io: UnixIo, port: ServicePort) -> bool {
        let service = self.services.find(clock::now(), port);
        let (Some(service), Some(name)) = (service, self.name()) else { return false };
        let visitor = Visitor { name: Some(name.clone()), key: self.keys.public(), trust: "self" };
        let destination = Destination { name, port };
        let Service { handler, access: Access { cross_site, .. }, .. } = service;
        let served = Served { destination, handler, cross_site };
        let gateway = self.gateway.clone();
        spawn(async move {
            let _ = gateway.serve_stream(Box::new(io), visitor, served).await;
        })
        .detach();
        true
    }

    /// Who a visitor is: the key is proved, what it means is in the books. Nobody is known while they
    /// cannot be read.
    fn recognise(&self, key: PublicKey, certificates: &[Vec<u8>]) -> trust::Visitor {
        match (self.book.contacts(), self.authorities.authorities()) {
            (Ok(contacts), Ok(authorities)) => {
                let shown = self.authorities.read(&key, certificates);
                trust::recognise(key, &shown, &contacts, &authorities, clock::wall())
            }
            _ => trust::Visitor { key, known_as: Vec::new() },
        }
    }
}

/// Refuses a stream to a port where nothing is, as far as this visitor is to know.
fn not_served(accepted: Accepted) {
    let (who, port) = (accepted.peer.fingerprint(), accepted.preface.port);
    log::info!("{who} asked for port {port}, where nothing is served to it");
    accepted.refuse(Refusal::NotServed);
}

/// Tells a contact that a service is there, but not for him.
struct NotAdmitted {
    destination: Destination,
    presented: Option<Name>,
}

impl Handler for NotAdmitted {
    fn handle(self: Arc<Self>, request: Request) -> BoxFuture<Response> {
        let NotAdmitted { destination, presented } = &*self;
        let (destination, presented) = (destination.clone(), presented.clone());
        let failure = Failure::AccessRefused { destination, presented };
        let response = error_page(&failure, Media::wanted(request.headers()));
        Box::pin(async { response })
    }
}

impl fmt::Debug for Answering {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answering").field("services", &self.services).finish()
    }
}
