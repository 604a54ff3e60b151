//! What a daemon says about itself; the control interface sends it as JSON.

mod words;

use std::{net::SocketAddr, process, sync::Arc, time::Duration};

use nanoserde::{DeJson, SerJson};

use super::presence::Readership;
use super::{CertificateStatus, ContactBook, ContactBookError, Daemon};
use crate::identity::{ServicePort, milliseconds};
use crate::link::rendezvous::Registration as Standing;
use crate::link::{GatheredKind, TeredoState};
use crate::overlay::Overlay;
use crate::registration::Rendezvous;
use crate::runtime::{clock, lock};
use crate::service::Service;
use crate::transport::ConnectedPeer;
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
    /// Who finds this identity in them.
    pub presence: Option<PresenceStatus>,
    /// What each overlay said last.
    pub overlays: Vec<OverlayStatus>,
    /// Who introduces this daemon to peers.
    pub rendezvous: Vec<RendezvousStatus>,
    /// What it does for others as a rendezvous.
    pub lending: Option<LendingStatus>,
    /// What authorities say about this identity.
    pub certificates: Vec<CertificateStatus>,
    /// What is served.
    pub services: Vec<ServiceStatus>,
    /// How many peers have a connection.
    pub connections: usize,
    /// Where this host can be reached, as far as it knows: what it publishes.
    #[nserde(default)]
    pub candidates: Vec<CandidateStatus>,
    /// How far the Teredo client has come, if there is one that has anything to do.
    pub teredo: Option<String>,
    /// The peers with a connection.
    #[nserde(default)]
    pub peers: Vec<PeerStatus>,
    /// The process that is the daemon.
    pub process: u32,
}

/// Who is to find this identity in overlays.
#[derive(Debug, Clone, SerJson, DeJson)]
pub struct PresenceStatus {
    /// `public` or `contacts`.
    pub publish: String,
    /// Whether anything is published now.
    pub active: bool,
    /// How many contacts find it, if not everybody does.
    pub readers: usize,
    /// How many do not because there are too many.
    pub left_out: usize,
    /// How many places are kept up for them in each overlay.
    pub places: usize,
}

/// One peer with a connection.
#[derive(Debug, Clone, SerJson, DeJson)]
pub struct PeerStatus {
    /// Its name, if it is a contact.
    pub name: Option<String>,
    /// What people compare.
    pub fingerprint: String,
    /// `direct`, `relayed`, or `doubtful` while packets may be going nowhere.
    pub path: String,
    /// The address, or the relay.
    pub via: Option<String>,
    /// What is ready in case that fails.
    pub spare: Option<String>,
    /// The round-trip time in milliseconds.
    pub rtt: f64,
    /// The part of the packets sent that was lost, from 0 to 1.
    pub loss: f64,
    /// Requests and tunnels in progress, in both directions.
    pub streams: usize,
}

/// An address at which this host may be reached.
#[derive(Debug, Clone, SerJson, DeJson)]
pub struct CandidateStatus {
    /// Address and port.
    pub address: String,
    /// `interface`, or how it is known otherwise.
    pub kind: String,
}

impl CandidateStatus {
    fn new(kind: &str, address: SocketAddr) -> CandidateStatus {
        CandidateStatus { address: address.to_string(), kind: kind.to_owned() }
    }
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

/// One rendezvous of this daemon.
#[derive(Debug, Clone, SerJson, DeJson)]
pub struct RendezvousStatus {
    /// Its key and where it is.
    pub address: String,
    /// Whether peers can call this daemon through it.
    pub registered: bool,
    /// Whether it carries traffic too.
    pub carries: bool,
    /// Whether it is reached over TCP, since UDP does not pass.
    pub tcp: bool,
    /// Why it does not want this daemon.
    pub refusal: Option<String>,
}

/// What a daemon does for others.
#[derive(Debug, Clone, SerJson, DeJson)]
pub struct LendingStatus {
    /// Its key and where others find it.
    pub address: Option<String>,
    /// Where it takes TCP connections.
    pub tcp: Option<String>,
    /// Who may register.
    pub register: String,
    /// For whom traffic is carried.
    pub relay: String,
    /// Hosts that are registered.
    pub registered: usize,
    /// Clients, registered ones among them.
    pub clients: usize,
    /// Octets that were passed on.
    pub octets: u64,
    /// How often something was refused.
    pub refused: u64,
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
    /// Who is in a contact book.
    ///
    /// # Errors
    /// When the file cannot be read or understood.
    pub fn all(book: &ContactBook) -> Result<Vec<ContactStatus>, ContactBookError> {
        Ok(book.contacts()?.iter().map(ContactStatus::of).collect())
    }

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
        let proxy = lock(&self.entrance);
        let proxy = proxy.as_ref().map(|e| texts(e.addresses())).unwrap_or_default();
        Status {
            name: self.name().map(|name| name.to_string()),
            key: key.to_string(),
            fingerprint: key.fingerprint().to_string(),
            share_link: self.share_link(),
            udp: texts(&self.transport.link().bound_addresses()),
            proxy,
            presence: Some(self.presence_status()),
            overlays: self.overlay_statuses(),
            rendezvous: self.rendezvous_statuses(),
            lending: self.lending_status(),
            certificates: self.certificate_statuses(),
            services: self.service_statuses(),
            connections: self.transport.connections(),
            candidates: self.candidate_statuses(),
            teredo: self.teredo_status(),
            peers: self.peer_statuses(),
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
        ContactStatus::all(self.finder.book()).unwrap_or_default()
    }

    fn presence_status(&self) -> PresenceStatus {
        let publishing = lock(&self.publishing);
        let readership = publishing.as_ref().and_then(|(publishing, _)| publishing.readership());
        let Readership { readers, left_out, places } = readership.unwrap_or_default();
        let (publish, active) = (self.audience.to_string(), publishing.is_some());
        PresenceStatus { publish, active, readers, left_out, places }
    }

    fn candidate_statuses(&self) -> Vec<CandidateStatus> {
        let link = self.transport.link();
        let outside = link.gathered_addresses().into_iter().map(|gathered| {
            let kind = match gathered.kind {
                GatheredKind::Mapped => "mapped by the router",
                GatheredKind::Reflexive => "seen from outside",
                GatheredKind::Teredo => "Teredo",
                GatheredKind::Relayed { .. } => "lent by a TURN server",
            };
            (kind, gathered.address)
        });
        let own = link.local_locators().into_iter().map(|address| ("interface", address));
        outside.chain(own).map(|(kind, address)| CandidateStatus::new(kind, address)).collect()
    }

    fn teredo_status(&self) -> Option<String> {
        let state = self.transport.link().teredo_state()?;
        (state != TeredoState::Off).then(|| state.to_string())
    }

    fn rendezvous_statuses(&self) -> Vec<RendezvousStatus> {
        let status = |(node, standing): (Rendezvous, Standing)| {
            let refusal = match standing {
                Standing::Refused(reason) => Some(reason.to_string()),
                Standing::Asking | Standing::Accepted { .. } => None,
            };
            RendezvousStatus {
                address: node.to_string(),
                registered: matches!(standing, Standing::Accepted { .. }),
                carries: matches!(standing, Standing::Accepted { carries: true, .. }),
                tcp: matches!(standing, Standing::Accepted { tcp: true, .. }),
                refusal,
            }
        };
        self.transport.link().registrations().into_iter().map(status).collect()
    }

    fn lending_status(&self) -> Option<LendingStatus> {
        let (lent, counts) = (self.lent.as_ref()?, self.transport.link().serving()?);
        Some(LendingStatus {
            address: self.rendezvous().map(|node| node.to_string()),
            tcp: lent.tcp.map(|address| address.to_string()),
            register: lent.lending.register.to_string(),
            relay: lent.lending.relay.to_string(),
            registered: counts.registered,
            clients: counts.clients,
            octets: counts.octets,
            refused: counts.refused,
        })
    }

    fn peer_statuses(&self) -> Vec<PeerStatus> {
        let contacts = self.finder.book().contacts().unwrap_or_default();
        let paths = self.transport.link().paths();
        let status = |peer: ConnectedPeer| {
            let contact = contacts.with_key(&peer.key).next();
            let hit = peer.key.hit();
            let spare = paths.iter().find(|path| path.spare && path.peer == hit);
            let path = match peer.way {
                None => "doubtful",
                Some(_) if peer.suspect => "doubtful",
                Some(way) if way.direct().is_some() => "direct",
                Some(_) => "relayed",
            };
            PeerStatus {
                name: contact.map(|contact| contact.name.to_string()),
                fingerprint: peer.key.fingerprint().to_string(),
                path: path.to_owned(),
                via: peer.way.map(|way| way.to_string()),
                spare: spare.map(|spare| spare.way.to_string()),
                rtt: milliseconds(peer.round_trip),
                loss: if peer.sent == 0 { 0.0 } else { peer.lost as f64 / peer.sent as f64 },
                streams: peer.streams,
            }
        };
        self.transport.peers().into_iter().map(status).collect()
    }

    fn certificate_statuses(&self) -> Vec<CertificateStatus> {
        let authorities = self.authorities.authorities().unwrap_or_default();
        let key = self.keys.public();
        self.certificates.statuses(key, &authorities, clock::wall()).unwrap_or_default()
    }

    /// How each overlay does.
    pub fn overlay_statuses(&self) -> Vec<OverlayStatus> {
        let publishing = lock(&self.publishing).as_ref().map(|(p, _)| p.clone());
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
