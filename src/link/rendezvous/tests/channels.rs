//! Short numbers instead of tags, and back.

use super::*;

/// Octets before a datagram with a channel.
const SHORT: usize = 3;
const LONG: usize = CARRY_HEADER;

impl World {
    /// Sends a datagram and gives the length of its header to the rendezvous and from there.
    fn headers(&mut self, from: usize, to: usize, content: &[u8]) -> [usize; 2] {
        let (logged, received) = (self.log.len(), self.hosts[to].carried.len());
        let numbers = [from, to].map(|host| u8::try_from(host + 1).unwrap());
        self.carry(from, key(numbers[1]), content);
        self.run(2 * DELAY);
        let sender = key(numbers[0]).hit();
        assert_eq!(self.hosts[to].carried[received..], [(sender, content.to_vec())]);
        let kinds = [Kind::Carry, Kind::Carried];
        kinds.map(|kind| {
            let of = self.log[logged..].iter().find(|(_, datagram)| Kind::of(datagram) == kind);
            of.unwrap().1.len() - content.len()
        })
    }
}

/// Both have heard of each other.
fn acquainted() -> World {
    let mut world = World::with_registered(rules(Group::Anyone), 3);
    world.carry(1, key(1), b"call");
    world.run(Duration::from_secs(1));
    world.carry(0, key(2), b"answer");
    world.run(Duration::from_secs(1));
    assert_eq!(world.headers(1, 0, b"request"), [SHORT, SHORT]);
    assert_eq!(world.headers(0, 1, b"response"), [SHORT, SHORT]);
    world
}

#[test]
fn the_first_answer_comes_by_channel_and_everything_that_follows() {
    let mut world = World::with_registered(rules(Group::Anyone), 2);
    assert_eq!(world.headers(1, 0, b"call"), [LONG, LONG]);
    assert_eq!(world.headers(0, 1, b"answer"), [LONG, SHORT]);
    assert_eq!(world.headers(1, 0, b"request"), [SHORT, SHORT]);
    assert_eq!(world.headers(0, 1, b"response"), [SHORT, SHORT]);
}

#[test]
fn a_rendezvous_that_has_started_again_hears_tags() {
    let mut world = acquainted();
    let saved = world.server.save(world.now);
    world.server = Server::new(&keys(100), rules(Group::Anyone), [101; 32], world.now).unwrap();
    world.server.restore(&saved, world.now);
    world.run(Duration::from_secs(2));
    world.carry(1, key(1), b"who are you");
    world.run(Duration::from_secs(1));
    assert_eq!(world.headers(1, 0, b"call"), [LONG, LONG]);
    assert_eq!(world.headers(0, 1, b"answer"), [LONG, SHORT]);
    assert_eq!(world.headers(1, 0, b"request"), [SHORT, SHORT]);
}

#[test]
fn a_number_that_the_rendezvous_does_not_know_is_refused_and_tags_take_over() {
    let mut world = acquainted();
    let place = Carrier::Udp(address(2));
    let token = world.server.sessions[&place].token;
    let forgetful = super::super::channels::Channels::new(Some(token));
    world.server.sessions.get_mut(&place).unwrap().channels = forgetful;
    world.carry(1, key(1), b"a request that is not short");
    world.run(Duration::from_secs(1));
    assert_eq!(world.refusals(1), [], "nobody else needs to know");
    assert_eq!(world.headers(1, 0, b"the request again"), [LONG, SHORT]);
    assert_eq!(world.headers(0, 1, b"response"), [SHORT, SHORT]);
    assert_eq!(world.headers(1, 0, b"request"), [SHORT, SHORT]);
}

#[test]
fn a_number_that_the_client_does_not_know_is_asked_about() {
    let mut world = acquainted();
    // a rendezvous that takes somebody for named, whom the client has never heard of
    let (place, now) = (Carrier::Udp(address(2)), world.now);
    world.hosts[0].client.set_own(&[node()], now);
    world.carry(2, key(1), b"call");
    world.run(Duration::from_secs(1));
    let session = world.server.sessions.get_mut(&place).unwrap();
    session.channels.open(key(1).hit(), now);
    world.hosts[1].client = Client::new(&keys(2), [9; 32]).unwrap();
    world.hosts[1].client.relay(node(), now);
    let (heard, hellos) = (world.hosts[1].carried.len(), world.kinds_from(address(2)).len());
    world.carry(0, key(2), b"who is that");
    world.run(Duration::from_secs(1));
    assert_eq!(world.hosts[1].carried.len(), heard, "it cannot be told who has sent it");
    assert!(world.kinds_from(address(2))[hellos..].contains(&HELLO));
    assert_eq!(world.headers(0, 1, b"I am"), [SHORT, LONG]);
}

#[test]
fn who_moves_is_spoken_to_by_tag_until_it_speaks_again() {
    let mut world = acquainted();
    world.hosts[1].address = address(50);
    let now = world.now;
    world.hosts[1].client.handle_moved(now);
    world.carry(1, key(1), b"from elsewhere");
    world.run(Duration::from_secs(1));
    assert!(world.hosts[0].carried.ends_with(&[(key(2).hit(), b"from elsewhere".to_vec())]));
    assert_eq!(world.headers(0, 1, b"response"), [SHORT, SHORT]);
    assert_eq!(world.headers(1, 0, b"request"), [SHORT, SHORT]);
}

#[test]
fn what_is_carried_keeps_the_mapping_and_the_session_is_kept_beside() {
    let mut world = acquainted();
    let before = world.kinds_from(address(1)).iter().filter(|kind| **kind == HELLO).count();
    for _ in 0..60 {
        world.run(Duration::from_secs(10));
        world.carry(1, key(1), b"are you there");
    }
    world.run(Duration::from_secs(1));
    let after = world.kinds_from(address(1)).iter().filter(|kind| **kind == HELLO).count();
    assert!((11..=13).contains(&(after - before)), "ten minutes by 50 s: {}", after - before);
}
