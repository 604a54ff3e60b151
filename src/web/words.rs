//! The words for each [`Failure`].
//!
//! The same words stand on the error page, in its JSON and text forms and on the command line, so that
//! what a person reads in the browser can be searched for anywhere. They are sorted by where on its way
//! the request ended.

mod finding;
mod here;
mod reaching;
mod serving;
mod trusting;

use super::failure::Failure;

/// What a failure is called, what it means and what helps: clauses in lower case without a period.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Words {
    /// What happened.
    pub headline: String,
    /// Why, as far as it is known.
    pub explanation: String,
    /// One thing to do.
    pub advice: String,
}

impl Words {
    fn new(
        headline: impl Into<String>,
        explanation: impl Into<String>,
        advice: impl Into<String>,
    ) -> Words {
        let (headline, explanation) = (headline.into(), explanation.into());
        Words { headline, explanation, advice: advice.into() }
    }
}

impl Failure {
    /// What to tell a person.
    pub fn words(&self) -> Words {
        use Failure as F;
        match self {
            F::NameUnknown { name } => finding::name_unknown(name),
            F::LabelUnknown => finding::label_unknown(),
            F::OverlaysFailed { name, tried } => finding::overlays_failed(name, tried),
            F::LookupTimedOut { name, tried } => finding::look_up_timed_out(name, tried),
            F::Offline { name, ended } => finding::offline(name, *ended),

            F::KeyConflict { name, known: None, claimed } => trusting::several_keys(name, claimed),
            F::KeyConflict { name, known: Some(known), claimed } => {
                trusting::another_key(name, known, claimed)
            }
            F::FirstMeeting { name, reason, page: _ } => trusting::first_meeting(name, reason),
            F::Untrusted { name, reason } => trusting::untrusted(name, reason),
            F::ClockWrong { name, ahead } => trusting::clock_wrong(name, *ahead),

            F::Unreachable { name, last_seen, relays } => {
                reaching::unreachable(name, *last_seen, relays)
            }
            F::Untraceable { name, last_seen, relays, tried } => {
                reaching::untraceable(name, *last_seen, relays, tried)
            }
            F::ConnectTimedOut { name, relayed } => reaching::connect_timed_out(name, *relayed),
            F::HandshakeFailed { name, detail } => reaching::handshake_failed(name, detail),
            F::LinkLost { name } => reaching::link_lost(name),

            F::PortNotServed { destination, served } => {
                serving::port_not_served(destination, served.as_deref())
            }
            F::AccessRefused { destination, presented } => {
                serving::access_refused(destination, presented.as_ref())
            }
            F::AccessRevoked { name } => serving::access_revoked(name),
            F::ResponseTimedOut { destination, after } => {
                serving::response_timed_out(destination, *after)
            }
            F::ResponseMalformed { destination } => serving::response_malformed(destination),
            F::ResponseIncomplete { destination } => serving::response_incomplete(destination),
            F::Loop { destination } => serving::going_in_circles(destination),

            F::Busy { limit } => here::busy(*limit),
            F::HostRefused { host } => here::host_refused(host),
            F::ForeignHost { host } => here::foreign_host(host),
            F::TlsRefused { destination } => here::tls_refused(destination),
            F::CrossSite { origin } => here::cross_site(origin),
            F::ServiceWorkerRefused => here::service_worker_refused(),
            F::Malformed { reason } => here::malformed(reason),
            F::TargetTooLong { limit } => here::target_too_long(*limit),
            F::RequestTimedOut => here::request_timed_out(),
            F::ExpectationUnknown => here::expectation_unknown(),
            F::DashboardLocked => here::dashboard_locked(),
            F::NothingHere => here::nothing_here(),
            F::Defect { detail } => here::defect(detail),
        }
    }
}

/// What was tried, as the end of a sentence.
fn listed(tried: &[String]) -> String {
    if tried.is_empty() { String::new() } else { format!(" ({})", tried.join("; ")) }
}
