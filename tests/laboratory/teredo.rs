//! Homes that meet over Teredo (RFC 4380), introduced by a server of others: with the built-in client at both ends, and
//! with a Teredo interface of the system at either.
//!
//! Nothing else can connect them: no STUN server, no port mapping, no rendezvous.

use std::{
    fs,
    process::{Child, Command, Stdio},
    time::Duration,
};

use p2p::runtime::{block_on, clock};
use testbed::homes::{
    Scene,
    daemons::{self, TEREDO},
    network::{Home, table_1},
};
use testbed::people::{noise, succeed};
use testbed::programs::have;

use crate::Test;

/// How long an interface may take to get its address.
const QUALIFICATION_TIME: Duration = Duration::from_secs(20);

pub(crate) const TESTS: &[Test] = &[
    ("both_have_the_built_in_client", both_have_the_built_in_client),
    ("routers_may_masquerade_without_a_filter", routers_may_masquerade_without_a_filter),
    ("alice_has_an_interface", alice_has_an_interface),
    ("bob_has_an_interface", bob_has_an_interface),
];

fn both_have_the_built_in_client() {
    if have("curl") && have("miredo-server") {
        meet("kernel:portrestricted", &[]);
    }
}

fn routers_may_masquerade_without_a_filter() {
    if have("curl") && have("miredo-server") {
        meet("kernel:masquerade", &[]);
    }
}

fn alice_has_an_interface() {
    if have("curl") && have("miredo-server") && can_run_miredo() {
        meet("kernel:portrestricted", &["alice"]);
    }
}

fn bob_has_an_interface() {
    if have("curl") && have("miredo-server") && can_run_miredo() {
        meet("kernel:portrestricted", &["bob"]);
    }
}

/// Alice shares, bob fetches, at the round trips of the paper's Table I.
fn meet(nat: &'static str, with_interface: &[&str]) {
    let scene = Scene::build(&table_1(Home::Nat(nat), Home::Nat(nat)));
    let _teredo = daemons::teredo(&scene);
    let _interfaces: Vec<Interface> =
        with_interface.iter().map(|node| Interface::start(&scene, node)).collect();
    for node in ["alice", "bob"] {
        scene.configure(node, "stun = []\nport-mapping = false");
    }
    scene.configure("alice", &format!("teredo = \"{TEREDO}\""));
    let content = noise(20_000);
    let _store = scene.store();
    let _alice = scene.serve(&[("talk.mp3", &content)]);
    let bob = scene.proxy();
    let mut curl = scene.lab.command("bob", "curl");
    curl.args(["--silent", "--show-error", "--fail", "--max-time", "60", "--proxy"]);
    curl.args([bob.said("proxy"), "http://alice.at.example.com:1000/talk.mp3"]);
    assert!(succeed(&mut curl) == content);
}

/// miredo changes its user, for which one mapped user is not enough.
fn can_run_miredo() -> bool {
    let map = fs::read_to_string("/proc/self/uid_map").unwrap_or_default();
    let users = map.split_whitespace().nth(2).and_then(|count| count.parse::<u64>().ok());
    let enough = users.is_some_and(|users| users > 1);
    if !enough {
        eprintln!("skipped: miredo needs more than one user");
    }
    enough && have("miredo")
}

/// A Teredo interface of the system.
struct Interface(Child);

impl Interface {
    /// Waits until it has its address.
    fn start(scene: &Scene, node: &str) -> Interface {
        let configuration = format!("InterfaceName teredo\nServerAddress {TEREDO}\n");
        let path = scene.put(&format!("{node}-miredo"), "miredo.conf", &configuration);
        let pid = scene.home(&format!("{node}-miredo")).join("pid").display().to_string();
        fs::create_dir_all("/run/miredo").unwrap();
        let mut command: Command = scene.lab.command(node, "miredo");
        command.args(["-f", "-c", &path, "-p", &pid]).stdin(Stdio::null());
        let interface = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let interface = Interface(interface);
        let started = clock::now();
        loop {
            let mut show = scene.lab.command(node, "ip");
            let shown = succeed(show.args(["-6", "-o", "addr", "show", "scope", "global"]));
            if String::from_utf8_lossy(&shown).contains(" 2001:0:") {
                return interface;
            }
            assert!(clock::now() - started < QUALIFICATION_TIME, "miredo does not qualify");
            block_on(clock::sleep(Duration::from_millis(50)));
        }
    }
}

impl Drop for Interface {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
