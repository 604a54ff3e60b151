//! Alice, bob and a rendezvous as real processes. What bob learns of alice names no address of hers.

use std::{
    fs,
    io::{Read, Write},
    net::TcpStream,
    path::{Path, PathBuf},
    time::Duration,
};

use nanoserde::DeJson;
use p2p::daemon::Status;
use p2p::identity::{KeyPair, Name, SecretKeyFile, Slot};
use p2p::overlay::{self, OverlayAddress};
use p2p::registration::{Packet, Registration, Rendezvous};
use p2p::runtime::{block_on, clock};
use tempfile::TempDir;
use testbed::people::{ALICE, Program, noise, run};

/// How long a request may take, a lost packet or two included.
const PATIENCE: Duration = Duration::from_secs(40);

struct Scene {
    root: TempDir,
    /// None while it is away.
    relay: Option<Program>,
    bob: Program,
    _alice: Program,
    keys: KeyPair,
    /// What alice shares.
    film: Vec<u8>,
    bobs_store: OverlayAddress,
    _stores: [Program; 2],
}

impl Scene {
    /// A rendezvous with these options, alice who is registered there, and bob who knows that.
    fn new(options: &[&str]) -> Scene {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("media");
        fs::create_dir(&folder).unwrap();
        let film = noise(300_000);
        fs::write(folder.join("film.bin"), &film).unwrap();
        fs::write(folder.join("small.txt"), "small").unwrap();
        let stores = ["alice's", "bob's"].map(|whose| {
            Program::start(&root.path().join(whose), &["store", "--listen", "127.0.0.1:0"])
        });
        let [for_alice, for_bob] =
            stores.each_ref().map(|store| format!("store:{}", store.said("store")));
        let relay = start_relay(root.path(), "127.0.0.1:0", options);
        let home = root.path().join("alice");
        assert!(run(&home, &["init", ALICE]).status.success());
        let alice = Program::start(
            &home,
            &[
                &["serve", folder.to_str().unwrap(), "--port", "1000", "--udp", "127.0.0.1:0"],
                &["--overlay", &for_alice, "--rendezvous", relay.said("rendezvous")][..],
            ]
            .concat(),
        );
        let bob = Program::start(
            &root.path().join("bob"),
            &["proxy", "--listen", "127.0.0.1:0", "--udp", "127.0.0.1:0", "--overlay", &for_bob],
        );
        let secret = fs::read_to_string(home.join("identity.key")).unwrap();
        let keys = SecretKeyFile::parse(&secret, None).unwrap().pair;
        let bobs_store = OverlayAddress::parse(&for_bob).unwrap();
        let alices_store = OverlayAddress::parse(&for_alice).unwrap();
        let scene = Scene {
            root,
            relay: Some(relay),
            bob,
            _alice: alice,
            keys,
            film,
            bobs_store,
            _stores: stores,
        };
        let published = scene.published(&alices_store);
        assert!(!published.locators.is_empty());
        scene.tell_bob(published.rendezvous);
        scene
    }

    /// What alice publishes as soon as she is registered.
    fn published(&self, overlay: &OverlayAddress) -> Registration {
        let overlay = overlay::open(overlay, &self.keys);
        let started = clock::now();
        loop {
            let found = block_on(overlay.get(Slot::of_key(&self.keys.public()))).unwrap();
            let packet = found.first().map(|octets| Packet::decode(octets).unwrap());
            if let Some(packet) = packet.filter(|p| !p.registration().rendezvous.is_empty()) {
                return packet.registration().clone();
            }
            assert!(clock::now() - started < PATIENCE, "no rendezvous is published");
            block_on(clock::sleep(Duration::from_millis(50)));
        }
    }

    /// Puts a packet of alice into bob's store that names these rendezvous and no addresses.
    fn tell_bob(&self, rendezvous: Vec<Rendezvous>) {
        let registration = Registration {
            name: Some(alice()),
            key: self.keys.public(),
            sequence: clock::wall(),
            ttl: Duration::from_secs(600),
            locators: Vec::new(),
            rendezvous,
            certificates: Vec::new(),
        };
        let packet = Packet::sign(&registration, &self.keys).unwrap();
        let overlay = overlay::open(&self.bobs_store, &self.keys);
        for slot in [Slot::of_key(&self.keys.public()), Slot::of_name(&alice())] {
            block_on(overlay.put(slot, packet.as_bytes(), registration.ttl)).unwrap();
        }
    }

    /// The status line and the body of what bob gets.
    fn get(&self, file: &str) -> (String, Vec<u8>) {
        let mut stream = TcpStream::connect(self.bob.said("proxy")).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let proxy = self.bob.said("proxy");
        let request = format!(
            "GET /{ALICE}/1000/{file} HTTP/1.1\r\nHost: {proxy}\r\nConnection: close\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        let end = answer.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
        let head = String::from_utf8(answer[..end].to_vec()).unwrap();
        (head.lines().next().unwrap().to_owned(), answer[end + 4..].to_vec())
    }

    fn relay_home(&self) -> PathBuf {
        self.root.path().join("relay")
    }
}

fn alice() -> Name {
    Name::parse(ALICE).unwrap()
}

fn start_relay(root: &Path, listen: &str, options: &[&str]) -> Program {
    let arguments = [&["rendezvous", "--listen", listen], options].concat();
    Program::start(&root.join("relay"), &arguments)
}

fn status(home: &Path) -> Status {
    let output = run(home, &["status", "--json"]);
    Status::deserialize_json(std::str::from_utf8(&output.stdout).unwrap()).unwrap()
}

#[test]
fn a_relay_that_is_killed_comes_back_and_nobody_notices() {
    let options = ["--for", "anyone", "--relay", "anyone"];
    let mut scene = Scene::new(&options);
    assert_eq!(scene.get("film.bin"), ("HTTP/1.1 200 OK".into(), scene.film.clone()));
    let lending = status(&scene.relay_home()).lending.unwrap();
    assert_eq!((lending.registered, lending.register.as_str()), (1, "anyone"));
    assert!(lending.octets > 300_000);
    let alices = status(&scene.root.path().join("alice"));
    assert!(alices.rendezvous[0].registered && alices.rendezvous[0].carries);

    // killed without a word, and back at the same address
    let relay = scene.relay.take().unwrap();
    let node = relay.said("rendezvous").to_owned();
    let saved = scene.relay_home().join("rendezvous.sessions");
    let started = clock::now();
    while fs::metadata(&saved).map_or(0, |metadata| metadata.len()) < 60 {
        assert!(clock::now() - started < PATIENCE, "the registration is not on disk");
        block_on(clock::sleep(Duration::from_millis(20)));
    }
    relay.kill();
    let listen = node.split_once('@').unwrap().1;
    let relay = start_relay(scene.root.path(), listen, &options);
    assert_eq!(relay.said("rendezvous"), node);
    assert_eq!(scene.get("film.bin"), ("HTTP/1.1 200 OK".into(), scene.film.clone()));
    assert_eq!(status(&scene.relay_home()).lending.unwrap().registered, 1);
}

#[test]
fn who_is_not_registered_is_not_waited_for_and_the_page_says_why() {
    let scene = Scene::new(&["--for", "anyone", "--relay", "none"]);
    let elsewhere =
        start_relay(&scene.root.path().join("other"), "127.0.0.1:0", &["--for", "anyone"]);
    scene.tell_bob(vec![elsewhere.said("rendezvous").parse().unwrap()]);
    let (status, page) = scene.get("small.txt");
    let page = String::from_utf8(page).unwrap();
    assert!(status.starts_with("HTTP/1.1 50"), "{status}");
    assert!(page.contains("the peer is not registered there"), "{page}");
}

#[test]
fn an_introduction_is_enough_for_something_small() {
    let scene = Scene::new(&["--for", "anyone", "--relay", "none"]);
    assert_eq!(scene.get("small.txt"), ("HTTP/1.1 200 OK".into(), b"small".to_vec()));
}

#[test]
fn who_may_not_register_is_told_by_status() {
    let root = tempfile::tempdir().unwrap();
    let relay = start_relay(root.path(), "127.0.0.1:0", &[]);
    let home = root.path().join("visitor");
    let node = relay.said("rendezvous");
    let _visitor = Program::start(
        &home,
        &["proxy", "--listen", "127.0.0.1:0", "--udp", "127.0.0.1:0", "--rendezvous", node],
    );
    let started = clock::now();
    let refusal = loop {
        if let Some(refusal) = status(&home).rendezvous[0].refusal.clone() {
            break refusal;
        }
        assert!(clock::now() - started < PATIENCE);
    };
    assert_eq!(refusal, "its owner does not serve this identity");
    let second = run(&root.path().join("relay"), &["rendezvous", "--listen", "127.0.0.1:0"]);
    let said = String::from_utf8(second.stderr).unwrap();
    assert!(said.contains("a daemon runs in") && said.contains("rendezvous-for"), "{said}");
}

#[test]
fn a_rendezvous_for_the_members_of_a_club() {
    let root = tempfile::tempdir().unwrap();
    let at = |name: &str| root.path().join(name);
    let done = |home: &str, arguments: &[&str]| {
        let output = run(&at(home), arguments);
        assert!(output.status.success(), "{arguments:?}: {output:?}");
    };
    done("club", &["ca", "init", "club", "--for", "example.com", "--no-passphrase"]);
    let store = Program::start(&at("store"), &["store", "--listen", "127.0.0.1:0"]);
    let overlay = format!("store:{}", store.said("store"));
    let options = ["--for", "authority:club", "--relay", "none", "--overlay", &overlay];
    let stranger =
        run(&at("relay"), &[&["rendezvous", "--listen", "127.0.0.1:0"], &options[..]].concat());
    let said = String::from_utf8(stranger.stderr).unwrap();
    assert!(
        said.contains("club is not trusted here") && said.contains("p2p authority add"),
        "{said}"
    );
    let club = at("club").join("ca/club.authority");
    done("relay", &["authority", "add", club.to_str().unwrap()]);
    let relay = start_relay(root.path(), "127.0.0.1:0", &options);

    done("bob", &["init", "bob@example.com"]);
    let (key, cert) = (at("bob").join("identity.pub"), at("bob.cert"));
    let (key, cert) = (key.to_str().unwrap(), cert.to_str().unwrap());
    let node = relay.said("rendezvous");
    let _bob = Program::start(
        &at("bob"),
        &["proxy", "--listen", "127.0.0.1:0", "--udp", "127.0.0.1:0", "--rendezvous", node],
    );
    let comes_to = |expected: Option<&str>| {
        let started = clock::now();
        loop {
            let bob = &status(&at("bob")).rendezvous[0];
            let fits = match expected {
                None => bob.registered,
                Some(words) => bob.refusal.as_ref().is_some_and(|reason| reason.contains(words)),
            };
            if fits {
                return;
            }
            assert!(clock::now() - started < 2 * PATIENCE, "{expected:?}, but {bob:?}");
            block_on(clock::sleep(Duration::from_millis(100)));
        }
    };
    comes_to(Some("this identity shows no certificate that counts there"));
    done("club", &["ca", "sign", key, "--name", "bob@example.com", "--out", cert]);
    done("bob", &["certificate", "add", cert]);
    comes_to(None);
    done("club", &["ca", "revoke", "bob@example.com"]);
    let list = at("club").join("ca/revocations");
    done("relay", &["authority", "add", list.to_str().unwrap()]);
    comes_to(Some("the certificate of this identity was revoked"));
}
