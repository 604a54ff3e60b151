//! Everything that can keep a request from its answer, and how HTTP calls it (RFC 9110, RFC 9209).
//!
//! What it is called among people is in `words.rs`.

use std::{
    fmt::{self, Write},
    time::Duration,
};

use hyper::StatusCode;

use crate::identity::{Destination, Name, ServicePort};
use crate::trust::{Claimed, Contact};

/// Why a request got no answer from the service it was meant for.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "a variant's sentence tells what its fields are")]
pub enum Failure {
    /// Neither a contact nor an overlay knows the name.
    NameUnknown { name: Name },
    /// An own-origin label is a hash of a destination that this daemon has not met.
    LabelUnknown,
    /// No overlay gave an answer; `tried` holds one line for each, what and why.
    OverlaysFailed { name: Name, tried: Vec<String> },
    /// The overlays took too long.
    LookupTimedOut { name: Name, tried: Vec<String> },
    /// The keys that claim the name are not the one this person has accepted, or several claim a name
    /// that is new.
    KeyConflict { name: Name, known: Option<Box<Contact>>, claimed: Vec<Claimed> },
    /// The name is new and the person wants to be asked: `page` is the path of the question on the
    /// daemon's own origin.
    FirstMeeting { name: Name, reason: String, page: String },
    /// A key was found, but nothing that this person trusts vouches for it (any more).
    Untrusted { name: Name, reason: String },
    /// The person is known to exist, but no registration packet counts now; `ended` tells how long ago
    /// the last one did, if it is still to be seen.
    Offline { name: Name, ended: Option<Duration> },
    /// The registration packet comes from the future, so one of the two clocks is wrong.
    ClockWrong { name: Name, ahead: Duration },
    /// A registration packet was found, but none of its addresses leads to the peer now; `relays` holds what
    /// rendezvous said that would not help, one line for each.
    Unreachable { name: Name, last_seen: Option<Duration>, relays: Vec<String> },
    /// None of the addresses in a packet of so long ago leads to the peer, and no overlay could be asked for a newer
    /// one; `relays` as above, and `tried` holds one line for each overlay, what and why.
    Untraceable { name: Name, last_seen: Duration, relays: Vec<String>, tried: Vec<String> },
    /// The peer's address is known and it does not answer; `relayed` if nothing is known but a rendezvous that
    /// takes packets for it.
    ConnectTimedOut { name: Name, relayed: bool },
    /// The two daemons do not understand each other.
    HandshakeFailed { name: Name, detail: String },
    /// The peer is there and has nothing at that port; `served` are ports that this visitor may see.
    PortNotServed { destination: Destination, served: Option<Vec<ServicePort>> },
    /// The peer does not let this visitor in.
    AccessRefused { destination: Destination, presented: Option<Name> },
    /// What let this person use the peer's services was taken back while the request was under way.
    AccessRevoked { name: Name },
    /// The link broke before the response began.
    LinkLost { name: Name },
    /// The service did not begin its response in time.
    ResponseTimedOut { destination: Destination, after: Duration },
    /// What the service sent is not an HTTP response.
    ResponseMalformed { destination: Destination },
    /// The response ended in the middle; seen where no part of it was passed on yet.
    ResponseIncomplete { destination: Destination },
    /// The request came back to where it had been.
    Loop { destination: Destination },
    /// As many requests as allowed are under way.
    Busy { limit: usize },
    /// The `Host` is none that this daemon answers to: DNS rebinding, or a wrong address.
    HostRefused { host: String },
    /// A request for a host that is no peer's; this is no proxy to the Internet.
    ForeignHost { host: String },
    /// CONNECT to the port of HTTPS; services speak HTTP inside an encrypted link.
    TlsRefused { destination: Destination },
    /// A web page tried to reach something that is not its own.
    CrossSite { origin: String },
    /// A page tried to install a service worker where all peers share one origin.
    ServiceWorkerRefused,
    /// The request is not well-formed; what is wrong with it.
    Malformed { reason: String },
    /// The request target is longer than the limit in octets.
    TargetTooLong { limit: usize },
    /// The client stopped sending its request.
    RequestTimedOut,
    /// The request's `Expect` is not one that is known.
    ExpectationUnknown,
    /// Somebody without a ticket wants to see the dashboard.
    DashboardLocked,
    /// A path on the daemon itself that leads nowhere.
    NothingHere,
    /// A mistake of this program.
    Defect { detail: String },
}

/// The way of a request, step by step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// Reading whom the address means.
    Name,
    /// Finding that person's registration packet.
    LookUp,
    /// Deciding whether the key belongs to the name.
    Trust,
    /// Reaching the peer.
    Connect,
    /// Finding the service at its port.
    Service,
    /// Being let in.
    Access,
    /// Getting its answer.
    Response,
}

impl Step {
    /// All steps in their order.
    pub const ALL: [Step; 7] = [
        Step::Name,
        Step::LookUp,
        Step::Trust,
        Step::Connect,
        Step::Service,
        Step::Access,
        Step::Response,
    ];

    /// The step in one word.
    pub fn label(self) -> &'static str {
        match self {
            Step::Name => "name",
            Step::LookUp => "look-up",
            Step::Trust => "trust",
            Step::Connect => "connect",
            Step::Service => "service",
            Step::Access => "access",
            Step::Response => "response",
        }
    }
}

impl Failure {
    /// The status code of the response that tells it.
    pub fn status(&self) -> StatusCode {
        self.class().0
    }

    /// The `error` of the `Proxy-Status` field (RFC 9209, 2.3).
    pub fn error_type(&self) -> &'static str {
        self.class().1
    }

    /// The step that failed; None when the request was refused before the first.
    pub fn step(&self) -> Option<Step> {
        self.class().2
    }

    /// The peer whose key was believed before this went wrong; None where it did not come so far, or where the
    /// explanation says what was decided.
    pub(super) fn believed(&self) -> Option<&Name> {
        match self {
            Failure::Unreachable { name, .. }
            | Failure::Untraceable { name, .. }
            | Failure::ConnectTimedOut { name, .. }
            | Failure::HandshakeFailed { name, .. }
            | Failure::AccessRevoked { name }
            | Failure::LinkLost { name } => Some(name),
            Failure::PortNotServed { destination, .. }
            | Failure::AccessRefused { destination, .. }
            | Failure::ResponseTimedOut { destination, .. }
            | Failure::ResponseMalformed { destination }
            | Failure::ResponseIncomplete { destination } => Some(&destination.name),
            _ => None,
        }
    }

    /// After how long it is worth asking again.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Failure::Offline { .. } | Failure::Unreachable { .. } | Failure::Untraceable { .. } => {
                Some(Duration::from_secs(30))
            }
            Failure::Busy { .. } => Some(Duration::from_secs(2)),
            _ => None,
        }
    }

    /// Whether the connection that carried the request should end with the answer, because it is in
    /// doubt where the next request begins.
    pub fn closes(&self) -> bool {
        matches!(self, Failure::Malformed { .. } | Failure::RequestTimedOut)
    }

    fn class(&self) -> (StatusCode, &'static str, Option<Step>) {
        use Failure as F;
        use StatusCode as S;
        use Step::*;
        match self {
            F::NameUnknown { .. } => (S::BAD_GATEWAY, "destination_not_found", Some(LookUp)),
            F::LabelUnknown => (S::BAD_GATEWAY, "destination_not_found", Some(Name)),
            F::OverlaysFailed { .. } => (S::BAD_GATEWAY, "dns_error", Some(LookUp)),
            F::LookupTimedOut { .. } => (S::GATEWAY_TIMEOUT, "dns_timeout", Some(LookUp)),
            F::Offline { .. } => (S::SERVICE_UNAVAILABLE, "destination_unavailable", Some(LookUp)),
            F::ClockWrong { .. } => (S::BAD_GATEWAY, "tls_certificate_error", Some(Trust)),
            F::KeyConflict { .. } => (S::BAD_GATEWAY, "tls_certificate_error", Some(Trust)),
            F::FirstMeeting { .. } => (S::BAD_GATEWAY, "tls_certificate_error", Some(Trust)),
            F::Untrusted { .. } => (S::BAD_GATEWAY, "tls_certificate_error", Some(Trust)),
            F::Unreachable { .. } | F::Untraceable { .. } => {
                (S::SERVICE_UNAVAILABLE, "destination_unavailable", Some(Connect))
            }
            F::ConnectTimedOut { .. } => (S::GATEWAY_TIMEOUT, "connection_timeout", Some(Connect)),
            F::HandshakeFailed { .. } => (S::BAD_GATEWAY, "tls_protocol_error", Some(Connect)),
            F::PortNotServed { .. } => (S::BAD_GATEWAY, "connection_refused", Some(Service)),
            F::AccessRefused { .. } => (S::FORBIDDEN, "http_request_denied", Some(Access)),
            F::AccessRevoked { .. } => (S::FORBIDDEN, "http_request_denied", Some(Access)),
            F::LinkLost { .. } => (S::BAD_GATEWAY, "connection_terminated", Some(Response)),
            F::ResponseTimedOut { .. } => {
                (S::GATEWAY_TIMEOUT, "http_response_timeout", Some(Response))
            }
            F::ResponseMalformed { .. } => (S::BAD_GATEWAY, "http_protocol_error", Some(Response)),
            F::ResponseIncomplete { .. } => {
                (S::BAD_GATEWAY, "http_response_incomplete", Some(Response))
            }
            F::Loop { .. } => (S::BAD_GATEWAY, "proxy_loop_detected", Some(Service)),
            F::Busy { .. } => (S::SERVICE_UNAVAILABLE, "connection_limit_reached", None),
            F::HostRefused { .. }
            | F::CrossSite { .. }
            | F::ServiceWorkerRefused
            | F::DashboardLocked => (S::FORBIDDEN, "http_request_denied", None),
            F::ForeignHost { .. } => (S::FORBIDDEN, "http_request_denied", Some(Name)),
            F::TlsRefused { .. } => (S::BAD_GATEWAY, "connection_refused", None),
            F::Malformed { .. } => (S::BAD_REQUEST, "http_request_error", None),
            F::TargetTooLong { .. } => (S::URI_TOO_LONG, "http_request_error", None),
            F::RequestTimedOut => (S::REQUEST_TIMEOUT, "http_request_error", None),
            F::ExpectationUnknown => (S::EXPECTATION_FAILED, "http_request_error", None),
            F::NothingHere => (S::NOT_FOUND, "http_request_error", None),
            F::Defect { .. } => (S::INTERNAL_SERVER_ERROR, "proxy_internal_error", None),
        }
    }
}

impl fmt::Display for Failure {
    /// What and why in one line; the advice is the command line's hint.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = self.words();
        // parts may come from elsewhere; a terminal would obey control characters
        let printable = |c: char| if c.is_control() { '?' } else { c };
        let line = words.headline.chars().chain(": ".chars()).chain(words.explanation.chars());
        line.map(printable).try_for_each(|c| f.write_char(c))
    }
}

impl std::error::Error for Failure {}
