//! What one registration and one look-up cost in each overlay.

#[cfg(feature = "mainline")]
use std::fs;
use std::{net::SocketAddr, sync::Arc, time::Duration};

use p2p::overlay::store::{Store, StoreOptions};
use p2p::overlay::{self, Overlay, OverlayAddress, Rate};
use p2p::runtime::block_on;

use crate::meter::Meter;
use testbed::overlays::person::{Person, TTL, look_up};
use testbed::overlays::{datagram_store, pkarr_relay, servers, store};

/// Octets up and down, on average.
pub(crate) struct Cost {
    pub(crate) name: &'static str,
    pub(crate) put: (f64, f64),
    pub(crate) get: (f64, f64),
    /// Octets that a server is given to keep for one registration.
    pub(crate) stored: f64,
}

/// Nodes of Mainline that keep a value (BEP 5: K is 8; libraries store with 20).
#[cfg(feature = "mainline")]
const KEEPERS: f64 = 20.0;
/// How many times each is done.
const TIMES: u32 = 20;

/// All overlays whose servers are installed.
pub(crate) fn all() -> Vec<Cost> {
    let rate = Rate { per_second: 1e6, burst: 1e6 };
    let options = StoreOptions { rate, ..StoreOptions::default() };
    let spelled = |at| format!("store:http://{at}/{{slot}}");
    let by_http = through_meter("store over HTTP", store::serve(None, options), spelled);
    let own = Store::open(None, options).expect("memory");
    let by_datagrams = through_meter("store", datagram_store::serve(own.into()), spelled);
    let mut costs = vec![
        Cost { stored: by_http.stored, ..by_datagrams },
        by_http,
        through_meter("pkarr", pkarr_relay::serve(), |at| format!("pkarr:http://{at}")),
    ];
    if let Some((_nginx, at)) = servers::nginx() {
        costs
            .push(through_meter("webdav", at, |at| format!("webdav:http://alice:p%40ss@{at}/p2p")));
    }
    if let Some((_nodes, at)) = servers::dhtnodes() {
        costs.push(through_meter("opendht", at, |at| format!("opendht:http://{at}")));
    }
    #[cfg(feature = "mainline")]
    costs.push(mainline());
    costs
}

/// Measures what crosses to the server at `to` and back.
fn through_meter(
    name: &'static str,
    to: SocketAddr,
    spelling: impl Fn(SocketAddr) -> String,
) -> Cost {
    let meter = Meter::before(to);
    let address = OverlayAddress::parse(&spelling(meter.address)).expect("a spelling");
    let before = meter.bodies();
    let cost = measure(name, &address, || meter.read());
    let stored = (meter.bodies() - before) / f64::from(TIMES + 1);
    Cost { stored, ..cost }
}

/// Measures what crosses the loopback interface, on which nobody else sends; all of it counts as up.
#[cfg(feature = "mainline")]
fn mainline() -> Cost {
    let net = mainline::Testnet::builder(25).build().expect("nodes");
    let address = format!("mainline:{}", net.bootstrap[0]);
    let address = OverlayAddress::parse(&address).expect("a spelling");
    let cost = measure("mainline (up and down)", &address, || (crossed_loopback(), 0.0));
    Cost { stored: KEEPERS * Person::new().packet(0).as_bytes().len() as f64, ..cost }
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
        let packet = alice.sign(Duration::from_secs(3000 - u64::from(n)), TTL, 1);
        block_on(hers.publish(&packet)).expect("it takes a packet");
    }
    let put = per_time(before);
    let before = read();
    for _ in 0..TIMES {
        assert_eq!(look_up(&visitor, &wanted).expect("it answers").found.len(), 1);
    }
    Cost { name, put, get: per_time(before), stored: 0.0 }
}
