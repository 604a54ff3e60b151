//! Connections to hosts that have several addresses, of which some may lead nowhere.

use std::{
    future::{Future, poll_fn},
    io,
    net::{SocketAddr, TcpStream},
    pin::Pin,
    task::Poll,
    time::Duration,
};

use super::{Async, Timer, clock, http::BoxFuture};

/// Who has not answered in this time gets company from the next address (RFC 8305, 5).
const STAGGER: Duration = Duration::from_millis(250);
/// As many addresses are tried: the last of them has its turn within two seconds.
const MAX_ADDRESSES: usize = 8;

/// Connects to the first address of a host that answers. They have their turns in the order given, but IPv6 and IPv4
/// by turns: mostly it is all of one kind that leads nowhere.
///
/// # Errors
/// When none of them answers, that of the last one to fail.
pub async fn dial(addresses: Vec<SocketAddr>) -> io::Result<Async<TcpStream>> {
    let mut rest = by_turns(addresses).into_iter().take(MAX_ADDRESSES);
    let mut dialled: Vec<BoxFuture<io::Result<Async<TcpStream>>>> = Vec::new();
    let mut failure = io::Error::from(io::ErrorKind::AddrNotAvailable);
    let mut timer = Timer::at(clock::now());
    poll_fn(|cx| {
        loop {
            let mut is_due = dialled.is_empty();
            let mut at = 0;
            while let Some(attempt) = dialled.get_mut(at) {
                match attempt.as_mut().poll(cx) {
                    Poll::Ready(Ok(stream)) => return Poll::Ready(Ok(stream)),
                    Poll::Ready(Err(error)) => {
                        failure = error;
                        drop(dialled.remove(at));
                        is_due = true;
                    }
                    Poll::Pending => at += 1,
                }
            }
            if !is_due && Pin::new(&mut timer).poll(cx).is_pending() {
                return Poll::Pending;
            }
            match rest.next() {
                Some(address) => {
                    dialled.push(Box::pin(Async::<TcpStream>::connect(address)));
                    timer.set_at(clock::now() + STAGGER);
                }
                None if dialled.is_empty() => {
                    let failure = std::mem::replace(&mut failure, io::ErrorKind::Other.into());
                    return Poll::Ready(Err(failure));
                }
                None => return Poll::Pending,
            }
        }
    })
    .await
}

/// Addresses of both families by turns (RFC 8305, 4), each family in its own order.
fn by_turns(addresses: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let is_first_v6 = addresses.first().is_some_and(SocketAddr::is_ipv6);
    let (first, second): (Vec<_>, Vec<_>) =
        addresses.into_iter().partition(|address| address.is_ipv6() == is_first_v6);
    let (mut first, mut second) = (first.into_iter(), second.into_iter());
    let mut ordered = Vec::new();
    loop {
        let before = ordered.len();
        ordered.extend(first.next());
        ordered.extend(second.next());
        if ordered.len() == before {
            return ordered;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use socket2::{Domain, Socket, Type};

    use super::*;
    use crate::runtime::block_on;

    fn address(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    /// Somebody who answers nobody: the queue of those who wait to be accepted is full.
    fn silent() -> (SocketAddr, Vec<Socket>) {
        let listener = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        listener.bind(&address("127.0.0.1:0").into()).unwrap();
        listener.listen(0).unwrap();
        let at = listener.local_addr().unwrap().as_socket().unwrap();
        let mut kept = vec![listener];
        for _ in 0..4 {
            let waiting = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
            waiting.set_nonblocking(true).unwrap();
            let _ = waiting.connect(&at.into());
            kept.push(waiting);
        }
        (at, kept)
    }

    fn dialled(addresses: &[SocketAddr]) -> io::Result<SocketAddr> {
        block_on(dial(addresses.to_vec()))?.get_ref().peer_addr()
    }

    #[test]
    fn families_come_by_turns() {
        let [a, b, c, d] = ["[::1]:1", "[::1]:2", "[::1]:3", "127.0.0.1:4"].map(address);
        assert_eq!(by_turns(vec![a, b, c, d]), [a, d, b, c]);
        assert_eq!(by_turns(vec![d, a, b]), [d, a, b]);
        assert_eq!(by_turns(Vec::new()), []);
    }

    #[test]
    fn the_second_address_is_tried_when_the_first_refuses_or_is_silent() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let good = listener.local_addr().unwrap();
        let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let (silent, _kept) = silent();
        assert_eq!(dialled(&[good, silent]).unwrap(), good);
        assert_eq!(dialled(&[closed, good]).unwrap(), good);
        assert_eq!(dialled(&[silent, good]).unwrap(), good);
        assert_eq!(dialled(&[silent, closed, good]).unwrap(), good);
    }

    #[test]
    fn who_has_no_address_that_answers_is_told_why() {
        let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let kind = |addresses: &[SocketAddr]| dialled(addresses).unwrap_err().kind();
        assert_eq!(kind(&[closed, closed]), io::ErrorKind::ConnectionRefused);
        assert_eq!(kind(&[]), io::ErrorKind::AddrNotAvailable);
    }
}
