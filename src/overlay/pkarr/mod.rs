//! pkarr relays: servers that keep BEP 44 items for those who cannot, or will not, speak to Mainline.
//!
//! | request | body | answer |
//! |---|---|---|
//! | `GET /KEY` | | 200 and the item; 404 |
//! | `PUT /KEY` | the item | 204; 409 there is a newer one; 400 not signed; 429 too often |
//!
//! KEY is the public key in z-base-32; the item is signature ‖ sequence (u64, big-endian) ‖ DNS packet. A
//! relay knows keys and no names, and has no way to remove: a withdrawal takes the packet's place.

pub mod dns;

use std::time::Duration;

use hyper::Method;

use super::bep44::Item;
use super::http::{Hosts, HttpClient};
use super::{Abilities, BaseUrl, Overlay, OverlayError};
use crate::identity::KeyPair;
use crate::registration::presence::SealedPacket;
use crate::registration::{Packet, Wanted};
use crate::runtime::http::BoxFuture;

/// Signature and sequence before the DNS packet.
const HEAD_LENGTH: usize = 72;
/// The longest item: a DNS packet has at most 1000 octets.
const MAX_ITEM: usize = HEAD_LENGTH + 1000;
/// How often an item must be put again: nodes may forget it after two hours, and BEP 44 asks for an hour.
pub(super) const RENEWAL: Duration = Duration::from_secs(50 * 60);

/// A relay at a URL.
#[derive(Debug)]
pub struct Relay {
    url: BaseUrl,
    keys: KeyPair,
    http: HttpClient,
}

impl Relay {
    /// The relay at `url`, to which `keys` signs what it says.
    pub(super) fn new(hosts: Hosts, url: &BaseUrl, keys: &KeyPair) -> Relay {
        Relay { url: url.clone(), keys: keys.clone(), http: HttpClient::new(hosts) }
    }

    fn put_item(&self, item: &Item) -> BoxFuture<Result<(), OverlayError>> {
        let url = self.url.join(&dns::z_base_32(&item.key));
        let body =
            [&item.signature[..], &item.sequence.to_be_bytes()[..], &item.value[..]].concat();
        let request = self.http.request(Method::PUT, &url);
        let request = request.body("application/pkarr.org/relays#payload", body);
        Box::pin(async {
            let answer = request.send().await?;
            match answer.status() {
                400 => Err(OverlayError::Refused),
                _ => answer.must_be(&[200, 201, 204]),
            }
        })
    }
}

impl Overlay for Relay {
    fn find(&self, wanted: &Wanted) -> BoxFuture<Result<Vec<Vec<u8>>, OverlayError>> {
        let Some(key) = wanted.key().copied() else {
            return Box::pin(async { Ok(Vec::new()) });
        };
        let request = self.http.get(&self.url.join(&dns::z_base_32(&key)));
        Box::pin(async move {
            let mut answer = request.send().await?;
            if !answer.is_found()? {
                return Ok(Vec::new());
            }
            let item = answer.body(MAX_ITEM).await?;
            let dns = item.get(HEAD_LENGTH..).ok_or(OverlayError::Malformed)?;
            // an owner may use his key for other records as well, and be silent here
            Ok(dns::decode(&key, dns).into_iter().collect())
        })
    }

    fn publish(&self, packet: &Packet) -> BoxFuture<Result<(), OverlayError>> {
        match Item::sign(packet, &self.keys) {
            Ok(item) => self.put_item(&item),
            Err(error) => Box::pin(async { Err(error) }),
        }
    }

    fn publish_sealed(&self, sealed: &SealedPacket) -> BoxFuture<Result<(), OverlayError>> {
        self.put_item(&Item::sign_sealed(sealed))
    }

    fn handle_network_change(&self) {
        self.http.reconnect();
    }

    fn address(&self) -> &str {
        self.url.spelling()
    }

    fn abilities(&self) -> Abilities {
        Abilities {
            keeps: true,
            remote: true,
            by_name: false,
            renew: Some(RENEWAL),
            ..Abilities::SLOTS
        }
    }
}
