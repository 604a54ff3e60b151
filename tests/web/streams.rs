//! Bodies and upgrades flow at once, in both directions, and silence ends.

use std::{
    io::{Read, Write},
    net::TcpStream,
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
    time::Duration,
};

use crate::harness::{ALICE, Client, Daemon, Setup};

const SWITCH: &str = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n";

/// Octets both ways, and the end of each direction by itself.
fn check_switched(client: &mut Client) {
    let head = client.head();
    assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
    let head = head.to_lowercase();
    assert!(head.contains("\r\nupgrade: websocket\r\n"), "{head}");
    assert!(head.contains("\r\nconnection: upgrade\r\n"), "{head}");
    for message in ["one", "two"] {
        client.send(message);
        assert_eq!(client.read(3), message.as_bytes());
    }
    client.end();
    assert_eq!(client.rest(), b"bye");
}

#[test]
fn websockets_pass_in_all_forms() {
    let daemon = Daemon::start();
    let label = format!("1000-alice-at-example-com.localhost:{}", daemon.port());
    for (host, path) in [(daemon.host(), "/alice@example.com/1000/switch"), (label, "/switch")] {
        let mut client = daemon.connect();
        client.send(&format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n{SWITCH}\r\n"));
        check_switched(&mut client);
    }
    let mut client = tunnel(&daemon);
    client.send(&format!(
        "GET /switch HTTP/1.1\r\nHost: {ALICE}\r\nOrigin: http://{ALICE}\r\n{SWITCH}\r\n"
    ));
    check_switched(&mut client);
}

#[test]
fn websockets_of_other_pages_are_refused() {
    let daemon = Daemon::start();
    let label = format!("1000-alice-at-example-com.localhost:{}", daemon.port());
    let mut client = daemon.connect();
    client.send(&format!(
        "GET /switch HTTP/1.1\r\nHost: {label}\r\nOrigin: http://evil.example\r\n{SWITCH}\r\n"
    ));
    assert_eq!(client.answer().status, 403);
    let mut client = tunnel(&daemon);
    client.send(&format!(
        "GET /switch HTTP/1.1\r\nHost: {ALICE}\r\nOrigin: http://evil.example\r\n{SWITCH}\r\n"
    ));
    assert_eq!(client.answer().status, 403);
}

#[test]
fn other_requests_pass_a_tunnel_too() {
    let daemon = Daemon::start();
    let mut client = tunnel(&daemon);
    for _ in 0..2 {
        client.send(&format!("GET /part HTTP/1.1\r\nHost: {ALICE}\r\n\r\n"));
        assert_eq!(client.answer().text(), "0123456789");
    }
}

fn tunnel(daemon: &Daemon) -> Client {
    let mut client = daemon.connect();
    client.send(&format!("CONNECT {ALICE} HTTP/1.1\r\nHost: {ALICE}\r\n\r\n"));
    assert!(client.head().starts_with("HTTP/1.1 200 "));
    client
}

#[test]
fn protocols_that_would_hide_requests_are_not_switched_to() {
    let daemon = Daemon::start();
    let fields =
        "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n";
    let seen = daemon.get(&daemon.host(), "/alice@example.com/1000/seen", fields).text();
    assert!(!seen.contains("upgrade") && !seen.contains("http2-settings"), "{seen}");
}

#[test]
fn events_are_not_held_back() {
    let daemon = Daemon::start();
    let mut client = daemon.connect();
    client.send(&format!(
        "GET /alice@example.com/1000/events HTTP/1.1\r\nHost: {}\r\n\r\n",
        daemon.host()
    ));
    // the second event is sent when the first has arrived
    for event in ["data: 1\n\n", "data: 2\n\n"] {
        daemon.events.send_blocking(event.into()).unwrap();
        if event.contains('1') {
            assert!(client.head().contains("200 OK"));
        }
        assert_eq!(client.chunk().as_deref(), Some(event.as_bytes()));
    }
}

#[test]
fn request_bodies_are_not_held_back() {
    let daemon = Daemon::start();
    let mut client = daemon.connect();
    client.send(&format!(
        "POST /alice@example.com/1000/echo HTTP/1.1\r\nHost: {}\r\nTransfer-Encoding: chunked\r\n\r\n\
         3\r\none\r\n",
        daemon.host()
    ));
    assert!(client.head().contains("200 OK"));
    assert_eq!(client.chunk().as_deref(), Some(&b"one"[..]));
    client.send("3\r\ntwo\r\n0\r\n\r\n");
    assert_eq!(client.chunk().as_deref(), Some(&b"two"[..]));
    assert_eq!(client.chunk().as_deref(), Some(&b""[..]));
}

#[test]
fn heads_and_ranges_pass() {
    let daemon = Daemon::start();
    for answer in daemon.get_everywhere("/part", "Range: bytes=2-4\r\nIf-Range: \"digits\"\r\n") {
        assert_eq!((answer.status, answer.text().as_str()), (206, "234"));
        assert_eq!(answer.field("content-range").as_deref(), Some("bytes 2-4/10"));
    }
    let mut client = daemon.connect();
    client.send(&format!(
        "HEAD /alice@example.com/1000/part HTTP/1.1\r\nHost: {0}\r\n\r\n\
         GET /alice@example.com/1000/ HTTP/1.1\r\nHost: {0}\r\n\r\n",
        daemon.host()
    ));
    let head = client.head().to_lowercase();
    assert!(
        head.contains("content-length: 10\r\n") && head.contains("etag: \"digits\"\r\n"),
        "{head}"
    );
    assert_eq!(client.answer().text(), "alice's page");
}

#[test]
fn trailers_pass_both_ways() {
    let daemon = Daemon::start();
    let mut client = daemon.connect();
    client.send(&format!(
        "POST /alice@example.com/1000/echo HTTP/1.1\r\nHost: {}\r\nTE: trailers\r\nConnection: te\r\n\
         Trailer: X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\nX-Sum: 42\r\n\r\n",
        daemon.host()
    ));
    let answer = client.answer();
    assert_eq!(answer.text().to_lowercase(), "hix-sum: 42\r\n");
}

#[test]
fn the_service_decides_whether_it_wants_a_body() {
    let daemon = Setup {
        // only the service's word counts
        settings: Box::new(|settings| settings.expect = Duration::from_secs(3600)),
        ..Setup::default()
    }
    .start();
    let request = |path: &str| {
        let mut client = daemon.connect();
        client.send(&format!(
            "POST /alice@example.com/1000{path} HTTP/1.1\r\nHost: {}\r\nContent-Length: 2\r\n\
             Expect: 100-continue\r\n\r\n",
            daemon.host()
        ));
        client
    };
    let mut client = request("/collect");
    assert!(client.head().starts_with("HTTP/1.1 100 "));
    client.send("hi");
    assert_eq!(client.answer().text(), "hi");
    let mut client = request("/refuse");
    assert_eq!(client.answer().status, 413);
    let mut client = daemon.connect();
    client.send(&format!(
        "POST /alice@example.com/1000/echo HTTP/1.1\r\nHost: {}\r\nContent-Length: 0\r\n\
         Expect: miracles\r\n\r\n",
        daemon.host()
    ));
    assert_eq!(client.answer().status, 417);
}

#[test]
fn services_that_never_say_continue_get_the_body() {
    fn service(mut socket: TcpStream) {
        let mut request = Vec::new();
        while !request.ends_with(b"hi") {
            let mut octet = [0];
            socket.read_exact(&mut octet).unwrap();
            request.push(octet[0]);
        }
        socket.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").unwrap();
    }
    let daemon = Setup {
        settings: Box::new(|settings| settings.expect = Duration::from_millis(10)),
        raw: service,
        ..Setup::default()
    }
    .start();
    let mut client = daemon.connect();
    client.send(&format!(
        "POST /alice@example.com/2000/ HTTP/1.1\r\nHost: {}\r\nContent-Length: 2\r\n\
         Expect: 100-continue\r\n\r\n",
        daemon.host()
    ));
    assert!(client.head().starts_with("HTTP/1.1 100 "));
    client.send("hi");
    assert_eq!(client.answer().text(), "ok");
}

#[test]
fn old_clients_get_a_body_without_chunks() {
    let daemon = Daemon::start();
    let mut client = daemon.connect();
    client.send(&format!(
        "POST /alice@example.com/1000/echo HTTP/1.0\r\nHost: {}\r\nContent-Length: 2\r\n\r\nhi",
        daemon.host()
    ));
    let answer = client.answer();
    assert_eq!((answer.status, answer.text().as_str()), (200, "hi"));
    assert_eq!(answer.field("transfer-encoding"), None);
}

#[test]
fn slow_heads_end() {
    let mut setup = Setup::default();
    setup.limits.head_time = Duration::from_millis(50);
    let daemon = setup.start();
    let mut client = daemon.connect();
    client.send("GET / HTTP/1.1\r\nHost: loc");
    let answer = client.rest();
    assert!(answer.is_empty() || answer.starts_with(b"HTTP/1.1 408"));
}

#[test]
fn slow_bodies_end() {
    let daemon = Setup {
        settings: Box::new(|settings| settings.request_idle = Duration::from_millis(50)),
        raw: silent,
        ..Setup::default()
    }
    .start();
    let mut client = daemon.connect();
    client.send(&format!(
        "POST /alice@example.com/2000/ HTTP/1.1\r\nHost: {}\r\nContent-Length: 9\r\n\r\nhalf",
        daemon.host()
    ));
    let answer = client.answer();
    assert_eq!(answer.status, 408, "{answer:?}");
    assert!(client.rest().is_empty());
}

#[test]
fn silent_services_end() {
    let daemon = Setup {
        settings: Box::new(|settings| settings.response = Duration::from_millis(50)),
        raw: silent,
        ..Setup::default()
    }
    .start();
    let answer = daemon.get(&daemon.host(), "/alice@example.com/2000/", "");
    assert_eq!(answer.status, 504);
    assert!(answer.text().starts_with("no response from alice@example.com:2000\n"));
}

#[test]
fn responses_that_fall_silent_end_broken() {
    fn service(mut socket: TcpStream) {
        let _ = socket.read(&mut [0; 4096]).unwrap();
        let head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n";
        socket.write_all(head).unwrap();
        silent(socket);
    }
    let daemon = Setup {
        settings: Box::new(|settings| settings.response_idle = Duration::from_millis(50)),
        raw: service,
        ..Setup::default()
    }
    .start();
    let answer = daemon.get(&daemon.host(), "/alice@example.com/2000/", "");
    assert_eq!((answer.status, answer.text().as_str(), answer.whole), (200, "hello", false));
}

/// Takes everything and says nothing.
fn silent(mut socket: TcpStream) {
    std::thread::spawn(move || {
        let _ = socket.read_to_end(&mut Vec::new());
    });
}

#[test]
fn only_so_many_requests_at_a_time() {
    let daemon =
        Setup { settings: Box::new(|settings| settings.concurrent = 1), ..Setup::default() }
            .start();
    let mut first = daemon.connect();
    first.send(&format!(
        "GET /alice@example.com/1000/events HTTP/1.1\r\nHost: {}\r\n\r\n",
        daemon.host()
    ));
    daemon.events.send_blocking("one".into()).unwrap();
    first.head();
    let answer = daemon.get(&daemon.host(), "/alice@example.com/1000/", "");
    assert_eq!((answer.status, answer.field("retry-after").as_deref()), (503, Some("2")));
    // the place is free again when the first client has its whole answer
    daemon.events.close();
    while first.chunk().is_some_and(|chunk| !chunk.is_empty()) {}
    let answer = daemon.get(&daemon.host(), "/alice@example.com/1000/", "");
    assert_eq!(answer.text(), "alice's page");
}

#[test]
fn a_dead_link_is_tried_again_once_for_a_get() {
    static CONNECTIONS: AtomicUsize = AtomicUsize::new(0);
    fn service(mut socket: TcpStream) {
        let number = CONNECTIONS.fetch_add(1, Relaxed);
        if number != 1 {
            return reset(socket);
        }
        let _ = socket.read(&mut [0; 4096]).unwrap();
        socket.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nagain").unwrap();
    }
    let daemon = Setup { raw: service, ..Setup::default() }.start();
    let answer = daemon.get(&daemon.host(), "/alice@example.com/2000/", "");
    assert_eq!(answer.text(), "again");
    let mut client = daemon.connect();
    client.send(&format!(
        "POST /alice@example.com/2000/ HTTP/1.1\r\nHost: {}\r\nContent-Length: 0\r\n\r\n",
        daemon.host()
    ));
    assert_eq!(client.answer().status, 502);
    assert_eq!(CONNECTIONS.load(Relaxed), 3);
}

/// Closes with unread octets, which breaks the connection instead of ending it.
fn reset(socket: TcpStream) {
    socket.peek(&mut [0]).unwrap();
}

#[test]
fn loops_are_found() {
    let daemon = Daemon::start();
    let path = "/alice@example.com/1000/seen";
    let seen = daemon.get(&daemon.host(), path, "").text();
    let via: Vec<&str> = seen.lines().filter(|line| line.starts_with("via: ")).collect();
    assert_eq!(via.len(), 2, "proxy and gateway are two stations: {seen}");
    for line in via {
        let answer = daemon.get(&daemon.host(), path, &format!("{line}\r\n"));
        assert_eq!(answer.status, 502);
        assert!(answer.text().starts_with("this request goes around in circles\n"), "{answer:?}");
    }
}

#[test]
fn max_forwards_counts_down() {
    let daemon = Daemon::start();
    let ask = |left: &str| {
        let mut client = daemon.connect();
        client.send(&format!(
            "OPTIONS /alice@example.com/1000/seen HTTP/1.1\r\nHost: {}\r\nMax-Forwards: {left}\r\n\r\n",
            daemon.host()
        ));
        client.answer()
    };
    assert_eq!(ask("0").status, 204);
    assert!(ask("5").text().contains("max-forwards: 4\n"));
    assert_eq!(ask("+5").status, 400);
}
