//! Words for a request that this daemon does not carry to anybody.

use super::Words;
use crate::identity::Destination;

pub(super) fn busy(limit: usize) -> Words {
    Words::new(
        "too many requests at once",
        format!("{limit} requests are under way, which is the limit"),
        "wait for some of them to finish",
    )
}

pub(super) fn host_refused(host: &str) -> Words {
    Words::new(
        "this address does not belong here",
        format!(
            "the request names the host \"{host}\"; only localhost, loopback addresses and one label \
             under localhost are answered, so that no web site can pose as this daemon"
        ),
        "use http://localhost:5050/, or set this daemon as HTTP proxy for peers' addresses",
    )
}

pub(super) fn foreign_host(host: &str) -> Words {
    Words::new(
        "this proxy only leads to peers",
        format!("\"{host}\" is not the address of a peer, such as alice.at.example.com"),
        "use the proxy for peers only: /proxy.pac sets a browser up that way",
    )
}

pub(super) fn tls_refused(to: &Destination) -> Words {
    Words::new(
        "peers are reached without https",
        "the link to a peer is encrypted by itself, and services speak plain HTTP inside it",
        format!("open http://{} instead", to.proxy_host().trim_end_matches(":443")),
    )
}

pub(super) fn cross_site(origin: &str) -> Words {
    Words::new(
        "a web page reached for something that is not its own",
        format!(
            "the request comes from {origin}; pages may not act on addresses other than their own"
        ),
        "if you meant it, open the other page itself and do it there",
    )
}

pub(super) fn service_worker_refused() -> Words {
    Words::new(
        "service workers need an address of their own",
        "under this address all peers share one origin, and a worker would rule them all",
        "open the service under its own localhost address, as \"p2p open\" prints it",
    )
}

pub(super) fn malformed(reason: &str) -> Words {
    Words::new("this request is not well-formed", reason, "check the address")
}

pub(super) fn target_too_long(limit: usize) -> Words {
    Words::new(
        "the address is too long",
        format!("it has more than {limit} characters"),
        "shorten it, or send the data in the body of a POST request",
    )
}

pub(super) fn request_timed_out() -> Words {
    Words::new(
        "the request did not arrive in time",
        "the client stopped sending in the middle of it",
        "try again",
    )
}

pub(super) fn expectation_unknown() -> Words {
    Words::new(
        "the request expects something unknown",
        "its Expect field is not \"100-continue\"",
        "leave the field out",
    )
}

pub(super) fn dashboard_locked() -> Words {
    Words::new(
        "the dashboard is locked",
        "it opens only for whoever runs this daemon, because other users of this machine and other \
         web sites reach this address too",
        "run \"p2p open\", and open the address that it prints",
    )
}

pub(super) fn nothing_here() -> Words {
    Words::new(
        "nothing is here",
        "this path of the daemon itself leads nowhere; peers are at /name@example.com/port/",
        "begin at the front page, /",
    )
}

pub(super) fn defect(detail: &str) -> Words {
    Words::new("this program made a mistake", detail, "please report it with what you did")
}
