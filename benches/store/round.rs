//! What one server is asked, and how long it takes to answer.

use std::{future::Future, net::SocketAddr, time::Duration};

use p2p::identity::Slot;
use p2p::registration::Packet;
use p2p::runtime::{block_on, clock, spawn};
use testbed::overlays::person::Person;

use crate::client::{ByDatagrams, Client, OverHttp};

/// Those who put and get at once.
pub(crate) const CONNECTIONS: usize = 256;
/// What every writer here shows; places differ by slot.
pub(crate) const SECRET: &str = "p2p-secret: the secret of the bench\r\np2p-ttl: 3600\r\n";

/// How a server is asked.
#[derive(Clone, Copy)]
pub(crate) enum Way {
    Http {
        /// Of the path.
        folder: &'static str,
        /// Header fields of a put, each with its line's end.
        fields: &'static str,
    },
    Datagrams,
}

impl Way {
    /// Slots are at the root, and everybody may write.
    pub(crate) const HTTP: Way = Way::Http { folder: "", fields: "" };
}

/// What a put survives that was answered.
#[derive(Clone, Copy)]
pub(crate) enum Survives {
    Nothing,
    /// The end of the server.
    Kill,
    /// That of the machine.
    PowerCut,
}

/// A server and what was measured of it.
pub(crate) struct Row {
    name: &'static str,
    survives: Survives,
    server: SocketAddr,
    way: Way,
    /// Puts in a second and what 99 of 100 do not exceed, in milliseconds; the same of gets.
    rounds: Vec<[f64; 4]>,
}

impl Row {
    pub(crate) fn new(name: &'static str, survives: Survives, server: SocketAddr, way: Way) -> Row {
        Row { name, survives, server, way, rounds: Vec::new() }
    }

    /// Puts, then gets, on all connections at once.
    pub(crate) fn measure(&mut self, turns: usize) {
        let round = block_on(async {
            let mut askers = Vec::new();
            for host in 0..CONNECTIONS {
                askers.push(self.asker(host, turns).await);
            }
            let (askers, puts) = together(askers, Asker::puts).await;
            let (_, gets) = together(askers, Asker::gets).await;
            [puts.0, puts.1, gets.0, gets.1]
        });
        self.rounds.push(round);
    }

    async fn asker(&self, host: usize, turns: usize) -> Asker {
        let person = Person::new();
        let client = match self.way {
            Way::Http { folder, fields } => {
                let path = format!("{folder}{}", Slot::of_key(&person.keys.public()));
                let fields = format!("{SECRET}{fields}");
                Client::OverHttp(OverHttp::open(self.server, host, path, fields))
            }
            Way::Datagrams => {
                Client::ByDatagrams(ByDatagrams::open(self.server, host, &person).await)
            }
        };
        let packets = (0..turns).map(|turn| person.packet((turns - turn) as u64)).collect();
        Asker { client, packets }
    }

    pub(crate) fn head() {
        println!(
            "{:24} {:>9} {:>8} {:>8} {:>8} {:>8}",
            "", "survives", "puts/s", "p99 ms", "gets/s", "p99 ms"
        );
    }

    pub(crate) fn print(&self) {
        let middle = |column: usize| {
            let mut figures: Vec<f64> = self.rounds.iter().map(|round| round[column]).collect();
            figures.sort_by(f64::total_cmp);
            figures[figures.len() / 2]
        };
        let [puts, put_tail, gets, get_tail] = [0, 1, 2, 3].map(middle);
        let survives = match self.survives {
            Survives::Nothing => "nothing",
            Survives::Kill => "kill -9",
            Survives::PowerCut => "power cut",
        };
        println!(
            "{:24} {survives:>9} {puts:8.0} {put_tail:8.1} {gets:8.0} {get_tail:8.1}",
            self.name
        );
    }
}

/// One of those who ask.
struct Asker {
    client: Client,
    packets: Vec<Packet>,
}

impl Asker {
    async fn puts(mut self) -> (Asker, Vec<Duration>) {
        let mut times = Vec::with_capacity(self.packets.len());
        for packet in &self.packets {
            let start = clock::now();
            self.client.put(packet.as_bytes()).await;
            times.push(clock::now() - start);
        }
        (self, times)
    }

    async fn gets(mut self) -> (Asker, Vec<Duration>) {
        let mut times = Vec::with_capacity(self.packets.len());
        for _ in &self.packets {
            let start = clock::now();
            self.client.get().await;
            times.push(clock::now() - start);
        }
        (self, times)
    }
}

/// Lets all work at once; gives how much was done in a second, and what 99 of 100 do not exceed, in milliseconds.
async fn together<F>(askers: Vec<Asker>, work: fn(Asker) -> F) -> (Vec<Asker>, (f64, f64))
where
    F: Future<Output = (Asker, Vec<Duration>)> + Send + 'static,
{
    let start = clock::now();
    let working: Vec<_> = askers.into_iter().map(|asker| spawn(work(asker))).collect();
    let (mut askers, mut times) = (Vec::new(), Vec::new());
    for each in working {
        let (asker, took) = each.await;
        askers.push(asker);
        times.extend(took);
    }
    let whole = clock::now() - start;
    times.sort();
    let tail = times.get(times.len() * 99 / 100).copied().unwrap_or_default();
    (askers, (times.len() as f64 / whole.as_secs_f64(), tail.as_secs_f64() * 1000.0))
}
