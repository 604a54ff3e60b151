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
//! Growth up to 16,000 users is that of people who all live. Beyond, up to a million, all have their packets in
//! the store, and what a user costs is measured of a sample, whose friends live as well.
//!
//! `P2P_BENCH_USERS` says how many there are instead of the paper's 2,000, and scales the others. A full run
//! takes some fifteen minutes of one core. `P2P_BENCH_GROWTH=16000,1000000` draws the picture for so many users
//! and leaves out the rest.
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
use plot::Dot;
use testbed::bench::choice;

/// Set in the namespace.
const INSIDE: &str = "P2P_BENCH_INSIDE";
/// Set by who wants the picture alone: for how many users, with commas between.
const ONLY_GROWTH: &str = "P2P_BENCH_GROWTH";
/// The paper's users.
const USERS: usize = 2000;
/// So many times as many are measured for the picture: at last a million.
const GROWTH: [usize; 6] = [1, 4, 8, 32, 128, 500];
/// So many times as many all live; of more than that a sample does.
const ALL_LIVE: usize = 8;
/// One of so many of the paper's users is in the sample, with all friends.
const SAMPLE: usize = 4;
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
/// Users whom it should carry.
const GOAL: f64 = 100_000.0;

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
    match choice::numbers(ONLY_GROWTH) {
        Ok(None) => everything(),
        Ok(Some(counts)) => growth(counts.into_iter(), None),
        Err(wrong) => return choice::end(Err(wrong)),
    }
    ExitCode::SUCCESS
}

fn everything() {
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
    growth(GROWTH.into_iter().map(|times| times * users()), Some(&days));
    nodes(&costs);
    faults::table();
}

/// People who stay where they are.
fn settled() -> Life {
    all(users())
}

/// So many people, all of whom live.
fn all(users: usize) -> Life {
    let whom = Whom::Friends(FRIENDS);
    Life { users, visitors: users, others: 0, days: 2, moves: 0, visits: VISITS, whom }
}

/// So many people, of whom a sample visits friends; these live too.
fn sampled(users: usize) -> Life {
    let visitors = self::users() / SAMPLE;
    let living = (visitors * (1 + FRIENDS)).min(users);
    Life { visitors, others: users - living, ..all(living) }
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
    println!(
        "on the second day of people who stay where they are and visit others {VISITS} times;"
    );
    println!(
        "the paper does not say whom; the goal of {GOAL} is for friends, whom people visit again"
    );
    println!(
        "{:28} {:>10} {:>12} {:>12} {:>12} {:>6}",
        "they visit", "look-ups", "sent B", "users", "both ways", "goal"
    );
    let row = |name: &str, goal: Option<f64>, lookups: f64, octets: [f64; 4]| {
        let [a, b, c, d] = octets;
        let (by_sent, by_all) = (FREE / (b + d), FREE / (a + b + c + d));
        let met = goal.map_or("-", |goal| if by_sent >= goal { "met" } else { "missed" });
        println!("{name:28} {lookups:10.1} {:12.0} {by_sent:12.0} {by_all:12.0} {met:>6}", b + d);
    };
    let of_day = |day: &Day, users: usize| {
        let users = users as f64;
        (day.lookups as f64 / users, octets(day).map(|octets| octets / users))
    };
    let (settled_lookups, settled_octets) = of_day(&settled[1], users());
    let [a, b, _, _] = settled_octets;
    row("nobody: registrations only", None, 0.0, [a, b, 0.0, 0.0]);
    let few = all(users() / 4);
    for friends in [5, 10, 50] {
        let days = life::live(Life { whom: Whom::Friends(friends), ..few });
        let (lookups, octets) = of_day(&days[1], few.users);
        row(&format!("the same {friends} friends"), Some(GOAL), lookups, octets);
        if friends == 10 {
            row(
                &format!("the same {FRIENDS} friends"),
                Some(GOAL),
                settled_lookups,
                settled_octets,
            );
        }
    }
    let days = life::live(Life { whom: Whom::Strangers, ..few });
    let (lookups, octets) = of_day(&days[1], few.users);
    row("a stranger each time", None, lookups, octets);
    let packet = settled[1].packet as f64;
    let least = packet + meter::DATAGRAM_HEAD as f64;
    println!(
        "no protocol does better for a stranger each time than {:.0} users: each of the {VISITS} visits needs the \
         signed packet of {packet:.0} octets, with {} of UDP and IP",
        FREE / VISITS / least,
        meter::DATAGRAM_HEAD,
    );
}

/// From two thousand users to a million. Each is told and drawn as soon as it is known, for the last take long.
/// Of as many as usual the days may be known.
fn growth(counts: impl Iterator<Item = usize>, settled: Option<&[Day]>) {
    let paper =
        PAPER_PUBLICATIONS * (PAPER.put.0 + PAPER.put.1) + VISITS * (PAPER.get.0 + PAPER.get.1);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/load.svg");
    println!("\ngrowth from 2 thousand to 1 million users: {}", path.display());
    println!(
        "{:>8} {:>10} {:>10} {:>12} {:>14}",
        "users", "visit", "places", "MB a day", "B a user, day"
    );
    let mut measured = Vec::new();
    let mut tell = |point: Point| {
        let Point { users, visitors, places, octets } = point;
        let (megabytes, each) = (octets / MEGA, octets / users);
        println!("{users:8.0} {visitors:10.0} {places:10} {megabytes:12.1} {each:14.0}");
        measured.push(point.dot());
        fs::write(&path, plot::growth(paper, &measured)).expect("a file");
    };
    for count in counts {
        let life = if count <= ALL_LIVE * users() { all(count) } else { sampled(count) };
        let point = match settled.filter(|_| count == users()) {
            Some(days) => Point::of(life, days),
            None => Point::of(life, &life::live(life)),
        };
        tell(point);
    }
}

/// What so many users come to on their second day.
struct Point {
    users: f64,
    visitors: f64,
    /// In the store.
    places: usize,
    /// Up and down, of a day.
    octets: f64,
}

impl Point {
    fn of(life: Life, days: &[Day]) -> Point {
        let [users, living, visitors] =
            [life.users + life.others, life.users, life.visitors].map(|count| count as f64);
        let [put_up, put_down, get_up, get_down] = octets(&days[1]);
        let each = (put_up + put_down) / living + (get_up + get_down) / visitors;
        Point { users, visitors, places: days[1].places, octets: users * each }
    }

    fn dot(&self) -> Dot {
        Dot { users: self.users, octets: self.octets, is_sampled: self.visitors < self.users }
    }
}

/// As many nodes as the paper ran on PlanetLab, for five days; each of them moves four times a day.
fn nodes(costs: &[Cost]) {
    let life = Life { days: 5, moves: 4, ..all(users() * 450 / USERS) };
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
