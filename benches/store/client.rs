//! Those who put and get, over HTTP or by datagrams.

use std::{
    net::{SocketAddr, UdpSocket},
    time::Duration,
};

use p2p::identity::Slot;
use testbed::overlays::person::Person;
use testbed::overlays::wire::{Connection, Request};

/// Somebody with a packet.
pub(crate) trait Client {
    /// Puts a packet.
    ///
    /// # Panics
    /// When it is refused.
    fn put(&mut self, packet: &[u8]);

    /// Asks for it.
    ///
    /// # Panics
    /// When it is not there.
    fn get(&mut self);
}

/// A connection that stays open.
pub(crate) struct OverHttp {
    pub(crate) connection: Connection,
    pub(crate) path: String,
    /// Header fields of a put, each with its line's end.
    pub(crate) fields: String,
}

impl Client for OverHttp {
    fn put(&mut self, body: &[u8]) {
        let request = Request { path: &self.path, fields: &self.fields, body };
        let status = self.connection.put(&request);
        assert!(status < 300, "status {status}");
    }

    fn get(&mut self) {
        let status = self.connection.get(&self.path);
        assert!(status < 300, "status {status}");
    }
}

/// A datagram that was lost is sent again after this time.
const AGAIN: Duration = Duration::from_millis(200);
/// As many as connections come from.
const HOSTS: usize = 64;
const PUT: u8 = 5;
const TOKEN: u8 = 6;
const DONE: u8 = 7;
const ASK: u8 = 8;
const FOUND: u8 = 2;

/// The datagrams of `p2pstore/1`, with a token.
pub(crate) struct ByDatagrams {
    socket: UdpSocket,
    token: [u8; 8],
    slot: Slot,
    answer: Vec<u8>,
    /// Questions so far: an answer to an earlier one may come late, to what was sent again.
    asked: u64,
}

impl ByDatagrams {
    /// As one of several hosts.
    pub(crate) fn open(store: SocketAddr, host: usize, person: &Person) -> ByDatagrams {
        let host = SocketAddr::from(([127, 0, 1, (1 + host % HOSTS) as u8], 0));
        let socket = UdpSocket::bind(host).expect("all of 127 is this machine");
        socket.connect(store).expect("an address");
        socket.set_read_timeout(Some(AGAIN)).expect("a time");
        let slot = Slot::of_key(&person.keys.public());
        let answer = vec![0; 1200];
        let mut client = ByDatagrams { socket, token: [0; 8], slot, answer, asked: 0 };
        let said = client.exchange(PUT, TOKEN, &[&[0; 8]]);
        client.token = client.answer[..said].try_into().expect("a token");
        client
    }

    /// Asks until an answer of this kind comes; gives the length of what it holds.
    fn exchange(&mut self, kind: u8, expected: u8, content: &[&[u8]]) -> usize {
        self.asked += 1;
        let id = self.asked.to_be_bytes();
        let head = |kind: u8| [b"p2pd", &[kind][..], &id].concat();
        let question = [head(kind), content.concat()].concat();
        loop {
            self.socket.send(&question).expect("it is sent");
            let Ok(length) = self.socket.recv(&mut self.answer) else { continue };
            if self.answer[..length].starts_with(&head(expected)) {
                self.answer.drain(..13);
                self.answer.resize(1200, 0);
                return length - 13;
            }
        }
    }
}

impl ByDatagrams {
    /// Whether a packet is taken, for the places of its key and its name.
    pub(crate) fn fills(&mut self, packet: &[u8]) -> bool {
        let token = self.token;
        self.exchange(PUT, DONE, &[&token, &3600_u32.to_be_bytes(), &[7; 64], packet]);
        self.answer[0] == 0
    }
}

impl Client for ByDatagrams {
    fn put(&mut self, packet: &[u8]) {
        assert!(self.fills(packet), "it is taken");
    }

    fn get(&mut self) {
        let (token, slot) = (self.token, self.slot);
        let length = self.exchange(ASK, FOUND, &[&slot.0, &token]);
        assert!(length > 64, "more than nothing is found");
    }
}
