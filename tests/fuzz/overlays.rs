//! What overlays are called, what they answer, and what strangers ask.
//!
//! The encoding of Mainline is its library's own; `tests/overlays/krpc.rs` damages what nodes say.

use std::net::SocketAddr;

use p2p::{
    identity::PublicKey,
    overlay::{
        MAX_CANDIDATES, OverlayAddress, opendht, pkarr,
        store::{
            datagram::{Answer, Question},
            framing,
        },
        tracker::{Swarm, announce_answer},
    },
    registration::{
        Packet,
        inquiry::{Inquiry, Introduction},
    },
};

use crate::engine::fuzz;
use crate::random::mutate;

/// The id of all questions in the corpus.
const ID: [u8; 8] = *b"one of 8";

#[test]
fn overlays() {
    let accepted = fuzz("overlay", 40_000, mutate, |bytes| {
        let Ok(text) = str::from_utf8(bytes) else { return false };
        let Ok(address) = OverlayAddress::parse(text) else { return false };
        let printed = address.to_string();
        let again = OverlayAddress::parse(&printed).expect("what is printed can be read");
        assert_eq!(again.to_string(), printed);
        true
    });
    assert!(accepted > 100, "{accepted}");
}

#[test]
fn trackers() {
    let accepted = fuzz("tracker", 40_000, mutate, |bytes| {
        let by_http = Swarm::from_bencode(bytes);
        let by_udp = [false, true].map(|over_v6| announce_answer(bytes, 9, over_v6));
        let swarms = by_udp.into_iter().flatten().chain([by_http]).flatten();
        let mut swarms = swarms.peekable();
        let accepted = swarms.peek().is_some();
        for swarm in swarms {
            let can_be_asked = |address: &SocketAddr| {
                address.port() != 0
                    && !address.ip().is_unspecified()
                    && !address.ip().is_multicast()
            };
            assert!(swarm.addresses.iter().all(can_be_asked), "{swarm:?}");
            assert!(swarm.addresses.len() * 6 <= bytes.len(), "an address takes six octets");
        }
        accepted
    });
    assert!(accepted > 100, "{accepted}");
}

#[test]
fn store_answers() {
    let accepted = fuzz("store-answer", 40_000, mutate, |bytes| {
        let Some(packets) = framing::decode(bytes) else { return false };
        assert!(packets.len() <= MAX_CANDIDATES);
        assert!(packets.iter().all(|packet| (1..=Packet::MAX_LENGTH).contains(&packet.len())));
        let again = framing::encode(packets.iter().map(Vec::as_slice));
        assert!(again.len() <= bytes.len());
        assert_eq!(framing::decode(&again), Some(packets));
        true
    });
    assert!(accepted > 100, "{accepted}");
}

#[test]
fn store_datagrams() {
    let accepted = fuzz("store-datagram", 40_000, mutate, |bytes| {
        let (question, answer) = (Question::decode(bytes), Answer::decode(&ID, bytes));
        if let Some(question) = &question {
            let again = Question::decode(&question.encode());
            assert_eq!(again.as_ref(), Some(question), "what is asked can be asked again");
        }
        if let Some(Answer::Found { packets: Some(packets), .. }) = &answer {
            assert!(packets.len() <= MAX_CANDIDATES);
            assert!(packets.iter().all(|packet| packet.len() <= Packet::MAX_LENGTH));
        }
        assert!(question.is_none() || answer.is_none(), "a question is no answer");
        question.is_some() || answer.is_some()
    });
    assert!(accepted > 100, "{accepted}");
}

#[test]
fn values_of_opendht() {
    let accepted = fuzz("opendht", 40_000, mutate, |bytes| {
        let Some(octets) = opendht::value::decode(bytes) else { return false };
        assert!(octets.len() < bytes.len(), "base64 is longer than what it holds");
        let again = opendht::value::encode(&octets, 7);
        assert_eq!(opendht::value::decode(again.as_bytes()), Some(octets));
        true
    });
    assert!(accepted > 100, "{accepted}");
}

#[test]
fn dns_records() {
    let key = PublicKey([7; 32]);
    let accepted = fuzz("dns", 40_000, mutate, |bytes| {
        let Some(packet) = pkarr::dns::decode(&key, bytes) else { return false };
        assert!((1..=Packet::MAX_LENGTH).contains(&packet.len()));
        assert_eq!(pkarr::dns::decode(&PublicKey([8; 32]), bytes), None, "of another key");
        let again = pkarr::dns::encode(&key, &packet);
        assert!(again.len() <= 1000, "more than pkarr takes: {}", again.len());
        assert_eq!(pkarr::dns::decode(&key, &again), Some(packet));
        true
    });
    assert!(accepted > 100, "{accepted}");
}

#[test]
fn inquiries() {
    let accepted = fuzz("inquiry", 40_000, mutate, |bytes| {
        let (inquiry, introduction) = (Inquiry::decode(bytes), Introduction::decode(bytes, &ID));
        if let Some(inquiry) = inquiry {
            assert_eq!(inquiry.encode(), bytes, "there is one way to write it");
        }
        if let Some(introduction) = &introduction {
            assert_eq!(introduction.encode(&ID), bytes, "there is one way to write it");
        }
        inquiry.is_some() || introduction.is_some()
    });
    assert!(accepted > 100, "{accepted}");
}
