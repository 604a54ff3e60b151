//! What a store has acknowledged survives its sudden death.

use std::{
    collections::HashMap,
    env,
    io::{BufRead, BufReader, Write},
    net::SocketAddr,
    path::Path,
    process::{Child, Command, Stdio},
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    thread,
};

use p2p::identity::{KeyPair, Name, Slot};
use p2p::overlay::Rate;
use p2p::overlay::store::StoreOptions;
use p2p::registration::Packet;
use testbed::overlays::packets::{key, name, signed};
use testbed::overlays::store;
use testbed::overlays::wire::{Connection, Request};
use testbed::programs::have;

/// Set for the child; the folder of its store.
const FOLDER: &str = "P2P_TEST_STORE_FOLDER";
const SECRET: (&str, &str) = ("P2P-Secret", "0123456789abcdef");

/// Not a test of its own: the store that other tests start and kill.
#[test]
fn store_in_a_child_process() {
    let Some(folder) = env::var_os(FOLDER) else { return };
    let rate = Rate { per_second: 1e6, burst: 1e6 };
    let options = StoreOptions { rate, ..StoreOptions::default() };
    println!("\nready {}", store::serve(Some(Path::new(&folder)), options));
    let _ = std::io::stdout().flush();
    let _ = std::io::stdin().read_line(&mut String::new()); // ends with the parent
}

struct ChildStore {
    child: Child,
    address: SocketAddr,
}

impl ChildStore {
    fn start(folder: &Path) -> ChildStore {
        ChildStore::run(Command::new(env::current_exe().unwrap()), folder)
    }

    /// One whose files cannot grow beyond so many blocks of 512 octets: a disk that gets full.
    fn start_on_small_disk(folder: &Path, blocks: u32) -> ChildStore {
        let mut shell = Command::new("sh");
        // a signal that is ignored stays ignored, and writing fails instead
        let script = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" \"$@\"");
        shell.args(["-c", &script]).arg(env::current_exe().unwrap());
        ChildStore::run(shell, folder)
    }

    /// One whose disk takes longer to write than anybody waits.
    fn start_on_slow_disk(folder: &Path) -> ChildStore {
        ChildStore::start(folder).kill(); // the first write of all makes the file
        let mut strace = Command::new("strace");
        let delay = "inject=fdatasync:delay_enter=60000000"; // a minute, in microseconds
        strace.args(["-f", "-q", "-o", "/dev/null", "-e", "trace=fdatasync", "-e", delay]);
        strace.arg(env::current_exe().unwrap());
        ChildStore::run(strace, folder)
    }

    fn run(mut command: Command, folder: &Path) -> ChildStore {
        command.args(["--exact", "durability::store_in_a_child_process", "--nocapture"]);
        command.env(FOLDER, folder).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut lines = lines.map_while(Result::ok);
        let address = lines.find_map(|line| line.strip_prefix("ready ").map(str::to_owned));
        let address = address.expect("the child serves").parse().unwrap();
        ChildStore { child, address }
    }

    fn url(&self, name: &Name) -> String {
        format!("http://{}/{}", self.address, Slot::of_name(name))
    }

    fn put(&self, key: &KeyPair, name: &Name, sequence: u64) -> Result<u16, ureq::Error> {
        let url = self.url(name);
        let packet = signed(key, name, sequence);
        Ok(store::request("PUT", &url, &[SECRET], &packet)?.0)
    }

    /// The sequence of what a name's slot holds.
    fn sequence(&self, name: &Name) -> Option<u64> {
        let url = self.url(name);
        let (status, body) = store::request("GET", &url, &[], b"").unwrap();
        (status == 200).then(|| {
            let packet = Packet::decode(&body[2..]).expect("one whole packet");
            packet.registration().sequence.as_micros()
        })
    }

    /// kill -9.
    fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for ChildStore {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn no_acknowledged_packet_is_lost_by_a_kill() {
    let folder = tempfile::tempdir().unwrap();
    let acknowledged = Mutex::new(HashMap::<Name, u64>::new());
    for round in 1..=3 {
        let store = ChildStore::start(folder.path());
        for (name, sequence) in acknowledged.lock().unwrap().iter() {
            let found = store.sequence(name);
            assert!(found >= Some(*sequence), "{name}: {found:?} instead of {sequence}");
        }
        write_until_killed(store, round, &acknowledged);
    }
    let store = ChildStore::start(folder.path());
    let acknowledged = acknowledged.into_inner().unwrap();
    assert!(acknowledged.len() >= 12, "{}", acknowledged.len());
    for (name, sequence) in &acknowledged {
        assert!(store.sequence(name) >= Some(*sequence), "{name}");
    }
}

/// Four people write, to two names each, until the store is killed in the midst of it.
fn write_until_killed(store: ChildStore, round: u64, acknowledged: &Mutex<HashMap<Name, u64>>) {
    let (count, counted) = mpsc::channel();
    thread::scope(|scope| {
        for _ in 0..4 {
            let (key, names, count) = (key(), [name(), name()], count.clone());
            let urls = [store.url(&names[0]), store.url(&names[1])];
            scope.spawn(move || {
                for sequence in round * 1_000_000.. {
                    let (name, url) = (&names[sequence as usize % 2], &urls[sequence as usize % 2]);
                    let packet = signed(&key, name, sequence);
                    match store::request("PUT", url, &[SECRET], &packet) {
                        Ok((204, _)) => {
                            acknowledged.lock().unwrap().insert(name.clone(), sequence);
                            let _ = count.send(());
                        }
                        Ok((status, _)) => panic!("status {status}"),
                        Err(_) => return, // killed
                    }
                }
            });
        }
        assert_eq!(counted.iter().take(150).count(), 150);
        store.kill();
    });
}

#[test]
fn a_kill_in_the_middle_of_ten_thousand_puts_loses_no_acknowledged_one() {
    const PUTS: u64 = 10_000;
    let folder = tempfile::tempdir().unwrap();
    let store = ChildStore::start(folder.path());
    let address = store.address;
    let (key, names): (_, Vec<_>) = (key(), (0..PUTS).map(|_| name()).collect());
    let (next, (acknowledge, acknowledged)) = (AtomicUsize::new(0), mpsc::channel());
    let acknowledged: Vec<usize> = thread::scope(|scope| {
        for writer in 0..8 {
            let (acknowledge, next, key, names) = (acknowledge.clone(), &next, &key, &names);
            scope.spawn(move || {
                let mut connection = Connection::open(address, writer);
                while let at = next.fetch_add(1, Ordering::Relaxed)
                    && let Some(name) = names.get(at)
                {
                    let (path, packet) = (Slot::of_name(name).to_string(), signed(key, name, 1));
                    let fields = "p2p-secret: 0123456789abcdef\r\n";
                    let request = Request { path: &path, fields, body: &packet };
                    match connection.try_put(&request) {
                        Ok(status) => assert_eq!(status, 204),
                        Err(_) => return, // killed
                    }
                    acknowledge.send(at).unwrap();
                }
            });
        }
        drop(acknowledge);
        let before: Vec<_> = acknowledged.iter().take(PUTS as usize / 2).collect();
        store.kill();
        before.into_iter().chain(acknowledged).collect()
    });
    assert!((PUTS / 2..PUTS).contains(&(acknowledged.len() as u64)), "{}", acknowledged.len());
    let store = ChildStore::start(folder.path());
    let mut connection = Connection::open(store.address, 0);
    for at in acknowledged {
        assert_eq!(connection.get(&Slot::of_name(&names[at]).to_string()), 200, "put {at}");
    }
}

#[test]
fn a_full_disk_refuses_writers_and_serves_readers() {
    let folder = tempfile::tempdir().unwrap();
    let store = ChildStore::start_on_small_disk(folder.path(), 16);
    let people: Vec<_> = (0..100).map(|_| (key(), name())).collect();
    let mut statuses = people.iter().map(|(key, name)| store.put(key, name, 1).unwrap());
    let kept = statuses.by_ref().take_while(|status| *status == 204).count();
    assert!((5..80).contains(&kept), "{kept} kept");
    assert!(statuses.all(|status| status == 507));
    for (n, (_, name)) in people.iter().enumerate() {
        assert_eq!(store.sequence(name).is_some(), n < kept, "{n} of {kept}");
    }
    store.kill();
    let store = ChildStore::start(folder.path());
    for (n, (key, name)) in people.iter().enumerate() {
        assert_eq!(store.sequence(name).is_some(), n < kept, "{n} of {kept}");
        assert_eq!(store.put(key, name, 2).unwrap(), 204);
    }
}

#[test]
fn writers_do_not_wait_for_ever_for_a_disk_and_readers_not_at_all() {
    if !have("strace") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let store = ChildStore::start_on_slow_disk(folder.path());
    let (key, name) = (key(), name());
    let url = store.url(&name);
    let put = || store::request("PUT", &url, &[SECRET], &signed(&key, &name, 1)).unwrap();
    assert_eq!(put().0, 503);
    assert_eq!(store.sequence(&name), Some(1), "it will count unless the disk refuses it");
}

#[test]
fn the_log_does_not_grow_without_bound() {
    let folder = tempfile::tempdir().unwrap();
    let store = ChildStore::start(folder.path());
    let people: Vec<_> = (0..8).map(|_| (key(), name())).collect();
    let length = || std::fs::metadata(folder.path().join("places.log")).unwrap().len();
    thread::scope(|scope| {
        for (host, (key, name)) in people.iter().enumerate() {
            let address = store.address;
            scope.spawn(move || {
                let (path, mut connection) =
                    (Slot::of_name(name).to_string(), Connection::open(address, host));
                for sequence in 1..=800 {
                    let packet = signed(key, name, sequence);
                    let fields = "p2p-secret: 0123456789abcdef\r\n";
                    let request = Request { path: &path, fields, body: &packet };
                    // a connection that a busy machine has kept idle for too long is closed
                    let taken = (0..3).any(|_| match connection.try_put(&request) {
                        Ok(status) => status == 204,
                        Err(_) => {
                            connection = Connection::open(address, host);
                            false
                        }
                    });
                    assert!(taken, "put {sequence} of {name}");
                }
            });
        }
    });
    // 6400 packets were some 1.6 MB; a compaction took place at the first, and began anew
    assert!(length() < 1 << 20, "{}", length());
    store.kill();
    let store = ChildStore::start(folder.path());
    for (_, name) in &people {
        assert_eq!(store.sequence(name), Some(800));
    }
}
