use std::{
    io::{BufRead, BufReader, Write},
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
    tls::{Certificate, RootCerts, TlsConfig},
    unversioned::{
        resolver::{ResolvedSocketAddrs, Resolver},
        transport::{DefaultConnector, NextTimeout},
    },
};

use super::*;
use crate::identity::{Slot, Timestamp};
use crate::overlay::OverlayAddress;
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
    let mut tls = TlsConfig::builder();
    if believing {
        tls = tls.root_certs(RootCerts::new_with_certs(&roots));
    }
    let config = Agent::config_builder().proxy(None).http_status_as_error(false).max_redirects(0);
    let config = config.tls_config(tls.build()).build();
    let agent = Agent::with_parts(config, DefaultConnector::default(), Only(address));
    WellKnown { http: HttpClient::with_agent(agent) }
}

#[test]
fn the_domain_vouches_for_the_signer_of_its_file() {
    let alice = packet(name("alice@example.com"));
    let site = well_known(site(alice.as_bytes().to_vec()), true);
    let by_name = Wanted::Name(name("alice@example.com"));
    let found = block_on(site.find(&by_name)).unwrap();
    assert_eq!(found, [alice.as_bytes().to_vec()]);
    assert_eq!(vouched(&found, &by_name), Some(keys().public()));
    let bob = Wanted::Name(name("bob@example.com"));
    assert_eq!(block_on(site.find(&bob)), Ok(Vec::new()));
    assert_eq!(vouched(&found, &bob), None, "it is about alice");
    assert!(site.abilities().vouches);
}

#[test]
fn another_hosts_certificate_vouches_for_nothing() {
    let address = site(packet(name("alice@example.com")).as_bytes().to_vec());
    for (believing, who) in [(false, "alice@example.com"), (true, "alice@example.org")] {
        let site = well_known(address, believing);
        let found = block_on(site.find(&Wanted::Name(name(who))));
        assert!(matches!(found, Err(OverlayError::Unreachable(_))), "{found:?}");
    }
}

#[test]
fn a_name_does_not_lead_to_this_machine_or_its_neighbours() {
    // nobody answers there, and nobody is asked
    for who in ["a@localhost", "a@router", "a@127.0.0.1", "a@192.168.1.1", "a@printer.local"] {
        let Ok(name) = Name::parse(who) else { continue };
        assert_eq!(block_on(WellKnown::new().find(&Wanted::Name(name))), Ok(Vec::new()), "{who}");
    }
}

#[test]
fn gaps_are_filled() {
    let alice = name("alice.b+c@example.com");
    let (name, key) = (Wanted::Name(alice.clone()), keys().public());
    for (template, expected) in [
        ("https://a.example/{user}", Some("https://a.example/alice.b%2Bc".to_owned())),
        (
            "https://a.example/?d={domain}&u={user}x",
            Some("https://a.example/?d=example.com&u=alice.b%2Bcx".to_owned()),
        ),
        ("https://a.example/{slot}", Some(format!("https://a.example/{}", Slot::of_name(&alice)))),
        ("https://a.example/{key}", None),
    ] {
        let OverlayAddress::Site(url) = format!("site:{template}").parse().unwrap() else {
            panic!("{template}")
        };
        assert_eq!(url.of(&name), expected, "{template}");
    }
    let OverlayAddress::Site(url) = "site:https://a.example/{key}".parse().unwrap() else {
        panic!("a site")
    };
    assert_eq!(url.of(&Wanted::Key(key)), Some(format!("https://a.example/{key}")));
    assert_eq!(WellKnown::url(&alice), "https://example.com/.well-known/p2p/alice.b%2Bc");
}

#[test]
fn wrong_templates_are_refused() {
    for wrong in [
        "https://a.example/",
        "https://{domain}/x",
        "https://a.{user}.example/",
        "https://a.example/{name}",
        "https://a.example/{slot",
        "https://a.example/slot}{user}",
    ] {
        let parsed = OverlayAddress::parse(&format!("site:{wrong}"));
        let is_refused = matches!(parsed, Err(AddressError::SiteGap | AddressError::NotAUrl(_)));
        assert!(is_refused, "{wrong}: {parsed:?}");
    }
}
