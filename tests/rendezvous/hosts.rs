//! Two hosts that know of each other nothing but a rendezvous, over real sockets of the loopback
//! interface.

use std::{
    net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket},
    sync::Arc,
    time::Duration,
};

use async_io::Async;
use futures_lite::{AsyncReadExt, AsyncWriteExt};
use zeroize::Zeroizing;

use p2p::identity::{KeyPair, PublicKey, ServicePort};
use p2p::link::rendezvous::{Group, RefusalReason, Registration as Standing, Rules};
use p2p::link::{Link, Places, Strangers, Way};
use p2p::registration::Rendezvous;
use p2p::runtime::{block_on, clock, random, spawn};
use p2p::transport::{ConnectError, Lifetimes, Opened, Preface, Stream, StreamKind, Transport};

const ANY: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// No test should come near this; it turns a hang into a failure.
const LIMIT: Duration = Duration::from_secs(60);
/// Octets a second: more than these tests send.
const PLENTY: u64 = 1 << 32;

struct Host {
    transport: Transport,
    keys: KeyPair,
}

impl Host {
    fn new() -> Host {
        Host::with(fresh_keys(), ANY)
    }

    fn with(keys: KeyPair, address: SocketAddr) -> Host {
        let link = Link::bind(&keys, &[address], Strangers::Welcome).unwrap();
        let transport = Transport::new(&keys, link, Lifetimes::default()).unwrap();
        Host { transport, keys }
    }

    /// One that lends itself to others.
    fn rendezvous(relay: Group) -> Host {
        let host = Host::new();
        host.serve(Rules::new(Group::Anyone, relay, PLENTY), None);
        host
    }

    fn serve(&self, rules: Rules, saved: Option<std::path::PathBuf>) {
        self.link().serve_rendezvous(&self.keys, rules, saved).unwrap();
    }

    fn link(&self) -> &Arc<Link> {
        self.transport.link()
    }

    fn key(&self) -> PublicKey {
        self.keys.public()
    }

    fn node(&self) -> Rendezvous {
        Rendezvous { key: self.key(), address: self.link().bound_addresses()[0] }
    }

    /// Registers and waits until it is.
    async fn register(&self, at: &[Rendezvous]) {
        self.link().set_rendezvous(at);
        while self.link().accepted_rendezvous() != at {
            self.link().changed().await;
        }
    }

    async fn open(&self, peer: PublicKey, via: Rendezvous) -> Result<Opened, ConnectError> {
        let places = Places { locators: Vec::new(), rendezvous: vec![via] };
        let preface = Preface { kind: StreamKind::Http, port: ServicePort::HTTP };
        self.transport.open(peer, places, preface).await
    }
}

fn fresh_keys() -> KeyPair {
    KeyPair::from_seed(&Zeroizing::new(random::bytes()))
}

/// Runs a test, which must end in time.
fn run(test: impl Future<Output = ()>) {
    block_on(async {
        clock::timeout(LIMIT, test).await.expect("the test ends in time");
    });
}

/// Answers everything with an echo, for ever.
fn serve_echo(host: &Arc<Host>) {
    let host = host.clone();
    spawn(async move {
        while let Some(accepted) = host.transport.accept().await {
            spawn(async move {
                let mut stream = accepted.stream;
                let mut request = Vec::new();
                stream.read_to_end(&mut request).await.unwrap();
                stream.write_all(&request).await.unwrap();
                stream.close().await.unwrap();
            })
            .detach();
        }
    })
    .detach();
}

async fn exchange(stream: &mut Stream, request: &[u8]) -> Vec<u8> {
    stream.write_all(request).await.unwrap();
    stream.close().await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    answer
}

#[test]
fn megabytes_pass_a_relay() {
    run(async {
        let (relay, alice, bob) =
            (Host::rendezvous(Group::Anyone), Arc::new(Host::new()), Host::new());
        alice.register(&[relay.node()]).await;
        serve_echo(&alice);
        let mut opened = bob.open(alice.key(), relay.node()).await.unwrap();
        assert!(matches!(opened.path, Some(Way::Relayed { .. })), "{:?}", opened.path);
        let request: Vec<u8> = (0..4_000_000u32).map(|i| (i / 3) as u8).collect();
        assert!(exchange(&mut opened.stream, &request).await == request);
        let counts = relay.link().serving().unwrap();
        assert!(counts.octets > 8_000_000, "{counts:?}");
        assert_eq!((counts.registered, counts.clients), (1, 2));
    });
}
