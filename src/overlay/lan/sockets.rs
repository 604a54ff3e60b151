//! The two kinds of sockets: those that hear questions, and those that ask one.
//!
//! All daemons of a host hear at the same port. A question is asked from a port of its own, because an
//! answer to the common port would reach any one of them.

use std::{
    collections::HashSet,
    io,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6, UdpSocket},
    sync::Mutex,
};

use futures_lite::future;
use socket2::{Domain, Protocol, SockRef, Socket, Type};

use super::links::Link;
use super::message;
use crate::runtime::{Async, lock};

/// Where questions go in IPv4: the local scope (RFC 2365, section 6.1).
const GROUP_V4: Ipv4Addr = Ipv4Addr::new(239, 255, 112, 50);
/// Where questions go in IPv6: link-local scope, transient (RFC 4291, section 2.7).
const GROUP_V6: Ipv6Addr = Ipv6Addr::new(0xff12, 0, 0, 0, 0, 0, 0x7032, 0x706c);

/// A socket that hears questions of one IP version on all links joined.
#[derive(Debug)]
pub(super) struct Listener {
    socket: Async<UdpSocket>,
    joined: Mutex<HashSet<Link>>,
}

impl Listener {
    /// Hears at `port`, beside others of this host; on no link yet.
    pub(super) fn bind(domain: Domain, port: u16) -> io::Result<Listener> {
        let socket = socket(domain)?;
        socket.set_reuse_address(true)?;
        socket.set_reuse_port(true)?;
        let any: SocketAddr = match domain {
            Domain::IPV4 => (Ipv4Addr::UNSPECIFIED, port).into(),
            _ => (Ipv6Addr::UNSPECIFIED, port).into(),
        };
        socket.bind(&any.into())?;
        Ok(Listener { socket: Async::new(socket.into())?, joined: Default::default() })
    }

    /// Joins links that came and forgets those that went. A link that takes no multicast is left out.
    pub(super) fn join(&self, links: &[Link]) {
        let socket = SockRef::from(&self.socket);
        let is_v4 = self.socket.get_ref().local_addr().is_ok_and(|address| address.is_ipv4());
        let mut joined = lock(&self.joined);
        joined.retain(|link| links.contains(link));
        for link in links {
            let result = match link.v4() {
                _ if joined.contains(link) => continue,
                Some(v4) if is_v4 => socket.join_multicast_v4(&GROUP_V4, &v4),
                None if !is_v4 => socket.join_multicast_v6(&GROUP_V6, link.index),
                _ => continue,
            };
            // in use: joined through another address of the same interface
            let in_use = |error: &io::Error| error.kind() == io::ErrorKind::AddrInUse;
            if result.as_ref().map_or_else(in_use, |()| true) {
                joined.insert(link.clone());
            }
        }
    }

    /// The next datagram and its sender.
    pub(super) async fn receive(&self) -> io::Result<(Vec<u8>, SocketAddr)> {
        receive(&self.socket).await
    }

    /// Sends from the common port.
    pub(super) async fn send(&self, datagram: &[u8], to: SocketAddr) -> io::Result<()> {
        self.socket.send_to(datagram, to).await.map(drop)
    }
}

/// Sockets of one question.
#[derive(Debug)]
pub(super) struct Asker {
    v4: Option<Async<UdpSocket>>,
    v6: Option<Async<UdpSocket>>,
}

impl Asker {
    /// Ports of the system's choice; an IP version that is not there is left out.
    pub(super) fn new() -> Asker {
        Asker { v4: asking(Domain::IPV4).ok(), v6: asking(Domain::IPV6).ok() }
    }

    /// Sends to everybody at `port` on all links.
    ///
    /// # Errors
    /// When no link took it; what the last one said.
    pub(super) fn send(&self, datagram: &[u8], links: &[Link], port: u16) -> io::Result<()> {
        let mut result = Err(io::ErrorKind::NetworkUnreachable.into());
        for link in links {
            let sent = match (link.v4(), &self.v4, &self.v6) {
                (Some(v4), Some(socket), _) => SockRef::from(socket)
                    .set_multicast_if_v4(&v4)
                    .and_then(|()| socket.get_ref().send_to(datagram, (GROUP_V4, port))),
                (None, _, Some(socket)) => {
                    let group = SocketAddrV6::new(GROUP_V6, port, 0, link.index);
                    socket.get_ref().send_to(datagram, group)
                }
                _ => continue,
            };
            if result.is_err() {
                result = sent.map(drop);
            }
        }
        result
    }

    /// The next datagram that somebody answers, and who.
    pub(super) async fn receive(&self) -> io::Result<(Vec<u8>, SocketAddr)> {
        future::or(receive_if(self.v4.as_ref()), receive_if(self.v6.as_ref())).await
    }
}

fn asking(domain: Domain) -> io::Result<Async<UdpSocket>> {
    let socket = socket(domain)?;
    let any: SocketAddr = match domain {
        Domain::IPV4 => (Ipv4Addr::UNSPECIFIED, 0).into(),
        _ => (Ipv6Addr::UNSPECIFIED, 0).into(),
    };
    socket.bind(&any.into())?;
    Async::new(socket.into())
}

/// A datagram socket whose multicasts stay on the link, this host included.
fn socket(domain: Domain) -> io::Result<Socket> {
    let socket = Socket::new(domain, Type::DGRAM, Some(Protocol::UDP))?;
    if domain == Domain::IPV4 {
        socket.set_multicast_loop_v4(true)?;
        socket.set_multicast_ttl_v4(1)?;
    } else {
        socket.set_only_v6(true)?;
        socket.set_multicast_loop_v6(true)?;
        socket.set_multicast_hops_v6(1)?;
    }
    Ok(socket)
}

async fn receive_if(socket: Option<&Async<UdpSocket>>) -> io::Result<(Vec<u8>, SocketAddr)> {
    match socket {
        Some(socket) => receive(socket).await,
        None => future::pending().await,
    }
}

async fn receive(socket: &Async<UdpSocket>) -> io::Result<(Vec<u8>, SocketAddr)> {
    // one more than any message, so that a longer one is not taken for one
    let mut buffer = [0; message::MAX_LENGTH + 1];
    let (length, from) = socket.recv_from(&mut buffer).await?;
    Ok((buffer[..length].to_vec(), from))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn loopback(index: u32) -> Link {
        Link { index, address: Ipv4Addr::LOCALHOST.into(), prefix: 8 }
    }

    #[test]
    fn links_that_come_are_joined_and_links_that_went_are_forgotten() {
        let listener = Listener::bind(Domain::IPV4, 0).unwrap();
        let joined = || listener.joined.lock().unwrap().len();
        listener.join(&[loopback(1)]);
        listener.join(&[loopback(1)]);
        assert_eq!(joined(), 1);
        listener.join(&[loopback(1), loopback(2)]); // the same interface once more
        assert_eq!(joined(), 2);
        listener.join(&[]);
        assert_eq!(joined(), 0);
        listener.join(&[loopback(1)]);
        assert_eq!(joined(), 1);
    }

    #[test]
    fn a_link_that_takes_no_multicast_is_left_out() {
        let listener = Listener::bind(Domain::IPV4, 0).unwrap();
        let nowhere = Link { index: 9999, address: [192, 0, 2, 254].into(), prefix: 24 };
        listener.join(&[nowhere.clone(), loopback(1)]);
        assert_eq!(listener.joined.lock().unwrap().len(), 1);
        Asker::new().send(b"?", &[nowhere], 9).unwrap_err();
        Asker::new().send(b"?", &[], 9).unwrap_err();
    }
}
