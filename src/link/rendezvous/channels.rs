//! Channels of one session: numbers for peers that client and rendezvous both know without having told each other,
//! because both follow from the token of the session and the tag of the peer.
//!
//! ```text
//! caller                      rendezvous                     registered host
//!   |--- CARRY(host) ------------>|  the caller knows the host: |
//!   |                             |--- CARRIED(caller) -------->|
//!   |<-- CARRIED by channel ------|<-- CARRY(caller) -----------|
//!   |  the rendezvous knows it:   |  the host knows the caller: |
//!   |--- CARRY by channel ------->|--- CARRIED by channel ----->|
//!   |                             |<-- CARRY by channel --------|
//! ```
//!
//! A *client* puts every peer in the list that it names by tag, and speaks by channel to those from which it has
//! heard by channel. A *rendezvous* puts every peer in the list that the client names, and speaks of those by channel.
//! Whoever is asked for a number that is not in the list says so, and the other goes back to tags: a client by a HELLO,
//! a rendezvous by a REFUSED. Two peers with one number, which happens once in half a million times, keep their tags.
//!
//! Nobody else knows the token: who forges the address of a client can put a peer in its list, which changes nothing,
//! and cannot make a number mean somebody else.

use std::time::Instant;

use ring::hmac;

use crate::identity::Hit;

use super::message::Token;

/// Peers in the list; the one that was used longest ago gives way.
const MAX_PEERS: usize = 32;
/// As many as stand in a header.
const MASK: u32 = 0x7_ffff;

/// A number of 19 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::link) struct Channel(pub(super) u32);

/// The list of one end.
#[derive(Debug)]
pub(super) struct Channels {
    /// None as long as a client has not heard of it.
    token: Option<Token>,
    peers: Vec<Named>,
}

#[derive(Debug)]
struct Named {
    peer: Hit,
    channel: Option<Channel>,
    /// Whether the other end has this peer in its list.
    open: bool,
    used: Instant,
}

impl Channels {
    pub(super) fn new(token: Option<Token>) -> Channels {
        Channels { token, peers: Vec::new() }
    }

    /// The token of the session, which may be another one. The other end has yet to show whom it has in its list.
    pub(super) fn begin(&mut self, token: Token) {
        if self.token != Some(token) {
            for named in &mut self.peers {
                named.channel = Some(channel(&token, named.peer));
            }
        }
        self.token = Some(token);
        self.close();
    }

    /// The other end may have forgotten all.
    pub(super) fn close(&mut self) {
        self.peers.iter_mut().for_each(|named| named.open = false);
    }

    /// A client names a peer by its tag.
    pub(super) fn name(&mut self, peer: Hit, now: Instant) {
        self.entry(peer, now);
    }

    /// A client has named a peer to its rendezvous.
    pub(super) fn open(&mut self, peer: Hit, now: Instant) {
        self.entry(peer, now).open = true;
    }

    /// What to call a peer, if the other end knows; None is by its tag.
    pub(super) fn channel(&mut self, peer: Hit, now: Instant) -> Option<Channel> {
        let named = self.peers.iter_mut().find(|named| named.peer == peer && named.open)?;
        named.used = now;
        let channel = named.channel;
        channel.filter(|channel| self.only(*channel).is_some())
    }

    /// Whom the other end means, who has it in its list then.
    pub(super) fn peer(&mut self, channel: Channel, now: Instant) -> Option<Hit> {
        let at = self.only(channel)?;
        let named = &mut self.peers[at];
        named.open = true;
        named.used = now;
        Some(named.peer)
    }

    /// The only one with this number.
    fn only(&self, channel: Channel) -> Option<usize> {
        let mut all = self.peers.iter().enumerate().filter(|(_, n)| n.channel == Some(channel));
        let (at, _) = all.next()?;
        all.next().is_none().then_some(at)
    }

    fn entry(&mut self, peer: Hit, now: Instant) -> &mut Named {
        let known = self.peers.iter().position(|named| named.peer == peer);
        let at = known.unwrap_or_else(|| {
            if self.peers.len() == MAX_PEERS {
                let oldest = self.peers.iter().enumerate().min_by_key(|(_, named)| named.used);
                let oldest = oldest.map_or(0, |(at, _)| at);
                self.peers.swap_remove(oldest);
            }
            let channel = self.token.map(|token| channel(&token, peer));
            self.peers.push(Named { peer, channel, open: false, used: now });
            self.peers.len() - 1
        });
        let named = &mut self.peers[at];
        named.used = now;
        named
    }
}

fn channel(token: &Token, peer: Hit) -> Channel {
    let key = hmac::Key::new(hmac::HMAC_SHA256, token);
    let tag = hmac::sign(&key, &peer.to_ipv6().octets());
    let number =
        tag.as_ref().iter().take(4).fold(0, |number, octet| number << 8 | u32::from(*octet));
    Channel(number & MASK)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::link::rendezvous::tests::hit;
    use crate::runtime::clock;

    #[test]
    fn both_ends_come_to_the_same_number_and_use_it_when_the_other_knows() {
        let now = clock::now();
        let (mut client, mut server) = (Channels::new(None), Channels::new(Some([7; 16])));
        client.name(hit(1), now);
        client.begin([7; 16]);
        assert_eq!(client.channel(hit(1), now), None, "the rendezvous has not named it");
        assert_eq!(server.channel(hit(1), now), None, "the client has not named it");
        server.open(hit(1), now);
        let number = server.channel(hit(1), now).unwrap();
        assert_eq!(client.peer(number, now), Some(hit(1)));
        assert_eq!(client.channel(hit(1), now), Some(number));
        assert_eq!(server.peer(number, now), Some(hit(1)));
        assert_eq!(server.peer(Channel(number.0 ^ 1), now), None);

        client.begin([8; 16]);
        assert_eq!(client.channel(hit(1), now), None, "another session");
        assert_eq!(client.peer(number, now), None);
    }

    #[test]
    fn two_peers_with_one_number_keep_their_tags() {
        let now = clock::now();
        let token = [9; 16];
        let first = hit(0);
        let wanted = channel(&token, first);
        let second = (1..).map(hit).find(|other| channel(&token, *other) == wanted).unwrap();
        let mut channels = Channels::new(Some(token));
        channels.open(first, now);
        assert_eq!(channels.channel(first, now), Some(wanted));
        channels.open(second, now);
        assert_eq!(channels.channel(first, now), None);
        assert_eq!(channels.channel(second, now), None);
        assert_eq!(channels.peer(wanted, now), None);
    }

    #[test]
    fn a_full_list_forgets_whom_nobody_has_used() {
        let start = clock::now();
        let mut channels = Channels::new(Some([1; 16]));
        let seconds = |count: usize| start + std::time::Duration::from_secs(count as u64);
        for number in 0..=MAX_PEERS {
            channels.open(hit(number as u32), seconds(number));
            assert!(channels.channel(hit(0), seconds(number)).is_some());
        }
        assert_eq!(channels.peers.len(), MAX_PEERS);
        assert_eq!(channels.channel(hit(1), seconds(99)), None);
    }
}
