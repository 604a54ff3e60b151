//! The socket on which a NAT is examined: a fresh one, so that nothing is open yet.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr, UdpSocket},
};

use futures_lite::future;

use super::{
    behaviour::{Discovery, NatBehaviour},
    servers::{MAX_ANSWER, ServerAddress, resolve_all},
};
use crate::link::drbg::Drbg;
use crate::link::locators;
use crate::runtime::{Async, clock, random};

/// Finds out what kind of NAT is between this host and the Internet, in IPv4. It takes four to
/// fourteen seconds, because silence says something, and less than one where everything is let in.
///
/// # Errors
/// When the system gives no socket.
pub async fn discover(servers: &[ServerAddress]) -> io::Result<NatBehaviour> {
    let servers: Vec<SocketAddr> =
        resolve_all(servers).await.into_iter().filter(SocketAddr::is_ipv4).collect();
    let socket = Async::<UdpSocket>::bind((Ipv4Addr::UNSPECIFIED, 0))?;
    let bound = socket.get_ref().local_addr()?;
    let own = locators::locators(&[bound], &locators::interface_addresses());
    let mut drbg = Drbg::new(random::bytes());
    let mut discovery = Discovery::new(&own, &servers, &mut drbg, clock::now());
    loop {
        let now = clock::now();
        discovery.handle_timeout(&mut drbg, now);
        if let Some(found) = discovery.poll_finished() {
            return Ok(found.clone());
        }
        while let Some(transmit) = discovery.poll_transmit(now) {
            let _ = socket.send_to(&transmit.datagram, transmit.to).await; // as good as lost
        }
        let mut buffer = [0; MAX_ANSWER];
        let received = async {
            match socket.recv_from(&mut buffer).await {
                Ok(received) => Some(received),
                // an ICMP error about a server: silence from it says the same
                Err(_) => {
                    clock::sleep_until(discovery.poll_timeout()).await;
                    None
                }
            }
        };
        let timeout = async {
            clock::sleep_until(discovery.poll_timeout()).await;
            None
        };
        if let Some((length, from)) = future::or(received, timeout).await {
            discovery.handle_datagram(from, &buffer[..length]);
        }
    }
}
