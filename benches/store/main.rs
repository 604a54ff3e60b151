//! The store under load: `cargo bench --bench store`.
//!
//! Fills the store of `p2p store` with places of different people and tells what each takes of memory; then 256
//! connections put and get at once, and what comes after that is refused, because the store is full. The same
//! puts and gets are asked of
//!
//! * the store with its journal on disk,
//! * nginx with its WebDAV module, which writes a file for each packet,
//! * a script in PHP that keeps packets in SQLite, and one that keeps them in Redis, behind nginx and PHP-FPM
//!   (Debian's nginx-light, php-fpm, php-sqlite3, php-redis and redis-server).
//!
//! `p2p store` is asked by datagrams too, its client's usual way, where one put fills the places of key and name.
//!
//! What a put that was answered survives is not the same with all, and costs: it may be lost when the server is
//! killed, or with the power, or not at all. SQLite and Redis are asked in both ways they can be set to.
//!
//! All are asked in turn, several times, so that whatever else this machine does disturbs one as much as the other; the
//! middle of what was measured is told.
//!
//! Each server is a process of its own with one thread for requests: `p2p store` has one, and nginx is configured with
//! one worker; PHP-FPM has four processes. Only `p2p store` verifies signatures, and only its first two rows are of a
//! store with all the places; the others hold what is put here and nothing else. All clients are one thread, which waits
//! for the processor as each server does.
//!
//! | variable | default | |
//! |---|---|---|
//! | `P2P_BENCH_PLACES` | 1000000 | places to fill; two for each person |
//! | `P2P_BENCH_ROUNDS` | 3 | how often each server is asked |
//! | `P2P_BENCH_TURNS` | 100 | puts, and then gets, on each connection in one round |

mod client;
mod round;
mod scripts;
mod server;

use std::{
    env,
    net::SocketAddr,
    process::ExitCode,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use p2p::identity::Slot;
use p2p::runtime::{block_on, clock, spawn};
use testbed::overlays::person::Person;
use testbed::overlays::servers;
use testbed::overlays::wire::{Connection, Request};

use client::ByDatagrams;
use round::{CONNECTIONS, Row, SECRET, Survives, Way};
use server::Server;

/// Puts into a store that is full.
const MORE: usize = 1000;
/// Sockets that fill the store.
const FILLERS: usize = 8;
/// One host may not fill the store; so many people come from each in turn.
const PEOPLE_PER_HOST: usize = 1000;

fn main() -> ExitCode {
    if env::args().any(|argument| argument == "--test") {
        return ExitCode::SUCCESS; // `cargo test --benches` only asks whether it starts
    }
    if server::serve_if_told() {
        return ExitCode::SUCCESS;
    }
    let places = number("P2P_BENCH_PLACES", 1_000_000);
    let rounds = number("P2P_BENCH_ROUNDS", 3).max(1);
    // those who measure put into one place over HTTP and two by datagrams
    let measured = rounds * 3 * CONNECTIONS;
    let full = Server::start(None, places + measured); // and there is room for no more
    fill(&full, places);
    let folder = tempfile::tempdir().expect("a folder");
    let on_disk = Server::start(Some(folder.path()), measured);
    let nginx = servers::nginx();
    let (sqlite, synced_sqlite) = (scripts::sqlite(false), scripts::sqlite(true));
    let (redis, synced_redis) = (scripts::redis(false), scripts::redis(true));
    let mut contest = vec![
        Row::new("p2p store", Survives::Nothing, full.address, Way::HTTP),
        Row::new("p2p store, datagrams", Survives::Nothing, full.address, Way::Datagrams),
        Row::new("p2p store, on disk", Survives::PowerCut, on_disk.address, Way::HTTP),
        Row::new("  the same, datagrams", Survives::PowerCut, on_disk.address, Way::Datagrams),
    ];
    if let Some((_, address)) = &nginx {
        // alice:p@ss
        let fields = "authorization: Basic YWxpY2U6cEBzcw==\r\n";
        let way = Way::Http { folder: "p2p/", fields };
        contest.push(Row::new("nginx, WebDAV", Survives::Kill, *address, way));
    }
    for (name, survives, script) in [
        ("nginx, PHP, Redis", Survives::Nothing, &redis),
        ("nginx, PHP, SQLite", Survives::Kill, &sqlite),
        ("nginx, PHP, Redis, AOF", Survives::PowerCut, &synced_redis),
        ("nginx, PHP, SQLite, FULL", Survives::PowerCut, &synced_sqlite),
    ] {
        contest.extend(
            script.iter().map(|script| Row::new(name, survives, script.address, Way::HTTP)),
        );
    }
    let turns = number("P2P_BENCH_TURNS", 100);
    for _ in 0..rounds {
        contest.iter_mut().for_each(|row| row.measure(turns));
    }
    Row::head();
    contest.iter().for_each(Row::print);
    overfill(&full);
    ExitCode::SUCCESS
}

fn number(variable: &str, default: usize) -> usize {
    env::var(variable).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// Puts the packets of many people under their names and keys.
fn fill(server: &Server, places: usize) {
    let before = server.resident();
    let (start, next) = (clock::now(), Arc::new(AtomicUsize::new(0)));
    let fillers: Vec<_> = (0..FILLERS)
        .map(|filler| spawn(fill_as(filler, server.address, places, next.clone())))
        .collect();
    let (mut size, mut refused) = (0, 0);
    block_on(async {
        for filler in fillers {
            let filled = filler.await;
            size = size.max(filled.size);
            refused += filled.refused;
        }
    });
    let took = (clock::now() - start).as_secs_f64();
    let each = server.resident().saturating_sub(before) as f64 / places as f64;
    println!(
        "{places} places with packets of {size} octets, filled in {took:.1} s, {refused} refused"
    );
    println!("{each:.0} octets of memory for each\n");
}

/// What one of those who fill has seen.
#[derive(Default)]
struct Filled {
    /// Octets of a packet.
    size: usize,
    /// Places.
    refused: usize,
}

/// Puts packets until so many places are filled by all together.
async fn fill_as(
    filler: usize,
    store: SocketAddr,
    places: usize,
    next: Arc<AtomicUsize>,
) -> Filled {
    let mut filled = Filled::default();
    let mut client = ByDatagrams::open(store, filler, &Person::new()).await;
    let mut people = 0;
    while next.fetch_add(2, Ordering::Relaxed) < places {
        let person = Person::new();
        people += 1;
        if people % PEOPLE_PER_HOST == 0 {
            let host = filler + FILLERS * (people / PEOPLE_PER_HOST);
            client = ByDatagrams::open(store, host, &person).await;
        }
        let packet = person.packet(0);
        filled.size = packet.as_bytes().len();
        if !client.fills(packet.as_bytes()).await {
            filled.refused += 2;
        }
    }
    filled
}

/// Puts more than there is room for.
fn overfill(server: &Server) {
    let (before, mut connection) = (server.resident(), Connection::open(server.address, 0));
    let refused = (0..MORE).filter(|_| {
        let person = Person::new();
        let (packet, path) = (person.packet(0), Slot::of_name(&person.name).to_string());
        let request = Request { path: &path, fields: SECRET, body: packet.as_bytes() };
        connection.put(&request) == 507
    });
    let (refused, grown) = (refused.count(), server.resident().saturating_sub(before));
    println!(
        "\nof {MORE} puts into the full store {refused} were refused; it grew by {grown} octets"
    );
}
