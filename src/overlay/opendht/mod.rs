//! The HTTP proxy of an OpenDHT node: values under a key, to which anybody may add and nobody can remove.
//!
//! | request | body | answer |
//! |---|---|---|
//! | `GET /SLOT` | | 200 and a JSON object a line, for each value |
//! | `POST /SLOT` | `{"data":BASE64,"id":NUMBER,"type":0}` | 200 |
//!
//! A value lives for ten minutes. A withdrawal is one more value, newer than what it withdraws. Calls are values that
//! their callee listens to: `listening`.

mod listening;
pub mod value;

use std::time::Duration;

use futures_lite::future;
use hyper::Method;

use listening::SharedCalls;

use super::http::{Hosts, HttpClient, Request};
use super::{Abilities, BaseUrl, Calls, MAX_CANDIDATES, Overlay, OverlayError};
use crate::identity::Slot;
use crate::registration::{Packet, Wanted};
use crate::runtime::http::BoxFuture;

/// How often a value must be put again.
const RENEWAL: Duration = Duration::from_secs(8 * 60);
/// How much of an answer is looked at: values of others may follow one another without end.
const MAX_BODY: usize = 64 * 1024;
/// How many values are looked at; each costs a signature check.
const MAX_VALUES: usize = 64;

/// A proxy at a URL.
#[derive(Debug)]
pub struct OpenDht {
    url: BaseUrl,
    http: HttpClient,
    /// Those that came through it.
    known: SharedCalls,
}

impl OpenDht {
    /// The proxy at `url`.
    pub(super) fn new(hosts: Hosts, url: &BaseUrl) -> OpenDht {
        OpenDht { url: url.clone(), http: HttpClient::new(hosts), known: SharedCalls::default() }
    }

    /// A request that adds a value.
    fn post(&self, slot: Slot, value: String) -> Request {
        let request = self.http.request(Method::POST, &self.url.join(&slot.to_string()));
        request.body("application/json", value)
    }
}

impl Overlay for OpenDht {
    fn find(&self, wanted: &Wanted) -> BoxFuture<Result<Vec<Vec<u8>>, OverlayError>> {
        let request = self.http.get(&self.url.join(&wanted.slot().to_string()));
        let wanted = wanted.clone();
        Box::pin(async move {
            let mut answer = request.send().await?;
            if !answer.is_found()? {
                return Ok(Vec::new());
            }
            let body = answer.beginning(MAX_BODY).await?;
            if !value::is_proxys(&body) {
                return Err(OverlayError::Malformed);
            }
            Ok(newest(&body, &wanted))
        })
    }

    fn publish(&self, packet: &Packet) -> BoxFuture<Result<(), OverlayError>> {
        let registration = packet.registration();
        let value = value(packet);
        let by_key = self.post(Slot::of_key(&registration.key), value.clone());
        let by_name = registration.name.as_ref().map(|name| self.post(Slot::of_name(name), value));
        Box::pin(async {
            let by_name = async {
                match by_name {
                    Some(by_name) => add(by_name).await,
                    None => Ok(()),
                }
            };
            let (first, second) = future::zip(add(by_key), by_name).await;
            first.and(second)
        })
    }

    fn handle_network_change(&self) {
        self.http.reconnect();
    }

    fn address(&self) -> &str {
        self.url.spelling()
    }

    fn abilities(&self) -> Abilities {
        Abilities { keeps: true, remote: true, renew: Some(RENEWAL), ..Abilities::SLOTS }
    }

    fn calls(&self) -> Option<&dyn Calls> {
        Some(self)
    }
}

async fn add(value: Request) -> Result<(), OverlayError> {
    value.send().await?.must_be(&[200, 201, 204])
}

/// A packet as a value. Its number is the author's, so that a node replaces what it has of him.
fn value(packet: &Packet) -> String {
    let key = packet.registration().key;
    let number = key.as_bytes()[..6].iter().fold(1, |sum: u64, octet| sum << 8 | u64::from(*octet));
    value::encode(packet.as_bytes(), number)
}

/// The newest packets about somebody, one of each key.
fn newest(body: &[u8], wanted: &Wanted) -> Vec<Vec<u8>> {
    let lines = body.split(|octet| *octet == b'\n').take(MAX_VALUES);
    let packets = lines.filter_map(|line| Packet::decode(&value::decode(line)?).ok());
    let mut newest: Vec<Packet> = Vec::new();
    for packet in packets.filter(|packet| wanted.is_about(packet)) {
        let key = packet.registration().key;
        match newest.iter().position(|other| other.registration().key == key) {
            Some(at) if newest[at].registration().sequence < packet.registration().sequence => {
                newest[at] = packet;
            }
            Some(_) => {}
            None if newest.len() < MAX_CANDIDATES => newest.push(packet),
            None => {}
        }
    }
    newest.iter().map(|packet| packet.as_bytes().to_vec()).collect()
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;
    use crate::identity::{KeyPair, Name, Seed, Timestamp};
    use crate::registration::Registration;

    fn packet(key: u8, sequence: u64) -> Packet {
        let keys = KeyPair::from_seed(&Seed::new([key; 32]));
        let registration = Registration {
            name: Some(Name::parse("alice@example.com").unwrap()),
            key: keys.public(),
            sequence: Timestamp::from_micros(sequence),
            ttl: Duration::from_secs(60),
            locators: Vec::new(),
            rendezvous: Vec::new(),
            certificates: Vec::new(),
        };
        Packet::sign(&registration, &keys).unwrap()
    }

    fn wanted() -> Wanted {
        Wanted::Name(Name::parse("alice@example.com").unwrap())
    }

    #[test]
    fn the_newest_value_of_each_key_counts() {
        let values = [packet(1, 1), packet(2, 5), packet(1, 3), packet(1, 2)];
        let body: Vec<String> = values.iter().map(|packet| value(packet) + "\n").collect();
        let found = newest(body.concat().as_bytes(), &wanted());
        let expected = [packet(1, 3), packet(2, 5)].map(|packet| packet.as_bytes().to_vec());
        assert_eq!(found, expected);
    }

    #[test]
    fn what_others_add_hides_nothing() {
        let rubbish = "{\"data\" : \"AAAA\"}\n{\"data\":17}\n{}\n{\"data\":\"%%%\"}\n\n";
        let body = format!("{rubbish}{}", value(&packet(1, 1)));
        assert_eq!(newest(body.as_bytes(), &wanted()).len(), 1);
    }

    proptest! {
        #[test]
        fn any_octets_are_survived(body in vec(any::<u8>(), 0..400)) {
            let _ = newest(&body, &wanted());
        }
    }
}
