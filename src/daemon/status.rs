//! What a daemon says about itself; the control interface sends it as JSON.

use std::{net::SocketAddr, process, sync::Arc, time::Duration};

use nanoserde::{DeJson, SerJson};

use super::{CertificateStatus, Daemon, lock_of};
use crate::identity::ServicePort;
use crate::overlay::Overlay;
use crate::runtime::clock;
use crate::service::Service;
use crate::trust::Contact;

/// What `GET /api/status` answers.
#[derive(Debug, Clone, SerJson, DeJson)]
pub struct Status {
    /// The name, or nothing for a visitor with a key only.
    pub name: Option<String>,
    /// The public key in base32.
    pub key: String,
    /// What people compare.
    pub fingerprint: String,
    /// What friends are given; empty without a name.
    pub share_link: String,
    /// Where peers find this daemon.
    pub udp: Vec<String>,
    /// Where browsers find its proxy; empty while there is none.
    pub proxy: Vec<String>,
    /// What each overlay said last.
    pub overlays: Vec<OverlayStatus>,
    /// What authorities say about this identity.
    pub certificates: Vec<CertificateStatus>,
    /// What is served.
    pub services: Vec<ServiceStatus>,
    /// How many peers have a connection.
    pub connections: usize,
    /// The process that is the daemon.
    pub process: u32,
}

/// One overlay.
#[derive(Debug, Clone, SerJson, DeJson)]
pub struct OverlayStatus {
    /// As configured.
    pub address: String,
    /// Seconds since the packet was stored there, if it is.
    pub published: Option<u64>,
    /// What went wrong last.
    pub error: Option<String>,
}

/// One service.
#[derive(Debug, Clone, SerJson, DeJson)]
pub struct ServiceStatus {
    /// At which port.
    pub port: u16,
    /// What answers there.
    pub target: String,
    /// Whom it is for.
    pub allow: String,
    /// Seconds until it must be renewed.
    pub expires: Option<u64>,
}

/// One contact, as `GET /api/contacts` lists them.
#[derive(Debug, Clone, SerJson, DeJson)]
pub struct ContactStatus {
    /// Whose key.
    pub name: String,
    /// The public key in base32.
    pub key: String,
    /// What people compare.
    pub fingerprint: String,
    /// How the key came to be accepted.
    pub trust: String,
    /// Since when, as RFC 3339 writes it.
    pub since: String,
}

impl ContactStatus {
    /// What is told about a contact.
    pub fn of(contact: &Contact) -> ContactStatus {
        ContactStatus {
            name: contact.name.to_string(),
            key: contact.key.to_string(),
            fingerprint: contact.key.fingerprint().to_string(),
            trust: contact.binding.to_string(),
            since: contact.since.to_date_time(),
        }
    }
}

impl Daemon {
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
            certificates: self.certificate_statuses(),
            services: self.service_statuses(),
            connections: self.transport.connections(),
            process: process::id(),
        }
    }

    /// What is served.
    pub fn service_statuses(&self) -> Vec<ServiceStatus> {
        let services = self.answering.services().list(clock::now());
        let status =
            |(port, service, left): (ServicePort, Service, Option<Duration>)| ServiceStatus {
                port: port.get(),
                target: service.summary,
                allow: service.access.list.to_string(),
                expires: left.map(|left| left.as_secs()),
            };
        services.into_iter().map(status).collect()
    }

    /// Whose keys are accepted; nobody's while the book cannot be read.
    pub fn contact_statuses(&self) -> Vec<ContactStatus> {
        self.finder.book().list().unwrap_or_default()
    }

    fn certificate_statuses(&self) -> Vec<CertificateStatus> {
        let authorities = self.authorities.authorities().unwrap_or_default();
        let key = self.keys.public();
        self.certificates.statuses(key, &authorities, clock::wall()).unwrap_or_default()
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
}
