//! Goodput where packets are lost or overtaken, beside TCP: `cargo bench --bench loss`.
//!
//! bob downloads from alice for a while over a line of 20 Mbit/s and 40 ms, through `p2p` and by plain TCP with cubic and
//! with bbr (where the kernel has it), turn by turn. Both have public addresses, and losses hit both directions.
//! Figures are Mbit/s, medians with their range, and ratios are medians of the ratios of each round.
//!
//! | variable | default | |
//! |---|---|---|
//! | `P2P_BENCH_SECONDS` | 10 | of each download |
//! | `P2P_BENCH_ROUNDS` | 5 | |
//! | `P2P_BENCH_ONLY` | all | some of `none,1,5,10,bursts,reordering` |
//! | `P2P_BENCH_NOTES` | | file that keeps what rounds have found, for runs that follow |

use std::{io, net::SocketAddr, net::TcpStream, process::ExitCode, time::Duration};

use netlab::Lab;
use socket2::SockRef;
use testbed::bench::choice::{Choice, WrongWord};
use testbed::bench::laboratory::{self, progress, setting};
use testbed::bench::notes::Notes;
use testbed::bench::table::{Goal, Series, Table};
use testbed::homes::{
    Scene,
    client::Client,
    network::{Home, two_homes},
    origin::{self, Origin},
};

/// What is done to the packets: the word that chooses it, and the settings of the path.
const CONDITIONS: [(&str, &str); 6] = [
    ("none", "loss=0%"),
    ("1", "loss=1%"),
    ("5", "loss=5%"),
    ("10", "loss=10%"),
    ("bursts", "loss=2% burst=5"),
    ("reordering", "loss=0% burst=0 reorder=5%/10ms"),
];

/// More than comes in the time.
const LONG: u64 = 10_000_000_000;

/// Where plain TCP finds the origins.
const CUBIC: u16 = origin::PORT;
const BBR: u16 = origin::PORT + 1;

fn main() -> ExitCode {
    laboratory::run("loss", measure)
}

fn measure() -> Result<(), WrongWord> {
    let conditions = Choice::of("P2P_BENCH_ONLY", CONDITIONS, |(word, _)| *word).made()?;
    let scene = Scene::build(&two_homes(Home::Public, Home::Public));
    for (node, settings) in [("alice", "up=20mbit queue=100ms"), ("bob", "up=20mbit queue=100ms")] {
        scene.lab.set_link(node, settings).expect("a line");
    }
    scene.lab.set_path("alice", "bob", "rtt=40ms").expect("a path");
    let _origins = [
        Origin::start_at(&scene.lab, "alice", CUBIC, |stream| choose(stream, "cubic")),
        Origin::start_at(&scene.lab, "alice", BBR, |stream| choose(stream, "bbr")),
    ];
    let _store = scene.store();
    let _alice = scene.expose(CUBIC);
    let _bob = scene.proxy();
    let notes = Notes::open();
    let mut table = Table::default();
    table.heading("goodput in Mbit/s; p2p, TCP and their ratio");
    for (_, settings) in conditions {
        progress(settings);
        scene.lab.set_path("alice", "bob", settings).expect("a path");
        condition(&scene.lab, settings, &notes, &mut table);
    }
    println!("{table}");
    Ok(())
}

fn condition(lab: &Lab, settings: &str, notes: &Notes, table: &mut Table) {
    let (mut own, mut cubic, mut bbr) = (Series::default(), Series::default(), Series::default());
    for round in 0..setting("P2P_BENCH_ROUNDS", 5) {
        let found = notes.recall_or(&format!("{settings} {round}"), || {
            let own = goodput(|| Client::proxied(lab, "bob"));
            let cubic = goodput(|| Client::plain(lab, "bob", at(CUBIC)));
            let bbr = if has_bbr() { goodput(|| Client::plain(lab, "bob", at(BBR))) } else { 0.0 };
            Ok(format!("{own} {cubic} {bbr}"))
        });
        let found = found.expect("each round gives figures, if only zeros");
        let figures = found.split(' ').filter_map(|figure| figure.parse().ok());
        for (series, figure) in [&mut own, &mut cubic, &mut bbr].into_iter().zip(figures) {
            series.push(figure);
        }
    }
    table.compare(&format!("{settings}: cubic"), &own, &cubic, Goal::RatioAtLeast(1.0));
    match has_bbr() {
        true => table.compare(&format!("{settings}: bbr"), &own, &bbr, Goal::RatioAtLeast(1.0)),
        false => table.skipped(&format!("{settings}: bbr"), "bbr in the kernel"),
    }
}

/// Mbit/s of a connection that has asked for a small thing before.
fn goodput(connect: impl FnOnce() -> io::Result<Client>) -> f64 {
    let time = Duration::from_secs(setting("P2P_BENCH_SECONDS", 10));
    let measured = || {
        let mut client = connect()?;
        client.get(origin::SMALL)?;
        client.get_for(&origin::long(LONG), time)
    };
    match measured() {
        Ok(response) if response.body.right => {
            response.body.length as f64 * 8e-6 / time.as_secs_f64()
        }
        Ok(_) => panic!("the wrong octets came"),
        Err(error) => {
            eprintln!("  failed: {error}");
            0.0
        }
    }
}

fn at(port: u16) -> SocketAddr {
    ([11, 3, 0, 1], port).into()
}

fn choose(stream: &TcpStream, algorithm: &str) {
    // without bbr nobody asks the second origin
    let _ = SockRef::from(stream).set_tcp_congestion(algorithm.as_bytes());
}

fn has_bbr() -> bool {
    let known = std::fs::read_to_string("/proc/sys/net/ipv4/tcp_available_congestion_control");
    known.is_ok_and(|known| known.split_whitespace().any(|word| word == "bbr"))
}
