//! The packet store under load and in bad hands.

use std::{
    io::{Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpStream, UdpSocket},
    thread,
    time::Duration,
};

use p2p::identity::Slot;
use p2p::overlay::Rate;
use p2p::overlay::store::{Capacity, Store, StoreError, StoreOptions};
use socket2::{Domain, Socket, Type};
use testbed::overlays::packets::{key, name, signed};
use testbed::overlays::{datagram_store, store};

const SECRET: (&str, &str) = ("P2P-Secret", "0123456789abcdef");

/// A connection from one of this machine's many loopback addresses.
fn connect(from: [u8; 4], to: SocketAddr) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::from((Ipv4Addr::from(from), 0)).into()).unwrap();
    socket.connect(&to.into()).unwrap();
    let stream = TcpStream::from(socket);
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    stream
}

/// Asks over a connection and gives the status; None if it was closed instead.
fn status_over(mut stream: &TcpStream, extra: &str) -> Option<u16> {
    let head = format!("GET /{} HTTP/1.1\r\nhost: a\r\n{extra}\r\n", Slot([1; 20]));
    stream.write_all(head.as_bytes()).ok()?;
    let mut line = [0; 12];
    stream.read_exact(&mut line).ok()?;
    let status = str::from_utf8(&line).ok()?.strip_prefix("HTTP/1.1 ")?.parse().ok();
    // up to the end of the head, which has no body here
    let mut end = [0; 4];
    while end != *b"\r\n\r\n" {
        end.rotate_left(1);
        stream.read_exact(&mut end[3..]).ok()?;
    }
    status
}

fn options(rate: Rate) -> StoreOptions {
    StoreOptions { rate, ..StoreOptions::default() }
}

#[test]
fn a_flood_of_requests_from_one_address_leaves_others_served() {
    let address = store::serve(None, options(Rate { per_second: 0.001, burst: 20.0 }));
    let flood = connect([127, 0, 0, 1], address);
    let statuses: Vec<_> = (0..200).map(|_| status_over(&flood, "").unwrap()).collect();
    assert!(statuses[..20].iter().all(|status| *status == 404));
    assert!(statuses[20..].iter().all(|status| *status == 429));
    // one of these may share the flood's bucket by chance, not three
    let others = [2, 3, 4].map(|n| status_over(&connect([127, 0, 0, n], address), ""));
    assert!(others.contains(&Some(404)), "{others:?}");
}

#[test]
fn a_flood_of_connections_from_one_address_leaves_others_served() {
    let address = store::serve(None, StoreOptions::default());
    let flood: Vec<_> = (0..100).map(|_| connect([127, 0, 0, 1], address)).collect();
    let served = flood.iter().filter(|stream| status_over(stream, "").is_some()).count();
    assert_eq!(served, 64);
    assert_eq!(status_over(&connect([127, 0, 0, 2], address), ""), Some(404));
    drop(flood);
}

#[test]
fn a_flood_of_datagrams_from_one_address_leaves_others_served() {
    const BURST: usize = 20;
    let rate = Rate { per_second: 0.001, burst: BURST as f32 };
    let address = datagram_store::serve(Store::open(None, options(rate)).unwrap().into());
    let question = [b"p2pd", &[1][..], b"8 octets", &[7; 20], &[0; 95]].concat();
    let asks = |from: u8| {
        let socket = UdpSocket::bind((Ipv4Addr::new(127, 0, 0, from), 0)).unwrap();
        socket.connect(address).unwrap();
        socket
    };
    let flood = asks(1);
    for _ in 0..200 {
        flood.send(&question).unwrap();
    }
    // one of these may share the flood's bucket by chance, not three
    let is_served = |from: u8| {
        let socket = asks(from);
        socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        socket.send(&question).unwrap();
        socket.recv(&mut [0; 1200]).is_ok()
    };
    assert!((2..=4).any(is_served));
    // and all of the flood has been looked at by then
    flood.set_nonblocking(true).unwrap();
    let answers = std::iter::from_fn(|| flood.recv(&mut [0; 1200]).ok()).count();
    assert!((1..=BURST).contains(&answers), "{answers}");
}

#[test]
fn behind_a_proxy_the_forwarded_address_counts() {
    let behind_proxy =
        StoreOptions { behind_proxy: true, ..options(Rate { per_second: 0.001, burst: 5.0 }) };
    let address = store::serve(None, behind_proxy);
    let proxy = connect([127, 0, 0, 1], address);
    let ask = |client: &str| status_over(&proxy, &format!("x-forwarded-for: {client}\r\n"));
    let flood: Vec<_> = (0..10).map(|n| ask(&format!("10.0.0.{n}, 192.0.2.1"))).collect();
    assert_eq!(flood.iter().filter(|status| **status == Some(404)).count(), 5);
    let others = [2, 3, 4].map(|n| ask(&format!("192.0.2.{n}")));
    assert!(others.contains(&Some(404)), "{others:?}");
}

#[test]
fn many_writers_at_once_all_get_their_place() {
    let folder = tempfile::tempdir().unwrap();
    let unlimited = options(Rate { per_second: 1e6, burst: 1e6 });
    let address = store::serve(Some(folder.path()), unlimited);
    let writers: Vec<_> = (0..16)
        .map(|_| {
            thread::spawn(move || {
                for _ in 0..20 {
                    let (key, name) = (key(), name());
                    let url = format!("http://{address}/{}", Slot::of_name(&name));
                    let packet = signed(&key, &name, 1);
                    let put = store::request("PUT", &url, &[SECRET], &packet).unwrap();
                    assert_eq!(put.0, 204);
                    let (status, body) = store::request("GET", &url, &[], b"").unwrap();
                    assert_eq!((status, &body[2..]), (200, &packet[..]));
                }
            })
        })
        .collect();
    writers.into_iter().for_each(|writer| writer.join().unwrap());
}

#[test]
fn a_full_store_says_so_and_serves_what_it_has() {
    let capacity = Capacity { places: 3, octets: 1 << 20 };
    let address = store::serve(None, StoreOptions { capacity, ..StoreOptions::default() });
    let people: Vec<_> = (0..4).map(|_| (key(), name())).collect();
    let put = |n: usize, sequence| {
        let (key, name) = &people[n];
        let url = format!("http://{address}/{}", Slot::of_name(name));
        store::request("PUT", &url, &[SECRET], &signed(key, name, sequence)).unwrap().0
    };
    assert_eq!([put(0, 1), put(1, 1), put(2, 1), put(3, 1)], [204, 204, 204, 507]);
    assert_eq!(put(1, 2), 204, "who has a place keeps it");
    let url = format!("http://{address}/{}", Slot::of_name(&people[0].1));
    assert_eq!(store::request("GET", &url, &[], b"").unwrap().0, 200);
    assert_eq!(store::request("DELETE", &url, &[SECRET], b"").unwrap().0, 204);
    assert_eq!(put(3, 1), 204);
}

#[test]
fn answers_are_never_cached() {
    let address = store::serve(None, StoreOptions::default());
    for path in ["", "zz", &Slot([1; 20]).to_string()] {
        let mut stream = connect([127, 0, 0, 1], address);
        write!(stream, "GET /{path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.to_lowercase().contains("cache-control: no-store"), "{answer}");
    }
}

#[test]
fn half_a_packet_is_not_kept() {
    let address = store::serve(None, StoreOptions::default());
    let (key, name) = (key(), name());
    let (slot, packet) = (Slot::of_name(&name), signed(&key, &name, 1));
    let mut stream = connect([127, 0, 0, 1], address);
    let (field, secret) = SECRET;
    let length = packet.len();
    write!(stream, "PUT /{slot} HTTP/1.1\r\nhost: a\r\n{field}: {secret}\r\n").unwrap();
    write!(stream, "content-length: {length}\r\n\r\n").unwrap();
    stream.write_all(&packet[..length - 1]).unwrap();
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    let _ = stream.read_to_end(&mut Vec::new());
    let url = format!("http://{address}/{slot}");
    assert_eq!(store::request("GET", &url, &[], b"").unwrap().0, 404);
}

#[test]
fn one_store_for_each_folder() {
    let folder = tempfile::tempdir().unwrap();
    let first = Store::open(Some(folder.path()), StoreOptions::default()).unwrap();
    let error = Store::open(Some(folder.path()), StoreOptions::default()).unwrap_err();
    assert!(matches!(error, StoreError::Locked(_)));
    assert_eq!(error.to_string(), format!("another store runs in {}", folder.path().display()));
    drop(first);
    let file = folder.path().join("file");
    std::fs::write(&file, b"").unwrap();
    let error = Store::open(Some(&file), StoreOptions::default()).unwrap_err();
    assert!(matches!(error, StoreError::Io(_, _)), "{error}");
}
