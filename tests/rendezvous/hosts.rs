//! Hosts in one process, over real sockets of the loopback interface.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    sync::Arc,
    time::Duration,
};

use futures_lite::{AsyncReadExt, AsyncWriteExt};
use p2p::runtime::Async;
use zeroize::Zeroizing;

use p2p::identity::{KeyPair, PublicKey, ServicePort};
use p2p::link::rendezvous::{Group, Registration as Standing, Rules};
use p2p::link::{Link, Places, Strangers, Way};
use p2p::registration::Rendezvous;
use p2p::runtime::{block_on, clock, random, spawn};
use p2p::transport::{
    ConnectError, Lifetimes, Opened, Preface, Refusal, Stream, StreamKind, Transport,
};

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
        let keys = KeyPair::from_seed(&Zeroizing::new(random::bytes()));
        let link = Link::bind(&keys, &[ANY], Strangers::Welcome).unwrap();
        let transport = Transport::new(&keys, link, Lifetimes::default()).unwrap();
        Host { transport, keys }
    }

    /// One that lends itself to others.
    fn rendezvous(relay: Group) -> Host {
        Host::slow_rendezvous(relay, PLENTY)
    }

    /// The same, which carries so many octets a second.
    fn slow_rendezvous(relay: Group, per_second: u64) -> Host {
        let host = Host::new();
        let rules = Rules::new(Group::Anyone, relay, per_second);
        host.link().serve_rendezvous(&host.keys, rules, None).unwrap();
        host
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
        self.transport.open(peer, places, preface, None).await
    }
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
                stream.read_to_end(&mut request).await?;
                stream.write_all(&request).await?;
                stream.close().await
            })
            .detach();
        }
    })
    .detach();
}

async fn exchange(stream: &mut Stream, request: &[u8]) -> io::Result<Vec<u8>> {
    stream.write_all(request).await?;
    stream.close().await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    Ok(answer)
}

fn megabytes(count: u32) -> Vec<u8> {
    (0..count * 1_000_000).map(|i| (i / 3) as u8).collect()
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
        let request = megabytes(4);
        assert!(exchange(&mut opened.stream, &request).await.unwrap() == request);
        let counts = relay.link().serving().unwrap();
        assert!(counts.octets > 8_000_000, "{counts:?}");
        assert_eq!((counts.registered, counts.clients), (1, 2));
    });
}

#[test]
fn a_relay_slows_senders_down_and_refuses_little() {
    run(async {
        let relay = Host::slow_rendezvous(Group::Anyone, 8_000_000);
        let (alice, bob) = (Arc::new(Host::new()), Host::new());
        alice.register(&[relay.node()]).await;
        serve_echo(&alice);
        let mut opened = bob.open(alice.key(), relay.node()).await.unwrap();
        let request = megabytes(4);
        assert!(exchange(&mut opened.stream, &request).await.unwrap() == request);
        // runs of up to ten packets: more than 500 where nobody is told, 20 to 130 where round trips are as short as here
        let counts = relay.link().serving().unwrap();
        assert!(counts.refused <= 250, "{counts:?}");
    });
}

#[test]
fn many_peers_behind_one_relay_are_told_apart() {
    run(async {
        let (relay, alice) = (Host::rendezvous(Group::Anyone), Arc::new(Host::new()));
        alice.register(&[relay.node()]).await;
        serve_echo(&alice);
        let (alice, node) = (alice.key(), relay.node());
        let visits: Vec<_> = (1..=6)
            .map(|number| {
                spawn(async move {
                    let bob = Host::new();
                    let mut opened = bob.open(alice, node).await.unwrap();
                    let request = vec![number; 1_000_000];
                    assert!(exchange(&mut opened.stream, &request).await.unwrap() == request);
                })
            })
            .collect();
        for visit in visits {
            visit.await;
        }
    });
}

#[test]
fn where_udp_does_not_pass_it_goes_over_tcp() {
    run(async {
        let (relay, alice, bob) =
            (Host::rendezvous(Group::Anyone), Arc::new(Host::new()), Host::new());
        let listener = Async::new(TcpListener::bind(ANY).unwrap()).unwrap();
        // nobody answers UDP here
        let address = listener.get_ref().local_addr().unwrap();
        spawn(relay.link().clone().serve_streams(listener)).detach();
        let node = Rendezvous { key: relay.key(), address };
        alice.register(&[node]).await;
        let standing = Standing::Accepted { carries: true, tcp: true };
        assert_eq!(alice.link().registrations(), [(node, standing)]);
        serve_echo(&alice);
        let mut opened = bob.open(alice.key(), node).await.unwrap();
        let request = megabytes(2);
        assert!(exchange(&mut opened.stream, &request).await.unwrap() == request);
        // the connection of who goes ends
        assert_eq!(relay.link().serving().unwrap().clients, 2);
        drop((bob, opened));
        while relay.link().serving().unwrap().clients > 1 {
            clock::sleep(Duration::from_millis(10)).await;
        }
    });
}

#[test]
fn a_rendezvous_reaches_its_own_clients_directly() {
    run(async {
        let (relay, alice) = (Host::rendezvous(Group::Nobody), Arc::new(Host::new()));
        alice.register(&[relay.node()]).await;
        serve_echo(&alice);
        let mut opened = relay.open(alice.key(), relay.node()).await.unwrap();
        assert_eq!(opened.path, Some(Way::Direct(alice.link().bound_addresses()[0])));
        assert_eq!(exchange(&mut opened.stream, b"hello").await.unwrap(), b"hello");
    });
}

#[test]
fn who_was_only_introduced_is_told_so_and_not_left_waiting() {
    run(async {
        let (relay, alice, bob) =
            (Host::rendezvous(Group::Nobody), Arc::new(Host::new()), Host::new());
        alice.register(&[relay.node()]).await;
        serve_echo(&alice);
        let mut opened = bob.open(alice.key(), relay.node()).await.unwrap();
        let small = exchange(&mut opened.stream, b"small").await.unwrap();
        assert_eq!(small, b"small");
        let mut opened = bob.open(alice.key(), relay.node()).await.unwrap();
        let error = exchange(&mut opened.stream, &megabytes(1)).await.unwrap_err();
        let told = Refusal::find(&error).is_some()
            || !bob.link().relay_refusals(alice.key().hit()).is_empty();
        assert!(told, "{error:?}");
    });
}

#[test]
fn who_is_nowhere_registered_is_not_waited_for() {
    run(async {
        let (relay, alice, bob) = (Host::rendezvous(Group::Anyone), Host::new(), Host::new());
        let started = clock::now();
        let error = bob.open(alice.key(), relay.node()).await.unwrap_err();
        let text = error.to_string();
        assert!(text.contains("the peer is not registered there"), "{text}");
        assert!(clock::now() - started < Duration::from_secs(4), "five seconds are for silence");
    });
}
