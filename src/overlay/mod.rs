//! Storage that others run, in which registration packets lie under slots.
//!
//! An overlay is never trusted. It may lose packets, keep old ones, hand out foreign ones or nothing at
//! all, and it sees who asks for what; it cannot forge a packet, because every packet is signed. Which of
//! the packets found is the right one is decided above, by [`crate::registration`] and [`crate::trust`].
//!
//! | address | overlay |
//! |---|---|
//! | `lan` | [`lan`]: whoever is on the same link answers for itself; nothing to configure |
//! | `mainline` | [`mainline`]: the DHT of BitTorrent; found by those who know the key |
//! | `opendht:https://…` | [`OpenDht`]: the HTTP proxy of an OpenDHT node |
//! | `pkarr:https://…` | [`pkarr`]: a relay into the same DHT, over HTTP |
//! | `s3:https://…` | [`Folder`]: a bucket that a group of people writes to |
//! | `site:https://…` | [`site`]: files on a web site, put there by hand |
//! | `store:https://…` | [`store`]: a server that keeps packets, ours or a script at a web host |
//! | `tracker:udp://…`, `tracker:https://…` | [`tracker`]: addresses only, where whoever is there must prove it |
//! | `tracker:mainline` | [`mainline::Peers`]: the same in the DHT of BitTorrent |
//! | `webdav:https://…` | [`Folder`]: a folder that a group of people writes to |
//! | `well-known` | [`WellKnown`]: the web site of each name's own domain, which vouches for the key |

mod address;
mod address_error;
mod base_url;
mod bep44;
mod candidates;
mod error;
mod family;
mod folder;
mod host;
mod http;
pub mod lan;
#[cfg(feature = "mainline")]
pub mod mainline;
pub mod opendht;
pub mod pkarr;
mod rate;
pub mod site;
pub mod store;
pub mod tracker;
mod well_known;

use std::{fmt::Debug, net::SocketAddr, path::Path, sync::Arc, time::Duration};

use futures_lite::future;

pub use address::OverlayAddress;
pub use address_error::AddressError;
pub use base_url::BaseUrl;
pub use error::OverlayError;
pub use folder::{Folder, FolderUrl};
pub use opendht::OpenDht;
pub use rate::Rate;
pub use well_known::WellKnown;

use http::Hosts;

use crate::identity::{KeyPair, Name, PublicKey, Slot};
use crate::registration::presence::SealedPacket;
use crate::registration::{Call, Packet, Registration, Wanted};
use crate::runtime::http::BoxFuture;
use crate::trust::SignedRevocations;

/// The most packets that one slot of one overlay can give.
pub const MAX_CANDIDATES: usize = 8;

/// The most addresses that one overlay can give for a name; each costs a probe or a question.
pub const MAX_ADDRESSES: usize = 16;

/// Storage for packets. Every operation ends within a few seconds, one way or the other.
///
/// Most overlays have slots, into which anything signed may be put. Some keep registrations only, and know
/// them by their owner's key or name: they have [`Overlay::find`] and [`Overlay::publish`] of their own,
/// and no slots.
pub trait Overlay: Debug + Send + Sync {
    /// The packets about somebody: at most [`MAX_CANDIDATES`], each at most [`Packet::MAX_LENGTH`] octets,
    /// all of them possibly hostile. None is no error.
    fn find(&self, wanted: &Wanted) -> BoxFuture<Result<Vec<Vec<u8>>, OverlayError>> {
        self.get(wanted.slot())
    }

    /// Addresses from which somebody has announced himself as the owner of a name: at most [`MAX_ADDRESSES`],
    /// which prove nothing, so that each must be asked for a proof. None is no error.
    fn locate(&self, _name: &Name) -> BoxFuture<Result<Vec<SocketAddr>, OverlayError>> {
        Box::pin(async { Ok(Vec::new()) })
    }

    /// Puts this identity's packet where those look who know the key and those who know the name, in the
    /// place of an earlier one. If the packet is a withdrawal, what is there is taken away, or the
    /// withdrawal put in its place.
    fn publish(&self, packet: &Packet) -> BoxFuture<Result<(), OverlayError>> {
        publish_in_slots(self, packet)
    }

    /// Puts a sealed packet where those look who know its blinded key, as [`Overlay::publish`] does; this
    /// identity's key does not show.
    fn publish_sealed(&self, sealed: &SealedPacket) -> BoxFuture<Result<(), OverlayError>> {
        self.publish(sealed.packet()) // it has no name, and its key is the blinded one
    }

    /// What lies under a slot, as in [`Overlay::find`].
    fn get(&self, _slot: Slot) -> BoxFuture<Result<Vec<Vec<u8>>, OverlayError>> {
        Box::pin(async { Err(OverlayError::NoSlots) })
    }

    /// Puts a packet under a slot for `ttl`, in the place of the one this identity has there.
    /// The overlay may shorten or lengthen the time.
    fn put(
        &self,
        _slot: Slot,
        _packet: &[u8],
        _ttl: Duration,
    ) -> BoxFuture<Result<(), OverlayError>> {
        Box::pin(async { Err(OverlayError::NoSlots) })
    }

    /// Takes away what this identity has put under a slot. Nothing there is no error.
    fn remove(&self, _slot: Slot) -> BoxFuture<Result<(), OverlayError>> {
        Box::pin(async { Err(OverlayError::NoSlots) })
    }

    /// Where it may keep what it learns about other nodes, for the next start: in files of this folder.
    fn remember_in(&self, _folder: &Path) {}

    /// This host is in another network: what was kept of the old one is worth nothing.
    fn handle_network_change(&self) {}

    /// How the configuration spells this overlay; for messages.
    fn address(&self) -> &str;

    /// What may be expected of it.
    fn abilities(&self) -> Abilities;

    /// The way for calls, if this overlay can hold an answer back until there is one.
    fn calls(&self) -> Option<&dyn Calls> {
        None
    }
}

/// An overlay that passes calls to people who wait for them.
pub trait Calls: Send + Sync {
    /// Leaves a call for the owner of a slot of calls. It lies there for a minute, or for as long as the overlay likes.
    fn call(&self, slot: Slot, call: &Call) -> BoxFuture<Result<(), OverlayError>>;

    /// Waits for calls under a slot that came after number `seen`; None for all that lie there. Ends after
    /// some minutes at the latest, with no calls if there were none.
    fn wait(&self, slot: Slot, seen: Option<u64>) -> BoxFuture<Result<Heard, OverlayError>>;
}

/// What came of waiting for calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heard {
    /// At most [`MAX_CANDIDATES`], all of them possibly hostile.
    pub calls: Vec<Call>,
    /// What to wait behind the next time.
    pub seen: u64,
}

/// What an overlay can do. Who uses one asks here, and never for its kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Abilities {
    /// Packets stay available while their writer is not running.
    pub keeps: bool,
    /// It can be written, not only read.
    pub put: bool,
    /// It reaches beyond the link.
    pub remote: bool,
    /// Who knows only the name finds the packet.
    pub by_name: bool,
    /// Who knows only the key finds the packet.
    pub by_key: bool,
    /// It keeps no packets, only addresses; see [`Overlay::locate`]. Who knows only the name gets the packets of
    /// those who are there now.
    pub addresses: bool,
    /// What is withdrawn or replaced is gone. Elsewhere it goes by itself, after a while.
    pub withdraws: bool,
    /// Several people may claim a name in it, and none of them can replace what another wrote.
    pub shared: bool,
    /// It can carry sealed packets: a new key every day may be written and looked for.
    pub sealed: bool,
    /// Readers may put back what it has lost; see [`Overlay::put`].
    pub repair: bool,
    /// How often a packet must be put again because it forgets sooner than the packet ends.
    pub renew: Option<Duration>,
}

impl Abilities {
    /// Those of slots on the link; most other overlays differ in a few of them.
    pub const SLOTS: Abilities = Abilities {
        keeps: false,
        put: true,
        remote: false,
        by_name: true,
        by_key: true,
        addresses: false,
        withdraws: true,
        shared: true,
        sealed: true,
        repair: false,
        renew: None,
    };

    /// Those of overlays that know addresses and no packets.
    pub const ADDRESSES: Abilities = Abilities {
        keeps: true,
        remote: true,
        by_key: false,
        addresses: true,
        sealed: false,
        ..Abilities::SLOTS
    };

    /// Whether it makes sense to ask for somebody there.
    pub fn can_find(&self, wanted: &Wanted) -> bool {
        // who knows the key takes the addresses, and lets the handshake prove it
        let by_name = self.by_name && !(self.addresses && wanted.key().is_some());
        (by_name && wanted.name().is_some()) || (self.by_key && wanted.key().is_some())
    }
}

/// Makes the client of an overlay. This opens no connection yet and cannot fail.
///
/// The secrets that keep others from this identity's places are derived from its key.
pub fn open(address: &OverlayAddress, identity: &KeyPair) -> Arc<dyn Overlay> {
    let hosts = Hosts::own(address.is_loopback());
    open_at(hosts, address, identity)
}

/// The same for an overlay that somebody else named: it is only read, and addresses of this machine or its
/// network are refused, whatever name leads to them.
pub fn open_foreign(address: &OverlayAddress, nobody: &KeyPair) -> Arc<dyn Overlay> {
    open_at(Hosts::Public, address, nobody)
}

fn open_at(hosts: Hosts, address: &OverlayAddress, identity: &KeyPair) -> Arc<dyn Overlay> {
    match address {
        OverlayAddress::Folder(url) => Arc::new(Folder::new(hosts, url)),
        OverlayAddress::Lan => Arc::new(lan::Lan::new(lan::PORT)),
        #[cfg(feature = "mainline")]
        OverlayAddress::Mainline(bootstrap) => {
            Arc::new(mainline::Mainline::new(bootstrap, identity))
        }
        #[cfg(feature = "mainline")]
        OverlayAddress::MainlinePeers(bootstrap) => Arc::new(mainline::Peers::new(bootstrap)),
        OverlayAddress::OpenDht(url) => Arc::new(OpenDht::new(hosts, url)),
        OverlayAddress::Pkarr(url) => Arc::new(pkarr::Relay::new(hosts, url, identity)),
        OverlayAddress::Site(url) => Arc::new(site::Site::new(hosts, url)),
        OverlayAddress::Store(url) => Arc::new(store::Client::asking(hosts, url, identity)),
        OverlayAddress::Tracker(url) => Arc::new(tracker::Tracker::new(hosts, url)),
        OverlayAddress::WellKnown => Arc::new(WellKnown::default()),
    }
}

/// Puts a packet under its key and under its name, or takes away what is there.
fn publish_in_slots(
    overlay: &(impl Overlay + ?Sized),
    packet: &Packet,
) -> BoxFuture<Result<(), OverlayError>> {
    let registration = packet.registration();
    let place = |slot| {
        if registration.is_withdrawal() {
            overlay.remove(slot)
        } else {
            overlay.put(slot, packet.as_bytes(), registration.ttl)
        }
    };
    let by_key = place(Slot::of_key(&registration.key));
    let by_name = registration.name.as_ref().map(|name| place(Slot::of_name(name)));
    Box::pin(async {
        let by_name = async {
            match by_name {
                Some(put) => put.await,
                None => Ok(()),
            }
        };
        let (first, second) = future::zip(by_key, by_name).await;
        first.and(second)
    })
}

/// Refuses to send what no overlay takes.
fn check_length(packet: &[u8]) -> Result<(), OverlayError> {
    if packet.is_empty() || packet.len() > Packet::MAX_LENGTH {
        return Err(OverlayError::TooLarge);
    }
    Ok(())
}

/// A signed statement that readers look for in its slot: a registration, or a revocation list.
struct Statement {
    /// Who signed it.
    author: PublicKey,
    /// Of two of one author the higher counts.
    sequence: u64,
}

impl Statement {
    /// Reads and checks one; None for octets that nobody looks for in this slot.
    fn read(octets: &[u8], slot: Slot) -> Option<Statement> {
        if let Ok(packet) = Packet::decode(octets) {
            let Registration { key, name, sequence, .. } = packet.registration();
            let of_name = name.as_ref().map(Slot::of_name);
            let fits = slot == Slot::of_key(key) || Some(slot) == of_name;
            return fits.then(|| Statement { author: *key, sequence: sequence.as_micros() });
        }
        let list = SignedRevocations::decode(octets).ok()?;
        let (author, sequence) = (list.key().key, list.list().number.into());
        (slot == Slot::of_revocations(&author)).then_some(Statement { author, sequence })
    }
}
