//! Private presence from a publisher's board to a reader, with a virtual clock and overlays in memory.

use std::{
    collections::{BTreeMap, HashSet},
    time::{Duration, Instant},
};

use p2p::identity::{KeyPair, Name, PublicKey, Seed, Timestamp};
use p2p::registration::presence::{MAX_READERS, Opened, PresenceBoard, SealedError, Seeker};
use p2p::registration::{
    Floors, Lookup, Packet, PacketError, Patience, Refusal, Registration, Said, Wanted,
};
use p2p::runtime::clock;

/// Noon.
const WALL: Timestamp = Timestamp::from_secs(20_000 * 86_400 + 43_200);
const TTL: Duration = Duration::from_secs(7200);

fn pair(number: usize) -> KeyPair {
    let mut seed = [9; 32];
    seed[..8].copy_from_slice(&number.to_be_bytes());
    KeyPair::from_seed(&Seed::new(seed))
}

fn alice() -> KeyPair {
    pair(0)
}

fn statement(wall: Timestamp, ttl: Duration) -> Packet {
    let registration = Registration {
        name: Some(Name::parse("alice@example.com").unwrap()),
        key: alice().public(),
        sequence: wall,
        ttl,
        locators: vec!["192.0.2.1:5050".parse().unwrap()],
        rendezvous: Vec::new(),
        certificates: Vec::new(),
    };
    Packet::sign(&registration, &alice()).unwrap()
}

/// Two overlays that hold what they are given, and a board that writes into them.
struct World {
    board: PresenceBoard,
    now: Instant,
    wall: Timestamp,
    statement: Packet,
    overlays: [BTreeMap<PublicKey, Packet>; 2],
    letters: u8,
}

impl World {
    fn new(readers: &[usize], wall: Timestamp) -> World {
        let mut world = World {
            board: PresenceBoard::new(alice(), 2),
            now: clock::now(),
            wall,
            statement: statement(wall, TTL),
            overlays: Default::default(),
            letters: 0,
        };
        assert!(world.board.turn(wall));
        world.let_read(readers);
        world
    }

    fn let_read(&mut self, readers: &[usize]) -> bool {
        let keys: Vec<PublicKey> = readers.iter().map(|n| pair(*n).public()).collect();
        self.board.set_readers(&keys)
    }

    fn pass(&mut self, seconds: u64) {
        let time = Duration::from_secs(seconds);
        (self.now, self.wall) = (self.now + time, self.wall.saturating_add(time));
        self.board.turn(self.wall);
    }

    fn say(&mut self, ttl: Duration) {
        self.statement = statement(self.wall, ttl);
    }

    /// Writes into an overlay what it lacks; how many letters that were, and how many places were cleared.
    fn write(&mut self, overlay: usize, keeps: Option<Duration>) -> (usize, usize) {
        self.letters += 1;
        let seed = [self.letters; 32];
        let letters = self.board.letters(overlay, &self.statement, keeps, self.now, seed).unwrap();
        for letter in &letters.put {
            let packet = letter.packet();
            let key = packet.registration().key;
            let before = self.overlays[overlay].insert(key, packet.clone());
            let newest = before.map(|before| before.registration().sequence);
            assert!(newest <= Some(packet.registration().sequence), "overlays keep the newest");
            self.board.handle_put(overlay, letter, self.now);
        }
        for place in &letters.clear {
            self.overlays[overlay].remove(place);
            self.board.handle_cleared(overlay, place);
        }
        (letters.put.len(), letters.clear.len())
    }

    /// What somebody finds in an overlay whose clock is off by so many seconds; None if nothing.
    fn find(
        &self,
        overlay: usize,
        reader: usize,
        skew: i64,
    ) -> Option<Result<Packet, SealedError>> {
        let offset = Duration::from_secs(skew.unsigned_abs());
        let wall = if skew < 0 {
            self.wall.saturating_sub(offset)
        } else {
            self.wall.saturating_add(offset)
        };
        let seeker = Seeker::new(&pair(reader), &alice().public()).unwrap();
        let overlay = &self.overlays[overlay];
        let invitations = seeker.invitations(wall);
        let (place, packet) = invitations.iter().find_map(|key| overlay.get_key_value(key))?;
        let secret = match seeker.open_invitation(place, packet.as_bytes()) {
            Ok(Opened::Invitation(secret, _)) => secret,
            Ok(Opened::Gone(packet)) => return Some(Ok(packet)),
            Err(error) => return Some(Err(error)),
        };
        let presences = seeker.presences(&secret, wall);
        let (place, packet) = presences.iter().find_map(|key| overlay.get_key_value(key))?;
        Some(seeker.open_presence(place, packet.as_bytes()))
    }

    fn finds(&self, reader: usize, skew: i64) -> bool {
        self.find(0, reader, skew).is_some_and(|found| {
            found.expect("it counts").registration() == self.statement.registration()
        })
    }
}

#[test]
fn contacts_find_what_was_said_and_others_find_nothing() {
    let mut world = World::new(&[1, 2, 3], WALL);
    assert_eq!(world.write(0, None), (4, 0));
    assert_eq!((world.board.readers(), world.board.places()), (3, 4));
    assert!((1..=3).all(|reader| world.finds(reader, 0)));
    assert!(world.find(0, 4, 0).is_none(), "a stranger who knows the key");
    assert!(world.find(1, 1, 0).is_none(), "nothing was written there");
    let open = [alice().public(), pair(1).public()];
    assert!(open.iter().all(|key| !world.overlays[0].contains_key(key)));
}

#[test]
fn more_than_eight_readers_share_several_places() {
    let readers: Vec<usize> = (1..=20).collect();
    let mut world = World::new(&readers, WALL);
    assert_eq!(world.write(0, None), (3 + 20, 0));
    assert!(readers.iter().all(|reader| world.finds(*reader, 0)));
    let lengths: Vec<usize> = world.overlays[0].values().map(|p| p.as_bytes().len()).collect();
    assert!(lengths.iter().all(|length| *length == 512), "no kind of place shows");
    let sequences: HashSet<_> =
        world.overlays[0].values().map(|packet| packet.registration().sequence).collect();
    assert_eq!(sequences.len(), 23, "no two places have a number in common");
    let many: Vec<usize> = (1..=MAX_READERS + 2).collect();
    world.let_read(&many);
    assert_eq!((world.board.readers(), world.board.left_out()), (MAX_READERS, 2));
}

#[test]
fn what_has_not_changed_is_not_written_again() {
    let mut world = World::new(&[1, 2], WALL);
    assert_eq!((world.write(0, None), world.write(1, None)), ((3, 0), (3, 0)));
    assert_eq!(world.overlays[0], world.overlays[1], "one packet serves all");
    assert_eq!(world.write(0, None), (0, 0));
    world.pass(600);
    world.say(TTL);
    assert_eq!(world.write(0, None), (1, 0), "the presence, not the invitations");
    assert!(world.finds(1, 0) && world.finds(2, 0));
    // an overlay that forgets after fifty minutes
    let keeps = Some(Duration::from_secs(3000));
    world.pass(1400);
    assert_eq!(world.write(0, keeps), (2, 0), "the invitations are older than half of that");
    assert_eq!(world.write(0, keeps), (0, 0));
}

#[test]
fn days_turn_with_an_overlap_and_clocks_may_differ() {
    let mut world = World::new(&[1], WALL);
    world.write(0, None);
    let today = world.overlays[0].clone();
    world.pass(11 * 3600); // an hour before midnight
    world.say(TTL);
    assert_eq!(world.write(0, None), (3, 0), "a presence anew, tomorrow's places beside today's");
    world.pass(3600 - 200);
    for skew in [-3000, -299, 0, 299, 3000] {
        assert!(world.finds(1, skew), "{skew}");
    }
    world.pass(400);
    assert!([-3000, 0, 3000].into_iter().all(|skew| world.finds(1, skew)));
    assert_eq!(world.write(0, None), (0, 0), "nothing is due at midnight itself");
    world.pass(3600);
    assert_eq!(world.write(0, None), (0, 2), "yesterday's places are cleared");
    assert!(world.finds(1, 0));
    let tomorrow = &world.overlays[0];
    assert!(today.keys().all(|place| !tomorrow.contains_key(place)), "no place of both days");
    let sequences = |day: &BTreeMap<PublicKey, Packet>| -> Vec<Timestamp> {
        day.values().map(|packet| packet.registration().sequence).collect()
    };
    assert!(sequences(&today).iter().all(|number| !sequences(tomorrow).contains(number)));
}

#[test]
fn who_is_removed_finds_nothing_more_and_the_others_do() {
    let mut world = World::new(&[1, 2, 3], WALL);
    world.write(0, None);
    let seeker = Seeker::new(&pair(2), &alice().public()).unwrap();
    let invitation = seeker.invitations(world.wall).remove(0);
    let invitation = world.overlays[0][&invitation].clone();
    let opened = seeker.open_invitation(&invitation.signer(), invitation.as_bytes());
    let Ok(Opened::Invitation(secret, _)) = opened else { panic!() };
    assert!(!world.let_read(&[1, 2, 3]));
    world.pass(10);
    assert!(world.let_read(&[1, 3]));
    world.say(TTL);
    assert_eq!(world.write(0, None), (3, 2), "new places, and the former ones cleared");
    assert!(world.finds(1, 0) && world.finds(3, 0));
    assert!(world.find(0, 2, 0).is_none());
    // he remembers the group's secret, and even the new place would not help him
    assert!(
        seeker.presences(&secret, world.wall).iter().all(|p| !world.overlays[0].contains_key(p))
    );
    let presence = world.board.presences()[0];
    let packet = &world.overlays[0][&presence];
    assert_eq!(seeker.open_presence(&presence, packet.as_bytes()), Err(SealedError::NotForUs));
    // and comes back
    world.pass(10);
    assert!(world.let_read(&[1, 3, 2]));
    world.say(TTL);
    world.write(0, None);
    assert!((1..=3).all(|reader| world.finds(reader, 0)));
}

#[test]
fn a_withdrawal_takes_back_all_that_is_there() {
    let mut world = World::new(&[1, 2], WALL);
    world.write(0, None);
    world.pass(5);
    world.say(Duration::ZERO);
    assert_eq!(world.write(1, None), (0, 0), "nothing was there");
    assert_eq!(world.write(0, None), (3, 0));
    let found = world.find(0, 1, 0).unwrap().unwrap();
    assert!(found.registration().is_withdrawal());
    assert_eq!(found.registration().key, alice().public());
    assert_eq!(world.write(0, None), (0, 0), "once");
}

#[test]
fn an_old_packet_played_again_in_another_place_does_not_count() {
    let mut world = World::new(&[1], WALL);
    world.write(0, None);
    let seeker = Seeker::new(&pair(1), &alice().public()).unwrap();
    let old = world.overlays[0].clone();
    world.pass(86_400);
    for place in seeker.invitations(world.wall) {
        for packet in old.values() {
            let opened = seeker.open_invitation(&place, packet.as_bytes());
            assert_eq!(opened.map(|_| ()), Err(SealedError::Moved));
        }
    }
    // and a packet of one kind does not count as one of the other
    let presence = world.board.presences()[0];
    for (place, packet) in &old {
        let as_invitation = seeker.open_invitation(place, packet.as_bytes()).err();
        let as_presence = seeker.open_presence(place, packet.as_bytes()).err();
        assert!(matches!(
            (as_invitation, as_presence),
            (Some(SealedError::Kind(0)), None) | (None, Some(SealedError::Kind(1)))
        ));
        assert_ne!(*place, presence);
    }
}

#[test]
fn a_look_up_judges_sealed_packets_as_any_and_says_what_is_wrong_with_each() {
    let mut world = World::new(&[1], WALL);
    world.write(0, None);
    let old = world.find(0, 1, 0).unwrap().unwrap();
    world.pass(60);
    world.say(TTL);
    world.write(0, None);
    let new = world.find(0, 1, 0).unwrap().unwrap();
    let mut floors = Floors::new();
    floors.raise(alice().public(), new.registration().sequence);
    let name = Name::parse("alice@example.com").unwrap();
    let said = |wanted: &Wanted, packet: Result<Packet, SealedError>, wall| {
        let mut lookup = Lookup::new(wanted.clone(), 1, &floors, Patience::default(), world.now);
        lookup.handle_packets(world.now, wall, 0, [packet.map_err(Refusal::Sealed)]);
        lookup.poll(world.now).unwrap().reports.remove(0).said
    };
    let her = Wanted::Contact(name, alice().public());
    let (sequence, floor) = (old.registration().sequence, new.registration().sequence);
    let replayed = Said::Refused(Refusal::Replayed { sequence, floor });
    assert_eq!(said(&her, Ok(old), world.wall), replayed);
    assert_eq!(said(&her, Ok(new.clone()), world.wall), Said::Found(new.clone()));
    let tomorrow = world.wall.saturating_add(Duration::from_secs(86_400));
    let expired = said(&her, Ok(new.clone()), tomorrow);
    assert!(matches!(expired, Said::Refused(Refusal::Expired(_))), "{expired:?}");
    let bob = Wanted::Contact(Name::parse("bob@example.com").unwrap(), alice().public());
    let other = said(&bob, Ok(new), world.wall);
    assert!(matches!(other, Said::Refused(Refusal::OtherName(_))), "{other:?}");
    let mut words = HashSet::new();
    for error in [
        SealedError::Packet(PacketError::Signature),
        SealedError::Moved,
        SealedError::Shape,
        SealedError::NotForUs,
        SealedError::Damaged,
        SealedError::Padding,
        SealedError::Kind(1),
        SealedError::Content(PacketError::Truncated),
    ] {
        let refused = said(&her, Err(error), world.wall);
        assert_eq!(refused, Said::Refused(Refusal::Sealed(error)));
        assert!(words.insert(refused.to_string()), "{refused} is said of two things");
    }
}
