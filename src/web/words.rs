//! The words for each [`Failure`].
//!
//! The same words stand on the error page, in its JSON and text forms and on the command line, so that
//! what a person reads in the browser can be searched for anywhere.

use crate::identity::{Destination, Name, roughly};
use crate::trust::{Claimed, Contact, Decision};

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

impl Failure {
    /// What to tell a person.
    pub fn words(&self) -> Words {
        let (headline, explanation, advice) = match self {
            Failure::NameUnknown { name } => (
                format!("nobody is known as {name}"),
                "no contact has this name and no overlay holds a registration packet for it".into(),
                "check the spelling, or ask for the share link and run \"p2p open LINK\"".into(),
            ),
            Failure::LabelUnknown => (
                "this short address is not known here".into(),
                "the address holds a hash instead of a long name, and this daemon has not met that \
                 name yet"
                    .into(),
                "open the long address once, for instance with \"p2p open\"".into(),
            ),
            Failure::OverlaysFailed { name, tried } => (
                format!("the search for {name} failed"),
                format!("no overlay gave an answer that can be used{}", listed(tried)),
                format!("check that this machine is online, then run \"p2p lookup {name}\""),
            ),
            Failure::LookupTimedOut { name, tried } => (
                format!("the search for {name} took too long"),
                format!("the overlays did not answer in time{}", listed(tried)),
                format!("try again, or run \"p2p lookup {name}\" to see which is slow"),
            ),
            Failure::KeyConflict { name, known: None, claimed } => (
                format!("several keys claim to be {name}"),
                conflict(name, None, claimed),
                format!("ask {name} for the share link and run \"p2p open LINK\""),
            ),
            Failure::KeyConflict { name, known, claimed } => (
                format!("another key answers for {name}"),
                format!(
                    "{}; either the key was replaced or somebody else pretends to be {name}",
                    conflict(name, known.as_deref(), claimed)
                ),
                format!(
                    "ask {name} over another channel which fingerprint is right; if the key was \
                     replaced, run \"p2p contact remove {name}\", then \"p2p open LINK\" with the \
                     new share link"
                ),
            ),
            Failure::FirstMeeting { name, reason, .. } => (
                format!("you have not met {name} before"),
                reason.clone(),
                format!("run \"p2p contact add {name}\", or open the address in a browser"),
            ),
            Failure::Untrusted { name, reason } => (
                format!("it is not certain that this is {name}"),
                reason.clone(),
                format!("ask {name} for the share link and run \"p2p open LINK\""),
            ),
            Failure::Offline { name, ended } => (
                format!("{name} is offline"),
                match ended {
                    Some(ago) => format!(
                        "the registration packet ended {} ago and was not renewed, unless the clock \
                         of one of the two machines is wrong",
                        roughly(*ago)
                    ),
                    None => "no overlay holds a registration packet for this person now".into(),
                },
                "try again when p2p runs on the other machine".into(),
            ),
            Failure::ClockWrong { name, ahead } => (
                format!("the clock of {name} or of this machine is wrong"),
                format!("the registration packet comes from {} in the future", roughly(*ahead)),
                "set the date and time of the machine that is wrong".into(),
            ),
            Failure::Unreachable { name, relays, .. } if !relays.is_empty() => (
                format!("no way leads to {name}"),
                format!("none of the known addresses answers; {}", relays.join("; ")),
                "try again later, or ask who runs the rendezvous to carry traffic for one of you".into(),
            ),
            Failure::Unreachable { name, last_seen, .. } => (
                format!("it seems that {name} is asleep"),
                match last_seen {
                    Some(ago) => format!(
                        "the person is known, but none of the known addresses answers; last seen \
                         {} ago",
                        roughly(*ago)
                    ),
                    None => "the person is known, but none of the known addresses answers".into(),
                },
                "try again when the other machine is on and online".into(),
            ),
            Failure::Untraceable { name, last_seen, relays, tried } => (
                format!("nobody can say where {name} is now"),
                format!(
                    "none of the addresses known {} ago answers, and no overlay gave newer ones{}{}",
                    roughly(*last_seen),
                    listed(tried),
                    relays.iter().map(|relay| format!("; {relay}")).collect::<String>()
                ),
                "run \"p2p doctor\" to see whether this machine is online and which overlays answer"
                    .into(),
            ),
            Failure::ConnectTimedOut { name, relayed: true } => (
                format!("no answer from {name}"),
                "a rendezvous takes packets for this person, and nothing came back through it; the \
                 other machine may be asleep or offline"
                    .into(),
                "try again when the other machine is on and online".into(),
            ),
            Failure::ConnectTimedOut { name, relayed: false } => (
                format!("no answer from {name}"),
                "the person's address is known, but nothing came back in time; a firewall between \
                 the two machines may be in the way"
                    .into(),
                format!("try again, or run \"p2p why {name}\" to see how far the way goes"),
            ),
            Failure::HandshakeFailed { name, detail } => (
                format!("no secure link to {name}"),
                format!("the two daemons could not agree: {detail}"),
                "check that both run a recent version of p2p".into(),
            ),
            Failure::PortNotServed { destination: Destination { name, port }, served } => (
                format!("nothing is served at port {port} of {name}"),
                match served.as_deref() {
                    None => "the peer is there, but it has no service at this port, or none that is \
                             for you"
                        .into(),
                    Some([]) => "the peer is there, but it shares nothing with you now".into(),
                    Some([port]) => format!("the peer is there; it serves port {port}"),
                    Some(ports) => {
                        let ports: Vec<_> = ports.iter().map(ToString::to_string).collect();
                        format!("the peer is there; it serves ports {}", ports.join(", "))
                    }
                },
                "check the port, or ask whether the service is running and open to you".into(),
            ),
            Failure::AccessRefused { destination: Destination { name, port }, presented } => (
                format!("port {port} of {name} is not open to you"),
                match presented {
                    Some(own) => format!("you were seen as {own}, which the service does not admit"),
                    None => "you were seen without a name, which the service does not admit".into(),
                },
                format!("ask {name} for access"),
            ),
            Failure::AccessRevoked { name } => (
                format!("{name} has ended your access"),
                "a certificate was revoked or has expired, or the service is for others now".into(),
                format!("try again, then ask {name} or whoever certifies you"),
            ),
            Failure::LinkLost { name } => (
                format!("the link to {name} broke"),
                "the connection ended before the answer began".into(),
                "try again".into(),
            ),
            Failure::ResponseTimedOut { destination, after } => (
                format!("no response from {destination}"),
                format!("the service took the request, but said nothing for {}", roughly(*after)),
                "try again later, or ask whether the service is well".into(),
            ),
            Failure::ResponseMalformed { destination } => (
                format!("the response from {destination} makes no sense"),
                "what the service sent is not an HTTP response".into(),
                "check that an HTTP service is behind this port".into(),
            ),
            Failure::ResponseIncomplete { destination } => (
                format!("the response from {destination} was cut short"),
                "the connection ended before the answer was complete".into(),
                "try again".into(),
            ),
            Failure::Loop { destination } => (
                "this request goes around in circles".into(),
                format!("it has passed the way to {destination} before"),
                "check what the service at this port forwards to".into(),
            ),
            Failure::Busy { limit } => (
                "too many requests at once".into(),
                format!("{limit} requests are under way, which is the limit"),
                "wait for some of them to finish".into(),
            ),
            Failure::HostRefused { host } => (
                "this address does not belong here".into(),
                format!(
                    "the request names the host \"{host}\"; only localhost, loopback addresses and \
                     one label under localhost are answered, so that no web site can pose as this \
                     daemon"
                ),
                "use http://localhost:5050/, or set this daemon as HTTP proxy for peers' addresses"
                    .into(),
            ),
            Failure::ForeignHost { host } => (
                "this proxy only leads to peers".into(),
                format!("\"{host}\" is not the address of a peer, such as alice.at.example.com"),
                "use the proxy for peers only: /proxy.pac sets a browser up that way".into(),
            ),
            Failure::TlsRefused { destination } => (
                "peers are reached without https".into(),
                "the link to a peer is encrypted by itself, and services speak plain HTTP inside it"
                    .into(),
                format!(
                    "open http://{} instead",
                    destination.proxy_host().trim_end_matches(":443")
                ),
            ),
            Failure::CrossSite { origin } => (
                "a web page reached for something that is not its own".into(),
                format!(
                    "the request comes from {origin}; pages may not act on addresses other than \
                     their own"
                ),
                "if you meant it, open the other page itself and do it there".into(),
            ),
            Failure::ServiceWorkerRefused => (
                "service workers need an address of their own".into(),
                "under this address all peers share one origin, and a worker would rule them all"
                    .into(),
                "open the service under its own localhost address, as \"p2p open\" prints it".into(),
            ),
            Failure::Malformed { reason } => (
                "this request is not well-formed".into(),
                reason.clone(),
                "check the address".into(),
            ),
            Failure::TargetTooLong { limit } => (
                "the address is too long".into(),
                format!("it has more than {limit} characters"),
                "shorten it, or send the data in the body of a POST request".into(),
            ),
            Failure::RequestTimedOut => (
                "the request did not arrive in time".into(),
                "the client stopped sending in the middle of it".into(),
                "try again".into(),
            ),
            Failure::ExpectationUnknown => (
                "the request expects something unknown".into(),
                "its Expect field is not \"100-continue\"".into(),
                "leave the field out".into(),
            ),
            Failure::DashboardLocked => (
                "the dashboard is locked".into(),
                "it opens only for whoever runs this daemon, because other users of this machine \
                 and other web sites reach this address too"
                    .into(),
                "run \"p2p open\", and open the address that it prints".into(),
            ),
            Failure::NothingHere => (
                "nothing is here".into(),
                "this path of the daemon itself leads nowhere; peers are at \
                 /name@example.com/port/"
                    .into(),
                "begin at the front page, /".into(),
            ),
            Failure::Defect { detail } => (
                "this program made a mistake".into(),
                detail.clone(),
                "please report it with what you did".into(),
            ),
        };
        Words { headline, explanation, advice }
    }
}

/// The reason of the decision, word for word.
fn conflict(name: &Name, known: Option<&Contact>, claimed: &[Claimed]) -> String {
    Decision::Conflict { known: known.cloned(), claimed: claimed.to_vec() }.reason(name)
}

/// What was tried, as the end of a sentence.
fn listed(tried: &[String]) -> String {
    if tried.is_empty() { String::new() } else { format!(" ({})", tried.join("; ")) }
}
