//! The client of `p2pstore/1`. What fits goes by datagrams first.

use std::{sync::Arc, time::Duration};

use data_encoding::HEXLOWER;
use hyper::Method;
use ring::hmac;

use super::asking::Asking;
use super::datagram::{Put, Secret};
use super::{
    MAX_TTL, MAX_WAIT, MIN_TTL, SECRET_FIELD, SEEN_FIELD, StoreUrl, TTL_FIELD, WAIT_FIELD, framing,
};
use crate::identity::{KeyPair, Slot};
use crate::overlay::http::{Answer, DEADLINE, Hosts, HttpClient, Request, refusal};
use crate::overlay::{
    Abilities, Calls, Heard, Overlay, OverlayError, check_length, publish_in_slots,
};
use crate::registration::{Call, Packet};
use crate::runtime::http::BoxFuture;

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
        packet: &[u8],
        ttl: Duration,
    ) -> BoxFuture<Result<(), OverlayError>> {
        let ttl = ttl.clamp(MIN_TTL, MAX_TTL).as_secs().to_string();
        let request = self.write(Method::PUT, slot).field(TTL_FIELD, ttl);
        let request = request.body("application/octet-stream", packet.to_vec());
        Box::pin(async { request.send().await?.must_be(&[200, 201, 204]) })
    }

    /// A request about a place of ours.
    fn write(&self, method: Method, slot: Slot) -> Request {
        let secret = HEXLOWER.encode(&self.secret(slot));
        self.http.request(method, &self.url.of(slot)).field(SECRET_FIELD, secret)
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
        let request = self.http.get(&self.url.of(slot));
        let by_http = Box::pin(async {
            let mut answer = request.send().await?;
            if !answer.is_found()? {
                return Ok(Vec::new());
            }
            frames(&mut answer).await
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
        self.send(slot, packet, ttl)
    }

    fn remove(&self, slot: Slot) -> BoxFuture<Result<(), OverlayError>> {
        let request = self.write(Method::DELETE, slot);
        Box::pin(async { request.send().await?.must_be(&[200, 204, 404]) })
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
        let by_http = self.send(slot, call.as_bytes(), MIN_TTL);
        match &self.asking {
            Some(asking) => asking.leave(slot, self.secret(slot), call, by_http),
            None => by_http,
        }
    }

    fn wait(&self, slot: Slot, seen: Option<u64>) -> BoxFuture<Result<Heard, OverlayError>> {
        let request = self.http.get(&self.url.of(slot)).waiting(MAX_WAIT + DEADLINE);
        let request = request.field(WAIT_FIELD, MAX_WAIT.as_secs().to_string());
        let request = match seen {
            Some(seen) => request.field(SEEN_FIELD, seen.to_string()),
            None => request,
        };
        Box::pin(async {
            let mut answer = request.send().await?;
            let seen = answer.field(SEEN_FIELD).and_then(|number| number.parse().ok());
            match (answer.status(), seen) {
                (200, Some(seen)) => {
                    let packets = frames(&mut answer).await?;
                    let calls = packets.iter().filter_map(|packet| Call::decode(packet)).collect();
                    Ok(Heard { calls, seen })
                }
                (204, Some(seen)) => Ok(Heard { calls: Vec::new(), seen }),
                // it took this for the question what lies in the slot
                (200 | 404, None) => Err(OverlayError::NoCalls),
                (status, _) => Err(refusal(status)),
            }
        })
    }
}

/// The packets in an answer, all of them possibly hostile.
async fn frames(answer: &mut Answer) -> Result<Vec<Vec<u8>>, OverlayError> {
    let body = answer.body(framing::MAX_BODY_LENGTH).await?;
    framing::decode(&body).ok_or(OverlayError::Malformed)
}
