//! What makes a world rough: packets signed by the test, stores that misbehave, and a plain HTTP client.

use std::{
    collections::HashMap,
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    path::Path,
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

use p2p::{
    identity::{KeyPair, Name, SecretKeyFile, Slot, Timestamp},
    registration::{Packet, Registration},
    runtime::{block_on, clock},
};
use testbed::people::{ALICE, Program};

/// Longer than anything here may take, so that a hang is a failure and not a hang.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// An answer to a request.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) fields: ureq::http::HeaderMap,
    pub(crate) body: String,
}

/// A client without proxy and redirects, which takes every status for an answer.
pub(crate) fn agent() -> ureq::Agent {
    let config = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .proxy(None)
        .max_redirects(0)
        .timeout_global(Some(PATIENCE));
    config.build().into()
}

/// Sends a request and reads the whole answer.
pub(crate) fn request(method: &str, url: &str, fields: &[(&str, &str)], body: &[u8]) -> Answer {
    let mut request = ureq::http::Request::builder().method(method).uri(url);
    for (name, value) in fields {
        request = request.header(*name, *value);
    }
    let response = match method {
        "PUT" | "POST" => agent().run(request.body(body).unwrap()),
        _ => agent().run(request.body(()).unwrap()),
    };
    let mut response = response.unwrap();
    let body = response.body_mut().read_to_string().unwrap();
    Answer { status: response.status().as_u16(), fields: response.headers().clone(), body }
}

/// What a program gets that reads text.
pub(crate) fn get(url: &str) -> Answer {
    request("GET", url, &[("Accept", "text/plain")], b"")
}

/// The key pair of a home.
pub(crate) fn keys(home: &Path) -> KeyPair {
    let text = fs::read_to_string(home.join("identity.key")).unwrap();
    SecretKeyFile::parse(&text, None).unwrap().pair
}

/// Alice's name.
pub(crate) fn alice() -> Name {
    Name::parse(ALICE).unwrap()
}

/// The time that lies so many seconds from now; before it, if negative.
pub(crate) fn seconds_from_now(seconds: i64) -> Timestamp {
    let away = Duration::from_secs(seconds.unsigned_abs());
    let now = clock::wall();
    if seconds < 0 { now.saturating_sub(away) } else { now.saturating_add(away) }
}

/// A packet that `keys` could have signed at `sequence`, to hold for two hours.
pub(crate) fn packet(
    keys: &KeyPair,
    name: &Name,
    sequence: Timestamp,
    locators: Vec<SocketAddr>,
) -> Packet {
    let registration = Registration {
        name: Some(name.clone()),
        key: keys.public(),
        sequence,
        ttl: Duration::from_secs(7200),
        locators,
        rendezvous: Vec::new(),
        certificates: Vec::new(),
    };
    Packet::sign(&registration, keys).unwrap()
}

/// How a store answers.
#[derive(Clone)]
pub(crate) enum Behaviour {
    /// A page of another server, with status 200.
    Garbage,
    /// No HTTP at all.
    Babble,
    /// An octet now and then, for as long as somebody listens.
    Slow,
    /// Octets without end.
    Endless,
    /// Nothing.
    Silent,
    /// What the test has put there.
    Shelf(Shelf),
    /// The same with an octet of each packet changed.
    Forged(Shelf),
}

/// Packets by slot that a test can exchange at any time.
pub(crate) type Shelf = Arc<Mutex<HashMap<String, Vec<Packet>>>>;

/// Puts packets under alice's name and under their keys, and takes away all others.
pub(crate) fn fill(shelf: &Shelf, packets: &[Packet]) {
    let mut slots = HashMap::new();
    for packet in packets {
        let by_key = Slot::of_key(&packet.registration().key);
        for slot in [Slot::of_name(&alice()), by_key] {
            slots.entry(slot.to_string()).or_insert_with(Vec::new).push(packet.clone());
        }
    }
    *shelf.lock().unwrap() = slots;
}

/// A store that behaves like that until the tests end; gives its overlay address.
pub(crate) fn store(behaviour: Behaviour) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for socket in listener.incoming().map_while(Result::ok) {
            let behaviour = behaviour.clone();
            thread::spawn(move || answer(socket, &behaviour));
        }
    });
    format!("store:http://{address}/{{slot}}")
}

/// Answers one request; errors mean that the client went away.
fn answer(mut socket: TcpStream, behaviour: &Behaviour) -> Option<()> {
    let mut lines = BufReader::new(socket.try_clone().ok()?).lines();
    let first = lines.next()?.ok()?;
    let slot = first.split(' ').nth(1)?.trim_start_matches('/').to_owned();
    for line in lines.by_ref() {
        if line.ok()?.is_empty() {
            break;
        }
    }
    match behaviour {
        Behaviour::Garbage => respond(&mut socket, b"<!DOCTYPE html><p>Welcome to nginx!"),
        Behaviour::Babble => socket.write_all(b"220 mail.example.com ESMTP\r\n\r\n").ok(),
        Behaviour::Slow => {
            socket.write_all(b"HTTP/1.1 200 OK\r\n\r\n").ok()?;
            loop {
                socket.write_all(b"\0").ok()?;
                block_on(clock::sleep(Duration::from_millis(200)));
            }
        }
        Behaviour::Endless => {
            socket.write_all(b"HTTP/1.1 200 OK\r\n\r\n").ok()?;
            loop {
                socket.write_all(&[0; 16 * 1024]).ok()?;
            }
        }
        Behaviour::Silent => socket.read_to_end(&mut Vec::new()).ok().map(drop),
        Behaviour::Shelf(shelf) | Behaviour::Forged(shelf) => {
            let packets = shelf.lock().unwrap().get(&slot).cloned().unwrap_or_default();
            let frame = |packet: &Packet| {
                let mut bytes = packet.as_bytes().to_vec();
                let middle = bytes.len() / 2;
                bytes[middle] ^= u8::from(matches!(behaviour, Behaviour::Forged(_)));
                [&(bytes.len() as u16).to_be_bytes()[..], &bytes].concat()
            };
            let body: Vec<u8> = packets.iter().flat_map(frame).collect();
            respond(&mut socket, &body)
        }
    }
}

fn respond(socket: &mut TcpStream, body: &[u8]) -> Option<()> {
    let length = body.len();
    let head = format!("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n");
    socket.write_all(head.as_bytes()).and_then(|()| socket.write_all(body)).ok()
}

/// Bob's proxy with these overlays.
pub(crate) fn bob(home: &Path, overlays: &[&str]) -> Program {
    let mut arguments = vec!["proxy", "--listen", "127.0.0.1:0", "--udp", "127.0.0.1:0"];
    arguments.extend(overlays.iter().flat_map(|overlay| ["--overlay", overlay]));
    Program::start(home, &arguments)
}

/// Alice's page as bob sees it, in the path form.
pub(crate) fn page(bob: &Program) -> String {
    format!("http://{}/{ALICE}/1000/", bob.said("proxy"))
}
