use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener},
    sync::Arc,
    thread,
    time::Duration,
};

use rustls::version::TLS13;

use super::*;
use crate::identity::{KeyPair, Seed, Timestamp};
use crate::overlay::http::tests::{client_of, site_config};
use crate::registration::Registration;
use crate::runtime::block_on;

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
    let config = Arc::new(site_config(&TLS13));
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

/// Asks the site at an address, believing in its certificate or in those that everybody believes in.
fn well_known(address: SocketAddr, believing: bool) -> WellKnown {
    WellKnown::new(client_of(address, believing), TEMPLATE)
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
    well_known.handle_network_change();
    assert_eq!(block_on(well_known.key_of(&name)), None, "asked anew, by another network");
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
fn silence_is_forgotten_soon() {
    let name = Name::parse("alice@example.com").unwrap();
    let gone = "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n";
    let remembered = |answer| {
        let (template, asked) = server(answer);
        let well_known = at(&template);
        assert_eq!(block_on(well_known.key_of(&name)), None);
        asked.join().unwrap();
        let (until, _) = lock(&well_known.said)[&name];
        until - clock::now()
    };
    assert!(remembered("") <= SILENCE);
    assert!(remembered(gone) > SILENCE);
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
