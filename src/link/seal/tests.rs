//! Sealed messages between alice and bob, and what mallory can do to them.

use zeroize::Zeroizing;

use super::*;

const ASK: u8 = 0x20;
const ANSWER: u8 = 0x21;
const CONTENT: &[u8] = b"sixteen octets..";

struct Pair {
    alice: Own,
    bob: Own,
    bob_for_alice: Remote,
    alice_for_bob: Remote,
}

fn own(seed: u8) -> Own {
    Own::new(&KeyPair::from_seed(&Zeroizing::new([seed; 32]))).unwrap()
}

fn pair() -> Pair {
    let (alice, bob) = (own(1), own(2));
    let bob_for_alice = Remote::new(&alice, bob.key()).unwrap();
    let alice_for_bob = Remote::new(&bob, alice.key()).unwrap();
    Pair { alice, bob, bob_for_alice, alice_for_bob }
}

#[test]
fn question_and_answer() {
    let pair = pair();
    let question = seal(&pair.alice, &pair.bob_for_alice, ASK, CONTENT, [7; 32]).unwrap();
    assert_eq!(question.datagram.len(), MESSAGE_OVERHEAD + CONTENT.len());
    let claimed =
        Addressed::parse(&pair.bob, &question.datagram).unwrap().claim(&pair.bob).unwrap();
    assert_eq!(claimed.sender, pair.alice.key());
    let proved = claimed.prove(&pair.alice_for_bob).unwrap();
    assert_eq!((proved.id, &proved.content[..]), (question.id, CONTENT));
    for said in [&b""[..], b"from there"] {
        let answer = proved.answer_key.seal(ANSWER, proved.id, [9; 12], said).unwrap();
        assert_eq!(answer.len(), ANSWER_OVERHEAD + said.len());
        assert_eq!(answered_id(&answer), Some(question.id));
        assert_eq!(question.answer_key.open(&answer).as_deref(), Some(said));
    }
}

#[test]
fn every_changed_octet_is_noticed() {
    let pair = pair();
    let question = seal(&pair.alice, &pair.bob_for_alice, ASK, CONTENT, [7; 32]).unwrap();
    for at in 0..question.datagram.len() {
        let mut changed = question.datagram.clone();
        changed[at] ^= 0x10;
        assert!(!pair.alice_for_bob.made(&changed), "octet {at}");
        if (1..PAIR_MAC_AT).contains(&at) || at >= EPHEMERAL_AT {
            assert!(Addressed::parse(&pair.bob, &changed).is_none(), "octet {at}");
        }
        // an attacker who knows bob's public key can repair the mac, and no more
        let mac = mac(&pair.bob.mac, &changed);
        changed[1..PAIR_MAC_AT].copy_from_slice(&mac);
        if at == 0 || at >= PAIR_MAC_AT {
            let opened = Addressed::parse(&pair.bob, &changed)
                .and_then(|probe| probe.claim(&pair.bob))
                .and_then(|claimed| claimed.prove(&pair.alice_for_bob));
            assert!(opened.is_none(), "octet {at}");
        }
    }
    let answer = question.answer_key.seal(ANSWER, question.id, [9; 12], b"said").unwrap();
    for at in 0..answer.len() {
        let mut changed = answer.clone();
        changed[at] ^= 0x10;
        assert_eq!(question.answer_key.open(&changed), None, "octet {at}");
    }
}

#[test]
fn nobody_else_can_open_or_pretend() {
    let (pair, mallory) = (pair(), own(3));
    let question = seal(&pair.alice, &pair.bob_for_alice, ASK, CONTENT, [7; 32]).unwrap();
    assert!(Addressed::parse(&mallory, &question.datagram).is_none());

    // mallory claims to be alice: the sender opens, the content does not
    let pretender = Own { key: pair.alice.key(), secret: mallory.secret, mac: mallory.mac };
    let bob_for_mallory = Remote::new(&pretender, pair.bob.key()).unwrap();
    let forged = seal(&pretender, &bob_for_mallory, ASK, CONTENT, [8; 32]).unwrap();
    let claimed = Addressed::parse(&pair.bob, &forged.datagram).unwrap().claim(&pair.bob).unwrap();
    assert_eq!(claimed.sender, pair.alice.key());
    assert!(claimed.prove(&pair.alice_for_bob).is_none());
}

#[test]
fn the_sender_does_not_show() {
    let pair = pair();
    let question = seal(&pair.alice, &pair.bob_for_alice, ASK, CONTENT, [7; 32]).unwrap();
    let alice = pair.alice.key();
    assert!(!question.datagram.windows(8).any(|part| part == &alice.as_bytes()[..8]));
}

#[test]
fn a_hash_tells_who_made_a_message_and_for_whom() {
    let (pair, mallory) = (pair(), own(3));
    let question = seal(&pair.alice, &pair.bob_for_alice, ASK, CONTENT, [7; 32]).unwrap().datagram;
    assert!(pair.alice_for_bob.made(&question));
    let bob_for_mallory = Remote::new(&mallory, pair.bob.key()).unwrap();
    let other = seal(&mallory, &bob_for_mallory, ASK, CONTENT, [8; 32]).unwrap().datagram;
    assert!(Addressed::parse(&pair.bob, &other).is_some() && !pair.alice_for_bob.made(&other));
    for length in 0..question.len() {
        assert!(!pair.alice_for_bob.made(&question[..length]), "{length}");
    }
    // reflected, with the mac that makes it look as if it were for alice
    let mut reflected = question;
    let mac = mac(&pair.alice.mac, &reflected);
    reflected[1..PAIR_MAC_AT].copy_from_slice(&mac);
    assert!(Addressed::parse(&pair.alice, &reflected).is_some());
    assert!(!pair.bob_for_alice.made(&reflected));
}
