//! The entrance for browsers and programs: TCP listeners in front of the proxy.

use std::{
    io,
    net::{SocketAddr, TcpListener},
    sync::Arc,
    time::Instant,
};

use super::StartError;
use crate::identity::SortedMap;
use crate::runtime::{
    Async, Task,
    http::{self, Handler, Limits},
    lacks_family, spawn,
};
use crate::web::{Peers, Proxy, Pseudonym, Settings};

/// Open listeners; dropping it closes them.
#[derive(Debug)]
pub(super) struct Entrance {
    addresses: Vec<SocketAddr>,
    /// Who wants it open, and until when unless they say so again.
    holds: SortedMap<HoldNumber, Option<Instant>>,
    next_hold: HoldNumber,
    _tasks: Vec<Task<()>>,
}

/// Names one wish that the entrance be open.
pub type HoldNumber = u64;

impl Entrance {
    /// Listens at each address. One of several may fail if the machine has no such address, as one
    /// without IPv6 has no `::1`.
    pub(super) fn open(
        addresses: &[SocketAddr],
        peers: &Arc<dyn Peers>,
        api: &Arc<dyn Handler>,
        pseudonym: &Pseudonym,
    ) -> Result<Entrance, StartError> {
        let mut listeners = Vec::new();
        for address in addresses {
            match TcpListener::bind(address).and_then(Async::new) {
                Ok(listener) => listeners.push(listener),
                Err(error) if is_missing(&error) => {
                    log::info!("no such address on this machine: {address}");
                }
                Err(error) => return Err(StartError::Listen { address: *address, error }),
            }
        }
        let local = |listener: &Async<TcpListener>| listener.get_ref().local_addr();
        let bound: Vec<SocketAddr> = listeners.iter().filter_map(|l| local(l).ok()).collect();
        let Some(first) = bound.first() else {
            return Err(StartError::Nowhere(addresses.to_vec()));
        };
        let settings = Settings::new(first.port(), pseudonym.clone());
        let proxy = Proxy::new(peers.clone(), Some(api.clone()), settings);
        let tasks = listeners
            .into_iter()
            .map(|listener| spawn(http::serve(listener, Limits::default(), proxy.clone())))
            .collect();
        Ok(Entrance { addresses: bound, holds: SortedMap::new(), next_hold: 0, _tasks: tasks })
    }

    /// Where it listens.
    pub(super) fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Keeps it open until `until`, or until released.
    pub(super) fn hold(&mut self, until: Option<Instant>) -> HoldNumber {
        let number = self.next_hold;
        self.next_hold += 1;
        self.holds.insert(number, until);
        number
    }

    /// Prolongs a hold; false if there is none of this number.
    pub(super) fn renew(&mut self, number: HoldNumber, until: Instant) -> bool {
        self.holds.get_mut(&number).map(|hold| *hold = Some(until)).is_some()
    }

    /// Ends a hold; false if there is none of this number.
    pub(super) fn release(&mut self, number: HoldNumber) -> bool {
        self.holds.remove(&number).is_some()
    }

    /// Whether anybody wants it open still.
    pub(super) fn is_held(&mut self, now: Instant) -> bool {
        self.holds.retain(|_, until| until.is_none_or(|until| now < until));
        !self.holds.is_empty()
    }
}

/// Whether this machine has no such address, or none of its kind.
fn is_missing(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::AddrNotAvailable || lacks_family(error)
}
