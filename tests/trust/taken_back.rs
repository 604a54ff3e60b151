//! What is taken back ends at once, also for what is under way: certificates, contacts and rules.

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    thread,
    time::Duration,
};

use p2p::identity::{PublicKeyFile, Slot};
use p2p::overlay::{self, OverlayAddress};
use p2p::runtime::{block_on, clock};
use p2p::trust::SignedRevocations;
use p2p::{identity::KeyPair, identity::Seed};

use crate::scene::{Scene, get, path};
use testbed::people::{Program, text};

const ALICE: &str = "alice@example.com";
/// What is under way ends within a few seconds; a busy machine may need longer.
const PATIENCE: Duration = Duration::from_secs(30);
const LONG_BEFORE_THE_NEXT_LOOK: Duration = Duration::from_secs(120);

/// An application that begins an answer and never ends it.
fn endless() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            thread::spawn(move || {
                let mut stream = stream;
                for line in BufReader::new(stream.try_clone().unwrap()).lines() {
                    if line.is_ok_and(|line| line.is_empty()) {
                        break;
                    }
                }
                let head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\n";
                stream.write_all(head.as_bytes()).unwrap();
                let _ = stream.read(&mut [0; 1]); // until the visitor goes
            });
        }
    });
    format!("http://{address}")
}

/// A club whose members alice lets in to something endless, and carol, who is one. Alice is certified too.
fn club(scene: &Scene) -> Program {
    scene.done("club", &["ca", "init", "club", "--for", "example.com", "--no-passphrase"]);
    for (home, name) in [("alice", ALICE), ("carol", "carol@example.com")] {
        scene.init(home, name);
        let (key, cert) =
            (scene.home(home).join("identity.pub"), scene.home(&format!("{home}.cert")));
        scene.done("club", &["ca", "sign", path(&key), "--name", name, "--out", path(&cert)]);
        scene.done(home, &["certificate", "add", path(&cert)]);
        let club = scene.home("club").join("ca/club.authority");
        scene.done(home, &["authority", "add", path(&club)]);
    }
    let (overlay, application) = (scene.overlay(), endless());
    let network = ["--udp", "127.0.0.1:0", "--overlay", &overlay, "--allow", "authority:club"];
    let expose = ["expose", &application, "--port", "1000"];
    Program::start(&scene.home("alice"), &[&expose[..], &network].concat())
}

/// An answer that goes on.
struct UnderWay(BufReader<TcpStream>);

impl UnderWay {
    fn begin(proxy: &Program) -> UnderWay {
        let address = proxy.said("proxy");
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let request = format!("GET /{ALICE}/1000/ HTTP/1.1\r\nHost: {address}\r\n\r\n");
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = BufReader::new(stream);
        let mut line = String::new();
        answer.read_line(&mut line).unwrap();
        assert_eq!(line, "HTTP/1.1 200 OK\r\n");
        while line != "data: 1\n" {
            line.clear();
            assert_ne!(answer.read_line(&mut line).unwrap(), 0);
        }
        UnderWay(answer)
    }

    /// Waits for the end, which must look like a break.
    fn ends(mut self) {
        let mut rest = Vec::new();
        match self.0.read_to_end(&mut rest) {
            Ok(_) => assert!(!text(&rest[..]).contains("0\r\n\r\n"), "the end of a whole answer"),
            Err(error) => {
                use std::io::ErrorKind::{TimedOut, WouldBlock};
                assert!(![TimedOut, WouldBlock].contains(&error.kind()), "it goes on");
            }
        }
    }
}

#[test]
fn lists_are_looked_for_when_somebody_connects() {
    let scene = Scene::set();
    let _alice = club(&scene);
    let before = scene.proxy("carol");
    UnderWay::begin(&before);
    drop(before);
    // nobody tells alice; the next look of her own is minutes away
    scene.done("club", &["ca", "revoke", "carol@example.com"]);
    let read = |file: &str| fs::read_to_string(scene.home("club").join("ca").join(file)).unwrap();
    let key = PublicKeyFile::parse(&read("club.pub")).unwrap();
    let list = SignedRevocations::parse(&read("revocations"), &read("revocations.minisig"), &[key]);
    let nobody = KeyPair::from_seed(&Seed::new([9; 32]));
    let store = overlay::open(&OverlayAddress::parse(&scene.overlay()).unwrap(), &nobody);
    let (slot, ttl) = (Slot::of_revocations(&key.key), Duration::from_secs(600));
    block_on(store.put(slot, &list.unwrap().to_compact(), ttl)).unwrap();

    // the authority is none that carol's home trusts, so that she does not stop by herself
    scene.done("carol", &["authority", "remove", "club"]);
    let started = clock::now();
    loop {
        let carol = scene.proxy("carol");
        if !get_head(&carol).starts_with("HTTP/1.1 200") {
            break;
        }
        assert!(
            clock::now() - started < LONG_BEFORE_THE_NEXT_LOOK,
            "nobody looks when carol comes"
        );
    }
}

/// The status line of an answer that may be endless.
fn get_head(proxy: &Program) -> String {
    let mut stream = TcpStream::connect(proxy.said("proxy")).unwrap();
    let request = format!("GET /{ALICE}/1000/ HTTP/1.1\r\nHost: {}\r\n\r\n", proxy.said("proxy"));
    stream.write_all(request.as_bytes()).unwrap();
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line).unwrap();
    line
}

#[test]
fn a_list_that_is_taken_in_ends_what_is_under_way_on_both_sides() {
    for (side, whose) in [("alice", "carol@example.com"), ("carol", ALICE)] {
        let scene = Scene::set();
        let _alice = club(&scene);
        let carol = scene.proxy("carol");
        let under_way = UnderWay::begin(&carol);
        scene.done("club", &["ca", "revoke", whose]);
        let list = scene.home("club").join("ca/revocations");
        scene.done(side, &["authority", "add", path(&list)]);
        under_way.ends();
        let answer = get(&carol, ALICE);
        assert_eq!(answer.status, 502);
        let revoked = "club has revoked the certificate (serial ";
        assert_eq!(answer.body.contains(revoked), side == "carol", "{}", answer.body);
    }
}

#[test]
fn a_rule_that_changes_ends_what_is_under_way() {
    let scene = Scene::set();
    let _alice = club(&scene);
    let carol = scene.proxy("carol");
    let under_way = UnderWay::begin(&carol);
    scene.done("alice", &["allow", "1000", "authority:club", "bob@example.com"]);
    let again = UnderWay::begin(&carol);
    scene.done("alice", &["allow", "1000", "bob@example.com"]);
    under_way.ends();
    again.ends();
    assert_eq!(get(&carol, ALICE).status, 502);
}

#[test]
fn a_certificate_is_shown_as_soon_as_it_is_there() {
    let scene = Scene::set();
    let _alice = club(&scene);
    scene.init("dave", "dave@example.com");
    let dave = scene.proxy("dave");
    assert_eq!(get(&dave, ALICE).status, 502);
    let (key, cert) = (scene.home("dave").join("identity.pub"), scene.home("dave.cert"));
    let sign = ["ca", "sign", path(&key), "--name", "dave@example.com", "--out", path(&cert)];
    scene.done("club", &sign);
    scene.done("dave", &["certificate", "add", path(&cert)]);
    UnderWay::begin(&dave);
}
