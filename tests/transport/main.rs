//! QUIC between keys over real sockets of the loopback interface.

mod dialling;
mod early;
mod life;
mod requests;

use std::{
    net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket},
    sync::Arc,
    time::Duration,
};

use futures_lite::{AsyncReadExt, AsyncWriteExt, future};
use p2p::runtime::Async;
use ring::digest::{Context, SHA256, digest};
use zeroize::Zeroizing;

use p2p::identity::{Destination, KeyPair, PublicKey, ServicePort};
use p2p::link::{Link, Strangers, Way};
use p2p::runtime::{block_on, clock, http, random, spawn};
use p2p::transport::{
    Accepted, ConnectError, Lifetimes, Opened, Preface, Refusal, Stream, StreamKind, Transport,
};
use p2p::web::{Gateway, Pseudonym, Served, Visitor};

const V4: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
const V6: SocketAddr = SocketAddr::new(std::net::IpAddr::V6(Ipv6Addr::LOCALHOST), 0);

/// No test should come near this; it turns a hang into a failure.
const LIMIT: Duration = Duration::from_secs(60);

/// One end of a conversation.
struct Host {
    transport: Transport,
    key: PublicKey,
}

impl Host {
    fn new(keys: &KeyPair, address: SocketAddr, lifetimes: Lifetimes) -> Host {
        let link = Link::bind(keys, &[address], Strangers::Welcome).unwrap();
        let transport = Transport::new(keys, link, lifetimes).unwrap();
        Host { transport, key: keys.public() }
    }

    fn at(address: SocketAddr) -> Host {
        Host::new(&fresh_keys(), address, Lifetimes::default())
    }

    fn locators(&self) -> Vec<SocketAddr> {
        self.transport.link().local_locators()
    }

    async fn open(&self, peer: &Host) -> Result<Opened, ConnectError> {
        self.transport.open(peer.key, &peer.locators(), preface(1000), None).await
    }

    async fn accept(&self) -> Accepted {
        self.transport.accept().await.expect("the transport is open")
    }
}

fn ways(locators: &[SocketAddr]) -> Vec<Way> {
    locators.iter().copied().map(Way::Direct).collect()
}

fn fresh_keys() -> KeyPair {
    KeyPair::from_seed(&Zeroizing::new(random::bytes()))
}

fn preface(port: u16) -> Preface {
    Preface { kind: StreamKind::Http, port: ServicePort::new(port).unwrap() }
}

fn unreachable(tried: Vec<Way>) -> ConnectError {
    ConnectError::Unreachable { tried, refusals: Vec::new() }
}

/// Runs a test, which must end in time.
fn run(test: impl Future<Output = ()>) {
    block_on(async {
        clock::timeout(LIMIT, test).await.expect("the test ends in time");
    });
}

/// Both ends of one stream.
async fn pair(client: &Host, server: &Host) -> (Opened, Accepted) {
    let (opened, accepted) = future::zip(client.open(server), server.accept()).await;
    (opened.unwrap(), accepted)
}

async fn read_all(stream: &mut Stream) -> std::io::Result<Vec<u8>> {
    let mut all = Vec::new();
    stream.read_to_end(&mut all).await?;
    Ok(all)
}

async fn echo(mut stream: Stream) {
    let request = read_all(&mut stream).await.unwrap();
    stream.write_all(&request).await.unwrap();
    stream.close().await.unwrap();
}

/// Sends on a stream and gives what comes back, to the end.
async fn exchange(stream: &mut Stream, request: &[u8]) -> Vec<u8> {
    stream.write_all(request).await.unwrap();
    stream.close().await.unwrap();
    read_all(stream).await.unwrap()
}

/// Answers everything with an echo, for ever.
fn serve_echo(host: &Arc<Host>) {
    let host = host.clone();
    spawn(async move {
        while let Some(accepted) = host.transport.accept().await {
            spawn(echo(accepted.stream)).detach();
        }
    })
    .detach();
}

fn echo_works_at(address: SocketAddr) {
    run(async {
        let (client, server) = (Host::at(address), Host::at(address));
        let (mut opened, accepted) = pair(&client, &server).await;
        assert_eq!(accepted.peer, client.key);
        assert_eq!(accepted.preface, preface(1000));
        assert_eq!(opened.path, Some(Way::Direct(server.locators()[0])));
        assert!(opened.connected.is_some());
        let ((), answer) =
            future::zip(echo(accepted.stream), exchange(&mut opened.stream, b"hello")).await;
        assert_eq!(answer, b"hello");
    });
}

#[test]
fn echo_over_ipv4() {
    echo_works_at(V4);
}

#[test]
fn echo_over_ipv6() {
    echo_works_at(V6);
}

#[test]
fn one_host_serves_both_families_and_both_at_one_port() {
    run(async {
        let keys = fresh_keys();
        let link = Link::bind(&keys, &[V4, V6], Strangers::Welcome).unwrap();
        let transport = Transport::new(&keys, link, Lifetimes::default()).unwrap();
        let server = Arc::new(Host { transport, key: keys.public() });
        assert_eq!(server.locators().len(), 2);
        serve_echo(&server);
        for address in [V4, V6] {
            let client = Host::at(address);
            let mut opened = client.open(&server).await.unwrap();
            assert_eq!(opened.path.unwrap().direct().unwrap().is_ipv4(), address.is_ipv4());
            assert_eq!(exchange(&mut opened.stream, b"x").await, b"x");
        }
        // the wildcards of both families can share a port
        let any_v4 = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
        let link = Link::bind(&keys, &[any_v4], Strangers::Welcome).unwrap();
        let port = link.bound_addresses()[0].port();
        link.add_socket(SocketAddr::from((Ipv6Addr::UNSPECIFIED, port))).unwrap();
        assert_eq!(link.bound_addresses().len(), 2);
        assert!(link.local_locators().contains(&SocketAddr::from((Ipv4Addr::LOCALHOST, port))));
    });
}

#[test]
fn later_streams_use_the_same_connection_in_both_directions() {
    run(async {
        let (client, server) = (Host::at(V4), Host::at(V4));
        let first = pair(&client, &server).await;
        let second = pair(&client, &server).await;
        let back = pair(&server, &client).await;
        assert!(first.0.connected.is_some());
        assert_eq!((second.0.connected, back.0.connected), (None, None));
        assert_eq!(back.1.peer, server.key);
        assert_eq!((client.transport.connections(), server.transport.connections()), (1, 1));
    });
}

#[test]
fn a_large_transfer_arrives_unchanged() {
    const LENGTH: usize = 100_000_000;
    run(async {
        let (client, server) = (Host::at(V4), Host::at(V4));
        let (mut opened, mut accepted) = pair(&client, &server).await;
        let block: Vec<u8> = (0..1_000_003u32).map(|i| (i ^ (i >> 7)) as u8).collect();
        let sending = async {
            let mut hash = Context::new(&SHA256);
            let mut left = LENGTH;
            while left > 0 {
                let part = &block[..left.min(block.len())];
                accepted.stream.write_all(part).await.unwrap();
                hash.update(part);
                left -= part.len();
            }
            accepted.stream.close().await.unwrap();
            hash.finish()
        };
        let receiving = async {
            let (mut hash, mut length) = (Context::new(&SHA256), 0);
            let mut buffer = vec![0; 50_001];
            loop {
                let count = opened.stream.read(&mut buffer).await.unwrap();
                if count == 0 {
                    return (hash.finish(), length);
                }
                hash.update(&buffer[..count]);
                length += count;
            }
        };
        let (sent, (received, length)) = future::zip(sending, receiving).await;
        assert_eq!(length, LENGTH);
        assert_eq!(sent.as_ref(), received.as_ref());
    });
}

#[test]
fn refusals_arrive_on_the_stream() {
    run(async {
        let (client, server) = (Host::at(V4), Host::at(V4));
        for refusal in [
            Refusal::NotServed,
            Refusal::AccessRefused,
            Refusal::Busy,
            Refusal::Internal,
            Refusal::Starved,
        ] {
            let (mut opened, accepted) = pair(&client, &server).await;
            accepted.refuse(refusal);
            let error = read_all(&mut opened.stream).await.unwrap_err();
            assert_eq!(Refusal::find(&error), Some(refusal));
        }
    });
}

#[test]
fn two_hundred_streams_at_once() {
    run(async {
        let (client, server) = (Host::at(V4), Host::at(V4));
        let (_first, _) = pair(&client, &server).await;
        let mut streams = Vec::new();
        for port in 1..=200 {
            let opened = client.transport.open(server.key, &[], preface(port), None).await.unwrap();
            streams.push(opened);
        }
        let mut ports = Vec::new();
        for _ in 1..=200 {
            ports.push(server.accept().await.preface.port.get());
        }
        ports.sort_unstable();
        assert!(ports.into_iter().eq(1..=200));
    });
}

#[test]
fn junk_on_the_port_disturbs_nothing() {
    run(async {
        let (client, server) = (Arc::new(Host::at(V4)), Arc::new(Host::at(V4)));
        serve_echo(&server);
        let flood = {
            let to = server.locators()[0];
            spawn(async move {
                let socket = Async::<UdpSocket>::bind(V4).unwrap();
                for round in 0..3000u32 {
                    let mut datagram = vec![(round % 256) as u8; (round % 1500) as usize];
                    if let Some(first) = datagram.first_mut() {
                        *first = [0x20, 0x21, 0x45, 0xc3, 0x00][(round % 5) as usize];
                    }
                    let _ = socket.send_to(&datagram, to).await;
                }
            })
        };
        for number in 0..50u8 {
            let mut opened = client.open(&server).await.unwrap();
            assert_eq!(exchange(&mut opened.stream, &[number; 1000]).await, [number; 1000]);
        }
        flood.await;
        assert_eq!(server.transport.connections(), 1);
    });
}
