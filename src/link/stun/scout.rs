//! Which port a NAT gives out next: that of a fresh socket, as a STUN server sees it, is the latest.

use std::{
    net::{Ipv4Addr, SocketAddr, UdpSocket},
    time::Duration,
};

use futures_lite::future;

use super::{
    message::{Builder, Class, Message, Method},
    servers::MAX_ANSWER,
};
use crate::link::drbg::Drbg;
use crate::runtime::{Async, clock, random};

/// How long a server may take before the next one is asked: a peer waits.
const PATIENCE: Duration = Duration::from_millis(250);
/// Servers that are asked, one after the other.
const MAX_ASKED: usize = 3;

/// The public address of a fresh socket. None if no server answers in time, or the system gives no socket.
pub(in crate::link) async fn scout(servers: &[SocketAddr]) -> Option<SocketAddr> {
    let socket = Async::<UdpSocket>::bind((Ipv4Addr::UNSPECIFIED, 0)).ok()?;
    let mut drbg = Drbg::new(random::bytes());
    for server in servers.iter().filter(|server| server.is_ipv4()).take(MAX_ASKED) {
        let id = drbg.transaction_id();
        let request = Builder::new(Class::Request, Method::BINDING, id).finish();
        let _ = socket.send_to(&request, *server).await; // as good as lost
        let answer = async {
            let mut buffer = [0; MAX_ANSWER];
            loop {
                let Ok((length, from)) = socket.recv_from(&mut buffer).await else {
                    return future::pending().await; // an ICMP error: silence says the same
                };
                let Ok(message) = Message::decode(&buffer[..length]) else { continue };
                if from == *server && message.id() == id && message.class() == Class::Success {
                    return message.mapped_address();
                }
            }
        };
        let timeout = async {
            clock::sleep_until(Some(clock::now() + PATIENCE)).await;
            None
        };
        if let Some(mapped) = future::or(answer, timeout).await {
            return Some(mapped);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::link::stun::message::attribute;
    use crate::runtime::{block_on, spawn};

    #[test]
    fn the_first_server_that_answers_is_believed() {
        let bind = || Async::<UdpSocket>::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let (silent, server) = (bind(), bind());
        let at = [&silent, &server].map(|socket| socket.get_ref().local_addr().unwrap());
        let seen = block_on(async {
            let answering = spawn(async move {
                let mut buffer = [0; MAX_ANSWER];
                let (length, from) = server.recv_from(&mut buffer).await.unwrap();
                let id = Message::decode(&buffer[..length]).unwrap().id();
                let answer = Builder::new(Class::Success, Method::BINDING, id)
                    .xor_address(attribute::XOR_MAPPED_ADDRESS, from)
                    .finish();
                server.send_to(&answer, from).await.unwrap();
                from
            });
            let seen = scout(&at).await;
            assert_eq!(seen, Some(answering.await));
            scout(&at[..1]).await
        });
        assert_eq!(seen, None, "nobody answers");
    }
}
