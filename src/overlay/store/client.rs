//! The client of `p2pstore/1`. What fits goes by datagrams first. Requests run on a thread of the pool and end within
//! their deadline.

use std::{sync::Arc, time::Duration};

use data_encoding::HEXLOWER;
use ring::hmac;

use super::asking::Asking;
use super::datagram::{Put, Secret};
use super::{
    MAX_TTL, MAX_WAIT, MIN_TTL, SECRET_FIELD, SEEN_FIELD, StoreUrl, TTL_FIELD, WAIT_FIELD, framing,
};
use crate::identity::{KeyPair, Slot};
use crate::overlay::http::{
    self, DEADLINE, Hosts, HttpClient, in_time, is_found, refusal, translate,
};
use crate::overlay::{
    Abilities, Calls, Heard, Overlay, OverlayError, check_length, publish_in_slots,
};
use crate::registration::{Call, Packet};
use crate::runtime::http::BoxFuture;
use crate::runtime::unblock;

/// Tells the secrets of stores from all other uses of the seed.
const SECRET_DOMAIN: &[u8] = b"p2p store secret v1\0";

/// A store at a URL.
#[derive(Debug)]
pub struct Client {
    url: StoreUrl,
    secrets: hmac::Key,
    http: HttpClient,
    /// If it may be asked by datagrams.
    asking: Option<Arc<Asking>>,
}

impl Client {
    /// The store at `url`, with the places of `identity`.
    pub fn new(url: &StoreUrl, identity: &KeyPair) -> Client {
        Client::asking(Hosts::own(url.is_loopback()), url, identity)
    }

    /// The store at `url` if its host is one of `hosts`.
    pub(in crate::overlay) fn asking(hosts: Hosts, url: &StoreUrl, identity: &KeyPair) -> Client {
        let http = HttpClient::new(hosts);
        let asking = url.datagrams().filter(|_| http.is_direct());
        let asking = asking.map(|(host, port)| Asking::new(host, port));
        Client { url: url.clone(), secrets: secrets(url, identity), http, asking }
    }

    fn send(
        &self,
        slot: Slot,
        packet: Vec<u8>,
        ttl: Duration,
    ) -> BoxFuture<Result<(), OverlayError>> {
        let (agent, url) = (self.http.agent(), self.url.of(slot));
        let secret = HEXLOWER.encode(&self.secret(slot));
        let ttl = ttl.clamp(MIN_TTL, MAX_TTL).as_secs().to_string();
        in_time(move || {
            let request = agent.put(&url).header(SECRET_FIELD, secret).header(TTL_FIELD, ttl);
            let request = request.content_type("application/octet-stream");
            match request.send(&packet[..]).map_err(translate)?.status().as_u16() {
                200 | 201 | 204 => Ok(()),
                status => Err(refusal(status)),
            }
        })
    }

    /// What proves to this store that a place is ours; it tells nothing about other slots or stores.
    fn secret(&self, slot: Slot) -> Secret {
        let mut secret = Secret::default();
        secret.copy_from_slice(hmac::sign(&self.secrets, &slot.0).as_ref());
        secret
    }
}

fn secrets(url: &StoreUrl, identity: &KeyPair) -> hmac::Key {
    let seed = hmac::Key::new(hmac::HMAC_SHA256, &*identity.seed());
    let mut context = hmac::Context::with_key(&seed);
    context.update(SECRET_DOMAIN);
    context.update(url.template().as_bytes());
    hmac::Key::new(hmac::HMAC_SHA256, context.sign().as_ref())
}

impl Overlay for Client {
    fn publish(&self, packet: &Packet) -> BoxFuture<Result<(), OverlayError>> {
        let by_http = publish_in_slots(self, packet);
        let registration = packet.registration();
        match &self.asking {
            Some(asking) if !registration.is_withdrawal() => {
                let by_name = registration.name.as_ref().map(Slot::of_name);
                let put = Put {
                    seconds: registration.ttl.clamp(MIN_TTL, MAX_TTL).as_secs() as u32, // a week
                    secrets: [
                        self.secret(Slot::of_key(&registration.key)),
                        by_name.map_or(Secret::default(), |slot| self.secret(slot)),
                    ],
                    packet: packet.as_bytes().to_vec(),
                };
                asking.put(put, by_http)
            }
            _ => by_http,
        }
    }

    fn get(&self, slot: Slot) -> BoxFuture<Result<Vec<Vec<u8>>, OverlayError>> {
        let (agent, url) = (self.http.agent(), self.url.of(slot));
        let by_http = in_time(move || {
            let mut response = agent.get(&url).call().map_err(translate)?;
            if !is_found(&response)? {
                return Ok(Vec::new());
            }
            frames(&mut response)
        });
        match &self.asking {
            Some(asking) => asking.ask(slot, by_http),
            None => by_http,
        }
    }

    fn put(&self, slot: Slot, packet: &[u8], ttl: Duration) -> BoxFuture<Result<(), OverlayError>> {
        if let Err(error) = check_length(packet) {
            return Box::pin(async { Err(error) });
        }
        self.send(slot, packet.to_vec(), ttl)
    }

    fn remove(&self, slot: Slot) -> BoxFuture<Result<(), OverlayError>> {
        let (agent, url) = (self.http.agent(), self.url.of(slot));
        let secret = HEXLOWER.encode(&self.secret(slot));
        in_time(move || {
            let request = agent.delete(&url).header(SECRET_FIELD, secret);
            match request.call().map_err(translate)?.status().as_u16() {
                200 | 204 | 404 => Ok(()),
                status => Err(refusal(status)),
            }
        })
    }

    fn address(&self) -> &str {
        self.url.spelling()
    }

    fn abilities(&self) -> Abilities {
        Abilities { keeps: true, remote: true, repair: true, ..Abilities::SLOTS }
    }

    fn handle_network_change(&self) {
        self.http.reconnect();
        if let Some(asking) = &self.asking {
            asking.try_again();
        }
    }

    fn calls(&self) -> Option<&dyn Calls> {
        Some(self)
    }
}

impl Calls for Client {
    fn call(&self, slot: Slot, call: &Call) -> BoxFuture<Result<(), OverlayError>> {
        let by_http = self.send(slot, call.as_bytes().to_vec(), MIN_TTL);
        match &self.asking {
            Some(asking) => asking.leave(slot, self.secret(slot), call, by_http),
            None => by_http,
        }
    }

    /// Keeps a thread of the pool for as long as it waits.
    fn wait(&self, slot: Slot, seen: Option<u64>) -> BoxFuture<Result<Heard, OverlayError>> {
        let (agent, url) = (self.http.agent(), self.url.of(slot));
        Box::pin(unblock(move || {
            let request = agent.get(&url).header(WAIT_FIELD, MAX_WAIT.as_secs().to_string());
            let request = match seen {
                Some(seen) => request.header(SEEN_FIELD, seen.to_string()),
                None => request,
            };
            let request = request.config().timeout_global(Some(MAX_WAIT + DEADLINE)).build();
            let mut response = request.call().map_err(translate)?;
            let seen = response.headers().get(SEEN_FIELD);
            let seen = seen.and_then(|field| field.to_str().ok()?.parse().ok());
            match (response.status().as_u16(), seen) {
                (200, Some(seen)) => {
                    let packets = frames(&mut response)?;
                    let calls = packets.iter().filter_map(|packet| Call::decode(packet)).collect();
                    Ok(Heard { calls, seen })
                }
                (204, Some(seen)) => Ok(Heard { calls: Vec::new(), seen }),
                // it took this for the question what lies in the slot
                (200 | 404, None) => Err(OverlayError::NoCalls),
                (status, _) => Err(refusal(status)),
            }
        }))
    }
}

/// The packets in a response, all of them possibly hostile.
fn frames(response: &mut ureq::http::Response<ureq::Body>) -> Result<Vec<Vec<u8>>, OverlayError> {
    let body = http::body(response, framing::MAX_BODY_LENGTH)?;
    framing::decode(&body).ok_or(OverlayError::Malformed)
}
