//! Servers that do everything wrong, for every overlay that speaks HTTP.

use std::{
    io::{BufRead, BufReader, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use p2p::overlay::{self, Overlay, OverlayAddress, OverlayError};
use p2p::runtime::{self, clock};

use crate::person::{Person, key, look_up};

/// What a caller may have to wait, with some air for a busy machine.
const SOON: Duration = Duration::from_secs(8);

/// All kinds, for a server at an address.
fn kinds(address: SocketAddr) -> Vec<Arc<dyn Overlay>> {
    let spellings = [
        format!("store:http://{address}/{{slot}}"),
        format!("pkarr:http://{address}"),
        format!("opendht:http://{address}"),
        format!("site:http://{address}/{{slot}}"),
        format!("webdav:http://a:b@{address}/p2p"),
        format!("s3:http://a:b@{address}/p2p"),
    ];
    let open = |spelling: &String| overlay::open(&OverlayAddress::parse(spelling).unwrap(), &key());
    spellings.iter().map(open).collect()
}

/// A server that reads a request head and then does as it likes.
fn server(answer: impl Fn(TcpStream) + Send + Sync + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let answer = Arc::new(answer);
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let answer = answer.clone();
            thread::spawn(move || {
                let head = BufReader::new(stream.try_clone().unwrap()).lines();
                head.map_while(Result::ok).take_while(|line| !line.is_empty()).for_each(drop);
                answer(stream);
            });
        }
    });
    address
}

fn says(answer: impl Into<Vec<u8>>) -> SocketAddr {
    let answer = answer.into();
    server(move |mut stream| drop(stream.write_all(&answer)))
}

/// Nobody is found, soon, by any kind.
fn finds_nobody(address: SocketAddr) -> Vec<Result<(), OverlayError>> {
    let alice = Person::new();
    let asked: Vec<_> = kinds(address)
        .into_iter()
        .map(|overlay| {
            let [_, _, wanted] = alice.wanted();
            thread::spawn(move || {
                let start = clock::now();
                let outcome = look_up(&overlay, &wanted);
                let took = clock::now() - start;
                assert!(took < SOON, "{} took {took:?}", overlay.address());
                outcome.map(|outcome| assert_eq!(outcome.found, [], "{}", overlay.address()))
            })
        })
        .collect();
    asked.into_iter().map(|asked| asked.join().unwrap()).collect()
}

#[test]
fn garbage_is_no_packet() {
    let html = "<!DOCTYPE html><title>Parking</title>";
    let gzip = [
        &b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 20\r\n\r\n"[..],
        &[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 0xed, 0xc1, 1, 1, 0, 0, 0, 0x80, 0x90, 0xfe],
    ]
    .concat();
    let answers: Vec<Vec<u8>> = vec![
        format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{html}", html.len()).into(),
        "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n\0\x01A".into(),
        "HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n".into(),
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n".into(),
        "HTTP/1.1 200 OK\r\ncontent-length: 13\r\n\r\n{\"data\":\"AA\"}".into(),
        "SSH-2.0-OpenSSH_9.2\r\n\r\n".into(),
        (0..=255).rev().collect(),
        gzip,
    ];
    for answer in answers {
        finds_nobody(says(answer));
    }
}

#[test]
fn an_endless_answer_is_cut_off() {
    for (head, more) in [
        ("HTTP/1.1 200 OK\r\n\r\n", &[0; 4096][..]),
        ("HTTP/1.1 200 OK\r\n\r\n", b"{\"data\":\"AAAA\"}\n"),
        ("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", b"4\r\nABCD\r\n"),
        ("HTTP/1.1 200 OK\r\n", b"x-more: and more\r\n"),
    ] {
        let sent = Arc::new(AtomicUsize::new(0));
        let count = sent.clone();
        let endless = server(move |mut stream| {
            let mut written = stream.write_all(head.as_bytes());
            while written.is_ok() {
                written = stream.write_all(more);
                count.fetch_add(more.len(), Ordering::Relaxed);
            }
        });
        finds_nobody(endless);
        let sent = sent.load(Ordering::Relaxed);
        assert!(sent < 64 << 20, "{sent} octets were read");
    }
}

#[test]
fn silence_and_slowness_end_with_the_deadline() {
    let drips = |head: &'static str| {
        server(move |mut stream| {
            let mut written = stream.write_all(head.as_bytes());
            while written.is_ok() {
                runtime::block_on(clock::sleep(Duration::from_millis(100)));
                written = stream.write_all(b"a");
            }
        })
    };
    for slow in [
        drips("HTTP/1.1 200 OK\r\ncontent-length: 800\r\n\r\n"),
        server(|stream| drop(stream.peek(&mut [0]))), // until the client gives up
    ] {
        for answer in finds_nobody(slow) {
            assert_eq!(answer, Err(OverlayError::TimedOut));
        }
    }
}

#[test]
fn redirects_are_not_followed() {
    let visits = Arc::new(AtomicUsize::new(0));
    let count = visits.clone();
    let elsewhere = server(move |_| {
        count.fetch_add(1, Ordering::SeqCst);
    });
    for status in [301, 302, 303, 307, 308] {
        let redirect = says(format!(
            "HTTP/1.1 {status} There\r\nlocation: http://{elsewhere}/\r\ncontent-length: 0\r\n\r\n"
        ));
        for answer in finds_nobody(redirect) {
            assert_eq!(answer, Err(OverlayError::Status(status)));
        }
        let packet = Person::new();
        for overlay in kinds(redirect).iter().filter(|overlay| overlay.abilities().put) {
            // whose packet it is matters to some
            let published = runtime::block_on(overlay.publish(&packet.packet(0)));
            let expected = [Err(OverlayError::Status(status)), Err(OverlayError::Refused)];
            assert!(expected.contains(&published), "{} {published:?}", overlay.address());
        }
    }
    assert_eq!(visits.load(Ordering::SeqCst), 0);
}

#[test]
fn the_dead_are_unreachable() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    for answer in finds_nobody(address) {
        assert!(matches!(answer, Err(OverlayError::Unreachable(_))), "{answer:?}");
    }
}
