//! Answers the datagrams of `p2pstore/1`.

use std::{
    net::{IpAddr, SocketAddr, UdpSocket},
    sync::Arc,
    time::Duration,
};

use data_encoding::HEXLOWER;
use futures_lite::future;
use socket2::SockRef;

use super::commit::Operation;
use super::datagram::{self, Done, Id, MAX_LENGTH, Put, Question, Secret};
use super::places::{Author, Place, PlaceKey, Refusal, Writer, seconds};
use super::request::clamp_ttl;
use super::server::{Service, Store};
use crate::identity::Slot;
use crate::registration::Packet;
use crate::runtime::{Async, clock, lock, spawn};

/// After an error of the socket, which has no memory most likely.
const PAUSE: Duration = Duration::from_millis(100);
/// After so many datagrams others have their turn, however many more there are.
const RUN: usize = 32;

/// So many puts may wait for the disk, at about 1.5 kB each.
const MAX_PUTS: usize = 1024;
/// Asked of the kernel for what comes while this thread is busy. It may give less.
const RECEIVE_BUFFER: usize = 1 << 20;

/// What follows from a datagram.
enum Reaction {
    /// None: too much was asked, or not this.
    Nothing,
    /// This answer.
    Answer(Vec<u8>),
    /// An answer when it is done.
    Put(Id, Put),
}

impl Store {
    /// Answers datagrams for ever. One that cannot be answered, or comes too often, is dropped: HTTP is there.
    pub async fn serve_datagrams(&self, socket: Async<UdpSocket>) {
        // what does not fit gets lost, and is asked by HTTP
        let _ = SockRef::from(socket.get_ref()).set_recv_buffer_size(RECEIVE_BUFFER);
        let socket = Arc::new(socket);
        let mut buffer = [0; MAX_LENGTH];
        for received in 1_usize.. {
            if received.is_multiple_of(RUN) {
                future::yield_now().await;
            }
            let Ok((length, from)) = socket.recv_from(&mut buffer).await else {
                clock::sleep(PAUSE).await;
                continue;
            };
            // an answer that cannot be sent is lost, as datagrams may be
            match self.service().react(from.ip(), &buffer[..length]) {
                Reaction::Nothing => {}
                Reaction::Answer(answer) => drop(socket.send_to(&answer, from).await),
                // each that is under way holds the socket
                Reaction::Put(..) if Arc::strong_count(&socket) > MAX_PUTS => {}
                Reaction::Put(id, put) => {
                    let (service, socket) = (self.service().clone(), socket.clone());
                    spawn(async move { service.put_and_answer(&socket, from, &id, put).await })
                        .detach();
                }
            }
        }
    }
}

impl Service {
    fn react(&self, from: IpAddr, datagram: &[u8]) -> Reaction {
        let Some(question) = Question::decode(datagram) else { return Reaction::Nothing };
        let (now, wall) = (self.clock.now(), seconds(self.clock.wall()));
        let is_proved = question.token().is_some_and(|token| self.tokens.is_of(token, from, wall));
        // a sender may be forged, so those who have proved theirs have a rate of their own
        let rate = if is_proved { &self.rate } else { &self.datagram_rate };
        if !lock(rate).take(from, now) {
            return Reaction::Nothing;
        }
        let token = self.tokens.give(from, wall);
        Reaction::Answer(match question {
            Question::Ask { id, slot, token: shown } if is_proved || shown.is_none() => {
                let room = datagram::room(datagram.len(), is_proved);
                let next = (shown != Some(token)).then_some(token);
                datagram::found(&id, room, next, self.places.lock().packets(slot, wall))
            }
            Question::Leave { id, slot, secret, call } => {
                let laid = self.calls.put(slot, writer(&secret), call, now);
                datagram::left(&id, laid.is_ok())
            }
            Question::Put { id, put: Some(put), .. } if is_proved => {
                return Reaction::Put(id, put);
            }
            Question::Ask { id, .. } | Question::Put { id, .. } => datagram::token(&id, &token),
        })
    }

    async fn put_and_answer(&self, socket: &Async<UdpSocket>, from: SocketAddr, id: &Id, put: Put) {
        let Some(done) = self.put_both(from.ip(), put).await else { return };
        let _ = socket.send_to(&datagram::done(id, done), from).await; // lost, as datagrams may be
    }

    /// Puts a packet where those look who know its key, and those who know its name. None if it is not known what
    /// becomes of it.
    async fn put_both(&self, from: IpAddr, put: Put) -> Option<Done> {
        let Put { seconds: ttl, secrets: [of_key, of_name], packet } = put;
        let check = move || Packet::decode(&packet);
        let Ok(packet) = self.verifier.check(check).await else { return Some(Done::Refused) };
        let registration = packet.registration();
        let place = Place {
            author: Author::of(&registration.key),
            expires: seconds(self.clock.wall()).saturating_add(clamp_ttl(ttl.into())),
            sequence: registration.sequence.as_micros(),
            network: self.network_of(from),
            packet: packet.as_bytes().into(),
        };
        let put = |slot: Slot, secret: &Secret| {
            let key = PlaceKey { slot, writer: writer(secret) };
            self.order(Operation::Put(key, place.clone()))
        };
        let by_key = put(Slot::of_key(&registration.key), &of_key);
        let by_name = registration.name.as_ref().map(|name| put(Slot::of_name(name), &of_name));
        let by_name = async {
            match by_name {
                Some(put) => put.await,
                None => Ok(()),
            }
        };
        let (by_key, by_name) = future::zip(by_key, by_name).await;
        match by_key.and(by_name) {
            Ok(()) => Some(Done::Taken),
            Err(Refusal::Outdated) => Some(Done::Outdated),
            Err(Refusal::SlotFull | Refusal::StoreFull | Refusal::ShareFull) => Some(Done::Full),
            Err(Refusal::NotFound) => Some(Done::Refused),
            Err(Refusal::Busy) => None, // it is asked for again by HTTP, and told there
        }
    }
}

/// As by HTTP, where a secret is sent in hexadecimal digits.
fn writer(secret: &Secret) -> Writer {
    Writer::of(HEXLOWER.encode(secret).as_bytes())
}
