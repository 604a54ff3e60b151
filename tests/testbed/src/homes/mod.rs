//! People at home on an emulated Internet, with real processes: alice shares something in one network, bob browses in
//! another, and what introduces them stands between.
//!
//! A scene is a [laboratory](netlab) with nodes called `alice`, `bob`, `store` and `rendezvous`, and what runs in
//! them. Every process keeps its home in a folder of its own and is ended with the scene. `P2P_BENCH_PROGRAM` names
//! another `p2p` than the one that has just been built.

pub mod client;
pub mod daemons;
pub mod network;
pub mod origin;
pub mod watch;

use std::{
    env, fs,
    path::PathBuf,
    process::{Command, Output},
    time::Duration,
};

use crate::people::{ALICE, Program, prepare};
use crate::programs::{have, p2p_path};
use netlab::Lab;
use p2p::runtime::{block_on, clock};
use tempfile::TempDir;

/// Where the store listens: the port that every network lets pass.
pub const STORE: &str = "11.1.0.10:443";

/// Where the rendezvous listens with UDP, and with TCP for those who have nothing else.
pub const RENDEZVOUS: [&str; 2] = ["11.1.0.30:5050", "11.1.0.30:443"];

/// Where bob's proxy listens, in his own network.
pub const PROXY: &str = "127.0.0.1:5050";

/// How long anything may take to get ready, on a busy machine.
const READY_TIME: Duration = Duration::from_secs(20);

/// What daemons may take to find out about their network after they are ready.
const SETTLE: Duration = Duration::from_millis(1500);

/// A laboratory with people in it.
pub struct Scene {
    pub lab: Lab,
    /// Homes, removed at the end.
    root: TempDir,
}

impl Scene {
    /// Builds the network, in which nobody is at home yet.
    ///
    /// # Panics
    /// When it cannot be built.
    pub fn build(topology: &str) -> Scene {
        let lab = Lab::new(topology).unwrap_or_else(|error| panic!("{error}"));
        let scene = Scene { lab, root: tempfile::tempdir().unwrap() };
        for node in ["alice", "bob"] {
            scene.configure(node, "well-known = \"off\""); // nobody answers for domains here
        }
        scene
    }

    /// The store, which everybody else takes as overlay.
    pub fn store(&self) -> Program {
        self.start("store", &["store", "--listen", STORE])
    }

    /// The rendezvous, which carries for everybody; alice and bob are told of it.
    pub fn rendezvous(&self) -> Program {
        self.lend(&["--for", "anyone", "--relay", "anyone", "--rate", "1gbit"])
    }

    /// A rendezvous that carries for nobody; alice and bob are told of it.
    pub fn introducer(&self) -> Program {
        self.lend(&["--for", "anyone"])
    }

    fn lend(&self, terms: &[&str]) -> Program {
        let [udp, tcp] = RENDEZVOUS;
        let listen = ["rendezvous", "--listen", udp, "--tcp", tcp];
        let rendezvous = self.start("rendezvous", &[&listen[..], terms].concat());
        for node in ["alice", "bob"] {
            self.configure(node, &format!("rendezvous = \"{}\"", rendezvous.said("rendezvous")));
        }
        rendezvous
    }

    /// STUN servers at two addresses, whom alice and bob are told of; None where there is no program for it.
    pub fn stun(&self) -> Option<daemons::Daemon> {
        have("turnserver").then(|| {
            for node in ["alice", "bob"] {
                self.configure(node, "stun = [\"11.1.0.30\", \"11.1.0.31\"]");
            }
            daemons::coturn(self)
        })
    }

    /// Alice shares a folder of her home at port 1000; `fill` puts something into it.
    pub fn serve(&self, files: &[(&str, &[u8])]) -> Program {
        let folder = self.root.path().join("media");
        fs::create_dir_all(&folder).unwrap();
        for (name, content) in files {
            fs::write(folder.join(name), content).unwrap();
        }
        self.share(&["serve", folder.to_str().unwrap()])
    }

    /// Alice shares what listens on her machine at port 1000.
    pub fn expose(&self, origin: u16) -> Program {
        self.share(&["expose", &origin.to_string()])
    }

    /// Bob's proxy, at [`PROXY`].
    pub fn proxy(&self) -> Program {
        self.start("bob", &["proxy", "--listen", PROXY, "--overlay", &overlay()])
    }

    /// Waits until those who run have found out about their networks, as they have where people live.
    pub fn settle(&self) {
        block_on(clock::sleep(SETTLE));
    }

    /// Waits until a daemon is registered at its rendezvous.
    ///
    /// # Panics
    /// When that takes too long.
    pub fn wait_registered(&self, node: &str) {
        let started = clock::now();
        let status = || self.run(node, &["status", "--json"]).stdout;
        while !String::from_utf8_lossy(&status()).contains("\"registered\":true") {
            assert!(clock::now() - started < READY_TIME, "{node} does not register");
            block_on(clock::sleep(Duration::from_millis(50)));
        }
    }

    /// Another bob, who has never met anybody.
    pub fn forget(&self, node: &str) {
        let config = fs::read_to_string(self.home(node).join("config.toml")).ok();
        let _ = fs::remove_dir_all(self.home(node));
        if let Some(config) = config {
            self.put(node, "config.toml", &config);
        }
    }

    /// Adds a line to the configuration of a node, before it starts.
    pub fn configure(&self, node: &str, line: &str) {
        let path = self.home(node).join("config.toml");
        let text = fs::read_to_string(path).unwrap_or_default();
        self.put(node, "config.toml", &format!("{text}{line}\n"));
    }

    /// Puts a file into a home; gives its path.
    pub fn put(&self, node: &str, name: &str, content: &str) -> String {
        let home = self.home(node);
        fs::create_dir_all(&home).unwrap();
        fs::write(home.join(name), content).unwrap();
        home.join(name).display().to_string()
    }

    /// Runs `p2p` in a node until it is ready.
    pub fn start(&self, node: &str, arguments: &[&str]) -> Program {
        Program::launch(&mut self.command(node, arguments))
    }

    /// Runs `p2p` in a node to its end.
    pub fn run(&self, node: &str, arguments: &[&str]) -> Output {
        self.command(node, arguments).output().unwrap()
    }

    /// The home of whoever runs in a node.
    pub fn home(&self, node: &str) -> PathBuf {
        self.root.path().join(node)
    }

    fn share(&self, what: &[&str]) -> Program {
        let made = self.run("alice", &["init", ALICE]);
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let network = ["--port", "1000", "--overlay", &overlay()];
        self.start("alice", &[what, &network].concat())
    }

    fn command(&self, node: &str, arguments: &[&str]) -> Command {
        let program = env::var("P2P_BENCH_PROGRAM").unwrap_or_else(|_| p2p_path().into());
        prepare(self.lab.command(node, &program), &self.home(node), arguments)
    }
}

fn overlay() -> String {
    format!("store:http://{STORE}/{{slot}}")
}
