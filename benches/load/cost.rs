//! What one registration and one look-up cost in each overlay.

use std::{
    fs,
    io::{Read, Write},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

use p2p::overlay::store::StoreOptions;
use p2p::overlay::{self, Overlay, OverlayAddress, Rate};
use p2p::runtime::block_on;

use crate::person::{Person, look_up};
use crate::{relay, servers, store};

/// Octets up and down, on average.
pub(crate) struct Cost {
    pub(crate) name: &'static str,
    pub(crate) put: (f64, f64),
    pub(crate) get: (f64, f64),
}

impl Cost {
    /// What a user costs a day with so many registrations and look-ups.
    pub(crate) fn day(&self, registrations: f64, lookups: f64) -> f64 {
        registrations * (self.put.0 + self.put.1) + lookups * (self.get.0 + self.get.1)
    }
}

/// How many times each is done.
const TIMES: u32 = 20;

/// All overlays whose servers are installed.
pub(crate) fn all() -> Vec<Cost> {
    let rate = Rate { per_second: 1e6, burst: 1e6 };
    let options = StoreOptions { rate, ..StoreOptions::default() };
    let own = store::serve(None, options);
    let mut costs = vec![
        over_http("store", own, |at| format!("store:http://{at}/{{slot}}")),
        over_http("pkarr", relay::serve(), |at| format!("pkarr:http://{at}")),
    ];
    if let Some((_nginx, at)) = servers::nginx() {
        costs.push(over_http("webdav", at, |at| format!("webdav:http://alice:p%40ss@{at}/p2p")));
    }
    if let Some((_nodes, at)) = servers::dhtnodes() {
        costs.push(over_http("opendht", at, |at| format!("opendht:http://{at}")));
    }
    #[cfg(feature = "mainline")]
    costs.push(mainline());
    costs
}

/// The octets that a store's memory holds for somebody: what lies under the name and under the key.
pub(crate) fn stored() -> f64 {
    let packet = Person::new().packet(0);
    2.0 * packet.as_bytes().len() as f64
}

/// Measures what crosses a connection to the server at `to`.
fn over_http(name: &'static str, to: SocketAddr, spelling: impl Fn(SocketAddr) -> String) -> Cost {
    let meter = Meter::before(to);
    let address = OverlayAddress::parse(&spelling(meter.address)).expect("a spelling");
    measure(name, &address, || meter.read())
}

/// Measures what crosses the loopback interface, on which nobody else sends; all of it counts as up.
#[cfg(feature = "mainline")]
fn mainline() -> Cost {
    let net = mainline::Testnet::builder(25).build().expect("nodes");
    let address = format!("mainline:{}", net.bootstrap[0]);
    let address = OverlayAddress::parse(&address).expect("a spelling");
    measure("mainline (up and down)", &address, || (crossed_loopback(), 0.0))
}

#[cfg(feature = "mainline")]
fn crossed_loopback() -> f64 {
    let devices = fs::read_to_string("/proc/net/dev").expect("a kernel");
    let line = devices.lines().find_map(|line| line.trim().strip_prefix("lo:"));
    let octets = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
    octets.expect("octets that came by the loopback interface")
}

fn measure(name: &'static str, address: &OverlayAddress, read: impl Fn() -> (f64, f64)) -> Cost {
    let alice = Person::new();
    let open = || -> Arc<dyn Overlay> { overlay::open(address, &alice.keys) };
    let [_, wanted, _] = alice.wanted();
    let (hers, visitor) = (open(), open());
    // the first of each also makes the connection, or enters the DHT
    block_on(hers.publish(&alice.packet(3600))).expect("it takes a packet");
    look_up(&visitor, &wanted).expect("it answers");
    let per_time = |before: (f64, f64)| {
        let after = read();
        let times = f64::from(TIMES);
        ((after.0 - before.0) / times, (after.1 - before.1) / times)
    };
    let before = read();
    for n in 0..TIMES {
        let packet = alice.sign(Duration::from_secs(3000 - u64::from(n)), crate::person::TTL, 1);
        block_on(hers.publish(&packet)).expect("it takes a packet");
    }
    let put = per_time(before);
    let before = read();
    for _ in 0..TIMES {
        assert_eq!(look_up(&visitor, &wanted).expect("it answers").found.len(), 1);
    }
    Cost { name, put, get: per_time(before) }
}

/// Stands before a server and counts.
struct Meter {
    address: SocketAddr,
    up: Arc<AtomicU64>,
    down: Arc<AtomicU64>,
}

impl Meter {
    fn before(server: SocketAddr) -> Meter {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("its address");
        let (up, down): (Arc<AtomicU64>, Arc<AtomicU64>) = Default::default();
        let counts = (up.clone(), down.clone());
        thread::spawn(move || {
            for near in listener.incoming().map_while(Result::ok) {
                let far = TcpStream::connect(server).expect("the server listens");
                let (near_too, far_too) = (near.try_clone(), far.try_clone());
                let (up, down) = counts.clone();
                thread::spawn(move || pass(near, far, &up));
                let (near, far) = (near_too.expect("a socket"), far_too.expect("a socket"));
                thread::spawn(move || pass(far, near, &down));
            }
        });
        Meter { address, up, down }
    }

    fn read(&self) -> (f64, f64) {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed) as f64;
        (read(&self.up), read(&self.down))
    }
}

fn pass(mut from: TcpStream, mut to: TcpStream, count: &AtomicU64) {
    let mut buffer = [0; 4096];
    while let Ok(length @ 1..) = from.read(&mut buffer) {
        count.fetch_add(length as u64, Ordering::Relaxed);
        if to.write_all(&buffer[..length]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Both);
}
