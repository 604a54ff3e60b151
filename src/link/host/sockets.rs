//! The sockets of a link, which come and go with the addresses of this host.

use std::{
    io,
    net::SocketAddr,
    sync::{Arc, PoisonError},
};

use super::super::{locators, socket::RealSocket};
use super::Link;

impl Link {
    /// Adds a socket and prefers it to the others that suit a destination; gives its real address.
    ///
    /// # Errors
    /// When the address cannot be bound.
    pub fn add_socket(&self, address: SocketAddr) -> io::Result<SocketAddr> {
        let socket = RealSocket::bind(address)?;
        let address = socket.address();
        self.change_sockets(|sockets| sockets.insert(0, socket));
        self.wake_receiver();
        self.with_state(|state, now| state.relaying.client.handle_moved(now));
        Ok(address)
    }

    /// Stops using the socket bound to `address`.
    pub fn remove_socket(&self, address: SocketAddr) {
        self.change_sockets(|sockets| sockets.retain(|socket| socket.address() != address));
    }

    fn change_sockets(&self, change: impl FnOnce(&mut Vec<Arc<RealSocket>>)) {
        let mut sockets = self.sockets.write().unwrap_or_else(PoisonError::into_inner);
        let mut list = sockets.to_vec();
        change(&mut list);
        *sockets = list.into();
    }

    pub(in crate::link) fn sockets(&self) -> Arc<[Arc<RealSocket>]> {
        self.sockets.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The addresses of the sockets, wildcards included.
    pub fn bound_addresses(&self) -> Vec<SocketAddr> {
        self.sockets().iter().map(|socket| socket.address()).collect()
    }

    /// Whether only this host can reach the sockets, so that it does not matter how it looks from outside.
    pub fn is_only_here(&self) -> bool {
        self.bound_addresses().iter().all(|bound| bound.ip().is_loopback())
    }

    /// Where this host can be reached as far as it can see itself, the widest scope first: what to
    /// publish. Link-local addresses and bridges of containers are left out.
    pub fn local_locators(&self) -> Vec<SocketAddr> {
        locators::locators(&self.bound_addresses(), &self.own_addresses())
    }
}
