//! A node of the DHT that lies in every way: the answers of a real one, damaged on their way.
//!
//! The encoding (bencode, KRPC) is the library's own; what is asked here is whether its node survives, and whether
//! what comes through is what was signed.

use std::{
    net::{SocketAddr, UdpSocket},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

use mainline::{Dht, Id, Testnet};
use p2p::overlay::{self, Overlay, OverlayAddress};
use p2p::registration::Packet;
use p2p::runtime::{self, clock};
use testbed::dice::Dice;
use testbed::overlays::packets::{key, name};
use testbed::overlays::person::Person;

/// So many questions of every kind are answered by damaged answers.
const ROUNDS: u64 = 12;
/// Each answer comes so often, differently damaged.
const VARIANTS: u64 = 24;
const TIMEOUT: Duration = Duration::from_millis(100);

/// Stands before a node, and damages what it says for as long as it is told to.
struct Liar {
    address: SocketAddr,
    lies: Arc<AtomicBool>,
    told: Arc<AtomicU64>,
}

impl Liar {
    fn before(node: &str, seed: u64) -> Liar {
        let near = UdpSocket::bind("127.0.0.1:0").unwrap();
        let far = UdpSocket::bind("127.0.0.1:0").unwrap();
        far.connect(node).unwrap();
        far.set_read_timeout(Some(Duration::from_millis(500))).unwrap();
        let address = near.local_addr().unwrap();
        let (lies, told) = (Arc::new(AtomicBool::new(true)), Arc::new(AtomicU64::new(0)));
        let (is_lying, count) = (lies.clone(), told.clone());
        thread::spawn(move || {
            let (mut dice, mut buffer) = (Dice(seed), [0; 2048]);
            while let Ok((length, from)) = near.recv_from(&mut buffer) {
                let _ = far.send(&buffer[..length]);
                let Ok(length) = far.recv(&mut buffer) else { continue };
                let answer = &buffer[..length];
                if !is_lying.load(Ordering::SeqCst) {
                    let _ = near.send_to(answer, from);
                    continue;
                }
                for _ in 0..VARIANTS {
                    let _ = near.send_to(&damaged(answer, &mut dice), from);
                    count.fetch_add(1, Ordering::SeqCst);
                }
            }
        });
        Liar { address, lies, told }
    }

    fn ends(&self) {
        self.lies.store(false, Ordering::SeqCst);
    }
}

/// An answer as no node would give it, which may yet be bencode.
fn damaged(answer: &[u8], dice: &mut Dice) -> Vec<u8> {
    let mut damaged = answer.to_vec();
    for _ in 0..=dice.roll(3) {
        let at = dice.roll(damaged.len().max(1) as u64) as usize;
        let octet = dice.roll(256) as u8;
        match dice.roll(8) {
            0 => damaged.truncate(at),
            1 => damaged.iter_mut().skip(at).take(1).for_each(|old| *old = octet),
            2 => damaged.insert(at.min(damaged.len()), octet),
            3 => damaged.extend_from_within(at.min(damaged.len())..),
            // lengths that promise more than there is, and numbers that fit nothing
            4 => change_digit(&mut damaged, at, b'9'),
            5 => change_digit(&mut damaged, at, b'0'),
            6 => replace(&mut damaged, at, b"99999999999999999999:"),
            _ => replace(&mut damaged, at, &b"d1:ad1:bl".repeat(20)),
        }
    }
    damaged
}

/// Changes the next digit from here on.
fn change_digit(octets: &mut [u8], at: usize, to: u8) {
    let digit = octets.iter_mut().skip(at).find(|octet| octet.is_ascii_digit());
    digit.into_iter().for_each(|digit| *digit = to);
}

fn replace(octets: &mut Vec<u8>, at: usize, by: &[u8]) {
    let at = at.min(octets.len());
    let end = (at + 2).min(octets.len());
    octets.splice(at..end, by.iter().copied());
}

fn publish(node: &str, person: &Person) -> Packet {
    let address = OverlayAddress::parse(&format!("mainline:{node}")).unwrap();
    let packet = person.packet(5);
    runtime::block_on(overlay::open(&address, &person.keys).publish(&packet)).unwrap();
    packet
}

#[test]
fn a_node_survives_whatever_is_answered() {
    let net = Testnet::builder(1).build().unwrap();
    let alice = Person::new();
    publish(&net.bootstrap[0], &alice);
    let liar = Liar::before(&net.bootstrap[0], 7);
    // one node for all of it: if its thread panicked, it would say nothing at the end
    let mut builder = Dht::builder();
    builder.bootstrap(&[liar.address.to_string()]).request_timeout(TIMEOUT);
    let dht = builder.bind_address([127, 0, 0, 1].into()).build().unwrap().as_async();
    let signed = *alice.keys.public().as_bytes();
    runtime::block_on(async {
        use futures_lite::StreamExt;
        for round in 0..ROUNDS {
            let item = dht.get_mutable_most_recent(&signed, None).await;
            assert!(item.is_none_or(|item| item.key() == &signed), "round {round}");
            let mut peers = dht.get_peers(Id::from([round as u8; 20]));
            while let Some(peers) = peers.next().await {
                assert!(peers.len() < 1000);
            }
            dht.find_node(Id::from([round as u8; 20])).await;
        }
        assert!(liar.told.load(Ordering::SeqCst) > 100, "it was asked");
        liar.ends();
        let found = async {
            while dht.get_mutable_most_recent(&signed, None).await.is_none() {
                clock::sleep(Duration::from_millis(50)).await;
            }
        };
        clock::timeout(Duration::from_secs(30), found).await.expect("it goes on");
    });
}

#[test]
fn what_comes_through_lies_is_what_was_signed() {
    let net = Testnet::builder(1).build().unwrap();
    let alice = Person::new();
    let packet = publish(&net.bootstrap[0], &alice);
    let liar = Liar::before(&net.bootstrap[0], 8);
    let open = |kind: &str| {
        let address = OverlayAddress::parse(&format!("{kind}:{}", liar.address)).unwrap();
        overlay::open(&address, &key())
    };
    let (dht, swarms): (Arc<dyn Overlay>, Arc<dyn Overlay>) =
        (open("mainline"), open("tracker:mainline"));
    let [_, by_key, _] = alice.wanted();
    runtime::block_on(async {
        for _ in 0..ROUNDS {
            let found = dht.find(&by_key).await.unwrap_or_default();
            assert!(found.iter().all(|octets| octets == packet.as_bytes()), "the signature counts");
            let located = swarms.locate(&name()).await.unwrap_or_default();
            assert!(located.len() <= overlay::MAX_ADDRESSES, "{located:?}");
            assert!(located.iter().all(|address| address.port() != 0), "{located:?}");
        }
        liar.ends();
        let found = async {
            while dht.find(&by_key).await != Ok(vec![packet.as_bytes().to_vec()]) {
                clock::sleep(Duration::from_millis(50)).await;
            }
        };
        clock::timeout(Duration::from_secs(30), found).await.expect("it finds her in the end");
    });
}
