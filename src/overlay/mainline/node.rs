//! This host as a node of the DHT.
//!
//! It is one only while it is needed: the node is made with the first question and ends soon after the last
//! one, because it looks at its socket twenty times a second. The nodes it met are kept, in memory and in a
//! file, so that the next one need not ask the well-known ones, which everybody asks.

use std::{
    io,
    net::{Ipv4Addr, SocketAddrV4},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, Weak},
    time::{Duration, Instant},
};

use mainline::{DEFAULT_BOOTSTRAP_NODES, Dht, async_dht::AsyncDht};

use super::Bootstrap;
use crate::overlay::OverlayError;
use crate::runtime::{
    clock,
    file::{self, Access},
    lock, plain, spawn, unblock,
};

/// How long a node of this host's own machine may take for an answer; others have two seconds.
const LOOPBACK_TIMEOUT: Duration = Duration::from_millis(300);
/// When the node ends that nobody has used.
const IDLE: Duration = Duration::from_secs(30);
/// The file of nodes met.
const NOTES: &str = "mainline-nodes";
/// How many nodes are remembered, at most 22 octets each.
const MAX_NODES: usize = 64;
const MAX_NOTES: usize = 4096;
/// How often the file is written at most.
const WRITE_INTERVAL: Duration = Duration::from_secs(3600);

/// Where the DHT is entered, and the node while there is one.
#[derive(Debug)]
pub(super) struct Entry {
    bootstrap: Bootstrap,
    node: async_lock::Mutex<Option<Node>>,
    memory: Mutex<Memory>,
}

#[derive(Debug)]
struct Node {
    dht: AsyncDht,
    used: Instant,
}

/// What outlives a node.
#[derive(Debug, Default)]
struct Memory {
    /// Nodes met, as addresses with ports.
    nodes: Vec<String>,
    file: Option<PathBuf>,
    written: Option<Instant>,
}

impl Entry {
    /// An entry by these nodes. Nothing is sent yet.
    pub(super) fn new(bootstrap: &Bootstrap) -> Entry {
        let (node, memory) = (async_lock::Mutex::default(), Mutex::default());
        Entry { bootstrap: bootstrap.clone(), node, memory }
    }

    /// Whether all of the DHT is on this machine.
    pub(super) fn is_loopback(&self) -> bool {
        self.bootstrap.is_loopback()
    }

    /// Keeps the nodes met in a file of this folder.
    pub(super) fn remember_in(&self, folder: &Path) {
        self.memory().file = Some(folder.join(NOTES));
    }

    /// Ends the node; the next question makes another one.
    pub(super) fn leave(self: &Arc<Self>) {
        let entry = self.clone();
        spawn(async move { drop(entry.node.lock().await.take()) }).detach();
    }

    /// The node, which is made if there is none.
    pub(super) async fn node(self: &Arc<Self>) -> Result<AsyncDht, OverlayError> {
        let mut node = self.node.lock().await;
        if let Some(node) = node.as_mut() {
            node.used = clock::now();
            return Ok(node.dht.clone());
        }
        let entry = self.clone();
        let dht = unblock(move || entry.build()).await;
        let dht = dht.map_err(|error| OverlayError::Unreachable(plain(&error)))?.as_async();
        *node = Some(Node { dht: dht.clone(), used: clock::now() });
        spawn(end_when_idle(Arc::downgrade(self))).detach();
        Ok(dht)
    }

    /// Makes a node; this asks for addresses of names.
    fn build(&self) -> io::Result<Dht> {
        let mut builder = Dht::builder();
        if self.bootstrap.is_loopback() {
            builder.bind_address(Ipv4Addr::LOCALHOST).request_timeout(LOOPBACK_TIMEOUT);
        }
        let configured = self.bootstrap.nodes();
        if configured.is_empty() {
            let known = DEFAULT_BOOTSTRAP_NODES.iter().map(ToString::to_string);
            builder.bootstrap(&self.remembered().into_iter().chain(known).collect::<Vec<_>>());
        } else {
            builder
                .bootstrap(configured.iter().map(AsRef::as_ref).collect::<Vec<&str>>().as_slice());
        }
        builder.build()
    }

    fn remembered(&self) -> Vec<String> {
        let (nodes, file) = {
            let memory = self.memory();
            (memory.nodes.clone(), memory.file.clone())
        };
        match file {
            Some(file) if nodes.is_empty() => read(&file),
            _ => nodes,
        }
    }

    /// Remembers the nodes that this one knows.
    pub(super) async fn note(&self, dht: &AsyncDht) {
        let mut nodes = dht.to_bootstrap().await;
        nodes.truncate(MAX_NODES);
        let now = clock::now();
        let file = {
            let mut memory = self.memory();
            memory.nodes.clone_from(&nodes);
            let is_due = memory.written.is_none_or(|then| now - then >= WRITE_INTERVAL);
            let is_public = self.bootstrap.nodes().is_empty();
            let file = memory.file.clone().filter(|_| is_due && is_public && !nodes.is_empty());
            if file.is_some() {
                memory.written = Some(now);
            }
            file
        };
        if let Some(file) = file {
            unblock(move || write(&file, &nodes)).await;
        }
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        lock(&self.memory)
    }
}

/// Ends the node when nobody has used it for a while.
async fn end_when_idle(entry: Weak<Entry>) {
    let mut wait = IDLE;
    loop {
        clock::sleep(wait).await;
        let Some(entry) = entry.upgrade() else { return };
        let mut node = entry.node.lock().await;
        let Some(used) = node.as_ref().map(|node| node.used) else { return };
        let rested = clock::now().saturating_duration_since(used);
        if rested >= IDLE {
            *node = None;
            return;
        }
        wait = IDLE - rested;
    }
}

/// The nodes in a file; lines that are no addresses are passed over.
fn read(file: &Path) -> Vec<String> {
    let content = file::read(file, MAX_NOTES).unwrap_or_default();
    let text = String::from_utf8_lossy(&content);
    let nodes = text.lines().filter(|line| line.parse::<SocketAddrV4>().is_ok());
    nodes.take(MAX_NODES).map(str::to_owned).collect()
}

fn write(file: &Path, nodes: &[String]) {
    let text: String = nodes.iter().map(|node| format!("{node}\n")).collect();
    if let Err(error) = file::replace(file, text.as_bytes(), Access::Private) {
        log::warn!("cannot write {}: {}", file.display(), plain(&error));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_are_remembered_and_anything_else_in_the_file_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join(NOTES);
        assert_eq!(read(&file), Vec::<String>::new());
        write(&file, &["192.0.2.1:6881".into(), "192.0.2.2:1".into()]);
        assert_eq!(read(&file), ["192.0.2.1:6881", "192.0.2.2:1"]);
        std::fs::write(&file, "evil.example:53\n192.0.2.3:6881\n\0\n").unwrap();
        assert_eq!(read(&file), ["192.0.2.3:6881"]);
    }
}
