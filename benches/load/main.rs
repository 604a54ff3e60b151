//! What registrations and look-ups cost, beside the figures of Koskela and Gurtov (2010, section V.G).
//!
//! `cargo bench --bench load` measures on loopback what one registration and one look-up send and receive in
//! each overlay; then people live for days in virtual time, and each of their registrations and look-ups goes
//! to a real store with the same clock: by datagrams, as the program's own client talks to `p2p store`. They are
//! counted with their IP and UDP headers; HTTP as it crosses TCP, without TLS, as in the paper; Mainline as it
//! crosses a loopback interface of a namespace of its own, with all headers. Growth is drawn to `target/load.svg`.
//!
//! The paper's workload: each user registers every ten minutes (144 a day, 2 KB up and 200 B down) and looks
//! up five times an hour (120 a day, 200 B up and 2 KB down); 2,000 users make its 550, 55, 46 and 460 MB.
//! Ours visit as often. Whom they visit, the paper does not say, and it decides what a cache saves; so it is
//! asked of strangers, where none helps, and of friends, some of them visited more often than others. Whatever the
//! protocol, a store that is asked by strangers sends at least the signed packet in a datagram each time; so many users
//! are told as the limit.
//!
//! `P2P_BENCH_USERS` says how many there are instead of the paper's 2,000, and scales the others. A full run takes some
//! six minutes of one core.
//!
//! At the end, real stores of which two of three have faults are asked beside the healthy one alone.

mod cost;
mod faults;
mod life;
mod meter;
mod plot;

use std::{
    env, fs,
    os::unix::{fs::MetadataExt, process::CommandExt},
    path::Path,
    process::{Command, ExitCode},
};

use cost::Cost;
use life::{Day, Life, Whom};

/// Set in the namespace.
const INSIDE: &str = "P2P_BENCH_INSIDE";
/// The paper's users.
const USERS: usize = 2000;
/// So many times as many are measured too, for the picture.
const GROWTH: [usize; 2] = [4, 8];
/// Visits of each user in a day: five in an hour.
const VISITS: f64 = 120.0;
/// Of how many friends people visit one, where nothing else is said.
const FRIENDS: usize = 20;
/// What the paper counts for a registration and a look-up, in octets: up and down.
const PAPER: Cost =
    Cost { name: "paper, one store", put: (2000.0, 200.0), get: (200.0, 2000.0), stored: 2000.0 };
/// The paper registers every ten minutes.
const PAPER_PUBLICATIONS: f64 = 144.0;
const MEGA: f64 = 1e6;
/// What a free store gives a day.
const FREE: f64 = 1e9;

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
    println!(
        "{:24} {:>10} {:>10} {:>10} {:>10} {:>10}",
        "", "put up", "put down", "stored", "get up", "get down"
    );
    for Cost { name, put, get, stored } in std::iter::once(&PAPER).chain(&costs) {
        println!(
            "{name:24} {:10.0} {:10.0} {stored:10.0} {:10.0} {:10.0}",
            put.0, put.1, get.0, get.1
        );
    }
    let days = life::live(settled());
    table(&days);
    carried(&days);
    growth(&days);
    nodes(&costs);
    faults::table();
    ExitCode::SUCCESS
}

/// People who stay where they are.
fn settled() -> Life {
    Life { users: users(), days: 2, moves: 0, visits: VISITS, whom: Whom::Friends(FRIENDS) }
}

fn users() -> usize {
    let number = env::var("P2P_BENCH_USERS").ok().and_then(|text| text.parse().ok());
    number.unwrap_or(USERS).max(2 * FRIENDS)
}

/// Octets of a day as the paper tells them: registrations up and down, look-ups up and down.
fn octets(day: &Day) -> [f64; 4] {
    [day.put.0, day.put.1, day.get.0, day.get.1]
}

/// The paper's day: 2,000 users who stay where they are.
fn table(days: &[Day]) {
    let users = users() as f64;
    println!("\n{users} users for 24 hours, one store, {VISITS} visits a day to {FRIENDS} friends");
    println!(
        "{:24} {:>12} {:>12} {:>12} {:>12} {:>12} {:>12}",
        "MB", "refresh up", "down", "look-ups up", "down", "in all", "times less"
    );
    let (publications, visits) = (users * PAPER_PUBLICATIONS, users * VISITS);
    let paper = [
        publications * PAPER.put.0,
        publications * PAPER.put.1,
        visits * PAPER.get.0,
        visits * PAPER.get.1,
    ];
    let row = |name: &str, octets: [f64; 4]| {
        let [a, b, c, d] = octets.map(|octets| octets / MEGA);
        let (all, less) = (a + b + c + d, paper.iter().sum::<f64>() / (a + b + c + d) / MEGA);
        println!("{name:24} {a:12.1} {b:12.1} {c:12.1} {d:12.1} {all:12.1} {less:12.1}");
    };
    row("paper", paper);
    row("p2p, first day", octets(&days[0]));
    row("p2p, second day", octets(&days[1]));
    for (day, name) in days.iter().zip(["first", "second"]) {
        let each = |count: u64| count as f64 / users;
        println!(
            "{name} day: {:.1} registrations and {:.1} look-ups for {:.1} visits of each user; \
             {} places in the store",
            each(day.registrations[0]),
            each(day.lookups),
            each(day.visits),
            day.places
        );
    }
}

/// How many users a store carries that gives 1 GB a day.
fn carried(settled: &[Day]) {
    println!("\nusers whom a store carries that may send 1 GB a day (paper: 2000 to 17000),");
    println!("on the second day of people who stay where they are and visit others {VISITS} times");
    println!(
        "{:24} {:>10} {:>12} {:>12} {:>12}",
        "they visit", "look-ups", "sent B", "users", "both ways"
    );
    let row = |name: &str, day: &Day, users: usize, is_counted: bool| {
        let users = users as f64;
        let lookups = if is_counted { day.lookups as f64 / users } else { 0.0 };
        let [a, b, c, d] = octets(day).map(|octets| octets / users);
        let (sent, all) = if is_counted { (b + d, a + b + c + d) } else { (b, a + b) };
        let (by_sent, by_all) = (FREE / sent, FREE / all);
        println!("{name:24} {lookups:10.1} {sent:12.0} {by_sent:12.0} {by_all:12.0}");
    };
    row("nobody", &settled[1], users(), false);
    let few = Life { users: users() / 4, ..self::settled() };
    for friends in [5, 10, 50] {
        let days = life::live(Life { whom: Whom::Friends(friends), ..few });
        row(&format!("{friends} friends"), &days[1], few.users, true);
        if friends == 10 {
            row(&format!("{FRIENDS} friends"), &settled[1], users(), true);
        }
    }
    let days = life::live(Life { whom: Whom::Strangers, ..few });
    row("somebody else each time", &days[1], few.users, true);
    let packet = settled[1].packet as f64;
    let least = packet + meter::DATAGRAM_HEAD as f64;
    println!(
        "limit for somebody else each time: {VISITS} packets of {packet:.0} octets with {} of UDP and IP are {:.0} \
         octets, hence {:.0} users",
        meter::DATAGRAM_HEAD,
        VISITS * least,
        FREE / VISITS / least
    );
}

/// From two thousand users to a million.
fn growth(settled: &[Day]) {
    let sum = |day: &Day| octets(day).iter().sum::<f64>();
    let paper =
        PAPER_PUBLICATIONS * (PAPER.put.0 + PAPER.put.1) + VISITS * (PAPER.get.0 + PAPER.get.1);
    let mut measured = vec![(users() as f64, sum(&settled[1]))];
    for times in GROWTH {
        let users = times * users();
        let days = life::live(Life { users, ..self::settled() });
        measured.push((users as f64, sum(&days[1])));
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/load.svg");
    fs::write(&path, plot::growth(paper, &measured)).expect("a file");
    println!("\ngrowth from 2 thousand to 1 million users: {}", path.display());
    for (users, octets) in measured {
        println!("{users:8.0} users: {:8.1} MB a day (measured)", octets / MEGA);
    }
}

/// As many nodes as the paper ran on PlanetLab, for five days; each of them moves four times a day.
fn nodes(costs: &[Cost]) {
    let life = Life { users: users() * 450 / USERS, days: 5, moves: 4, ..settled() };
    let days = life::live(life);
    println!(
        "\n{} nodes for 5 days, each of which moves 4 times a day and visits {FRIENDS} friends",
        life.users
    );
    println!("{:24} {:>14} {:>10} {:>10}", "", "registrations", "MB", "MB a day");
    for (at, name) in life::OVERLAYS.iter().enumerate() {
        let count = days.iter().map(|day| day.registrations[at]).sum::<u64>() as f64;
        let cost = costs.iter().find(|cost| cost.name == *name);
        let megabytes = match (at, cost) {
            (0, _) => days.iter().map(|day| day.put.0 + day.put.1).sum::<f64>() / MEGA,
            (_, Some(cost)) => count * (cost.put.0 + cost.put.1) / MEGA,
            (_, None) => continue,
        };
        println!("{name:24} {count:14.0} {megabytes:10.1} {:10.1}", megabytes / days.len() as f64);
    }
    let total = |count: fn(&Day) -> u64| days.iter().map(count).sum::<u64>();
    let (visits, lookups, stale) =
        (total(|day| day.visits), total(|day| day.lookups), total(|day| day.stale));
    let megabytes = days.iter().map(|day| day.get.0 + day.get.1).sum::<f64>() / MEGA;
    let share = 100.0 * stale as f64 / visits as f64;
    println!("{visits} visits, {lookups} look-ups in the store, {megabytes:.1} MB");
    println!("{stale} visits ({share:.1} %) began with the address of an earlier place\n");
}
