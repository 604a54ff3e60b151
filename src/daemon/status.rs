//! What a daemon says about itself; the control interface sends it as JSON.

use std::{net::SocketAddr, process, sync::Arc, time::Duration};

use nanoserde::{DeJson, SerJson};

use super::{Daemon, lock_of};
use crate::identity::ServicePort;
use crate::overlay::Overlay;
use crate::runtime::clock;

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
    /// How many milliseconds this took.
    pub publish_ms: Option<f64>,
    /// What went wrong last.
    pub error: Option<String>,
    /// How many look-ups asked there.
    pub asked: u32,
    /// How many of them it answered.
    pub answered: u32,
    /// In how many milliseconds it answers, on average.
    pub latency_ms: Option<f64>,
    /// In how many of a hundred look-ups it had the newest packet that anybody had.
    pub fresh: Option<u8>,
    /// How often it gave nothing but what is malformed, forged or about others.
    pub refused: u32,
    /// How often it went back to an older packet than it had given: a reason for alarm.
    pub rollbacks: u32,
}

/// One service.
#[derive(Debug, Clone, SerJson, DeJson)]
pub struct ServiceStatus {
    /// At which port.
    pub port: u16,
    /// What answers there.
    pub target: String,
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
            services: self.service_statuses(),
            connections: self.transport.connections(),
            process: process::id(),
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

    /// How each overlay does.
    pub fn overlay_statuses(&self) -> Vec<OverlayStatus> {
        let publishing = lock_of(&self.publishing).as_ref().map(|(p, _)| p.clone());
        let milliseconds = |time: Duration| time.as_secs_f64() * 1000.0;
        let status = |overlay: &Arc<dyn Overlay>| {
            let address = overlay.address();
            let stored = publishing.as_ref().and_then(|p| p.result(address)).unwrap_or_default();
            let score = self.finder.search().score(address);
            let (asked, answered) = score.answered();
            OverlayStatus {
                address: address.to_owned(),
                published: stored.at.map(|at| clock::wall().since(at).as_secs()),
                publish_ms: stored.latency.map(milliseconds),
                error: stored.error.map(|error| error.to_string()),
                asked,
                answered,
                latency_ms: score.latency().map(milliseconds),
                fresh: score.freshness(),
                refused: score.refused(),
                rollbacks: score.rollbacks(),
            }
        };
        self.overlays.iter().map(status).collect()
    }
}
