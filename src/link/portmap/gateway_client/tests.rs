use super::*;
use crate::runtime::clock;

const SECOND: Duration = Duration::from_secs(1);
const NONCE: Nonce = [5; 12];

/// What a router speaks.
#[derive(Clone, Copy, PartialEq)]
enum Speaks {
    Both,
    NatPmp { polite: bool },
    PcpOnly,
    Nothing,
}

/// A router, a client behind it, and their time.
struct Scene {
    client: GatewayClient,
    now: Instant,
    speaks: Speaks,
    booted: Instant,
    external: Ipv4Addr,
    mapped: Option<u16>,
    lifetime: u32,
    asked: usize,
}

fn public(port: u16) -> SocketAddrV4 {
    SocketAddrV4::new(Ipv4Addr::new(11, 1, 0, 1), port)
}

impl Scene {
    fn new(speaks: Speaks) -> Scene {
        let now = clock::now();
        let client = SocketAddrV4::new(Ipv4Addr::new(192, 168, 1, 2), 5050);
        Scene {
            client: GatewayClient::new(client, NONCE, now),
            now,
            speaks,
            booted: now,
            external: *public(0).ip(),
            mapped: None,
            lifetime: 3600,
            asked: 0,
        }
    }

    fn epoch(&self) -> [u8; 4] {
        u32::try_from((self.now - self.booted).as_secs()).unwrap().to_be_bytes()
    }

    /// The router gives the port after the one asked for.
    fn answer(&mut self, request: &[u8]) -> Option<Vec<u8>> {
        self.asked += 1;
        let is_pcp = request[0] == 2;
        let refuse = [&[0, 0x80 | request[1], 0, 1][..], &self.epoch()].concat();
        match (self.speaks, is_pcp) {
            (Speaks::Nothing, _) | (Speaks::PcpOnly, false) => None,
            (Speaks::NatPmp { polite }, true) => polite.then_some(refuse),
            (_, true) => Some(self.answer_pcp(request)),
            (_, false) => Some(self.answer_nat_pmp(request)),
        }
    }

    fn answer_pcp(&mut self, request: &[u8]) -> Vec<u8> {
        let wanted = u32::from_be_bytes(request[4..8].try_into().unwrap());
        let lifetime = wanted.min(self.lifetime);
        let head = [2, 0x80 | request[1], 0, 0];
        let mut answer = [&head[..], &lifetime.to_be_bytes(), &self.epoch(), &[0; 12]].concat();
        if request[1] == 1 {
            let wanted = u16::from_be_bytes([request[42], request[43]]);
            let port = self.mapped.unwrap_or(wanted + 1);
            self.mapped = (lifetime != 0).then_some(port);
            answer.extend(&request[24..42]);
            answer.extend(port.to_be_bytes());
            answer.extend(self.external.to_ipv6_mapped().octets());
        }
        answer
    }

    fn answer_nat_pmp(&mut self, request: &[u8]) -> Vec<u8> {
        let head = [&[0, 0x80 | request[1], 0, 0][..], &self.epoch()].concat();
        if request[1] == 0 {
            return [&head[..], &self.external.octets()].concat();
        }
        let lifetime = u32::from_be_bytes(request[8..12].try_into().unwrap()).min(self.lifetime);
        let wanted = u16::from_be_bytes([request[6], request[7]]);
        let port = self.mapped.unwrap_or(wanted + 1);
        self.mapped = (lifetime != 0).then_some(port);
        [&head[..], &request[4..6], &port.to_be_bytes(), &lifetime.to_be_bytes()].concat()
    }

    fn run(&mut self, time: Duration) -> Vec<Event> {
        let (end, mut events) = (self.now + time, Vec::new());
        loop {
            self.client.handle_timeout(self.now);
            while let Some(request) = self.client.poll_transmit() {
                if let Some(answer) = self.answer(&request) {
                    self.client.handle_datagram(&answer, self.now);
                }
            }
            events.extend(std::iter::from_fn(|| self.client.poll_event()));
            match self.client.poll_timeout() {
                Some(due) if due <= end => self.now = self.now.max(due),
                _ => break,
            }
        }
        self.now = end;
        events
    }
}

#[test]
fn every_router_that_can_map_a_port_does() {
    for (speaks, within) in [
        (Speaks::Both, Duration::ZERO),
        (Speaks::PcpOnly, Duration::ZERO),
        (Speaks::NatPmp { polite: true }, Duration::ZERO),
        (Speaks::NatPmp { polite: false }, Duration::from_millis(250)),
    ] {
        let mut scene = Scene::new(speaks);
        assert_eq!(scene.run(within), [Event::Mapped(public(5051))]);
        assert_eq!(scene.mapped, Some(5051));
    }
}

#[test]
fn no_router_is_told_after_some_seconds() {
    let mut scene = Scene::new(Speaks::Nothing);
    assert_eq!(scene.run(7 * SECOND), []);
    assert_eq!(scene.run(SECOND), [Event::Lost]);
    assert_eq!(scene.client.poll_timeout(), None);
}

#[test]
fn a_mapping_is_renewed_at_half_of_its_life() {
    for speaks in [Speaks::Both, Speaks::NatPmp { polite: true }] {
        let mut scene = Scene::new(speaks);
        scene.run(SECOND);
        scene.asked = 0;
        assert_eq!(scene.run(24 * 3600 * SECOND), [], "nothing changes");
        let (checks, renewals) = (24 * 60, 24 * 2);
        assert!((checks - 50..checks + renewals + 2).contains(&scene.asked), "{}", scene.asked);
    }
}

#[test]
fn a_restarted_router_is_asked_again() {
    for speaks in [Speaks::Both, Speaks::NatPmp { polite: true }] {
        let mut scene = Scene::new(speaks);
        scene.run(600 * SECOND);
        (scene.booted, scene.mapped) = (scene.now, None);
        scene.external = Ipv4Addr::new(11, 1, 0, 2);
        let moved = Event::Mapped(SocketAddrV4::new(scene.external, 5052));
        assert_eq!(scene.run(EPOCH_CHECK + SECOND), [moved]);
        assert_eq!(scene.mapped, Some(5052), "the old port was asked for again");
    }
}

#[test]
fn a_router_that_vanishes_is_noticed() {
    let mut scene = Scene::new(Speaks::Both);
    scene.run(600 * SECOND);
    scene.speaks = Speaks::Nothing;
    assert_eq!(scene.run(80 * SECOND), [Event::Lost]);
}

#[test]
fn a_mapping_is_taken_away() {
    for speaks in [Speaks::Both, Speaks::NatPmp { polite: true }] {
        let mut scene = Scene::new(speaks);
        scene.run(600 * SECOND);
        scene.client.withdraw(scene.now);
        assert_eq!(scene.run(Duration::ZERO), [Event::Withdrawn]);
        assert_eq!(scene.mapped, None);
        assert_eq!(scene.client.poll_timeout(), None);
    }
    let mut silent = Scene::new(Speaks::Both);
    silent.run(600 * SECOND);
    silent.speaks = Speaks::Nothing;
    silent.client.withdraw(silent.now);
    assert_eq!(silent.run(2 * SECOND), [Event::Withdrawn]);
}

#[test]
fn forged_answers_change_nothing() {
    let mut scene = Scene::new(Speaks::Nothing);
    let other = MapRequest {
        nonce: [6; 12],
        client: Ipv4Addr::LOCALHOST,
        internal_port: 5050,
        external_port: 9,
        lifetime: 60,
    };
    let answer = scene.answer_pcp(&other.encode());
    scene.client.handle_datagram(&answer, scene.now);
    let unasked = [0, 129, 0, 0, 0, 0, 0, 9, 0x13, 0xba, 0, 9, 0, 0, 0x1c, 0x20];
    scene.client.handle_datagram(&unasked, scene.now);
    assert_eq!(scene.run(SECOND), []);
}

proptest::proptest! {
    #[test]
    fn hostile_routers_cannot_break_it(
        datagrams in proptest::collection::vec(
            (0u8..3, 127u8..131, proptest::collection::vec(proptest::num::u8::ANY, 0..70)),
            0..40,
        ),
    ) {
        let mut scene = Scene::new(Speaks::Nothing);
        for (version, operation, rest) in datagrams {
            let datagram = [&[version, operation][..], &rest].concat();
            scene.client.handle_datagram(&datagram, scene.now);
            scene.run(Duration::from_millis(300));
            proptest::prop_assert!(scene.client.transmits.len() <= 2);
            proptest::prop_assert!(scene.asked < 1000);
        }
    }
}
