//! Where one message ends and the next begins: what must not be read in two ways (RFC 9112, 6 and 11).

use std::{
    io::{Read, Write},
    net::TcpStream,
};

use crate::harness::{ALICE, Client, Daemon, Setup};

/// What follows each probe: had a parser taken part of the probe for a body, this would be answered.
const NEXT: &str = "GET /alice@example.com/1000/part HTTP/1.1\r\nHost: localhost\r\n\r\n";

/// Sends a probe with another request behind it and gives everything that comes back.
fn probe(daemon: &Daemon, octets: &[u8]) -> String {
    let mut client = daemon.connect();
    client.send_octets(&[octets, NEXT.as_bytes()].concat());
    client.end();
    String::from_utf8_lossy(&client.rest()).into_owned()
}

#[test]
fn ambiguous_requests_are_refused_and_the_connection_ends() {
    let daemon = Daemon::start();
    let target = "POST /alice@example.com/1000/echo HTTP/1.1\r\nHost: localhost\r\n";
    let probes: &[(&str, &[u8])] = &[
        ("two lengths", b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello"),
        ("a list of lengths", b"Content-Length: 5, 6\r\n\r\nhello"),
        ("a sign", b"Content-Length: +5\r\n\r\nhello"),
        ("a minus", b"Content-Length: -5\r\n\r\nhello"),
        ("hexadecimal", b"Content-Length: 0x5\r\n\r\nhello"),
        ("a space inside", b"Content-Length: 5 5\r\n\r\nhello"),
        ("an empty length", b"Content-Length: \r\n\r\nhello"),
        ("an empty member", b"Content-Length: 5,,5\r\n\r\nhello"),
        ("an overflow", b"Content-Length: 18446744073709551621\r\n\r\nhello"),
        ("space before the colon", b"Content-Length : 5\r\n\r\nhello"),
        ("a folded line", b"X-A: b\r\n c\r\nContent-Length: 5\r\n\r\nhello"),
        ("a NUL", b"X-A: b\0c\r\nContent-Length: 5\r\n\r\nhello"),
        ("a bare CR", b"X-A: b\rc\r\nContent-Length: 5\r\n\r\nhello"),
        ("chunked is not last", b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n"),
        ("not chunked", b"Transfer-Encoding: gzip\r\n\r\n0\r\n\r\n"),
        ("hidden chunked", b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n"),
        ("a vertical tab", b"Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n"),
        ("Connection: host", b"Connection: host\r\nContent-Length: 5\r\n\r\nhello"),
        (
            "Connection: length",
            b"Connection: close, Content-Length\r\nContent-Length: 5\r\n\r\nhello",
        ),
        ("a second Host", b"Host: localhost\r\nContent-Length: 5\r\n\r\nhello"),
    ];
    for (what, rest) in probes {
        let answer = probe(&daemon, &[target.as_bytes(), rest].concat());
        assert!(answer.starts_with("HTTP/1.1 400 "), "{what}: {answer}");
        assert!(!answer.contains("0123456789"), "{what}: went on: {answer}");
    }
}

#[test]
fn malformed_request_lines_are_refused() {
    let daemon = Daemon::start();
    let probes: &[(&str, &str)] = &[
        ("no Host", "GET / HTTP/1.1\r\n\r\n"),
        ("an empty Host", "GET / HTTP/1.1\r\nHost:\r\n\r\n"),
        ("a Host with a user", "GET / HTTP/1.1\r\nHost: a@localhost\r\n\r\n"),
        ("a Host with a path", "GET / HTTP/1.1\r\nHost: localhost/x\r\n\r\n"),
        ("HTTP/0.9", "GET /\r\n\r\n"),
        ("HTTP/3.1", "GET / HTTP/3.1\r\nHost: localhost\r\n\r\n"),
        ("a version of three", "GET / HTTP/1.10\r\nHost: localhost\r\n\r\n"),
        ("two spaces", "GET  / HTTP/1.1\r\nHost: localhost\r\n\r\n"),
        ("a space in the target", "GET /a b HTTP/1.1\r\nHost: localhost\r\n\r\n"),
        ("TLS", "\x16\x03\x01\x02\x00\x01\x00\x01\r\n\r\n"),
        ("authority-form without CONNECT", "GET localhost:80 HTTP/1.1\r\nHost: localhost\r\n\r\n"),
        ("another scheme", "GET ftp://localhost/ HTTP/1.1\r\nHost: localhost\r\n\r\n"),
        ("a user", "GET http://alice@example.com/ HTTP/1.1\r\nHost: x\r\n\r\n"),
    ];
    for (what, request) in probes {
        let answer = probe(&daemon, request.as_bytes());
        let refused = answer.is_empty() || answer.starts_with("HTTP/1.1 400 ");
        assert!(refused && !answer.contains("0123456789"), "{what}: {answer}");
    }
}

#[test]
fn with_two_framings_chunked_counts_and_the_connection_ends() {
    let daemon = Daemon::start();
    for fields in [
        "Content-Length: 60\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 60\r\n",
    ] {
        let request = format!(
            "POST /alice@example.com/1000/echo HTTP/1.1\r\nHost: localhost\r\n{fields}\r\n\
             2\r\nhi\r\n0\r\n\r\n"
        );
        let answer = probe(&daemon, request.as_bytes());
        assert!(answer.starts_with("HTTP/1.1 200 ") || answer.starts_with("HTTP/1.1 400 "));
        assert!(!answer.contains("0123456789"), "went on: {answer}");
    }
}

#[test]
fn broken_chunks_do_not_pass() {
    let daemon = Daemon::start();
    let head = "POST /alice@example.com/1000/echo HTTP/1.1\r\nHost: localhost\r\n\
        Transfer-Encoding: chunked\r\n\r\n";
    for chunks in [
        "2\nhi\r\n0\r\n\r\n",
        "+2\r\nhi\r\n0\r\n\r\n",
        "0x2\r\nhi\r\n0\r\n\r\n",
        "2 \nhi\r\n0\r\n\r\n",
        "ffffffffffffffff1\r\nhi\r\n0\r\n\r\n",
        "2\r\nhiX\r\n0\r\n\r\n",
        "2;a=\nb\r\nhi\r\n0\r\n\r\n",
    ] {
        let answer = probe(&daemon, format!("{head}{chunks}").as_bytes());
        assert!(!answer.contains("0123456789"), "{chunks:?} went on: {answer}");
        let complete = answer.ends_with("0\r\n\r\n") && answer.starts_with("HTTP/1.1 200");
        assert!(!complete, "{chunks:?}: {answer}");
    }
}

#[test]
fn heads_have_limits() {
    let daemon = Daemon::start();
    let long = format!("/alice@example.com/1000/{}", "a".repeat(9000));
    assert_eq!(daemon.get(&daemon.host(), &long, "").status, 414);
    let many = "X-A: b\r\n".repeat(101);
    assert_eq!(daemon.get(&daemon.host(), "/", &many).status, 431);
    let large = format!("X-A: {}\r\n", "b".repeat(64 * 1024));
    assert_eq!(daemon.get(&daemon.host(), "/", &large).status, 431);
}

#[test]
fn what_reaches_the_service_is_framed_anew() {
    fn service(mut socket: TcpStream) {
        let mut request = Vec::new();
        while !request.ends_with(b"0\r\n\r\n") {
            let mut octet = [0];
            socket.read_exact(&mut octet).unwrap();
            request.push(octet[0]);
        }
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", request.len());
        socket.write_all(&[head.as_bytes(), &request].concat()).unwrap();
    }
    let daemon = Setup { raw: service, ..Setup::default() }.start();
    let mut client = daemon.connect();
    // bare line feeds, extensions and sizes of one's own: all legal to read, none passed on
    client.send(
        "POST /alice@example.com/2000/x HTTP/1.1\nHost: localhost\nTransfer-Encoding:  Chunked\n\
         X-Mixed-CASE: a\n\n\
         00002;ext=1\r\nhi\r\n4\r\n you\r\n0\r\n\r\n",
    );
    let seen = client.answer().text();
    let (head, body) = seen.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("POST /x HTTP/1.1\r\n"), "{seen}");
    assert!(head.contains("\r\nX-Mixed-CASE: a\r\n"), "{seen}");
    assert!(head.contains("\r\nHost: alice.at.example.com:2000\r\n"), "{seen}");
    assert_eq!(head.to_lowercase().matches("transfer-encoding: chunked").count(), 1);
    assert!(!head.replace("\r\n", "").contains('\n'));
    assert!(body == "2\r\nhi\r\n4\r\n you\r\n0\r\n\r\n" || body.starts_with("6\r\n"), "{body:?}");
}

#[test]
fn malformed_responses_are_not_passed_on() {
    fn service(mut socket: TcpStream) {
        let mut buffer = [0; 4096];
        let count = socket.read(&mut buffer).unwrap();
        let request = String::from_utf8_lossy(&buffer[..count]).into_owned();
        let path = request.split(' ').nth(1).unwrap();
        let answer: &[u8] = match path {
            "/two-lengths" => {
                b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!"
            }
            "/sign" => b"HTTP/1.1 200 OK\r\nContent-Length: +5\r\n\r\nhello",
            "/nul" => b"HTTP/1.1 200 OK\r\nX-A: b\0c\r\nContent-Length: 5\r\n\r\nhello",
            "/no-http" => b"SSH-2.0-OpenSSH_9.2\r\n",
            "/nothing" => b"",
            "/half-a-head" => b"HTTP/1.1 200 OK\r\nContent-Le",
            "/switch-unasked" => {
                b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"
            }
            _ => panic!("{path}"),
        };
        socket.write_all(answer).unwrap();
    }
    let daemon = Setup { raw: service, ..Setup::default() }.start();
    for (path, error) in [
        ("/two-lengths", "http_protocol_error"),
        ("/sign", "http_protocol_error"),
        ("/nul", "http_protocol_error"),
        ("/no-http", "http_protocol_error"),
        ("/nothing", "http_response_incomplete"),
        ("/half-a-head", "http_response_incomplete"),
        ("/switch-unasked", "http_protocol_error"),
    ] {
        let answer = daemon.get(&daemon.host(), &format!("/alice@example.com/2000{path}"), "");
        assert_eq!(answer.status, 502, "{path}: {answer:?}");
        let status = answer.field("proxy-status").unwrap();
        assert!(status.contains(&format!("error={error};")), "{path}: {status}");
    }
}

#[test]
fn responses_leave_with_one_framing() {
    fn service(mut socket: TcpStream) {
        let mut buffer = [0; 4096];
        let count = socket.read(&mut buffer).unwrap();
        let request = String::from_utf8_lossy(&buffer[..count]).into_owned();
        let answer: &[u8] = match request.split(' ').nth(1).unwrap() {
            "/both" => {
                b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n\
                  5\r\nhello\r\n0\r\n\r\n"
            }
            "/both-turned" => {
                b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n\
                  5\r\nhello\r\n0\r\n\r\n"
            }
            "/to-the-end" => b"HTTP/1.0 200 OK\r\nConnection: close\r\n\r\nhello",
            "/not-modified" => {
                b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\nETag: \"a\"\r\n\r\n"
            }
            "/no-content" => b"HTTP/1.1 204 No Content\r\nX-A: b\r\n\r\n",
            path => panic!("{path}"),
        };
        socket.write_all(answer).unwrap();
    }
    let daemon = Setup { raw: service, ..Setup::default() }.start();
    for path in ["/both", "/both-turned", "/to-the-end"] {
        let answer = daemon.get(&daemon.host(), &format!("/alice@example.com/2000{path}"), "");
        let framings =
            answer.fields("content-length").len() + answer.fields("transfer-encoding").len();
        assert_eq!((answer.status, framings), (200, 1), "{path}: {answer:?}");
        assert_eq!((answer.text().as_str(), answer.whole), ("hello", true), "{path}");
    }
    for (path, status) in [("/not-modified", 304), ("/no-content", 204)] {
        let mut client = daemon.connect();
        client.send(&format!(
            "GET /alice@example.com/2000{path} HTTP/1.1\r\nHost: localhost\r\n\r\n{NEXT}"
        ));
        let head = client.head();
        assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{head}");
        assert_eq!(client.answer().text(), "0123456789", "the next answer follows at once");
    }
}

#[test]
fn a_truncated_response_looks_truncated() {
    fn service(mut socket: TcpStream) {
        let mut buffer = [0; 4096];
        let count = socket.read(&mut buffer).unwrap();
        let answer: &[u8] = if buffer[..count].starts_with(b"GET /chunked") {
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"
        } else {
            b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello"
        };
        socket.write_all(answer).unwrap();
    }
    let daemon = Setup { raw: service, ..Setup::default() }.start();
    for path in ["/chunked", "/length"] {
        let answer = daemon.get(&daemon.host(), &format!("/alice@example.com/2000{path}"), "");
        assert_eq!((answer.status, answer.whole), (200, false), "{path}");
        assert_eq!(answer.text(), "hello", "what came is passed on");
    }
}

#[test]
fn connect_leads_to_peers_only() {
    let daemon = Daemon::start();
    for (target, status) in [
        ("example.com:443", 403),
        ("alice.at.example.com:443", 502),
        ("localhost:22", 403),
        ("127.0.0.1:5050", 403),
        ("alice.at.example.com", 400),
        ("alice.at.example.com:0", 400),
        ("a@alice.at.example.com:1000", 400),
        ("/path", 400),
    ] {
        let mut client = daemon.connect();
        client.send(&format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n"));
        assert_eq!(client.answer().status, status, "{target}");
    }
    let mut tunnel = connect(&daemon);
    tunnel.send("\x16\x03\x01\x02\x00");
    let answer = String::from_utf8_lossy(&tunnel.rest()).into_owned();
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 400 "), "TLS: {answer}");
    let mut tunnel = connect(&daemon);
    tunnel.send("GET / HTTP/1.1\r\nHost: bob.at.example.com:1000\r\n\r\n");
    assert_eq!(tunnel.answer().status, 400);
}

fn connect(daemon: &Daemon) -> Client {
    let mut client = daemon.connect();
    client.send(&format!("CONNECT {ALICE} HTTP/1.1\r\nHost: {ALICE}\r\n\r\n"));
    let head = client.head();
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    assert!(!head.to_lowercase().contains("content-length"), "{head}");
    assert!(!head.to_lowercase().contains("transfer-encoding"), "{head}");
    client
}
