//! Trackers over UDP (BEP 15): two requests and two answers.
//!
//! The first exchange gives a number that proves to the tracker that the address is the caller's; the second
//! is the announcement. Each is sent again when no answer comes.

use std::{
    io,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket},
    time::Duration,
};

use super::announcement::{Announcement, Event, Role, Swarm, refusal};
use crate::overlay::OverlayError;
use crate::runtime::{Async, clock, plain, random};

/// Says "this is BEP 15" in the place of the number that the first answer gives.
const PROTOCOL: u64 = 0x0417_2710_1980;
const CONNECT: u32 = 0;
const ANNOUNCE: u32 = 1;
const ERROR: u32 = 3;
/// How long each attempt of an exchange waits. The specification begins with 15 seconds, which nobody here
/// would wait for.
const WAITS: [Duration; 2] = [Duration::from_secs(1), Duration::from_millis(1500)];
/// How many addresses are asked for.
const NUM_WANT: u32 = 50;
/// Larger than an answer with so many addresses of IPv6.
const MAX_DATAGRAM: usize = 2048;

/// Announces, and reads who else is there.
pub(super) async fn announce(
    tracker: SocketAddr,
    announcement: &Announcement,
) -> Result<Swarm, OverlayError> {
    let unreachable = |error: io::Error| OverlayError::Unreachable(plain(&error));
    let any: SocketAddr = match tracker {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    };
    let socket = Async::<UdpSocket>::bind(any).map_err(unreachable)?;
    socket.get_ref().connect(tracker).map_err(unreachable)?;
    let transaction = random::number() as u32;
    let request = connect_request(transaction);
    let connection =
        exchange(&socket, &request, |answer| connect_answer(answer, transaction)).await?;
    let transaction = random::number() as u32;
    let request = announce_request(connection, transaction, announcement);
    exchange(&socket, &request, |answer| announce_answer(answer, transaction, tracker.is_ipv6()))
        .await
}

/// Sends a request until `read` accepts an answer; what is none is passed over.
async fn exchange<T>(
    socket: &Async<UdpSocket>,
    request: &[u8],
    read: impl Fn(&[u8]) -> Option<Result<T, OverlayError>>,
) -> Result<T, OverlayError> {
    let unreachable = |error: io::Error| OverlayError::Unreachable(plain(&error));
    for wait in WAITS {
        socket.send(request).await.map_err(unreachable)?;
        let answer = async {
            let mut buffer = [0; MAX_DATAGRAM];
            loop {
                let length = socket.recv(&mut buffer).await.map_err(unreachable)?;
                if let Some(result) = read(&buffer[..length]) {
                    return result;
                }
            }
        };
        if let Some(result) = clock::timeout(wait, answer).await {
            return result;
        }
    }
    Err(OverlayError::TimedOut)
}

fn connect_request(transaction: u32) -> Vec<u8> {
    [&PROTOCOL.to_be_bytes()[..], &CONNECT.to_be_bytes(), &transaction.to_be_bytes()].concat()
}

fn announce_request(connection: u64, transaction: u32, announcement: &Announcement) -> Vec<u8> {
    let Announcement { infohash, peer, port, event, role } = announcement;
    let (downloaded, uploaded, left) = (0_u64, 0_u64, u64::from(*role == Role::Leecher));
    let event = match event {
        Event::Started => 2_u32,
        Event::Stopped => 3,
    };
    let (own_address, key) = (0_u32, 0_u32);
    [
        &connection.to_be_bytes()[..],
        &ANNOUNCE.to_be_bytes(),
        &transaction.to_be_bytes(),
        &infohash.0,
        peer,
        &downloaded.to_be_bytes(),
        &left.to_be_bytes(),
        &uploaded.to_be_bytes(),
        &event.to_be_bytes(),
        &own_address.to_be_bytes(),
        &key.to_be_bytes(),
        &NUM_WANT.to_be_bytes(),
        &port.to_be_bytes(),
    ]
    .concat()
}

/// The connection's number; None if this does not answer the transaction.
fn connect_answer(datagram: &[u8], transaction: u32) -> Option<Result<u64, OverlayError>> {
    let body = answer(datagram, CONNECT, transaction)?;
    let number = |body: &[u8]| body.first_chunk().map(|number| u64::from_be_bytes(*number));
    Some(body.and_then(|body| number(body).ok_or(OverlayError::Malformed)))
}

/// Reads what a tracker answers over UDP to an announcement; None if this does not answer the transaction.
pub fn announce_answer(
    datagram: &[u8],
    transaction: u32,
    over_v6: bool,
) -> Option<Result<Swarm, OverlayError>> {
    let body = match answer(datagram, ANNOUNCE, transaction)? {
        Ok(body) => body,
        Err(error) => return Some(Err(error)),
    };
    // interval, leechers and seeders; opentracker leaves them out where it does not admit the swarm
    match body.split_first_chunk::<12>() {
        Some((_, compact)) => Some(Swarm::from_compact(compact, over_v6)),
        None => Some(Err(OverlayError::Refused)),
    }
}

/// What stands behind the head of an answer to a transaction.
fn answer(datagram: &[u8], action: u32, transaction: u32) -> Option<Result<&[u8], OverlayError>> {
    let (said, rest) = datagram.split_first_chunk::<4>()?;
    let (echoed, body) = rest.split_first_chunk::<4>()?;
    if u32::from_be_bytes(*echoed) != transaction {
        return None;
    }
    match u32::from_be_bytes(*said) {
        ERROR => Some(Err(refusal(body))),
        said if said == action => Some(Ok(body)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::Slot;

    #[test]
    fn requests_are_those_of_the_specification() {
        let connect = connect_request(7);
        assert_eq!(connect, *b"\0\0\x04\x17\x27\x10\x19\x80\0\0\0\0\0\0\0\x07");
        let announcement = Announcement {
            infohash: Slot([1; 20]),
            peer: [2; 20],
            port: 5050,
            event: Event::Started,
            role: Role::Seeder,
        };
        let request = announce_request(3, 9, &announcement);
        assert_eq!(request.len(), 98);
        assert_eq!(request[..16], *b"\0\0\0\0\0\0\0\x03\0\0\0\x01\0\0\0\x09");
        assert_eq!((&request[16..36], &request[36..56]), (&[1; 20][..], &[2; 20][..]));
        assert_eq!(request[64..72], [0; 8]);
        assert_eq!(request[80..84], [0, 0, 0, 2]);
        assert_eq!(request[96..], [0x13, 0xba]);
        let gone = Announcement { event: Event::Stopped, role: Role::Leecher, ..announcement };
        let request = announce_request(3, 9, &gone);
        assert_eq!((request[71], request[83]), (1, 3));
    }

    #[test]
    fn answers_count_for_their_transaction() {
        let connected = [&[0; 4][..], &[0, 0, 0, 7], &[0, 0, 0, 0, 0, 0, 0, 3]].concat();
        assert_eq!(connect_answer(&connected, 7), Some(Ok(3)));
        assert_eq!(connect_answer(&connected, 8), None);
        assert_eq!(connect_answer(&connected[..15], 7), Some(Err(OverlayError::Malformed)));
        assert_eq!(connect_answer(&connected[..7], 7), None);
        let head = [&[0, 0, 0, 1, 0, 0, 0, 9][..], &[0; 12]].concat();
        let full = [&head[..], &[192, 0, 2, 1, 0x13, 0xba]].concat();
        let addresses = vec!["192.0.2.1:5050".parse().unwrap()];
        assert_eq!(announce_answer(&full, 9, false), Some(Ok(Swarm { addresses })));
        assert_eq!(announce_answer(&full, 9, true), Some(Err(OverlayError::Malformed)));
        assert_eq!(announce_answer(&full[..25], 9, false), Some(Err(OverlayError::Malformed)));
        assert_eq!(announce_answer(&head[..8], 9, false), Some(Err(OverlayError::Refused)));
        assert_eq!(announce_answer(&connected, 7, false), None, "it answers another question");
        let denied = [&[0, 0, 0, 3, 0, 0, 0, 9][..], b"Banned."].concat();
        let error = OverlayError::Denied("banned".into());
        assert_eq!(announce_answer(&denied, 9, false), Some(Err(error)));
    }
}
