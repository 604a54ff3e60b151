//! What is measured of one way.

use std::{
    io,
    net::SocketAddr,
    time::{Duration, Instant},
};

use netlab::Lab;
use p2p::runtime::{block_on, clock};

use crate::homes::{
    Scene,
    client::{Client, Response},
    origin::{self, Origin, SMALL},
};
use crate::laboratory::setting;
use crate::table::{Series, number, verdict};
use crate::way::Way;

/// Where plain TCP finds the origin.
const PLAIN: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::new(11, 3, 0, 1)), origin::PORT);

/// Requests of a round of warm ones.
const WARM: u32 = 10;

/// After the last packet of an exchange: acknowledgements, and what a path does when it is new.
const AFTERWARDS: Duration = Duration::from_secs(1);

/// The body that is timed.
const LONG: u64 = 2_000_000;

/// All figures of a way, and of plain TCP beside it.
#[derive(Debug, Default)]
pub(crate) struct Figures {
    own: Side,
    plain: Side,
    idle: Option<f64>,
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
        let _origin = Origin::start(&scene.lab, "alice", |_| {});
        way.forward(&scene, origin::PORT);
        let _alice = scene.expose(origin::PORT);
        let mut figures = Figures::default();
        let rounds = setting("P2P_BENCH_ROUNDS", 5);
        for round in 1..=rounds {
            scene.forget("bob");
            let _bob = scene.proxy();
            scene.settle();
            let lab = &scene.lab;
            let mut plain = figures.plain.cold(lab, || Client::plain(lab, "bob", PLAIN))?;
            let mut own = figures.own.cold(lab, || Client::proxied(lab, "bob"))?;
            figures.plain.warm(lab, &mut plain)?;
            figures.own.warm(lab, &mut own)?;
            if round == rounds {
                for _ in 0..setting("P2P_BENCH_TRANSFERS", 2) {
                    figures.plain.transfer(&mut plain)?;
                    figures.own.transfer(&mut own)?;
                }
                drop(plain);
                figures.idle = idle(lab);
            }
        }
        Ok(figures)
    }

    /// The line of the table.
    pub(crate) fn row(&self, way: Way) -> String {
        let cold = self.own.cold.median();
        let slower = self.own.warm.minus(&self.plain.warm).median();
        let share = self.own.rate.over(&self.plain.rate).median();
        let (cold_octets, octets) = (self.own.cold_octets.median(), self.own.warm_octets.median());
        format!(
            "{:<38}{:<28}{:<25}{:<19}{:<16}{:<14}{}",
            way.name(),
            format!("{} {}", self.own.cold.range(), verdict("< 480".into(), cold < 480.0)),
            format!("{slower:+.1} ms {}", verdict("<= 1".into(), slower <= 1.0)),
            format!("{share:.3} {}", verdict(">= 1".into(), share >= 0.9995)),
            format!("{} {}", number(cold_octets), verdict("<= 6000".into(), cold_octets <= 6000.0)),
            format!("{} {}", number(octets), verdict("<= 760".into(), octets <= 760.0)),
            self.idle.map_or(String::new(), |idle| {
                format!("{} {}", number(idle), verdict("<= 20".into(), idle <= 20.0))
            }),
        )
    }

    /// The line of plain TCP.
    pub(crate) fn plain_row(&self) -> String {
        format!(
            "{:<38}{:<28}{:<25}{:<19}{:<16}{:<14}",
            "plain TCP beside the last one",
            self.plain.cold.range(),
            format!("0 ms ({})", number(self.plain.warm.median())),
            format!("1 ({} kbit/s)", number(self.plain.rate.median() * 8e-3)),
            number(self.plain.cold_octets.median()),
            number(self.plain.warm_octets.median()),
        )
    }
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
            times.push(milliseconds(response.start, &response));
        }
        block_on(clock::sleep(AFTERWARDS));
        self.warm.push(times.median());
        self.warm_octets.push((octets(lab) - before) as f64 / f64::from(WARM));
        Ok(())
    }

    fn transfer(&mut self, client: &mut Client) -> io::Result<()> {
        let response = client.get(&origin::long(LONG))?;
        if !response.right {
            return Err(io::Error::other("the wrong octets came"));
        }
        self.rate.push(LONG as f64 / response.total().as_secs_f64());
        block_on(clock::sleep(AFTERWARDS));
        Ok(())
    }
}

/// Octets of IP on bob's line while a connection is there and nothing is asked, each second.
fn idle(lab: &Lab) -> Option<f64> {
    let seconds = setting("P2P_BENCH_IDLE", 60);
    let before = octets(lab);
    block_on(clock::sleep(Duration::from_secs(seconds)));
    (seconds > 0).then(|| (octets(lab) - before) as f64 / seconds as f64)
}

/// What has passed bob's line.
fn octets(lab: &Lab) -> u64 {
    let counters = lab.counters("bob").expect("bob is there");
    counters.sent_bytes + counters.received_bytes
}

fn milliseconds(start: Instant, response: &Response) -> f64 {
    (response.start + response.total() - start).as_secs_f64() * 1e3
}
