//! Stands before a server and counts what crosses it: what TCP carries, and what of it is the bodies of requests; and
//! datagrams with their heads.

use std::{
    io::{Read, Write},
    net::{Shutdown, SocketAddr, TcpStream, UdpSocket},
    ops::Range,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

use p2p::runtime::Async;
use p2p::runtime::{clock, spawn};
use testbed::overlays::datagram_store;

/// The heads of a datagram (RFC 791 and 768).
pub(crate) const DATAGRAM_HEAD: u64 = 20 + 8;
/// An answer to a datagram comes in this time, or none comes.
const SOON: Duration = Duration::from_secs(1);

/// Where a question and its answer have the same octets.
const ID: Range<usize> = 5..13;

/// A listener in front of a server.
pub(crate) struct Meter {
    pub(crate) address: SocketAddr,
    up: Arc<AtomicU64>,
    down: Arc<AtomicU64>,
    bodies: Arc<AtomicU64>,
}

impl Meter {
    pub(crate) fn before(server: SocketAddr) -> Meter {
        let (listener, datagrams) = datagram_store::listen_twice();
        let address = listener.local_addr().expect("its address");
        let [up, down, bodies]: [Arc<AtomicU64>; 3] = Default::default();
        let (up_too, down_too) = (up.clone(), down.clone());
        spawn(async move { pass_datagrams(datagrams, server, &up_too, &down_too).await }).detach();
        let counts = (up.clone(), down.clone(), bodies.clone());
        thread::spawn(move || {
            for near in listener.incoming().map_while(Result::ok) {
                let far = TcpStream::connect(server).expect("the server listens");
                let (near_too, far_too) = (near.try_clone(), far.try_clone());
                let (up, down, bodies) = counts.clone();
                let request = move |octets: &[u8]| {
                    up.fetch_add(octets.len() as u64, Ordering::Relaxed);
                    bodies.fetch_add(content_length(octets), Ordering::Relaxed);
                };
                let response = move |octets: &[u8]| {
                    down.fetch_add(octets.len() as u64, Ordering::Relaxed);
                };
                thread::spawn(move || pass(near, far, request));
                let (near, far) = (near_too.expect("a socket"), far_too.expect("a socket"));
                thread::spawn(move || pass(far, near, response));
            }
        });
        Meter { address, up, down, bodies }
    }

    /// Octets up and down so far.
    pub(crate) fn read(&self) -> (f64, f64) {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed) as f64;
        (read(&self.up), read(&self.down))
    }

    /// Octets of bodies that requests announced so far.
    pub(crate) fn bodies(&self) -> f64 {
        self.bodies.load(Ordering::Relaxed) as f64
    }
}

/// What a head in these octets says; heads here are short and come in one piece.
fn content_length(octets: &[u8]) -> u64 {
    let text = String::from_utf8_lossy(octets).to_ascii_lowercase();
    let lines = text.split("\r\n").take_while(|line| !line.is_empty());
    let value = lines.filter_map(|line| line.strip_prefix("content-length:")).next();
    value.and_then(|value| value.trim().parse().ok()).unwrap_or(0)
}

/// Asks the server one question after the other. A task and no thread: whoever waits for an answer runs it meanwhile,
/// so that a busy machine makes nobody late.
async fn pass_datagrams(near: UdpSocket, server: SocketAddr, up: &AtomicU64, down: &AtomicU64) {
    let far = UdpSocket::bind("127.0.0.1:0").expect("a port");
    far.connect(server).expect("an address");
    let [near, far] = [near, far].map(|socket| Async::new(socket).expect("a socket"));
    let mut buffer = [0; 2048];
    while let Ok((length, from)) = near.recv_from(&mut buffer).await {
        up.fetch_add(length as u64 + DATAGRAM_HEAD, Ordering::Relaxed);
        // a server without datagrams is one that does not answer, as it is to its clients
        let Ok(_) = far.send(&buffer[..length]).await else { continue };
        let id = buffer[ID].to_vec();
        let answer = async {
            loop {
                let length = far.recv(&mut buffer).await.ok()?;
                if length >= ID.end && buffer[ID] == id {
                    return Some(length); // and no late one to an earlier question
                }
            }
        };
        let Some(Some(length)) = clock::timeout(SOON, answer).await else { continue };
        down.fetch_add(length as u64 + DATAGRAM_HEAD, Ordering::Relaxed);
        let _ = near.send_to(&buffer[..length], from).await;
    }
}

fn pass(mut from: TcpStream, mut to: TcpStream, count: impl Fn(&[u8])) {
    let _ = to.set_nodelay(true);
    let mut buffer = [0; 4096];
    while let Ok(length @ 1..) = from.read(&mut buffer) {
        count(&buffer[..length]);
        if to.write_all(&buffer[..length]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Both);
}
