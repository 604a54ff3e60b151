//! What long-running commands say when they accept work: a line for scripts on stdout, the rest for people.

use std::net::SocketAddr;

use super::speak::{self, Outcome};
use crate::daemon::{Offer, Registered};
use crate::identity::{AccessForm, Destination, Name, ServicePort};
use crate::runtime::{plain, spawn};

pub(super) fn say_service(port: ServicePort, registered: &Registered, share_link: &str) -> Outcome {
    let Registered { name, target, fresh_name, allow, .. } = registered;
    if *fresh_name {
        speak::note(format!(
            "made the identity {name}; p2p init NAME in an empty home chooses another"
        ));
    }
    // what is public needs no word
    let whom = if allow == "public" { String::new() } else { format!(" for {allow}") };
    speak::note(format!("serving {target} as {name}:{port}{whom}"));
    if let Ok(name) = Name::parse(name) {
        let destination = Destination { name, port };
        let url = destination.url(AccessForm::OwnOrigin, "localhost:5050", "/");
        speak::note(format!("friends with p2p proxy open  {url}"));
    }
    speak::note(format!("they know your key by        {share_link}"));
    speak::line(format!("ready name={name} port={port}"))
}

/// Says so where no application answers yet: it is shared all the same, and nobody waits for it.
pub(super) fn note_silence(offer: &Offer) {
    let Offer::Application(upstream) = offer else { return };
    let upstream = upstream.clone();
    spawn(async move {
        if let Err(error) = upstream.answers().await {
            speak::note(format!(
                "nothing answers at {upstream} yet ({}); visitors get an error until something does",
                plain(&error)
            ));
        }
    })
    .detach();
}

pub(super) fn say_proxy(bound: &[SocketAddr]) -> Outcome {
    let addresses: Vec<String> = bound.iter().map(ToString::to_string).collect();
    if let Some(first) = bound.first() {
        speak::note(format!("open http://localhost:{}/ in a browser", first.port()));
    }
    speak::line(format!("ready proxy={}", addresses.join(",")))
}
