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

use std::{io::Read, time::Duration};

use ureq::Agent;

use listening::SharedCalls;

use super::http::{Hosts, HttpClient, in_time, is_found, refusal, translate};
use super::{Abilities, BaseUrl, Calls, MAX_CANDIDATES, Overlay, OverlayError};
use crate::identity::Slot;
use crate::registration::{Packet, Wanted};
use crate::runtime::http::BoxFuture;

/// How often a value must be put again.
const RENEWAL: Duration = Duration::from_secs(8 * 60);
/// How much of an answer is looked at: values of others may follow one another without end.
const MAX_BODY: u64 = 64 * 1024;
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
}

impl Overlay for OpenDht {
    fn find(&self, wanted: &Wanted) -> BoxFuture<Result<Vec<Vec<u8>>, OverlayError>> {
        let (agent, url) = (self.http.agent(), self.url.join(&wanted.slot().to_string()));
        let wanted = wanted.clone();
        in_time(move || {
            let mut response = agent.get(&url).call().map_err(translate)?;
            if !is_found(&response)? {
                return Ok(Vec::new());
            }
            let mut body = Vec::new();
            let reader = response.body_mut().as_reader();
            let read = reader.take(MAX_BODY).read_to_end(&mut body);
            read.map_err(|error| translate(error.into()))?;
            if !value::is_proxys(&body) {
                return Err(OverlayError::Malformed);
            }
            Ok(newest(&body, &wanted))
        })
    }

    fn publish(&self, packet: &Packet) -> BoxFuture<Result<(), OverlayError>> {
        let registration = packet.registration();
        let by_name = registration.name.as_ref().map(Slot::of_name);
        let slots = [Some(Slot::of_key(&registration.key)), by_name];
        let urls = slots.into_iter().flatten().map(|slot| self.url.join(&slot.to_string()));
        let (agent, urls) = (self.http.agent(), urls.collect::<Vec<_>>());
        let body = value(packet);
        in_time(move || urls.iter().try_for_each(|url| post(&agent, url, &body)))
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

/// Adds a value.
fn post(agent: &Agent, url: &str, value: &str) -> Result<(), OverlayError> {
    let request = agent.post(url).content_type("application/json");
    match request.send(value.as_bytes()).map_err(translate)?.status().as_u16() {
        200 | 201 | 204 => Ok(()),
        status => Err(refusal(status)),
    }
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
