//! Asks the router for a mapping by UPnP: an Internet Gateway Device (UPnP IGD 1 and 2), sans-IO.
//!
//! ```text
//! search (multicast) ──> location ──> description ──> control URL
//!      AddPortMapping ──> GetExternalIPAddress ──> mapped
//! ```
//!
//! Anything in the local network may answer a search. An answer is followed only to the address that
//! sent it, which must be one of a site, so that nobody makes this host send requests elsewhere.

mod description;
mod soap;
mod ssdp;
mod url;
mod xml;

use std::net::{Ipv4Addr, SocketAddrV4};

use description::Service;
use soap::{Action, Argument};

pub(super) use ssdp::{SEARCH_GROUP, location, search};
pub(super) use url::Url;

/// What a mapping lives, in seconds; it is renewed at half of that.
pub(super) const LEASE: u32 = 1800;
/// Other ports that are tried when somebody has the one that we want.
const MAX_CONFLICTS: u16 = 4;

/// Errors of the port mapping actions (WANIPConnection:2, section 2.5).
const CONFLICT_IN_MAPPING_ENTRY: u16 = 718;
const ONLY_PERMANENT_LEASES: u16 = 725;
const NO_SUCH_ENTRY: u16 = 714;

/// What is to be done next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Get a document.
    Describe(Url),
    /// Send an action of SOAP.
    Call(Call),
    /// The router sends here what comes to this address.
    Mapped(SocketAddrV4),
    /// The router does not do it.
    Failed,
}

/// A request of SOAP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Call {
    pub(super) url: Url,
    /// The header SOAPAction.
    pub(super) action: String,
    pub(super) body: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Describing,
    Adding,
    AskingAddress,
    Mapped(SocketAddrV4),
    Failed,
}

/// One mapping of one port by one device.
#[derive(Debug)]
pub(super) struct Igd {
    location: Url,
    internal: SocketAddrV4,
    service: Option<Service>,
    external_port: u16,
    lease: u32,
    conflicts: u16,
    state: State,
}

impl Igd {
    /// Begins with the description at `location`; `internal` is where mapped datagrams shall go.
    pub(super) fn new(location: Url, internal: SocketAddrV4) -> Igd {
        Igd {
            location,
            internal,
            service: None,
            external_port: internal.port(),
            lease: LEASE,
            conflicts: 0,
            state: State::Describing,
        }
    }

    /// What is to be done now.
    pub(super) fn step(&self) -> Step {
        match (self.state, &self.service) {
            (State::Describing, _) => Step::Describe(self.location.clone()),
            (State::Adding, Some(service)) => Step::Call(self.add(service)),
            (State::AskingAddress, Some(service)) => {
                Step::Call(service.call(&Action { name: "GetExternalIPAddress", arguments: &[] }))
            }
            (State::Mapped(external), _) => Step::Mapped(external),
            _ => Step::Failed,
        }
    }

    /// The document that was to be got; empty if it was not to be had.
    pub(super) fn handle_description(&mut self, document: &str) {
        self.service = description::find_service(document, &self.location);
        self.state = if self.service.is_some() { State::Adding } else { State::Failed };
    }

    /// The body of the answer to a call, successful or not; empty if there was none.
    pub(super) fn handle_answer(&mut self, body: &str) {
        self.state = match self.state {
            State::Adding => match soap::answer(body) {
                Some(Ok(_)) => State::AskingAddress,
                Some(Err(ONLY_PERMANENT_LEASES)) if self.lease != 0 => {
                    self.lease = 0;
                    State::Adding
                }
                Some(Err(CONFLICT_IN_MAPPING_ENTRY)) if self.conflicts < MAX_CONFLICTS => {
                    self.conflicts += 1;
                    self.external_port = self.external_port.checked_add(1).unwrap_or(1024);
                    State::Adding
                }
                _ => State::Failed,
            },
            State::AskingAddress => match soap::answer(body) {
                Some(Ok(answer)) => self.handle_address(&answer),
                _ => State::Failed,
            },
            state => state,
        };
    }

    /// Begins to renew a mapping.
    pub(super) fn renew(&mut self) {
        if let State::Mapped(_) = self.state {
            self.state = State::Adding;
        }
    }

    /// What takes the mapping away.
    pub(super) fn withdrawal(&self) -> Option<Call> {
        let port = self.external_port.to_string();
        let arguments = [
            Argument("NewRemoteHost", ""),
            Argument("NewExternalPort", &port),
            Argument("NewProtocol", "UDP"),
        ];
        let action = Action { name: "DeletePortMapping", arguments: &arguments };
        Some(self.service.as_ref()?.call(&action))
    }

    fn add(&self, service: &Service) -> Call {
        let (external, internal) =
            (self.external_port.to_string(), self.internal.port().to_string());
        let (client, lease) = (self.internal.ip().to_string(), self.lease.to_string());
        service.call(&Action {
            name: "AddPortMapping",
            arguments: &[
                Argument("NewRemoteHost", ""),
                Argument("NewExternalPort", &external),
                Argument("NewProtocol", "UDP"),
                Argument("NewInternalPort", &internal),
                Argument("NewInternalClient", &client),
                Argument("NewEnabled", "1"),
                Argument("NewPortMappingDescription", "p2p"),
                Argument("NewLeaseDuration", &lease),
            ],
        })
    }

    fn handle_address(&self, answer: &soap::Answer) -> State {
        let address = answer.value("NewExternalIPAddress").and_then(|text| text.parse().ok());
        match address.filter(|address: &Ipv4Addr| !address.is_unspecified()) {
            Some(address) => State::Mapped(SocketAddrV4::new(address, self.external_port)),
            None => State::Failed, // the router has no address: its line is down
        }
    }
}

/// Whether an answer to a withdrawal says that the mapping is gone.
pub(super) fn is_withdrawn(body: &str) -> bool {
    matches!(soap::answer(body), Some(Ok(_) | Err(NO_SUCH_ENTRY)))
}

#[cfg(test)]
mod tests;
