//! Mainline, the DHT of BitTorrent (BEP 5), as storage for signed items (BEP 44).
//!
//! An item lies under its owner's key and nobody else can put one there, so whoever knows the key finds the
//! packet, and whoever knows only the name does not. Nodes forget an item after two hours.
//!
//! This host is a node only while it is needed: the node is made with the first question and ends some
//! minutes after the last one. The nodes it met are kept, in memory and in a file, so that the next one need
//! not ask the well-known ones, which everybody asks.

mod bootstrap;

use std::{
    io,
    net::{Ipv4Addr, SocketAddrV4},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use futures_lite::StreamExt;
use mainline::{
    DEFAULT_BOOTSTRAP_NODES, Dht, MutableItem,
    async_dht::AsyncDht,
    errors::{ConcurrencyError, PutMutableError},
};

pub use bootstrap::Bootstrap;

use super::bep44::Item;
use super::pkarr::{self, dns};
use super::{Abilities, MAX_CANDIDATES, Overlay, OverlayError};
use crate::identity::KeyPair;
use crate::registration::presence::SealedPacket;
use crate::registration::{Packet, Wanted};
use crate::runtime::http::BoxFuture;
use crate::runtime::{
    clock,
    file::{self, Access},
    plain, spawn, unblock,
};

/// How long an answer or an acknowledgement is waited for; entering the DHT takes some seconds of it.
const DEADLINE: Duration = Duration::from_secs(12);
/// How long other nodes' items are waited for when there is one: some nodes have missed the newest.
const GRACE: Duration = Duration::from_millis(150);
/// How long a node of this host's own machine may take for an answer; others have two seconds.
const LOOPBACK_TIMEOUT: Duration = Duration::from_millis(300);
/// When the node ends that nobody has used.
const IDLE: Duration = Duration::from_secs(180);
/// The file of nodes met.
const NOTES: &str = "mainline-nodes";
/// How many nodes are remembered, at most 22 octets each.
const MAX_NODES: usize = 64;
const MAX_NOTES: usize = 4096;
/// How often the file is written at most.
const WRITE_INTERVAL: Duration = Duration::from_secs(3600);

/// The DHT, entered by some nodes.
#[derive(Debug)]
pub struct Mainline {
    spelling: String,
    keys: KeyPair,
    shared: Arc<Shared>,
}

impl Mainline {
    /// The DHT entered at `bootstrap`, where `keys` sign. Nothing is sent yet.
    pub fn new(bootstrap: &Bootstrap, keys: &KeyPair) -> Mainline {
        let shared = Shared {
            bootstrap: bootstrap.clone(),
            node: async_lock::Mutex::default(),
            memory: Mutex::default(),
        };
        Mainline { spelling: bootstrap.to_string(), keys: keys.clone(), shared: Arc::new(shared) }
    }

    fn put_item(&self, item: Item) -> BoxFuture<Result<(), OverlayError>> {
        let shared = self.shared.clone();
        in_time(async move {
            let dht = shared.node().await?;
            let Item { key, sequence, value, signature } = item;
            let sequence = i64::try_from(sequence).map_err(|_| OverlayError::Refused)?;
            let key = *key.as_bytes();
            let item = MutableItem::new_signed_unchecked(key, signature, &value, sequence, None);
            dht.put_mutable(item, None).await.map_err(|error| refusal(&error))?;
            shared.note(&dht).await;
            Ok(())
        })
    }
}

impl Overlay for Mainline {
    fn find(&self, wanted: &Wanted) -> BoxFuture<Result<Vec<Vec<u8>>, OverlayError>> {
        let Some(key) = wanted.key().copied() else {
            return Box::pin(async { Ok(Vec::new()) });
        };
        let shared = self.shared.clone();
        in_time(async move {
            let dht = shared.node().await?;
            let mut items = dht.get_mutable(key.as_bytes(), None, None);
            let mut found: Vec<MutableItem> = items.next().await.into_iter().collect();
            let others = async {
                while let Some(item) = items.next().await {
                    if !found.iter().any(|known| known.value() == item.value()) {
                        found.push(item);
                    }
                }
            };
            clock::timeout(GRACE, others).await;
            found.sort_by_key(|item| std::cmp::Reverse(item.seq()));
            found.truncate(MAX_CANDIDATES);
            if found.is_empty() && !dht.bootstrapped().await {
                return Err(OverlayError::Unreachable("no node of the DHT answers".into()));
            }
            shared.note(&dht).await;
            Ok(found.iter().filter_map(|item| dns::decode(&key, item.value())).collect())
        })
    }

    fn publish(&self, packet: &Packet) -> BoxFuture<Result<(), OverlayError>> {
        match Item::sign(packet, &self.keys) {
            Ok(item) => self.put_item(item),
            Err(error) => Box::pin(async { Err(error) }),
        }
    }

    fn publish_sealed(&self, sealed: &SealedPacket) -> BoxFuture<Result<(), OverlayError>> {
        self.put_item(Item::sign_sealed(sealed))
    }

    fn handle_network_change(&self) {
        let shared = self.shared.clone();
        spawn(async move { drop(shared.node.lock().await.take()) }).detach();
    }

    fn remember_in(&self, folder: &Path) {
        self.shared.memory().file = Some(folder.join(NOTES));
    }

    fn address(&self) -> &str {
        &self.spelling
    }

    fn abilities(&self) -> Abilities {
        Abilities {
            keeps: true,
            remote: true,
            by_name: false,
            renew: Some(pkarr::RENEWAL),
            ..Abilities::SLOTS
        }
    }
}

/// What operations under way and the task that ends the node have in common.
#[derive(Debug)]
struct Shared {
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

impl Shared {
    /// The node, which is made if there is none.
    async fn node(self: &Arc<Self>) -> Result<AsyncDht, OverlayError> {
        let mut node = self.node.lock().await;
        if let Some(node) = node.as_mut() {
            node.used = clock::now();
            return Ok(node.dht.clone());
        }
        let shared = self.clone();
        let dht = unblock(move || shared.build()).await;
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
    async fn note(&self, dht: &AsyncDht) {
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
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Ends the node when nobody has used it for a while: it looks at its socket twenty times a second.
async fn end_when_idle(shared: std::sync::Weak<Shared>) {
    let mut wait = IDLE;
    loop {
        clock::sleep(wait).await;
        let Some(shared) = shared.upgrade() else { return };
        let mut node = shared.node.lock().await;
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

fn in_time<T>(
    work: impl Future<Output = Result<T, OverlayError>> + Send + 'static,
) -> BoxFuture<Result<T, OverlayError>> {
    Box::pin(async { clock::timeout(DEADLINE, work).await.unwrap_or(Err(OverlayError::TimedOut)) })
}

fn refusal(error: &PutMutableError) -> OverlayError {
    match error {
        PutMutableError::Concurrency(
            ConcurrencyError::NotMostRecent
            | ConcurrencyError::ConflictRisk
            | ConcurrencyError::CasFailed,
        ) => OverlayError::Outdated,
        PutMutableError::Query(error) => {
            OverlayError::Unreachable(error.to_string().to_lowercase())
        }
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
