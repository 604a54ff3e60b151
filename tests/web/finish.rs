//! Responses that break off: the rest is asked for where it is certain to be the same, and nothing is put
//! together otherwise.

use std::{
    io::{BufRead, BufReader, Write},
    net::TcpStream,
};

use crate::harness::{Answer, Setup};

const WHOLE: &str = "0123456789";

/// Breaks off in the middle of every first response; the path says how it goes on when the rest is asked for.
fn service(socket: TcpStream) {
    let mut head = String::new();
    let mut reader = BufReader::new(socket.try_clone().unwrap());
    while !head.ends_with("\r\n\r\n") && reader.read_line(&mut head).unwrap() > 0 {}
    let path = head.split(' ').nth(1).unwrap().trim_start_matches('/').to_owned();
    let field = |name: &str| {
        let prefix = format!("{name}: ");
        let line = head.lines().find(|line| line.to_ascii_lowercase().starts_with(&prefix));
        line.map(|line| line[prefix.len()..].to_owned())
    };
    let response = match (field("if-range"), field("range")) {
        (None, _) => first(&path),
        (Some(tag), Some(range)) => {
            assert_eq!(tag, "\"a\"");
            assert_eq!(field("if-none-match"), None, "the client's conditions are settled");
            let (first, last) = range.strip_prefix("bytes=").unwrap().split_once('-').unwrap();
            rest(&path, first.parse().unwrap(), last.parse().unwrap())
        }
        (Some(_), None) => panic!("a condition without a range: {head}"),
    };
    let _ = (&socket).write_all(response.as_bytes());
}

fn first(path: &str) -> String {
    let length = "Content-Length: 10\r\n";
    match path {
        "weak" => format!("HTTP/1.1 200 OK\r\nETag: W/\"a\"\r\n{length}\r\n012"),
        "untagged" => format!("HTTP/1.1 200 OK\r\n{length}\r\n012"),
        "coded" => {
            format!("HTTP/1.1 200 OK\r\nETag: \"a\"\r\nContent-Encoding: br\r\n{length}\r\n012")
        }
        "chunked" => {
            "HTTP/1.1 200 OK\r\nETag: \"a\"\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n012\r\n"
                .into()
        }
        "part" => "HTTP/1.1 206 Partial Content\r\nETag: \"a\"\r\nContent-Range: bytes 2-8/10\r\n\
                   Content-Length: 7\r\n\r\n234"
            .into(),
        _ => format!("HTTP/1.1 200 OK\r\nETag: \"a\"\r\n{length}\r\n012"),
    }
}

fn rest(path: &str, first: usize, last: usize) -> String {
    let partial = |tag: &str, range: String, octets: &str, length: usize| {
        format!(
            "HTTP/1.1 206 Partial Content\r\nETag: {tag}\r\nContent-Range: bytes {range}\r\n\
             Content-Length: {length}\r\n\r\n{octets}"
        )
    };
    let octets = &WHOLE[first..=last];
    let range = format!("{first}-{last}/10");
    match path {
        "another" => {
            "HTTP/1.1 200 OK\r\nETag: \"b\"\r\nContent-Length: 10\r\n\r\nabcdefghij".into()
        }
        "gone" => "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n".into(),
        "other-tag" => partial("\"b\"", range, octets, octets.len()),
        "weak-tag" => partial("W/\"a\"", range, octets, octets.len()),
        "other-range" => partial("\"a\"", "2-9/10".into(), "23456789", 8),
        "other-total" => partial("\"a\"", format!("{first}-{last}/11"), octets, octets.len()),
        "other-length" => partial("\"a\"", range, &octets[1..], octets.len() - 1),
        "two-breaks" if first == 3 => partial("\"a\"", range, &octets[..2], octets.len()),
        _ => partial("\"a\"", range, octets, octets.len()),
    }
}

fn get(path: &str) -> Answer {
    let daemon = Setup { raw: service, ..Setup::default() }.start();
    let target = format!("/alice@example.com/2000/{path}");
    daemon.get(&daemon.host(), &target, "If-None-Match: \"z\"\r\n")
}

#[test]
fn the_rest_comes_from_where_it_broke_off() {
    for (path, status, expected) in
        [("good", 200, WHOLE), ("two-breaks", 200, WHOLE), ("part", 206, "2345678")]
    {
        let answer = get(path);
        assert_eq!((answer.status, answer.text().as_str()), (status, expected), "{path}");
        assert!(answer.whole, "{path}");
    }
}

#[test]
fn what_may_be_another_thing_stays_broken() {
    for path in [
        "weak",
        "untagged",
        "coded",
        "chunked",
        "another",
        "gone",
        "other-tag",
        "weak-tag",
        "other-range",
        "other-total",
        "other-length",
    ] {
        let answer = get(path);
        assert_eq!((answer.status, answer.text().as_str()), (200, "012"), "{path}");
        assert!(!answer.whole, "{path} looks whole");
    }
}

#[test]
fn what_has_an_effect_is_not_asked_again() {
    let daemon = Setup { raw: service, ..Setup::default() }.start();
    let mut client = daemon.connect();
    client.send(&format!(
        "POST /alice@example.com/2000/good HTTP/1.1\r\nHost: {}\r\nContent-Length: 0\r\n\r\n",
        daemon.host()
    ));
    let answer = client.answer();
    assert_eq!((answer.text().as_str(), answer.whole), ("012", false));
}
