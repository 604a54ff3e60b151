//! What the web site of a name's domain says about the name, at
//! `https://example.com/.well-known/p2p/alice` (RFC 8615): a key as 52 characters, a public key file, or a
//! registration packet.
//!
//! The web's own authorities (WebPKI) prove that the domain says it, so it is the business of
//! [`crate::trust`] whose key that is, however old a packet may be. As an overlay it gives the packet, which
//! holds key and rendezvous rather than addresses. Redirects are not followed: whoever may redirect a path
//! is not who may speak for the domain. Only hosts with public addresses are asked, because whoever invents
//! a name chooses the host.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use super::host::is_nearby;
use super::http::{Hosts, HttpClient};
use super::{Abilities, Overlay, OverlayError, site};
use crate::identity::{Name, PublicKey, PublicKeyFile};
use crate::registration::{Packet, Wanted};
use crate::runtime::http::BoxFuture;
use crate::runtime::{clock, lock};

/// Asks the web sites of domains.
#[derive(Clone, Debug)]
pub struct WellKnown {
    http: Arc<HttpClient>,
    /// With `{domain}` and `{user}`.
    template: String,
    /// What was said a moment ago, so that a page that is reloaded does not knock again and again.
    said: Arc<Mutex<Said>>,
}

/// Answers by name, and until when they count.
type Said = HashMap<Name, (Instant, Option<PublicKey>)>;

const TEMPLATE: &str = "https://{domain}/.well-known/p2p/{user}";
/// How long a first meeting waits for the domain.
const DEADLINE: Duration = Duration::from_millis(1500);
/// For how long an answer is remembered, also that there is nothing.
const MEMORY: Duration = Duration::from_secs(300);
/// For how long that none came.
const SILENCE: Duration = Duration::from_secs(20);
/// How many are remembered.
const MAX_REMEMBERED: usize = 256;

impl Default for WellKnown {
    fn default() -> WellKnown {
        WellKnown::new(HttpClient::new(Hosts::Public), TEMPLATE)
    }
}

impl WellKnown {
    /// Where files are below a web site's root.
    pub const PATH: &str = ".well-known/p2p";

    fn new(http: HttpClient, template: &str) -> WellKnown {
        WellKnown { http: Arc::new(http), template: template.into(), said: Arc::default() }
    }

    /// Where a name's domain says it.
    pub fn url(name: &Name) -> String {
        fill(TEMPLATE, name)
    }

    /// The key for which the domain vouches; None when it says nothing, or not in time.
    pub async fn key_of(&self, name: &Name) -> Option<PublicKey> {
        let now = clock::now();
        {
            let mut said = lock(&self.said);
            said.retain(|_, (until, _)| now < *until);
            if let Some((_, key)) = said.get(name) {
                return *key;
            }
            if said.len() >= MAX_REMEMBERED {
                said.clear();
            }
        }
        let answer = self.ask(name).await;
        let until = now + if answer.is_some() { MEMORY } else { SILENCE };
        let key = answer.flatten();
        lock(&self.said).insert(name.clone(), (until, key));
        key
    }

    /// The key, if any, that the domain names; None when it does not answer.
    async fn ask(&self, name: &Name) -> Option<Option<PublicKey>> {
        let said = clock::timeout(DEADLINE, self.read(name)).await?.ok()?;
        Some(said.iter().find_map(|octets| key_in(octets, name)))
    }

    /// What the domain says, if it says anything.
    fn read(&self, name: &Name) -> BoxFuture<Result<Vec<Vec<u8>>, OverlayError>> {
        if is_nearby(name.domain()) {
            return Box::pin(async { Ok(Vec::new()) });
        }
        site::read(&self.http, &fill(&self.template, name))
    }
}

impl Overlay for WellKnown {
    fn find(&self, wanted: &Wanted) -> BoxFuture<Result<Vec<Vec<u8>>, OverlayError>> {
        let Some(said) = wanted.name().map(|name| self.read(name)) else {
            return Box::pin(async { Ok(Vec::new()) });
        };
        Box::pin(async {
            let mut said = said.await?;
            // a key alone is no packet
            said.retain(|octets| key_in_text(octets).is_none());
            Ok(said)
        })
    }

    fn publish(&self, _packet: &Packet) -> BoxFuture<Result<(), OverlayError>> {
        Box::pin(async { Err(OverlayError::ReadOnly) })
    }

    fn handle_network_change(&self) {
        self.http.reconnect();
        lock(&self.said).clear();
    }

    fn address(&self) -> &str {
        "well-known"
    }

    fn abilities(&self) -> Abilities {
        Abilities {
            keeps: true,
            put: false,
            remote: true,
            by_key: false,
            shared: false,
            sealed: false,
            ..Abilities::SLOTS
        }
    }
}

/// Both parts of a name are letters that URLs take as they are.
fn fill(template: &str, name: &Name) -> String {
    template.replace("{domain}", name.domain()).replace("{user}", name.user())
}

/// The key that stands in a file about a name.
fn key_in(octets: &[u8], name: &Name) -> Option<PublicKey> {
    let packet = Packet::decode(octets).ok();
    let of_packet = packet.filter(|packet| packet.registration().name.as_ref() == Some(name));
    of_packet.map(|packet| packet.registration().key).or_else(|| key_in_text(octets))
}

fn key_in_text(octets: &[u8]) -> Option<PublicKey> {
    let text = str::from_utf8(octets).ok()?.trim();
    text.parse().ok().or_else(|| PublicKeyFile::parse(text).ok().map(|file| file.key))
}

#[cfg(test)]
mod tests;
