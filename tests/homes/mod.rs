//! People at home on an emulated Internet, with real processes: alice shares a folder in one network, bob browses in
//! another, and a store stands between them.
//!
//! A scene is a [laboratory](netlab) whose nodes are called `alice`, `bob` and `store`, and what runs in them. Every
//! process keeps its home in a folder of its own and is ended with the scene.
#![allow(dead_code, unreachable_pub, reason = "each test and bench uses a part of it")]

#[path = "../people/mod.rs"]
pub mod people;

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use netlab::Lab;
use people::{ALICE, P2P, Program, prepare};
use tempfile::TempDir;

/// Where the store listens.
const STORE: &str = "11.1.0.10:80";

/// A laboratory with people in it.
pub struct Scene {
    pub lab: Lab,
    /// What alice shares.
    pub folder: PathBuf,
    /// Homes and folder, removed at the end.
    root: TempDir,
}

impl Scene {
    /// Builds the network, in which nobody is at home yet.
    pub fn build(topology: &str) -> Scene {
        let lab = Lab::new(topology).unwrap_or_else(|error| panic!("{error}"));
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("media");
        fs::create_dir(&folder).unwrap();
        Scene { lab, folder, root }
    }

    /// Runs `p2p` in a node until it is ready.
    pub fn start(&self, node: &str, arguments: &[&str]) -> Program {
        Program::launch(&mut self.command(node, arguments))
    }

    /// The store, which everybody else takes as overlay.
    pub fn store(&self) -> Program {
        self.start("store", &["store", "--listen", STORE])
    }

    /// Alice shares her folder at port 1000.
    pub fn alice(&self, more: &[&str]) -> Program {
        let made = self.command("alice", &["init", ALICE]).output().unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let serve = ["serve", self.folder.to_str().unwrap(), "--port", "1000"];
        self.start("alice", &[&serve, &overlay()[..], more].concat())
    }

    /// Bob's proxy.
    pub fn bob(&self, more: &[&str]) -> Program {
        self.start(
            "bob",
            &[&["proxy", "--listen", "127.0.0.1:5050"], &overlay()[..], more].concat(),
        )
    }

    /// curl in a node, for one of alice's files through a proxy there.
    pub fn curl(&self, node: &str, proxy: &Program, path: &str) -> Command {
        let mut command = self.lab.command(node, "curl");
        command.args(["--silent", "--show-error", "--fail", "--max-time", "30", "--proxy"]);
        command.arg(format!("http://{}", proxy.said("proxy")));
        command.arg(format!("http://alice.at.example.com:1000{path}"));
        command
    }

    /// The home of whoever runs in a node.
    pub fn home(&self, node: &str) -> PathBuf {
        self.root.path().join(node)
    }

    /// `p2p` in a node.
    pub fn command(&self, node: &str, arguments: &[&str]) -> Command {
        prepare(self.lab.command(node, P2P), &self.home(node), arguments)
    }
}

fn overlay() -> [&'static str; 2] {
    ["--overlay", "store:http://11.1.0.10:80/{slot}"]
}

/// Puts a file in place.
pub fn write(folder: &Path, name: &str, content: &[u8]) {
    fs::write(folder.join(name), content).unwrap();
}
