use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener},
    sync::Arc,
    thread,
    time::Duration,
};

use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use ureq::{
    Agent,
    config::Config,
    http::Uri,
    tls::{Certificate, RootCerts},
    unversioned::{
        resolver::{ResolvedSocketAddrs, Resolver},
        transport::{DefaultConnector, NextTimeout},
    },
};

use super::*;
use crate::identity::{KeyPair, Seed, Timestamp};
use crate::overlay::http::tls_config;
use crate::registration::Registration;
use crate::runtime::block_on;

/// A certificate for example.com, valid for a hundred years and known to nobody, and its key.
const CERTIFICATE: &[u8] = include_bytes!("../../../tests/fixture/site/certificate.der");
const KEY: &[u8] = include_bytes!("../../../tests/fixture/site/key.der");

fn keys() -> KeyPair {
    KeyPair::from_seed(&Seed::new([7; 32]))
}

fn name(text: &str) -> Name {
    Name::parse(text).unwrap()
}

fn packet(name: Name) -> Packet {
    let registration = Registration {
        name: Some(name),
        key: keys().public(),
        sequence: Timestamp::from_micros(1),
        ttl: Duration::from_secs(60),
        locators: Vec::new(),
        rendezvous: Vec::new(),
        certificates: Vec::new(),
    };
    Packet::sign(&registration, &keys()).unwrap()
}

/// The web site of example.com, which says `answer` to whoever asks for alice's packet.
fn site(answer: Vec<u8>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let key = PrivateKeyDer::try_from(KEY.to_vec()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![CertificateDer::from(CERTIFICATE.to_vec())], key)
        .unwrap();
    let config = Arc::new(config);
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let tls = rustls::ServerConnection::new(config.clone()).unwrap();
            let mut stream = rustls::StreamOwned::new(tls, stream);
            let lines = BufReader::new(&mut stream).lines().map_while(Result::ok);
            let head: Vec<String> = lines.take_while(|line| !line.is_empty()).collect();
            let is_hers =
                head.first().is_some_and(|line| line == "GET /.well-known/p2p/alice HTTP/1.1");
            let status = if is_hers { "200 OK" } else { "404 Not Found" };
            let head = format!("HTTP/1.1 {status}\r\nconnection: close\r\n\r\n");
            let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&answer));
            stream.conn.send_close_notify();
            let _ = stream.flush();
        }
    });
    address
}

/// Every host is at one address.
#[derive(Debug)]
struct Only(SocketAddr);

impl Resolver for Only {
    fn resolve(
        &self,
        _uri: &Uri,
        _config: &Config,
        _timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let mut addresses = self.empty();
        addresses.push(self.0);
        Ok(addresses)
    }
}

/// Asks the site at an address, believing in its certificate or in those that everybody believes in.
fn well_known(address: SocketAddr, believing: bool) -> WellKnown {
    let roots = [Certificate::from_der(CERTIFICATE).to_owned()];
    let mut tls = tls_config();
    if believing {
        tls = tls.root_certs(RootCerts::new_with_certs(&roots));
    }
    let config = Agent::config_builder().proxy(None).http_status_as_error(false).max_redirects(0);
    let config = config.tls_config(tls.build()).build();
    let agent = Agent::with_parts(config, DefaultConnector::default(), Only(address));
    WellKnown::new(HttpClient::with_agent(agent), TEMPLATE)
}

#[test]
fn the_domain_vouches_for_the_signer_of_its_file_however_old() {
    let alice = packet(name("alice@example.com"));
    let site = well_known(site(alice.as_bytes().to_vec()), true);
    let wanted = Wanted::Name(name("alice@example.com"));
    assert_eq!(block_on(site.find(&wanted)), Ok(vec![alice.as_bytes().to_vec()]));
    assert_eq!(block_on(site.key_of(&name("alice@example.com"))), Some(keys().public()));
    assert_eq!(block_on(site.find(&Wanted::Name(name("bob@example.com")))), Ok(Vec::new()));
    assert_eq!(block_on(site.key_of(&name("bob@example.com"))), None);
    assert_eq!(key_in(alice.as_bytes(), &name("bob@example.com")), None, "it is about alice");
}

#[test]
fn a_key_alone_is_no_packet() {
    let site = well_known(site(format!("{}\n", keys().public()).into_bytes()), true);
    let wanted = Wanted::Name(name("alice@example.com"));
    assert_eq!(block_on(site.find(&wanted)), Ok(Vec::new()));
    assert_eq!(block_on(site.key_of(&name("alice@example.com"))), Some(keys().public()));
}

#[test]
fn another_hosts_certificate_vouches_for_nothing() {
    let address = site(packet(name("alice@example.com")).as_bytes().to_vec());
    for (believing, who) in [(false, "alice@example.com"), (true, "alice@example.org")] {
        let site = well_known(address, believing);
        let found = block_on(site.find(&Wanted::Name(name(who))));
        assert!(matches!(found, Err(OverlayError::Unreachable(_))), "{found:?}");
        assert_eq!(block_on(site.key_of(&name(who))), None);
    }
}

#[test]
fn a_name_does_not_lead_to_this_machine_or_its_neighbours() {
    // nobody answers there, and nobody is asked
    for who in ["a@localhost", "a@router", "a@127.0.0.1", "a@192.168.1.1", "a@printer.local"] {
        let Ok(name) = Name::parse(who) else { continue };
        let wanted = Wanted::Name(name);
        assert_eq!(block_on(WellKnown::default().find(&wanted)), Ok(Vec::new()), "{who}");
    }
}

fn at(template: &str) -> WellKnown {
    WellKnown::new(HttpClient::new(Hosts::Loopback), template)
}

/// A server that answers one request.
fn server(answer: &'static str) -> (String, thread::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let template = format!("http://{}/{{domain}}/{{user}}", listener.local_addr().unwrap());
    let asked = thread::spawn(move || {
        let (mut socket, _) = listener.accept().unwrap();
        let mut head = [0; 1024];
        let length = socket.read(&mut head).unwrap();
        socket.write_all(answer.as_bytes()).unwrap();
        String::from_utf8_lossy(&head[..length]).lines().next().unwrap().to_owned()
    });
    (template, asked)
}

#[test]
fn the_domain_is_asked_about_the_user() {
    let name = Name::parse("alice.b+c@example.com").unwrap();
    let key = "aeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaq";
    let good = "HTTP/1.1 200 OK\r\nContent-Length: 53\r\n\r\naeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaq\n";
    let (template, asked) = server(good);
    let well_known = at(&template);
    let vouched = block_on(well_known.key_of(&name));
    assert_eq!(vouched, key.parse().ok());
    assert_eq!(block_on(well_known.key_of(&name)), vouched, "remembered: the server has gone");
    assert_eq!(asked.join().unwrap(), "GET /example.com/alice.b+c HTTP/1.1");
    let gone = "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n";
    let moved = "HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n";
    for answer in [gone, moved] {
        let (template, asked) = server(answer);
        assert_eq!(block_on(at(&template).key_of(&name)), None);
        asked.join().unwrap();
    }
}

#[test]
fn a_key_is_read_in_both_forms_and_nothing_else() {
    let (key, read) = (PublicKey([1; 32]), |text: &str| key_in_text(text.as_bytes()));
    assert_eq!(read(&format!("{key}\n")), Some(key));
    assert_eq!(read(&PublicKeyFile::new(key).to_text()), Some(key));
    for bad in ["", "<!doctype html>", &format!("{key} {key}"), &format!("{key}x")] {
        assert_eq!(read(bad), None, "{bad}");
    }
}
