//! TCP connections with rendezvous, from either end.

use std::{
    net::SocketAddr,
    sync::{Arc, Weak},
};

use hyper::upgrade::Upgraded;

use super::super::{
    host::Link,
    rendezvous::{self, Carrier, Outbox},
    way::RelayId,
};
use crate::runtime::plain;

impl Link {
    /// Takes a datagram that came over TCP.
    fn receive_from_stream(&self, carrier: Carrier, datagram: &mut [u8]) {
        self.with_state(|state, now| {
            self.sorting(state, now).take(carrier, datagram);
        });
        self.wake_receiver();
    }

    pub(in crate::link) async fn exchange(
        self: Arc<Link>,
        io: Upgraded,
        carrier: Carrier,
        outbox: Arc<Outbox>,
    ) {
        let link = Arc::downgrade(&self);
        drop(self); // a connection does not keep the link
        let receive = |datagram: &mut [u8]| {
            if let Some(link) = link.upgrade() {
                link.receive_from_stream(carrier, datagram);
            }
        };
        rendezvous::exchange(io, outbox, receive).await;
        if let Some(link) = link.upgrade() {
            link.with_state(|state, _| state.relaying.remove_stream(carrier));
        }
    }
}

/// Reaches a rendezvous over TCP.
pub(super) async fn open(link: Weak<Link>, relay: RelayId, address: SocketAddr) {
    let opened = Box::pin(rendezvous::connect(address)).await; // large, and soon over
    let Some(link) = link.upgrade() else { return };
    match opened {
        Ok(io) => {
            let (carrier, outbox) = link.with_state(|state, now| {
                let (carrier, outbox) = state.relaying.add_stream(address);
                state.relaying.client.stream_opened(relay, carrier, now);
                (carrier, outbox)
            });
            let weak = Arc::downgrade(&link);
            link.exchange(io, carrier, outbox).await;
            if let Some(link) = weak.upgrade() {
                link.with_state(|state, now| state.relaying.client.stream_closed(relay, now));
            }
        }
        Err(error) => {
            log::info!("no TCP connection to the rendezvous {address}: {}", plain(&error));
            link.with_state(|state, now| state.relaying.client.stream_closed(relay, now));
        }
    }
}
