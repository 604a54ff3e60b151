//! Words for a peer who is known and to whom no link leads.

use std::time::Duration;

use super::{Words, listed};
use crate::identity::{Name, roughly};

/// What to do about a peer who may have left.
const AWAIT: &str = "try again when the other machine is on and online";

pub(super) fn unreachable(name: &Name, last_seen: Option<Duration>, relays: &[String]) -> Words {
    if relays.is_empty() { asleep(name, last_seen) } else { not_carried(name, relays) }
}

fn asleep(name: &Name, last_seen: Option<Duration>) -> Words {
    let known = "the person is known, but none of the known addresses answers";
    Words::new(
        format!("it seems that {name} is asleep"),
        match last_seen {
            Some(ago) => format!("{known}; last seen {} ago", roughly(ago)),
            None => known.into(),
        },
        AWAIT,
    )
}

fn not_carried(name: &Name, relays: &[String]) -> Words {
    Words::new(
        format!("no way leads to {name}"),
        format!("none of the known addresses answers; {}", relays.join("; ")),
        "try again later, or ask who runs the rendezvous to carry traffic for one of you",
    )
}

pub(super) fn untraceable(
    name: &Name,
    last_seen: Duration,
    relays: &[String],
    tried: &[String],
) -> Words {
    let (ago, tried) = (roughly(last_seen), listed(tried));
    let relays: String = relays.iter().map(|relay| format!("; {relay}")).collect();
    Words::new(
        format!("nobody can say where {name} is now"),
        format!(
            "none of the addresses known {ago} ago answers, and no overlay gave newer ones{tried}{relays}"
        ),
        "run \"p2p doctor\" to see whether this machine is online and which overlays answer",
    )
}

pub(super) fn connect_timed_out(name: &Name, relayed: bool) -> Words {
    let headline = format!("no answer from {name}");
    if relayed {
        let explanation = "a rendezvous takes packets for this person, and nothing came back through it; \
                           the other machine may be asleep or offline";
        return Words::new(headline, explanation, AWAIT);
    }
    Words::new(
        headline,
        "the person's address is known, but nothing came back in time; a firewall between the two \
         machines may be in the way",
        format!("try again, or run \"p2p why {name}\" to see how far the way goes"),
    )
}

pub(super) fn handshake_failed(name: &Name, detail: &str) -> Words {
    Words::new(
        format!("no secure link to {name}"),
        format!("the two daemons could not agree: {detail}"),
        "check that both run a recent version of p2p",
    )
}

pub(super) fn link_lost(name: &Name) -> Words {
    Words::new(
        format!("the link to {name} broke"),
        "the connection ended before the answer began",
        "try again",
    )
}
