//! Real clients and real stores over HTTP, and before each store a listener that does what its fault says.

use std::{
    io::{BufRead, BufReader, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::Arc,
    thread,
    time::Duration,
};

use crate::dice::Dice;
use crate::faults::fault::{Fault, World, two_of_three};
use crate::overlays::store;
use futures_lite::future;
use p2p::identity::{KeyPair, Seed, Slot};
use p2p::overlay::store::StoreOptions;
use p2p::overlay::{self, Overlay, OverlayAddress, Rate};
use p2p::registration::{Floors, Lookup, Outcome, Packet, Patience};
use p2p::runtime::{block_on, clock, random, spawn};

/// What a look-up of a known key may take in all.
const PATIENCE: Patience =
    Patience { settle: Duration::from_secs(6), deadline: Duration::from_secs(6) };
/// Within this time a slow overlay answers.
const SLOW: (u64, u64) = (1000, 4000);
/// What the writer of old packets shows.
const SECRET: (&str, &str) = ("P2P-Secret", "the secret of a test");

/// One person in three overlays, two of which have faults.
pub struct Run {
    pub faults: [Option<Fault>; 3],
    world: Arc<World>,
    overlays: Vec<OverlayAddress>,
}

/// What a look-up gave.
pub struct Asked {
    /// After which time the newest packet was there.
    pub given: Option<Duration>,
    /// How it ended; None if it was not waited for.
    pub outcome: Option<Outcome>,
}

impl Run {
    /// Publishes to all three, of which one at least takes it.
    pub fn new(seed: u64) -> Run {
        let mut dice = Dice(seed);
        let faults = two_of_three(&mut dice);
        let world = Arc::new(World::new(random::bytes(), clock::wall()));
        let overlays = faults.map(|fault| {
            let rate = Rate { per_second: 1e6, burst: 1e6 };
            let store = store::serve(None, StoreOptions { rate, ..StoreOptions::default() });
            let front = Front { fault, store, slow: dice.milliseconds(SLOW.0, SLOW.1) };
            let address = front.listen(world.clone());
            OverlayAddress::parse(&format!("store:http://{address}/{{slot}}")).unwrap()
        });
        let run = Run { faults, world, overlays: overlays.into() };
        run.publish();
        run
    }

    /// The newest packet.
    pub fn newest(&self) -> &Packet {
        &self.world.newest
    }

    /// Asks the healthy overlay alone until it gives the newest packet.
    pub fn ask_healthy(&self) -> Asked {
        let healthy = self.faults.iter().position(Option::is_none).expect("one of three");
        self.ask(&self.overlays[healthy..=healthy], false)
    }

    /// Asks all three, until the newest packet is there or, if that is wanted, to the end.
    pub fn ask_all(&self, to_the_end: bool) -> Asked {
        self.ask(&self.overlays, to_the_end)
    }

    fn publish(&self) {
        let identity = stranger();
        let writers = self.overlays.iter().zip(self.faults).map(|(address, fault)| {
            let (overlay, packet) = (overlay::open(address, &identity), self.world.newest.clone());
            spawn(async move { (fault, overlay.publish(&packet).await) })
        });
        let writers: Vec<_> = writers.collect();
        // nobody waits for the slow and the dead
        let quick = writers.into_iter().zip(self.faults).filter_map(|(writer, fault)| {
            let is_slow = matches!(fault, Some(Fault::Dead | Fault::Slow));
            if is_slow {
                writer.detach();
                return None;
            }
            Some(writer)
        });
        for writer in quick.collect::<Vec<_>>() {
            let (fault, published) = block_on(writer);
            let refuses = matches!(fault, Some(Fault::Refusing | Fault::Full));
            assert_eq!(published.is_err(), refuses, "{fault:?}: {published:?}");
        }
    }

    /// As the daemon does, with clients that have no connection yet.
    fn ask(&self, overlays: &[OverlayAddress], to_the_end: bool) -> Asked {
        let (wanted, identity) = (self.world.wanted(), stranger());
        let clients: Vec<Arc<dyn Overlay>> =
            overlays.iter().map(|address| overlay::open(address, &identity)).collect();
        let (sender, answers) = async_channel::bounded(clients.len());
        let start = clock::now();
        for (at, client) in clients.into_iter().enumerate() {
            let (sender, wanted) = (sender.clone(), wanted.clone());
            let ask = async move { drop(sender.send((at, client.find(&wanted).await)).await) };
            spawn(ask).detach();
        }
        let mut lookup = Lookup::new(wanted, overlays.len(), &Floors::new(), PATIENCE, start);
        let mut given = None;
        block_on(async {
            loop {
                let now = clock::now();
                let outcome = lookup.poll(now);
                if outcome.is_some() || (given.is_some() && !to_the_end) {
                    return Asked { given, outcome };
                }
                let answer = async { answers.recv().await.ok() };
                let end = async {
                    clock::sleep_until(Some(lookup.next_time())).await;
                    None
                };
                let answer = future::or(answer, end).await;
                let now = clock::now();
                match answer {
                    Some((at, Ok(packets))) => {
                        lookup.handle_answer(now, clock::wall(), at, packets);
                    }
                    Some((at, Err(error))) => lookup.handle_failure(now, at, &error.to_string()),
                    None => {}
                }
                if given.is_none() && lookup.newest() == Some(&self.world.newest) {
                    given = Some(now - start);
                }
            }
        })
    }
}

fn stranger() -> KeyPair {
    KeyPair::from_seed(&Seed::new(random::bytes()))
}

/// Stands before a store.
#[derive(Clone, Copy)]
struct Front {
    fault: Option<Fault>,
    store: SocketAddr,
    slow: Duration,
}

impl Front {
    fn listen(self, world: Arc<World>) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        match self.fault {
            Some(Fault::Refusing) => return address, // and the listener ends here
            Some(Fault::Replaying) => self.keep_old(&world),
            _ => {}
        }
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let world = world.clone();
                thread::spawn(move || self.serve(stream, &world));
            }
        });
        address
    }

    /// What this store heard of the person before it stopped to listen.
    fn keep_old(self, world: &World) {
        let url = format!("http://{}/{}", self.store, Slot::of_key(&world.key()));
        let put = store::request("PUT", &url, &[SECRET], world.old.as_bytes()).unwrap();
        assert_eq!(put.0, 204);
    }

    fn serve(self, stream: TcpStream, world: &World) {
        let _ = stream.set_nodelay(true);
        let mut reader = BufReader::new(&stream);
        while let Some(request) = Request::read(&mut reader) {
            let (status, body) = match (self.fault, &*request.method) {
                (Some(Fault::Dead), _) => continue,
                (Some(Fault::Lying), "GET") => (200, framed(&world.lies)),
                (Some(Fault::Lying | Fault::Replaying), _) => (204, Vec::new()),
                (Some(Fault::Full), "PUT") => (507, Vec::new()),
                (Some(Fault::Slow), _) => {
                    block_on(clock::sleep(self.slow));
                    self.pass_on(&request)
                }
                _ => self.pass_on(&request),
            };
            let length = match status {
                204 => String::new(),
                _ => format!("content-length: {}\r\n", body.len()),
            };
            let answer = [format!("HTTP/1.1 {status} \r\n{length}\r\n").as_bytes(), &body].concat();
            if (&stream).write_all(&answer).is_err() {
                break;
            }
        }
    }

    fn pass_on(self, request: &Request) -> (u16, Vec<u8>) {
        let url = format!("http://{}{}", self.store, request.path);
        let fields: Vec<_> = request.fields.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        store::request(&request.method, &url, &fields, &request.body).expect("the store answers")
    }
}

/// A request that was read.
struct Request {
    method: String,
    path: String,
    /// Those that mean something to a store.
    fields: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Request {
    fn read(reader: &mut impl BufRead) -> Option<Request> {
        let mut lines = reader.lines().map_while(Result::ok);
        let first = lines.next()?;
        let (method, rest) = first.split_once(' ')?;
        let path = rest.split(' ').next()?;
        let (mut fields, mut length) = (Vec::new(), 0);
        for line in lines.take_while(|line| !line.is_empty()) {
            let (name, value) = line.split_once(':')?;
            let (name, value) = (name.to_ascii_lowercase(), value.trim());
            if name == "content-length" {
                length = value.parse().ok()?;
            } else if name.starts_with("p2p-") {
                fields.push((name, value.to_owned()));
            }
        }
        let (method, path) = (method.to_owned(), path.to_owned());
        let mut body = vec![0; length];
        reader.read_exact(&mut body).ok()?;
        Some(Request { method, path, fields, body })
    }
}

fn framed(packets: &[Vec<u8>]) -> Vec<u8> {
    let frame = |packet: &Vec<u8>| [&(packet.len() as u16).to_be_bytes(), &packet[..]].concat();
    packets.iter().flat_map(frame).collect()
}
