//! The store under load: `cargo bench --bench store`.
//!
//! Fills the store of `p2p store` with places of different people and tells what each takes of memory; then 256 connections put and get at once, and what comes after that is refused, because the store
//! is full. The same puts and gets are asked of
//!
//! * the store with its journal on disk, where 204 means that the packet would survive a power cut,
//! * nginx with its WebDAV module, which writes a file for each packet,
//! * a script in PHP that keeps packets in SQLite, and one that keeps them in Redis, behind nginx and PHP-FPM
//!   (Debian's nginx-light, php-fpm, php-sqlite3, php-redis and redis-server).
//!
//! `p2p store` is asked by datagrams too, its client's usual way, where one put fills the places of key and name.
//!
//! All are asked in turn, several times, so that whatever else this machine does disturbs one as much as the other; the
//! middle of what was measured is told.
//!
//! Each server is a process of its own with one thread for requests: `p2p store` has one, and nginx is configured with
//! one worker; PHP-FPM has four processes. Only `p2p store` verifies signatures. Clients take a good part of the
//! processor, the same for each server.
//!
//! | variable | default | |
//! |---|---|---|
//! | `P2P_BENCH_PLACES` | 1000000 | places to fill; two for each person |
//! | `P2P_BENCH_ROUNDS` | 3 | how often each server is asked |
//! | `P2P_BENCH_TURNS` | 40 | puts, and then gets, on each connection in one round |

mod client;
mod scripts;
mod server;

use std::{
    env,
    net::SocketAddr,
    process::ExitCode,
    sync::{
        Barrier,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use p2p::identity::Slot;
use p2p::runtime::clock;
use testbed::overlays::person::Person;
use testbed::overlays::servers;
use testbed::overlays::wire::{Connection, Request};

use client::{ByDatagrams, Client, OverHttp};
use server::Server;

const CONNECTIONS: usize = 256;
/// Puts into a store that is full.
const MORE: usize = 1000;
/// Connections that fill the store.
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
    let (nginx, sqlite, redis) = (servers::nginx(), scripts::sqlite(), scripts::redis());
    let mut contest = vec![
        Row::new("p2p store", over_http(full.address, "", "")),
        Row::new("p2p store, datagrams", by_datagrams(full.address)),
        Row::new("p2p store, on disk", over_http(on_disk.address, "", "")),
        Row::new("  the same, datagrams", by_datagrams(on_disk.address)),
    ];
    if let Some((_, address)) = &nginx {
        // alice:p@ss
        let fields = "authorization: Basic YWxpY2U6cEBzcw==\r\n";
        contest.push(Row::new("nginx, WebDAV", over_http(*address, "p2p/", fields)));
    }
    for (name, script) in [("nginx, PHP, SQLite", &sqlite), ("nginx, PHP, Redis", &redis)] {
        let script = script.iter().map(|script| over_http(script.address, "", ""));
        contest.extend(script.map(|clients| Row::new(name, clients)));
    }
    for _ in 0..rounds {
        contest.iter_mut().for_each(Row::measure);
    }
    println!("{:24} {:>10} {:>10} {:>10} {:>10}", "", "puts/s", "p99 ms", "gets/s", "p99 ms");
    contest.iter().for_each(Row::print);
    overfill(&full);
    ExitCode::SUCCESS
}

fn number(variable: &str, default: usize) -> usize {
    env::var(variable).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// Puts the packets of many people under their names and keys.
fn fill(server: &Server, places: usize) {
    let (before, address) = (server.resident(), server.address);
    let (start, next) = (clock::now(), AtomicUsize::new(0));
    let (sizes, failed) = (AtomicUsize::new(0), AtomicUsize::new(0));
    thread::scope(|scope| {
        for filler in 0..FILLERS {
            let (next, sizes, failed) = (&next, &sizes, &failed);
            scope.spawn(move || {
                let mut client = ByDatagrams::open(address, filler, &Person::new());
                let mut people = 0;
                while next.fetch_add(2, Ordering::Relaxed) < places {
                    let person = Person::new();
                    people += 1;
                    if people % PEOPLE_PER_HOST == 0 {
                        let host = filler + FILLERS * (people / PEOPLE_PER_HOST);
                        client = ByDatagrams::open(address, host, &person);
                    }
                    let packet = person.packet(0);
                    sizes.store(packet.as_bytes().len(), Ordering::Relaxed);
                    if !client.fills(packet.as_bytes()) {
                        failed.fetch_add(2, Ordering::Relaxed);
                    }
                }
            });
        }
    });
    let took = (clock::now() - start).as_secs_f64();
    let each = server.resident().saturating_sub(before) as f64 / places as f64;
    let (size, failed) = (sizes.into_inner(), failed.into_inner());
    println!(
        "{places} places with packets of {size} octets, filled in {took:.1} s, {failed} refused"
    );
    println!("{each:.0} octets of memory for each\n");
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

/// What every writer here shows; places differ by slot.
const SECRET: &str = "p2p-secret: the secret of the bench\r\np2p-ttl: 3600\r\n";

fn over_http(address: SocketAddr, folder: &'static str, fields: &'static str) -> Box<Open> {
    Box::new(move |host, person| {
        let path = format!("{folder}{}", Slot::of_key(&person.keys.public()));
        let connection = Connection::open(address, host);
        Box::new(OverHttp { connection, path, fields: format!("{SECRET}{fields}") })
    })
}

fn by_datagrams(address: SocketAddr) -> Box<Open> {
    Box::new(move |host, person| Box::new(ByDatagrams::open(address, host, person)))
}

/// Makes the client of somebody at one of several hosts.
type Open = dyn Fn(usize, &Person) -> Box<dyn Client> + Sync;

/// A server and what was measured of it.
struct Row {
    name: &'static str,
    open: Box<Open>,
    /// Puts in a second and what 99 of 100 do not exceed, in milliseconds; the same of gets.
    rounds: Vec<[f64; 4]>,
}

impl Row {
    fn new(name: &'static str, open: Box<Open>) -> Row {
        Row { name, open, rounds: Vec::new() }
    }

    fn measure(&mut self) {
        self.rounds.push(round(&*self.open));
    }

    fn print(&self) {
        let middle = |column: usize| {
            let mut figures: Vec<f64> = self.rounds.iter().map(|round| round[column]).collect();
            figures.sort_by(f64::total_cmp);
            figures[figures.len() / 2]
        };
        let [puts, put_tail, gets, get_tail] = [0, 1, 2, 3].map(middle);
        println!("{:24} {puts:10.0} {put_tail:10.1} {gets:10.0} {get_tail:10.1}", self.name);
    }
}

/// Puts, then gets, on all connections at once.
fn round(open: &Open) -> [f64; 4] {
    let turns = number("P2P_BENCH_TURNS", 40);
    let (ready, put_done) = (Barrier::new(CONNECTIONS + 1), Barrier::new(CONNECTIONS + 1));
    let (mut puts, mut gets) = (Vec::new(), Vec::new());
    let (mut put_time, mut get_time) = (Duration::ZERO, Duration::ZERO);
    thread::scope(|scope| {
        let (ready, put_done) = (&ready, &put_done);
        let client = move |host: usize| {
            let person = Person::new();
            let packets: Vec<_> =
                (0..turns).map(|turn| person.packet((turns - turn) as u64)).collect();
            let mut client = open(host, &person);
            let mut timed = |work: &mut dyn FnMut(&mut dyn Client)| {
                let start = clock::now();
                work(&mut *client);
                clock::now() - start
            };
            ready.wait();
            let put =
                packets.iter().map(|packet| timed(&mut |client| client.put(packet.as_bytes())));
            let put: Vec<Duration> = put.collect();
            put_done.wait();
            let get = (0..turns).map(|_| timed(&mut |client| client.get()));
            (put, get.collect::<Vec<Duration>>())
        };
        let clients: Vec<_> =
            (0..CONNECTIONS).map(|host| scope.spawn(move || client(host))).collect();
        ready.wait();
        let start = clock::now();
        put_done.wait();
        put_time += clock::now() - start;
        let start = clock::now();
        for client in clients {
            let (put, get) = client.join().expect("a client ends well");
            puts.extend(put);
            gets.extend(get);
        }
        get_time += clock::now() - start;
    });
    let rate = |times: &[Duration], whole: Duration| times.len() as f64 / whole.as_secs_f64();
    let (put_rate, get_rate) = (rate(&puts, put_time), rate(&gets, get_time));
    [put_rate, tail(&mut puts), get_rate, tail(&mut gets)]
}

/// What 99 of 100 do not exceed, in milliseconds.
fn tail(times: &mut [Duration]) -> f64 {
    times.sort();
    let at = times.len() * 99 / 100;
    times.get(at).map_or(0.0, |time| time.as_secs_f64() * 1000.0)
}
