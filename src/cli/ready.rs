//! What long-running commands say when they accept work: a line for scripts on stdout, the rest for people.

use std::net::SocketAddr;

use super::speak::{self, Outcome};
use crate::daemon::Registered;
use crate::identity::{AccessForm, Destination, Name, ServicePort};

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

pub(super) fn say_proxy(bound: &[SocketAddr]) -> Outcome {
    let addresses: Vec<String> = bound.iter().map(ToString::to_string).collect();
    if let Some(first) = bound.first() {
        speak::note(format!("open http://localhost:{}/ in a browser", first.port()));
    }
    speak::line(format!("ready proxy={}", addresses.join(",")))
}
