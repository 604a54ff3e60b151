//! What a flood of datagrams costs: `cargo bench --bench hostile`.
//!
//! bob downloads from alice over the loopback interface, both in one thread of one process, while another
//! thread floods alice's port. First alone and with the flood, turn by turn: Mbit/s and their ratio, for a line
//! of [`LINE`] as homes have it, and as fast as it goes. Then, without a download, what one refused datagram of
//! each kind costs alice's thread, system calls included, and how many a second one processor would refuse.
//!
//! The flooding thread, the kernel's part of its work and the two hosts share the processors, so on a machine with two of
//! them the ratio is a lower bound.
//!
//! | variable | default | |
//! |---|---|---|
//! | `P2P_BENCH_SECONDS` | 2 | of each download and each flood |
//! | `P2P_BENCH_ROUNDS` | 3 | |
//! | `P2P_BENCH_RATE` | 100000 | datagrams a second |

use std::{env, fs, time::Duration};

use futures_lite::{AsyncReadExt, AsyncWriteExt, future};

use p2p::identity::ServicePort;
use p2p::runtime::{block_on, clock};
use p2p::transport::{Accepted, Opened, Preface, StreamKind};
use testbed::bench::table::{Goal, Series, Table, number};
use testbed::flood::{Flood, Host, Spread, datagrams};

/// Octets a second of the slower download: 50 Mbit/s.
const LINE: u64 = 6_250_000;
/// How often the slower download sends.
const TICK: Duration = Duration::from_millis(5);
/// Clock ticks a second in /proc (`getconf CLK_TCK`), on every Linux that there is.
const CLOCK_TICKS: f64 = 100.0;

fn main() {
    if env::args().any(|argument| argument == "--test") {
        return; // `cargo test --benches`
    }
    let mut table = Table::default();
    block_on(async {
        let hosts = [Host::new(), Host::new()];
        downloads(&hosts, &mut table).await;
    });
    println!("{table}");
    block_on(refusals());
}

async fn downloads([alice, bob]: &[Host; 2], table: &mut Table) {
    download(bob, alice, None).await; // the handshake, and a warm path
    for (what, line) in [("at 50 Mbit/s", Some(LINE)), ("as fast as it goes", None)] {
        table.heading(format!("download {what}, Mbit/s: in a flood, alone"));
        for spread in [Spread::OneAddress, Spread::ManyAddresses] {
            let (mut flooded, mut alone) = (Series::default(), Series::default());
            for _ in 0..setting("P2P_BENCH_ROUNDS", 3) {
                alone.push(download(bob, alice, line).await);
                let all = datagrams(&alice.key).into_iter().map(|(_, datagram)| datagram).collect();
                let flood = Flood::start(spread, vec![alice.address], all, rate());
                flooded.push(download(bob, alice, line).await);
                drop(flood);
            }
            let goal = if line.is_some() { Goal::RatioAtLeast(0.9) } else { Goal::None };
            table.compare(&format!("every kind, {spread:?}"), &flooded, &alone, goal);
        }
    }
}

async fn pair(client: &Host, server: &Host) -> (Opened, Accepted) {
    let preface = Preface { kind: StreamKind::Http, port: ServicePort::HTTP };
    let places = [server.address];
    let opened = client.transport.open(server.key, &places, preface, None);
    let (opened, accepted) = future::zip(opened, server.transport.accept()).await;
    (opened.expect("a stream"), accepted.expect("a stream"))
}

/// Mbit/s over some seconds.
async fn download(client: &Host, server: &Host, line: Option<u64>) -> f64 {
    let (mut opened, mut accepted) = pair(client, server).await;
    let time = Duration::from_secs(setting("P2P_BENCH_SECONDS", 2));
    let start = clock::now();
    let sending = async {
        let (block, mut sent) = (vec![7; 64 * 1024], 0);
        while start.elapsed() < time {
            let due =
                line.map_or(u64::MAX, |line| start.elapsed().as_micros() as u64 * line / 1_000_000);
            if sent >= due {
                clock::sleep(TICK).await;
                continue;
            }
            let part = &block[..block.len().min((due - sent) as usize)];
            accepted.stream.write_all(part).await.expect("the connection stays");
            sent += part.len() as u64;
        }
        accepted.stream.close().await.expect("the connection stays");
    };
    let receiving = async {
        let (mut buffer, mut length) = (vec![0; 64 * 1024], 0);
        loop {
            match opened.stream.read(&mut buffer).await.expect("the connection stays") {
                0 => return length,
                count => length += count,
            }
        }
    };
    let ((), length) = future::zip(sending, receiving).await;
    length as f64 * 8e-6 / start.elapsed().as_secs_f64()
}

/// One kind after the other, without anything else to do.
async fn refusals() {
    println!(
        "{:<18} {:>10} {:>10} {:>12} {:>14}",
        "refused", "sent", "read", "µs each", "per s and CPU"
    );
    let time = Duration::from_secs(setting("P2P_BENCH_SECONDS", 2));
    for spread in [Spread::OneAddress, Spread::ManyAddresses] {
        println!("{spread:?}");
        let alice = Host::new();
        for (name, datagram) in datagrams(&alice.key) {
            let (lost, cpu) = (dropped(alice.address.port()), own_thread());
            let flood = Flood::start(spread, vec![alice.address], vec![datagram], rate());
            clock::sleep(time).await;
            let sent = flood.sent();
            drop(flood);
            let cpu = own_thread() - cpu;
            let read = sent.saturating_sub(dropped(alice.address.port()) - lost) as f64;
            let each = cpu / read * 1e6;
            println!("{name:<18} {sent:>10} {read:>10} {:>12} {:>14.0}", number(each), read / cpu);
        }
    }
}

/// Datagrams that did not fit the buffer of our socket: the last column of /proc/net/udp.
fn dropped(port: u16) -> u64 {
    let sockets = fs::read_to_string("/proc/net/udp").expect("Linux");
    let address = format!("0100007F:{port:04X}");
    let line = sockets.lines().find(|line| line.contains(&address)).expect("our socket");
    line.split_whitespace().last().and_then(|drops| drops.parse().ok()).expect("a number")
}

/// Seconds of processor time of this thread, which is the one of all hosts.
fn own_thread() -> f64 {
    let stat = fs::read_to_string("/proc/thread-self/stat").expect("Linux");
    let (_, fields) = stat.rsplit_once(") ").expect("a name in brackets");
    let fields: Vec<f64> = fields.split(' ').map(|field| field.parse().unwrap_or(0.0)).collect();
    (fields[11] + fields[12]) / CLOCK_TICKS
}

fn rate() -> u64 {
    setting("P2P_BENCH_RATE", 100_000)
}

fn setting(variable: &str, default: u64) -> u64 {
    env::var(variable).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}
