//! Ports that are taken, peers that vanish, disks that are full, and how everything ends.

use std::{
    fs::{self, File},
    io::{Read, Write},
    net::{TcpListener, TcpStream, UdpSocket},
    os::unix::net::UnixDatagram,
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use p2p::runtime::{block_on, clock};
use p2p::transport::Lifetimes;

use crate::world::{PATIENCE, agent, bob, get, page};
use testbed::people::{ALICE, Neighbours, Program, command, run, text};
use testbed::programs::{p2p_path, through};

/// How long an end may take that somebody asked for.
const END_TIME: Duration = Duration::from_secs(15);

/// How long a first page may take where nothing is far away, on a busy machine; a handshake that gets no answer takes
/// longer.
const SOON: Duration = Duration::from_secs(8);

fn hello(folder: &Path) {
    fs::write(folder.join("index.html"), "hello from alice").unwrap();
}

/// A file that takes longer to send than any buffer hides; it has no blocks on the disk.
fn endless(folder: &Path) {
    hello(folder);
    File::create(folder.join("big")).unwrap().set_len(1 << 33).unwrap();
}

/// Alice once more, in the home that she had.
pub(crate) fn alice_again(root: &Path, folder: &Path, store: &Program) -> Program {
    let overlay = format!("store:{}", store.said("store"));
    let arguments = ["serve", folder.to_str().unwrap(), "--port", "1000", "--udp", "127.0.0.1:0"];
    let arguments = [&arguments[..], &["--overlay", &overlay]].concat();
    Program::start(&root.join("alice"), &arguments)
}

/// Waits until a page has these words; publishing takes a moment.
fn until(url: &str, words: &str) {
    let started = clock::now();
    loop {
        let answer = get(url);
        if answer.body.contains(words) {
            return;
        }
        let waited = clock::now() - started;
        assert!(waited < PATIENCE, "{words:?} did not come: {} {}", answer.status, answer.body);
        block_on(clock::sleep(Duration::from_millis(100)));
    }
}

#[test]
fn a_taken_port_of_the_proxy_is_told() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let home = tempfile::tempdir().unwrap();
    let arguments = ["proxy", "--listen", &address.to_string(), "--udp", "127.0.0.1:0"];
    let output = run(&home.path().join("home"), &arguments);
    assert_eq!(output.status.code(), Some(1));
    assert!(output.stdout.is_empty());
    assert_eq!(
        text(&output.stderr[..]),
        format!(
            "p2p: error: cannot listen at {address}: address already in use\nhint: another program, \
             or rendezvous-tcp in config.toml, has port {}; p2p proxy --listen 127.0.0.1:0 takes a free one\n",
            address.port()
        )
    );
}

#[test]
fn a_taken_port_for_peers_is_told_if_it_was_asked_for_and_avoided_if_not() {
    let taken = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let home = tempfile::tempdir().unwrap();
    let home = home.path().join("home");
    let output = run(&home, &["proxy", "--listen", "127.0.0.1:0", "--udp", &address]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(
        text(&output.stderr[..]),
        format!(
            "p2p: error: cannot use UDP at {address}: address already in use\nhint: choose another \
             address with --udp ADDR\n"
        )
    );
    // whoever has it, this test or another program, it is taken
    let _taken = [UdpSocket::bind("0.0.0.0:5050"), UdpSocket::bind("[::]:5050")];
    let nobody = ["--overlay", "store:http://127.0.0.1:9/"];
    let _bob =
        Program::start(&home, &[&["proxy", "--listen", "127.0.0.1:0"][..], &nobody].concat());
    let status = text(&run(&home, &["status"]).stdout[..]);
    let line = status.lines().find(|line| line.starts_with("peers come to")).unwrap();
    assert!(line.contains("0.0.0.0:") && !line.contains("0.0.0.0:5050"), "{line}");
}

#[test]
fn an_address_that_this_machine_lacks_does_not_stop_the_others() {
    let home = tempfile::tempdir().unwrap();
    let arguments = ["proxy", "--listen", "192.0.2.1:0", "--listen", "127.0.0.1:0"];
    let bob = Program::start(home.path(), &[&arguments[..], &["--udp", "127.0.0.1:0"]].concat());
    assert!(bob.said("proxy").starts_with("127.0.0.1:") && !bob.said("proxy").contains(','));
    assert_eq!(get(&format!("http://{}/", bob.said("proxy"))).status, 200);
}

#[test]
fn a_peer_that_vanishes_in_mid_download_breaks_it_and_is_found_again() {
    let Neighbours { folder, bob, alice, store, root } = Neighbours::start(endless);
    let url = format!("{}big", page(&bob));
    let mut response = agent().get(&url).call().unwrap();
    let mut body = response.body_mut().as_reader();
    let mut piece = vec![0; 1 << 20];
    body.read_exact(&mut piece).unwrap();
    alice.kill();
    let killed = clock::now();
    let end = loop {
        match body.read(&mut piece) {
            Ok(0) => break None,
            Ok(_) => {}
            Err(error) => break Some(error),
        }
    };
    assert!(end.is_some(), "a broken transfer must not look complete");
    let silence = Lifetimes::default().silence;
    assert!(clock::now() - killed < silence + PATIENCE, "after the idle time, not for ever");
    let _alice = alice_again(root.path(), &folder, &store);
    until(&page(&bob), "hello from alice");
}

#[test]
fn a_peer_that_stops_is_offline_and_comes_back() {
    let Neighbours { folder, bob, alice, store, root } = Neighbours::start(hello);
    assert_eq!(get(&page(&bob)).body, "hello from alice");
    assert_eq!(alice.end("TERM", END_TIME).code(), Some(0));
    let answer = get(&page(&bob));
    assert_eq!(answer.status, 503, "{}", answer.body);
    assert!(answer.body.contains("alice@example.com is offline"), "{}", answer.body);
    assert!(
        answer.body.contains("try again when p2p runs on the other machine"),
        "{}",
        answer.body
    );
    let overlay = format!("store:{}", store.said("store"));
    let lookup = run(&root.path().join("bob"), &["lookup", ALICE, "--overlay", &overlay]);
    assert_eq!(lookup.status.code(), Some(1));
    assert!(text(&lookup.stdout[..]).ends_with("nothing there\n"), "the packet was withdrawn");
    let _alice = alice_again(root.path(), &folder, &store);
    until(&page(&bob), "hello from alice");
}

#[test]
fn what_is_not_there_is_told() {
    let neighbours = Neighbours::start(hello);
    let proxy = neighbours.proxy();
    let other_port = get(&format!("http://{proxy}/{ALICE}/1001/"));
    assert_eq!(other_port.status, 502);
    let words = "nothing is served at port 1001 of alice@example.com";
    assert!(other_port.body.contains(words), "{}", other_port.body);
    let field = other_port.fields["Proxy-Status"].to_str().unwrap();
    assert!(field.contains("error=connection_refused"), "{field}");

    let nobody = get(&format!("http://{proxy}/nobody@example.com/80/"));
    assert_eq!(nobody.status, 502);
    assert!(nobody.body.contains("nobody is known as nobody@example.com"), "{}", nobody.body);

    fs::remove_dir_all(&neighbours.folder).unwrap();
    let gone = get(&page(&neighbours.bob));
    assert_eq!(gone.status, 404, "{}", gone.body);
    hello_again(&neighbours.folder);
    assert_eq!(get(&page(&neighbours.bob)).status, 200, "the folder is back");
}

fn hello_again(folder: &Path) {
    fs::create_dir(folder).unwrap();
    hello(folder);
}

#[test]
fn signals_end_everything_at_once_also_in_mid_transfer() {
    for signal in ["TERM", "INT"] {
        let Neighbours { bob, alice, store, root, .. } = Neighbours::start(endless);
        let mut response = agent().get(&format!("{}big", page(&bob))).call().unwrap();
        let mut body = response.body_mut().as_reader();
        body.read_exact(&mut [0; 4096]).unwrap();
        assert_eq!(alice.end(signal, END_TIME).code(), Some(0), "alice, {signal}");
        assert_eq!(bob.end(signal, END_TIME).code(), Some(0), "bob, {signal}");
        assert_eq!(store.end(signal, END_TIME).code(), Some(0), "store, {signal}");
        for home in ["alice", "bob"] {
            assert!(!root.path().join(home).join("control.sock").exists(), "{home} cleaned up");
        }
    }
}

#[test]
fn slow_clients_do_not_stop_others() {
    let neighbours = Neighbours::start(hello);
    let slow: Vec<TcpStream> = (0..300)
        .map(|_| {
            let mut socket = TcpStream::connect(neighbours.proxy()).unwrap();
            socket.write_all(b"GET / HTTP/1.1\r\nHost: local").unwrap();
            socket
        })
        .collect();
    assert_eq!(get(&page(&neighbours.bob)).body, "hello from alice");
    drop(slow);
}

#[test]
fn the_service_manager_is_told() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut message = [0; 100];
    let mut next = || {
        let length = socket.recv(&mut message).unwrap();
        String::from_utf8(message[..length].to_vec()).unwrap()
    };
    let commands: [&[&str]; 2] = [
        &["store", "--listen", "127.0.0.1:0"],
        &["proxy", "--listen", "127.0.0.1:0", "--udp", "127.0.0.1:0"],
    ];
    for arguments in commands {
        let mut command = command(&root.path().join("home"), arguments);
        let program = Program::launch(command.env("NOTIFY_SOCKET", &path));
        assert_eq!(next(), "READY=1");
        assert_eq!(program.end("TERM", END_TIME).code(), Some(0));
        assert_eq!(next(), "STOPPING=1");
    }
}

/// `p2p` that can make files, but write nothing into them, as on a full disk.
fn on_a_full_disk(home: &Path, arguments: &[&str]) -> Command {
    let mut shell = through("sh");
    let script = "trap '' XFSZ; ulimit -f 0; exec \"$@\"";
    shell.args(["-c", script, "sh", p2p_path()]).args(arguments);
    shell.env("P2P_HOME", home).stdin(Stdio::null());
    shell.stderr(Stdio::piped());
    shell
}

#[test]
fn a_full_disk_keeps_nobody_apart() {
    let root = tempfile::tempdir().unwrap();
    let (alice, bob_home) = (root.path().join("alice"), root.path().join("bob"));
    let none = on_a_full_disk(&alice, &["init", ALICE]).output().unwrap();
    assert_eq!(none.status.code(), Some(1));
    assert_eq!(
        text(&none.stderr[..]).lines().next().unwrap(),
        format!("p2p: error: cannot use {}: file too large", alice.join("identity.key").display())
    );
    assert!(!alice.join("identity.key").exists(), "no half of a key is left");

    let folder = root.path().join("media");
    hello_again(&folder);
    let store = Program::start(&root.path().join("store"), &["store", "--listen", "127.0.0.1:0"]);
    let overlay = format!("store:{}", store.said("store"));
    assert!(run(&alice, &["init", ALICE]).status.success());
    let arguments = ["serve", folder.to_str().unwrap(), "--port", "1000", "--udp", "127.0.0.1:0"];
    let arguments = [&arguments[..], &["--overlay", &overlay]].concat();
    let alice = Program::launch(&mut on_a_full_disk(&alice, &arguments));
    // a first run makes key and token
    assert_eq!(bob(&bob_home, &[&overlay]).end("TERM", END_TIME).code(), Some(0));
    let arguments = ["proxy", "--listen", "127.0.0.1:0", "--udp", "127.0.0.1:0"];
    let arguments = [&arguments[..], &["--overlay", &overlay]].concat();
    let bob = Program::launch(&mut on_a_full_disk(&bob_home, &arguments));
    until(&page(&bob), "hello from alice");
    assert!(!bob_home.join("contacts").exists(), "the first meeting was not remembered");
    assert_eq!(alice.end("TERM", END_TIME).code(), Some(0));
    assert_eq!(bob.end("TERM", END_TIME).code(), Some(0));
}

#[test]
fn somebody_else_at_the_same_address_is_answered_at_once() {
    let Neighbours { bob, alice: _alice, store, root, .. } = Neighbours::start(hello);
    let overlay = format!("store:{}", store.said("store"));
    drop(bob);
    let udp = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    for person in ["bert", "bill", "ben"] {
        let arguments = ["proxy", "--listen", "127.0.0.1:0", "--udp", &udp, "--overlay", &overlay];
        let person = Program::start(&root.path().join(person), &arguments);
        let asked = clock::now();
        assert_eq!(get(&page(&person)).body, "hello from alice");
        let waited = clock::now() - asked;
        assert!(waited < SOON, "{waited:?}");
        person.kill(); // without a word to alice
    }
}
