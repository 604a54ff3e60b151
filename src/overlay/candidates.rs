//! Asks those who may be at announced addresses who they are: see [`crate::registration::inquiry`].
//!
//! Trackers and the DHT's swarms say where somebody announced himself, and prove nothing. Whoever is there and knows
//! the swarm gives his packet, which then counts as much as one from storage.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket},
    time::Duration,
};

use futures_lite::future;

use super::{MAX_CANDIDATES, Overlay, OverlayError};
use crate::identity::Slot;
use crate::registration::Wanted;
use crate::registration::inquiry::{Inquiry, Introduction};
use crate::runtime::{Async, clock, http::BoxFuture, random};

/// After which who has not answered is asked again, and when it is over. A token and a packet take two round trips.
const WAITS: [Duration; 3] =
    [Duration::from_millis(400), Duration::from_millis(500), Duration::from_millis(600)];
/// Nobody is asked the third time when there is a packet.
const ENOUGH: usize = 2;
/// Whoever gives one token after the other gets no more questions.
const MAX_TOKENS: u8 = 2;

/// What [`Overlay::find`] gives for an overlay of addresses.
pub(super) fn find(
    overlay: &impl Overlay,
    wanted: &Wanted,
) -> BoxFuture<Result<Vec<Vec<u8>>, OverlayError>> {
    if !overlay.abilities().can_find(wanted) {
        return Box::pin(async { Ok(Vec::new()) });
    }
    let located = wanted.name().map(|name| (overlay.locate(name), Slot::of_announcements(name)));
    Box::pin(async move {
        let Some((located, swarm)) = located else { return Ok(Vec::new()) };
        Ok(introduced(&located.await?, swarm).await)
    })
}

/// The packets of those who are at these addresses, possibly hostile.
async fn introduced(addresses: &[SocketAddr], swarm: Slot) -> Vec<Vec<u8>> {
    let (v4, v6) = addresses.iter().partition(|address| address.is_ipv4());
    let v4 = ask(Ipv4Addr::UNSPECIFIED.into(), v4, swarm);
    let v6 = ask(Ipv6Addr::UNSPECIFIED.into(), v6, swarm);
    let (v4, v6) = future::zip(v4, v6).await;
    let mut packets = [v4, v6].concat();
    packets.sort();
    packets.dedup();
    packets.truncate(MAX_CANDIDATES);
    packets
}

/// Asks those of one IP version.
async fn ask(any: IpAddr, addresses: Vec<SocketAddr>, swarm: Slot) -> Vec<Vec<u8>> {
    let mut round = Round::new(addresses, swarm, random::bytes());
    let Ok(socket) = Async::<UdpSocket>::bind((any, 0)) else { return Vec::new() };
    for (number, wait) in WAITS.into_iter().enumerate() {
        if round.is_over() || (number >= ENOUGH && !round.packets.is_empty()) {
            break;
        }
        for (address, inquiry) in round.open() {
            let _ = socket.send_to(&inquiry, address).await; // lost, as datagrams may be
        }
        clock::timeout(wait, listen(&socket, &mut round)).await;
    }
    round.packets
}

/// Takes answers until all have come.
async fn listen(socket: &Async<UdpSocket>, round: &mut Round) {
    let mut buffer = [0; Introduction::MAX_LENGTH + 1];
    while !round.is_over() {
        let Ok((length, from)) = socket.recv_from(&mut buffer).await else { return };
        if let Some(inquiry) = round.handle(from, &buffer[..length]) {
            let _ = socket.send_to(&inquiry, from).await;
        }
    }
}

/// Who is asked, and what they said.
struct Round {
    asked: Vec<Asked>,
    packets: Vec<Vec<u8>>,
}

struct Asked {
    address: SocketAddr,
    inquiry: Inquiry,
    tokens: u8,
    is_done: bool,
}

impl Round {
    fn new(addresses: Vec<SocketAddr>, swarm: Slot, id: [u8; 8]) -> Round {
        let inquiry = Inquiry { id, swarm, token: [0; 8] };
        let asked = |address| Asked { address, inquiry, tokens: 0, is_done: false };
        Round { asked: addresses.into_iter().map(asked).collect(), packets: Vec::new() }
    }

    /// The questions that have no answer.
    fn open(&self) -> Vec<(SocketAddr, Vec<u8>)> {
        let open = self.asked.iter().filter(|asked| !asked.is_done);
        open.map(|asked| (asked.address, asked.inquiry.encode())).collect()
    }

    fn is_over(&self) -> bool {
        self.asked.iter().all(|asked| asked.is_done)
    }

    /// Takes an answer; gives the next question to the same address, if there is one.
    fn handle(&mut self, from: SocketAddr, datagram: &[u8]) -> Option<Vec<u8>> {
        let asked = self.asked.iter_mut().find(|asked| asked.address == from && !asked.is_done)?;
        match Introduction::decode(datagram, &asked.inquiry.id)? {
            Introduction::Token(token) => {
                asked.tokens += 1;
                asked.is_done = asked.tokens > MAX_TOKENS;
                asked.inquiry.token = token;
                (!asked.is_done).then(|| asked.inquiry.encode())
            }
            Introduction::Packet(packet) => {
                asked.is_done = true;
                self.packets.push(packet);
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: [u8; 8] = *b"one of 8";

    fn address(port: u16) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, port).into()
    }

    fn round() -> Round {
        Round::new(vec![address(1), address(2)], Slot([7; 20]), ID)
    }

    #[test]
    fn a_token_is_shown_and_brings_the_packet() {
        let mut round = round();
        let again = round.handle(address(1), &Introduction::Token([3; 8]).encode(&ID)).unwrap();
        assert_eq!(Inquiry::decode(&again).unwrap().token, [3; 8]);
        let packet = Introduction::Packet(vec![9; 300]).encode(&ID);
        assert_eq!(round.handle(address(1), &packet), None);
        assert_eq!((round.open().len(), round.packets.len()), (1, 1), "the other has not answered");
        round.handle(address(1), &packet);
        assert_eq!(round.packets.len(), 1, "each says it once");
        round.handle(address(2), &packet);
        assert!(round.is_over());
    }

    #[test]
    fn who_was_not_asked_and_who_does_not_know_the_question_say_nothing() {
        let mut round = round();
        let packet = Introduction::Packet(vec![9; 300]);
        assert_eq!(round.handle(address(3), &packet.encode(&ID)), None);
        assert_eq!(round.handle(address(1), &packet.encode(b"another!")), None);
        assert!(round.packets.is_empty());
    }

    #[test]
    fn who_gives_tokens_for_ever_is_asked_no_more() {
        let mut round = round();
        let token = Introduction::Token([3; 8]).encode(&ID);
        let questions = (0..100).filter_map(|_| round.handle(address(1), &token)).count();
        assert_eq!(questions, usize::from(MAX_TOKENS));
        assert_eq!(round.open().len(), 1);
    }
}
