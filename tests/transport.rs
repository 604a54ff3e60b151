//! QUIC between keys over real sockets of the loopback interface.

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
fn another_key_at_the_address_does_not_answer() {
    run(async {
        let (client, server) = (Host::at(V4), Host::at(V4));
        let wanted = fresh_keys().public();
        let error =
            client.transport.open(wanted, &server.locators(), preface(80), None).await.unwrap_err();
        assert_eq!(error, unreachable(ways(&server.locators())));
    });
}

#[test]
fn nobody_there_nowhere_to_ask_and_oneself() {
    run(async {
        let client = Host::at(V4);
        let peer = fresh_keys().public();
        let none = client.transport.open(peer, &[], preface(80), None).await.unwrap_err();
        assert_eq!(none, unreachable(vec![]));
        let oneself = client.open(&client).await.unwrap_err();
        assert_eq!(oneself, ConnectError::Oneself);
        let invalid = client.transport.open(PublicKey([0; 32]), &[V4], preface(80), None).await;
        assert_eq!(invalid.unwrap_err(), ConnectError::InvalidKey);
    });
}

#[test]
fn concurrent_first_requests_share_one_dial() {
    run(async {
        let (client, server) = (Arc::new(Host::at(V4)), Arc::new(Host::at(V4)));
        serve_echo(&server);
        let tasks: Vec<_> = (0..32u8)
            .map(|number| {
                let (client, server) = (client.clone(), server.clone());
                spawn(async move {
                    let mut opened = client.open(&server).await.unwrap();
                    assert_eq!(exchange(&mut opened.stream, &[number; 100]).await, [number; 100]);
                    opened.connected
                })
            })
            .collect();
        // who came when the dial was done has no timings, all others have the same
        let mut timings = Vec::new();
        for task in tasks {
            timings.extend(task.await);
        }
        timings.dedup();
        assert_eq!(timings.len(), 1);
        assert_eq!(server.transport.connections(), 1);
    });
}

#[test]
fn a_failed_dial_is_shared_and_given_up_requests_do_not_stop_it() {
    run(async {
        let client = Host::at(V4);
        let silent = UdpSocket::bind(V4).unwrap();
        let locators = [silent.local_addr().unwrap()];
        let peer = fresh_keys().public();
        let open = || client.transport.open(peer, &locators, preface(80), None);
        let start = clock::now();
        assert!(clock::timeout(Duration::from_millis(10), open()).await.is_none());
        let (one, other) = future::zip(open(), open()).await;
        let expected = unreachable(ways(&locators));
        assert_eq!((one.unwrap_err(), other.unwrap_err()), (expected.clone(), expected));
        let took = clock::now() - start;
        assert!(took > Duration::from_secs(4) && took < Duration::from_secs(8), "{took:?}");
    });
}

#[test]
fn dead_candidates_delay_nothing() {
    run(async {
        let (client, server) = (Host::at(V4), Host::at(V4));
        // one that swallows, one that is closed, one of the other family, one that is refused
        let silent = UdpSocket::bind(V4).unwrap();
        let closed = UdpSocket::bind(V4).unwrap().local_addr().unwrap();
        let mut locators =
            vec![silent.local_addr().unwrap(), closed, "[2001:db8::1]:9".parse().unwrap()];
        locators.push("0.0.0.0:9".parse().unwrap());
        locators.extend(server.locators());
        let (opened, _) = future::zip(
            async {
                client.transport.open(server.key, &locators, preface(80), None).await.unwrap()
            },
            server.accept(),
        )
        .await;
        let timings = opened.connected.unwrap();
        assert!(timings.probe < Duration::from_secs(1), "{timings:?}");
        assert_eq!(opened.path, server.locators().first().copied().map(Way::Direct));
    });
}

#[test]
fn strangers_are_not_heard_by_a_mere_visitor() {
    run(async {
        let (client, visitor) = (Host::at(V4), Host::at(V4));
        visitor.transport.link().set_strangers(Strangers::Ignored);
        let error = client.open(&visitor).await.unwrap_err();
        assert_eq!(error, unreachable(ways(&visitor.locators())));
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
fn refusals_are_found_in_the_errors_of_an_http_client() {
    run(async {
        let (client, server) = (Host::at(V4), Host::at(V4));
        let (opened, accepted) = pair(&client, &server).await;
        accepted.refuse(Refusal::AccessRefused);
        let request = hyper::Request::get("/").header("host", "x").body(http::empty()).unwrap();
        let error = http::request_over(Box::new(opened.stream), request).await.unwrap_err();
        assert_eq!(Refusal::find(&error), Some(Refusal::AccessRefused), "{error:?}");
    });
}

#[test]
fn http_crosses_a_stream() {
    struct Hello;
    impl http::Handler for Hello {
        fn handle(self: Arc<Self>, request: http::Request) -> http::BoxFuture<http::Response> {
            let path = request.uri().path().to_owned();
            Box::pin(async move { http::Response::new(http::full(path)) })
        }
    }
    run(async {
        let (client, server) = (Host::at(V4), Host::at(V4));
        let (opened, accepted) = pair(&client, &server).await;
        let serving = http::serve_connection(
            Box::new(accepted.stream),
            http::Limits::default(),
            Arc::new(Hello),
        );
        spawn(serving).detach();
        let request = hyper::Request::get("/some/path").body(http::empty()).unwrap();
        let response = http::request_over(Box::new(opened.stream), request).await.unwrap();
        let body = http_body_util::BodyExt::collect(response.into_body()).await.unwrap();
        assert_eq!(body.to_bytes(), "/some/path");
    });
}

#[test]
fn a_slow_reader_gets_the_whole_response() {
    const LENGTH: usize = 1 << 20;
    struct Long;
    impl http::Handler for Long {
        fn handle(self: Arc<Self>, _request: http::Request) -> http::BoxFuture<http::Response> {
            Box::pin(async { http::Response::new(http::full(vec![7; LENGTH])) })
        }
    }
    run(async {
        let (client, server) = (Host::at(V4), Host::at(V4));
        let (mut opened, accepted) = pair(&client, &server).await;
        // no end of the request: another one could follow
        opened.stream.write_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
        let limits = http::Limits { head_time: Duration::from_millis(500), ..Default::default() };
        let gateway = Gateway::new(Pseudonym::new([1; 16]), limits);
        let visitor = Visitor { name: None, key: client.key, trust: "none" };
        let destination = Destination::from_proxy_host("alice.at.example.com").unwrap().unwrap();
        let stream = Box::new(accepted.stream);
        let to = Served { destination, handler: Arc::new(Long), cross_site: false };
        let served = gateway.serve_stream(stream, visitor, to).await;
        assert!(served.is_ok(), "{served:?}");
        // all of it is in buffers now, and nobody waits for it
        let response = read_all(&mut opened.stream).await.unwrap();
        assert!(response.len() > LENGTH && response.ends_with(&[7; LENGTH]), "{}", response.len());
    });
}

#[test]
fn http_does_not_mind_an_answer_that_comes_before_its_question() {
    const GET: &[u8] = b"GET / HTTP/1.1\r\n\r\n";
    run(async {
        let (client, server) = (Host::at(V4), Host::at(V4));
        let locators = server.locators();
        let ask = client.transport.open(server.key, &locators, preface(80), Some(GET));
        let answer = async {
            let mut stream = server.accept().await.stream;
            // the sign that the request was taken travels alone
            clock::sleep(Duration::from_millis(5)).await;
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi").await.unwrap();
            stream.close().await.unwrap();
            stream
        };
        let (opened, answered) = future::zip(ask, answer).await;
        let opened = opened.unwrap();
        assert!(opened.early);
        // another exchange comes and goes meanwhile, so the answer has arrived
        let (mut other, accepted) = pair(&client, &server).await;
        spawn(echo(accepted.stream)).detach();
        exchange(&mut other.stream, b"and back").await;
        let request = hyper::Request::get("/").body(http::empty()).unwrap();
        let response = http::request_over(Box::new(opened.stream), request).await.unwrap();
        let body = http_body_util::BodyExt::collect(response.into_body()).await.unwrap();
        assert_eq!(body.to_bytes(), "hi");
        drop(answered);
    });
}

#[test]
fn a_dropped_stream_never_looks_whole() {
    run(async {
        let (client, server) = (Host::at(V4), Host::at(V4));
        let (mut opened, mut accepted) = pair(&client, &server).await;
        accepted.stream.write_all(b"half of").await.unwrap();
        drop(accepted);
        let error = read_all(&mut opened.stream).await.unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
        assert_eq!(Refusal::find(&error), None);

        // the other direction: a reader that goes away stops the writer
        let (mut opened, accepted) = pair(&client, &server).await;
        drop(accepted);
        let block = vec![0; 1 << 20];
        let error = loop {
            if let Err(error) = opened.stream.write_all(&block).await {
                break error;
            }
        };
        assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
    });
}

#[test]
fn unused_connections_are_closed_and_used_ones_are_not() {
    const LIMIT: Duration = Duration::from_millis(200);
    run(async {
        let lifetimes = Lifetimes { dialled: LIMIT, ..Lifetimes::default() };
        let client = Host::new(&fresh_keys(), V4, lifetimes);
        let server = Host::at(V4);
        let (opened, accepted) = pair(&client, &server).await;
        let start = clock::now();
        while clock::now() < start + 3 * LIMIT {
            clock::sleep(LIMIT / 4).await;
            assert_eq!(client.transport.connections(), 1);
        }
        drop((opened, accepted));
        while client.transport.connections() + server.transport.connections() > 0 {
            clock::sleep(LIMIT / 4).await;
        }
        // and the next request dials again
        assert!(pair(&client, &server).await.0.connected.is_some());
    });
}

#[test]
fn a_restarted_peer_is_dialled_again() {
    run(async {
        let keys = fresh_keys();
        let client = Host::at(V4);
        let server = Host::new(&keys, V4, Lifetimes::default());
        let address = server.locators()[0];
        let (mut opened, _accepted) = pair(&client, &server).await;

        // a crash: the socket is gone without a farewell, and another process has it
        server.transport.link().remove_socket(address);
        let server = Host::new(&keys, address, Lifetimes::default());
        // whatever is sent on the dead connection draws a stateless reset
        let start = clock::now();
        opened.stream.write_all(b"are you there").await.unwrap();
        let error = read_all(&mut opened.stream).await.unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
        let took = clock::now() - start;
        assert!(took < Duration::from_secs(5), "{took:?}");
        let start = clock::now();
        assert!(pair(&client, &server).await.0.connected.is_some());
        let took = clock::now() - start;
        assert!(took < Duration::from_secs(1), "it has to learn who we are: {took:?}");
    });
}

#[test]
fn a_farewell_is_heard_at_once() {
    run(async {
        let (client, server) = (Host::at(V4), Host::at(V4));
        let (mut opened, accepted) = pair(&client, &server).await;
        server.transport.shutdown().await;
        assert!(server.transport.accept().await.is_none());
        let error = read_all(&mut opened.stream).await.unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
        drop(accepted);
        let error = server.open(&client).await.unwrap_err();
        assert_eq!(error, ConnectError::ShutDown);
    });
}

#[test]
fn a_peer_that_vanishes_in_mid_transfer_is_noticed() {
    const SILENCE: Duration = Duration::from_secs(2);
    run(async {
        let lifetimes = Lifetimes { silence: SILENCE, ..Lifetimes::default() };
        let (client, server) = (Host::new(&fresh_keys(), V4, lifetimes), Host::at(V4));
        let (mut opened, mut accepted) = pair(&client, &server).await;
        accepted.stream.write_all(b"the beginning").await.unwrap();
        let mut beginning = [0; 13];
        opened.stream.read_exact(&mut beginning).await.unwrap();
        server.transport.link().remove_socket(server.locators()[0]);
        let start = clock::now();
        let error = opened.stream.read(&mut [0; 10]).await.unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::TimedOut);
        let took = clock::now() - start;
        assert!(took < 3 * SILENCE, "{took:?}");
        // the connection is out of use then
        assert_eq!(client.transport.connections(), 0);
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
fn both_dial_at_the_same_time() {
    run(async {
        let (one, other) = (Host::at(V4), Host::at(V4));
        let dials = future::zip(one.open(&other), other.open(&one));
        let accepts = future::zip(one.accept(), other.accept());
        let ((a, b), (c, d)) = future::zip(dials, accepts).await;
        let (mut a, mut b) = (a.unwrap(), b.unwrap());
        let echoes = future::zip(echo(c.stream), echo(d.stream));
        let asks = future::zip(exchange(&mut a.stream, b"1"), exchange(&mut b.stream, b"2"));
        let (_, answers) = future::zip(echoes, asks).await;
        assert_eq!(answers, (b"1".to_vec(), b"2".to_vec()));
    });
}

#[test]
fn a_connection_survives_a_new_socket() {
    run(async {
        let (client, server) = (Arc::new(Host::at(V4)), Arc::new(Host::at(V4)));
        serve_echo(&server);
        let mut opened = client.open(&server).await.unwrap();
        let old = client.transport.link().bound_addresses()[0];
        client.transport.link().add_socket(V4).unwrap();
        client.transport.link().remove_socket(old);
        let request = vec![7; 100_000];
        let answer = exchange(&mut opened.stream, &request).await;
        assert_eq!(digest(&SHA256, &answer).as_ref(), digest(&SHA256, &request).as_ref());
        assert_eq!(client.transport.connections(), 1);
    });
}

#[test]
fn a_request_on_a_doubtful_path_asks_the_locators_at_once() {
    run(async {
        let (client, server) = (Host::at(V4), Host::at(V4));
        let (mut first, accepted) = pair(&client, &server).await;
        spawn(echo(accepted.stream)).detach();
        assert_eq!(exchange(&mut first.stream, b"one").await, b"one");
        let selected = client.transport.link().selected_path(server.key.hit());
        let at_first = selected.number();
        assert_ne!(at_first, 0);

        // the server moves and says nothing; the client's own move makes it doubt
        let link = server.transport.link();
        let old = link.bound_addresses()[0];
        let new = link.add_socket(SocketAddr::from(([127, 0, 0, 2], 0))).unwrap();
        link.remove_socket(old);
        client.transport.link().network_changed();
        assert_eq!(client.transport.link().suspects(), [server.key]);
        let started = clock::now();
        let locators = [new];
        let opening = client.transport.open(server.key, &locators, preface(1000), None);
        let (second, accepted) = future::zip(opening, server.accept()).await;
        let mut second = second.unwrap();
        assert!(second.connected.is_none(), "the connection goes on");
        assert_eq!(second.path, Some(Way::Direct(new)));
        spawn(echo(accepted.stream)).detach();
        assert_eq!(exchange(&mut second.stream, b"two").await, b"two");
        assert!(clock::now() - started < Duration::from_secs(4), "it waited for time limits");
        assert!(client.transport.link().suspects().is_empty());
        assert_ne!(selected.number(), at_first, "another path has another window");
        let peer = &client.transport.peers()[0];
        assert_eq!((peer.key, peer.way, peer.suspect), (server.key, Some(Way::Direct(new)), false));
        assert!(peer.sent > 0 && peer.lost <= peer.sent && !peer.round_trip.is_zero());
    });
}

#[test]
fn a_peer_that_is_gone_is_told_in_seconds_although_a_connection_seems_to_be_there() {
    run(async {
        let (client, server) = (Host::at(V4), Host::at(V4));
        pair(&client, &server).await;
        let link = server.transport.link();
        let old = link.bound_addresses()[0];
        link.remove_socket(old);
        client.transport.link().network_changed();
        let started = clock::now();
        let error =
            client.transport.open(server.key, &[old], preface(1000), None).await.unwrap_err();
        assert_eq!(error, ConnectError::Unreachable { tried: ways(&[old]), refusals: Vec::new() });
        assert!(clock::now() - started < Duration::from_secs(10));
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

#[test]
fn a_request_without_effect_is_answered_with_the_handshake() {
    const GET: &[u8] = b"GET /page HTTP/1.1\r\nhost: a\r\n\r\n";
    run(async {
        let (client, server) = (Host::at(V4), Host::at(V4));
        let locators = server.locators();
        let ask = client.transport.open(server.key, &locators, preface(80), Some(GET));
        let answer = async {
            let mut accepted = server.accept().await;
            assert_eq!((accepted.peer, accepted.preface), (client.key, preface(80)));
            assert_eq!(read_all(&mut accepted.stream).await.unwrap(), GET);
            accepted.stream.write_all(b"here it is").await.unwrap();
            accepted.stream.close().await.unwrap();
        };
        let (opened, ()) = future::zip(ask, answer).await;
        let mut opened = opened.unwrap();
        assert!(opened.early && opened.connected.is_some());
        // whoever uses the stream writes as on any other
        assert_eq!(exchange(&mut opened.stream, GET).await, b"here it is");

        // from now on there is a connection, which carries requests as they come
        let again = client.transport.open(server.key, &locators, preface(80), Some(GET)).await;
        let mut again = again.unwrap();
        assert!(!again.early && again.connected.is_none());
        again.stream.write_all(b"twice").await.unwrap();
        again.stream.flush().await.unwrap();
        let mut accepted = server.accept().await;
        assert_eq!(accepted.preface, preface(80));
        // nothing but the flush says that this was all
        assert_eq!(read_all(&mut accepted.stream).await.unwrap(), b"twice");
        accepted.stream.write_all(b"once").await.unwrap();
        accepted.stream.close().await.unwrap();
        assert_eq!(read_all(&mut again.stream).await.unwrap(), b"once");
        assert_eq!((client.transport.connections(), server.transport.connections()), (1, 1));
    });
}

#[test]
fn a_certificate_goes_with_the_early_request_or_both_go_later() {
    const GET: &[u8] = b"GET /page HTTP/1.1\r\nhost: a\r\n\r\n";
    let long = [&b"GET /"[..], &[b'a'; 900], b" HTTP/1.1\r\n\r\n"].concat();
    run(async {
        for (request, early) in [(GET, true), (&long, false)] {
            let (client, server) = (Host::at(V4), Host::at(V4));
            let certificate = vec![7; 229];
            client.transport.show([certificate.clone()].into());
            let locators = server.locators();
            let ask = async {
                let opened =
                    client.transport.open(server.key, &locators, preface(80), Some(request));
                let mut opened = opened.await.unwrap();
                assert_eq!(opened.early, early);
                assert_eq!(exchange(&mut opened.stream, request).await, b"here it is");
            };
            let answer = async {
                let mut accepted = server.accept().await;
                assert_eq!((accepted.peer, accepted.preface), (client.key, preface(80)));
                assert_eq!(accepted.certificates, [certificate]);
                assert_eq!(read_all(&mut accepted.stream).await.unwrap(), request);
                accepted.stream.write_all(b"here it is").await.unwrap();
                accepted.stream.close().await.unwrap();
            };
            future::zip(ask, answer).await;
        }
    });
}

#[test]
fn what_may_not_be_sent_early_is_sent_as_ever() {
    run(async {
        let long = [&b"GET /"[..], &[b'a'; 1200], b" HTTP/1.1\r\n\r\n"].concat();
        for request in [&b"POST / HTTP/1.1\r\n\r\n"[..], &long] {
            let (client, server) = (Host::at(V4), Arc::new(Host::at(V4)));
            serve_echo(&server);
            let locators = server.locators();
            let opened = client.transport.open(server.key, &locators, preface(80), Some(request));
            let mut opened = opened.await.unwrap();
            assert!(!opened.early);
            assert_eq!(exchange(&mut opened.stream, request).await, request);
        }
    });
}

#[test]
fn an_early_request_can_be_refused() {
    const GET: &[u8] = b"GET / HTTP/1.1\r\n\r\n";
    run(async {
        let (client, server) = (Host::at(V4), Host::at(V4));
        let locators = server.locators();
        let ask = client.transport.open(server.key, &locators, preface(81), Some(GET));
        let (opened, ()) =
            future::zip(ask, async { server.accept().await.refuse(Refusal::NotServed) }).await;
        // the sign that it was taken may get through before the refusal, or be overtaken by it
        match opened {
            Err(error) => assert_eq!(error, ConnectError::Refused(Refusal::NotServed)),
            Ok(mut opened) => {
                opened.stream.write_all(GET).await.unwrap();
                let error = read_all(&mut opened.stream).await.unwrap_err();
                assert_eq!(Refusal::find(&error), Some(Refusal::NotServed));
            }
        }
    });
}
