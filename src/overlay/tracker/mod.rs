//! BitTorrent trackers, which know addresses and nothing else: whoever announces himself in a swarm is told
//! who else did.
//!
//! The owner of a name announces the port of its registration in a swarm that is derived from the name
//! ([`Slot::of_announcements`]). Anybody else may announce himself there too, but only his own address. Hence each
//! address must prove itself. Who has the key in the contact book probes it: only the owner of the key can answer a
//! sealed probe. Who knows only the name asks who is there, and gets signed packets, of which trust decides as of
//! those from storage. A tracker can waste some datagrams and lead nowhere else.
//!
//! | part | holds |
//! |---|---|
//! | `announcement` | what is said and answered |
//! | `bencode` | the encoding of answers over HTTP |
//! | `udp` | the protocol over UDP (BEP 15) |
//! | `url` | how a tracker is spelled |

mod announcement;
mod bencode;
mod udp;
mod url;

use std::{
    fmt,
    net::{SocketAddr, ToSocketAddrs},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use futures_lite::future;
use percent_encoding::{NON_ALPHANUMERIC, percent_encode};

pub use announcement::Swarm;
pub(super) use announcement::ports;
pub use udp::announce_answer;
pub use url::TrackerUrl;

use super::http::{self, Hosts, HttpClient};
use super::{Abilities, MAX_ADDRESSES, Overlay, OverlayError, candidates, family::Family};
use crate::identity::{Name, Slot};
use crate::registration::{Packet, Wanted};
use crate::runtime::http::BoxFuture;
use crate::runtime::ip::is_global;
use crate::runtime::{clock, lock, plain, random, spawn, unblock};
use announcement::{Announcement, Event, NO_PORT, Role};
use url::Protocol;

/// How often an announcement is repeated: trackers ask for half an hour and forget after three quarters.
pub(super) const RENEWAL: Duration = Duration::from_secs(25 * 60);
/// An announcement that changes nothing is not repeated sooner; trackers ask for a quarter of an hour.
const MIN_INTERVAL: Duration = Duration::from_secs(15 * 60);
/// The longest answer: some hundred addresses.
const MAX_BODY: usize = 16 * 1024;

/// A tracker at a URL.
pub struct Tracker {
    url: TrackerUrl,
    asked: Arc<Asked>,
    announced: Arc<Mutex<Option<Announced>>>,
}

/// How it is asked.
struct Asked {
    protocol: Protocol,
    hosts: Hosts,
    http: HttpClient,
    peer: [u8; 20],
    /// Whether addresses of this machine and its network may be what it gives.
    nearby: bool,
}

/// What it was told last.
#[derive(Clone, Debug)]
struct Announced {
    infohash: Slot,
    ports: Vec<(Family, u16)>,
    at: Instant,
}

impl Tracker {
    /// The tracker at `url`. Nothing is sent yet.
    pub(super) fn new(hosts: Hosts, url: &TrackerUrl) -> Tracker {
        let mut peer = *b"-P20100-............"; // as BEP 20 spells programs
        peer[8..].copy_from_slice(&random::bytes::<12>());
        let asked = Asked {
            protocol: url.protocol().clone(),
            hosts,
            http: HttpClient::new(hosts),
            peer,
            nearby: url.is_nearby(),
        };
        Tracker { url: url.clone(), asked: Arc::new(asked), announced: Arc::default() }
    }
}

impl Overlay for Tracker {
    fn find(&self, wanted: &Wanted) -> BoxFuture<Result<Vec<Vec<u8>>, OverlayError>> {
        candidates::find(self, wanted)
    }

    fn locate(&self, name: &Name) -> BoxFuture<Result<Vec<SocketAddr>, OverlayError>> {
        let (asked, infohash) = (self.asked.clone(), Slot::of_announcements(name));
        Box::pin(async move { asked.locate(infohash).await })
    }

    fn publish(&self, packet: &Packet) -> BoxFuture<Result<(), OverlayError>> {
        let registration = packet.registration();
        let Some(infohash) = registration.name.as_ref().map(Slot::of_announcements) else {
            return Box::pin(async { Err(OverlayError::NoName) });
        };
        let (ports, now) = (ports(registration), clock::now());
        let is_withdrawal = registration.is_withdrawal();
        if !is_withdrawal && packet.expires() < clock::wall() {
            return Box::pin(async { Err(OverlayError::Outdated) });
        }
        let (asked, announced) = (self.asked.clone(), self.announced.clone());
        Box::pin(async move {
            let lock = || lock(&announced);
            let last = lock().clone().filter(|last| last.infohash == infohash);
            let is_told = |last: &Announced| last.ports == ports && now - last.at < MIN_INTERVAL;
            if !is_withdrawal && last.as_ref().is_some_and(is_told) {
                return Ok(());
            }
            let before = last.map(|last| last.ports).unwrap_or_default();
            let over = before.into_iter().filter(|port| !ports.contains(port)).collect::<Vec<_>>();
            let stopped = asked.say(infohash, Event::Stopped, &over).await;
            if is_withdrawal {
                *lock() = None;
                return if over.is_empty() { Ok(()) } else { stopped };
            }
            if ports.is_empty() {
                return Err(OverlayError::NoAddress);
            }
            asked.say(infohash, Event::Started, &ports).await?;
            *lock() = Some(Announced { infohash, ports, at: now });
            Ok(())
        })
    }

    fn handle_network_change(&self) {
        self.asked.http.reconnect();
        // it knows an address that is no longer this host's
        *lock(&self.announced) = None;
    }

    fn address(&self) -> &str {
        self.url.spelling()
    }

    fn abilities(&self) -> Abilities {
        Abilities { renew: Some(RENEWAL), ..Abilities::ADDRESSES }
    }
}

impl Asked {
    /// Announces ports, each from an address of its IP version. Done if one was taken.
    async fn say(
        &self,
        infohash: Slot,
        event: Event,
        ports: &[(Family, u16)],
    ) -> Result<(), OverlayError> {
        let mut result = Err(OverlayError::NoAddress);
        for (family, port) in ports {
            let (peer, role) = (self.peer, Role::Seeder);
            let announcement = Announcement { infohash, peer, port: *port, event, role };
            let answer = self.announce(Some(*family), &announcement).await.map(drop);
            result = result.or(answer);
        }
        result
    }

    /// Asks who is in a swarm; a tracker over UDP has one of each IP version.
    async fn locate(self: &Arc<Self>, infohash: Slot) -> Result<Vec<SocketAddr>, OverlayError> {
        let mut swarm = match self.protocol {
            Protocol::Http(_) => self.look(infohash, None).await?,
            Protocol::Udp(_) => {
                let v4 = self.look(infohash, Some(Family::V4));
                let v6 = self.look(infohash, Some(Family::V6));
                match future::zip(v4, v6).await {
                    (Ok(v4), Ok(v6)) => [v4, v6].concat(),
                    (Ok(swarm), Err(_)) | (Err(_), Ok(swarm)) => swarm,
                    (Err(OverlayError::NoAddress), Err(error)) | (Err(error), Err(_)) => {
                        return Err(error);
                    }
                }
            }
        };
        swarm.retain(|address| self.nearby || is_global(address.ip()));
        swarm.truncate(MAX_ADDRESSES);
        Ok(swarm)
    }

    /// Enters a swarm to see who is there, and leaves it.
    async fn look(
        self: &Arc<Self>,
        infohash: Slot,
        family: Option<Family>,
    ) -> Result<Vec<SocketAddr>, OverlayError> {
        let (peer, port, role) = (self.peer, NO_PORT, Role::Leecher);
        let enters = Announcement { infohash, peer, port, event: Event::Started, role };
        let swarm = self.announce(family, &enters).await?;
        let (asked, leaves) = (self.clone(), Announcement { event: Event::Stopped, ..enters });
        // nobody waits for that, and a tracker that does not hear it forgets by itself
        spawn(async move { drop(asked.announce(family, &leaves).await) }).detach();
        Ok(swarm.addresses)
    }

    /// One announcement; over any IP version if none is given.
    async fn announce(
        &self,
        family: Option<Family>,
        announcement: &Announcement,
    ) -> Result<Swarm, OverlayError> {
        match &self.protocol {
            Protocol::Http(url) => self.announce_by_http(url, family, announcement).await,
            Protocol::Udp(authority) => {
                let (authority, hosts) = (authority.clone(), self.hosts);
                let found = clock::timeout(http::DEADLINE, unblock(move || resolve(&authority)));
                let found = found.await.ok_or(OverlayError::TimedOut)??;
                let is_asked = |address: &&SocketAddr| {
                    let is_of_family = family.is_none_or(|family| Family::of(address) == family);
                    is_of_family && (hosts != Hosts::Public || is_global(address.ip()))
                };
                let address = found.iter().find(is_asked).ok_or(OverlayError::NoAddress)?;
                udp::announce(*address, announcement).await
            }
        }
    }

    fn announce_by_http(
        &self,
        url: &str,
        family: Option<Family>,
        announcement: &Announcement,
    ) -> BoxFuture<Result<Swarm, OverlayError>> {
        let request = self.http.get(&with_query(url, announcement)).over(family);
        Box::pin(async {
            let mut answer = request.send().await?;
            answer.must_be(&[200])?;
            Swarm::from_bencode(&answer.body(MAX_BODY).await?)
        })
    }
}

impl fmt::Debug for Tracker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Tracker").field(&self.url.spelling()).finish()
    }
}

fn resolve(authority: &str) -> Result<Vec<SocketAddr>, OverlayError> {
    let found = authority.to_socket_addrs();
    let found = found.map_err(|error| OverlayError::Unreachable(plain(&error)))?;
    Ok(found.collect())
}

/// The URL of an announcement (BEP 3).
fn with_query(url: &str, announcement: &Announcement) -> String {
    let Announcement { infohash, peer, port, event, role } = announcement;
    let infohash = percent_encode(&infohash.0, NON_ALPHANUMERIC);
    let peer = percent_encode(peer, NON_ALPHANUMERIC);
    let left = u8::from(*role == Role::Leecher);
    let event = match event {
        Event::Started => "started",
        Event::Stopped => "stopped",
    };
    let joint = if url.contains('?') { '&' } else { '?' };
    format!(
        "{url}{joint}info_hash={infohash}&peer_id={peer}&port={port}&uploaded=0&downloaded=0\
         &left={left}&compact=1&event={event}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_announcement_is_a_query() {
        let announcement = Announcement {
            infohash: Slot(*b"\0\x7fA-34567890123456 &"),
            peer: *b"-P20100-123456789012",
            port: 5050,
            event: Event::Started,
            role: Role::Seeder,
        };
        let expected = "info_hash=%00%7FA%2D34567890123456%20%26&peer_id=%2DP20100%2D123456789012&port=5050\
                        &uploaded=0&downloaded=0&left=0&compact=1&event=started";
        assert_eq!(with_query("http://a/b", &announcement), format!("http://a/b?{expected}"));
        assert_eq!(with_query("http://a/?c", &announcement), format!("http://a/?c&{expected}"));
    }
}
