//! From a destination to a stream: finds the person, connects to the key, opens a stream to the service.

use std::{error::Error, fmt, os::unix::net::UnixStream, sync::Arc, time::Duration};

use bytes::Bytes;
use futures_lite::future;

use super::answer::Answering;
use super::books::{CertificateBook, Labels};
use super::finder::{Finder, Flight, Found, Hints, Lead};
use super::grounds::Grounds;
use super::presence::while_calling;
use crate::identity::{Destination, Name, PublicKey, Timestamp};
use crate::link::{RelayRefusal, Way};
use crate::registration::Wanted;
use crate::runtime::http::{BoxFuture, Io};
use crate::runtime::{Async, SocketIo, clock, spawn};
use crate::transport::{ConnectError, Opened, Preface, Refusal, StreamKind, Transport};
use crate::trust::Contact;
use crate::web::{Failure, Peers};

/// How long each step to a stream took.
#[derive(Clone, Copy, Debug, Default)]
pub struct Reached {
    /// Asking the overlays; zero if the answer was remembered.
    pub look_up: Duration,
    /// Finding a path and shaking hands; zero if the connection was there.
    pub connect: Duration,
    /// The way that is used; None for this identity itself.
    pub path: Option<Way>,
}

/// Opens streams for the proxy.
pub(super) struct Reach {
    transport: Arc<Transport>,
    finder: Arc<Finder>,
    answering: Arc<Answering>,
    certificates: Arc<CertificateBook>,
    labels: Labels,
    grounds: Arc<Grounds>,
}

/// A dial to a remembered address takes no longer if the address is still right, on most networks.
const DOUBT: Duration = Duration::from_millis(500);
/// What a tunnel to oneself may stall.
const STALL: Duration = Duration::from_secs(60);

impl Reach {
    pub(super) fn new(
        transport: Arc<Transport>,
        finder: Arc<Finder>,
        answering: Arc<Answering>,
        certificates: Arc<CertificateBook>,
        labels: Labels,
        grounds: Arc<Grounds>,
    ) -> Reach {
        Reach { transport, finder, answering, certificates, labels, grounds }
    }

    /// Who finds people.
    pub(super) fn finder(&self) -> &Finder {
        &self.finder
    }

    /// Who answers for this identity.
    pub(super) fn answering(&self) -> &Answering {
        &self.answering
    }

    /// Opens a stream, and says how long each step took.
    pub(super) async fn open(
        &self,
        destination: &Destination,
        early: Option<&[u8]>,
    ) -> Result<(Box<dyn Io>, Reached), Failure> {
        let started = clock::now();
        if self.answering.is_own(&destination.name) {
            return Ok((self.to_oneself(destination)?, Reached::default()));
        }
        let (opened, look_up) = self.find_and_connect(destination, early).await?;
        let connect = opened.connected.map(|_| (clock::now() - started).saturating_sub(look_up));
        let connect = connect.unwrap_or_default();
        if let (Some(_), Some(path)) = (opened.connected, opened.path) {
            log::info!("connected to {} by {path} in {connect:.1?}", destination.name);
        }
        Ok((Box::new(opened.stream), Reached { look_up, connect, path: opened.path }))
    }

    /// Finds somebody and opens a stream; with how long the first of the two took.
    async fn find_and_connect(
        &self,
        destination: &Destination,
        early: Option<&[u8]>,
    ) -> Result<(Opened, Duration), Failure> {
        let started = clock::now();
        let hints = Hints::of(&self.finder, self.transport.link(), &destination.name);
        let find = self.finder.find(&destination.name);
        let lead = match &hints {
            None => Lead::Packet(Box::new(find.await?)),
            Some(hints) => hints.or_packet(find).await?,
        };
        let found = match lead {
            Lead::Packet(found) => *found,
            Lead::Addresses(key, addresses) => {
                let look_up = clock::now() - started;
                let preface = Preface { kind: StreamKind::Http, port: destination.port };
                match self.transport.open(key, &addresses, preface, early).await {
                    Ok(opened) => return Ok((opened, look_up)),
                    // none of them is the contact's; by now there may be a packet
                    Err(
                        ConnectError::Unreachable { .. } | ConnectError::HandshakeTimeout { .. },
                    ) => self.finder.find(&destination.name).await?,
                    Err(error) => return Err(self.failure(error, &key, None, destination)),
                }
            }
        };
        let look_up = found.asked.unwrap_or_default();
        let connect = self.connect(&found, destination, early);
        match future::or(connect, self.follow(hints)).await {
            Ok(opened) => {
                self.note_call(&found, destination);
                Ok((opened, look_up))
            }
            // a remembered packet may be of yesterday
            Err(
                error @ (ConnectError::Unreachable { .. } | ConnectError::HandshakeTimeout { .. }),
            ) if found.asked.is_none() => {
                let failure = self.failure_of(error, &found, destination);
                self.connect_again(&found, failure, destination, early).await
            }
            Err(error) => Err(self.failure_of(error, &found, destination)),
        }
    }

    /// Looks anew for somebody who could not be reached with what was remembered; with how long that took.
    async fn connect_again(
        &self,
        found: &Found,
        failure: Failure,
        destination: &Destination,
        early: Option<&[u8]>,
    ) -> Result<(Opened, Duration), Failure> {
        let again = match self.finder.find_again(&destination.name).await {
            Ok(again) => again,
            Err(Failure::OverlaysFailed { tried, .. } | Failure::LookupTimedOut { tried, .. }) => {
                return Err(untraceable(failure, found, tried));
            }
            Err(other) => return Err(other),
        };
        if again.packet.registration() == found.packet.registration() {
            return Err(failure);
        }
        let opened = self.connect(&again, destination, early).await;
        let opened = opened.map_err(|error| self.failure_of(error, &again, destination))?;
        self.note_call(&again, destination);
        Ok((opened, again.asked.unwrap_or_default()))
    }

    /// Remembers on what grounds somebody was called; certificates that were shown for the first time are looked up
    /// among the revoked ones.
    fn note_call(&self, found: &Found, destination: &Destination) {
        let registration = found.packet.registration();
        let shown = &registration.certificates;
        if self.grounds.call(registration.key, &destination.name, shown) && !shown.is_empty() {
            self.finder.revocations().check();
        }
    }

    /// Opens a stream to somebody who was found.
    pub(super) async fn connect(
        &self,
        found: &Found,
        to: &Destination,
        early: Option<&[u8]>,
    ) -> Result<Opened, ConnectError> {
        let result = future::or(self.dial(found, to, early), self.correct(found)).await;
        match (&result, &found.flight) {
            (
                Err(ConnectError::Unreachable { .. } | ConnectError::HandshakeTimeout { .. }),
                Some(flight),
            ) => {
                // the first packet that came may not have been the newest
                let Some(packet) = flight.newer_than(&found.packet).await else { return result };
                self.dial(&Found { packet, ..found.clone() }, to, early).await
            }
            _ => result,
        }
    }

    async fn dial(
        &self,
        found: &Found,
        to: &Destination,
        early: Option<&[u8]>,
    ) -> Result<Opened, ConnectError> {
        let registration = found.packet.registration();
        let preface = Preface { kind: StreamKind::Http, port: to.port };
        // it may have been added or renewed a moment ago
        self.transport.show(self.certificates.presented(self.transport.link().key()));
        let opened = self.transport.open(registration.key, registration, preface, early);
        if !registration.rendezvous.is_empty() {
            return opened.await; // it introduces faster
        }
        let overlays = self.finder.search().overlays_for(&to.name);
        let link = self.transport.link();
        let signer = found.packet.signer();
        while_calling(link, &registration.key, &signer, &overlays, opened).await
    }

    /// What it means that there is no stream to somebody who was found.
    pub(super) fn failure_of(
        &self,
        error: ConnectError,
        found: &Found,
        destination: &Destination,
    ) -> Failure {
        let registration = found.packet.registration();
        self.failure(error, &registration.key, Some(registration.sequence), destination)
    }

    /// The same for the owner of a key, who was last heard of at some time.
    fn failure(
        &self,
        error: ConnectError,
        key: &PublicKey,
        heard: Option<Timestamp>,
        destination: &Destination,
    ) -> Failure {
        let relays = self.transport.link().relay_refusals(key.hit());
        failure(error, &relays, heard, destination)
    }

    /// What it means that somebody to whom there is a stream says nothing; None while the path seems to work.
    pub(super) fn silence_of(&self, found: &Found, destination: &Destination) -> Option<Failure> {
        let key = found.packet.registration().key;
        let is_suspect = self.transport.link().is_suspect(&key);
        let error = ConnectError::Unreachable { tried: Vec::new(), refusals: Vec::new() };
        is_suspect.then(|| self.failure_of(error, found, destination))
    }

    /// Adds addresses that are no more than hints to the dial that goes on; never ends.
    async fn follow<T>(&self, hints: Option<Hints>) -> T {
        if let Some(hints) = hints {
            while let Some(addresses) = hints.next().await {
                let (link, key) = (self.transport.link().clone(), *hints.key());
                let reach = async move { drop(link.reach(key, &addresses).await) };
                spawn(reach).detach();
            }
        }
        future::pending().await
    }

    /// Adds what newer packets say to the dial that goes on; never ends.
    async fn correct<T>(&self, found: &Found) -> T {
        let mut known = found.packet.clone();
        if let Some(flight) = self.flight(found).await {
            while let Some(newer) = flight.newer_than(&known).await {
                let (link, packet) = (self.transport.link().clone(), newer.clone());
                let reach = async move {
                    let registration = packet.registration();
                    let _ = link.reach(registration.key, registration).await;
                };
                spawn(reach).detach();
                known = newer;
            }
        }
        future::pending().await
    }

    /// The look-up that may give newer packets. What is remembered may be of yesterday: once the dial takes
    /// long, somebody looks.
    async fn flight(&self, found: &Found) -> Option<Arc<Flight>> {
        if found.flight.is_some() || found.asked.is_some() {
            return found.flight.clone();
        }
        clock::sleep(DOUBT).await;
        let Contact { name, key, .. } = &found.contact;
        Some(self.finder.search().look_again(&Wanted::Contact(name.clone(), *key)))
    }

    /// One's own services answer without a detour.
    fn to_oneself(&self, destination: &Destination) -> Result<Box<dyn Io>, Failure> {
        let defect = |error: std::io::Error| Failure::Defect { detail: error.to_string() };
        let (near, far) = Async::<UnixStream>::pair().map_err(defect)?;
        let far = SocketIo::unix(far, STALL);
        if !self.answering.answer_oneself(far, destination.port) {
            let served = Some(self.answering.ports());
            return Err(Failure::PortNotServed { destination: destination.clone(), served });
        }
        Ok(Box::new(SocketIo::unix(near, STALL)))
    }
}

impl Peers for Arc<Reach> {
    fn open(
        &self,
        destination: &Destination,
        early: Option<Bytes>,
    ) -> BoxFuture<Result<Box<dyn Io>, Failure>> {
        let (reach, destination) = (self.clone(), destination.clone());
        Box::pin(async move {
            Reach::open(&reach, &destination, early.as_deref()).await.map(|(io, _)| io)
        })
    }

    fn diagnose(
        &self,
        destination: &Destination,
        error: &(dyn Error + 'static),
    ) -> Option<Failure> {
        Some(refused(Refusal::find(error)?, destination))
    }

    fn ground(&self, name: &Name) -> Option<String> {
        (!self.answering.is_own(name)).then(|| self.finder.reason_now(name))?
    }

    fn destination_of_label(&self, label: &str) -> Option<Destination> {
        self.labels.find(label)
    }

    fn remember_label(&self, destination: &Destination) {
        self.labels.remember(destination);
    }
}

/// What a refused stream means.
pub(super) fn refused(refusal: Refusal, destination: &Destination) -> Failure {
    let destination = destination.clone();
    match refusal {
        Refusal::NotServed => Failure::PortNotServed { destination, served: None },
        Refusal::AccessRefused => Failure::AccessRefused { destination, presented: None },
        Refusal::Busy => {
            Failure::Unreachable { name: destination.name, last_seen: None, relays: Vec::new() }
        }
        Refusal::Internal => Failure::LinkLost { name: destination.name },
        Refusal::Revoked => Failure::AccessRevoked { name: destination.name },
        Refusal::Starved => {
            let relays = vec![refusal.to_string()];
            Failure::Unreachable { name: destination.name, last_seen: None, relays }
        }
    }
}

/// What it means that there is no stream. `heard` is when the newest packet was signed, `relays` is what rendezvous have refused lately.
fn failure(
    error: ConnectError,
    relays: &[RelayRefusal],
    heard: Option<Timestamp>,
    destination: &Destination,
) -> Failure {
    let name = destination.name.clone();
    match error {
        ConnectError::Unreachable { .. } => {
            let last_seen = heard.map(|heard| clock::wall().since(heard));
            let relays = relays.iter().map(ToString::to_string).collect();
            Failure::Unreachable { name, last_seen, relays }
        }
        ConnectError::HandshakeTimeout { .. } | ConnectError::Lost(_) if !relays.is_empty() => {
            let relays = relays.iter().map(ToString::to_string).collect();
            Failure::Unreachable { name, last_seen: None, relays }
        }
        ConnectError::HandshakeTimeout { answered } => {
            Failure::ConnectTimedOut { name, relayed: !answered }
        }
        ConnectError::Refused(refusal) => refused(refusal, destination),
        ConnectError::Lost(how) => {
            log::info!("the link to {name} broke: {how}");
            Failure::LinkLost { name }
        }
        ConnectError::ShutDown => Failure::LinkLost { name },
        other => Failure::HandshakeFailed { name, detail: other.to_string() },
    }
}

/// What it means that somebody could not be reached with a remembered packet, and no overlay could tell a newer one;
/// `tried` says why not, one line for each.
pub(super) fn untraceable(failure: Failure, found: &Found, tried: Vec<String>) -> Failure {
    let last_seen = clock::wall().since(found.packet.registration().sequence);
    match failure {
        Failure::Unreachable { name, relays, .. } => {
            Failure::Untraceable { name, last_seen, relays, tried }
        }
        Failure::ConnectTimedOut { name, .. } => {
            Failure::Untraceable { name, last_seen, relays: Vec::new(), tried }
        }
        other => other,
    }
}

impl fmt::Debug for Reach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Reach")
    }
}
