//! Answers the datagrams of `p2pstore/1`.

use std::{
    net::{SocketAddr, UdpSocket},
    sync::PoisonError,
    time::Duration,
};

use data_encoding::HEXLOWER;

use super::datagram::{self, MAX_LENGTH, Question};
use super::places::{Writer, seconds};
use super::server::{Service, Store};
use crate::runtime::{Async, clock};

/// After an error of the socket, which has no memory most likely.
const PAUSE: Duration = Duration::from_millis(100);

impl Store {
    /// Answers datagrams for ever. One that cannot be answered, or comes too often, is dropped: HTTP is there.
    pub async fn serve_datagrams(&self, socket: Async<UdpSocket>) {
        let mut buffer = [0; MAX_LENGTH];
        loop {
            let Ok((length, from)) = socket.recv_from(&mut buffer).await else {
                clock::sleep(PAUSE).await;
                continue;
            };
            if let Some(answer) = self.service().answer_datagram(from, &buffer[..length]) {
                let _ = socket.send_to(&answer, from).await; // lost, as datagrams may be
            }
        }
    }
}

impl Service {
    fn answer_datagram(&self, from: SocketAddr, datagram: &[u8]) -> Option<Vec<u8>> {
        let question = Question::decode(datagram)?;
        let now = self.clock.now();
        // a sender may be forged, so those who ask by HTTP have tokens of their own
        let mut rate = self.datagram_rate.lock().unwrap_or_else(PoisonError::into_inner);
        if !rate.take(from.ip(), now) {
            return None;
        }
        drop(rate);
        Some(match question {
            Question::Ask { id, slot, .. } => {
                let places = self.places.lock();
                datagram::found(
                    &id,
                    datagram.len(),
                    places.packets(slot, seconds(self.clock.wall())),
                )
            }
            Question::Leave { id, slot, secret, call } => {
                let writer = Writer::of(HEXLOWER.encode(&secret).as_bytes());
                let laid = self.calls.put(slot, writer, call, now);
                datagram::left(&id, laid.is_ok())
            }
        })
    }
}
