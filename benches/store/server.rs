//! The store in a process of its own, as `p2p store` is, but with no limit for one client.

use std::{
    env, fs,
    io::{self, BufRead, BufReader, Read},
    net::SocketAddr,
    path::Path,
    process::{Child, Command, Stdio},
};

use p2p::overlay::Rate;
use p2p::overlay::store::{Capacity, Store, StoreOptions};
use testbed::overlays::datagram_store;

/// Set in the process that serves: how many places it has.
const PLACES: &str = "P2P_BENCH_SERVE_PLACES";
/// Set where it keeps them in a folder.
const FOLDER: &str = "P2P_BENCH_SERVE_FOLDER";

/// A store that ends with this.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    child: Child,
}

impl Server {
    pub(crate) fn start(folder: Option<&Path>, places: usize) -> Server {
        let mut command = Command::new(env::current_exe().expect("a path"));
        command.env(PLACES, places.to_string()).stdin(Stdio::piped()).stdout(Stdio::piped());
        if let Some(folder) = folder {
            command.env(FOLDER, folder);
        }
        let mut child = command.spawn().expect("a process");
        let mut line = String::new();
        let said = BufReader::new(child.stdout.take().expect("a pipe")).read_line(&mut line);
        said.expect("it says where it serves");
        Server { address: line.trim().parse().expect("an address"), child }
    }

    /// Its resident memory in octets.
    pub(crate) fn resident(&self) -> u64 {
        let path = format!("/proc/{}/status", self.child.id());
        let status = fs::read_to_string(path).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kilobytes = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
        kilobytes.unwrap_or_default() * 1024
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.stdin.take()); // it ends with its input
        let _ = self.child.wait();
    }
}

/// Serves until the input ends, if this process was started to do that.
pub(crate) fn serve_if_told() -> bool {
    let Some(places) = env::var(PLACES).ok().and_then(|text| text.parse().ok()) else {
        return false;
    };
    let options = StoreOptions {
        rate: Rate { per_second: 1e9, burst: 1e9 },
        capacity: Capacity { places, ..Capacity::default() },
        ..StoreOptions::default()
    };
    let folder = env::var_os(FOLDER);
    let store = Store::open(folder.as_deref().map(Path::new), options).expect("a folder");
    println!("{}", datagram_store::serve(store.into()));
    let _ = io::stdin().read_to_end(&mut Vec::new());
    true
}
