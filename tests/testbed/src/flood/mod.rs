//! A flood of well-formed datagrams that nobody has asked for, from one address or from many.
//!
//! Their makers know the public key of the host that they flood, so that the macs are right; everything behind is
//! noise.

mod host;

use std::{
    net::{Ipv4Addr, SocketAddr, UdpSocket},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use ring::{
    digest::{SHA256, digest},
    hmac,
};

use p2p::{identity::PublicKey, runtime::clock};

pub use host::Host;

/// Addresses of the loopback interface from which a spoofed flood comes.
const SOURCES: u8 = 200;
/// How often a burst is sent.
const TICK: Duration = Duration::from_millis(1);

/// Every kind of datagram that may come to the port, by name.
pub fn datagrams(key: &PublicKey) -> Vec<(&'static str, Vec<u8>)> {
    let noise = |first: &[u8], length: usize| {
        let mut datagram: Vec<u8> = (0..length).map(|at| (at * 7 + at / 5) as u8).collect();
        datagram[..first.len()].copy_from_slice(first);
        datagram
    };
    let sealed = |kind: u8, length: usize| {
        let mut datagram = noise(&[kind], length);
        let mac = hmac::sign(&mac_key(key), &datagram[17..]);
        datagram[1..9].copy_from_slice(&mac.as_ref()[..8]);
        datagram
    };
    let stun = [1, 1, 0, 12, 0x21, 0x12, 0xa4, 0x42];
    vec![
        ("PROBE", sealed(0x20, 129)),
        ("PROBE, wrong mac", noise(&[0x20], 129)),
        ("ANSWER", noise(&[0x21], 56)),
        ("UPDATE", sealed(0x22, 481)),
        ("INQUIRY", noise(&[0x24], 37)),
        ("HELLO", sealed(0x28, 129)),
        ("KEEP", noise(&[0x28], 17)),
        ("WELCOME", noise(&[0x29], 80)),
        ("KEPT", noise(&[0x29], 11)),
        ("CARRY", noise(&[0x2a, 0x20, 0x01], 300)),
        ("REFUSED", noise(&[0x2b, 1], 26)),
        ("EARLY", sealed(0x2c, 600)),
        ("CARRIED", noise(&[0x2d, 0x20, 0x01], 300)),
        ("STUN", noise(&stun, 32)),
        ("TURN data", noise(&[0x40, 0], 300)),
        ("QUIC Initial", noise(&[0xc3, 0, 0, 0, 1, 8], 1200)),
        ("QUIC Handshake", noise(&[0xe3, 0, 0, 0, 1, 8], 1200)),
        ("QUIC 1-RTT", noise(&[0x45], 300)),
        ("nothing known", noise(&[0x3f], 100)),
    ]
}

fn mac_key(receiver: &PublicKey) -> hmac::Key {
    let content = [b"p2p link 1 mac", &receiver.as_bytes()[..]].concat();
    hmac::Key::new(hmac::HMAC_SHA256, digest(&SHA256, &content).as_ref())
}

/// Who sends it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spread {
    OneAddress,
    ManyAddresses,
}

/// A flood, until it is dropped.
pub struct Flood {
    stop: Arc<AtomicBool>,
    sent: Arc<AtomicU64>,
    thread: Option<JoinHandle<()>>,
}

impl Flood {
    /// Sends these in turn to all of the targets in turn, so many a second if the machine can.
    pub fn start(
        spread: Spread,
        targets: Vec<SocketAddr>,
        datagrams: Vec<Vec<u8>>,
        rate: u64,
    ) -> Flood {
        let (stop, sent) = (Arc::<AtomicBool>::default(), Arc::<AtomicU64>::default());
        let last = if spread == Spread::OneAddress { 1 } else { SOURCES };
        let sockets: Vec<UdpSocket> = (1..=last).map(bind).collect();
        let thread = thread::spawn({
            let (stop, sent) = (stop.clone(), sent.clone());
            move || {
                let start = clock::now();
                let mut number = 0;
                while !stop.load(Relaxed) {
                    let due = start.elapsed().as_micros() as u64 * rate / 1_000_000;
                    // what could not be sent in time is not sent later
                    number = number.max(due.saturating_sub(rate / 50));
                    while number < due {
                        let at = number as usize;
                        let datagram = &datagrams[at / targets.len() % datagrams.len()];
                        let socket = &sockets[at % sockets.len()];
                        if socket.send_to(datagram, targets[at % targets.len()]).is_ok() {
                            sent.fetch_add(1, Relaxed);
                        }
                        number += 1;
                    }
                    thread::park_timeout(TICK);
                }
            }
        });
        Flood { stop, sent, thread: Some(thread) }
    }

    /// Datagrams so far.
    pub fn sent(&self) -> u64 {
        self.sent.load(Relaxed)
    }
}

/// All of 127.0.0.0/8 is this machine.
fn bind(number: u8) -> UdpSocket {
    UdpSocket::bind((Ipv4Addr::new(127, 0, 1, number), 0)).expect("a loopback address")
}

impl Drop for Flood {
    fn drop(&mut self) {
        self.stop.store(true, Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join(); // it has panicked, and said so
        }
    }
}
