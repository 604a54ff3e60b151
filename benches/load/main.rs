//! What registrations and look-ups cost, beside the figures of Koskela and Gurtov (2010, section V.G).
//!
//! `cargo bench --bench load` measures on loopback what one registration and one look-up send and receive in
//! each overlay, lets the publishing schedule run for days in virtual time, and prints the products. HTTP is
//! counted as it crosses TCP, without TLS, as in the paper; Mainline as it crosses a loopback interface of a
//! namespace of its own, with all headers. Growth is drawn to `target/load.svg`.

#[path = "../../tests/overlays/person.rs"]
#[allow(dead_code, reason = "tests use the rest")]
mod person;
#[path = "../../tests/programs/mod.rs"]
mod programs;
#[path = "../../tests/overlays/relay.rs"]
mod relay;
#[path = "../../tests/overlays/servers.rs"]
#[allow(dead_code, reason = "tests use the rest")]
mod servers;
#[path = "../../tests/fixture/store.rs"]
#[allow(dead_code, reason = "tests use the rest")]
mod store;

mod cost;
mod days;
mod plot;

use std::{
    env, fs,
    os::unix::{fs::MetadataExt, process::CommandExt},
    path::Path,
    process::{Command, ExitCode},
};

use cost::Cost;
use days::Published;

/// Whether a program is installed.
fn have(program: &str) -> bool {
    programs::find(program).is_some()
}

/// The bench measures nothing that needs Python.
fn have_python(_: &str) -> bool {
    false
}

fn python() -> String {
    "python3".into()
}

/// Set in the namespace.
const INSIDE: &str = "P2P_BENCH_INSIDE";
/// The paper's users.
const USERS: f64 = 2000.0;
/// Look-ups of each user in a day: five in an hour.
const LOOKUPS: f64 = 120.0;
/// What the paper counts for a registration and a look-up, in octets: up and down.
const PAPER: Cost = Cost { name: "paper, one store", put: (2000.0, 200.0), get: (200.0, 2000.0) };
/// The paper registers every ten minutes.
const PAPER_PUBLICATIONS: f64 = 144.0;
const MEGA: f64 = 1e6;

fn main() -> ExitCode {
    if env::args().any(|argument| argument == "--test") {
        return ExitCode::SUCCESS; // `cargo test --benches` only asks whether it starts
    }
    if env::var_os(INSIDE).is_none() {
        let script = "ip link set lo up && exec \"$@\"";
        let mut inside = Command::new("unshare");
        // a server that gives up root needs to be real root
        let is_root = fs::metadata("/proc/self").is_ok_and(|itself| itself.uid() == 0);
        inside.args((!is_root).then_some("--map-root-user"));
        inside.args(["--net", "sh", "-c", script, "sh"]);
        let error = inside.arg(env::current_exe().expect("a path")).env(INSIDE, "1").exec();
        eprintln!("cannot make a namespace: {error}");
        return ExitCode::FAILURE;
    }
    let costs = cost::all();
    println!("one registration and one look-up (octets)");
    println!("{:24} {:>12} {:>12} {:>12} {:>12}", "", "put up", "put down", "get up", "get down");
    for Cost { name, put, get } in std::iter::once(&PAPER).chain(&costs) {
        println!("{name:24} {:12.0} {:12.0} {:12.0} {:12.0}", put.0, put.1, get.0, get.1);
    }
    let stored = cost::stored();
    println!(
        "stored for a registration: {stored:.0} octets in two slots of a store (paper: 2000)\n"
    );

    let day = days::run(days::Life { users: 2000, days: 3, moves: 0 });
    let store = costs.iter().find(|cost| cost.name == "store").expect("it is always measured");
    table(store, &day);
    growth(store, &day);
    nodes(&costs);
    ExitCode::SUCCESS
}

/// The paper's day: 2,000 users who stay where they are.
fn table(store: &Cost, day: &Published) {
    let publications = day.per_user_and_day(0);
    println!("{USERS} users for 24 hours, in one store (MB)");
    println!("{:24} {:>12} {:>12} {:>12} {:>12}", "", "refresh up", "down", "look-ups up", "down");
    let row = |name: &str, cost: &Cost, publications: f64| {
        let refresh = USERS * publications / MEGA;
        let lookups = USERS * LOOKUPS / MEGA;
        let megabytes = [
            refresh * cost.put.0,
            refresh * cost.put.1,
            lookups * cost.get.0,
            lookups * cost.get.1,
        ];
        let [a, b, c, d] = megabytes;
        println!("{name:24} {a:12.0} {b:12.0} {c:12.0} {d:12.0}");
        megabytes.iter().sum::<f64>()
    };
    let paper = row("paper", &PAPER, PAPER_PUBLICATIONS);
    let ours = row("p2p", store, publications);
    println!("{publications:.1} registrations a day for each user (paper: {PAPER_PUBLICATIONS})");
    println!("in all {ours:.0} MB beside {paper:.0} MB: {:.1} times less\n", paper / ours);

    let user = publications * (store.put.0 + store.put.1);
    let egress = publications * store.put.1 + LOOKUPS * store.get.1;
    println!("users whom a store can carry that gives 1 GB a day (paper: 2000 to 17000)");
    println!("counting all octets of registrations: {:.0}", 1e9 / user);
    println!("counting what it sends, with {LOOKUPS} look-ups each: {:.0}\n", 1e9 / egress);
}

/// From two thousand users to a million.
fn growth(store: &Cost, day: &Published) {
    let ours = store.day(day.per_user_and_day(0), LOOKUPS);
    let lines = [("paper", PAPER.day(PAPER_PUBLICATIONS, LOOKUPS)), ("p2p", ours)];
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/load.svg");
    fs::write(&path, plot::growth(&lines)).expect("a file");
    println!("growth from 2 thousand to 1 million users: {}\n", path.display());
}

/// As many nodes as the paper ran on PlanetLab, for five days; each of them moves four times a day.
fn nodes(costs: &[Cost]) {
    let life = days::Life { users: 450, days: 5, moves: 4 };
    let published = days::run(life);
    println!("450 nodes for 5 days, each of which moves 4 times a day");
    println!("{:24} {:>12} {:>12}", "", "registrations", "MB");
    for (at, name) in days::OVERLAYS.iter().enumerate() {
        let count = published.counts[at] as f64;
        let cost = costs.iter().find(|cost| cost.name == *name);
        let megabytes = cost.map(|cost| count * (cost.put.0 + cost.put.1) / MEGA);
        let megabytes = megabytes.map_or_else(|| "-".into(), |mb| format!("{mb:.1}"));
        println!("{name:24} {count:12.0} {megabytes:>12}");
    }
}
