//! What is measured of one way.

use std::{
    env, io,
    net::SocketAddr,
    process::{Child, Stdio},
    time::{Duration, Instant},
};

use netlab::Lab;
use p2p::runtime::{block_on, clock};

use crate::known;
use crate::way::Way;
use testbed::bench::laboratory::setting;
use testbed::bench::table::{Series, number};
use testbed::homes::{
    Scene,
    client::{Client, Response},
    origin::{self, Origin, SMALL},
};

/// Where plain TCP finds the origin.
const PLAIN: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::new(11, 3, 0, 1)), origin::PORT);

/// Requests of a round of warm ones.
const WARM: u32 = 10;

/// After the last packet of an exchange: acknowledgements.
const AFTERWARDS: Duration = Duration::from_secs(1);

/// After which a connection is no longer new: the size of packets is found out, and the path is chosen.
const SETTLED: Duration = Duration::from_secs(5);

/// The body that is timed.
const LONG: u64 = 2_000_000;

/// All figures of a way, and of plain TCP beside it.
#[derive(Debug, Default)]
pub(crate) struct Figures {
    own: Side,
    plain: Side,
    /// Octets a second.
    idle: f64,
}

/// Round by round.
#[derive(Debug, Default)]
struct Side {
    /// Milliseconds.
    cold: Series,
    cold_octets: Series,
    /// Milliseconds.
    warm: Series,
    warm_octets: Series,
    /// Octets a second.
    rate: Series,
}

impl Figures {
    /// Builds the laboratory and measures.
    pub(crate) fn measure(way: Way) -> io::Result<Figures> {
        let scene = Scene::build(&way.topology());
        let _introducers = way.introduce(&scene);
        let _origin = Origin::start(&scene.lab, "alice");
        way.forward(&scene, origin::PORT);
        let _alice = scene.expose(origin::PORT);
        let _dump = Dump::start(&scene.lab, way);
        let mut figures = Figures::default();
        let rounds = setting("P2P_BENCH_ROUNDS", 5);
        for round in 1..=rounds {
            scene.forget("bob");
            let bob = scene.proxy();
            scene.settle();
            let lab = &scene.lab;
            let mut plain = figures.plain.cold(lab, || Client::plain(lab, "bob", PLAIN))?;
            let mut own = figures.own.cold(lab, || Client::proxied(lab, "bob"))?;
            block_on(clock::sleep(SETTLED));
            figures.plain.warm(lab, &mut plain)?;
            figures.own.warm(lab, &mut own)?;
            if round == rounds {
                for _ in 0..setting("P2P_BENCH_TRANSFERS", 2) {
                    // one after the other, and idle connections are closed by who waits too long
                    figures.plain.transfer(&mut Client::plain(lab, "bob", PLAIN)?)?;
                    figures.own.transfer(&mut Client::proxied(lab, "bob")?)?;
                }
                block_on(clock::sleep(SETTLED)); // the end of a stream is asked about
                figures.idle = idle(lab);
            }
            bob.stop(); // alice would look for one who vanishes, on the line of the next
        }
        Ok(figures)
    }

    /// Prints the row of the way, and that of plain TCP beside it.
    pub(crate) fn print(&self, name: &str) {
        let Figures { own, plain, idle } = self;
        let slower = own.warm.minus(&plain.warm).median();
        let share = own.rate.over(&plain.rate).median();
        known::print(&[
            name,
            &mark(own.cold.range(), own.cold.median() <= 260.0),
            &mark(number(slower), slower <= 1.0),
            &mark(number(share), share >= 0.9995),
            &mark(number(own.cold_octets.median()), own.cold_octets.median() <= 6000.0),
            &mark(number(own.warm_octets.median()), own.warm_octets.median() <= 760.0),
            &mark(number(*idle), *idle <= 20.0),
        ]);
        known::print(&[
            "  plain TCP beside it",
            &plain.cold.range(),
            &format!("0 ({})", number(plain.warm.median())),
            &format!("1 ({} kbit/s)", number(plain.rate.median() * 8e-3)),
            &number(plain.cold_octets.median()),
            &number(plain.warm_octets.median()),
            "",
        ]);
    }
}

/// A figure, with a word when it misses its goal. What was not measured is no number, and misses nothing.
fn mark(figure: String, reached: bool) -> String {
    if reached || figure.contains("NaN") { figure } else { format!("{figure} NO") }
}

impl Side {
    fn cold(
        &mut self,
        lab: &Lab,
        connect: impl FnOnce() -> io::Result<Client>,
    ) -> io::Result<Client> {
        let (before, start) = (octets(lab), clock::now());
        let mut client = connect()?;
        let response = client.get(SMALL)?;
        self.cold.push(milliseconds(start, &response));
        block_on(clock::sleep(AFTERWARDS));
        self.cold_octets.push((octets(lab) - before) as f64);
        Ok(client)
    }

    fn warm(&mut self, lab: &Lab, client: &mut Client) -> io::Result<()> {
        let (before, mut times) = (octets(lab), Series::default());
        for _ in 0..WARM {
            let response = client.get(SMALL)?;
            times.push(milliseconds(response.body.start, &response));
        }
        block_on(clock::sleep(AFTERWARDS));
        self.warm.push(times.median());
        self.warm_octets.push((octets(lab) - before) as f64 / f64::from(WARM));
        Ok(())
    }

    fn transfer(&mut self, client: &mut Client) -> io::Result<()> {
        let response = client.get(&origin::long(LONG))?;
        if !response.body.right {
            return Err(io::Error::other("the wrong octets came"));
        }
        self.rate.push(LONG as f64 / response.body.total().as_secs_f64());
        block_on(clock::sleep(AFTERWARDS));
        Ok(())
    }
}

/// The packets of bob's line in a file, where one is wanted.
struct Dump(Child);

impl Dump {
    fn start(lab: &Lab, way: Way) -> Option<Dump> {
        let folder = env::var("P2P_BENCH_DUMP").ok()?;
        let file = format!("{folder}/{}.pcap", way.word());
        let mut tcpdump = lab.command("bob", "tcpdump");
        tcpdump.args(["-i", "any", "-U", "-s", "100", "-w", &file]);
        let started = tcpdump.stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        Some(Dump(started.expect("tcpdump")))
    }
}

impl Drop for Dump {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Octets of IP on bob's line while a connection is there and nothing is asked, each second.
fn idle(lab: &Lab) -> f64 {
    let seconds = setting("P2P_BENCH_IDLE", 60);
    let before = octets(lab);
    block_on(clock::sleep(Duration::from_secs(seconds)));
    (octets(lab) - before) as f64 / seconds as f64
}

/// What has passed bob's line.
fn octets(lab: &Lab) -> u64 {
    let counters = lab.counters("bob").expect("bob is there");
    counters.sent_bytes + counters.received_bytes
}

fn milliseconds(start: Instant, response: &Response) -> f64 {
    (response.body.start + response.body.total() - start).as_secs_f64() * 1e3
}
