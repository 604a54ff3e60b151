//! The client against servers and proxies of all kinds; what else servers can do wrong is in
//! `tests/overlays/bad_input.rs`.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{Arc, mpsc},
    thread,
};

use rustls::{
    ClientConfig, RootCertStore, ServerConfig, ServerConnection, StreamOwned,
    SupportedProtocolVersion,
    pki_types::{CertificateDer, PrivateKeyDer},
    version::{TLS12, TLS13},
};

use super::proxy::Proxy;
use super::*;
use crate::runtime::{block_on, tls};

/// A certificate for example.com, valid for a hundred years and known to nobody, and its key.
const CERTIFICATE: &[u8] = include_bytes!("../../../tests/fixture/site/certificate.der");
const KEY: &[u8] = include_bytes!("../../../tests/fixture/site/key.der");

const OK: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

/// The web site of example.com.
pub(in crate::overlay) fn site_config(version: &'static SupportedProtocolVersion) -> ServerConfig {
    let key = PrivateKeyDer::try_from(KEY.to_vec()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider).with_protocol_versions(&[version]);
    let config = config.unwrap().with_no_client_auth();
    config.with_single_cert(vec![CertificateDer::from(CERTIFICATE.to_vec())], key).unwrap()
}

/// Whoever believes in the certificate of that site.
fn believing() -> Arc<ClientConfig> {
    let mut authorities = RootCertStore::empty();
    authorities.add(CertificateDer::from(CERTIFICATE.to_vec())).unwrap();
    tls::believing(authorities).unwrap()
}

/// Every host is at one address.
fn only(address: SocketAddr) -> Connector {
    let resolve =
        Box::new(move |_, _| -> BoxFuture<_> { Box::pin(async move { Ok(vec![address]) }) });
    Connector { hosts: Hosts::Any, proxy: None, resolve, believing: None }
}

/// A client that finds every host at one address, and believes in the certificate above or in those that everybody
/// believes in.
pub(in crate::overlay) fn client_of(address: SocketAddr, is_believing: bool) -> HttpClient {
    let believing = is_believing.then(believing);
    HttpClient::with(Connector { believing, ..only(address) })
}

/// The head of the next request; empty at the end.
pub(in crate::overlay) fn head(stream: &mut impl Read) -> String {
    let (mut head, mut octet) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") && stream.read_exact(&mut octet).is_ok() {
        head.push(octet[0]);
    }
    String::from_utf8(head).unwrap()
}

/// A server that treats every connection so; with the number of it.
pub(in crate::overlay) fn server(treat: impl Fn(usize, TcpStream) + Send + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        listener.incoming().map_while(Result::ok).enumerate().for_each(|(n, s)| treat(n, s));
    });
    address
}

/// A server that answers as many requests over each connection, and tells of each.
fn counting(each: usize) -> (SocketAddr, mpsc::Receiver<usize>) {
    let (sender, receiver) = mpsc::channel();
    let address = server(move |number, mut stream| {
        let sender = sender.clone();
        thread::spawn(move || {
            for _ in 0..each {
                if head(&mut stream).is_empty() {
                    break;
                }
                // before the client goes on, or the next one may be told of first
                let _ = sender.send(number);
                let _ = stream.write_all(OK);
            }
        });
    });
    (address, receiver)
}

/// The answering end of TLS over a stream.
fn tls_over<S: Read + Write>(
    config: &Arc<ServerConfig>,
    stream: S,
) -> StreamOwned<ServerConnection, S> {
    StreamOwned::new(ServerConnection::new(config.clone()).unwrap(), stream)
}

/// Answers one request over TLS; says goodbye if `is_polite`.
fn answer_over_tls(
    config: &Arc<ServerConfig>,
    stream: impl Read + Write,
    answer: &[u8],
    is_polite: bool,
) {
    let mut stream = tls_over(config, stream);
    if head(&mut stream).is_empty() {
        return;
    }
    let _ = stream.write_all(answer);
    if is_polite {
        stream.conn.send_close_notify();
    }
    let _ = stream.flush();
}

async fn read(request: Request) -> Result<Vec<u8>, OverlayError> {
    let mut answer = request.send().await?;
    answer.must_be(&[200])?;
    answer.body(2).await
}

fn ok() -> Result<Vec<u8>, OverlayError> {
    Ok(b"ok".to_vec())
}

fn why(result: Result<Vec<u8>, OverlayError>) -> String {
    result.unwrap_err().to_string()
}

#[test]
fn a_kept_connection_is_used_again_until_the_network_changes() {
    let (address, seen) = counting(usize::MAX);
    let client = client_of(address, false);
    block_on(async {
        for _ in 0..3 {
            assert_eq!(read(client.get("http://a/")).await, ok());
        }
        assert_eq!(read(client.get("http://b/")).await, ok());
        client.reconnect();
        assert_eq!(read(client.get("http://a/")).await, ok());
    });
    assert!(seen.iter().take(5).eq([0, 0, 0, 1, 2]));
}

#[test]
fn a_kept_connection_that_was_closed_is_replaced() {
    let (address, seen) = counting(1);
    let client = client_of(address, false);
    block_on(async {
        for method in [Method::GET, Method::PUT, Method::POST, Method::DELETE] {
            let request = client.request(method, "http://a/").body("text/plain", "content");
            assert_eq!(read(request).await, ok());
        }
    });
    assert!(seen.iter().take(4).eq(0..4));
}

#[test]
fn requests_at_once_have_a_connection_each() {
    let (address, seen) = counting(usize::MAX);
    let client = client_of(address, false);
    block_on(async {
        let first = client.get("http://a/").send().await.map(drop);
        let second =
            futures_lite::future::zip(read(client.get("http://a/")), read(client.get("http://a/")));
        assert_eq!((first, second.await), (Ok(()), (ok(), ok())));
    });
    let mut seen: Vec<usize> = seen.iter().take(3).collect();
    seen.sort_unstable();
    assert_eq!(seen, [0, 0, 1]);
}

#[test]
fn an_answer_that_is_not_read_to_its_end_holds_up_nobody() {
    let begins = b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nok";
    let address = server(move |number, mut stream| {
        thread::spawn(move || {
            while !head(&mut stream).is_empty() {
                let answer = if number == 0 { &begins[..] } else { OK };
                let _ = stream.write_all(answer);
            }
        });
    });
    let client = client_of(address, false);
    block_on(async {
        assert_eq!(client.get("http://a/").send().await.map(|answer| answer.status()), Ok(200));
        assert_eq!(read(client.get("http://a/")).await, ok());
    });
}

#[test]
fn a_head_has_a_bound() {
    let ask = |length: usize| {
        let field = "x".repeat(length);
        let address = server(move |_, mut stream| {
            head(&mut stream);
            let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: 2\r\nx: {field}\r\n\r\nok");
            let _ = stream.write_all(answer.as_bytes());
            head(&mut stream); // until the client hangs up
        });
        block_on(read(client_of(address, false).get("http://a/")))
    };
    assert_eq!(ask(HEAD_SIZE - 100), ok());
    assert_eq!(ask(HEAD_SIZE), Err(OverlayError::Malformed));
}

#[test]
fn what_has_no_end_is_cut_off() {
    let endless = |head: &'static [u8], more: &'static [u8]| {
        let address = server(move |_, mut stream| {
            self::head(&mut stream);
            let mut written = stream.write_all(head);
            while written.is_ok() {
                written = stream.write_all(more);
            }
        });
        block_on(read(client_of(address, false).get("http://a/")))
    };
    let head = b"HTTP/1.1 200 OK\r\n";
    assert_eq!(endless(head, b"x-more: and more\r\n"), Err(OverlayError::Malformed));
    let interim = b"HTTP/1.1 103 Early Hints\r\n\r\n";
    assert_eq!(endless(interim, interim), Err(OverlayError::Malformed));
    assert_eq!(endless(b"HTTP/1.1 200 OK\r\n\r\n", b"more"), Err(OverlayError::TooLarge));
}

#[test]
fn who_waits_waits_until_the_deadline() {
    let silent = |answer: &'static [u8]| {
        let address = server(move |_, mut stream| {
            head(&mut stream);
            stream.write_all(answer).unwrap();
            head(&mut stream); // until the client hangs up
        });
        let request = client_of(address, false).get("http://a/");
        block_on(read(request.waiting(Duration::from_millis(50))))
    };
    for answer in ["", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\no"] {
        assert_eq!(silent(answer.as_bytes()), Err(OverlayError::TimedOut), "{answer}");
    }
}

#[test]
fn a_plain_request_goes_to_the_proxy_and_shows_what_opens_it() {
    let (sender, asked) = mpsc::channel();
    let proxy = server(move |_, mut stream| {
        sender.send(head(&mut stream)).unwrap();
        stream.write_all(OK).unwrap();
    });
    let url = format!("http://alice:secret@{proxy}");
    let proxy = Proxy::find(|name| (name == "http_proxy").then(|| url.clone()));
    let nowhere = only("127.0.0.1:1".parse().unwrap());
    let client = HttpClient::with(Connector { proxy, ..nowhere });
    assert!(!client.is_direct());
    assert_eq!(block_on(read(client.get("http://a.example/b?c"))), ok());
    let asked = asked.recv().unwrap();
    assert!(asked.starts_with("GET http://a.example/b?c HTTP/1.1\r\n"), "{asked}");
    assert!(asked.contains("\r\nhost: a.example\r\n"), "{asked}");
    assert!(asked.contains("\r\nproxy-authorization: Basic YWxpY2U6c2VjcmV0\r\n"), "{asked}");
}

#[test]
fn a_secret_request_goes_through_the_proxy() {
    let (sender, asked) = mpsc::channel();
    let config = Arc::new(site_config(&TLS13));
    let proxy = server(move |_, mut stream| {
        sender.send(head(&mut stream)).unwrap();
        stream.write_all(b"HTTP/1.1 200 Connected\r\n\r\n").unwrap();
        answer_over_tls(&config, stream, OK, true);
    });
    let url = format!("http://alice:secret@{proxy}");
    let proxy = Proxy::find(|name| (name == "HTTPS_PROXY").then(|| url.clone()));
    let nowhere = only("127.0.0.1:1".parse().unwrap());
    let client = HttpClient::with(Connector { proxy, believing: Some(believing()), ..nowhere });
    assert_eq!(block_on(read(client.get("https://example.com/b"))), ok());
    let asked = asked.recv().unwrap();
    assert!(asked.starts_with("CONNECT example.com:443 HTTP/1.1\r\n"), "{asked}");
    assert!(asked.contains("\r\nproxy-authorization: Basic YWxpY2U6c2VjcmV0\r\n"), "{asked}");
}

#[test]
fn a_proxy_may_be_asked_over_tls_itself() {
    let config = Arc::new(site_config(&TLS13));
    let proxy = server(move |_, stream| {
        let mut stream = tls_over(&config, stream);
        assert!(head(&mut stream).starts_with("CONNECT example.com:443 HTTP/1.1\r\n"));
        stream.write_all(b"HTTP/1.1 200 Connected\r\n\r\n").unwrap();
        answer_over_tls(&config, stream, OK, true);
    });
    let url = |name: &str| (name == "ALL_PROXY").then(|| "https://example.com".into());
    let connector = Connector { proxy: Proxy::find(url), ..only(proxy) };
    let client = HttpClient::with(Connector { believing: Some(believing()), ..connector });
    assert_eq!(block_on(read(client.get("https://example.com/"))), ok());
}

#[test]
fn a_proxy_that_refuses_is_told_of() {
    let proxy = server(|_, mut stream| {
        head(&mut stream);
        stream.write_all(b"HTTP/1.1 407 Who Are You\r\ncontent-length: 0\r\n\r\n").unwrap();
    });
    let proxy = Proxy::find(|name| (name == "all_proxy").then(|| proxy.to_string()));
    let nowhere = only("127.0.0.1:1".parse().unwrap());
    let client = HttpClient::with(Connector { proxy, ..nowhere });
    let said = block_on(read(client.get("https://example.com/")));
    assert_eq!(said, Err(OverlayError::Unreachable("the proxy refuses: status 407".into())));
}

#[test]
fn an_exception_is_asked_without_the_proxy() {
    let (address, _seen) = counting(usize::MAX);
    let proxy = Proxy::find(|name| match name {
        "ALL_PROXY" => Some("http://127.0.0.1:1".into()), // nobody listens there
        "no_proxy" => Some("a.example".into()),
        _ => None,
    });
    let client = HttpClient::with(Connector { proxy, ..only(address) });
    assert_eq!(block_on(read(client.get("http://a.example/"))), ok());
    assert_eq!(
        block_on(read(client.get("http://b.example/"))),
        Err(OverlayError::Unreachable("connection refused".into()))
    );
}

#[test]
fn who_asks_the_public_only_asks_nobody_near() {
    let (address, seen) = counting(usize::MAX);
    let client = HttpClient::with(Connector { hosts: Hosts::Public, ..only(address) });
    assert!(!client.is_direct());
    for url in ["http://example.com/", &format!("http://{address}/"), "http://[::1]/"] {
        let said = block_on(read(client.get(url)));
        assert_eq!(said, Err(OverlayError::Unreachable("host not found".into())), "{url}");
    }
    assert!(seen.try_recv().is_err());
}

#[test]
fn one_version_of_ip_may_be_asked_for() {
    let (address, _seen) = counting(usize::MAX);
    let client = client_of(address, false);
    let ask = |family| block_on(read(client.get("http://a/").over(Some(family))));
    assert_eq!(ask(Family::V4), ok());
    assert_eq!(ask(Family::V6), Err(OverlayError::Unreachable("host not found".into())));
}

/// What comes of asking a site over TLS, for a host of this name.
fn ask_over_tls(
    version: &'static SupportedProtocolVersion,
    (answer, is_polite): (&'static [u8], bool),
    (host, is_believing): (&str, bool),
) -> Result<Vec<u8>, OverlayError> {
    let config = Arc::new(site_config(version));
    let site = server(move |_, stream| answer_over_tls(&config, stream, answer, is_polite));
    block_on(read(client_of(site, is_believing).get(&format!("https://{host}/"))))
}

#[test]
fn sites_are_asked_over_tls_of_both_versions() {
    for version in [&TLS12, &TLS13] {
        assert_eq!(ask_over_tls(version, (OK, true), ("example.com", true)), ok());
    }
}

#[test]
fn who_is_not_believed_is_told_why() {
    let unknown = ask_over_tls(&TLS13, (OK, true), ("example.com", false));
    assert_eq!(why(unknown), "cannot be reached: invalid peer certificate: UnknownIssuer");
    let another = why(ask_over_tls(&TLS13, (OK, true), ("example.org", true)));
    assert!(another.contains("certificate not valid for name \"example.org\""), "{another}");
    let plain = server(|_, mut stream| {
        let _ = stream.read(&mut [0; 4096]);
        let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
    });
    let plain = block_on(read(client_of(plain, true).get("https://example.com/")));
    assert!(why(plain).starts_with("cannot be reached: received corrupt message"));
    let gone = server(|_, mut stream| drop(stream.read(&mut [0; 4096])));
    let gone = why(block_on(read(client_of(gone, true).get("https://example.com/"))));
    assert!(gone.starts_with("cannot be reached: "), "{gone}");
}

#[test]
fn who_cuts_a_connection_does_not_shorten_what_is_read() {
    let without_length = b"HTTP/1.1 200 OK\r\n\r\nok";
    let polite = ask_over_tls(&TLS13, (without_length, true), ("example.com", true));
    assert_eq!(polite, ok());
    let cut = ask_over_tls(&TLS13, (without_length, false), ("example.com", true));
    assert_eq!(cut, Err(OverlayError::Malformed));
}

#[test]
fn a_large_request_goes_over_tls_whole() {
    let config = Arc::new(site_config(&TLS13));
    let content: Vec<u8> = (0..300_000_u32).map(|n| n as u8).collect();
    let expected = content.clone();
    let site = server(move |_, stream| {
        let mut stream = tls_over(&config, stream);
        head(&mut stream);
        let mut read = vec![0; expected.len()];
        stream.read_exact(&mut read).unwrap();
        assert!(read == expected, "other octets");
        stream.write_all(OK).unwrap();
    });
    let client = client_of(site, true);
    let request = client.request(Method::PUT, "https://example.com/");
    assert_eq!(block_on(read(request.body("text/plain", content))), ok());
}
