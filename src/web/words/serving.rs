//! Words for what the peer was asked for and did not give, or gave badly.

use std::time::Duration;

use super::Words;
use crate::identity::{Destination, Name, ServicePort, roughly};

pub(super) fn port_not_served(to: &Destination, served: Option<&[ServicePort]>) -> Words {
    let Destination { name, port } = to;
    Words::new(
        format!("nothing is served at port {port} of {name}"),
        match served {
            None => {
                "the peer is there, but it has no service at this port, or none that is for you"
                    .into()
            }
            Some([]) => "the peer is there, but it shares nothing with you now".into(),
            Some([port]) => format!("the peer is there; it serves port {port}"),
            Some(ports) => {
                let ports: Vec<_> = ports.iter().map(ToString::to_string).collect();
                format!("the peer is there; it serves ports {}", ports.join(", "))
            }
        },
        "check the port, or ask whether the service is running and open to you",
    )
}

pub(super) fn access_refused(to: &Destination, presented: Option<&Name>) -> Words {
    let Destination { name, port } = to;
    Words::new(
        format!("port {port} of {name} is not open to you"),
        match presented {
            Some(own) => format!("you were seen as {own}, which the service does not admit"),
            None => "you were seen without a name, which the service does not admit".into(),
        },
        format!("ask {name} for access"),
    )
}

pub(super) fn access_revoked(name: &Name) -> Words {
    Words::new(
        format!("{name} has ended your access"),
        "a certificate was revoked or has expired, or the service is for others now",
        format!("try again, then ask {name} or whoever certifies you"),
    )
}

pub(super) fn response_timed_out(to: &Destination, after: Duration) -> Words {
    Words::new(
        format!("no response from {to}"),
        format!("the service took the request, but said nothing for {}", roughly(after)),
        "try again later, or ask whether the service is well",
    )
}

pub(super) fn response_malformed(to: &Destination) -> Words {
    Words::new(
        format!("the response from {to} makes no sense"),
        "what the service sent is not an HTTP response",
        "check that an HTTP service is behind this port",
    )
}

pub(super) fn response_incomplete(to: &Destination) -> Words {
    Words::new(
        format!("the response from {to} was cut short"),
        "the connection ended before the answer was complete",
        "try again",
    )
}

pub(super) fn going_in_circles(to: &Destination) -> Words {
    Words::new(
        "this request goes around in circles",
        format!("it has passed the way to {to} before"),
        "check what the service at this port forwards to",
    )
}
