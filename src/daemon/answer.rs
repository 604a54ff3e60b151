//! Answers the streams that peers open: the service at the port gets the request, with the visitor's key
//! in it that nobody can forge.

use std::{
    fmt,
    sync::{Arc, Mutex},
};

use super::contact_book::ContactBook;
use super::lock_of;
use crate::identity::{Destination, KeyPair, Name, PublicKey, ServicePort};
use crate::runtime::http::Limits;
use crate::runtime::{UnixIo, clock, spawn};
use crate::service::Services;
use crate::transport::{Accepted, Refusal, StreamKind, Transport};
use crate::web::{Gateway, Pseudonym, Visitor};

/// What is needed to answer: services, whose they are, and who visitors are.
pub(super) struct Answering {
    keys: KeyPair,
    name: Mutex<Option<Name>>,
    services: Services,
    book: ContactBook,
    gateway: Arc<Gateway>,
}

impl Answering {
    pub(super) fn new(
        keys: KeyPair,
        name: Option<Name>,
        book: ContactBook,
        pseudonym: Pseudonym,
    ) -> Answering {
        Answering {
            keys,
            name: Mutex::new(name),
            services: Services::default(),
            book,
            gateway: Arc::new(Gateway::new(pseudonym, Limits::default())),
        }
    }

    /// What is served.
    pub(super) fn services(&self) -> &Services {
        &self.services
    }

    /// The name under which it is served, if there is one yet.
    pub(super) fn name(&self) -> Option<Name> {
        lock_of(&self.name).clone()
    }

    /// Gives the identity its name.
    pub(super) fn set_name(&self, name: Name) {
        *lock_of(&self.name) = Some(name);
    }

    /// Whether a name is this identity's own.
    pub(super) fn is_own(&self, name: &Name) -> bool {
        lock_of(&self.name).as_ref() == Some(name)
    }

    /// The ports at which something is served.
    pub(super) fn ports(&self) -> Vec<ServicePort> {
        self.services.list(clock::now()).into_iter().map(|(port, ..)| port).collect()
    }

    /// Answers what peers open until the transport is shut down.
    pub(super) async fn run(self: Arc<Self>, transport: Arc<Transport>) {
        while let Some(accepted) = transport.accept().await {
            self.answer(accepted);
        }
    }

    fn answer(&self, accepted: Accepted) {
        let port = accepted.preface.port;
        let service = self.services.find(clock::now(), port);
        let (Some(service), Some(name), StreamKind::Http) =
            (service, self.name(), accepted.preface.kind)
        else {
            log::info!(
                "{} asked for port {port}, where nothing is served",
                accepted.peer.fingerprint()
            );
            return accepted.refuse(Refusal::NotServed);
        };
        let visitor = self.visitor(accepted.peer);
        let (gateway, destination) = (self.gateway.clone(), Destination { name, port });
        spawn(async move {
            let stream = accepted.stream;
            if let Err(error) =
                gateway.serve_stream(Box::new(stream), visitor, destination, service.handler).await
            {
                log::debug!("stream at port {port}: {error}");
            }
        })
        .detach();
    }

    /// Answers a stream of this identity to itself; false if nothing is served at the port.
    pub(super) fn answer_oneself(&self, io: UnixIo, port: ServicePort) -> bool {
        let service = self.services.find(clock::now(), port);
        let (Some(service), Some(name)) = (service, self.name()) else { return false };
        let visitor = Visitor { name: Some(name.clone()), key: self.keys.public(), trust: "self" };
        let (gateway, destination) = (self.gateway.clone(), Destination { name, port });
        spawn(async move {
            let _ = gateway.serve_stream(Box::new(io), visitor, destination, service.handler).await;
        })
        .detach();
        true
    }

    /// What is known of a visitor: the key is proved, the name is the contact book's.
    fn visitor(&self, key: PublicKey) -> Visitor {
        let contact = self.book.contacts().ok();
        let contact = contact.as_ref().and_then(|contacts| contacts.with_key(&key).next());
        match contact {
            Some(contact) => {
                Visitor { name: Some(contact.name.clone()), key, trust: contact.binding.as_str() }
            }
            None => Visitor { name: None, key, trust: "none" },
        }
    }
}

impl fmt::Debug for Answering {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answering").field("services", &self.services).finish()
    }
}
