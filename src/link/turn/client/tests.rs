//! A client and a server that knows one user, in virtual time.

use super::*;
use crate::runtime::clock;

const SECOND: Duration = Duration::from_secs(1);

fn at(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn server_address() -> SocketAddr {
    at("192.0.2.1:3478")
}

fn relayed() -> SocketAddr {
    at("192.0.2.1:50000")
}

/// As much of a server as a client can notice.
struct Scene {
    client: TurnClient,
    drbg: Drbg,
    now: Instant,
    nonce: Vec<u8>,
    password: &'static str,
    silent: bool,
    channels_refused: bool,
    allocated: bool,
    permitted: Vec<IpAddr>,
    bound: Vec<(u16, SocketAddr)>,
    /// What reached peers.
    delivered: Vec<(SocketAddr, Vec<u8>)>,
    requests: Vec<Method>,
}

impl Scene {
    fn new() -> Scene {
        let account = TurnServer::parse("turn:u:p@192.0.2.1").unwrap();
        Scene {
            client: TurnClient::new(server_address(), &account),
            drbg: Drbg::new([3; 32]),
            now: clock::now(),
            nonce: b"first".to_vec(),
            password: "p",
            silent: false,
            channels_refused: false,
            allocated: false,
            permitted: Vec::new(),
            bound: Vec::new(),
            delivered: Vec::new(),
            requests: Vec::new(),
        }
    }

    fn allocated() -> Scene {
        let mut scene = Scene::new();
        scene.client.set_serving(true, scene.now);
        scene.run(Duration::ZERO);
        assert_eq!(scene.client.relayed(), Some(relayed()));
        scene
    }

    fn key(&self) -> IntegrityKey {
        IntegrityKey::long_term("u", b"lab", self.password)
    }

    fn answer(&mut self, datagram: &[u8]) -> Option<Vec<u8>> {
        if self.silent {
            return None;
        }
        let Ok(message) = Message::decode(datagram) else {
            let number = u16::from_be_bytes([datagram[0], datagram[1]]);
            let (_, peer) = *self.bound.iter().find(|(bound, _)| *bound == number)?;
            self.delivered.push((peer, datagram[4..].to_vec()));
            return None;
        };
        let (method, id) = (message.method(), message.id());
        let peer = message.xor_address(attribute::XOR_PEER_ADDRESS);
        if message.class() == Class::Indication {
            let peer = peer.filter(|peer| self.permitted.contains(&peer.ip()))?;
            let data = message.attribute(attribute::DATA)?;
            self.delivered.push((peer, data.to_vec()));
            return None;
        }
        self.requests.push(method);
        let error = |code: [u8; 2]| {
            Builder::new(Class::Error, method, id)
                .attribute(attribute::ERROR_CODE, &[0, 0, code[0], code[1]])
        };
        let challenge = |code| {
            let error = error(code).attribute(attribute::REALM, b"lab");
            Some(error.attribute(attribute::NONCE, &self.nonce).finish())
        };
        if !message.is_authentic(&self.key()) {
            return challenge([4, 1]);
        }
        if message.attribute(attribute::NONCE) != Some(&self.nonce) {
            return challenge([4, 38]);
        }
        let mut success = Builder::new(Class::Success, method, id);
        match method {
            Method::ALLOCATE => {
                assert_eq!(message.attribute(attribute::REQUESTED_TRANSPORT), Some(&UDP[..]));
                self.allocated = true;
                success = success
                    .xor_address(attribute::XOR_RELAYED_ADDRESS, relayed())
                    .xor_address(attribute::XOR_MAPPED_ADDRESS, at("11.1.0.1:7"))
                    .attribute(attribute::LIFETIME, &600u32.to_be_bytes());
            }
            Method::REFRESH => {
                self.allocated = message.number(attribute::LIFETIME) != Some(0);
                success = success.attribute(attribute::LIFETIME, &600u32.to_be_bytes());
            }
            Method::CREATE_PERMISSION => self.permitted.extend(peer.map(|peer| peer.ip())),
            Method::CHANNEL_BIND if self.channels_refused => {
                return Some(error([4, 3]).integrity(&self.key()).finish());
            }
            _ => {
                let number = message.attribute(attribute::CHANNEL_NUMBER)?;
                self.bound.push((u16::from_be_bytes([number[0], number[1]]), peer?));
            }
        }
        Some(success.integrity(&self.key()).finish())
    }

    fn run(&mut self, time: Duration) {
        let end = self.now + time;
        loop {
            self.client.handle_timeout(&mut self.drbg, self.now);
            while let Some(Transmit { to, datagram }) = self.client.poll_transmit(self.now) {
                assert_eq!(to, server_address());
                if let Some(answer) = self.answer(&datagram) {
                    self.client.handle_datagram(&answer, &mut self.drbg, self.now);
                }
            }
            match self.client.poll_timeout() {
                Some(due) if due <= end => self.now = self.now.max(due),
                _ => break,
            }
        }
        self.now = end;
    }

    /// Requests go out before the data that needs them.
    fn send(&mut self, peer: SocketAddr, data: &[u8]) -> usize {
        let wrapped = self.client.wrap(peer, data, &mut self.drbg, self.now).unwrap();
        self.run(Duration::ZERO);
        self.answer(&wrapped);
        wrapped.len() - data.len()
    }
}

#[test]
fn an_allocation_needs_an_account_and_lives_while_needed() {
    let mut scene = Scene::allocated();
    assert_eq!(scene.requests, [Method::ALLOCATE; 2], "once to be asked who we are");
    scene.requests.clear();
    scene.run(3600 * SECOND);
    assert_eq!(scene.requests, [Method::REFRESH; 12]);
    assert!(scene.allocated);
    scene.client.set_serving(false, scene.now);
    scene.run(PASSING_NEED);
    assert!(!scene.allocated && scene.client.relayed().is_none());
    assert_eq!(scene.client.poll_timeout(), None);
}

#[test]
fn a_wrong_password_is_given_up() {
    let mut scene = Scene::new();
    scene.password = "other";
    scene.client.set_serving(true, scene.now);
    scene.run(SECOND);
    assert_eq!(scene.client.relayed(), None);
    assert_eq!(scene.requests.len(), 1 + MAX_CHALLENGES as usize);
    scene.password = "p";
    scene.run(RETRY);
    assert_eq!(scene.client.relayed(), Some(relayed()), "it is tried again");
}

#[test]
fn a_stale_nonce_is_replaced() {
    let mut scene = Scene::allocated();
    scene.nonce = b"second".to_vec();
    scene.run(3600 * SECOND);
    assert!(scene.allocated && scene.client.relayed().is_some());
}

#[test]
fn data_goes_at_once_and_soon_over_a_channel() {
    let mut scene = Scene::allocated();
    let peer = at("198.51.100.7:5050");
    assert_eq!(scene.send(peer, b"four"), 36, "an indication");
    assert_eq!(scene.send(peer, b"five!"), 4, "a channel");
    assert_eq!(scene.delivered, [(peer, b"four".to_vec()), (peer, b"five!".to_vec())]);

    let (number, _) = scene.bound[0];
    let answer = channel_data(number, b"back").unwrap();
    assert_eq!(scene.client.data(&answer), Some((peer, 4..8)));
    // another port of the same peer needs no other permission
    scene.requests.clear();
    scene.send(at("198.51.100.7:5051"), b"six");
    assert_eq!(scene.requests, [Method::CHANNEL_BIND]);
}

#[test]
fn channels_in_use_are_kept_and_others_end() {
    let mut scene = Scene::allocated();
    let peer = at("198.51.100.7:5050");
    for _ in 0..60 {
        scene.send(peer, b"data");
        scene.run(60 * SECOND);
    }
    let binds = scene.requests.iter().filter(|method| **method == Method::CHANNEL_BIND).count();
    assert!((14..=16).contains(&binds), "{binds}");
    scene.requests.clear();
    scene.run(3600 * SECOND);
    assert!(scene.requests.iter().filter(|method| **method == Method::CHANNEL_BIND).count() <= 2);
}

#[test]
fn without_channels_indications_do() {
    let mut scene = Scene::allocated();
    scene.channels_refused = true;
    let peer = at("198.51.100.7:5050");
    for _ in 0..3 {
        assert_eq!(scene.send(peer, b"four"), 36);
    }
    assert_eq!(scene.delivered.len(), 3);
}

#[test]
fn a_server_that_vanishes_is_noticed() {
    let mut scene = Scene::allocated();
    scene.silent = true;
    scene.run(400 * SECOND);
    assert_eq!(scene.client.relayed(), None);
    assert_eq!(scene.client.wrap(at("198.51.100.7:1"), b"x", &mut scene.drbg, scene.now), None);
}

#[test]
fn forged_answers_change_nothing() {
    let mut scene = Scene::allocated();
    scene.silent = true;
    scene.client.wrap(at("198.51.100.7:1"), b"x", &mut scene.drbg, scene.now).unwrap();
    let mut asked = Vec::new();
    while let Some(transmit) = scene.client.poll_transmit(scene.now) {
        asked.push(transmit.datagram);
    }
    for request in asked {
        let message = Message::decode(&request).unwrap();
        let forged = Builder::new(Class::Success, message.method(), message.id()).finish();
        scene.client.handle_datagram(&forged, &mut scene.drbg, scene.now);
    }
    let wrapped = scene.client.wrap(at("198.51.100.7:1"), b"x", &mut scene.drbg, scene.now);
    assert_eq!(wrapped.unwrap().len(), 37 + 3, "still an indication");
    assert_eq!(scene.client.wrap(at("[2001:db8::1]:1"), b"x", &mut scene.drbg, scene.now), None);
}

proptest::proptest! {
    /// What the server says about requests that are under way, with changed octets, and then the truth.
    #[test]
    fn changed_answers_change_nothing(
        at in 0usize..120,
        octets in proptest::collection::vec(proptest::num::u8::ANY, 1..24),
        cut in 0usize..200,
    ) {
        let mut scene = Scene::allocated();
        let peer = at_port(5050);
        scene.send(peer, b"four");
        scene.client.wrap(at_port(5051), b"x", &mut scene.drbg, scene.now).unwrap();
        scene.client.wrap("198.51.100.8:1".parse().unwrap(), b"x", &mut scene.drbg, scene.now).unwrap();
        let mut answers = Vec::new();
        while let Some(Transmit { datagram, .. }) = scene.client.poll_transmit(scene.now) {
            answers.extend(scene.answer(&datagram));
        }
        answers.push(channel_data(scene.bound[0].0, b"back").unwrap());
        for genuine in &answers {
            let mut changed = genuine.clone();
            let start = at.min(changed.len());
            let end = (start + octets.len()).min(changed.len());
            changed.splice(start..end, octets.iter().copied());
            changed.truncate(cut.max(1));
            if let Some((_, range)) = scene.client.data(&changed) {
                proptest::prop_assert!(range.end <= changed.len());
            }
            scene.client.handle_datagram(&changed, &mut scene.drbg, scene.now);
            proptest::prop_assert_eq!(scene.client.relayed(), Some(relayed()));
            proptest::prop_assert!(scene.client.indications.len() <= 1);
        }
        for genuine in &answers {
            scene.client.handle_datagram(genuine, &mut scene.drbg, scene.now);
        }
        scene.run(60 * SECOND);
        proptest::prop_assert_eq!(scene.client.relayed(), Some(relayed()));
        scene.delivered.clear();
        scene.send(peer, b"five!");
        proptest::prop_assert_eq!(&scene.delivered[..], &[(peer, b"five!".to_vec())]);
    }
}

fn at_port(port: u16) -> SocketAddr {
    SocketAddr::from(([198, 51, 100, 7], port))
}
